// The content of an action without an editor of its own: a field for every property, as its type asks for.
import { make } from '../dom.js';
import { chipsField } from './chips.js';
import { optionsOf, problemLine, selectField, star, textField } from './controls.js';
import { CODES as ENDING } from './ending.js';
import { CODES as RECIPIENT } from './line.js';
import { CODES as SHOWING, withOptions } from './showing.js';
import { say } from './texts.js';

/** @import { Content, Form, Property } from './form.js' */

/** @typedef {'text' | 'number' | 'select' | 'checkboxes' | 'chips'} Kind of a control */

const DRAWN_ELSEWHERE = new Set([...RECIPIENT, ...ENDING, ...SHOWING]);
const NUMBERS = ['int', 'double'];

/** The properties of the action itself, in the order of Bitrix24's form. @param {Property[]} properties */
export const ownOf = (properties) => properties.filter(({ code }) => !DRAWN_ELSEWHERE.has(code));

/** @param {Pick<Property, 'type' | 'multiple' | 'options'>} property @returns {Kind} */
export function kindOf({ type, multiple, options }) {
  const isChosen = options.length > 0 || type === 'bool';
  if (multiple) return isChosen ? 'checkboxes' : 'chips';
  if (isChosen) return 'select';
  return NUMBERS.includes(type) ? 'number' : 'text';
}

/** @type {Record<Kind, (form: Form, property: Property) => HTMLElement[]>} */
const DRAW = {
  text: (form, { code, type }) =>
    [textField(form, code, { multiline: type === 'text', fit: type === 'file' ? 'file' : 'text' }).element],
  number: (form, { code }) => [textField(form, code, { fit: 'number' }).element],
  select: (form, one) => [select(form, one)],
  checkboxes: (form, one) => [checkboxes(form, one)],
  chips: (form, { code }) => chipsField(form, code, {
    add: say(form.texts, 'entries.add'), remove: (name) => say(form.texts, 'entries.remove', { name }),
  }),
};

/** @param {Form} form @returns {Content} */
export function ordinary(form) {
  const { properties } = form.page;
  return { elements: ownOf(properties).flatMap((one) => DRAW[kindOf(one)](form, one)), model: null };
}

/** @param {Form} form @param {Property} one */
function select(form, one) {
  const { code, title: label, hint, required } = one;
  const field = selectField(form, {
    code, label, hint, required, options: optionsOf(form, withOptions(form, one)), strange: (value) => form.catalogue.shown(value),
  });
  return field.element;
}

/** Several of some options; saved values that are none of them (expressions) are options, too. @param {Form} form @param {Property} one */
function checkboxes(form, one) {
  const { store, catalogue } = form;
  const { code, title, hint, required, options } = withOptions(form, one);
  const saved = store.entries(code).filter((entry) => entry && !options.some(([value]) => value === entry));
  const problem = problemLine(`f-${code}-error`);
  const inputs = [...options, ...saved.map((entry) => [entry, catalogue.shown(entry)])].map(([value, words], at) => {
    const input = make('input', { type: 'checkbox', id: `f-${code}-${at + 1}`, value });
    input.checked = store.entries(code).includes(value);
    return { input, label: make('label', { class: 'choice' }, input, make('span', { text: words })) };
  });
  const element = make('fieldset', {
    class: 'field', 'aria-describedby': hint ? `f-${code}-hint` : null,
    on: { change: () => store.set(code, inputs.filter(({ input }) => input.checked).map(({ input }) => input.value)) },
  }, make('legend', {}, title, star(required)), ...inputs.map(({ label }) => label),
  hint ? make('p', { class: 'hint', id: `f-${code}-hint`, text: hint }) : null, problem.element);
  form.controls.set(code, { setProblem: (text) => problem.show(element, text), focus: () => inputs[0].input.focus() });
  return element;
}
