// From which line, and to whom: the first two fields of every action.
import { countryName } from '../countries.js';
import { make, write } from '../dom.js';
import { notice, selectField, textField } from './controls.js';
import { fill } from './expressions.js';
import { property } from './form.js';
import { say } from './texts.js';

/** @import { Form, Line } from './form.js' */
/** @import { Answer } from './problems.js' */
/** @import { Texts } from './texts.js' */

/** The properties drawn here. */
export const CODES = ['line', 'phone'];

/** @param {Form} form @param {() => void} onChange another line was chosen */
export function lineField(form, onChange) {
  const { page: { lines }, texts } = form;
  const { title } = property(form, 'line');
  const usable = lines.filter(({ connected }) => connected);
  const why = make('div');
  const tell = () => {
    const words = chosenLine(form)?.why;
    why.replaceChildren(...(words ? [notice('warn', words)] : []));
  };
  /** @type {[value: string, words: string][]} */
  const options = [['', say(texts, 'line.auto')], ...usable.map((one) => optionOf(one, texts))];
  const field = selectField(form, {
    code: 'line', label: title, hint: say(texts, 'line.auto_hint'), options,
    strange: (value) => wordsOfStrange(form, value),
    onChange: () => {
      tell();
      onChange();
    },
  });
  tell();
  const none = usable.length ? null : notice('warn', make('p', { text: say(texts, 'line.none') }));
  return make('div', {}, none, field.element, why);
}

/** @param {Line} line @param {Texts} texts @returns {[value: string, words: string]} */
function optionOf({ id, name, phone, default: isDefault }, texts) {
  return [id, `${name} · +${phone}${isDefault ? ` · ${say(texts, 'line.default')}` : ''}`];
}

/**
 * The words for a line saved by name or by an expression, or for one that is not connected any more.
 * @param {Form} form @param {string} value as saved
 */
function wordsOfStrange({ page: { lines }, texts, catalogue }, value) {
  const digits = value.replace(/\D/g, '');
  const known = lines.find((one) => one.id === value || one.names.includes(value) || one.phone === digits);
  if (!known) return catalogue.name(value) || value;
  return known.connected ? `${value} · +${known.phone}` : `${known.name} · ${say(texts, 'line.gone')}`;
}

/** The line that the saved value means, with none saved the portal's own. @param {Form} form */
function chosenLine({ page: { lines }, store }) {
  const value = store.text('line');
  if (!value) return lines.find((one) => one.default && one.connected);
  return lines.find((one) => one.id === value) ?? lines.find((one) => one.names.includes(value));
}

/** What the client's phone calls the sender. @param {Form} form */
export function senderOf(form) {
  return chosenLine(form)?.name ?? 'WhatsApp';
}

/**
 * The field, and `show` for what the server says about its number: how it will be dialled.
 * @param {Form} form
 */
export function recipientField(form) {
  const { texts } = form;
  const { required, hint } = property(form, 'phone');
  const placeholder = required ? '+7 912 345-67-89' : say(texts, 'to.client');
  const field = textField(form, 'phone', { label: say(texts, 'to.label'), hint, placeholder, fit: 'phone' }).element;
  const note = make('p', { class: 'hint', id: 'recipient' });
  return {
    element: make('div', { class: 'with-note' }, field, note),
    show: (/** @type {Answer} */ { recipient, country }) => write(note, fill(recipient, { country: countryName(country) })),
  };
}
