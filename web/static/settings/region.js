// The nodes of an editable region and the string they stand for: text nodes and chips, a chip being one expression.
// Positions in the string are offsets. Newlines are characters of text nodes; a <br> only holds a line open.

import { make } from '../dom.js';
import { split } from './expressions.js';

/**
 * @typedef {{start: number, end: number}} Stretch offsets in the string
 * @typedef {Stretch & {top: number, bottom: number, isChip: boolean}} Atom a chip or a character, and where it is drawn
 */

// Before a chip that begins a line the browser draws no caret: an invisible character in an element of its own gives
// it a place. It is no part of the string.
const GAP = '\u200b';

/** @param {Node | null | undefined} node @returns {node is Text} */
const isText = (node) => node?.nodeType === Node.TEXT_NODE;
/** @param {Node | null | undefined} node @returns {node is HTMLElement} */
const isElement = (node) => node?.nodeType === Node.ELEMENT_NODE;
/** @param {Node | null | undefined} node @returns {node is HTMLElement} */
const isChip = (node) => isElement(node) && node.dataset.expression !== undefined;
/** @param {Node | null | undefined} node @returns {node is HTMLElement} */
const isGap = (node) => isElement(node) && node.dataset.gap !== undefined;

/** Whether the browser may type into this node by itself. @param {Node | null | undefined} node */
export const isPlainText = (node) => isText(node);

/** Whether this node lies in the invisible place before a chip. @param {Node | null | undefined} node */
export const isInGap = (node) => isGap(node?.parentNode);

export class Region {
  /**
   * @param {HTMLElement} root the contenteditable element, empty
   * @param {(expression: string) => HTMLElement | null} makeChip null: unknown, stays text
   */
  constructor(root, makeChip) {
    this.root = root;
    this._makeChip = makeChip;
  }

  /** Shows a string. @param {string} value */
  draw(value) {
    /** @type {(Text | HTMLElement)[]} */
    const nodes = [];
    for (const part of split(value)) {
      const chip = part.expression ? this._makeChip(part.expression) : null;
      const text = part.text ?? part.expression;
      const last = nodes.at(-1);
      if (chip) nodes.push(...gapAfter(last), chip);
      else if (isText(last)) last.data += text;
      else nodes.push(document.createTextNode(text));
    }
    this.root.replaceChildren(...nodes);
    this.holdLastLine();
    this.showWhetherEmpty(value);
  }

  /** @param {string} value */
  showWhetherEmpty(value) {
    this.root.classList.toggle('is-empty', value === '');
  }

  /** A line that ends in a chip or a newline needs a <br> after it, else there is no place for the caret. */
  holdLastLine() {
    const { lastChild } = this.root;
    if (isChip(lastChild) || (isText(lastChild) && lastChild.data.endsWith('\n'))) this.root.append(make('br'));
  }

  /** The string that the nodes stand for now. */
  read() {
    return readChildren(this.root);
  }

  /** Whether nothing but text and chips is left in it: browsers add elements of their own while one types. */
  isClean() {
    const { childNodes, lastChild } = this.root;
    return [...childNodes].every((node) => isText(node) || isChip(node) || (isGap(node) && node.textContent === GAP)
      || (node.nodeName === 'BR' && node === lastChild));
  }

  // --- chips

  chips() {
    return [...this.root.childNodes].filter(isChip);
  }

  /** @param {HTMLElement} chip @returns {Stretch} */
  stretchOf(chip) {
    const start = offsetOf(this.root, this.root, [...this.root.childNodes].indexOf(chip));
    return { start, end: start + read(chip).length };
  }

  /**
   * The stretch of the chip that starts, or ends, at an offset.
   * @param {number} offset @param {'start' | 'end'} side
   */
  chipAt(offset, side) {
    return this.chips().map((chip) => this.stretchOf(chip)).find((stretch) => stretch[side] === offset);
  }

  /** Marks the chips within a stretch as selected, and no others. @param {Stretch} selected */
  markSelected({ start, end }) {
    for (const chip of this.chips()) {
      const stretch = this.stretchOf(chip);
      chip.classList.toggle('is-selected', start <= stretch.start && stretch.end <= end);
    }
  }

  // --- places in the document

  /** @param {Node} container @param {number} at as in a Range @returns {number} */
  offsetOf(container, at) {
    return offsetOf(this.root, container, at);
  }

  /** @param {AbstractRange} range @returns {Stretch} */
  stretchOfRange({ startContainer, startOffset, endContainer, endOffset }) {
    return { start: this.offsetOf(startContainer, startOffset), end: this.offsetOf(endContainer, endOffset) };
  }

