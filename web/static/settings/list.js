// The editor of a list: up to ten rows in sections.
import { make, write } from '../dom.js';
import { star } from './controls.js';
import {
  announcePlace, countedField, freeId, idField, moveByKeys, plainField, quietButton, rowTools, showProblem,
} from './entries.js';
import { answerOf, filledRows, isFilled, isSection, listProblems, listText, newSection, readList, readRow } from './list_rows.js';
import { say } from './texts.js';

/** @import { EntryField, IdField, MakeField, RowTools } from './entries.js' */
/** @import { Limits, Row, Section } from './list_rows.js' */
/** @import { Texts } from './texts.js' */

/** @type {Limits} */
const LIMITS = { rows: 10, sections: 10, section: 24, title: 24, description: 72 };

/**
 * @typedef {object} ListOptions
 * @property {string} id
 * @property {string} label
 * @property {string} value as stored
 * @property {boolean} [required]
 * @property {Partial<Limits>} [limits]
 * @property {Texts} texts
 * @property {MakeField} [makeField]
 * @property {(value: string) => void} [onInput]
 *
 * @typedef {EntryField & {control: HTMLElement}} Counted
 * @typedef {{key: string, element: HTMLElement, title: Counted, error: HTMLElement}} View of a row or a section
 * @typedef {View & {description: Counted, ids: IdField, tools: RowTools}} RowView
 * @typedef {View & {head: HTMLElement, list: HTMLElement, add: HTMLElement}} SectionView
 */

/** @param {ListOptions} options */
export function listEditor(options) {
  const { id, label, required = false } = options;
  const editor = new List(options);
  const heading = make('span', { id: `${id}-label`, class: 'field-label' }, label, star(required));
  const foot = make('div', { class: 'entries-foot' }, editor.addSection, editor.count);
  const attributes = { class: 'entries', role: 'group', 'aria-labelledby': `${id}-label`, id };
  return {
    element: make('div', attributes, heading, editor.place, foot),
    value: () => editor.value(),
    problems: () => editor.problems().map(({ item, text }) => ({ id: editor.view(item).key, text })),
    /** What the phone shows. */
    sections: () => editor.shown(),
    focus: () => editor.focus(),
  };
}

class List {
  /** @param {ListOptions} options */
  constructor({ id, value, limits = {}, texts, makeField = plainField, onInput = () => {} }) {
    this._id = id;
    this._stored = value;
    this._limits = { ...LIMITS, ...limits };
    this._texts = texts;
    this._makeField = makeField;
    this._onInput = onInput;
    this._isUntouched = true;
    this._made = 0;
    /** @type {Map<Row, RowView>} */
    this._rowViews = new Map();
    /** @type {Map<Section, SectionView>} */
    this._sectionViews = new Map();
    this.place = make('div', { class: 'sections' });
    this.count = make('span', { class: 'hint' });
    this.addSection = quietButton(say(texts, 'list.add_section'), () => this._appendSection());
    this._sections = readList(value);
    for (const section of this._sections) this._place(section);
    this._draw();
  }

  value() {
    return this._isUntouched ? this._stored : listText(this._sections);
  }

  problems() {
    return listProblems(this._sections, this._limits, this._texts);
  }

  shown() {
    return this._sections.map(({ title, rows }) => ({
      title: title.trim(),
      rows: rows.filter(isFilled).map((row) => ({ title: row.title.trim(), description: row.description.trim() })),
    }));
  }

  focus() {
    const [first] = this._rows();
    if (first) this._rowView(first).title.focus();
    else this.addSection.focus();
  }

  // --- fields of rows and sections

  /** @param {Row | Section} item @returns {View} */
  view(item) {
    return isSection(item) ? this._sectionView(item) : this._rowView(item);
  }

  /** @param {Row} row */
  _rowView(row) {
    const view = this._rowViews.get(row) ?? this._makeRowView(row);
    this._rowViews.set(row, view);
    return view;
  }

  /** @param {Section} section */
  _sectionView(section) {
    const view = this._sectionViews.get(section) ?? this._makeSectionView(section);
    this._sectionViews.set(section, view);
    return view;
  }

  _nextKey() {
    this._made += 1;
    return `${this._id}-${this._made}`;
  }

