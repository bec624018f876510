// The phone beside the form: what each action's values would look like on the client's screen.
import { LOCALES } from './ending.js';
import { parse as parseExpression, split } from './expressions.js';

const VARIABLE = /\{\{\s*([0-9]{1,4}|[A-Za-z_][A-Za-z0-9_]*)\s*\}\}/g;
const KINDS = { QUICK_REPLY: 'reply', URL: 'url', PHONE_NUMBER: 'phone', COPY_CODE: 'copy', OTP: 'copy' };

/** A text as the phone takes it: what is known as it is, a field by its name. @returns {import('./phone.js').Part[]} */
export function parts(form, value) {
  return split(value).map((part) => (part.expression ? { field: nameOf(form, part.expression) } : { text: part.text }));
}

function nameOf({ catalogue }, expression) {
  return catalogue.name(expression) || parseExpression(expression)?.id || expression;
}

const clock = () => new Date().toLocaleTimeString(LOCALES[document.documentElement.lang], { hour: '2-digit', minute: '2-digit' });

const base = (form) => ({ sender: form.sender(), header: null, body: [], footer: [], buttons: [], list: null, time: clock() });

/** A message with a text of its own. @param {import('./controls.js').Form} form */
export function ofText(form) {
  return { ...base(form), body: parts(form, form.store.text('text')) };
}

export function ofButtons(form) {
  const entries = form.store.entries('buttons').filter((entry) => entry.trim());
  const buttons = entries.map((entry) => ({ type: 'reply', title: parts(form, titleOf(entry)) }));
  return { ...framed(form), buttons };
}

/** The title of an entry `Title|id`; a bar inside an expression is part of it. */
function titleOf(entry) {
  const found = [];
  for (const part of split(entry)) {
    const bar = part.expression ? -1 : part.text.indexOf('|');
    found.push(part.expression ?? (bar < 0 ? part.text : part.text.slice(0, bar)));
    if (bar >= 0) break;
  }
  return found.join('').trim();
}

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

/** sections: the editor's own reading of the rows. */
export function ofList(form, sections) {
  const drawn = sections.map(({ title, rows }) => ({
    title: parts(form, title),
    rows: rows.map((row) => ({ title: parts(form, row.title), description: parts(form, row.description) })),
  }));
  return { ...framed(form), list: { button: parts(form, form.store.text('button')), sections: drawn } };
}

export function ofFile(form) {
  const { store } = form;
  const [file, kind] = [store.text('file').trim(), store.text('kind')];
  const type = kind && kind !== 'auto' ? kind : guessed(file);
  const name = store.text('file_name').trim() || (/^https?:/i.test(file) ? last(file) : file);
  const header = { type, name: parts(form, name), size: '' };
  return { ...base(form), header, body: type === 'audio' ? [] : parts(form, store.text('caption')) };
}

function guessed(file) {
  const extension = /\.([a-z0-9]{2,4})(?:[?#].*)?$/i.exec(file)?.[1].toLowerCase() ?? '';
  const kinds = { image: ['jpg', 'jpeg', 'png'], video: ['mp4', '3gp'], audio: ['mp3', 'ogg', 'aac', 'amr', 'm4a'] };
  return Object.keys(kinds).find((kind) => kinds[kind].includes(extension)) ?? 'document';
}

function last(link) {
  const name = link.split(/[?#]/)[0].split('/').at(-1);
  try {
    return decodeURIComponent(name);
  } catch {
    return name;
  }
}

export function ofContact(form) {
  const { store } = form;
  const crm = store.text('contact').trim();
  const ofCrm = /^\d+$/.test(crm) ? [{ field: `ID ${crm}` }] : parts(form, crm);
  const name = crm ? ofCrm : parts(form, store.text('contact_name'));
  const about = crm ? '' : store.text('contact_company') || store.text('contact_phone');
  return { ...base(form), header: { type: 'contact', name, parts: parts(form, about) } };
}

export function ofLocation(form) {
  const { store } = form;
  const point = [store.text('latitude'), store.text('longitude')].filter((text) => text.trim()).join(', ');
  const header = {
    type: 'location', name: parts(form, store.text('place')), parts: parts(form, store.text('address')),
    point: parts(form, point),
  };
  return { ...base(form), header };
}

/**
 * @param {Object} template as the server lists it
 * @param {{values: string[], buttons: string[], header: string, fallback: string}} given
 */
export function ofTemplate(form, template, given) {
  const n = (part, name) => template.variables.find((one) => one.part === part && one.name === name)?.n;
  const filled = (text, part) => cut(text, (name, whole) => variable(form, template, given, n(part, name), whole));
  return {
    ...base(form),
    header: headerOf(form, template, given, filled),
    body: filled(template.body, 'body'),
    footer: [{ text: template.footer }],
    buttons: template.buttons.map((button) => ({ type: KINDS[button.type] ?? 'reply', title: button.text })),
    marketing: template.category === 'MARKETING',
  };
}

function headerOf(form, template, { header }, filled) {
  if (!template.media) return template.header ? { type: 'text', parts: filled(template.header, 'header') } : null;
  const type = template.kind === 'gif' ? 'video' : template.kind;
  return { type, name: parts(form, /^https?:/i.test(header) ? last(header) : header), size: '' };
}

/** Names as the server's: {{01}} is 1. */
const plainName = (name) => (/^\d+$/.test(name) ? String(Number(name)) : name);

function cut(text, draw) {
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

function variable(form, template, { values, fallback }, n, whole) {
  const value = values[n - 1] ?? '';
  if (!value.trim()) return [fallback.trim() ? { fallback, n } : { missing: whole, n }];
  const drawn = parts(form, value.trim()).map((part) => ({ ...part, n }));
  const { sample } = template.variables[n - 1];
  return drawn.length === 1 && drawn[0].field && sample ? [{ ...drawn[0], sample }] : drawn;
}