  /** @param {number} offset @returns {[container: Node, at: number]} as a Range wants it */
  placeOf(offset) {
    let left = offset;
    for (const [index, node] of [...this.root.childNodes].entries()) {
      const size = read(node).length;
      const gap = node.nextSibling;
      if (left === size && isGap(gap) && gap.firstChild) return [gap.firstChild, GAP.length];
      if (isText(node) && left <= size) return [node, left];
      if (left < size || (node === this.root.lastChild && node.nodeName === 'BR')) return [this.root, index];
      left -= size;
    }
    return [this.root, this.root.childNodes.length];
  }

  /** @param {Stretch} stretch */
  rangeOf({ start, end }) {
    const made = document.createRange();
    made.setStart(...this.placeOf(start));
    made.setEnd(...this.placeOf(end));
    return made;
  }

  // --- the line as it is drawn

  /**
   * The stretch of the drawn line around an offset; null where it holds no chip.
   * @param {string} value what is drawn @param {number} offset @returns {Stretch | null}
   */
  lineAround(value, offset) {
    const here = this._atom(value, offset, 'start') ?? this._atom(value, offset, 'end');
    if (!here) return null;
    /** @param {Atom | null} atom @returns {atom is Atom} */
    const isHere = (atom) => atom !== null && atom.bottom > here.top + 1 && atom.top < here.bottom - 1;
    let [start, end, hasChip] = [offset, offset, false];
    for (let atom = this._atom(value, start, 'end'); isHere(atom); atom = this._atom(value, start, 'end')) {
      start = atom.start;
      hasChip ||= atom.isChip;
    }
    for (let atom = this._atom(value, end, 'start'); isHere(atom); atom = this._atom(value, end, 'start')) {
      end = atom.end;
      hasChip ||= atom.isChip;
    }
    // The space at which a line was wrapped belongs to it, but the caret stands before it.
    const isWrapped = this._atom(value, end, 'start') && value[end - 1] === ' ';
    return hasChip ? { start, end: isWrapped ? end - 1 : end } : null;
  }

  /**
   * The chip or character that starts, or ends, at an offset; null at either end of a paragraph.
   * @param {string} value @param {number} offset @param {'start' | 'end'} side @returns {Atom | null}
   */
  _atom(value, offset, side) {
    const chip = this.chipAt(offset, side);
    const first = side === 'start' ? offset : offset - 1;
    const stretch = chip ?? { start: first, end: first + 1 };
    const isEnd = stretch.start < 0 || stretch.end > value.length || (!chip && value[stretch.start] === '\n');
    if (isEnd) return null;
    const { top, bottom } = this.rangeOf(stretch).getBoundingClientRect();
    return { ...stretch, top, bottom, isChip: Boolean(chip) };
  }
}

/** The gap that a chip needs when it begins a line. @param {Node | undefined} last the node before the chip */
function gapAfter(last) {
  return isText(last) && last.data.endsWith('\n') ? [make('span', { 'data-gap': true }, GAP)] : [];
}

/** @param {Node} root */
function readChildren(root) {
  return [...root.childNodes].map(read).join('');
}

/** The piece of the string that a node stands for. @param {Node} node @returns {string} */
function read(node) {
  if (isText(node)) return node.data;
  if (!isElement(node)) return '';
  if (node.dataset.expression !== undefined) return node.dataset.expression;
  if (node.nodeName === 'BR') return '';
  if (node.dataset.gap !== undefined) return (node.textContent ?? '').replace(GAP, '');
  const isBlock = node.nodeName === 'DIV' || node.nodeName === 'P';
  return (isBlock && node.previousSibling ? '\n' : '') + readChildren(node);
}

/**
 * How much of the string stands before a place of the region.
 * @param {Node} root @param {Node} container @param {number} at @returns {number}
 */
function offsetOf(root, container, at) {
  if (container === root) return [...root.childNodes].slice(0, at).reduce((sum, node) => sum + read(node).length, 0);
  let before = 0;
  for (const node of root.childNodes) {
    if (node === container && isText(node)) return before + at;
    if (node.contains(container)) return before + offsetWithin(node, container, at);
    before += read(node).length;
  }
  return before;
}

/** @param {Node} node @param {Node} container @param {number} at @returns {number} */
function offsetWithin(node, container, at) {
  if (isGap(node)) return (isText(container) ? container.data : '').slice(0, at).replace(GAP, '').length;
  if (isChip(node)) return at ? read(node).length : 0;
  return offsetOf(node, container, at);
}
