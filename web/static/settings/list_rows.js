// The rows of the list's editor without their fields: read from the stored text, checked, written back.
// Stored are lines `# Section`, `Title`, `Title|Description`, `Title|Description|id`.
import { LINE_END, measured, pieces } from './entries.js';
import { say } from './texts.js';

/** @import { Texts } from './texts.js' */

/**
 * @typedef {object} Row
 * @property {string | null} raw the stored line, until this row is edited
 * @property {string} title
 * @property {string} description
 * @property {string | null} id null: none, the choice comes back as the row's number in the whole list
 * @property {boolean} isNew added by «Add» and still without a title
 * @property {boolean} isLeft the focus has been in it and went on: from now on it may be called wrong
 *
 * @typedef {object} Section
 * @property {string | null} raw its stored `# Title` line until it is edited, null when it has none
 * @property {string} title
 * @property {Row[]} rows
 *
 * @typedef {{rows: number, sections: number, section: number, title: number, description: number}} Limits how many
 *   rows and sections; code points of a section's title, a row's title and its description
 * @typedef {{item: Row | Section, text: string, isEmpty: boolean}} Problem isEmpty: something is still missing
 */

/** @param {Row | Section} item @returns {item is Section} */
export const isSection = (item) => 'rows' in item;

/** @param {string} line as stored; '' for a new row @returns {Row} */
export function readRow(line) {
  const [title, description = '', ...rest] = pieces(line);
  const id = rest.length ? rest.join('|') : null;
  return { raw: line || null, title, description, id, isNew: !line, isLeft: Boolean(line) };
}

/** @returns {Section} one with an empty row */
export const newSection = () => ({ raw: null, title: '', rows: [readRow('')] });

/** @param {string} text @returns {Section[]} as activities/send_list.py reads it; at least one */
export function readList(text) {
  /** @type {Section[]} */
  const sections = [];
  for (const line of text.split(LINE_END).filter((given) => given.trim())) {
    if (line.trim().startsWith('#')) {
      sections.push({ raw: line, title: line.trim().replace(/^#+/, '').trim(), rows: [] });
    } else {
      if (!sections.length) sections.push({ raw: null, title: '', rows: [] });
      sections[sections.length - 1].rows.push(readRow(line));
    }
  }
  return sections.length ? sections : [newSection()];
}

/** The text to store. @param {Section[]} sections */
export function listText(sections) {
  return sections.flatMap((section, at) => [...headLine(section, at), ...section.rows.filter(isFilled).map(lineOf)]).join('\n');
}

/** @param {Section} section @param {number} at */
function headLine({ raw, title }, at) {
  if (raw !== null) return [raw];
  return title.trim() || at > 0 ? [`# ${title}`.trim()] : [];
}

/** @param {Row} row */
function lineOf({ raw, title, description, id }) {
  if (raw !== null) return raw;
  if (id !== null) return `${title}|${description}|${id}`;
  return description.trim() ? `${title}|${description}` : title;
}

/** Whether this row becomes a row of the list. @param {Row} row */
export function isFilled({ raw, title, description, id }) {
  return raw !== null || id !== null || title.trim() !== '' || description.trim() !== '';
}

/** All filled rows, section by section. @param {Section[]} sections */
export const filledRows = (sections) => sections.flatMap(({ rows }) => rows.filter(isFilled));

/** What comes back when the client chooses the row. @param {Row} row @param {number} at its place among the filled rows */
export const answerOf = ({ id }, at) => id?.trim() || String(at + 1);

/**
 * What is wrong, sections first.
 * @param {Section[]} sections @param {Limits} limits @param {Texts} texts @returns {Problem[]}
 */
export function listProblems(sections, limits, texts) {
  const filled = filledRows(sections);
  if (!filled.length) {
    return [{ item: sections.flatMap(({ rows }) => rows)[0] ?? sections[0], text: say(texts, 'list.none'), isEmpty: true }];
  }
  const ofSections = sections.map((section) => ({
    item: section, text: sectionProblem(section, sections.length, limits, texts), isEmpty: false,
  }));
  const ofRows = sections.flatMap((section) => section.rows.filter(isFilled).map((row) => ({
    item: row, text: rowProblem(row, section, filled.slice(0, filled.indexOf(row)), limits, texts),
    isEmpty: !row.title.trim() && row.raw === null && row.isNew,
  })));
  return [...ofSections, ...ofRows].filter(({ text }) => text);
}

/** @param {Section} section @param {number} count of all sections @param {Limits} limits @param {Texts} texts */
function sectionProblem({ title, rows }, count, limits, texts) {
  const over = measured(title).length - limits.section;
  if (count > 1 && !title.trim()) return say(texts, 'list.untitled_section');
  if (over > 0) return say(texts, 'rows.too_long', { n: over, limit: limits.section });
  return rows.some(isFilled) ? '' : say(texts, 'list.empty_section');
}

/**
 * @param {Row} row @param {Section} section its own @param {Row[]} before the filled rows above, of all sections
 * @param {Limits} limits @param {Texts} texts
 */
function rowProblem(row, section, before, limits, texts) {
  const { title, description, id } = row;
  if (!title.trim()) return say(texts, 'list.untitled');
  if (title.trim().startsWith('#')) return say(texts, 'list.hash');
  if ([title, description, id ?? ''].some((part) => pieces(part).length > 1)) return say(texts, 'rows.bar');
  for (const [text, limit] of /** @type {const} */ ([[title, limits.title], [description, limits.description]])) {
    const over = measured(text).length - limit;
    if (over > 0) return say(texts, 'rows.too_long', { n: over, limit });
  }
  if (before.length >= limits.rows) return say(texts, 'list.too_many', { max: limits.rows });
  if (before.some((other) => section.rows.includes(other) && looksLike(other, row))) return say(texts, 'list.equal');
  const answer = answerOf(row, before.length);
  const isTaken = before.some((other, at) => answerOf(other, at) === answer);
  return isTaken ? say(texts, 'rows.equal_ids', { id: answer }) : '';
}

/** @param {Row} one @param {Row} other */
function looksLike(one, other) {
  return one.title.trim() === other.title.trim() && one.description.trim() === other.description.trim();
}
