// The editable region under a field: text nodes and chips, and one string that is the truth.
// Positions are offsets in that string, never nodes: the region may be drawn anew without moving the caret.
// Plain typing is the browser's own (input methods, spelling, dictation); what touches a chip is done on the string.

import { split } from './expressions.js';
import { el } from './nodes.js';

const KEEP = 200;
const TYPING_MS = 1000;

/** @typedef {{start: number, end: number}} Selection offsets in the string */

export class Editable {
  /**
   * @param {object} how
   * @param {HTMLElement} how.root        the contenteditable element, empty
   * @param {string} how.value
   * @param {boolean} how.multiline
   * @param {(expression: string) => HTMLElement | null} how.chip  null: unknown, stays text
   * @param {(value: string) => void} how.onChange  after each change made by the user
   * @param {() => void} [how.onBrace]    `{` has been typed
   * @param {(text: string) => void} [how.onPaste]
   */
  constructor({ root, value, multiline, chip, onChange, onBrace = () => {}, onPaste = () => {} }) {
    Object.assign(this, { root, multiline, chip, onChange, onBrace, onPaste });
    this._take(value, { start: value.length, end: value.length });
    this._past = [];
    this._future = [];
    this._typed = 0;
    this._listen();
  }

  /** Take a value from outside; no change is reported. Undo leads back to the one before. */
  setValue(value) {
    if (value !== this.value) this._remember('set');
    this._take(value, { start: value.length, end: value.length });
  }

  /** Replace a stretch of the string, by default what is selected, as the user would. */
  replace(text, { start, end } = this.selection, kind = 'edit') {
    if (!text && start === end) return;
    const fitting = this.multiline ? text.replace(/\r\n?/g, '\n') : text.replace(/\s*[\r\n]+\s*/g, ' ');
    this._remember(kind);
    const caret = start + fitting.length;
    this._take(this.value.slice(0, start) + fitting + this.value.slice(end), { start: caret, end: caret });
    this.onChange(this.value);
  }

  /** Give the focus to the region with this selection, by default the last one. */
  focus(selection = this.selection) {
    this.root.focus({ preventScroll: true });
    this._select(selection);
    this.root.scrollIntoView({ block: 'nearest' });
  }

  /** Draw what has become known, or was typed by hand, as chips. */
  redraw() {
    const isFocused = document.activeElement === this.root;
    this._draw();
    if (isFocused) this._select(this.selection);
  }

  /** The range of a stretch of the string, for highlights. */
  range(start, end) {
    const made = document.createRange();
    made.setStart(...this._position(start));
    made.setEnd(...this._position(end));
    return made;
  }

  _listen() {
    const on = (type, act) => this.root.addEventListener(type, act.bind(this));
    const onSelection = () => this._onSelection();
    on('focus', () => document.addEventListener('selectionchange', onSelection));
    on('blur', () => {
      document.removeEventListener('selectionchange', onSelection);
      if (split(this.value).filter((part) => part.expression).length !== this._chips().length) this._draw();
      this._mark({ start: -1, end: -1 });
    });
    on('beforeinput', this._onBeforeInput);
    on('input', this._onInput);
    on('compositionend', this._settle);
    on('keydown', this._onKey);
    on('copy', this._onCopy);
    on('cut', this._onCopy);
    on('paste', this._onPaste);
    on('drop', this._onDrop);
    on('dragstart', (event) => event.preventDefault());
    on('mousedown', this._onMouse);
  }

  // --- the string and what is drawn of it

  _take(value, selection) {
    this.value = value;
    this.selection = selection;
    this._caret = selection.end;
    this._draw();
    if (document.activeElement === this.root) this._select(selection);
  }

  _draw() {
    const nodes = [];
    for (const part of split(this.value)) {
      const chip = part.expression && this.chip(part.expression);
      const text = part.text ?? part.expression;
      if (chip) nodes.push(...gapBefore(nodes), chip);
      else if (nodes.at(-1)?.nodeType === Node.TEXT_NODE) nodes.at(-1).data += text;
      else nodes.push(document.createTextNode(text));
    }
    this.root.replaceChildren(...nodes);
    this._settleEnd();
    this.root.classList.toggle('is-empty', this.value === '');
  }

