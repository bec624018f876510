// The form's building blocks: each knows its property, its label from the server, and where its problem is shown.
import { icon, make, write } from './dom.js';
import { length, split } from './expressions.js';
import { expressionField } from './field.js';

/**
 * @typedef {Object} Form what the modules of the actions build with
 * @property {Object} page          the page's JSON
 * @property {Object} texts
 * @property {import('./expressions.js').Catalogue} catalogue
 * @property {ReturnType<import('./store.js').createStore>} store
 * @property {Map<string, Object>} controls by property: {setProblem(text, index), focus(index)}
 * @property {function()} redraw    the phone shows something else now
 * @property {function()} recheck   the server knows more than before
 * @property {function(string, Object=): Promise<?Object>} ask  our server, null when nobody answers
 * @property {function(string)} announce
 * @property {function(?(number|string))} point  the variable whose field has the focus
 */

/** The property as the server describes it. @param {Form} form */
export const property = (form, code) => form.page.properties.find((one) => one.code === code);

/**
 * A property that holds a text with expressions.
 * @param {Form} form @param {string} code @param {Object} [more] of expressionField
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

/** A label above a control, its hint below. */
export function labelled({ id, label, hint, control }) {
  const problem = problemLine(`${id}-error`);
  control.id = id;
  if (hint) control.setAttribute('aria-describedby', `${id}-hint`);
  const element = make('div', { class: 'field' }, make('label', { for: id, text: label }), control,
    hint ? make('p', { class: 'hint', id: `${id}-hint`, text: hint }) : null, problem.element);
  return { element, setProblem: (text) => problem.show(control, text), focus: () => control.focus() };
}

/** A select; a value that is none of its options (an expression, something removed) is one more option, as it is. */
export function selectField(form, { code, label, hint, options, strange = (value) => value, onChange }) {
  const value = form.store.text(code);
  const known = options.some(([given]) => given === value);
  const all = known ? options : [...options, [value, strange(value)]];
  const select = make('select', {}, ...all.map(([given, words]) => make('option', { value: given, text: words })));
  select.value = value;
  select.addEventListener('change', () => {
    form.store.set(code, select.value);
    onChange?.(select.value);
  });
  const field = labelled({ id: `f-${code}`, label, hint, control: select });
  form.controls.set(code, field);
  return field;
}

let groups = 0;

/** Radio buttons under one heading. options: {value, words, consequence?}. */
export function radios({ legend, options, value, onChange, inline = false }) {
  groups += 1;
  const name = `r-${groups}`;
  const problem = problemLine(`${name}-error`);
  const box = make('fieldset', { class: `field${inline ? ' radios-inline' : ''}` }, make('legend', { text: legend }));
  const inputs = options.map((option) => {
    const input = make('input', { type: 'radio', name, value: option.value });
    input.checked = option.value === value;
    input.addEventListener('change', () => onChange(option.value));
    const words = make('span', {}, option.words);
    if (option.consequence) words.append(make('small', { class: 'consequence', text: option.consequence }));
    box.append(make('label', { class: 'choice' }, input, words, option.extra ?? null));
    return input;
  });
  box.append(problem.element);
  return {
    element: box,
    setProblem: (text) => problem.show(box, text),
    focus: () => (inputs.find((input) => input.checked) ?? inputs[0]).focus(),
    choose(wanted) {
      for (const input of inputs) input.checked = input.value === wanted;
    },
  };
}

/** A line for what is wrong, with its icon. */
export function problemLine(id) {
  const words = make('span');
  const element = make('p', { class: 'error', id, hidden: true }, icon('alert'), words);
  return {
    element,
    show(control, text) {
      write(words, text);
      element.hidden = !text;
      if (text) control.setAttribute('aria-invalid', 'true');
      else control.removeAttribute('aria-invalid');
    },
  };
}

/** A tinted notice. kind: '' or warn. */
export function notice(kind, ...content) {
  return make('div', { class: `alert ${kind}` }, icon('alert'), make('div', {}, ...content));
}

/** What stands under the phone about a text: how long it is, with its fields by name. */
export function counted(form, code) {
  return { length: length(shownText(form, form.store.text(code))), limit: property(form, code).limit };
}

/** A text with its fields by name. */
export const shownText = (form, value) =>
  split(value).map((part) => part.text ?? (form.catalogue.name(part.expression) || part.expression)).join('');
