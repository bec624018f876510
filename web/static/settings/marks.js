// WhatsApp's own text marks: *bold* _italic_ ~strike~ `code` ```mono```, > quotes, - and 1. items.
// gupshup/marks.py is the same on the server; both are tested on tests/fixtures/marks.json.
import { make } from '../dom.js';

/**
 * @typedef {{at: number, text: string}} Leaf a piece of the text and where it stands in it
 * @typedef {'b' | 'i' | 's' | 'code' | 'mono'} Kind
 * @typedef {[kind: Kind, ...inside: Piece[]]} Marked inside of code and mono: one leaf
 * @typedef {Leaf | Marked} Piece
 * @typedef {[kind: 'line' | 'quote', ...inside: Piece[]] | [kind: 'item', sign: string, ...inside: Piece[]]} Block
 */

const BLOCK = /```(?:[^`]|`(?!``))+?```/gu;
const ITEM = /^(?:(> )|([-*] )|([0-9]{1,2}\.) )/u;
/** @type {Record<string, Kind>} */
const KINDS = { '*': 'b', '_': 'i', '~': 's', '`': 'code' };
const CLASSES = { line: 'line', quote: 'line quoted', item: 'line item' };
/** @type {Record<Kind, 'strong' | 'em' | 's' | 'code'>} */
const TAGS = { b: 'strong', i: 'em', s: 's', code: 'code', mono: 'code' };
const SPACE = /^[\t\n\v\f\r\p{Z}]*$/u;

/** What a text of ours looks like, line by line. @param {string} text @returns {Block[]} */
export function marks(text) {
  const reader = new Reader(text);
  return reader.lines().map(([start, end]) => reader.block(start, end));
}

/**
 * @callback DrawLeaf draws a piece of text
 * @param {Leaf} leaf
 * @returns {Node}
 */

/**
 * One element per line.
 * @param {Block[]} tree @param {DrawLeaf} [drawLeaf] by default as a text node @returns {HTMLElement[]}
 */
export function render(tree, drawLeaf = ({ text }) => document.createTextNode(text)) {
  return tree.map((block) => {
    const line = make('span', { class: CLASSES[block[0]], 'data-read': '' });
    if (block[0] === 'item') {
      const [, sign, ...inside] = block;
      line.append(make('span', { text: sign }), make('span', {}, ...drawn(inside, drawLeaf)));
    } else {
      const [, ...inside] = block;
      // A line without a character in it would have no height.
      line.append(...(inside.length ? drawn(inside, drawLeaf) : ['\u200b']));
    }
    return line;
  });
}

/** @param {Piece[]} pieces @param {DrawLeaf} drawLeaf @returns {Node[]} */
function drawn(pieces, drawLeaf) {
  return pieces.map((piece) => {
    if (!Array.isArray(piece)) return drawLeaf(piece);
    const [kind, ...inside] = piece;
    return make(TAGS[kind], {}, ...drawn(inside, drawLeaf));
  });
}

/** Works with positions in the whole text, because a mark's neighbours may lie outside what is being read. */
class Reader {
  /** @param {string} text */
  constructor(text) {
    this.text = text;
    /** @type {Map<string, (number | null)[]>} */
    this.tables = new Map();
    /** Start of a ```mono``` block → the position after it. @type {Map<number, number>} */
    this.blocks = new Map();
    for (const match of text.matchAll(BLOCK)) {
      if (!SPACE.test(match[0].slice(3, -3))) this.blocks.set(match.index, match.index + match[0].length);
    }
  }

  /** Start and end of each line; a line break inside ``` does not end one. @returns {[start: number, end: number][]} */
  lines() {
    /** @type {[number, number][]} */
    const found = [];
    let start = 0;
    for (let at = 0; at < this.text.length; at = this.blocks.get(at) ?? at + 1) {
      if (this.text[at] !== '\n') continue;
      found.push([start, at]);
      start = at + 1;
    }
    return [...found, [start, this.text.length]];
  }

