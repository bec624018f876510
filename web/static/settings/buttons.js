// Up to three buttons, stored as entries `Title` or `Title|id`.
import { make, say, write } from './dom.js';
import {
  LINE_END, announcePlace, countedField, freeId, idField, measured, moveByKeys, pieces, plainField, rowTools, showProblem,
} from './entries.js';

/**
 * @typedef {Object} Button
 * @property {?string} raw the stored entry, until this button is edited
 * @property {string} title @property {?string} id null: none, the client's choice comes back as the button's number
 */

/**
 * @param {{id: string, label: string, value: string[], titleLimit?: number, max?: number, texts: Object,
 *   makeField?: function, onInput?: function(string[])}} options
 * @returns {{element: HTMLElement, value: function(): string[], problems: function(): {id: string, text: string}[],
 *   focus: function()}}
 */
export function buttonsEditor({
  id, label, value, titleLimit = 20, max = 3, texts, makeField = plainField, onInput = () => {},
}) {
  const editor = new Buttons({ id, stored: value, titleLimit, max, texts, makeField, onInput });
  const heading = make('span', { id: `${id}-label`, class: 'field-label', text: label });
  const element = make('div', { class: 'entries', role: 'group', 'aria-labelledby': `${id}-label`, id }, heading,
    editor.list, make('div', { class: 'entries-foot' }, editor.add, editor.count));
  return {
    element,
    value: () => editor.value(),
    problems: () => editor.problems().map(({ field, text }) => ({ id: field, text })),
    focus: () => (editor.rows[0] ? editor.rows[0].view.title.focus() : editor.add.focus()),
  };
}

class Buttons {
  constructor(options) {
    Object.assign(this, options);
    this.untouched = true;
    this.made = 0;
    this.list = make('ol', { class: 'rows-list' });
    this.count = make('span', { class: 'hint' });
    this.add = make('button', {
      type: 'button', class: 'quiet', text: say(this.texts, 'buttons.add'), on: { click: () => this.append() },
    });
    this.rows = this.stored.flatMap((entry) => entry.split(LINE_END)).filter((line) => line.trim())
      .map((line) => this.row(line));
    if (!this.rows.length) this.rows.push(this.row(''));
    this.draw();
  }

  row(line) {
    const [title, ...rest] = pieces(line);
    const row = { raw: line || null, title, id: rest.length ? rest.join('|') : null, isNew: !line, isLeft: Boolean(line) };
    this.made += 1;
    row.view = this.view(row, `${this.id}-${this.made}`);
    return row;
  }

  view(row, key) {
    const { texts } = this;
    const error = make('p', { class: 'error', id: `${key}-error`, hidden: true });
    const name = say(texts, 'buttons.title', { n: this.made });
    const title = countedField({
      id: key, label: name, value: row.title.trim(), limit: this.titleLimit, texts, makeField: this.makeField,
      placeholder: say(texts, 'buttons.example'), describedBy: error.id, onInput: () => this.rename(row, title.value()),
    });
    const ids = idField({ id: `${key}-id`, texts, name, onInput: (typed) => this.identify(row, typed) });
    const onMove = (step) => this.move(row, step);
    const tools = rowTools({ texts, name, onMove, onRemove: () => this.remove(row), extra: [ids.button] });
    const element = make('li', { class: 'entry' }, make('div', { class: 'entry-line' }, title.element, tools.element), ids.panel, error);
    moveByKeys(element, onMove);
    element.addEventListener('focusout', () => {
      row.isLeft = true;
      this.check();
    });
    return { element, title, ids, tools, error, key };
  }

  rename(row, title) {
    this.touch(row);
    row.title = title;
    if (row.isNew && title.trim() && row.id === null) row.id = freeId('btn', this.ids());
    row.isNew = row.isNew && !title.trim();
    this.changed();
  }

  identify(row, typed) {
    this.touch(row);
    row.id = typed.trim() ? typed : null;
    row.isNew = false;
    this.changed();
  }

  /** From here on this button is written anew. Its number was its id: conditions of the robot may name it. */
  touch(row) {
    if (row.raw !== null && row.id === null) row.id = String(this.filled().indexOf(row) + 1);
    row.raw = null;
  }

