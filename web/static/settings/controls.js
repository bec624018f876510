// The form's building blocks: each knows its property, its label from the server, and where its problem is shown.
import { make, setAttribute, write } from '../dom.js';
import { length } from './expressions.js';
import { expressionField } from './field.js';
import { property } from './form.js';
import { icon } from './icon.js';
import { say } from './texts.js';

/** @import { Child } from '../dom.js' */
/** @import { FieldOptions } from './field.js' */
/** @import { Control, Form, Property } from './form.js' */

/**
 * A property that holds a text with expressions.
 * @param {Form} form @param {string} code @param {Partial<FieldOptions>} [more]
 */
export function textField(form, code, more = {}) {
  const { title, hint, limit, required } = property(form, code);
  const field = expressionField({
    id: `f-${code}`, label: title, hint, limit: limit || undefined, required,
    value: form.store.text(code), catalogue: form.catalogue, texts: form.texts, announce: form.announce,
    onInput: (value) => form.store.set(code, value),
    ...more,
  });
  form.controls.set(code, { setProblem: (text) => field.setProblem(text), focus: () => field.focus() });
  return field;
}

/** The star behind the title of a property that must have a value. @param {boolean} required */
export function star(required) {
  return required ? make('span', { class: 'xf-star', 'aria-hidden': 'true', text: ' *' }) : null;
}

/**
 * A label above a control, its hint below.
 * @param {{id: string, label: string, hint: string, control: HTMLElement, required?: boolean}} how
 * @returns {Control & {element: HTMLElement}}
 */
export function labelled({ id, label, hint, control, required = false }) {
  const problem = problemLine(`${id}-error`);
  control.id = id;
  setAttribute(control, 'aria-required', required ? 'true' : null);
  if (hint) control.setAttribute('aria-describedby', `${id}-hint`);
  const element = make('div', { class: 'field' }, make('label', { for: id }, label, star(required)), control,
    hint ? make('p', { class: 'hint', id: `${id}-hint`, text: hint }) : null, problem.element);
  return { element, setProblem: (text) => problem.show(control, text), focus: () => control.focus() };
}

/**
 * A select; a value that is none of its options (an expression, something removed) is one more option, as it is.
 * @param {Form} form
 * @param {object} how
 * @param {string} how.code of the property
 * @param {string} how.label
 * @param {string} how.hint
 * @param {boolean} [how.required]
 * @param {[value: string, words: string][]} how.options
 * @param {(value: string) => string} [how.strange] the words for a value that is none of the options
 * @param {(value: string) => void} [how.onChange]
 */
export function selectField(form, { code, label, hint, required, options, strange = (value) => value, onChange }) {
  const value = form.store.text(code);
  const known = options.some(([given]) => given === value);
  const all = known ? options : [...options, [value, strange(value)]];
  const select = make('select', {}, ...all.map(([given, words]) => make('option', { value: given, text: words })));
  select.value = value;
  select.addEventListener('change', () => {
    form.store.set(code, select.value);
    onChange?.(select.value);
  });
  const field = labelled({ id: `f-${code}`, label, hint, required, control: select });
  form.controls.set(code, field);
  return field;
}

/**
 * The options of a property's select. A saved empty value means the default and stays empty until something is chosen; a
 * property without a default has an option for no value.
 * @param {Form} form @param {Property} property @returns {Property['options']}
 */
export function optionsOf({ store, texts }, { code, options, required, default: usual }) {
  const isEmpty = store.text(code) === '';
  if (!usual) return isEmpty || !required ? [['', say(texts, 'select.none')], ...options] : options;
  if (!isEmpty) return options;
  const words = options.find(([value]) => value === usual)?.[1] ?? usual;
  return [['', words], ...options.filter(([value]) => value !== usual)];
}

let groups = 0;

/**
 * Radio buttons under one heading.
 * @template {string} Value
 * @param {object} how
 * @param {string} how.legend
 * @param {{value: Value, words: string}[]} how.options
 * @param {Value} how.value
 * @param {(value: Value) => void} how.onChange
 * @param {boolean} [how.inline]
 * @returns {Control & {element: HTMLElement}}
 */
export function radios({ legend, options, value, onChange, inline = false }) {
  groups += 1;
  const name = `r-${groups}`;
  const problem = problemLine(`${name}-error`);
  const box = make('fieldset', { class: `field${inline ? ' radios-inline' : ''}` }, make('legend', { text: legend }));
  const inputs = options.map((option) => {
    const input = make('input', { type: 'radio', name, value: option.value });
    input.checked = option.value === value;
    input.addEventListener('change', () => onChange(option.value));
    box.append(make('label', { class: 'choice' }, input, make('span', { text: option.words })));
    return input;
  });
  box.append(problem.element);
  return {
    element: box,
    setProblem: (text) => problem.show(box, text),
    focus: () => (inputs.find((input) => input.checked) ?? inputs[0]).focus(),
  };
}

/** A line for what is wrong, with its icon. @param {string} id */
export function problemLine(id) {
  const words = make('span');
  const element = make('p', { class: 'error', id, hidden: true }, icon('alert'), words);
  return {
    element,
    /** @param {HTMLElement} control @param {string} text '' when nothing is wrong */
    show(control, text) {
      write(words, text);
      element.hidden = !text;
      setAttribute(control, 'aria-invalid', text ? 'true' : null);
    },
  };
}

/** A tinted notice. @param {'' | 'warn'} kind @param {...Child} content */
export function notice(kind, ...content) {
  return make('div', { class: `alert ${kind}` }, icon('alert'), make('div', {}, ...content));
}

/**
 * What stands under the phone about a text: how long it is, with its fields by name.
 * @param {Form} form @param {string} code
 */
export function counted(form, code) {
  return { length: length(form.catalogue.shown(form.store.text(code))), limit: property(form, code).limit };
}
