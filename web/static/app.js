// What htmx leaves to us on the app's pages: the session's header, an ended session, focus, times, dialogs, the frame's height.
import { nameCountries } from './countries.js';
import { around, byId, make } from './dom.js';
import { download, Refused } from './download.js';
import { headers, parent, renew } from './session.js';
import { localise } from './times.js';

const main = byId('main');
const said = byId('said');
let pressedAt = 0;
document.addEventListener('pointerdown', (event) => { pressedAt = event.clientY + 24; }, true);

/** Say something to screen readers and show it for a while. @param {string} text */
export function say(text) {
  said.textContent = text;
  const toast = make('div', { class: 'toast', text });
  // In a frame higher than the window around it, the lower edge may be out of sight: beside what was pressed it is not.
  if (window.innerHeight > 1200 && pressedAt) Object.assign(toast.style, { top: `${pressedAt}px`, bottom: 'auto' });
  document.body.append(toast);
  setTimeout(() => toast.remove(), 5000);
}

document.addEventListener('waba24:say', (event) => say(event.detail));

// <form data-person hx-post="…">: what the person may see in Bitrix24 is asked with his own token, which only the portal gives.
let person = '';
document.body.addEventListener('htmx:confirm', (event) => {
  const { elt, issueRequest } = event.detail;
  if (!elt.matches('[data-person]')) return;
  event.preventDefault();
  parent.accessToken().then((token) => {
    person = token ?? '';
    issueRequest(true);
  });
});

document.body.addEventListener('htmx:configRequest', (event) => {
  if (event.detail.elt.matches('[data-person]')) event.detail.parameters.access_token = person;
});

document.body.addEventListener('htmx:configRequest', (event) => Object.assign(event.detail.headers, headers()));

document.body.addEventListener('htmx:beforeSwap', (event) => {
  const { xhr, requestConfig } = event.detail;
  if (xhr.status === 401) {
    again(requestConfig);
  } else if (xhr.status !== 204 && xhr.getResponseHeader('Content-Type')?.startsWith('text/html')) {
    event.detail.shouldSwap = true; // our refusals are pages too: what happened, and what to do
    event.detail.isError = false;
    if (xhr.status >= 400) aside(event.detail);
    // Words for rows of a list that has left the page meanwhile.
    if (!requestConfig.elt.isConnected && requestConfig.elt.matches('[hx-swap="none"]')) event.detail.shouldSwap = false;
  }
});

/** data-stays="id": what stands or was typed there must not give way to a refusal, which goes to that place; "": nowhere. @param {HtmxSwap} swap */
function aside(swap) {
  const place = /** @type {HTMLElement | null} */ (swap.target.closest('[data-stays]'))?.dataset.stays;
  if (place === undefined) return;
  const other = document.getElementById(place);
  if (other) swap.target = other;
  else swap.shouldSwap = false;
}

/** The session has ended: renew it and repeat the request once; what was typed stays. @param {HtmxRequest} request */
async function again({ verb, path, parameters, elt, target, headers: sent }) {
  if (sent['X-Waba24-Again'] || !(await renew())) {
    say(main.dataset.ended ?? '');
    return;
  }
  window.htmx.ajax(verb, path, { source: elt, target, values: parameters, headers: { 'X-Waba24-Again': '1' } });
}

// Words for places elsewhere on the page, if it is still the same page: {id: text}, in the answer's header HX-Trigger.
document.body.addEventListener('waba24:fill', ({ detail }) => {
  for (const [id, words] of Object.entries(detail)) {
    const place = document.getElementById(id);
    if (place) place.textContent = words;
  }
});

for (const silence of ['htmx:sendError', 'htmx:timeout']) {
  document.body.addEventListener(silence, () => say(main.dataset.offline ?? ''));
}

document.body.addEventListener('htmx:afterSwap', (event) => {
  // What replaces a whole element leaves the element that was asked for outside the page.
  const came = event.detail.target.isConnected ? event.detail.target : document;
  localise(came);
  nameCountries(came);
  // The first of the rows that were fetched: the button that had the focus is gone. (autofocus is refused in a frame.)
  const next = /** @type {HTMLElement | null} */ (document.querySelector('[data-next]'));
  next?.removeAttribute('data-next');
  next?.focus();
  if (event.detail.target !== main) return;
  const { section } = /** @type {HTMLElement} */ (main.firstElementChild).dataset;
  if (section) remember(section);
  for (const link of /** @type {NodeListOf<HTMLElement>} */ (document.querySelectorAll('.top a'))) {
    if (link.dataset.section === section) link.setAttribute('aria-current', 'page');
    else link.removeAttribute('aria-current');
  }
  const place = /** @type {HTMLElement | null} */ (
    main.querySelector('[data-focus]') ?? main.querySelector('[role=alert], h1'));
  place?.setAttribute('tabindex', '-1');
  place?.focus();
  window.scrollTo(0, 0);
});

// <button data-dialog="id"> opens a <dialog>, <button data-close> closes the one it is in.
document.addEventListener('click', (event) => {
  const dialog = around(event, '[data-dialog]')?.dataset.dialog;
  if (dialog) /** @type {HTMLDialogElement} */ (byId(dialog)).showModal();
  around(event, '[data-close]')?.closest('dialog')?.close();
  const file = /** @type {HTMLButtonElement | null} */ (around(event, '[data-download]'));
  if (file) download(file).catch((error) => say(error instanceof Refused ? error.message : main.dataset.offline ?? ''));
  const path = around(event, '[data-open-path]')?.dataset.openPath;
  if (path) {
    event.preventDefault();
    parent.openPath(path);
  }
});

// The menu of further sections closes when one is chosen, at a press elsewhere, and at Esc, which gives the focus back.
const more = /** @type {HTMLDetailsElement | null} */ (document.querySelector('.more'));
document.addEventListener('click', ({ target }) => {
  if (!(target instanceof Element) || !more) return;
  if (!more.contains(target) || target.closest('a')) more.open = false;
});
document.addEventListener('keydown', ({ key }) => {
  if (key !== 'Escape' || !more?.open) return;
  more.open = false;
  more.querySelector('summary')?.focus();
});

// A reload of the portal's page opens the frame anew: go back to the section that was open. Best effort, per tab.
const PLACE = 'waba24.section';

/** @param {string} section */
function remember(section) {
  try {
    sessionStorage.setItem(PLACE, section);
  } catch { /* the browser keeps nothing for foreign frames */ }
}

function remembered() {
  try {
    return sessionStorage.getItem(PLACE) ?? '';
  } catch {
    return '';
  }
}

/**
 * Not a click: htmx binds the links only when the document is ready, and the browser itself would follow the address.
 * @param {string} section
 */
async function open(section) {
  const link = /** @type {HTMLAnchorElement | null} */ (
    document.querySelector(`.top a[data-section="${CSS.escape(section)}"]:not([aria-current])`));
  if (link) await window.htmx.ajax('GET', link.pathname, { source: link, target: main }).catch(() => {});
}

localise();
nameCountries();
parent.followHeight(main);
// At once: after somebody has pressed a link it would take them away from there.
// A page that was opened for something of its own (a story, a campaign) stays.
const reopened = main.hasAttribute('data-opened') ? Promise.resolve() : open(remembered());
// Whoever opens the app in a slider may say which section is wanted (frame.js, openApplication).
Promise.all([parent.ready, reopened]).then(([init]) => open(/** @type {{section?: string}} */ (init?.options ?? {}).section ?? ''));