  move(row, step) {
    const at = this.rows.indexOf(row);
    const to = at + step;
    if (to < 0 || to >= this.rows.length) return;
    // The neighbour is moved, so that the focus and the caret of this row stay where they are.
    const other = this.rows[to];
    [row, other].forEach((moved) => this.pin(moved));
    [this.rows[at], this.rows[to]] = [other, row];
    row.view.element[step < 0 ? 'after' : 'before'](other.view.element);
    this.changed();
    announcePlace(this.texts, row.title.trim(), to + 1, this.rows.length);
  }

  remove(row) {
    const at = this.rows.indexOf(row);
    this.rows.slice(at + 1).forEach((other) => this.pin(other));
    this.rows.splice(at, 1);
    row.view.element.remove();
    this.changed();
    const next = this.rows[at];
    if (next) next.view.title.focus();
    else this.add.focus();
  }

  /** Before numbers change: who had only a number keeps it as its id. */
  pin(row) {
    if (row.raw !== null && row.id === null) this.touch(row);
  }

  append() {
    if (this.rows.length >= this.max) return;
    const row = this.row('');
    this.rows.push(row);
    this.list.append(row.view.element);
    this.changed();
    row.view.title.focus();
  }

  filled() {
    return this.rows.filter((row) => row.raw !== null || row.title.trim() || row.id !== null);
  }

  ids() {
    return new Set(this.filled().map((row, index) => row.id?.trim() || String(index + 1)));
  }

  value() {
    if (this.untouched) return this.stored;
    return this.filled().map(({ raw, title, id }) => raw ?? (id === null ? title : `${title}|${id}`));
  }

  changed() {
    this.untouched = false;
    this.draw();
    this.onInput(this.value());
  }

  draw() {
    const { rows, texts } = this;
    if (!this.list.childElementCount) this.list.append(...rows.map((row) => row.view.element));
    rows.forEach((row, at) => row.view.tools.edges(at === 0, at === rows.length - 1));
    const filled = this.filled();
    filled.forEach((row, at) => row.view.ids.show(row.id?.trim() ?? '', row.id?.trim() || String(at + 1)));
    write(this.count, say(texts, 'buttons.count', { n: rows.length, max: this.max }));
    this.add.hidden = rows.length >= this.max;
    this.check();
  }

  check() {
    const found = new Map(this.problems().map((problem) => [problem.row, problem]));
    for (const row of this.rows) {
      const problem = found.get(row);
      // An empty row that was just added is not wrong yet; equal names are named at once.
      const text = problem && (row.isLeft || !problem.isEmpty) ? problem.text : '';
      showProblem(row.view.error, row.view.title.control, text);
    }
  }

  problems() {
    const { rows, texts } = this;
    if (!this.filled().length) {
      return [{ row: rows[0], field: rows[0]?.view.key ?? this.id, text: say(texts, 'buttons.none'), isEmpty: true }];
    }
    const found = rows.map((row) => ({ row, field: row.view.key, ...this.problem(row) }));
    return [...found.filter(({ text }) => text), ...this.surplus()];
  }

  surplus() {
    const row = this.rows[this.max];
    return row ? [{ row, field: row.view.key, text: say(this.texts, 'buttons.too_many', { max: this.max }) }] : [];
  }

  problem(row) {
    const { texts, titleLimit } = this;
    const filled = this.filled();
    const at = filled.indexOf(row);
    const { length } = measured(row.title);
    const own = row.id?.trim() || String(at + 1);
    if (!row.title.trim()) return at < 0 && filled.length ? {} : { text: say(texts, 'buttons.untitled'), isEmpty: true };
    if (length > titleLimit) return { text: say(texts, 'rows.too_long', { n: length - titleLimit, limit: titleLimit }) };
    if (pieces(row.title).length > 1 || pieces(row.id ?? '').length > 1) return { text: say(texts, 'rows.bar') };
    if (filled.slice(0, at).some((other) => other.title.trim() === row.title.trim())) return { text: say(texts, 'buttons.equal') };
    if (filled.slice(0, at).some((other, i) => (other.id?.trim() || String(i + 1)) === own)) {
      return { text: say(texts, 'rows.equal_ids', { id: own }) };
    }
    return {};
  }
}
