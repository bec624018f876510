// A file made of a form: a link could not carry the session's header, and an address must not carry a phone.
import { call } from './session.js';

/**
 * <button data-download="/address" data-name="file.csv" form="id">: post the form there and save what comes.
 * @param {HTMLButtonElement} button
 */
export async function download(button) {
  if (button.getAttribute('aria-busy') === 'true') return;
  button.setAttribute('aria-busy', 'true');
  try {
    const answer = await call(button.dataset.download, { method: 'POST', body: new URLSearchParams(new FormData(button.form)) });
    if (!answer.ok) throw new Error(String(answer.status));
    const link = Object.assign(document.createElement('a'), {
      href: URL.createObjectURL(await answer.blob()),
      download: button.dataset.name,
    });
    link.click();
    setTimeout(() => URL.revokeObjectURL(link.href), 60000);
  } finally {
    button.removeAttribute('aria-busy');
  }
}
