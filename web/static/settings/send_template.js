// The template, a field for each of its variables, its file and its buttons; what was saved stays until it is changed.
import { notice, property, radios, textField } from './controls.js';
import { announce, make, say, write } from './dom.js';
import { split } from './expressions.js';
import { expressionField } from './field.js';
import { ofTemplate } from './preview.js';
import { numbered, unnumbered } from './store.js';
import { chosen, templatePicker } from './templates.js';

/** Height of the sticky summary with some air. */
const BAR = 56;

/** @param {import('./controls.js').Form} form @returns {import('./contents.js').Content} */
function sendTemplate(form) {
  const part = new TemplatePart(form);
  return {
    elements: [part.element],
    model: () => part.model(),
    summary: () => part.summary(),
    lineChanged: () => part.load(false),
    name: () => part.name(),
    pointed: (n) => part.pointed(n),
  };
}

class TemplatePart {
  constructor(form) {
    Object.assign(this, { form, store: form.store, texts: form.texts });
    Object.assign(this, { templates: [], picker: null, previewed: null, moved: '' });
    // More than the template of the moment takes: another one may want them again.
    this.values = unnumbered(this.store.entries('params'));
    this.buttons = unnumbered(this.store.entries('button_params'));
    this.place = make('div', { class: 'template-place' });
    this.warning = make('div');
    this.fields = make('div');
    this.element = make('div', {}, this.warning, this.place, this.fields);
    this.drawLoading();
    this.drawFields();
    this.load(false);
  }

  // --- the list of the line's templates

  async load(anew) {
    const line = this.store.text('line');
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
    this.drawFields();
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
    this.control = { focus: () => again.focus() };
    this.register();
  }

  /** Of this line nobody can list the templates. */
  drawByHand() {
    const field = textField(this.form, 'template', {
      label: say(this.texts, 'template.by_hand'), hint: this.problem || say(this.texts, 'template.by_hand_hint'),
    });
    const language = textField(this.form, 'language');
    this.place.replaceChildren(field.element, language.element);
    this.picker = null;
  }

  drawPicker() {
    const models = this.templates.map((one) => ({
      ...one, text: one.body, variables: one.variables.length, buttons: one.buttons.length,
    }));
    if (this.picker) this.picker.setTemplates(models);
    else this.makePicker(models);
    this.note.replaceChildren(...(this.problem ? [notice('warn', this.problem)] : []));
    // Put in once more it would lose the focus, and somebody has just pressed «Refresh» in it.
    if (!this.picker.element.isConnected) this.place.replaceChildren(this.picker.element, this.line, this.note);
    this.control = { focus: () => this.picker.focus() };
    this.register();
  }

  makePicker(templates) {
    this.picker = templatePicker({
      id: 'f-template', label: property(this.form, 'template').title, templates, value: this.saved(), texts: this.texts,
      onPick: ({ id }) => this.pick(this.templates.find((one) => one.id === id)),
      onPreview: (one) => this.preview(one),
      onRefresh: () => this.load(true),
    });
    this.picker.element.addEventListener('focusin', ({ target }) => {
      if (target.role === 'combobox') requestAnimationFrame(() => this.reveal());
    });
    this.line = make('p', { class: 'error', hidden: true });
    this.note = make('div');
  }

  /** In a low frame the list would open below its edge. Not scrollIntoView: that scrolls the portal's page too. */
  reveal() {
    const { top, bottom } = this.picker.element.getBoundingClientRect();
    if (bottom > window.innerHeight) window.scrollBy(0, Math.min(bottom - window.innerHeight, top - BAR));
  }

  register() {
    const control = { focus: () => this.control.focus(), setProblem: (text) => this.setProblem(text) };
    this.form.controls.set('template', control);
    this.form.controls.set('language', control);
  }

  setProblem(text) {
    if (!this.line) return;
    // The yellow notice and the language's select say it already, with what to do.
    write(this.line, this.warning.childElementCount || this.ambiguous() ? '' : text);
    this.line.hidden = !this.line.textContent;
  }

  preview(one) {
    this.previewed = one && this.templates.find(({ id }) => id === one.id);
    this.form.redraw();
  }

  // --- which one it is

  saved() {
    return { template: this.store.text('template'), language: this.store.text('language') };
  }

  current() {
    return chosen(this.templates, this.saved()).template;
  }

