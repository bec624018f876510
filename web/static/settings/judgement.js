// When a message may leave: what happens while the 24-hour window is closed, and in quiet hours. The template that goes
// instead is chosen from the line's list, gets a field for each of its variables, and is shown on a phone of its own.
import { make } from '../dom.js';
import { notice, optionsOf, problemLine, selectField, textField } from './controls.js';
import { expressionField } from './field.js';
import { hasProperty, property } from './form.js';
import { phone } from './phone.js';
import { ofTemplate } from './preview.js';
import { numbered, unnumbered } from './store.js';
import { askingButtons, chosen, filledUp, placeOf } from './template_choice.js';
import { templatePicker } from './templates.js';
import { say } from './texts.js';

/** @import { ExpressionField } from './field.js' */
/** @import { Form } from './form.js' */
/** @import { Template } from './template_choice.js' */
/** @import { Listed, TemplatePicker } from './templates.js' */

/**
 * The fields, and what is to be done when another line was chosen or a value has changed.
 * @param {Form} form @returns {{elements: HTMLElement[], lineChanged: () => void, draw: () => void}}
 */
export function judgement(form) {
  const fallback = hasProperty(form, 'if_closed') ? new Fallback(form) : null;
  const elements = [
    ...(fallback ? [fallback.choice, fallback.element] : []),
    ...(hasProperty(form, 'quiet') ? [choice(form, 'quiet')] : []),
  ];
  return { elements, lineChanged: () => fallback?.lineChanged(), draw: () => fallback?.drawPhone() };
}

/** @param {Form} form @param {string} code @param {(value: string) => void} [onChange] */
function choice(form, code, onChange) {
  const one = property(form, code);
  const { title: label, hint } = one;
  const strange = (/** @type {string} */ value) => form.catalogue.name(value) || value;
  return selectField(form, { code, label, hint, options: optionsOf(form, one), strange, onChange }).element;
}

class Fallback {
  /** @param {Form} form */
  constructor(form) {
    this._form = form;
    /** @type {Template[]} */
    this._templates = [];
    this._isAsked = false;
    /** @type {TemplatePicker | null} */
    this._picker = null;
    this._values = unnumbered(form.store.entries('fallback_params'));
    this._place = make('div');
    this._words = problemLine('f-fallback_template-error');
    this._variables = make('div', { class: 'fallback-variables' });
    this._phone = phone({ texts: { ...form.texts, 'phone.label': say(form.texts, 'closed.phone') } });
    this._screen = make('div', { class: 'fallback-phone', hidden: true }, this._phone.element);
    this.element = make('div', { class: 'fallback' }, this._place, this._words.element, this._variables, this._screen);
    this.choice = choice(form, 'if_closed', () => this._show());
    this._show();
  }

  /** Another line has other templates. */
  lineChanged() {
    this._isAsked = false;
    this._show();
  }

  _show() {
    const isWanted = this._form.store.text('if_closed') === 'template';
    this.element.hidden = !isWanted;
    if (isWanted && !this._isAsked) this._load(false);
  }

  /** @param {boolean} anew whether Gupshup is asked, too */
  async _load(anew) {
    const { form, texts, store } = { form: this._form, texts: this._form.texts, store: this._form.store };
    this._isAsked = true;
    if (!this._picker) this._place.replaceChildren(make('p', { class: 'loading', text: say(texts, 'template.loading') }));
    const line = store.text('line');
    const answer = await form.ask(`/settings/templates?line=${encodeURIComponent(line)}${anew ? '&refresh=1' : ''}`);
    if (line !== store.text('line')) return; // another one was chosen meanwhile, its answer is on the way
    if (!answer) {
      this._drawFailure();
      return;
    }
    this._templates = answer.templates.map((/** @type {Template} */ one) => fitting(one, say(texts, 'closed.unfit')));
    if (answer.line && !answer.line.listed) this._drawByHand(answer.problem);
    else this._drawPicker();
    this._drawVariables();
    form.recheck();
  }

