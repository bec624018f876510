// A field for each variable of the template, for its file and for its buttons. Values stay until they are changed, more of
// them than the template of the moment takes: another one may want them again.
import { make } from '../dom.js';
import { radios, textField } from './controls.js';
import { expressionField } from './field.js';
import { numbered, unnumbered } from './store.js';
import { askingButtons, filledUp, placeOf } from './template_choice.js';
import { say } from './texts.js';

/** @import { ExpressionField } from './field.js' */
/** @import { Control, Form } from './form.js' */
/** @import { Template, TemplateButton, Variable } from './template_choice.js' */

/** Kinds of templates that begin with something else than one file. @type {Record<string, 'point' | 'cards'>} */
const BEGINNINGS = { location: 'point', carousel: 'cards' };
const EMPTY_MODES = /** @type {const} */ (['fail', 'put']);

export class TemplateFields {
  /**
   * @param {Form} form
   * @param {() => Template | null} current the chosen template; null: none, or it is not in the list
   * @param {() => void} focusChoice gives the focus to what the template is chosen with
   */
  constructor(form, current, focusChoice) {
    this._form = form;
    this._current = current;
    this._focusChoice = focusChoice;
    this.values = unnumbered(form.store.entries('params'));
    this._tails = unnumbered(form.store.entries('button_params'));
    /** One for each variable. @type {ExpressionField[]} */
    this._inputs = [];
    this.element = make('div');
  }

  /** How many of the first values are filled in. @param {number} [count] by default of all */
  filled(count = this.values.length) {
    return this.values.slice(0, count).filter((value) => value.trim()).length;
  }

  /** Stores the values again: another template was chosen. They stay with the variable of the same number. */
  store() {
    const template = this._current();
    if (!template || template.variables.length) this._storeValues();
    else this._form.store.set('params', []);
    if (!template || askingButtons(template).length) this._storeTails();
    else this._form.store.set('button_params', []);
  }

  _storeValues() {
    const count = this._current()?.variables.length ?? this.values.length;
    this._form.store.set('params', numbered(filledUp(this.values, count)));
  }

  _storeTails() {
    const template = this._current();
    const count = template ? askingButtons(template).length : this._tails.length;
    this._form.store.set('button_params', numbered(filledUp(this._tails, count)));
  }

  /** @param {string} moved what became of the values when another template was chosen, '' */
  draw(moved) {
    const { texts, store, controls } = this._form;
    const template = this._current();
    this._inputs = this._variables(template).map((variable) => this._variableField(variable));
    controls.set('params', this._entriesControl(this._inputs));
    const buttons = this._buttons(template).map((button) => this._buttonField(button));
    controls.set('button_params', this._entriesControl(buttons));
    const elements = [
      moved ? make('p', { class: 'hint', text: moved }) : null,
      this._inputs.length ? make('h2', { class: 'part', text: say(texts, 'template.variables') }) : null,
      ...this._inputs.map(({ element }) => element),
      this._inputs.length || store.text('if_empty') ? this._emptyField() : null,
      this._headerField(template),
      ...buttons.map(({ element }) => element),
    ];
    this.element.replaceChildren(...elements.filter((element) => element !== null));
  }

  /** Of an unknown template as many as there are values. @param {Template | null} template @returns {Variable[]} */
  _variables(template) {
    return template?.variables ?? this.values.map((_, at) => ({ n: at + 1, part: '', name: String(at + 1), sample: '' }));
  }

  /** @param {Template | null} template @returns {TemplateButton[]} */
  _buttons(template) {
    if (template) return askingButtons(template);
    return this._tails.map((_, at) => ({ n: at + 1, type: 'URL', text: String(at + 1), value: '' }));
  }

  /** The control of a multiple property that has a field for each entry. @param {ExpressionField[]} fields @returns {Control} */
  _entriesControl(fields) {
    return {
      setProblem(text, index) {
        const field = index ? fields[index - 1] : fields[0];
        if (text) field?.setProblem(text);
        else for (const one of fields) one.setProblem('');
      },
      focus: (index) => {
        const field = fields[(index ?? 1) - 1] ?? fields[0];
        if (field) field.focus();
        else this._focusChoice();
      },
    };
  }

  /** @param {Variable} variable */
  _variableField({ n, part, name, sample }) {
    const { texts, catalogue, announce, point } = this._form;
    const place = placeOf(part, (key, values) => say(texts, key, values));
    const title = say(texts, sample ? 'template.variable' : 'template.variable_only', { name, sample });
    return expressionField({
      id: `f-params-${n}`, label: `${place}${title}`, value: this.values[n - 1] ?? '',
      catalogue, texts, announce,
      onInput: (value) => {
        this.values[n - 1] = value;
        this._storeValues();
      },
      onFocus: () => point(n),
      onBlur: () => point(null),
    });
  }

  /** What happens when a value turns out empty: the run fails, or a text is put in its place. */
  _emptyField() {
    const { texts, store } = this._form;
    const field = textField(this._form, 'if_empty', { label: say(texts, 'template.empty_text'), hint: '' });
    let kept = store.text('if_empty');
    /** @param {'fail' | 'put'} mode */
    const show = (mode) => { field.element.hidden = mode !== 'put'; };
    const saved = kept ? 'put' : 'fail';
    show(saved);
    const choice = radios({
      legend: say(texts, 'template.empty'), inline: true, value: saved,
      options: EMPTY_MODES.map((value) => ({ value, words: say(texts, `template.empty_${value}`) })),
      onChange: (mode) => {
        kept = store.text('if_empty') || kept;
        const given = mode === 'put' ? kept : '';
        store.set('if_empty', given);
        field.setValue(given);
        show(mode);
        if (mode === 'put') field.focus();
      },
    });
    return make('div', {}, choice.element, field.element);
  }

  /**
   * A file saved for another template stays saved: a template without a file does not look at it.
   * @param {Template | null} template
   */
  _headerField(template) {
    const { texts, store, controls } = this._form;
    const isWanted = template ? template.wants_header : store.text('header') !== '';
    if (!isWanted) {
      controls.delete('header');
      return null;
    }
    const special = template && BEGINNINGS[template.kind];
    const kind = template && !special ? `: ${say(texts, `header.${template.kind}`)}` : '';
    return textField(this._form, 'header', {
      label: `${say(texts, special ? `template.header_${special}` : 'template.header_file')}${kind}`,
      hint: say(texts, special ? `template.header_${special}_hint` : 'template.header_hint'),
      fit: special ? 'text' : 'header', required: Boolean(template),
    }).element;
  }

  /** @param {TemplateButton} button */
  _buttonField({ n, type, text, value }) {
    const { texts, catalogue, announce, page } = this._form;
    const isCode = type === 'COPY_CODE';
    return expressionField({
      id: `f-button-${n}`, label: isCode ? say(texts, 'template.code') : say(texts, 'template.button', { title: text }),
      hint: value, value: this._tails[n - 1] ?? '', limit: isCode ? page.sizes.copy_code : undefined,
      catalogue, texts, announce,
      onInput: (given) => {
        this._tails[n - 1] = given;
        this._storeTails();
      },
    });
  }

  /** Shows which variable the pointer is on in the phone. @param {string | null} n */
  point(n) {
    this._inputs.forEach((input, at) => input.element.classList.toggle('is-pointed', String(at + 1) === n));
  }
}
