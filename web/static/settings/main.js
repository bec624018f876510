// The settings page of a robot or an activity: whom, what, and when the workflow goes on. Bitrix24's Save stores it.
import { byId, make, readData } from '../dom.js';
import { call, parent } from '../session.js';
import { ending } from './ending.js';
import { Catalogue } from './expressions.js';
import { hasProperty, property } from './form.js';
import { judgement } from './judgement.js';
import { lineField, recipientField, senderOf } from './line.js';
import { phone, summary } from './phone.js';
import { problems } from './problems.js';
import { showing } from './showing.js';
import { createStore } from './store.js';
import { announce, say } from './texts.js';

/** @import { Content, Form, Page } from './form.js' */

/** @typedef {(form: Form) => Content} ContentOf */
/** @typedef {ReturnType<typeof problems>} Checks */
/** @typedef {{element: HTMLElement | null, draw: () => void, point: (n: number | null) => void}} Screen element: null when
 *   there is no phone */

/**
 * Actions whose editor has a module of its own; the other editors are in contents.js.
 * @type {Record<string, (() => Promise<{CONTENTS: Record<string, ContentOf | undefined>}>) | undefined>}
 */
const MODULES = {
  send_template: () => import('./send_template.js'),
  send_buttons: () => import('./choices.js'),
  send_list: () => import('./choices.js'),
};

/** The part of the form that is the action's own: its editor, else a field for every property. @param {string} action */
async function contentOf(action) {
  const { CONTENTS } = await (MODULES[action] ?? (() => import('./contents.js')))();
  return CONTENTS[action] ?? (await import('./ordinary.js')).ordinary;
}

/** Draw everything; when that fails, the saved values stay on the page as they came and nothing is written. */
async function start() {
  const raw = byId('raw');
  try {
    /** @type {Page} */
    const page = readData('settings');
    const form = makeForm(page, new Catalogue(readData('catalogue'), page.texts), await contentOf(page.action));
    byId('place').replaceChildren(form.element);
    form.begin();
  } catch (error) {
    raw.classList.add('is-shown');
    byId('place').replaceChildren(raw);
    reportError(error);
  }
}

/** @param {Page} page @param {Catalogue} catalogue @param {ContentOf} makeContent */
function makeForm(page, catalogue, makeContent) {
  const { texts } = page;
  /** The properties whose field has been changed or left. @type {Set<string>} */
  const touched = new Set();
  const store = createStore({
    values: page.values, properties: page.properties, write: (values) => parent.setProperties(values),
    onChange: (code) => {
      touched.add(code);
      screen.draw();
      rules.draw();
      checks.soon();
    },
  });
  /** @type {Form} */
  const form = {
    page, texts, catalogue, store, host: parent, controls: new Map(), announce, ask, sender: () => senderOf(form),
    recheck: () => checks.now(), redraw: () => screen.draw(), point: (n) => screen.point(n),
  };
  /** @type {Checks} */
  const checks = problems({
    ask: () => check(form),
    controls: form.controls,
    showRecipient: (answer) => recipient?.show(answer),
    isShown: (code) => !store.isNew || touched.has(code),
    words: { ready: () => readyWords(form, content), offline: () => say(texts, unanswered) },
  });
  const content = makeContent(form);
  const rules = judgement(form);
  const isAddressed = hasProperty(form, 'phone');
  const recipient = isAddressed ? recipientField(form) : null;
  const line = isAddressed ? lineField(form, () => {
    content.lineChanged?.();
    rules.lineChanged();
  }) : null;
  const screen = beside(form, content);
  const parts = [line, recipient?.element ?? null, ...content.elements, ...ending(form), ...rules.elements, ...showing(form),
    make('p', { class: 'hint save', text: say(texts, 'page.save') })];
  const element = frame(form, checks, make('form', { class: 'settings-form', on: {
    submit: (event) => event.preventDefault(),
    focusin: () => checks.fold(),
    focusout: ({ target }) => {
      const code = codeOf(form, /** @type {Element} */ (target));
      if (code && !touched.has(code)) {
        touched.add(code);
        checks.soon();
      }
    },
  } }, ...parts), screen);
  return { element, begin: () => begin(form, element, checks, screen) };
}

