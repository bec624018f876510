// The client's screen beside the form: what a message will look like, drawn anew at every change.
import { icon, make, say } from './dom.js';
import { marks, render } from './marks.js';

/**
 * @typedef {Object} Part one of: {text, n?} as it is · {field, sample?, n?} a field of Bitrix24, `sample` shown instead of
 *   its name · {missing, n?} a variable without a value, `missing` being what to show · {fallback, n?} what stands in for
 *   an empty value. `n` names the variable for highlight() and onPoint().
 * @typedef {string|Part[]} Parts
 * @typedef {Object} Header `type` text: `parts` · image, video, audio, document: `name`, `size` (words) · location: `name`
 *   place, `parts` address, `point` coordinates · contact: `name`, `parts` company or phone
 * @typedef {Object} Model
 * @property {string} sender
 * @property {?{type: string, parts: Parts, name: Parts, size: string, point: Parts}} header
 * @property {Parts} body
 * @property {Parts} footer
 * @property {{type: 'reply'|'url'|'phone'|'copy', title: Parts}[]} buttons in the message's order
 * @property {?{button: Parts, sections: {title: Parts, rows: {title: Parts, description: Parts}[]}[]}} list
 * @property {string} time
 * @property {boolean} [marketing] the body may fold early
 */

const SIGNS = { reply: 'reply', url: 'link', phone: 'call', copy: 'copy' };
const ALL_SHOWN = 3;
const LINE = 19;
const FOLDED_LINES = 25;
const MARKETING_LINES = 5;

/**
 * @param {{texts: Object, onPoint?: function(?string)}} options onPoint: the variable under the pointer, or null
 * @returns {{element: HTMLElement, show: function(Model), highlight: function(?(string|number))}}
 */
export function phone({ texts, onPoint = () => {} }) {
  const state = { lit: null, unfolded: false };
  const top = make('div', { class: 'top' });
  const scroll = make('div', { class: 'scroll' });
  const panel = make('div', { class: 'panel' });
  const screen = make('section', { class: 'wa', 'aria-label': say(texts, 'phone.label') }, top, scroll, panel);
  const open = make('input', { type: 'checkbox' });
  const openText = make('span');
  const toggle = make('label', { class: 'wa-toggle' }, open, openText);
  const element = make('div', { class: 'wa-place' }, screen, toggle);

  function highlight(n) {
    state.lit = n === null || n === undefined ? null : String(n);
    let first = null;
    for (const place of screen.querySelectorAll('[data-n]')) {
      place.classList.toggle('lit', place.dataset.n === state.lit);
      if (place.dataset.n === state.lit) first ??= place;
    }
    if (first) reveal(first, scroll);
  }

  function show(model) {
    top.replaceChildren(...title(model.sender, texts));
    scroll.replaceChildren(bubble(model, texts, state), ...notes(model, texts));
    const sheet = sheetOf(model, texts);
    panel.replaceChildren(...(sheet?.content ?? []));
    toggle.hidden = !sheet;
    openText.textContent = sheet?.toggle ?? '';
    slide();
    highlight(state.lit);
  }

  function slide() {
    panel.hidden = !open.checked || toggle.hidden;
    screen.classList.toggle('opened', !panel.hidden);
  }

  open.addEventListener('change', slide);
  element.addEventListener('pointerover', ({ target }) => onPoint(target.closest('[data-n]')?.dataset.n ?? null));
  element.addEventListener('pointerleave', () => onPoint(null));
  watch(scroll);
  watch(panel);
  return { element, show, highlight };
}

/** «212 / 1024 с примерами · 3 переменные · платное: маркетинг». `paid`: the category in the viewer's words, or ''. */
export function summary(texts, { length, limit, variables = 0, paid = '' }) {
  const count = say(texts, variables ? 'phone.length_with_samples' : 'phone.length', { length, limit });
  const words = variables ? [say(texts, 'phone.variables', { n: variables })] : [];
  return [count, ...words, ...(paid ? [say(texts, 'phone.paid', { category: paid })] : [])].join(' · ');
}

/** What a client would read of these parts. */
export function plain(parts) {
  return pieces(parts).map(({ shown }) => shown).join('');
}

function title(sender, texts) {
  return [
    make('span', { 'aria-hidden': 'true', text: '‹' }),
    make('strong', { dir: 'auto', text: sender }),
    make('small', {}, icon('tick'), say(texts, 'phone.business')),
  ];
}

