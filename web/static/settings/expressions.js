// Bitrix24's expressions `{=Document:CONTACT.NAME}` in a text, and the catalogue that knows what they are called.
// The pattern is the host's own (bizproc, CBPActivity): what it would not evaluate is text here, too.

/**
 * @typedef {{text: string, expression?: undefined} | {text?: undefined, expression: string}} Part
 *
 * @typedef {object} Item something that can be inserted (bx24/fields_catalogue.py)
 * @property {string} expression
 * @property {string} id
 * @property {string} name
 * @property {string} type        Bitrix24's, lower case, '' unknown
 * @property {boolean} multiple
 * @property {boolean} technical  shown only on request
 * @property {string} twin        the other expression of the same field, or ''
 *
 * @typedef {{id: string, title: string, items: Item[]}} Group
 * @typedef {'text' | 'phone' | 'file' | 'header' | 'number'} Fit what a field takes
 * @typedef {Record<string, string>} FieldTexts
 */

const EXPRESSION = /\{=\s*([a-z0-9_]+)\s*:\s*([a-z0-9_.]+)((?:\s*>\s*[a-z0-9_:]+(?:\s*,\s*[a-z0-9_]+)?)?)\s*\}/gi;
const DISPLAY = /\{\{([^{}\n]{1,255})\}\}/g;

/**
 * Cuts a text into plain parts and expressions; joined again they are the very same string.
 * @param {string} value @returns {Part[]}
 */
export function split(value) {
  /** @type {Part[]} */
  const parts = [];
  let end = 0;
  for (const match of value.matchAll(EXPRESSION)) {
    if (match.index > end) parts.push({ text: value.slice(end, match.index) });
    parts.push({ expression: match[0] });
    end = match.index + match[0].length;
  }
  if (end < value.length) parts.push({ text: value.slice(end) });
  return parts;
}

/** The string of split()'s parts. @param {Part[]} parts */
export const join = (parts) => parts.map((part) => part.expression ?? part.text).join('');

/**
 * What an expression consists of; null for a text that is not exactly one expression.
 * @param {string} expression @returns {{object: string, id: string, modifiers: string[]} | null}
 */
export function parse(expression) {
  EXPRESSION.lastIndex = 0;
  const match = EXPRESSION.exec(expression);
  EXPRESSION.lastIndex = 0;
  if (!match || match[0] !== expression) return null;
  const modifiers = match[3].split(/[>,]/).map((part) => part.trim()).filter(Boolean);
  return { object: match[1], id: match[2], modifiers };
}

/**
 * Places where the text holds the host editor's way of showing a field, `{{Contact: Name}}`, which is no expression.
 * @param {string} value @returns {{text: string, name: string, start: number}[]}
 */
export const displayForms = (value) =>
  [...value.matchAll(DISPLAY)].map((match) => ({ text: match[0], name: match[1].trim(), start: match.index }));

/** Characters as people and WhatsApp count them: code points, not UTF-16 units. @param {string} text */
export const length = (text) => [...text].length;

/**
 * `fill('{n} of {all}', {n: 1, all: 2})`.
 * @param {string | undefined} text undefined is '' @param {Record<string, string | number>} values @returns {string}
 */
export const fill = (text, values) =>
  (text ?? '').replace(/\{(\w+)\}/g, (whole, key) => (Object.hasOwn(values, key) ? String(values[key]) : whole));

/** @type {{[category in Intl.LDMLPluralRule]?: string}} */
const ENDINGS = { one: 'One', few: 'Few' };

/**
 * The form of a text that goes with a number: `key` + One, Few or Many, with {n} filled in.
 * @param {FieldTexts} texts @param {string} key @param {number} n @param {string} [lang] @returns {string}
 */
export function plural(texts, key, n, lang = document.documentElement.lang || 'en') {
  const form = ENDINGS[new Intl.PluralRules(lang).select(n)] ?? 'Many';
  return fill(texts[key + form], { n: n.toLocaleString(lang) });
}

/** What may be inserted: the groups of bx24/fields_catalogue.py, searched and named. */
export class Catalogue {
  /** @param {Group[]} groups @param {FieldTexts} texts */
  constructor(groups, texts) {
    this.groups = groups;
    this.texts = texts;
    /** @type {Map<string, Item>} */
    this._items = new Map();
    for (const item of groups.flatMap((group) => group.items)) {
      for (const expression of [item.expression, item.twin]) {
        const key = expression && keyOf(expression);
        // The field by its own name wins over its technical twin, which stands in a later group.
        if (key && !this._items.has(key)) this._items.set(key, item);
      }
    }
  }

  /** Whether the document's fields are known at all: without them nothing can be called missing. */
  get isEmpty() {
    return this._items.size === 0;
  }

  /** @param {string} expression @returns {Item | null} */
  item(expression) {
    return this._items.get(keyOf(expression)) ?? null;
  }

  /**
   * What to call an expression: «Contact: Name», with a modifier «Amount · as text»; '' when it is unknown here.
   * @param {string} expression @returns {string}
   */
  name(expression) {
    const named = parse(expression);
    const item = this.item(expression);
    if (!named || (!item && !this.isEmpty)) return '';
    const modifiers = named.modifiers.map((word) => (word === 'printable' ? this.texts.modifierPrintable : word));
    return [item?.name ?? named.id, ...modifiers].join(' · ');
  }

