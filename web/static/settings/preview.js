// The phone beside the form: what each action's values would look like on the client's screen.
import { LOCALES } from './ending.js';
import { parse as parseExpression, split } from './expressions.js';

/** @import { Form } from './form.js' */
/** @import { FileHeader, Header, ListSection, LocationHeader, Model, Part } from './phone_model.js' */
/** @import { Named } from './names.js' */
/** @import { Template } from './template_choice.js' */

/** @typedef {Pick<Form, 'store' | 'catalogue' | 'sender'>} Source what a preview is made from */

const VARIABLE = /\{\{\s*([0-9]{1,4}|[A-Za-z_][A-Za-z0-9_]*)\s*\}\}/g;
/** @type {Record<string, Model['buttons'][number]['type'] | undefined>} */
const KINDS = { QUICK_REPLY: 'reply', URL: 'url', PHONE_NUMBER: 'phone', COPY_CODE: 'copy', OTP: 'copy' };
/** @type {Record<FileHeader['type'], string[]>} */
const EXTENSIONS = {
  image: ['jpg', 'jpeg', 'png'], video: ['mp4', '3gp'], audio: ['mp3', 'ogg', 'aac', 'amr', 'm4a'], document: [],
};

/**
 * A text as the phone takes it: what is known as it is, a field by its name.
 * @param {Source} form @param {string} value @returns {Part[]}
 */
export function parts(form, value) {
  return split(value).map(({ text, expression }) => (expression ? { field: nameOf(form, expression) } : { text: text ?? '' }));
}

/** @param {Source} form @param {string} expression */
function nameOf({ catalogue }, expression) {
  return catalogue.name(expression) || parseExpression(expression)?.id || expression;
}

const clock = () => new Date().toLocaleTimeString(LOCALES[document.documentElement.lang], { hour: '2-digit', minute: '2-digit' });

/** @param {Source} form @returns {Model} */
const base = (form) => ({ sender: form.sender(), header: null, body: [], footer: [], buttons: [], list: null, time: clock() });

/** A message with a text of its own. @param {Source} form @returns {Model} */
export function ofText(form) {
  return { ...base(form), body: parts(form, form.store.text('text')) };
}

/** @param {Source} form @returns {Model} */
export function ofButtons(form) {
  const entries = form.store.entries('buttons').filter((entry) => entry.trim());
  const buttons = entries.map((entry) => ({
    type: /** @type {const} */ ('reply'), title: parts(form, titleOf(entry)),
  }));
  return { ...framed(form), buttons };
}

/** The title of an entry `Title|id`; a bar inside an expression is part of it. @param {string} entry */
function titleOf(entry) {
  const found = [];
  for (const { text = '', expression } of split(entry)) {
    const [before, ...rest] = text.split('|');
    found.push(expression ?? before);
    if (rest.length) break;
  }
  return found.join('').trim();
}

/** @param {Source} form @returns {Model} */
function framed(form) {
  const { store } = form;
  const header = store.text('header');
  return {
    ...base(form),
    header: header.trim() ? { type: 'text', parts: parts(form, header) } : null,
    body: parts(form, store.text('text')),
    footer: parts(form, store.text('footer')),
  };
}

/**
 * @param {Source} form
 * @param {{title: string, rows: {title: string, description: string}[]}[]} sections as the editor reads the rows
 * @returns {Model}
 */
export function ofList(form, sections) {
  /** @type {ListSection[]} */
  const drawn = sections.map(({ title, rows }) => ({
    title: parts(form, title),
    rows: rows.map((row) => ({ title: parts(form, row.title), description: parts(form, row.description) })),
  }));
  return { ...framed(form), list: { button: parts(form, form.store.text('button')), sections: drawn } };
}

/** @param {Source} form @param {Named | null} [named] what the file's id stands for @returns {Model} */
export function ofFile(form, named = null) {
  const { store } = form;
  const [file, kind] = [store.text('file').trim(), store.text('kind')];
  const type = /** @type {FileHeader['type']} */ (kind && kind !== 'auto' ? kind : guessed(named?.name ?? file));
  const name = store.text('file_name').trim() || named?.name || (isLink(file) ? last(file) : file);
  /** @type {FileHeader} */
  const header = { type, name: parts(form, name), size: named?.about ?? '' };
  return { ...base(form), header, body: type === 'audio' ? [] : parts(form, store.text('caption')) };
}

/** @param {string} text */
const isLink = (text) => /^https?:/i.test(text);

