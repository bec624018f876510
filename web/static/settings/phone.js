// The client's screen beside the form: what a message will look like, drawn anew at every change.
import { around, make } from '../dom.js';
import { icon } from './icon.js';
import { marks, render } from './marks.js';
import { pieces, plain } from './phone_model.js';
import { say } from './texts.js';

/** @import { AttributeValue } from '../dom.js' */
/** @import { ContactHeader, FileHeader, Header, ListSection, LocationHeader, Model } from './phone_model.js' */
/** @import { Parts, Piece, Summary } from './phone_model.js' */
/** @import { Texts } from './texts.js' */

const SIGNS = { reply: 'reply', url: 'link', phone: 'call', copy: 'copy' };
const ALL_SHOWN = 3;
const LINE = 19;
const FOLDED_LINES = 25;
const MARKETING_LINES = 5;

/** @typedef {{lit: string | null, unfolded: boolean}} State lit: the variable to highlight */

/**
 * @param {object} how
 * @param {Texts} how.texts
 * @param {(n: string | null) => void} [how.onPoint] the variable under the pointer, or null
 */
export function phone({ texts, onPoint = () => {} }) {
  /** @type {State} */
  const state = { lit: null, unfolded: false };
  const top = make('div', { class: 'top' });
  const scroll = make('div', { class: 'scroll' });
  const panel = make('div', { class: 'panel' });
  const screen = make('section', { class: 'wa', 'aria-label': say(texts, 'phone.label') }, top, scroll, panel);
  const open = make('input', { type: 'checkbox' });
  const openText = make('span');
  const toggle = make('label', { class: 'wa-toggle' }, open, openText);
  const element = make('div', { class: 'wa-place' }, screen, toggle);

  /** @param {string | number | null} n */
  function highlight(n) {
    state.lit = n === null ? null : String(n);
    for (const place of screen.querySelectorAll('[data-n]')) {
      place.classList.toggle('lit', place.getAttribute('data-n') === state.lit);
    }
    const first = screen.querySelector('[data-n].lit');
    if (first) reveal(first, scroll);
  }

  /** @param {Model} model */
  function show(model) {
    top.replaceChildren(...title(model.sender, texts));
    scroll.replaceChildren(bubble(model, texts, state), ...notes(model, texts));
    const sheet = sheetOf(model, texts);
    panel.replaceChildren(...(sheet?.content ?? []));
    if (sheet) watch(sheet.options);
    toggle.hidden = !sheet;
    // Another kind of message begins closed: the sheet would hide what has changed.
    if (openText.textContent !== (sheet?.toggle ?? '')) open.checked = false;
    openText.textContent = sheet?.toggle ?? '';
    slide();
    highlight(state.lit);
  }

  function slide() {
    panel.hidden = !open.checked || toggle.hidden;
    screen.classList.toggle('opened', !panel.hidden);
  }

  open.addEventListener('change', slide);
  element.addEventListener('pointerover', (event) => onPoint(around(event, '[data-n]')?.dataset.n ?? null));
  element.addEventListener('pointerleave', () => onPoint(null));
  watch(scroll);
  return { element, show, highlight };
}

/** «212 / 1024 с примерами · 3 переменные · платное: маркетинг». @param {Texts} texts @param {Summary} about */
export function summary(texts, { length, limit, variables = 0, paid = '' }) {
  // As strings: a counter has no thousands separators.
  const of = { length: String(length), limit: String(limit) };
  const count = say(texts, variables ? 'phone.length_with_samples' : 'phone.length', of);
  const words = variables ? [say(texts, 'phone.variables', { n: variables })] : [];
  return [count, ...words, ...(paid ? [say(texts, 'phone.paid', { category: paid })] : [])].join(' · ');
}

/** @param {string} sender @param {Texts} texts */
function title(sender, texts) {
  return [
    make('span', { 'aria-hidden': 'true', text: '‹' }),
    make('strong', { dir: 'auto', text: sender }),
    make('small', {}, icon('tick'), say(texts, 'phone.business')),
  ];
}

/** @param {Model} model @param {Texts} texts @param {State} state */
function bubble(model, texts, state) {
  const body = make('div', { class: 'body', dir: 'auto' }, ...withMarks(model.body));
  const said = foldable(body, model, texts, state);
  const made = make('article', { class: 'bubble', 'aria-label': model.sender },
    ...(model.header ? headerOf(model.header, texts) : []),
    plain(model.body) ? said.element : null,
    optional('p', model.footer, { class: 'foot', dir: 'auto' }),
    make('p', { class: 'meta' }, make('time', { text: model.time })),
  );
  if (model.header?.type === 'contact') made.append(contactChoices(texts));
  const choices = choicesOf(model, texts);
  if (choices.length) made.append(make('div', { class: 'choices' }, ...choices));
  new ResizeObserver(said.measure).observe(made);
  return made;
}

