// Small controls of the app's pages that HTML alone cannot do. Everything works without them, a little less comfortably.
import { around, byId } from './dom.js';
import { localise } from './times.js';

const POLL_MS = 10_000;
const BEAT_MS = 2000;
const HIDDEN_BEAT_MS = 15_000;
const HIDDEN = 'waba24-hidden';

/**
 * Storage of the frame: many browsers refuse it to a foreign frame.
 * @param {(kept: Record<string, string>) => void} [change]
 * @returns {Record<string, string>} the day each notice was hidden, by its name
 */
function stored(change) {
  try {
    const kept = JSON.parse(window.localStorage.getItem(HIDDEN) ?? '{}');
    change?.(kept);
    if (change) window.localStorage.setItem(HIDDEN, JSON.stringify(kept));
    return kept;
  } catch {
    return {};
  }
}

const today = () => new Date().toDateString();

/** Hide what was hidden today. @param {ParentNode} root */
function hideAgain(root = document) {
  for (const element of /** @type {NodeListOf<HTMLElement>} */ (root.querySelectorAll('[data-hidable]'))) {
    element.hidden = stored()[element.dataset.hidable ?? ''] === today();
  }
}

/** `<button data-hide>` hides the `data-hidable` it is in, for today. @param {Event} event */
function hide(event) {
  const hidable = /** @type {HTMLElement | null | undefined} */ (around(event, '[data-hide]')?.closest('[data-hidable]'));
  if (!hidable) return;
  stored((kept) => { kept[hidable.dataset.hidable ?? ''] = today(); });
  hidable.hidden = true;
}

/** `<button data-reveal="id">` shows and hides what is typed into a password field. @param {Event} event */
function reveal(event) {
  const button = around(event, '[data-reveal]');
  if (!button) return;
  const field = /** @type {HTMLInputElement} */ (byId(button.dataset.reveal ?? ''));
  const isShown = field.type === 'password';
  field.type = isShown ? 'text' : 'password';
  button.setAttribute('aria-pressed', String(isShown));
}

/** `<button data-copy="id" data-done="words">` copies the text of an element. @param {Event} event */
async function copy(event) {
  const button = around(event, '[data-copy]');
  if (!button) return;
  const source = byId(button.dataset.copy ?? '');
  window.getSelection()?.selectAllChildren(source);
  // The clipboard may be forbidden in a frame; the older way works on a click, and else the text is selected.
  const done = await navigator.clipboard?.writeText(source.textContent ?? '').then(() => true, () => false);
  // Not imported: app.js bears a mark in its address, so that an import would run it a second time.
  if (done || document.execCommand('copy')) {
    document.dispatchEvent(new CustomEvent('waba24:say', { detail: button.dataset.done }));
  }
}

document.addEventListener('click', (event) => {
  hide(event);
  reveal(event);
  copy(event);
});

// <input type="range" data-mirror="id"> and the number field it stands for say the same.
document.addEventListener('input', ({ target }) => {
  if (!(target instanceof HTMLInputElement)) return;
  const { mirror } = target.dataset;
  if (mirror) /** @type {HTMLInputElement} */ (byId(mirror)).value = target.value;
  const slider = target.id && document.querySelector(`[data-mirror="${target.id}"]`);
  if (slider instanceof HTMLInputElement) slider.value = target.value;
});

// What is wrong is looked at again by itself, while somebody looks (hx-trigger="tick from:body").
setInterval(() => {
  if (document.visibilityState === 'visible') window.htmx.trigger(document.body, 'tick');
}, POLL_MS);

// What is counted while somebody looks (hx-trigger="beat from:body"): every 2 s, while the page is hidden every 15 s.
function beat() {
  window.htmx.trigger(document.body, 'beat');
  setTimeout(beat, document.visibilityState === 'visible' ? BEAT_MS : HIDDEN_BEAT_MS);
}
setTimeout(beat, BEAT_MS);

document.body.addEventListener('htmx:oobAfterSwap', () => {
  localise();
  hideAgain();
});
hideAgain();
