// Up to three buttons, stored as entries `Title` or `Title|id`.
import { make, write } from '../dom.js';
import { answerOf, buttonProblems, entryOf, isFilled, readButton, readButtons } from './button_rows.js';
import { star } from './controls.js';
import {
  announcePlace, countedField, freeId, idField, moveByKeys, plainField, quietButton, rowTools, showProblem,
} from './entries.js';
import { say } from './texts.js';

/** @import { ButtonRow } from './button_rows.js' */
/** @import { EntryField, IdField, MakeField, RowTools } from './entries.js' */
/** @import { Texts } from './texts.js' */

/**
 * @typedef {object} ButtonsOptions
 * @property {string} id
 * @property {string} label
 * @property {string[]} value the stored entries
 * @property {number} [titleLimit]
 * @property {number} [max]
 * @property {Texts} texts
 * @property {MakeField} [makeField]
 * @property {boolean} [required]
 * @property {(entries: string[]) => void} [onInput]
 *
 * @typedef {object} View the fields of a row
 * @property {string} key
 * @property {HTMLElement} element
 * @property {EntryField & {control: HTMLElement}} title
 * @property {IdField} ids
 * @property {RowTools} tools
 * @property {HTMLElement} error
 */

/** @param {ButtonsOptions} options */
export function buttonsEditor(options) {
  const { id, label, required = false } = options;
  const editor = new Buttons(options);
  const heading = make('span', { id: `${id}-label`, class: 'field-label' }, label, star(required));
  const element = make('div', { class: 'entries', role: 'group', 'aria-labelledby': `${id}-label`, id }, heading,
    editor.list, make('div', { class: 'entries-foot' }, editor.add, editor.count));
  return {
    element,
    value: () => editor.value(),
    problems: () => editor.problems().map(({ row, text }) => ({ id: row ? editor.view(row).key : id, text })),
    focus: () => editor.focus(),
  };
}

class Buttons {
  /** @param {ButtonsOptions} options */
  constructor({ id, value, titleLimit = 20, max = 3, texts, makeField = plainField, onInput = () => {} }) {
    this._id = id;
    this._stored = value;
    this._max = max;
    this._rules = { texts, titleLimit, max };
    this._texts = texts;
    this._makeField = makeField;
    this._onInput = onInput;
    this._isUntouched = true;
    /** @type {Map<ButtonRow, View>} */
    this._views = new Map();
    this.list = make('ol', { class: 'rows-list' });
    this.count = make('span', { class: 'hint' });
    this.add = quietButton(say(texts, 'buttons.add'), () => this._append());
    this._rows = readButtons(value);
    this.list.append(...this._rows.map((row) => this.view(row).element));
    this._draw();
  }

  value() {
    return this._isUntouched ? this._stored : this._filled().map(entryOf);
  }

  problems() {
    return buttonProblems(this._rows, this._rules);
  }

  focus() {
    const [first] = this._rows;
    if (first) this.view(first).title.focus();
    else this.add.focus();
  }

  /** The fields of a row, made at the first question. @param {ButtonRow} row @returns {View} */
  view(row) {
    const view = this._views.get(row) ?? this._makeView(row, this._views.size + 1);
    this._views.set(row, view);
    return view;
  }

  /** @param {ButtonRow} row @param {number} n counts the rows ever made @returns {View} */
  _makeView(row, n) {
    const texts = this._texts;
    const key = `${this._id}-${n}`;
    const error = make('p', { class: 'error', id: `${key}-error`, hidden: true });
    const name = say(texts, 'buttons.title', { n });
    const title = countedField({
      id: key, label: name, value: row.title.trim(), limit: this._rules.titleLimit, texts, makeField: this._makeField,
      placeholder: say(texts, 'buttons.example'), describedBy: error.id, onInput: () => this._rename(row, title.value()),
    });
    const ids = idField({ id: `${key}-id`, texts, name, onInput: (typed) => this._identify(row, typed) });
    /** @param {number} step */
    const onMove = (step) => this._move(row, step);
    const tools = rowTools({ texts, name, onMove, onRemove: () => this._remove(row), extra: [ids.button] });
    const line = make('div', { class: 'entry-line' }, title.element, tools.element);
    const element = make('li', { class: 'entry' }, line, ids.panel, error);
    moveByKeys(element, onMove);
    element.addEventListener('focusout', () => {
      row.isLeft = true;
      this._showProblems();
    });
    return { element, title, ids, tools, error, key };
  }