/**
 * A text that folds when it is too long, which is known only once it has been laid out, and again when the column
 * changes its width: `measure` finds out.
 * @param {HTMLElement} body @param {Model} model @param {Texts} texts @param {State} state
 */
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

/** @param {Model} model @param {Texts} texts */
function notes(model, texts) {
  return model.marketing ? [make('p', { class: 'note', text: say(texts, 'phone.marketing_fold') })] : [];
}

/** @param {Header} header @param {Texts} texts @returns {HTMLElement[]} */
function headerOf(header, texts) {
  switch (header.type) {
    case 'text': return [readable('p', header.parts, { class: 'head', dir: 'auto' })];
    case 'image':
    case 'video': return [tile(header, texts)];
    case 'audio': return [voice(texts)];
    case 'document': return [file(header, texts)];
    case 'location': return location(header, texts);
    default: return [person(header)];
  }
}

/** @param {Texts} texts */
function voice(texts) {
  const word = make('span', { class: 'wa-hidden', text: say(texts, 'phone.audio') });
  return make('div', { class: 'voice' }, icon('play'), make('span', { class: 'wave' }), word);
}

/** @param {FileHeader} header @param {Texts} texts */
function tile(header, texts) {
  const word = make('b', { text: say(texts, header.type === 'image' ? 'phone.image' : 'phone.video') });
  const sign = icon(header.type === 'image' ? 'photo' : 'play');
  const name = make('small', {}, readable('span', header.name, { dir: 'auto' }));
  return make('div', { class: `tile ${header.type}` }, sign, word, name, small(header.size));
}

/** @param {FileHeader} header @param {Texts} texts */
function file(header, texts) {
  const extension = /\.([A-Za-z0-9]{1,5})$/.exec(plain(header.name));
  const kind = extension ? extension[1].toUpperCase() : say(texts, 'phone.document');
  const about = make('small', { text: [kind, header.size].filter(Boolean).join(' · ') });
  const name = readable('span', header.name, { dir: 'auto' });
  return make('div', { class: 'doc' }, icon('file'), make('span', { class: 'two' }, name, about));
}

/** @param {LocationHeader} header @param {Texts} texts */
function location(header, texts) {
  const named = plain(header.name);
  const place = readable('strong', named ? header.name : say(texts, 'phone.location'));
  const address = optional('span', header.parts);
  const point = named ? null : optional('small', header.point);
  return [make('div', { class: 'map' }, icon('pin')), make('p', { class: 'spot', dir: 'auto' }, place, address, point)];
}

/** @param {ContactHeader} header */
function person(header) {
  const known = pieces(header.name).filter((piece) => piece.isKnown).map(({ shown }) => shown).join('');
  const words = known.match(/[\p{L}\p{N}]+/gu) ?? [];
  const initials = words.slice(0, 2).map((word) => [...word][0].toUpperCase()).join('');
  const face = make('span', { class: 'face', 'aria-hidden': 'true', text: initials });
  return make('div', { class: 'person' }, face, two(readable('strong', header.name), optional('small', header.parts)));
}

/** @param {Texts} texts */
function contactChoices(texts) {
  const words = ['phone.write', 'phone.save_contact'].map((key) => say(texts, key));
  return make('div', { class: 'choices pair' }, ...words.map((text) => readable('span', text, { class: 'choice' })));
}

/** @param {Model} model @param {Texts} texts */
function choicesOf(model, texts) {
  if (model.list) return [choice('list', model.list.button)];
  const all = model.buttons.map(({ type, title: parts }) => choice(SIGNS[type], parts));
  return all.length > ALL_SHOWN ? [...all.slice(0, ALL_SHOWN - 1), choice('list', say(texts, 'phone.see_all'))] : all;
}

/** @param {string} sign @param {Parts} parts */
function choice(sign, parts) {
  return make('span', { class: 'choice', dir: 'auto' }, icon(sign), readable('span', parts));
}