  /** A line that ends in a chip or a newline needs a <br> after it, else there is no place for the caret. */
  _settleEnd() {
    const { lastChild } = this.root;
    if (isChip(lastChild) || (lastChild?.nodeType === Node.TEXT_NODE && lastChild.data.endsWith('\n'))) {
      this.root.append(el('br'));
    }
  }

  _isClean() {
    const { childNodes, lastChild } = this.root;
    return [...childNodes].every((node) => node.nodeType === Node.TEXT_NODE || isChip(node)
      || (isGap(node) && node.textContent === GAP) || (node.nodeName === 'BR' && node === lastChild));
  }

  _chips() {
    return [...this.root.children].filter(isChip);
  }

  /** The chip that ends, or begins, at an offset, with its stretch. */
  _chipAt(offset, side) {
    return this._chips().map((chip) => this._stretch(chip)).find((stretch) => stretch[side] === offset);
  }

  _stretch(chip) {
    const start = offsetOf(this.root, this.root, [...this.root.childNodes].indexOf(chip));
    return { start, end: start + read(chip).length };
  }

  // --- selection

  _onSelection() {
    const found = document.getSelection();
    if (!found.rangeCount || !this.root.contains(found.anchorNode) || !this.root.contains(found.focusNode)) return;
    const range = found.getRangeAt(0);
    this.selection = this._offsets(range);
    this._mark(this.selection);
  }

  _offsets({ startContainer, startOffset, endContainer, endOffset }) {
    return {
      start: offsetOf(this.root, startContainer, startOffset),
      end: offsetOf(this.root, endContainer, endOffset),
    };
  }

  _select({ start, end }) {
    this.selection = { start, end };
    document.getSelection().setBaseAndExtent(...this._position(start), ...this._position(end));
    this._mark(this.selection);
  }

  _mark({ start, end }) {
    for (const chip of this._chips()) {
      const stretch = this._stretch(chip);
      chip.classList.toggle('is-selected', start <= stretch.start && stretch.end <= end);
    }
  }

  _position(offset) {
    let left = offset;
    for (const [index, node] of [...this.root.childNodes].entries()) {
      const size = read(node).length;
      if (left === size && isGap(node.nextSibling)) return [node.nextSibling.firstChild, GAP.length];
      if (node.nodeType === Node.TEXT_NODE && left <= size) return [node, left];
      if (left < size || node === this.root.lastChild && node.nodeName === 'BR') return [this.root, index];
      left -= size;
    }
    return [this.root, this.root.childNodes.length];
  }

  // --- what the user does

  _onBeforeInput(event) {
    const { inputType: type, data } = event;
    this._onSelection();
    if (event.isComposing || type === 'insertCompositionText') return;
    const { start, end } = this.selection;
    const act = type === 'historyUndo' ? () => this._undo()
      : type === 'historyRedo' ? () => this._redo()
      : type === 'insertParagraph' || type === 'insertLineBreak' ? () => this.multiline && this.replace('\n')
      : type === 'insertText' && data && !this._isPlain(start, end) ? () => this._type(data)
      : type.startsWith('delete') ? this._deletion(event, start, end)
      : type.startsWith('format') || type === 'insertFromDrop' || type === 'insertFromPaste' ? () => {}
      : null;
    if (!act) return;
    event.preventDefault();
    act();
  }

  /** Whether the browser may type here by itself: a caret in a text node, and no chip beside it to jump over. */
  _isPlain(start, end) {
    const isText = document.getSelection().anchorNode?.nodeType === Node.TEXT_NODE;
    return isText && start === end && !this._chipAt(start, 'start') && !this._chipAt(start, 'end');
  }

  _type(data) {
    this.replace(data, this.selection, 'type');
    if (data === '{') this.onBrace();
  }

  /** What to do about a deletion: beside a chip the first press selects it. Null: the browser's own. */
  _deletion(event, start, end) {
    if (start !== end) return () => this.replace('', { start, end });
    const isForward = event.inputType.endsWith('Forward');
    const beside = this._chipAt(start, isForward ? 'start' : 'end');
    if (beside) return () => this._select(beside);
    const target = event.getTargetRanges()[0];
    const isLineStart = !isForward && isGap(document.getSelection().anchorNode?.parentNode);
    const stretch = isLineStart ? { start: start - 1, end: start } : target && this._offsets(target);
    return stretch && stretch.start < stretch.end ? () => this.replace('', stretch, 'delete') : null;
  }

