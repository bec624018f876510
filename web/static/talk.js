// The conversation beside a card: it stays at its newest message, unless somebody reads further up; a file too large is named at once.
import { around } from './dom.js';

const NEAR = 40;
/** @type {WeakSet<Element>} boxes in which somebody has scrolled up */
const left = new WeakSet();

function toBottom() {
  for (const box of document.querySelectorAll('[data-bottom]')) if (!left.has(box)) box.scrollTop = box.scrollHeight;
}

document.addEventListener('scroll', ({ target }) => {
  if (!(target instanceof Element) || !target.matches('[data-bottom]')) return;
  if (target.scrollHeight - target.scrollTop - target.clientHeight > NEAR) left.add(target);
  else left.delete(target);
}, true);

document.addEventListener('change', (event) => {
  const field = /** @type {HTMLInputElement | null} */ (around(event, '[data-most]'));
  if (!field) return;
  const isTooLarge = [...(field.files ?? [])].some((file) => file.size > Number(field.dataset.most));
  field.setCustomValidity(isTooLarge ? field.dataset.wrong ?? '' : '');
  field.reportValidity();
});

// <button data-forget="id">: the form brings the chosen file no longer; the focus goes to what chooses another one.
document.addEventListener('click', (event) => {
  const button = around(event, '[data-forget]');
  if (!button) return;
  document.getElementById(button.dataset.forget ?? '')?.focus();
  button.closest('.chosen-file')?.replaceChildren();
});

document.body.addEventListener('htmx:afterSwap', toBottom);
toBottom();