  ambiguous() {
    return chosen(this.templates, this.saved()).languages.length > 0;
  }

  /** Values stay with the variable of the same number. */
  pick(template) {
    const had = this.values.filter((value) => value.trim()).length;
    this.store.set('template', template.id);
    this.store.set('language', template.language);
    this.picker.setValue(this.saved());
    this.previewed = null;
    if (template.variables.length) this.writeValues();
    else this.store.set('params', []);
    if (asking(template).length) this.writeButtons();
    else this.store.set('button_params', []);
    const kept = this.values.slice(0, template.variables.length).filter((value) => value.trim()).length;
    this.moved = had ? say(this.texts, 'template.carried', { kept, n: had }) : '';
    this.drawFields();
    this.drawWarning();
    this.form.redraw();
    if (this.moved) announce(this.moved);
  }

  writeValues() {
    const count = this.current()?.variables.length ?? this.values.length;
    this.store.set('params', numbered(filledUp(this.values, count)));
  }

  writeButtons() {
    const template = this.current();
    const count = template ? asking(template).length : this.buttons.length;
    this.store.set('button_params', numbered(filledUp(this.buttons, count)));
  }

  // --- what is wrong with the saved one

  drawWarning() {
    const { template } = this.saved();
    const found = this.current();
    const isKnown = found || this.ambiguous() || !template.trim() || template.includes('{=') || !this.picker;
    const words = found && !found.usable
      ? say(this.texts, 'template.unusable', { name: found.name, status: found.why || found.status_text })
      : isKnown ? '' : say(this.texts, 'template.deleted', { n: this.values.filter((value) => value.trim()).length });
    if (!words) {
      this.warning.replaceChildren();
      return;
    }
    const similar = this.similar(found);
    const choose = () => {
      this.pick(similar);
      this.picker.focus();
    };
    const button = similar
      && make('button', { type: 'button', class: 'btn btn-s', text: say(this.texts, 'template.similar'), on: { click: choose } });
    const none = similar ? null : make('span', { class: 'muted', text: say(this.texts, 'template.no_similar') });
    this.warning.replaceChildren(notice('warn', make('p', { text: words }), button ?? none));
  }

  /** Of those that can be sent, the one most like it; null when none takes as many values. */
  similar(gone) {
    const name = gone?.name ?? this.saved().template;
    const count = gone?.variables.length ?? this.values.length;
    const language = gone?.language ?? this.saved().language;
    const score = (one) => 4 * (one.variables.length === count) + 2 * (one.language === language) + (one.category === gone?.category) + (one.kind === gone?.kind) + 3 * alike(one.name, name);
    const fitting = this.templates.filter((one) => one.usable && one.id !== gone?.id && one.variables.length >= count);
    return fitting.sort((one, other) => score(other) - score(one))[0] ?? null;
  }

  // --- the fields

  drawFields() {
    const template = this.current();
    const variables = template?.variables
      ?? this.values.map((_, at) => ({ n: at + 1, part: '', name: String(at + 1), sample: '' }));
    this.inputs = variables.map((variable) => this.variable(variable));
    this.form.controls.set('params', this.entriesControl(this.inputs));
    const buttons = template ? asking(template)
      : this.buttons.map((_, at) => ({ n: at + 1, type: 'URL', text: String(at + 1), value: '' }));
    this.tails = buttons.map((button) => this.button(button));
    this.form.controls.set('button_params', this.entriesControl(this.tails));
    const elements = [
      this.moved ? make('p', { class: 'hint', text: this.moved }) : null,
      ...this.inputs.length ? [make('h2', { class: 'part', text: say(this.texts, 'template.variables') })] : [],
      ...this.inputs.map(({ element }) => element),
      this.inputs.length || this.store.text('if_empty') ? this.fallback() : null,
      this.header(template),
      ...this.tails.map(({ element }) => element),
    ];
    this.fields.replaceChildren(...elements.filter(Boolean));
  }

  entriesControl(inputs) {
    return {
      setProblem: (text, index) => {
        const at = index ? inputs[index - 1] : inputs[0];
        if (text) at?.setProblem(text);
        else inputs.forEach((input) => input.setProblem(''));
      },
      focus: (index) => (inputs[(index ?? 1) - 1] ?? inputs[0] ?? this.control)?.focus(),
    };
  }

