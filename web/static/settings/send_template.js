// The template: chosen from the line's list or written by hand, with what is wrong with the saved one. What was saved stays
// until it is changed.
import { make, write } from '../dom.js';
import { notice, textField } from './controls.js';
import { split } from './expressions.js';
import { property } from './form.js';
import { icon } from './icon.js';
import { ofTemplate } from './preview.js';
import { chosen, similar } from './template_choice.js';
import { TemplateFields } from './template_fields.js';
import { templatePicker } from './templates.js';
import { announce, say } from './texts.js';

/** @import { Content, Control, Form } from './form.js' */
/** @import { Summary } from './phone_model.js' */
/** @import { Template } from './template_choice.js' */
/** @import { Listed, TemplatePicker } from './templates.js' */

/** Height of the sticky summary with some air. */
const BAR = 56;

/**
 * The answer of web/settings/listing.py. `problem`: why the list is not there or old, ''.
 * @typedef {{templates: Template[], problem: string, line: {listed: boolean} | null}} Listing
 */

/** @param {Form} form @returns {Content} */
function sendTemplate(form) {
  const part = new TemplatePart(form);
  return {
    elements: [part.element],
    model: () => part.model(),
    summary: () => part.summary(),
    lineChanged: () => { part.load(false); },
    name: () => part.current()?.name ?? '',
    pointed: (n) => part.fields.point(n),
  };
}

class TemplatePart {
  /** @param {Form} form */
  constructor(form) {
    this.form = form;
    this.store = form.store;
    this.texts = form.texts;
    /** @type {Template[]} */
    this.templates = [];
    this.problem = '';
    /** @type {TemplatePicker | null} */
    this.picker = null;
    /** The one under the cursor of the open list. @type {Template | null} */
    this.previewed = null;
    /** What became of the values when another template was chosen, ''. */
    this.moved = '';
    this.focusChoice = () => {};
    this.fields = new TemplateFields(form, () => this.current(), () => this.focusChoice());
    this.place = make('div', { class: 'template-place' });
    this.warning = make('div');
    this.lineWords = make('span');
    this.line = make('p', { class: 'error', id: 'f-template-error', hidden: true }, icon('alert'), this.lineWords);
    this.note = make('div');
    this.element = make('div', {}, this.warning, this.place, this.fields.element);
    this.drawLoading();
    this.fields.draw('');
    this.load(false);
  }

  // --- the list of the line's templates

  /** @param {boolean} anew whether Gupshup is asked, too @throws {Error} when that was wanted and nobody answers */
  async load(anew) {
    const line = this.store.text('line');
    /** @type {Listing | null} */
    const answer = await this.form.ask(`/settings/templates?line=${encodeURIComponent(line)}${anew ? '&refresh=1' : ''}`);
    if (line !== this.store.text('line')) return; // another one was chosen meanwhile, its answer is on the way
    if (!answer) {
      this.drawFailure();
      if (anew) throw new Error('no answer');
      return;
    }
    this.templates = answer.templates;
    this.problem = answer.problem;
    if (answer.line && !answer.line.listed) this.drawByHand();
    else this.drawPicker();
    this.fields.draw(this.moved);
    this.drawWarning();
    this.form.redraw();
    this.form.recheck();
  }

  drawLoading() {
    this.place.replaceChildren(make('p', { class: 'loading', text: say(this.texts, 'template.loading') }));
  }

  drawFailure() {
    const again = make('button', { type: 'button', class: 'btn btn-s', text: say(this.texts, 'page.try_again'), on: {
      click: () => {
        this.drawLoading();
        this.load(false);
      },
    } });
    this.place.replaceChildren(notice('warn', make('p', { text: say(this.texts, 'templates.no_answer') }), again));
    this.register(() => again.focus());
  }

  /** Nobody can list the templates of this line. */
  drawByHand() {
    const field = textField(this.form, 'template', {
      label: say(this.texts, 'template.by_hand'), hint: this.problem || say(this.texts, 'template.by_hand_hint'),
    });
    const language = textField(this.form, 'language');
    this.place.replaceChildren(field.element, language.element);
    this.picker = null;
  }

  drawPicker() {
    const listed = this.templates.map((one) => ({
      ...one, text: one.body, variables: one.variables.length, buttons: one.buttons.length,
    }));
    const picker = this.picker ?? this.makePicker(listed);
    if (this.picker) picker.setTemplates(listed);
    this.picker = picker;
    this.note.replaceChildren(...(this.problem ? [notice('warn', this.problem)] : []));
    // Put in once more it would lose the focus, and somebody has just pressed «Refresh» in it.
    if (!picker.element.isConnected) this.place.replaceChildren(picker.element, this.line, this.note);
    this.register(() => picker.focus());
  }

