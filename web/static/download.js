// A file made of a form: a link could not carry the session's header, and an address must not carry a phone.
// A long file comes in parts, so that none of them holds a thread of the server for long. Workbooks cannot be joined: each part
// of them is a file.
import { make } from './dom.js';
import { call } from './session.js';

const NEXT = 'X-Waba24-Next';

/** The server says in a sentence why there is no file. */
export class Refused extends Error {}

/**
 * <button data-download="/address" data-name="file.csv" form="id">: post the form there and save what comes.
 * With data-each, each part becomes a file: file-1.xlsx, file-2.xlsx; a single one is file.xlsx.
 * @param {HTMLButtonElement} button
 */
export async function download(button) {
  if (button.getAttribute('aria-busy') === 'true') return;
  button.setAttribute('aria-busy', 'true');
  try {
    const parts = await fetched(button.dataset.download ?? '', textFields(button.form));
    const name = button.dataset.name ?? '';
    if ('each' in button.dataset && parts.length > 1) parts.forEach((part, place) => save(part, numbered(name, place + 1)));
    else save(new Blob(parts, { type: parts[0].type }), name);
  } finally {
    button.removeAttribute('aria-busy');
  }
}

/** @param {Blob} file @param {string} name */
function save(file, name) {
  const link = make('a', { href: URL.createObjectURL(file), download: name });
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 60000);
}

/** @param {string} name @param {number} nth @returns {string} file-2.xlsx, say */
const numbered = (name, nth) => name.replace(/(\.\w+)?$/, `-${nth}$1`);

/** @param {string} address @param {URLSearchParams} fields @returns {Promise<Blob[]>} the parts of the file, in their order */
async function fetched(address, fields) {
  const answer = await call(address, { method: 'POST', body: fields });
  if (!answer.ok) throw await refusal(answer);
  const part = await answer.blob();
  const next = answer.headers.get(NEXT);
  if (!next) return [part];
  fields.set('after', next);
  return [part, ...await fetched(address, fields)];
}

/** @param {Response} answer */
async function refusal(answer) {
  const isSaid = answer.headers.get('Content-Type')?.startsWith('text/plain');
  return isSaid ? new Refused(await answer.text()) : new Error(String(answer.status));
}

/** @param {HTMLFormElement | null} form without files */
function textFields(form) {
  const fields = [...new FormData(form ?? undefined)];
  return new URLSearchParams(fields.map(([name, value]) => [name, String(value)]));
}