  /** @param {number} start @param {number} end @returns {Block} */
  block(start, end) {
    const match = ITEM.exec(this.text.slice(start, end));
    const rest = match ? start + match[0].length : start;
    if (!match || SPACE.test(this.text.slice(rest, end))) return ['line', ...this.inline(start, end)];
    if (match[1]) return ['quote', ...this.inline(rest, end)];
    return ['item', match[3] ?? '•', ...this.inline(rest, end)];
  }

  /** @param {number} start @param {number} end @returns {Piece[]} */
  inline(start, end) {
    const found = [];
    let plain = start;
    for (let at = start; at < end;) {
      const span = this.span(at, end);
      if (!span) {
        at += 1;
        continue;
      }
      if (at > plain) found.push(this.leaf(plain, at));
      found.push(span.node);
      plain = at = span.after;
    }
    if (end > plain) found.push(this.leaf(plain, end));
    return found;
  }

  /** @param {number} start @param {number} end @returns {Leaf} */
  leaf(start, end) {
    return { at: start, text: this.text.slice(start, end) };
  }

  /**
   * What begins here and where it ends; null when this is an ordinary character.
   * @param {number} at @param {number} end @returns {{node: Marked, after: number} | null}
   */
  span(at, end) {
    const after = this.blocks.get(at);
    if (after) {
      const first = at + 3 + (this.text[at + 3] === '\n' ? 1 : 0);
      return { node: ['mono', this.leaf(first, after - 3 - (this.text[after - 4] === '\n' ? 1 : 0))], after };
    }
    const sign = this.text[at];
    if (!(sign in KINDS) || !this.opens(at, end)) return null;
    const closing = this.closing(at, end);
    if (closing === null) return null;
    const inside = sign === '`' ? [this.leaf(at + 1, closing)] : this.inline(at + 1, closing);
    return { node: [KINDS[sign], ...inside], after: closing + 1 };
  }

  /** @param {number} at @param {number} end */
  opens(at, end) {
    if (at + 1 >= end || isWord(before(this.text, at))) return false;
    return this.text[at + 1] !== this.text[at] && !SPACE.test(this.text[at + 1]);
  }

  /**
   * Where the mark that was opened is closed, or null: from a table, because searching anew at each mark would be cubic.
   * @param {number} opening @param {number} end @returns {number | null}
   */
  closing(opening, end) {
    const found = this.closings(this.text[opening])[opening + 1];
    return found !== null && found < end ? found : null;
  }

  /** For each position, where a mark opened before it is closed, or null. @param {string} sign @returns {(number | null)[]} */
  closings(sign) {
    const known = this.tables.get(sign);
    if (known) return known;
    /** @type {(number | null)[]} */
    const found = Array.from({ length: this.text.length + 1 }, () => null);
    for (let at = this.text.length - 1; at >= 0; at -= 1) found[at] = this.closingFrom(at, sign, found);
    this.tables.set(sign, found);
    return found;
  }

  /** @param {number} at @param {string} sign @param {(number | null)[]} found the table, filled in behind this position */
  closingFrom(at, sign, found) {
    const character = this.text[at];
    if (character === '\n') return null;
    const afterBlock = this.blocks.get(at);
    if (afterBlock) return sign === '`' ? null : found[afterBlock];
    const opensCode = character === '`' && sign !== '`' && this.opens(at, this.text.length);
    const code = opensCode ? this.closings('`')[at + 1] : null;
    if (code) return found[code + 1];
    return character === sign && this.closes(at) ? at : found[at + 1];
  }

  /** @param {number} at */
  closes(at) {
    const inner = this.text[at - 1];
    if (at === 0 || inner === this.text[at] || SPACE.test(inner)) return false;
    return !isWord(String.fromCodePoint(this.text.codePointAt(at + 1) ?? 0));
  }
}

/**
 * The character before a position. Letters beyond the first 65,536 code points are two units in a JavaScript string.
 * @param {string} text @param {number} at
 */
function before(text, at) {
  const low = text.charCodeAt(at - 1);
  return at > 1 && low >= 0xdc00 && low <= 0xdfff ? text.slice(at - 2, at) : text.slice(Math.max(at - 1, 0), at);
}

/** @param {string} character */
function isWord(character) {
  return /^[\p{L}\p{N}]$/u.test(character);
}