  /** @param {Section} section @returns {SectionView} */
  _makeSectionView(section) {
    const texts = this._texts;
    const key = this._nextKey();
    const name = say(texts, 'list.section', { n: this._made });
    const error = make('p', { class: 'error', id: `${key}-error`, hidden: true });
    const title = countedField({
      id: key, label: say(texts, 'list.section_title'), value: section.title, limit: this._limits.section, texts,
      placeholder: say(texts, 'list.section_example'), describedBy: error.id, makeField: this._makeField,
      onInput: () => this._changeSection(section, title.value()),
    });
    const remove = quietButton(say(texts, 'list.remove_section'), () => this._removeSection(section));
    const add = quietButton(say(texts, 'list.add'), () => this._append(section));
    const list = make('ol', { class: 'rows-list' });
    const line = make('div', { class: 'entry-line' }, title.element, remove);
    const head = make('div', { class: 'section-head' }, line, error);
    const element = make('div', { class: 'section-box', role: 'group', 'aria-label': name }, head, list, add);
    return { element, head, list, add, title, error, key };
  }

  /** @param {Row} row @returns {RowView} */
  _makeRowView(row) {
    const texts = this._texts;
    const key = this._nextKey();
    const name = say(texts, 'list.row', { n: this._made });
    const error = make('p', { class: 'error', id: `${key}-error`, hidden: true });
    /** @param {'title' | 'description'} part @param {string} id */
    const field = (part, id) => countedField({
      id, label: say(texts, `list.${part}`), value: row[part].trim(), limit: this._limits[part], texts,
      makeField: this._makeField, describedBy: error.id, placeholder: say(texts, `list.${part}_example`),
      onInput: () => this._rename(row, title.value(), description.value()),
    });
    const title = field('title', key);
    const description = field('description', `${key}-description`);
    const ids = idField({ id: `${key}-id`, texts, name, onInput: (typed) => this._identify(row, typed) });
    /** @param {number} step */
    const onMove = (step) => this._move(row, step);
    const tools = rowTools({ texts, name, onMove, onRemove: () => this._remove(row), extra: [ids.button] });
    const line = make('div', { class: 'entry-line two-fields' }, title.element, description.element, tools.element);
    const element = make('li', { class: 'entry' }, line, ids.panel, error);
    moveByKeys(element, onMove);
    element.addEventListener('focusout', () => {
      row.isLeft = true;
      this._showProblems();
    });
    return { element, title, description, ids, tools, error, key };
  }

  /** Puts a new section into the document, with its rows. @param {Section} section */
  _place(section) {
    const { element, list } = this._sectionView(section);
    list.append(...section.rows.map((row) => this._rowView(row).element));
    this.place.append(element);
  }

  // --- what the user does

  /** @param {Row} row @param {string} title @param {string} description */
  _rename(row, title, description) {
    const needsId = row.isNew && title.trim() && row.id === null;
    // Asked before the change: a row without a title yet is not counted.
    const id = needsId ? freeId('row', new Set(filledRows(this._sections).map(answerOf))) : null;
    this._edit(row);
    Object.assign(row, { title, description, isNew: row.isNew && !title.trim() });
    if (id) row.id = id;
    this._changed();
  }

  /** @param {Row} row @param {string} typed */
  _identify(row, typed) {
    this._edit(row);
    row.id = typed.trim() ? typed : null;
    row.isNew = false;
    this._changed();
  }

  /** @param {Section} section @param {string} title */
  _changeSection(section, title) {
    section.raw = null;
    section.title = title;
    this._changed();
  }

  /** From here on this row is written anew. @param {Row} row */
  _edit(row) {
    this._pin(row);
    row.raw = null;
  }

  /** A stored row without an id had its number as one: conditions of the robot may name it, so it keeps it. @param {Row} row */
  _pin(row) {
    if (row.raw === null || row.id !== null) return;
    row.id = String(filledRows(this._sections).indexOf(row) + 1);
    row.raw = null;
  }

  /** @param {Row} row @param {number} step -1: up, 1: down; at the border of a section into the next one */
  _move(row, step) {
    const from = this._sections.findIndex(({ rows }) => rows.includes(row));
    const { rows } = this._sections[from];
    const at = rows.indexOf(row);
    const neighbour = rows[at + step];
    const next = this._sections[from + step];
    if (neighbour) {
      for (const moved of [row, neighbour]) this._pin(moved);
      [rows[at], rows[at + step]] = [neighbour, row];
      this._rowView(row).element[step < 0 ? 'after' : 'before'](this._rowView(neighbour).element);
    } else if (next) {
      // Across a border only the section changes, not the row's number.
      rows.splice(at, 1);
      next.rows.splice(step > 0 ? 0 : next.rows.length, 0, row);
      this._carry(row, this._sectionView(next).list, step);
    } else {
      return;
    }
    this._changed();
    announcePlace(this._texts, row.title.trim(), this._rows().indexOf(row) + 1, this._rows().length);
  }