/** The property an element belongs to by its id, f-<code> or f-<code>-<n>. @param {Form} form @param {Element} element */
const codeOf = ({ controls }, { id }) =>
  [...controls.keys()].find((code) => id === `f-${code}` || id.startsWith(`f-${code}-`));

/** @param {Form} form @param {HTMLElement} element @param {Checks} checks @param {Screen} screen */
function begin(form, element, checks, screen) {
  form.store.writeDefaults();
  screen.draw();
  checks.now();
  parent.followHeight(element);
}

/** What is said when a question brought no answer, by its status; else 'page.offline'. @type {Record<number, string | undefined>} */
const UNANSWERED = { 401: 'page.ended', 413: 'page.too_large' };
let unanswered = 'page.offline';
/** How long the person waits; then it is as if nobody had answered. */
const PATIENCE_MS = 10000;

/** @type {Form['ask']} */
async function ask(path, options) {
  const answer = await call(path, options, PATIENCE_MS).catch(() => null);
  unanswered = UNANSWERED[answer?.status ?? 0] ?? 'page.offline';
  return answer?.ok ? answer.json().catch(() => null) : null;
}

/** @param {Form} form */
async function check({ page, store }) {
  return ask('/settings/check', {
    method: 'POST', headers: { 'Content-Type': 'application/json' },
    body: JSON.stringify({ side: page.side, action: page.action, values: store.all() }),
  });
}

/** «Шаблон visit_reminder · Готово к сохранению». @param {Form} form @param {Content} content */
function readyWords(form, content) {
  const name = content.name?.() ?? '';
  return [name && `${property(form, 'template').title} ${name}`, say(form.texts, 'page.ready')].filter(Boolean).join(' · ');
}

// --- the phone, and what is around the form

/** @param {Form} form @param {Content} content @returns {Screen} */
function beside(form, content) {
  const { texts } = form;
  const { model: modelOf } = content;
  if (!modelOf) return { element: null, draw() {}, point() {} };
  const screen = phone({ texts, onPoint: (n) => content.pointed?.(n) });
  const under = make('p', { class: 'hint' });
  const element = make('aside', { class: 'beside', id: 'phone', 'aria-label': say(texts, 'phone.label') }, screen.element, under);
  let due = 0;
  const show = () => {
    due = 0;
    const model = modelOf();
    element.classList.toggle('is-empty', !model);
    if (model) screen.show(model);
    const about = model ? content.summary?.() : null;
    under.textContent = about ? summary(texts, about) : '';
  };
  return {
    element,
    draw: () => { due ||= requestAnimationFrame(show); },
    point: (n) => screen.highlight(n),
  };
}

/** @param {Form} form @param {Checks} checks @param {HTMLElement} fields @param {Screen} screen */
function frame({ texts }, checks, fields, screen) {
  const bar = make('div', { class: 'bar' }, checks.element);
  const columns = make('div', { class: 'settings-columns' }, fields, screen.element);
  const element = make('div', { class: 'settings-box' }, bar, columns);
  tellOfMore(element, fields);
  if (!screen.element) return element;
  const toggle = () => {
    const isOpen = element.classList.toggle('is-previewed');
    button.setAttribute('aria-expanded', String(isOpen));
    if (isOpen) window.scrollTo(0, 0);
  };
  const button = make('button', {
    type: 'button', class: 'btn btn-s preview', 'aria-expanded': 'false', 'aria-controls': 'phone',
    text: say(texts, 'page.preview'), on: { click: toggle },
  });
  bar.append(button);
  return element;
}

/**
 * A shade at the lower edge says that the form goes on below it.
 * @param {HTMLElement} box @param {HTMLElement} fields
 */
function tellOfMore(box, fields) {
  const end = make('div', { class: 'end' });
  fields.append(end);
  // The document as root: without one, what the portal's window cuts off would count as cut off by the frame.
  const observer = new IntersectionObserver(([{ isIntersecting }]) => box.classList.toggle('goes-on', !isIntersecting), {
    root: document,
  });
  observer.observe(end);
}

start();
