// The rows of the buttons' editor without their fields: read from the stored entries, checked, written back.
import { LINE_END, measured, pieces } from './entries.js';
import { say } from './texts.js';

/** @import { Texts } from './texts.js' */

/**
 * @typedef {object} ButtonRow
 * @property {string | null} raw the stored entry, until this button is edited
 * @property {string} title
 * @property {string | null} id null: none, the client's choice comes back as the button's number
 * @property {boolean} isNew added by «Add» and still without a title
 * @property {boolean} isLeft the focus has been in it and went on: from now on it may be called wrong
 *
 * @typedef {{texts: Texts, titleLimit: number, max: number}} ButtonRules
 */

/** @param {string} line a stored entry; '' for a new row @returns {ButtonRow} */
export function readButton(line) {
  const [title, ...rest] = pieces(line);
  const id = rest.length ? rest.join('|') : null;
  return { raw: line || null, title, id, isNew: !line, isLeft: Boolean(line) };
}

/** @param {string[]} entries as stored @returns {ButtonRow[]} at least one */
export function readButtons(entries) {
  const lines = entries.flatMap((entry) => entry.split(LINE_END)).filter((line) => line.trim());
  return (lines.length ? lines : ['']).map(readButton);
}

/** Whether this row becomes a button. @param {ButtonRow} row */
export const isFilled = ({ raw, title, id }) => raw !== null || id !== null || title.trim() !== '';

/** The entry to store for a row. @param {ButtonRow} row */
export const entryOf = ({ raw, title, id }) => raw ?? (id === null ? title : `${title}|${id}`);

/**
 * What comes back when the client presses the button.
 * @param {ButtonRow} row @param {number} at its place among the filled rows
 */
export const answerOf = ({ id }, at) => id?.trim() || String(at + 1);

/**
 * What is wrong, row by row.
 * @param {ButtonRow[]} rows @param {ButtonRules} rules
 * @returns {{row: ButtonRow | undefined, text: string, isEmpty: boolean}[]} `row`: undefined when no row is left;
 *   `isEmpty`: something is still missing
 */
export function buttonProblems(rows, rules) {
  const { texts, max } = rules;
  const filled = rows.filter(isFilled);
  if (!filled.length) return [{ row: rows[0], text: say(texts, 'buttons.none'), isEmpty: true }];
  const found = filled.map((row, at) => ({
    row, text: problemOf(row, filled.slice(0, at), rules), isEmpty: !row.title.trim(),
  }));
  const tooMany = say(texts, 'buttons.too_many', { max });
  const surplus = rows.slice(max, max + 1).map((row) => ({ row, text: tooMany, isEmpty: false }));
  return [...found.filter(({ text }) => text), ...surplus];
}

/** @param {ButtonRow} row @param {ButtonRow[]} before the filled rows above @param {ButtonRules} rules */
function problemOf(row, before, { texts, titleLimit }) {
  const title = row.title.trim();
  const over = measured(title).length - titleLimit;
  const answer = answerOf(row, before.length);
  if (!title) return say(texts, 'buttons.untitled');
  if (over > 0) return say(texts, 'rows.too_long', { n: over, limit: titleLimit });
  if (pieces(row.title).length > 1 || pieces(row.id ?? '').length > 1) return say(texts, 'rows.bar');
  if (before.some((other) => other.title.trim() === title)) return say(texts, 'buttons.equal');
  const isTaken = before.some((other, at) => answerOf(other, at) === answer);
  return isTaken ? say(texts, 'rows.equal_ids', { id: answer }) : '';
}
