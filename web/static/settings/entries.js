// What the editors of buttons and of list rows have in common: entries `Title|…`, rows with ↑ ↓ ✕, ids and counters.
import { make, setAttribute, write } from '../dom.js';
import { icon } from './icon.js';
import { announce, say } from './texts.js';

/** @import { Texts } from './texts.js' */

/** What Python's splitlines() takes for the end of a line. */
// eslint-disable-next-line no-control-regex -- the separators of files, groups and records are among it
export const LINE_END = /\r\n|[\n\r\v\f\x1c-\x1e\x85\u2028\u2029]/;

/**
 * Pieces between bars, never cutting inside an expression `{=…}`, whose braces may nest.
 * @param {string} entry @returns {string[]}
 */
export function pieces(entry) {
  const found = [''];
  for (const { text, expression } of cut(entry)) {
    const [first, ...more] = expression ? [text] : text.split('|');
    found[found.length - 1] += first;
    found.push(...more);
  }
  return found;
}

/**
 * Code points of the constant text, and whether expressions add to them.
 * @param {string} text @returns {{length: number, open: boolean}}
 */
export function measured(text) {
  const parts = cut(text.trim());
  const constant = parts.filter(({ expression }) => !expression).map((part) => part.text).join('');
  return { length: [...constant].length, open: parts.some(({ expression }) => expression) };
}

/** @param {string} text @returns {{text: string, expression: boolean}[]} */
function cut(text) {
  const found = [];
  let plain = 0;
  for (let at = text.indexOf('{='); at >= 0; at = text.indexOf('{=', at)) {
    const end = closing(text, at);
    if (end === null) break;
    found.push({ text: text.slice(plain, at), expression: false }, { text: text.slice(at, end), expression: true });
    plain = at = end;
  }
  return [...found, { text: text.slice(plain), expression: false }];
}

/** The position after the brace that closes the one at `opening`, or null. @param {string} text @param {number} opening */
function closing(text, opening) {
  let depth = 0;
  for (let at = opening; at < text.length; at += 1) {
    depth += text[at] === '{' ? 1 : text[at] === '}' ? -1 : 0;
    if (depth === 0) return at + 1;
  }
  return null;
}

/**
 * @typedef {object} EntryField
 * @property {HTMLElement} element
 * @property {HTMLElement} [control] the element that gets `aria-invalid`, else `element`
 * @property {() => string} value
 * @property {() => void} focus
 *
 * @typedef {object} EntryFieldOptions
 * @property {string} id
 * @property {string} label
 * @property {string} value
 * @property {string} placeholder
 * @property {string} describedBy
 * @property {() => void} onInput
 *
 * @typedef {(options: EntryFieldOptions) => EntryField} MakeField
 */

/** The factory of text fields when the page gives none. @type {MakeField} */
export function plainField({ id, label, value, placeholder, describedBy, onInput }) {
  const input = make('input', {
    type: 'text', class: 'input', id, placeholder, 'aria-label': label, 'aria-describedby': describedBy,
    autocomplete: 'off', on: { input: onInput },
  });
  input.value = value;
  return { element: input, control: input, value: () => input.value, focus: () => input.focus() };
}

/**
 * A field of `makeField` with a counter.
 * @param {EntryFieldOptions & {limit: number, texts: Texts, makeField: MakeField}} how
 * @returns {EntryField & {control: HTMLElement}}
 */
export function countedField({ limit, texts, makeField, onInput, ...options }) {
  const count = make('span', { class: 'count' });
  /** @type {Level} */
  let told = '';
  /** @param {string} text */
  const show = (text) => {
    const { length, open } = measured(text);
    write(count, `${open ? '≥' : ''}${length}/${limit}`);
    count.classList.toggle('over', length > limit);
    return length;
  };
  const field = makeField({ ...options, onInput: () => {
    told = tell(texts, show(field.value()), limit, told);
    onInput();
  } });
  show(options.value);
  const element = make('div', { class: 'counted' }, field.element, count);
  return { ...field, element, control: field.control ?? field.element };
}

/** A button of words alone. @param {string} text @param {() => void} press */
export function quietButton(text, press) {
  return make('button', { type: 'button', class: 'quiet', text, on: { click: press } });
}

/** @typedef {'' | 'near' | 'full' | 'over'} Level */

/**
 * Says how much is left, at 90 % and at the limit, not at each key.
 * @param {Texts} texts @param {number} length @param {number} limit @param {Level} told the level that was said last
 */
function tell(texts, length, limit, told) {
  const level = length > limit ? 'over' : length === limit ? 'full' : length >= limit * 0.9 ? 'near' : '';
  if (level && level !== told) {
    announce(say(texts, level === 'over' ? 'rows.over' : 'rows.left', { n: Math.abs(limit - length) }));
  }
  return level;
}