  // --- what the user does

  /** @param {ButtonRow} row @param {string} title */
  _rename(row, title) {
    this._edit(row);
    row.title = title;
    if (row.isNew && title.trim() && row.id === null) row.id = freeId('btn', new Set(this._filled().map(answerOf)));
    row.isNew = row.isNew && !title.trim();
    this._changed();
  }

  /** @param {ButtonRow} row @param {string} typed */
  _identify(row, typed) {
    this._edit(row);
    row.id = typed.trim() ? typed : null;
    row.isNew = false;
    this._changed();
  }

  /**
   * From here on this button is written anew. A stored button without an id had its number as one, and keeps it:
   * conditions of the robot may name it.
   * @param {ButtonRow} row
   */
  _edit(row) {
    this._pin(row);
    row.raw = null;
  }

  /** Before numbers change: a stored button that had only a number keeps it as its id. @param {ButtonRow} row */
  _pin(row) {
    if (row.raw === null || row.id !== null) return;
    row.id = String(this._filled().indexOf(row) + 1);
    row.raw = null;
  }

  /** @param {ButtonRow} row @param {number} step */
  _move(row, step) {
    const at = this._rows.indexOf(row);
    const to = at + step;
    if (to < 0 || to >= this._rows.length) return;
    // The neighbour is moved, so that the focus and the caret of this row stay where they are.
    const other = this._rows[to];
    for (const moved of [row, other]) this._pin(moved);
    [this._rows[at], this._rows[to]] = [other, row];
    this.view(row).element[step < 0 ? 'after' : 'before'](this.view(other).element);
    this._changed();
    announcePlace(this._texts, row.title.trim(), to + 1, this._rows.length);
  }

  /** @param {ButtonRow} row */
  _remove(row) {
    const at = this._rows.indexOf(row);
    for (const below of this._rows.slice(at + 1)) this._pin(below);
    this._rows.splice(at, 1);
    this.view(row).element.remove();
    this._changed();
    const next = this._rows[at];
    if (next) this.view(next).title.focus();
    else this.add.focus();
  }

  _append() {
    if (this._rows.length >= this._max) return;
    const row = readButton('');
    this._rows.push(row);
    this.list.append(this.view(row).element);
    this._changed();
    this.view(row).title.focus();
  }

  // --- what is shown

  _filled() {
    return this._rows.filter(isFilled);
  }

  _changed() {
    this._isUntouched = false;
    this._draw();
    this._onInput(this.value());
  }

  _draw() {
    const rows = this._rows;
    rows.forEach((row, at) => this.view(row).tools.edges(at === 0, at === rows.length - 1));
    this._filled().forEach((row, at) => this.view(row).ids.show(row.id?.trim() ?? '', answerOf(row, at)));
    write(this.count, say(this._texts, 'buttons.count', { n: rows.length, max: this._max }));
    this.add.hidden = rows.length >= this._max;
    this._showProblems();
  }

  _showProblems() {
    const found = new Map(this.problems().map((problem) => [problem.row, problem]));
    for (const row of this._rows) {
      const problem = found.get(row);
      // An empty row that was just added is not wrong yet; equal names are named at once.
      const text = problem && (row.isLeft || !problem.isEmpty) ? problem.text : '';
      showProblem(this.view(row).error, this.view(row).title.control, text);
    }
  }
}
