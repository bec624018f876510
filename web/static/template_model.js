// What is typed into the form of a template, as the phone beside it shows it.

/** @import { Header, Model, Part } from './settings/phone_model.js' */

export const MOST_BUTTONS = 10;
const VARIABLE = /\{\{\s*([0-9]{1,4})\s*\}\}/g;
/** @type {Record<string, 'reply' | 'url' | 'phone' | 'copy'>} */
const SIGNS = { URL: 'url', PHONE_NUMBER: 'phone', COPY_CODE: 'copy', OTP: 'copy' };
/** @type {Record<string, 'image' | 'video' | 'document'>} */
const MEDIA = { IMAGE: 'image', VIDEO: 'video', DOCUMENT: 'document' };
/** WhatsApp writes these itself. @type {Record<string, string>} */
const FIXED = { COPY_CODE: 'Copy offer code', OTP: 'Copy code' };

/**
 * @typedef {object} Written what the form holds
 * @property {string} kind
 * @property {string} category
 * @property {string} header
 * @property {string} headerSample
 * @property {string} body
 * @property {string} footer
 * @property {Record<string, string>} samples by the variable's number
 * @property {{type: string, text: string}[]} buttons
 * @property {string} file its name
 */

/** The numbers of a text's variables, each once, in order. @param {string} text */
export function variables(text) {
  const names = [...text.matchAll(VARIABLE)].map(([, name]) => String(Number(name)));
  return [...new Set(names)].sort((one, other) => Number(one) - Number(other));
}

/** The variable that comes next in a text: the first number it lacks. @param {string} text */
export function nextVariable(text) {
  const names = variables(text);
  let number = 1;
  while (names.includes(String(number))) number += 1;
  return `{{${number}}}`;
}

/** @param {Written} written @param {string} sender @returns {Model} */
export function model(written, sender) {
  return {
    sender,
    header: headerOf(written),
    body: parts(written.body, written.samples),
    footer: written.footer,
    buttons: written.buttons.map(({ type, text }) => ({ type: SIGNS[type] ?? 'reply', title: FIXED[type] ?? text })),
    list: null,
    time: '12:00',
    marketing: written.category === 'MARKETING',
  };
}

/** @param {Written} written @returns {Header | null} */
function headerOf({ kind, header, headerSample, file }) {
  if (kind in MEDIA) return { type: MEDIA[kind], name: file, size: '' };
  return header.trim() ? { type: 'text', parts: parts(header, { 1: headerSample }) } : null;
}

/** A text with its samples in place of the variables. @param {string} text @param {Record<string, string>} samples */
function parts(text, samples) {
  /** @type {Part[]} */
  const found = [];
  let end = 0;
  for (const match of text.matchAll(VARIABLE)) {
    const n = Number(match[1]);
    const sample = samples[String(n)]?.trim();
    found.push({ text: text.slice(end, match.index) });
    found.push(sample ? { field: match[0], sample, n } : { missing: match[0], n });
    end = match.index + match[0].length;
  }
  return [...found, { text: text.slice(end) }];
}