/** @typedef {ReturnType<typeof rowTools>} RowTools */

/**
 * ↑ ↓ ✕ of a row.
 * @param {object} how
 * @param {Texts} how.texts
 * @param {string} how.name of the row, for screen readers
 * @param {(step: number) => void} how.onMove -1: up, 1: down
 * @param {() => void} how.onRemove
 * @param {HTMLElement[]} [how.extra] buttons before them
 */
export function rowTools({ texts, name, onMove, onRemove, extra = [] }) {
  /** @param {string} sign @param {string} key @param {() => void} press */
  const button = (sign, key, press) => {
    const words = say(texts, key, { name });
    const attributes = { type: 'button', class: 'tool', 'aria-label': words, title: words };
    return make('button', { ...attributes, on: { click: press } }, icon(sign));
  };
  const up = button('up', 'rows.up', () => move(up, -1));
  const down = button('down', 'rows.down', () => move(down, 1));
  /** @param {HTMLElement} tool @param {number} step */
  const move = (tool, step) => {
    if (tool.getAttribute('aria-disabled') !== 'true') onMove(step);
  };
  /** The first row cannot go up, the last one not down. @param {boolean} isFirst @param {boolean} isLast */
  const edges = (isFirst, isLast) => {
    up.setAttribute('aria-disabled', String(isFirst));
    down.setAttribute('aria-disabled', String(isLast));
  };
  const remove = button('close', 'rows.remove', onRemove);
  return { element: make('div', { class: 'tools' }, ...extra, up, down, remove), edges };
}

/** @typedef {ReturnType<typeof idField>} IdField */

/**
 * The id of a row behind «⋯».
 * @param {{id: string, texts: Texts, name: string, onInput: (typed: string) => void}} how
 */
export function idField({ id, texts, name, onInput }) {
  const hint = make('p', { class: 'hint', id: `${id}-hint` });
  const input = make('input', {
    type: 'text', class: 'input', id, 'aria-describedby': `${id}-hint`, autocomplete: 'off', spellcheck: 'false',
    on: { input: () => onInput(input.value) },
  });
  const label = make('label', { for: id, text: say(texts, 'rows.id') });
  const panel = make('div', { class: 'id-panel', hidden: true }, label, input, hint);
  const button = make('button', {
    type: 'button', class: 'tool', 'aria-expanded': 'false', 'aria-label': say(texts, 'rows.more', { name }),
    title: say(texts, 'rows.more', { name }),
    on: { click: () => {
      panel.hidden = !panel.hidden;
      button.setAttribute('aria-expanded', String(!panel.hidden));
      if (!panel.hidden) input.focus();
    } },
  }, icon('more'));
  /** @param {string} written @param {string} effective what comes back when nothing is written */
  const show = (written, effective) => {
    if (input.value !== written) input.value = written;
    input.placeholder = effective;
    write(hint, say(texts, 'rows.comes_back', { id: effective }));
  };
  return { button, panel, show, input };
}

/** @type {Record<string, number | undefined>} */
const STEPS = { ArrowUp: -1, ArrowDown: 1 };

/** Alt+↑ and Alt+↓ anywhere in a row. @param {HTMLElement} element @param {(step: number) => void} onMove */
export function moveByKeys(element, onMove) {
  element.addEventListener('keydown', (event) => {
    const step = STEPS[event.key];
    if (!event.altKey || !step) return;
    event.preventDefault();
    onMove(step);
  });
}

/**
 * «„Да“ теперь вторая из трёх».
 * @param {Texts} texts @param {string} name @param {number} position from 1 @param {number} count
 */
export function announcePlace(texts, name, position, count) {
  /** @param {string} key @param {number} n */
  const word = (key, n) => say(texts, key).split(' ')[n - 1] ?? String(n);
  const place = { position: word('rows.ordinals', position), count: word('rows.counts', count) };
  announce(say(texts, 'rows.moved', { name, ...place }));
}

/** The first of prefix_1, prefix_2 … that is not taken. @param {string} prefix @param {Set<string>} taken */
export function freeId(prefix, taken) {
  for (let n = 1; ; n += 1) {
    if (!taken.has(`${prefix}_${n}`)) return `${prefix}_${n}`;
  }
}

/**
 * Shows what is wrong with a field.
 * @param {HTMLElement} line @param {HTMLElement} control @param {string} problem '' when nothing is
 */
export function showProblem(line, control, problem) {
  write(line, problem);
  line.hidden = !problem;
  setAttribute(control, 'aria-invalid', problem ? 'true' : null);
}