  /** Taking an element out of the document takes the focus from it. @param {Row} row @param {HTMLElement} list @param {number} step */
  _carry(row, list, step) {
    const { element } = this._rowView(row);
    const focused = document.activeElement;
    const hadFocus = element.contains(focused);
    if (step > 0) list.prepend(element);
    else list.append(element);
    if (hadFocus && focused instanceof HTMLElement) focused.focus();
  }

  /** @param {Row} row */
  _remove(row) {
    for (const below of this._rows().slice(this._rows().indexOf(row) + 1)) this._pin(below);
    const section = this._sections.find(({ rows }) => rows.includes(row));
    if (!section) return;
    const at = section.rows.indexOf(row);
    section.rows.splice(at, 1);
    this._rowView(row).element.remove();
    this._changed();
    const next = section.rows[at];
    if (next) this._rowView(next).title.focus();
    else this._sectionView(section).add.focus();
  }

  /** @param {Section} section */
  _append(section) {
    const below = this._sections.slice(this._sections.indexOf(section) + 1);
    for (const row of below.flatMap(({ rows }) => rows)) this._pin(row);
    const row = readRow('');
    section.rows.push(row);
    this._sectionView(section).list.append(this._rowView(row).element);
    this._changed();
    this._rowView(row).title.focus();
  }

  _appendSection() {
    const section = newSection();
    this._sections.push(section);
    this._place(section);
    this._changed();
    const untitled = this._sections.find(({ title }) => !title.trim()) ?? section;
    this._sectionView(untitled).title.focus();
  }

  /** Its rows go to the section above, of the first one to the section below. @param {Section} section */
  _removeSection(section) {
    const at = this._sections.indexOf(section);
    const heir = this._sections[at - 1] ?? this._sections[at + 1];
    if (heir) {
      const rows = section.rows.filter(isFilled);
      heir.rows = at > 0 ? [...heir.rows, ...rows] : [...rows, ...heir.rows];
      this._sections.splice(at, 1);
      this._sectionView(section).element.remove();
      this._sectionView(heir).list.replaceChildren(...heir.rows.map((row) => this._rowView(row).element));
    } else {
      Object.assign(section, { title: '', raw: null });
    }
    this._changed();
    this._sectionView(heir ?? section).add.focus();
  }

  // --- what is shown

  _rows() {
    return this._sections.flatMap(({ rows }) => rows);
  }

  _changed() {
    this._isUntouched = false;
    this._draw();
    this._onInput(this.value());
  }

  _draw() {
    const filled = filledRows(this._sections);
    const all = this._rows();
    const [first] = this._sections;
    const isTitled = this._sections.length > 1 || first.raw !== null || first.title !== '';
    for (const section of this._sections) {
      const view = this._sectionView(section);
      view.head.hidden = !isTitled;
      view.add.hidden = all.length >= this._limits.rows;
    }
    this._drawRows(all, filled);
    write(this.count, say(this._texts, 'list.count', { n: filled.length, max: this._limits.rows }));
    this.addSection.hidden = this._sections.length >= this._limits.sections || all.length >= this._limits.rows;
    this._showProblems();
  }

  /** @param {Row[]} all @param {Row[]} filled */
  _drawRows(all, filled) {
    const last = this._sections.length - 1;
    this._sections.forEach(({ rows }, at) => rows.forEach((row, i) => {
      const { tools, ids } = this._rowView(row);
      tools.edges(at === 0 && i === 0, at === last && i === rows.length - 1);
      const place = filled.includes(row) ? filled.indexOf(row) : all.indexOf(row);
      ids.show(row.id?.trim() ?? '', answerOf(row, place));
    }));
  }

  _showProblems() {
    const found = new Map(this.problems().map((problem) => [problem.item, problem]));
    for (const item of [...this._sections, ...this._rows()]) {
      const problem = found.get(item);
      const text = problem && (isSection(item) || item.isLeft || !problem.isEmpty) ? problem.text : '';
      showProblem(this.view(item).error, this.view(item).title.control, text);
    }
  }
}