/** What kind of file it is, by the end of its name. @param {string} file */
function guessed(file) {
  const extension = /\.([a-z0-9]{2,4})(?:[?#].*)?$/i.exec(file)?.[1].toLowerCase() ?? '';
  return Object.entries(EXTENSIONS).find(([, known]) => known.includes(extension))?.[0] ?? 'document';
}

/** The name of the file that a link leads to. @param {string} link */
function last(link) {
  const name = link.split(/[?#]/)[0].split('/').at(-1) ?? '';
  try {
    return decodeURIComponent(name);
  } catch {
    return name;
  }
}

/** @param {Source} form @param {Named | null} [named] what the contact's id stands for @returns {Model} */
export function ofContact(form, named = null) {
  const { store } = form;
  const crm = store.text('contact').trim();
  const ofCrm = /^\d+$/.test(crm) ? [{ field: `ID ${crm}` }] : parts(form, crm);
  const name = named ? [{ text: named.name }] : crm ? ofCrm : parts(form, store.text('contact_name'));
  const about = named ? named.about : crm ? '' : store.text('contact_company') || store.text('contact_phone');
  return { ...base(form), header: { type: 'contact', name, parts: parts(form, about) } };
}

/** @param {Source} form @returns {Model} */
export function ofLocation(form) {
  const { store } = form;
  const point = [store.text('latitude'), store.text('longitude')].filter((text) => text.trim()).join(', ');
  /** @type {LocationHeader} */
  const header = {
    type: 'location', name: parts(form, store.text('place')), parts: parts(form, store.text('address')),
    point: parts(form, point),
  };
  return { ...base(form), header };
}

/**
 * @typedef {object} Given what the form holds for a template
 * @property {string[]} values of its variables
 * @property {string} header its file
 * @property {string} fallback what stands in for an empty value
 *
 * @callback Filled a text of the template with its variables filled in
 * @param {string} text
 * @param {'header' | 'body'} part
 * @returns {Part[]}
 */

/** @param {Source} form @param {Template} template @param {Given} given @returns {Model} */
export function ofTemplate(form, template, given) {
  /** @type {Filled} */
  const filled = (text, part) => cut(text, (name, whole) => {
    const variable = template.variables.find((one) => one.part === part && one.name === name);
    return variable ? valueOf(form, variable, given, whole) : [withoutValue(given, whole)];
  });
  return {
    ...base(form),
    header: headerOf(form, template, given, filled),
    body: filled(template.body, 'body'),
    footer: [{ text: template.footer }],
    buttons: template.buttons.map((button) => ({ type: KINDS[button.type] ?? 'reply', title: button.text })),
    marketing: template.category === 'MARKETING',
  };
}

/** @param {Source} form @param {Template} template @param {Given} given @param {Filled} filled @returns {Header | null} */
function headerOf(form, template, { header }, filled) {
  if (template.kind === 'location') return { type: 'location', name: parts(form, header), parts: [], point: [] };
  if (!template.media) return template.header ? { type: 'text', parts: filled(template.header, 'header') } : null;
  const type = /** @type {FileHeader['type']} */ (template.kind === 'gif' ? 'video' : template.kind);
  return { type, name: parts(form, isLink(header) ? last(header) : header), size: '' };
}

/** Names as the server's: {{01}} is 1. @param {string} name */
const plainName = (name) => (/^\d+$/.test(name) ? String(Number(name)) : name);

/** @param {string} text @param {(name: string, whole: string) => Part[]} draw @returns {Part[]} */
function cut(text, draw) {
  /** @type {Part[]} */
  const found = [];
  let end = 0;
  for (const match of text.matchAll(VARIABLE)) {
    if (match.index > end) found.push({ text: text.slice(end, match.index) });
    found.push(...draw(plainName(match[1]), match[0]));
    end = match.index + match[0].length;
  }
  if (end < text.length) found.push({ text: text.slice(end) });
  return found;
}

/**
 * What stands for a variable: its value, what replaces an empty one, or its sample; without a sample the variable as it is written.
 * @param {Source} form @param {Template['variables'][number]} variable @param {Given} given @param {string} whole
 * @returns {Part[]}
 */
function valueOf(form, { n, sample }, given, whole) {
  const value = (given.values[n - 1] ?? '').trim();
  if (!value) return [{ ...withoutValue(given, sample || whole), n }];
  const drawn = parts(form, value).map((part) => ({ ...part, n }));
  const [first] = drawn;
  return drawn.length === 1 && 'field' in first && sample ? [{ ...first, sample }] : drawn;
}

/** @param {Given} given @param {string} missing what to show in place of the value @returns {Part} */
function withoutValue({ fallback }, missing) {
  return fallback.trim() ? { fallback } : { missing };
}
