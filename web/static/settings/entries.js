// What the editors of buttons and of list rows have in common: entries `Title|…`, rows with ↑ ↓ ✕, ids and counters.
import { announce, icon, make, say, write } from './dom.js';

/** What Python's splitlines() takes for the end of a line. */
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

/** Code points of the constant text, and whether expressions add to them. @returns {{length: number, open: boolean}} */
export function measured(text) {
  const parts = cut(text.trim());
  const constant = parts.filter(({ expression }) => !expression).map((part) => part.text).join('');
  return { length: [...constant].length, open: parts.some(({ expression }) => expression) };
}

/** @returns {{text: string, expression: boolean}[]} */
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

function closing(text, opening) {
  let depth = 0;
  for (let at = opening; at < text.length; at += 1) {
    depth += text[at] === '{' ? 1 : text[at] === '}' ? -1 : 0;
    if (depth === 0) return at + 1;
  }
  return null;
}

/**
 * The factory of text fields when the page gives none.
 * @param {{id: string, label: string, value: string, placeholder?: string, describedBy?: string, onInput: function()}} options
 * @returns {{element: HTMLElement, control: HTMLElement, value: function(): string, focus: function()}} control: the element
 *   that gets `aria-invalid`
 */
export function plainField({ id, label, value, placeholder, describedBy, onInput }) {
  const input = make('input', {
    type: 'text', class: 'input', id, placeholder, 'aria-label': label, 'aria-describedby': describedBy, autocomplete: 'off',
    on: { input: onInput },
  });
  input.value = value;
  return { element: input, control: input, value: () => input.value, focus: () => input.focus() };
}

/**
 * A field with its counter under the right edge.
 * @param {{id: string, label: string, value: string, limit: number, texts: Object, makeField: function, onInput: function()}} options
 */
export function countedField({ id, label, value, limit, texts, makeField, onInput, placeholder, describedBy }) {
  const count = make('span', { class: 'count' });
  let told = '';
  const show = () => {
    const { length, open } = measured(field.value());
    write(count, `${open ? '≥' : ''}${length}/${limit}`);
    count.classList.toggle('over', length > limit);
    told = tell(texts, length, limit, told);
  };
  const field = makeField({ id, label, value, placeholder, describedBy, onInput: () => { show(); onInput(); } });
  const element = make('div', { class: 'counted' }, field.element, count);
  const { length, open } = measured(value);
  write(count, `${open ? '≥' : ''}${length}/${limit}`);
  count.classList.toggle('over', length > limit);
  return { ...field, element, control: field.control ?? field.element };
}

// Spoken at 90 % and at the limit, not at each key.
function tell(texts, length, limit, told) {
  const level = length > limit ? 'over' : length === limit ? 'full' : length >= limit * 0.9 ? 'near' : '';
  if (level && level !== told) {
    announce(level === 'over' ? say(texts, 'rows.over', { n: length - limit }) : say(texts, 'rows.left', { n: limit - length }));
  }
  return level;
}

/** ↑ ↓ ✕ of a row. @returns {{element: HTMLElement, edges: function(boolean, boolean)}} edges: is first, is last */
export function rowTools({ texts, name, onMove, onRemove, extra = [] }) {
  const button = (sign, key, press) => make('button', {
    type: 'button', class: 'tool', 'aria-label': say(texts, key, { name }), title: say(texts, key, { name }), on: { click: press },
  }, icon(sign));
  const up = button('up', 'rows.up', () => move(up, -1));
  const down = button('down', 'rows.down', () => move(down, 1));
  const move = (tool, step) => {
    if (tool.getAttribute('aria-disabled') !== 'true') onMove(step);
  };
  const edges = (isFirst, isLast) => {
    up.setAttribute('aria-disabled', isFirst);
    down.setAttribute('aria-disabled', isLast);
  };
  return { element: make('div', { class: 'tools' }, ...extra, up, down, button('close', 'rows.remove', onRemove)), edges };
}

/** The id of a row behind «⋯». @returns {{button: HTMLElement, panel: HTMLElement, show: function(string, string)}} */
export function idField({ id, texts, name, onInput }) {
  const hint = make('p', { class: 'hint', id: `${id}-hint` });
  const input = make('input', {
    type: 'text', class: 'input', id, 'aria-describedby': `${id}-hint`, autocomplete: 'off', spellcheck: 'false',
    on: { input: () => onInput(input.value) },
  });
  const panel = make('div', { class: 'id-panel', hidden: true }, make('label', { for: id, text: say(texts, 'rows.id') }), input, hint);
  const button = make('button', {
    type: 'button', class: 'tool', 'aria-expanded': 'false', 'aria-label': say(texts, 'rows.more', { name }),
    title: say(texts, 'rows.more', { name }),
    on: { click: () => {
      panel.hidden = !panel.hidden;
      button.setAttribute('aria-expanded', !panel.hidden);
      if (!panel.hidden) input.focus();
    } },
  }, icon('more'));
  const show = (written, effective) => {
    if (input.value !== written) input.value = written;
    input.placeholder = effective;
    write(hint, say(texts, 'rows.comes_back', { id: effective }));
  };
  return { button, panel, show, input };
}

/** Alt+↑ and Alt+↓ anywhere in a row. */
export function moveByKeys(element, onMove) {
  element.addEventListener('keydown', (event) => {
    const step = { ArrowUp: -1, ArrowDown: 1 }[event.key];
    if (!event.altKey || !step) return;
    event.preventDefault();
    onMove(step);
  });
}

/** «„Да“ теперь вторая из трёх». */
export function announcePlace(texts, name, position, count) {
  const word = (key, n) => say(texts, key).split(' ')[n - 1] ?? String(n);
  announce(say(texts, 'rows.moved', { name, position: word('rows.ordinals', position), count: word('rows.counts', count) }));
}

/** The first of prefix_1, prefix_2 … that is not taken. */
export function freeId(prefix, taken) {
  for (let n = 1; ; n += 1) {
    if (!taken.has(`${prefix}_${n}`)) return `${prefix}_${n}`;
  }
}

/** Shows what is wrong with a field, or that nothing is. */
export function showProblem(line, control, problem) {
  write(line, problem);
  line.hidden = !problem;
  if (problem) control.setAttribute('aria-invalid', 'true');
  else control.removeAttribute('aria-invalid');
}
