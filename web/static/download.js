// A file made of a form: a link could not carry the session's header, and an address must not carry a phone.
import { make } from './dom.js';
import { call } from './session.js';

/**
 * <button data-download="/address" data-name="file.csv" form="id">: post the form there and save what comes.
 * @param {HTMLButtonElement} button
 */
export async function download(button) {
  if (button.getAttribute('aria-busy') === 'true') return;
  button.setAttribute('aria-busy', 'true');
  try {
    const answer = await call(button.dataset.download ?? '', { method: 'POST', body: textFields(button.form) });
    if (!answer.ok) throw new Error(String(answer.status));
    const link = make('a', { href: URL.createObjectURL(await answer.blob()), download: button.dataset.name });
    link.click();
    setTimeout(() => URL.revokeObjectURL(link.href), 60000);
  } finally {
    button.removeAttribute('aria-busy');
  }
}

/** @param {HTMLFormElement | null} form without files */
function textFields(form) {
  const fields = [...new FormData(form ?? undefined)];
  return new URLSearchParams(fields.map(([name, value]) => [name, String(value)]));
}