  /** @param {Listed[]} templates */
  makePicker(templates) {
    const { title, required } = property(this.form, 'template');
    const picker = templatePicker({
      id: 'f-template', label: title, required, templates, value: this.saved(), texts: this.texts,
      onPick: ({ id }) => {
        const template = this.byId(id);
        if (template) this.pick(template);
      },
      onPreview: (one) => this.preview(one ? this.byId(one.id) : null),
      onRefresh: () => this.load(true),
    });
    picker.element.addEventListener('focusin', ({ target }) => {
      const isSearch = target instanceof Element && target.role === 'combobox';
      if (isSearch) requestAnimationFrame(() => reveal(picker.element));
    });
    return picker;
  }

  /** @param {() => void} focus */
  register(focus) {
    this.focusChoice = focus;
    /** @type {Control} */
    const control = { focus, setProblem: (text) => this.setProblem(text) };
    this.form.controls.set('template', control);
    // The same line tells both problems: that there is none with the language must not erase the template's.
    this.form.controls.set('language', { focus, setProblem: (text) => { if (text) this.setProblem(text); } });
  }

  /** @param {string} text */
  setProblem(text) {
    // The yellow notice and the language's select say it already, with what to do.
    write(this.lineWords, this.warning.childElementCount || this.isAmbiguous() ? '' : text);
    this.line.hidden = !this.lineWords.textContent;
    this.picker?.setProblem(text, this.line.id);
  }

  /** @param {Template | null} template */
  preview(template) {
    this.previewed = template;
    this.form.redraw();
  }

  // --- which one it is

  /** @param {string} id */
  byId(id) {
    return this.templates.find((one) => one.id === id) ?? null;
  }

  saved() {
    return { template: this.store.text('template'), language: this.store.text('language') };
  }

  current() {
    return chosen(this.templates, this.saved()).template;
  }

  /** Whether the saved name exists in several languages, and none of them is saved. */
  isAmbiguous() {
    return chosen(this.templates, this.saved()).languages.length > 0;
  }

  /** @param {Template} template */
  pick(template) {
    const had = this.fields.filled();
    this.store.set('template', template.id);
    this.store.set('language', template.language);
    this.picker?.setValue(this.saved());
    this.previewed = null;
    this.fields.store();
    const kept = this.fields.filled(template.variables.length);
    this.moved = had ? say(this.texts, 'template.carried', { kept, n: had }) : '';
    this.fields.draw(this.moved);
    this.drawWarning();
    this.form.redraw();
    if (this.moved) announce(this.moved);
  }

  // --- what is wrong with the saved one

  drawWarning() {
    const words = this.wrong();
    if (!words) {
      this.warning.replaceChildren();
      return;
    }
    const other = this.similar();
    const remedy = other
      ? make('button', { type: 'button', class: 'btn btn-s', text: say(this.texts, 'template.similar'), on: {
        click: () => {
          this.pick(other);
          this.picker?.focus();
        },
      } })
      : make('p', {}, say(this.texts, 'template.no_similar'), ' ', make('button', {
        type: 'button', class: 'btn btn-s', text: say(this.texts, 'template.open_list'),
        on: { click: () => this.form.host.openApplication('templates') },
      }));
    this.warning.replaceChildren(notice('warn', make('p', { text: words }), remedy));
  }

  /** What is wrong with the saved template, ''. */
  wrong() {
    const { template } = this.saved();
    const found = this.current();
    if (found) return found.trouble;
    const mayBeThere = this.isAmbiguous() || !template.trim() || template.includes('{=') || !this.picker;
    return mayBeThere ? '' : say(this.texts, 'template.deleted', { n: this.fields.filled() });
  }

  /** What could take the place of the saved template, or null. */
  similar() {
    const gone = this.current();
    const saved = this.saved();
    const known = gone ?? { name: saved.template, language: saved.language };
    return similar(this.templates, { ...known, count: gone?.variables.length ?? this.fields.values.length });
  }

  // --- the phone

  model() {
    const template = this.previewed ?? this.current();
    if (!template) return null;
    return ofTemplate(this.form, template, {
      values: this.fields.values, header: this.store.text('header').trim(), fallback: this.store.text('if_empty'),
    });
  }

  /** @returns {Summary | null} */
  summary() {
    const template = this.previewed ?? this.current();
    if (!template) return null;
    const body = template.variables.filter((one) => one.part === 'body');
    const values = new Map(body.map((one) => [one.name, one.sample || knownText(this.fields.values[one.n - 1] ?? '')]));
    const text = template.body.replace(/\{\{\s*(\w+)\s*\}\}/g, (whole, name) => values.get(name) || whole);
    return {
      length: [...text].length, limit: this.form.page.sizes.template_text, variables: template.variables.length,
      paid: template.category_text.toLowerCase(),
    };
  }
}

/** A value without its expressions. @param {string} value */
const knownText = (value) => split(value).map((part) => part.text ?? '').join('');

/**
 * In a low frame the list would open below its edge. Not scrollIntoView: that scrolls the portal's page too.
 * @param {HTMLElement} picker
 */
function reveal(picker) {
  const { top, bottom } = picker.getBoundingClientRect();
  if (bottom > window.innerHeight) window.scrollBy(0, Math.min(bottom - window.innerHeight, top - BAR));
}

/** Action → its part of the form. @type {Record<string, (form: Form) => Content>} */
export const CONTENTS = { send_template: sendTemplate };