  _onInput(event) {
    const value = readAll(this.root);
    if (value !== this.value) {
      this._remember(event.inputType?.startsWith('insert') ? 'type' : 'edit');
      this.value = value;
      this._onSelection();
      this._caret = this.selection.end;
      this.root.classList.toggle('is-empty', value === '');
    }
    if (!event.isComposing) this._settle();
    this.onChange(this.value);
    if (event.inputType === 'insertText' && event.data === '{') this.onBrace();
  }

  /** Nothing but text and chips may stay behind; the caret keeps its place in the string. */
  _settle() {
    if (this._isClean()) {
      this._settleEnd();
    } else {
      this._onSelection();
      this.redraw();
    }
  }

  _onKey(event) {
    const key = event.key.toLowerCase();
    const isCommand = (event.ctrlKey || event.metaKey) && !event.altKey;
    const isZ = key === 'z' || (event.code === 'KeyZ' && !/^[a-z]$/.test(key));
    const isY = key === 'y' || (event.code === 'KeyY' && !/^[a-z]$/.test(key));
    if (event.isComposing) return;
    if (isCommand && (isZ || isY)) {
      event.preventDefault();
      if (isY || event.shiftKey) this._redo();
      else this._undo();
    } else if ((event.key === 'Home' || event.key === 'End') && !isCommand && !event.altKey) {
      this._onLineEnd(event);
    } else if (!isCommand && !event.altKey && !event.shiftKey) {
      this._onArrow(event);
    }
  }

  /** The browser's Home and End do not see that a line begins or ends with a chip. */
  _onLineEnd(event) {
    const found = document.getSelection();
    const anchor = offsetOf(this.root, found.anchorNode, found.anchorOffset);
    const from = offsetOf(this.root, found.focusNode, found.focusOffset);
    const line = this._line(from);
    if (!line) return;
    event.preventDefault();
    const to = event.key === 'Home' ? line.start : line.end;
    if (event.shiftKey) found.setBaseAndExtent(...this._position(anchor), ...this._position(to));
    else this._select({ start: to, end: to });
  }

  /** The stretch of the drawn line around an offset, or null where it holds no chip. */
  _line(offset) {
    let start = offset;
    let end = offset;
    const here = this._atom(offset, 'start') ?? this._atom(offset, 'end');
    const isHere = (atom) => atom && atom.bottom > here.top + 1 && atom.top < here.bottom - 1;
    let hasChip = false;
    for (let atom = this._atom(start, 'end'); isHere(atom); atom = this._atom(start, 'end')) {
      start = atom.start;
      hasChip ||= atom.isChip;
    }
    for (let atom = this._atom(end, 'start'); isHere(atom); atom = this._atom(end, 'start')) {
      end = atom.end;
      hasChip ||= atom.isChip;
    }
    const isWrapped = this._atom(end, 'start') && this.value[end - 1] === ' ';
    return hasChip ? { start, end: isWrapped ? end - 1 : end } : null;
  }

  /** The chip or character that starts, or ends, at an offset, and where it is drawn; null at a paragraph's ends. */
  _atom(offset, side) {
    const chip = this._chipAt(offset, side);
    const first = side === 'start' ? offset : offset - 1;
    const stretch = chip ?? { start: first, end: first + 1 };
    const isEnd = stretch.start < 0 || stretch.end > this.value.length || (!chip && this.value[stretch.start] === '\n');
    if (isEnd) return null;
    const { top, bottom } = this._rect(stretch.start, stretch.end);
    return { ...stretch, top, bottom, isChip: Boolean(chip) };
  }

  _rect(start, end) {
    return this.range(start, end).getBoundingClientRect();
  }

  /** ← and → step over a chip, and leave a selected one on their side. */
  _onArrow(event) {
    if (event.key !== 'ArrowLeft' && event.key !== 'ArrowRight') return;
    this._onSelection();
    const { start, end } = this.selection;
    const isLeft = event.key === 'ArrowLeft';
    const chip = this._chipAt(start, isLeft ? 'end' : 'start');
    const isGapLeft = isLeft && start === end && isGap(document.getSelection().anchorNode?.parentNode);
    const to = start !== end ? (isLeft ? start : end) : isGapLeft ? start - 1 : isLeft ? chip?.start : chip?.end;
    if (to === undefined) return;
    event.preventDefault();
    this._select({ start: to, end: to });
  }

