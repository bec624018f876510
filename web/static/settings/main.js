// The settings page of a robot or an activity: whom, what, and when the workflow goes on. Bitrix24's Save stores it.
import { call, parent } from '../session.js';
import { notice, property, selectField, textField } from './controls.js';
import { announce, make, say } from './dom.js';
import { ending } from './ending.js';
import { Catalogue } from './expressions.js';
import { phone, summary } from './phone.js';
import { problems } from './problems.js';
import { createStore } from './store.js';

const read = (id) => JSON.parse(document.getElementById(id).textContent);

/** The part of an action that is its own: nobody need load the others'. */
const MODULES = {
  send_template: () => import('./send_template.js'),
  send_buttons: () => import('./choices.js'),
  send_list: () => import('./choices.js'),
};

/** Draw everything; when that fails, the saved values stay on the page as they came and nothing is written. */
async function start() {
  const raw = document.getElementById('raw');
  try {
    const page = read('settings');
    const { CONTENTS } = await (MODULES[page.action] ?? (() => import('./contents.js')))();
    const form = makeForm(page, new Catalogue(read('catalogue'), page.texts), CONTENTS[page.action]);
    document.getElementById('place').replaceChildren(form.element);
    form.begin();
  } catch (error) {
    raw.classList.add('is-shown');
    document.getElementById('place').replaceChildren(raw);
    reportError(error);
  }
}

function makeForm(page, catalogue, contentOf) {
  const { texts } = page;
  const touched = new Set();
  const form = {
    page, texts, catalogue, controls: new Map(), announce, ask,
    recheck: () => checks.now(), redraw: () => screen.draw(), point: (n) => screen.point(n),
  };
  form.sender = () => senderOf(form);
  form.store = createStore({
    values: page.values, properties: page.properties, write: (values) => parent.setProperties(values),
    onChange: (code) => {
      touched.add(code);
      screen.draw();
      checks.soon();
    },
  });
  const checks = problems({
    ask: () => check(form),
    controls: form.controls,
    isShown: (code) => !form.store.isNew || touched.has(code),
    words: { ready: () => readyWords(form, content), offline: () => say(texts, hasEnded ? 'page.ended' : 'page.offline') },
  });
  const content = contentOf(form);
  const screen = beside(form, content);
  const parts = [line(form, content), recipient(form), ...content.elements, ...ending(form),
    make('p', { class: 'hint save', text: say(texts, 'page.save') })];
  const element = frame(form, checks, make('form', { class: 'settings-form', on: {
    submit: (event) => event.preventDefault(),
    focusin: () => checks.fold(),
    focusout: ({ target }) => {
      form.store.flush();
      const code = codeOf(form, target);
      if (code && !touched.has(code)) {
        touched.add(code);
        checks.soon();
      }
    },
  } }, ...parts.filter(Boolean)), screen);
  return { element, begin: () => begin(form, element, checks, screen) };
}

/** The property an element belongs to by its id, f-<code> or f-<code>-<n>. */
const codeOf = ({ controls }, { id = '' }) =>
  [...controls.keys()].find((code) => id === `f-${code}` || id.startsWith(`f-${code}-`));

function begin(form, element, checks, screen) {
  form.store.writeDefaults();
  window.addEventListener('pagehide', () => form.store.flush());
  screen.draw();
  checks.now();
  parent.followHeight(element);
}

let hasEnded = false;
/** So long the person waits; then it is as if nobody answered. */
const PATIENCE_MS = 10000;

/** @returns {Promise<?Object>} null when nobody answers */
async function ask(path, options) {
  const answer = await call(path, options, PATIENCE_MS).catch(() => null);
  hasEnded = answer?.status === 401;
  return answer?.ok ? answer.json().catch(() => null) : null;
}

async function check({ page, store }) {
  return ask('/settings/check', {
    method: 'POST', headers: { 'Content-Type': 'application/json' },
    body: JSON.stringify({ side: page.side, action: page.action, values: store.all() }),
  });
}

/** «Шаблон visit_reminder · Готово к сохранению». */
function readyWords(form, content) {
  const name = content.name?.() ?? '';
  return [name && `${property(form, 'template').title} ${name}`, say(form.texts, 'page.ready')].filter(Boolean).join(' · ');
}

// --- to whom

function line(form, content) {
  const { page: { lines }, texts } = form;
  const { title } = property(form, 'line');
  const usable = lines.filter(({ connected }) => connected);
  const why = make('div');
  const tell = () => {
    const { why: words } = chosenLine(form) ?? { why: '' };
    why.replaceChildren(...(words ? [notice('warn', words)] : []));
  };
  const options = [['', say(texts, 'line.auto')], ...usable.map((one) => [one.id, named(one, texts)])];
  const field = selectField(form, {
    code: 'line', label: title, hint: say(texts, 'line.auto_hint'), options,
    strange: (value) => strangeLine(form, value),
    onChange: () => {
      tell();
      content.lineChanged?.();
    },
  });
  tell();
  const none = usable.length ? null : notice('warn', make('p', { text: say(texts, 'line.none') }));
  return make('div', {}, none, field.element, why);
}

function named({ name, phone: digits, default: isDefault }, texts) {
  return `${name} · +${digits}${isDefault ? ` · ${say(texts, 'line.default')}` : ''}`;
}

/** A line saved by name or by an expression, or one that is not connected any more. */
function strangeLine({ page: { lines }, texts, catalogue }, value) {
  const known = lines.find((one) => one.id === value || one.names.includes(value) || one.phone === value.replace(/\D/g, ''));
  if (!known) return catalogue.name(value) || value;
  return known.connected ? `${value} · +${known.phone}` : `${known.name} · ${say(texts, 'line.gone')}`;
}

function chosenLine({ page: { lines }, store }) {
  const value = store.text('line');
  if (!value) return lines.find((one) => one.default && one.connected);
  return lines.find((one) => one.id === value) ?? lines.find((one) => one.names.includes(value));
}

function senderOf(form) {
  return chosenLine(form)?.name ?? 'WhatsApp';
}

function recipient(form) {
  const { texts } = form;
  const { required, hint } = property(form, 'phone');
  const placeholder = required ? '+7 912 345-67-89' : say(texts, 'to.client');
  return textField(form, 'phone', { label: say(texts, 'to.label'), hint, placeholder, fit: 'phone' }).element;
}

// --- the phone, and what is around the form

function beside(form, content) {
  const { texts } = form;
  if (!content.model) return { element: null, draw() {}, point() {} };
  const screen = phone({ texts, onPoint: (n) => content.pointed?.(n) });
  const under = make('p', { class: 'hint' });
  const element = make('aside', { class: 'beside', id: 'phone', 'aria-label': say(texts, 'phone.label') }, screen.element, under);
  let due = 0;
  const show = () => {
    due = 0;
    const model = content.model();
    element.classList.toggle('is-empty', !model);
    if (model) screen.show(model);
    const about = model && content.summary?.();
    under.textContent = about ? summary(texts, about) : '';
  };
  return {
    element,
    draw: () => { due ||= requestAnimationFrame(show); },
    point: (n) => screen.highlight(n),
  };
}

function frame({ texts }, checks, form, screen) {
  const bar = make('div', { class: 'bar' }, checks.element);
  const element = make('div', { class: 'settings-box' }, bar, make('div', { class: 'settings-columns' }, form, screen.element));
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

start();
