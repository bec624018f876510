// The content of the simpler actions. Every function gives the elements of its part and how the phone shows it.
import { make } from '../dom.js';
import { chipsField } from './chips.js';
import { counted, notice, optionsOf, radios, selectField, textField } from './controls.js';
import { property } from './form.js';
import { nameLine } from './names.js';
import * as preview from './preview.js';
import { say } from './texts.js';

/** @import { ExpressionField } from './field.js' */
/** @import { Content, Form } from './form.js' */
/** @import { Store } from './store.js' */

const MACRO = /\[\s*template\s*=/i;

/** @param {Form} form @returns {Content} */
function sendText(form) {
  const { texts } = form;
  const hint = notice('', make('p', { text: say(texts, 'text.macro') }));
  const show = () => { hint.hidden = !MACRO.test(form.store.text('text')); };
  const field = textField(form, 'text', {
    multiline: true, placeholder: say(texts, 'text.placeholder'), hint: say(texts, 'text.window'), onInput: (value) => {
      form.store.set('text', value);
      show();
    },
  });
  show();
  return { elements: [field.element, hint], model: () => preview.ofText(form), summary: () => counted(form, 'text') };
}

/** @type {FileSource[]} */
const FILE_SOURCES = ['link', 'disk', 'field'];

/**
 * The three ways to name a file are one property; the choice only says how to fill it in.
 * @param {Form} form @returns {Content}
 */
function sendFile(form) {
  const file = fileField(form);
  const source = sourceOf(form.store.text('file').trim());
  file.draw(source);
  const choice = radios({
    legend: say(form.texts, 'file.source'), inline: true, value: source, onChange: file.draw,
    options: FILE_SOURCES.map((value) => ({ value, words: say(form.texts, `file.${value}`) })),
  });
  const kind = property(form, 'kind');
  const kinds = selectField(form, { code: 'kind', label: kind.title, hint: kind.hint, options: optionsOf(form, kind) });
  return {
    elements: [choice.element, file.element, kinds.element, textField(form, 'caption', { multiline: true }).element,
      textField(form, 'file_name').element],
    model: () => preview.ofFile(form, file.known()),
    summary: () => counted(form, 'caption'),
  };
}

/** The field of the file, as its source asks for it; below it what an id on Drive stands for. @param {Form} form */
function fileField(form) {
  const { texts, store } = form;
  const element = make('div');
  const named = nameLine(form, 'file', (value) => sourceOf(value) === 'disk');
  named.look();
  return {
    element,
    known: named.known,
    /** @param {FileSource} source */
    draw(source) {
      const field = textField(form, 'file', {
        label: `${property(form, 'file').title}: ${say(texts, `file.${source}`)}`, fit: 'file',
        placeholder: say(texts, `file.${source}_example`), hint: say(texts, source === 'disk' ? 'file.disk_hint' : 'file.sizes'),
        onInput: (value) => {
          store.set('file', value);
          named.soon();
        },
      });
      element.replaceChildren(field.element, named.element);
    },
  };
}

/** @typedef {'link' | 'disk' | 'field'} FileSource */

/** @param {string} file as saved @returns {FileSource} */
export function sourceOf(file) {
  if (/^(?:disk\s*[_:#]\s*|n)?\d+$/i.test(file)) return 'disk';
  return /^\{=|^uf_?[a-z0-9_]+$/i.test(file) ? 'field' : 'link';
}

const CLIENT = '{=Document:CONTACT_ID}';
const TYPED = ['contact_name', 'contact_phone', 'contact_email', 'contact_company'];

/** @type {Record<string, 'phone' | undefined>} */
const FITS = { contact_phone: 'phone' };

/** @typedef {'client' | 'crm' | 'typed'} ContactMode */

/** @param {Form} form @returns {Content} */
function sendContact(form) {
  const { texts, store, catalogue } = form;
  const crm = crmContact(form);
  const typed = make('div', {}, ...TYPED.map((code) => textField(form, code, { fit: FITS[code] ?? 'text' }).element),
    make('p', { class: 'hint', text: say(texts, 'contact.no_phone') }));
  const mode = modeOf(store);
  let kept = mode === 'crm' ? store.text('contact') : '';
  /** @param {ContactMode} chosen */
  const show = (chosen) => {
    crm.element.hidden = chosen !== 'crm';
    typed.hidden = chosen !== 'typed';
  };
  /** @param {ContactMode} chosen */
  const choose = (chosen) => {
    if (store.text('contact') !== CLIENT && store.text('contact')) kept = store.text('contact');
    crm.setValue({ client: CLIENT, crm: kept, typed: '' }[chosen]);
    show(chosen);
  };
  const known = catalogue.item(CLIENT) || mode === 'client';
  /** @type {ContactMode[]} */
  const options = [...(known ? [/** @type {const} */ ('client')] : []), 'crm', 'typed'];
  const choice = radios({
    legend: say(texts, 'contact.whose'), inline: true, value: mode, onChange: choose,
    options: options.map((value) => ({ value, words: say(texts, `contact.${value}`) })),
  });
  show(mode);
  return { elements: [choice.element, crm.element, typed], model: () => preview.ofContact(form, crm.known()) };
}

/** As messaging/portals/crm.py reads the id of a contact. */
const CONTACT_ID = /^(?:contact[_|:\s]*|c_)?\d{1,12}$/i;

/** The field for the id of a CRM contact; below it whose it is, and Bitrix24's dialog to choose one. @param {Form} form */
function crmContact(form) {
  const { texts, store, host } = form;
  const named = nameLine(form, 'contact', (value) => CONTACT_ID.test(value));
  const field = textField(form, 'contact', { fit: 'number', hint: say(texts, 'contact.crm_hint'), onInput: (value) => {
    store.set('contact', value);
    named.soon();
  } });
  /** @param {string} value @param {string} [name] if it is known already */
  const setValue = (value, name) => {
    store.set('contact', value);
    field.setValue(value);
    named.look(name ? { name, about: '' } : null);
  };
  const choose = async () => {
    const chosen = await host.pickContact();
    if (!chosen) return;
    setValue(chosen.id, chosen.name);
    field.focus();
  };
  const button = make('button', { type: 'button', class: 'btn btn-s', text: say(texts, 'contact.pick'), on: { click: choose } });
  named.look();
  return { element: make('div', { class: 'of-crm' }, field.element, named.element, button), setValue, known: named.known };
}

/** @param {Store} store @returns {ContactMode} */
function modeOf(store) {
  const contact = store.text('contact').trim();
  if (contact) return contact === CLIENT ? 'client' : 'crm';
  return TYPED.some((code) => store.text(code).trim()) ? 'typed' : 'crm';
}

// As activities/send_location.py reads pairs of coordinates; it reads them once more when the robot runs.
const NUMBER = '[+\\-−–]?\\d{1,3}(?:[.,]\\d+)?';
const PAIR = new RegExp(`^\\s*[(\\[]?\\s*(${NUMBER})°?\\s*(?:,\\s+|;\\s*|\\s+)(${NUMBER})°?\\s*[)\\]]?\\s*$`);
const DOTTED_PAIR = /^\s*([+\-−–]?\d{1,3}\.\d+)\s*,\s*([+\-−–]?\d{1,3}(?:\.\d+)?)\s*$/;

/** Latitude and longitude pasted together; null when it is no pair. @param {string} text @returns {[string, string] | null} */
export function coordinatesOf(text) {
  const pair = PAIR.exec(text) ?? DOTTED_PAIR.exec(text);
  if (!pair) return null;
  /** @param {string} number */
  const plain = (number) => number.replace(',', '.').replace(/[−–]/, '-');
  return [plain(pair[1]), plain(pair[2])];
}

/** @param {Form} form @returns {Content} */
function sendLocation(form) {
  const { store, texts } = form;
  /** @param {'latitude' | 'longitude'} code @returns {ExpressionField} */
  const field = (code) => textField(form, code, { fit: 'number', onInput: (value) => typed(code, value), hint: '' });
  const latitude = field('latitude');
  const longitude = field('longitude');
  /** @param {string} code @param {string} value */
  const typed = (code, value) => {
    const pair = coordinatesOf(value);
    if (!pair) {
      store.set(code, value);
      return;
    }
    store.set('latitude', pair[0]);
    latitude.setValue(pair[0]);
    store.set('longitude', pair[1]);
    longitude.setValue(pair[1]);
    longitude.focus();
  };
  const pair = make('div', { class: 'pair' }, latitude.element, longitude.element);
  return {
    elements: [pair, make('p', { class: 'hint', text: say(texts, 'location.both') }), textField(form, 'place').element,
      textField(form, 'address').element],
    model: () => preview.ofLocation(form),
  };
}

/** @param {Form} form @returns {Content} */
function waitReply(form) {
  const { texts } = form;
  return {
    elements: chipsField(form, 'accept', {
      placeholder: say(texts, 'accept.example'), add: say(texts, 'accept.add'), none: say(texts, 'accept.any'), unique: true,
      remove: (name) => say(texts, 'accept.remove', { name }),
      below: [make('p', { class: 'hint', text: say(texts, 'accept.timeout') })],
    }),
    model: null,
  };
}

/** @param {Form} form @returns {Content} */
function checkWindow({ texts }) {
  return { elements: [make('p', { text: say(texts, 'window.returns') })], model: null };
}

/** @param {Form} form @returns {Content} */
function closeChats({ texts }) {
  return { elements: [make('p', { text: say(texts, 'chats.closes') })], model: null };
}

/** Action → its part of the form. @type {Record<string, ((form: Form) => Content) | undefined>} */
export const CONTENTS = {
  send_text: sendText, send_file: sendFile, send_contact: sendContact, send_location: sendLocation, wait_reply: waitReply,
  check_window: checkWindow, close_chats: closeChats,
};