  /** The text with its expressions by name, unknown ones as they are. @param {string} value @returns {string} */
  shown(value) {
    return split(value).map(({ text, expression }) => text ?? (this.name(expression) || expression)).join('');
  }

  /** The item that the host's editor shows as `{{name}}`. @param {string} name @returns {Item | null} */
  byName(name) {
    const wanted = fold(name);
    return [...this._items.values()].find((item) => fold(item.name) === wanted) ?? null;
  }

  /** An example of a value of this item, or ''. @param {Item} item @returns {string} */
  shape(item) {
    return this.texts[shapeKey(item)] ?? '';
  }

  /**
   * Groups with what matches all words of the query by name, group or id, typed in either keyboard layout.
   * Without a query the frequent ones are shown twice; a search finds each once.
   * @param {string} query @param {{fit?: Fit, technical?: boolean}} [how] @returns {Group[]}
   */
  find(query, { fit = 'text', technical = false } = {}) {
    const ways = [query, swapLayout(query)].map((way) => fold(way).split(' ').filter(Boolean));
    const isSearch = ways[0].length > 0;
    const seen = new Set();
    const found = fitted(this.groups, fit, this.texts).map((group) => ({
      ...group,
      items: group.items.filter((item) => {
        if (isSearch && seen.has(item.expression)) return false;
        const isWanted = isSearch ? ways.some((words) => matches(item, group, words)) : true;
        const isExact = fold(item.id) === fold(query);
        if (!isWanted || (item.technical && !technical && !isExact)) return false;
        seen.add(item.expression);
        return true;
      }),
    }));
    return found.filter((group) => group.items.length);
  }
}

/** @type {{[fit in Fit]?: 'phone' | 'file'}} */
const FIRST = { phone: 'phone', file: 'file', header: 'file' };
const TITLES = { phone: 'groupPhones', file: 'groupFiles' };
const TEXTS = ['', 'string', 'text', 'url', 'uf:url', 'web'];
const NUMBERS = ['int', 'integer', 'double', 'money', 'uf:money'];
/** @type {{[fit in Fit]?: string[]}} */
const ONLY = { file: ['file', ...TEXTS], header: ['file', ...TEXTS], number: [...NUMBERS, ...TEXTS] };

/**
 * The groups without what cannot go into such a field; what it is made for stands in a group of its own on top.
 * @param {Group[]} groups @param {Fit} fit @param {FieldTexts} texts @returns {Group[]}
 */
function fitted(groups, fit, texts) {
  const first = FIRST[fit];
  const fitting = groups.map((group) => ({
    ...group, items: group.items.filter((item) => ONLY[fit]?.includes(item.type) ?? true),
  }));
  if (!first) return fitting;
  const all = groups.flatMap((group) => group.items).filter((item) => kind(item) === first);
  const best = [...new Map(all.map((item) => [item.expression, item])).values()];
  const rest = fitting.map((group) => ({ ...group, items: group.items.filter((item) => kind(item) !== first) }));
  return best.length ? [{ id: `best-${first}`, title: texts[TITLES[first]], items: best }, ...rest] : rest;
}

/** The type; `phone` also by the id: PHONE_WORK of a lead is a string. @param {Item} item */
function kind(item) {
  return /(^|[._])PHONE(_|$)/.test(item.id) ? 'phone' : item.type;
}

/** @type {Record<string, string | undefined>} */
const SHAPES = {
  money: 'shapeMoney', 'uf:money': 'shapeMoney', date: 'shapeDate', datetime: 'shapeDatetime', user: 'shapeUser',
  employee: 'shapeUser', bool: 'shapeYesNo', phone: 'shapePhone', file: 'shapeFile',
};

/** @param {Item} item */
function shapeKey(item) {
  return (/(^|\.)OPPORTUNITY$/.test(item.id) ? 'shapeMoney' : SHAPES[item.type]) ?? '';
}

/** The same for all expressions of one field; '' for a text that is no expression. @param {string} expression */
function keyOf(expression) {
  const named = parse(expression);
  return named ? `${named.object.toLowerCase()}:${named.id}` : '';
}

/** @param {string} text */
const fold = (text) => text.toLowerCase().replaceAll('ё', 'е').replace(/\s+/g, ' ').trim();

/** @param {Item} item @param {Group} group @param {string[]} words */
function matches(item, group, words) {
  const text = fold(`${item.name} ${group.title} ${item.id}`);
  return words.every((word) => text.includes(word));
}

const LATIN = '`qwertyuiop[]asdfghjkl;\'zxcvbnm,.';
const RUSSIAN = 'ёйцукенгшщзхъфывапролджэячсмитьбю';
/** @type {Map<string, string>} */
const SWAP = new Map();
for (const [at, key] of [...LATIN].entries()) SWAP.set(key, RUSSIAN[at]).set(RUSSIAN[at], key);

/** What the same keys would have typed in the other layout: «ntktajy» is «телефон». @param {string} text */
export const swapLayout = (text) => [...text.toLowerCase()].map((key) => SWAP.get(key) ?? key).join('');
