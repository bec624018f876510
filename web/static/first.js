// Runs before anything else on an app page: a press that comes before htmx has bound the links waits for it. The browser
// alone would follow the address without the session's header, and the frame would show a refusal.
/** @type {(() => void) | null} */
let waiting = null;
let isReady = false;

/** @param {Event} event @param {() => void} again what to do when htmx is there */
function hold(event, again) {
  if (isReady) return;
  event.preventDefault();
  event.stopPropagation();
  waiting = again;
}

document.addEventListener('click', (event) => {
  const link = event.target instanceof Element ? event.target.closest('a[hx-get]') : null;
  if (link instanceof HTMLElement) hold(event, () => link.click());
}, true);

document.addEventListener('submit', (event) => {
  const form = event.target;
  if (form instanceof HTMLFormElement && form.matches('[hx-get], [hx-post]')) hold(event, () => form.requestSubmit(event.submitter));
}, true);

// htmx binds on this event too, and was there before us in the document: a task later it is done.
document.addEventListener('DOMContentLoaded', () => setTimeout(() => {
  isReady = true;
  waiting?.();
}));