  _drawFailure() {
    const { texts } = this._form;
    const again = make('button', {
      type: 'button', class: 'btn btn-s', text: say(texts, 'page.try_again'), on: { click: () => { this._load(false); } },
    });
    this._picker = null;
    this._place.replaceChildren(notice('warn', make('p', { text: say(texts, 'templates.no_answer') }), again));
    this._register(() => again.focus());
  }

  /** Nobody can list the templates of this line. @param {string} why */
  _drawByHand(why) {
    this._picker = null;
    this._place.replaceChildren(textField(this._form, 'fallback_template', { hint: why }).element);
    this._drawVariables();
  }

  _drawPicker() {
    const listed = this._templates.map((one) => ({
      ...one, text: one.body, variables: one.variables.length, buttons: one.buttons.length,
    }));
    if (this._picker) this._picker.setTemplates(listed);
    else this._picker = this._makePicker(listed);
    const picker = this._picker;
    if (!picker.element.isConnected) this._place.replaceChildren(picker.element);
    this._register(() => picker.focus());
  }

  /** @param {Listed[]} templates */
  _makePicker(templates) {
    const { texts, store } = this._form;
    return templatePicker({
      id: 'f-fallback_template', label: property(this._form, 'fallback_template').title, required: true, templates,
      value: this._saved(), texts,
      onPick: ({ id }) => {
        store.set('fallback_template', id);
        this._picker?.setValue(this._saved());
        this._storeValues();
        this._drawVariables();
      },
      onRefresh: () => this._load(true),
    });
  }

  /** @param {() => void} focus */
  _register(focus) {
    this._form.controls.set('fallback_template', {
      focus,
      setProblem: (text) => {
        this._words.show(this._place, text);
        this._picker?.setProblem(text, this._words.element.id);
      },
    });
  }

  _saved() {
    return { template: this._form.store.text('fallback_template'), language: '' };
  }

  _current() {
    return chosen(this._templates, this._saved()).template;
  }

  /** As many entries as the template has variables; of an unknown template those that there are. */
  _storeValues() {
    const count = this._current()?.variables.length ?? this._values.length;
    this._form.store.set('fallback_params', count ? numbered(filledUp(this._values, count)) : []);
  }

  _drawVariables() {
    const known = this._current()?.variables;
    const variables = known ?? this._values.map((_, at) => ({ n: at + 1, part: '', name: String(at + 1), sample: '' }));
    const inputs = variables.map((one) => this._variableField(one));
    this._variables.replaceChildren(...inputs.map(({ element }) => element));
    this._form.controls.set('fallback_params', {
      setProblem: (text, index) => {
        if (text) inputs[(index ?? 1) - 1]?.setProblem(text);
        else for (const one of inputs) one.setProblem('');
      },
      focus: (index) => (inputs[(index ?? 1) - 1] ?? inputs[0])?.focus(),
    });
    this.drawPhone();
  }

  /** @param {Template['variables'][number]} variable @returns {ExpressionField} */
  _variableField({ n, part, name, sample }) {
    const { texts, catalogue, announce } = this._form;
    const place = placeOf(part, (key, values) => say(texts, key, values));
    const title = say(texts, sample ? 'template.variable' : 'template.variable_only', { name, sample });
    return expressionField({
      id: `f-fallback_params-${n}`, label: `${place}${title}`, value: this._values[n - 1] ?? '', catalogue, texts, announce,
      onInput: (value) => {
        this._values[n - 1] = value;
        this._storeValues();
      },
    });
  }

  /** What the client would see. */
  drawPhone() {
    const template = this.element.hidden ? null : this._current();
    this._screen.hidden = !template;
    if (template) this._phone.show(ofTemplate(this._form, template, { values: this._values, header: '', fallback: '' }));
  }
}

/** A template that wants a file, or values for its buttons, cannot go instead of a message. @param {Template} one @param {string} why */
function fitting(one, why) {
  const isFit = !one.wants_header && askingButtons(one).length === 0;
  return isFit ? one : { ...one, usable: false, why: one.why || why };
}