function bubble(model, texts, state) {
  const body = make('div', { class: 'body', dir: 'auto' }, ...withMarks(model.body));
  const said = foldable(body, model, texts, state);
  const made = make('article', { class: 'bubble', 'aria-label': model.sender },
    ...(model.header ? headerOf(model.header, texts) : []),
    plain(model.body) ? said.element : null,
    plain(model.footer) ? make('p', { class: 'foot', dir: 'auto', 'data-read': '' }, ...unmarked(model.footer)) : null,
    make('p', { class: 'meta' }, make('time', { text: model.time })),
  );
  if (model.header?.type === 'contact') made.append(contactChoices(texts));
  const choices = choicesOf(model, texts);
  if (choices.length) made.append(make('div', { class: 'choices' }, ...choices));
  new ResizeObserver(said.measure).observe(made);
  return made;
}

// Whether a text is too long is known only once it has been laid out, and again when the column changes its width.
function foldable(body, model, texts, state) {
  const more = make('button', { type: 'button', class: 'fold', hidden: true, text: say(texts, 'phone.more') });
  const line = model.marketing ? make('span', { class: 'early', 'aria-hidden': 'true' }) : null;
  const element = make('div', { class: 'said' }, body, line, more);
  const content = document.createRange();
  content.selectNodeContents(body);
  const measure = () => {
    const { height } = content.getBoundingClientRect();
    const folded = height > FOLDED_LINES * LINE + LINE / 2 && !state.unfolded;
    element.classList.toggle('folded', folded);
    element.classList.toggle('early-fold', Boolean(line) && height > MARKETING_LINES * LINE + LINE / 2);
    more.hidden = !folded;
  };
  more.addEventListener('click', () => {
    state.unfolded = true;
    measure();
  });
  return { element, measure };
}

function notes(model, texts) {
  return model.marketing ? [make('p', { class: 'note', text: say(texts, 'phone.marketing_fold') })] : [];
}

function headerOf(header, texts) {
  const name = make('span', { dir: 'auto', 'data-read': '' }, ...unmarked(header.name));
  if (header.type === 'text') return [make('p', { class: 'head', dir: 'auto', 'data-read': '' }, ...unmarked(header.parts))];
  if (header.type === 'image' || header.type === 'video') return [tile(header, name, texts)];
  if (header.type === 'audio') {
    return [make('div', { class: 'voice' }, icon('play'), make('span', { class: 'wave' }), hidden(say(texts, 'phone.audio')))];
  }
  if (header.type === 'document') return [file(header, name, texts)];
  return header.type === 'location' ? location(header, texts) : [person(header)];
}

function tile(header, name, texts) {
  const word = make('b', { text: say(texts, header.type === 'image' ? 'phone.image' : 'phone.video') });
  const sign = icon(header.type === 'image' ? 'photo' : 'play');
  return make('div', { class: `tile ${header.type}` }, sign, word, make('small', {}, name), small(header.size));
}

function file(header, name, texts) {
  const shown = plain(header.name);
  const kind = /\.[A-Za-z0-9]{1,5}$/.test(shown) ? shown.split('.').at(-1).toUpperCase() : say(texts, 'phone.document');
  const about = make('span', { class: 'two' }, name, make('small', { text: [kind, header.size].filter(Boolean).join(' · ') }));
  return make('div', { class: 'doc' }, icon('file'), about);
}

function location(header, texts) {
  const named = plain(header.name);
  const place = make('strong', { 'data-read': '' }, ...(named ? unmarked(header.name) : [say(texts, 'phone.location')]));
  const address = plain(header.parts) ? make('span', { 'data-read': '' }, ...unmarked(header.parts)) : null;
  const point = !named && plain(header.point) ? make('small', { 'data-read': '' }, ...unmarked(header.point)) : null;
  return [make('div', { class: 'map' }, icon('pin')), make('p', { class: 'spot', dir: 'auto' }, place, address, point)];
}

function person(header) {
  const words = pieces(header.name).filter((piece) => piece.known).map(({ shown }) => shown).join('').match(/[\p{L}\p{N}]+/gu);
  const initials = (words ?? []).slice(0, 2).map((word) => [...word][0].toUpperCase()).join('');
  const about = plain(header.parts) ? make('small', { 'data-read': '' }, ...unmarked(header.parts)) : null;
  return make('div', { class: 'person' }, make('span', { class: 'face', 'aria-hidden': 'true', text: initials }),
    make('span', { class: 'two', dir: 'auto' }, make('strong', { 'data-read': '' }, ...unmarked(header.name)), about));
}

function contactChoices(texts) {
  const words = ['phone.write', 'phone.save_contact'].map((key) => say(texts, key));
  return make('div', { class: 'choices pair' }, ...words.map((text) => make('span', { class: 'choice' }, read(text))));
}

