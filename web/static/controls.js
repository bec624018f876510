// Small controls of the app's pages that HTML alone cannot do. Everything works without them, a little less comfortably.
import { localise } from './times.js';

const POLL_MS = 10_000;
const HIDDEN = 'waba24-hidden';

/** Storage of the frame: many browsers refuse it to a foreign frame. */
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
  for (const element of root.querySelectorAll('[data-hidable]')) {
    element.hidden = stored()[element.dataset.hidable] === today();
  }
}

document.addEventListener('click', async (event) => {
  const { target } = event;
  const hidable = target.closest('[data-hide]')?.closest('[data-hidable]');
  if (hidable) {
    stored((kept) => { kept[hidable.dataset.hidable] = today(); });
    hidable.hidden = true;
  }
  const reveal = target.closest('[data-reveal]');
  if (reveal) {
    const field = document.getElementById(reveal.dataset.reveal);
    const shown = field.type === 'password';
    field.type = shown ? 'text' : 'password';
    reveal.setAttribute('aria-pressed', String(shown));
  }
  const copy = target.closest('[data-copy]');
  if (copy) {
    const source = document.getElementById(copy.dataset.copy);
    const range = document.createRange();
    range.selectNodeContents(source);
    window.getSelection().removeAllRanges();
    window.getSelection().addRange(range);
    // The clipboard may be forbidden in a frame; the older way works on a click, and else the text is selected.
    const done = await navigator.clipboard?.writeText(source.textContent).then(() => true, () => false);
    // Not imported: app.js bears a mark in its address, so that an import would run it a second time.
    if (done || document.execCommand('copy')) {
      document.dispatchEvent(new CustomEvent('waba24:say', { detail: copy.dataset.done }));
    }
  }
});

// <input type="range" data-mirror="id"> and the number field it stands for say the same.
document.addEventListener('input', (event) => {
  const { target } = event;
  if (target.dataset.mirror) document.getElementById(target.dataset.mirror).value = target.value;
  const slider = target.id && document.querySelector(`[data-mirror="${target.id}"]`);
  if (slider) slider.value = target.value;
});

// What is wrong is looked at again by itself, while somebody looks (hx-trigger="tick from:body").
setInterval(() => {
  if (document.visibilityState === 'visible') window.htmx.trigger(document.body, 'tick');
}, POLL_MS);

document.body.addEventListener('htmx:oobAfterSwap', () => {
  localise();
  hideAgain();
});
hideAgain();