/** What slides up from below, or null when this message has no such thing. @param {Model} model @param {Texts} texts */
function sheetOf(model, texts) {
  const { list, buttons } = model;
  if (list) {
    const head = readable('p', list.button, { class: 'panel-title' });
    const options = make('div', { class: 'options' }, ...list.sections.flatMap(sectionOf));
    const send = make('span', { class: 'send', text: say(texts, 'phone.send') });
    return { toggle: say(texts, 'phone.list_open'), options, content: [head, options, send] };
  }
  if (buttons.length <= ALL_SHOWN) return null;
  const head = readable('p', say(texts, 'phone.see_all'), { class: 'panel-title' });
  const all = buttons.map(({ type, title: parts }) => choice(SIGNS[type], parts));
  const options = make('div', { class: 'options' }, ...all);
  return { toggle: say(texts, 'phone.all_open'), options, content: [head, options] };
}

/** @param {ListSection} section */
function sectionOf({ title: name, rows }) {
  const head = plain(name) ? [readable('p', name, { class: 'section', dir: 'auto' })] : [];
  return [...head, ...rows.map(rowOf)];
}

/** @param {ListSection['rows'][number]} row */
function rowOf(row) {
  const words = two(readable('strong', row.title), optional('small', row.description));
  return make('div', { class: 'option' }, words, make('span', { class: 'radio', 'aria-hidden': 'true' }));
}

/** @typedef {'p' | 'span' | 'strong' | 'small'} Tag */

/**
 * An element that is read as one piece: the emulated phone marks the same ones (tests/pages/test_phone.py).
 * @param {Tag} tag @param {Parts} parts @param {Record<string, AttributeValue>} [attributes]
 */
function readable(tag, parts, attributes = {}) {
  return make(tag, { ...attributes, 'data-read': '' }, ...unmarked(parts));
}

/**
 * The same, or null when there is nothing to read.
 * @param {Tag} tag @param {Parts} parts @param {Record<string, AttributeValue>} [attributes]
 */
function optional(tag, parts, attributes) {
  return plain(parts) ? readable(tag, parts, attributes) : null;
}

/** @param {HTMLElement} first @param {HTMLElement | null} second */
function two(first, second) {
  return make('span', { class: 'two', dir: 'auto' }, first, second);
}

/** @param {string} text */
function small(text) {
  return text ? make('small', { text }) : null;
}

/** @param {Parts} parts */
function unmarked(parts) {
  return pieces(parts).filter(({ shown }) => shown).map((piece) => draw(piece, piece.shown));
}

/** Marks work across parts: a text is read as a whole and then cut where its parts begin and end. @param {Parts} parts */
function withMarks(parts) {
  const cut = pieces(parts);
  // A name that stands in for an unknown value brings no marks of its own; most values begin and end with a letter.
  const text = cut.map(({ shown, isKnown }) => (isKnown ? shown : 'x'.repeat(shown.length))).join('');
  return render(marks(text), ({ at, text: { length } }) => slice(cut, at, at + length));
}

/** @param {Piece[]} cut @param {number} from @param {number} to */
function slice(cut, from, to) {
  const fragment = document.createDocumentFragment();
  let start = 0;
  for (const piece of cut) {
    const end = start + piece.shown.length;
    const shown = end > from && start < to ? piece.shown.slice(Math.max(from - start, 0), to - start) : '';
    if (shown) fragment.append(draw(piece, shown));
    start = end;
  }
  return fragment;
}

/** @param {Piece} piece @param {string} text what is shown of it here */
function draw({ kind, n, name }, text) {
  if (!kind && n === undefined) return document.createTextNode(text);
  return make('span', { class: kind ? `var ${kind}` : 'var', 'data-n': n, title: name, text });
}

/**
 * Scrolls the phone's own screen only: the page must not jump while somebody types.
 * @param {Element} place @param {HTMLElement} scroll
 */
function reveal(place, scroll) {
  const inside = place.getBoundingClientRect();
  const frame = scroll.getBoundingClientRect();
  if (inside.top < frame.top) scroll.scrollTop -= frame.top - inside.top + LINE;
  if (inside.bottom > frame.bottom) scroll.scrollTop += inside.bottom - frame.bottom + LINE;
}

/** What can be scrolled must be reachable by keyboard, and what cannot must not cost a press of Tab. @param {HTMLElement} box */
function watch(box) {
  const measure = () => {
    if (box.scrollHeight > box.clientHeight + 1) box.tabIndex = 0;
    else box.removeAttribute('tabindex');
  };
  new ResizeObserver(measure).observe(box);
}