  _onCopy(event) {
    this._onSelection();
    const { start, end } = this.selection;
    event.preventDefault();
    if (start === end) return;
    event.clipboardData.setData('text/plain', this.value.slice(start, end));
    if (event.type === 'cut') this.replace('', { start, end });
  }

  _onPaste(event) {
    event.preventDefault();
    this._onSelection();
    const text = event.clipboardData.getData('text/plain');
    this.replace(text);
    this.onPaste(text);
  }

  _onDrop(event) {
    event.preventDefault();
    const text = event.dataTransfer.getData('text/plain');
    const range = document.caretRangeFromPoint?.(event.clientX, event.clientY);
    const { end } = range && this.root.contains(range.startContainer) ? this._offsets(range) : this.selection;
    this.root.focus();
    this.replace(text, { start: end, end });
  }

  _onMouse(event) {
    const chip = event.target.closest('.xf-chip');
    if (!chip || event.button) return;
    event.preventDefault();
    this.focus(this._stretch(chip));
    if (event.target.closest('[data-remove]')) this.replace('');
  }

  // --- undo: the browser's own forgets everything when chips are drawn

  /** Keep the state before a change; typing on at the same place is one change. */
  _remember(kind) {
    const now = performance.now();
    const isOn = this.selection.start === this._caret && this.selection.end === this._caret;
    const isSame = isOn && kind === this._kind && kind !== 'edit' && now - this._typed < TYPING_MS;
    if (!isSame) this._past.push({ value: this.value, selection: this.selection });
    if (this._past.length > KEEP) this._past.shift();
    this._future = [];
    this._kind = kind;
    this._typed = now;
  }

  _undo() {
    this._travel(this._past, this._future);
  }

  _redo() {
    this._travel(this._future, this._past);
  }

  _travel(from, to) {
    const state = from.pop();
    if (!state) return;
    to.push({ value: this.value, selection: this.selection });
    this._kind = 'travel';
    this._take(state.value, state.selection);
    this.onChange(this.value);
  }
}

const isChip = (node) => node?.nodeType === Node.ELEMENT_NODE && node.dataset.expression !== undefined;

// Before a chip that begins a line the browser draws no caret: an invisible character in an element of its own gives
// it a place. It is no part of the string.
const GAP = '\u200b';
const isGap = (node) => node?.nodeType === Node.ELEMENT_NODE && node.dataset.gap !== undefined;

function gapBefore(nodes) {
  return nodes.at(-1)?.data?.endsWith('\n') ? [el('span', { 'data-gap': true }, GAP)] : [];
}

/** The string of the region. Newlines are characters in it; a <br> only holds a line open, ours or the browser's. */
function readAll(root) {
  return [...root.childNodes].map(read).join('');
}

function read(node) {
  if (node.nodeType === Node.TEXT_NODE) return node.data;
  if (node.nodeType !== Node.ELEMENT_NODE) return '';
  if (isChip(node)) return node.dataset.expression;
  if (node.nodeName === 'BR') return '';
  if (isGap(node)) return node.textContent.replace(GAP, '');
  const isBlock = node.nodeName === 'DIV' || node.nodeName === 'P';
  return (isBlock && node.previousSibling ? '\n' : '') + readAll(node);
}

/** How much of the string stands before a place of the region. */
function offsetOf(root, container, at) {
  if (container === root) return [...root.childNodes].slice(0, at).reduce((sum, node) => sum + read(node).length, 0);
  let before = 0;
  for (const node of root.childNodes) {
    if (node === container && node.nodeType === Node.TEXT_NODE) return before + at;
    if (node.contains(container)) return before + offsetWithin(node, container, at);
    before += read(node).length;
  }
  return before;
}

function offsetWithin(node, container, at) {
  if (isGap(node)) return (container.data ?? '').slice(0, at).replace(GAP, '').length;
  if (isChip(node)) return at ? read(node).length : 0;
  return offsetOf(node, container, at);
}