  variable({ n, part, name, sample }) {
    const place = part === 'header' ? `${say(this.texts, 'template.header_variable')} ` : '';
    return expressionField({
      id: `f-params-${n}`, label: `${place}{{${name}}}${sample ? ` «${sample}»` : ''}`, value: this.values[n - 1] ?? '',
      catalogue: this.form.catalogue, texts: this.texts, announce: this.form.announce,
      onInput: (value) => {
        this.values[n - 1] = value;
        this.writeValues();
      },
      onFocus: () => this.form.point(n),
      onBlur: () => this.form.point(null),
    });
  }

  fallback() {
    const field = textField(this.form, 'if_empty', { label: say(this.texts, 'template.empty_text'), hint: '' });
    let kept = this.store.text('if_empty');
    const show = (mode) => { field.element.hidden = mode !== 'put'; };
    const mode = kept ? 'put' : 'fail';
    show(mode);
    const choice = radios({
      legend: say(this.texts, 'template.empty'), inline: true, value: mode,
      options: ['fail', 'put'].map((value) => ({ value, words: say(this.texts, `template.empty_${value}`) })),
      onChange: (value) => {
        kept = this.store.text('if_empty') || kept;
        const given = value === 'put' ? kept : '';
        this.store.set('if_empty', given);
        field.setValue(given);
        show(value);
        if (value === 'put') field.focus();
      },
    });
    return make('div', {}, choice.element, field.element);
  }

  /** A file saved for another template stays saved: a template without a file does not look at it. */
  header(template) {
    if (!template?.media && !(this.store.text('header') && !template)) {
      this.form.controls.delete('header');
      return null;
    }
    const kind = template ? `: ${say(this.texts, `header.${template.kind}`)}` : '';
    return textField(this.form, 'header', {
      label: `${say(this.texts, 'template.header_file')}${kind}`, hint: say(this.texts, 'template.header_hint'), fit: 'header',
      required: Boolean(template),
    }).element;
  }

  button({ n, type, text, value }) {
    const isCode = type === 'COPY_CODE';
    const name = isCode ? say(this.texts, 'template.code') : say(this.texts, 'template.button', { title: text });
    return expressionField({
      id: `f-button-${n}`, label: name, hint: value, value: this.buttons[n - 1] ?? '',
      limit: isCode ? this.form.page.sizes.copy_code : undefined,
      catalogue: this.form.catalogue, texts: this.texts, announce: this.form.announce,
      onInput: (given) => {
        this.buttons[n - 1] = given;
        this.writeButtons();
      },
    });
  }

  // --- the phone

  model() {
    const template = this.previewed ?? this.current();
    if (!template) return null;
    return ofTemplate(this.form, template, {
      values: this.values, header: this.store.text('header').trim(), fallback: this.store.text('if_empty'),
    });
  }

  summary() {
    const template = this.previewed ?? this.current();
    if (!template) return null;
    const values = Object.fromEntries(template.variables.filter((one) => one.part === 'body')
      .map((one) => [one.name, one.sample || split(this.values[one.n - 1] ?? '').map((part) => part.text ?? '').join('')]));
    const body = template.body.replace(/\{\{\s*(\w+)\s*\}\}/g, (whole, name) => values[name] || whole);
    return {
      length: [...body].length, limit: this.form.page.sizes.template_text, variables: template.variables.length,
      paid: template.category_text.toLowerCase(),
    };
  }

  /** The variable under the pointer in the phone, or null. */
  pointed(n) {
    this.inputs.forEach((input, at) => input.element.classList.toggle('is-pointed', String(at + 1) === n));
  }

  /** What the summary on top calls it. */
  name() {
    return this.current()?.name ?? '';
  }
}

/** Its buttons that want a value. */
const asking = (template) => template.buttons.filter(({ n }) => n > 0);

const filledUp = (values, count) => Array.from({ length: count }, (_, at) => values[at] ?? '');

/** How many words two names share, 0 to 1. */
function alike(one, other) {
  const words = new Set(one.toLowerCase().split(/[\W_]+/).filter(Boolean));
  const others = other.toLowerCase().split(/[\W_]+/).filter(Boolean);
  return others.filter((word) => words.has(word)).length / Math.max(words.size, others.length, 1);
}

/** Action → its part of the form. */
export const CONTENTS = { send_template: sendTemplate };
