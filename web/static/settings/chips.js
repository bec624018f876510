// A property with several values: Enter adds what is typed as a chip, ✕ takes a chip away.
import { around, make } from '../dom.js';
import { expressionField } from './field.js';
import { property } from './form.js';
import { icon } from './icon.js';
import { announce } from './texts.js';

/** @import { Child } from '../dom.js' */
/** @import { Form } from './form.js' */

/**
 * @typedef {object} ChipWords
 * @property {string} add the button that adds a value
 * @property {(name: string) => string} remove
 * @property {string} [placeholder] an example
 * @property {string} [none] what having no value means
 */

/**
 * @param {Form} form @param {string} code
 * @param {ChipWords & {unique?: boolean, below?: Child[]}} how unique: the same value is added only once; below: what
 *   stands under the chips
 * @returns {HTMLElement[]}
 */
export function chipsField(form, code, { add: adding, remove: removing, placeholder, none = '', unique = false, below = [] }) {
  const { store, texts, catalogue } = form;
  const { title, hint, required } = property(form, code);
  const list = make('ul', { class: 'chips', 'aria-label': title });
  const whenNone = make('p', { class: 'hint', text: none });
  /** @param {string} entry */
  const words = (entry) => catalogue.shown(entry);
  const draw = () => {
    const entries = store.entries(code);
    list.replaceChildren(...entries.map((entry, at) => chip(entry, at)));
    list.hidden = !entries.length;
    whenNone.hidden = !none || entries.length > 0;
  };
  /** @param {string} entry @param {number} at */
  const chip = (entry, at) => {
    const name = removing(words(entry));
    const remove = make('button', { type: 'button', class: 'tool', 'aria-label': name, title: name, on: { click: () => {
      store.set(code, store.entries(code).filter((_, place) => place !== at));
      draw();
      (list.children[at]?.querySelector('button') ?? field).focus();
    } } }, icon('close'));
    return make('li', { class: 'chip' }, make('span', { text: words(entry), dir: 'auto' }), remove);
  };
  const field = expressionField({
    id: `f-${code}`, label: title, hint, required, value: '', catalogue, texts, placeholder, announce: form.announce,
    onBlur: () => add(),
  });
  const add = () => {
    const entry = field.value.trim();
    if (!entry) return;
    field.setValue('');
    const entries = store.entries(code);
    if (!unique || !entries.includes(entry)) store.set(code, [...entries, entry]);
    announce(words(entry));
    draw();
  };
  field.element.addEventListener('keydown', (event) => {
    if (event.key === 'Enter' && !event.isComposing && !around(event, 'button')) {
      event.preventDefault();
      add();
    }
  });
  const button = make('button', { type: 'button', class: 'btn btn-s', text: adding, on: { click: add } });
  form.controls.set(code, { setProblem: (text) => field.setProblem(text), focus: () => field.focus() });
  draw();
  return [field.element, make('div', { class: 'field' }, button, list, whenNone, ...below)];
}