function choicesOf(model, texts) {
  if (model.list) return [choice('list', model.list.button)];
  const all = (model.buttons ?? []).map(({ type, title: parts }) => choice(SIGNS[type], parts));
  return all.length > ALL_SHOWN ? [...all.slice(0, ALL_SHOWN - 1), choice('list', say(texts, 'phone.see_all'))] : all;
}

function choice(sign, parts) {
  return make('span', { class: 'choice', dir: 'auto' }, icon(sign), make('span', { 'data-read': '' }, ...unmarked(parts)));
}

/** What slides up from below, or null when this message has no such thing. */
function sheetOf(model, texts) {
  if (model.list) {
    const rows = model.list.sections.flatMap((section) => sectionOf(section));
    const send = make('span', { class: 'send', text: say(texts, 'phone.send') });
    const head = make('p', { class: 'panel-title', 'data-read': '' }, ...unmarked(model.list.button));
    return { toggle: say(texts, 'phone.list_open'), content: [head, make('div', { class: 'options' }, ...rows), send] };
  }
  if ((model.buttons ?? []).length <= ALL_SHOWN) return null;
  const all = model.buttons.map(({ type, title: parts }) => choice(SIGNS[type], parts));
  const head = make('p', { class: 'panel-title', text: say(texts, 'phone.see_all'), 'data-read': '' });
  return { toggle: say(texts, 'phone.all_open'), content: [head, make('div', { class: 'options' }, ...all)] };
}

function sectionOf({ title: name, rows }) {
  const head = plain(name) ? [make('p', { class: 'section', dir: 'auto', 'data-read': '' }, ...unmarked(name))] : [];
  return [...head, ...rows.map(rowOf)];
}

function rowOf(row) {
  const about = plain(row.description) ? make('small', { 'data-read': '' }, ...unmarked(row.description)) : null;
  const words = make('span', { class: 'two', dir: 'auto' }, make('strong', { 'data-read': '' }, ...unmarked(row.title)), about);
  return make('div', { class: 'option' }, words, make('span', { class: 'radio', 'aria-hidden': 'true' }));
}

function read(text) {
  return make('span', { 'data-read': '', text });
}

function small(text) {
  return text ? make('small', { text }) : null;
}

function hidden(text) {
  return make('span', { class: 'wa-hidden', text });
}

/** Each part with what is shown of it; `known`: whether this is what the client will read, or only a name for it. */
function pieces(parts) {
  const list = typeof parts === 'string' ? [{ text: parts }] : parts ?? [];
  return list.map((part) => {
    if ('missing' in part) return { shown: part.missing, kind: 'missing', known: false, n: part.n };
    if ('fallback' in part) return { shown: part.fallback, kind: 'fallback', known: true, n: part.n };
    if (!('field' in part)) return { shown: part.text, kind: '', known: true, n: part.n };
    return { shown: part.sample || part.field, kind: 'field', known: Boolean(part.sample), n: part.n, name: part.field };
  });
}

function unmarked(parts) {
  return pieces(parts).filter(({ shown }) => shown).map((piece) => draw(piece, piece.shown));
}

/** Marks work across parts: a text is read as a whole and then cut where its parts begin and end. */
function withMarks(parts) {
  const cut = pieces(parts);
  // A name that stands in for an unknown value must not bring marks of its own; most values begin and end with a letter.
  const text = cut.map(({ shown, known }) => (known ? shown : 'x'.repeat(shown.length))).join('');
  return render(marks(text), ({ at, text: { length } }) => slice(cut, at, at + length));
}

function slice(cut, from, to) {
  const fragment = document.createDocumentFragment();
  let start = 0;
  for (const piece of cut) {
    const end = start + piece.shown.length;
    if (end > from && start < to) fragment.append(draw(piece, piece.shown.slice(Math.max(from - start, 0), to - start)));
    start = end;
  }
  return fragment;
}

function draw({ kind, n, name }, text) {
  if (!kind && n === undefined) return document.createTextNode(text);
  return make('span', { class: kind ? `var ${kind}` : 'var', 'data-n': n, title: name, text });
}

// Only the phone's own screen is scrolled: the page must not jump while somebody types.
function reveal(place, scroll) {
  const inside = place.getBoundingClientRect();
  const frame = scroll.getBoundingClientRect();
  if (inside.top < frame.top) scroll.scrollTop -= frame.top - inside.top + LINE;
  if (inside.bottom > frame.bottom) scroll.scrollTop += inside.bottom - frame.bottom + LINE;
}

// What can be scrolled must be reachable by keyboard, and what cannot must not cost a press of Tab.
function watch(box) {
  const measure = () => {
    if (box.scrollHeight > box.clientHeight + 1) box.tabIndex = 0;
    else box.removeAttribute('tabindex');
  };
  new ResizeObserver(measure).observe(box);
}
