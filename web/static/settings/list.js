// Up to ten rows in sections, stored as lines `# Section`, `Title`, `Title|Description`, `Title|Description|id`.
import { make, say, write } from './dom.js';
import {
  LINE_END, announcePlace, countedField, freeId, idField, measured, moveByKeys, pieces, plainField, rowTools, showProblem,
} from './entries.js';

const LIMITS = { rows: 10, sections: 10, section: 24, title: 24, description: 72 };

/**
 * @typedef {Object} Row `raw`: the stored line until this row is edited; `id` null: none, the choice comes back as the
 *   row's number in the whole list
 * @typedef {Object} Section `raw`: its stored `# Title` line until edited, null when it has none
 */

/**
 * @param {{id: string, label: string, value: string, limits?: Object, texts: Object, makeField?: function,
 *   onInput?: function(string)}} options
 * @returns {{element: HTMLElement, value: function(): string, problems: function(): {id: string, text: string}[],
 *   sections: function(): {title: string, rows: {title: string, description: string}[]}[], focus: function()}}
 */
export function listEditor({ id, label, value, limits = {}, texts, makeField = plainField, onInput = () => {} }) {
  const editor = new List({ id, stored: value, limits: { ...LIMITS, ...limits }, texts, makeField, onInput });
  const heading = make('span', { id: `${id}-label`, class: 'field-label', text: label });
  const foot = make('div', { class: 'entries-foot' }, editor.addSection, editor.count);
  return {
    element: make('div', { class: 'entries', role: 'group', 'aria-labelledby': `${id}-label`, id }, heading, editor.place, foot),
    value: () => editor.value(),
    problems: () => editor.problems().map(({ field, text }) => ({ id: field, text })),
    sections: () => editor.shown(),
    focus: () => (editor.rows()[0]?.view.title ?? editor.addSection).focus(),
  };
}

/** @returns {{raw: ?string, title: string, rows: string[]}[]} as activities/send_list.py reads it */
function read(text) {
  const sections = [];
  for (const line of text.split(LINE_END).filter((given) => given.trim())) {
    if (line.trim().startsWith('#')) {
      sections.push({ raw: line, title: line.trim().replace(/^#+/, '').trim(), rows: [] });
    } else {
      if (!sections.length) sections.push({ raw: null, title: '', rows: [] });
      sections.at(-1).rows.push(line);
    }
  }
  return sections.length ? sections : [{ raw: null, title: '', rows: [''] }];
}

class List {
  constructor(options) {
    Object.assign(this, options);
    this.untouched = true;
    this.made = 0;
    this.place = make('div', { class: 'sections' });
    this.count = make('span', { class: 'hint' });
    this.addSection = make('button', {
      type: 'button', class: 'quiet', text: say(this.texts, 'list.add_section'), on: { click: () => this.appendSection() },
    });
    this.sections = read(this.stored).map((given) => this.section(given));
    this.draw();
  }

  section({ raw, title, rows }) {
    const section = { raw, title };
    section.view = this.sectionView(section);
    section.rows = rows.map((line) => this.row(line));
    return section;
  }

  sectionView(section) {
    const { texts, limits } = this;
    const key = this.key();
    const name = say(texts, 'list.section', { n: this.made });
    const error = make('p', { class: 'error', id: `${key}-error`, hidden: true });
    const title = countedField({
      id: key, label: say(texts, 'list.section_title'), value: section.title, limit: limits.section, texts,
      placeholder: say(texts, 'list.section_example'), describedBy: error.id, makeField: this.makeField,
      onInput: () => this.change(section, { title: title.value() }),
    });
    const remove = make('button', {
      type: 'button', class: 'quiet', text: say(texts, 'list.remove_section'), on: { click: () => this.removeSection(section) },
    });
    const add = make('button', {
      type: 'button', class: 'quiet', text: say(texts, 'list.add'), on: { click: () => this.append(section) },
    });
    const list = make('ol', { class: 'rows-list' });
    const head = make('div', { class: 'section-head' }, make('div', { class: 'entry-line' }, title.element, remove), error);
    return { element: make('div', { class: 'section-box', role: 'group', 'aria-label': name }, head, list, add), head, list, add, title, error, key };
  }

  row(line) {
    const [title, description = '', ...rest] = pieces(line);
    const row = {
      raw: line || null, title, description, id: rest.length ? rest.join('|') : null, isNew: !line, isLeft: Boolean(line),
    };
    row.view = this.rowView(row);
    return row;
  }

  rowView(row) {
    const { texts, limits, makeField } = this;
    const key = this.key();
    const name = say(texts, 'list.row', { n: this.made });
    const error = make('p', { class: 'error', id: `${key}-error`, hidden: true });
    const field = (part, limit, id) => countedField({
      id, label: say(texts, `list.${part}`), value: row[part].trim(), limit, texts, makeField, describedBy: error.id,
      placeholder: say(texts, `list.${part}_example`), onInput: () => this.rename(row),
    });
    const title = field('title', limits.title, key);
    const description = field('description', limits.description, `${key}-description`);
    const ids = idField({
      id: `${key}-id`, texts, name, onInput: (typed) => this.change(row, { id: typed.trim() ? typed : null, isNew: false }),
    });
    const onMove = (step) => this.move(row, step);
    const tools = rowTools({ texts, name, onMove, onRemove: () => this.remove(row), extra: [ids.button] });
    const line = make('div', { class: 'entry-line two-fields' }, title.element, description.element, tools.element);
    const element = make('li', { class: 'entry' }, line, ids.panel, error);
    moveByKeys(element, onMove);
    element.addEventListener('focusout', () => {
      row.isLeft = true;
      this.check();
    });
    return { element, title, description, ids, tools, error, key };
  }

  key() {
    this.made += 1;
    return `${this.id}-${this.made}`;
  }

  rows() {
    return this.sections.flatMap(({ rows }) => rows);
  }

  filled() {
    return this.rows().filter(isFilled);
  }

  numbers() {
    return new Map(this.filled().map((row, at) => [row, String(at + 1)]));
  }

  rename(row) {
    const title = row.view.title.value();
    const id = row.isNew && title.trim() && row.id === null ? freeId('row', this.ids()) : undefined;
    this.change(row, {
      title, description: row.view.description.value(), isNew: row.isNew && !title.trim(), ...(id ? { id } : {}),
    });
  }

  ids() {
    const numbers = this.numbers();
    return new Set(this.filled().map((row) => row.id?.trim() || numbers.get(row)));
  }

  change(item, values) {
    this.pin(item);
    item.raw = null;
    Object.assign(item, values);
    this.changed();
  }

  /** A stored row without an id had its number as one: conditions of the robot may name it, so it keeps it. */
  pin(item) {
    if (item.raw === null || item.id !== null || item.rows) return;
    item.id = this.numbers().get(item);
    item.raw = null;
  }

  move(row, step) {
    const from = this.sections.findIndex(({ rows }) => rows.includes(row));
    const at = this.sections[from].rows.indexOf(row);
    const stays = this.sections[from].rows[at + step];
    const to = stays ? from : from + step;
    if (!this.sections[to]) return;
    // Across a border only the section changes, not the row's number.
    if (stays) [row, stays].forEach((moved) => this.pin(moved));
    this.sections[from].rows.splice(at, 1);
    const { rows } = this.sections[to];
    rows.splice(stays ? at + step : step > 0 ? 0 : rows.length, 0, row);
    if (stays) row.view.element[step < 0 ? 'after' : 'before'](stays.view.element);
    else this.carry(row, this.sections[to].view.list, step);
    this.changed();
    announcePlace(this.texts, row.title.trim(), this.rows().indexOf(row) + 1, this.rows().length);
  }

  // Taking an element out of the document takes the focus from it.
  carry(row, list, step) {
    const focused = row.view.element.contains(document.activeElement) ? document.activeElement : null;
    if (step > 0) list.prepend(row.view.element);
    else list.append(row.view.element);
    focused?.focus();
  }

  remove(row) {
    this.rows().slice(this.rows().indexOf(row) + 1).forEach((other) => this.pin(other));
    const section = this.sections.find(({ rows }) => rows.includes(row));
    const at = section.rows.indexOf(row);
    section.rows.splice(at, 1);
    row.view.element.remove();
    this.changed();
    const next = section.rows[at];
    if (next) next.view.title.focus();
    else section.view.add.focus();
  }

  append(section) {
    this.sections.slice(this.sections.indexOf(section) + 1).forEach(({ rows }) => rows.forEach((other) => this.pin(other)));
    const row = this.row('');
    section.rows.push(row);
    section.view.list.append(row.view.element);
    this.changed();
    row.view.title.focus();
  }

  appendSection() {
    const section = this.section({ raw: null, title: '', rows: [''] });
    this.sections.push(section);
    this.changed();
    const first = this.sections.find(({ title }) => !title.trim());
    first.view.title.focus();
  }

  /** Its rows go to the section above, of the first one to the section below. */
  removeSection(section) {
    const at = this.sections.indexOf(section);
    const heir = this.sections[at - 1] ?? this.sections[at + 1];
    if (heir) {
      const rows = section.rows.filter(isFilled);
      heir.rows = at > 0 ? [...heir.rows, ...rows] : [...rows, ...heir.rows];
      this.sections.splice(at, 1);
      section.view.element.remove();
      heir.view.list.replaceChildren(...heir.rows.map((row) => row.view.element));
    } else {
      Object.assign(section, { title: '', raw: null });
    }
    this.changed();
    (heir ?? section).view.add.focus();
  }

  value() {
    if (this.untouched) return this.stored;
    return this.sections.flatMap((section, at) => [...this.headLine(section, at), ...section.rows.filter(isFilled).map(line)]).join('\n');
  }

  headLine({ raw, title }, at) {
    if (raw !== null) return [raw];
    return title.trim() || at > 0 ? [`# ${title}`.trim()] : [];
  }

  shown() {
    return this.sections.map(({ title, rows }) => ({
      title: title.trim(),
      rows: rows.filter(isFilled).map((row) => ({ title: row.title.trim(), description: row.description.trim() })),
    }));
  }

  changed() {
    this.untouched = false;
    this.draw();
    this.onInput(this.value());
  }

  draw() {
    const { sections, texts, limits } = this;
    for (const { view, rows } of sections) {
      if (!view.element.isConnected || view.element.parentNode !== this.place) this.place.append(view.element);
      if (!view.list.childElementCount) view.list.append(...rows.map((row) => row.view.element));
    }
    const all = this.rows();
    const numbers = this.numbers();
    const named = sections.length > 1 || sections[0].raw !== null || sections[0].title;
    sections.forEach(({ view, rows }, at) => {
      view.head.hidden = !named;
      view.add.hidden = all.length >= limits.rows;
      rows.forEach((row, i) => {
        row.view.tools.edges(at === 0 && i === 0, at === sections.length - 1 && i === rows.length - 1);
        row.view.ids.show(row.id?.trim() ?? '', row.id?.trim() || numbers.get(row) || String(all.indexOf(row) + 1));
      });
    });
    write(this.count, say(texts, 'list.count', { n: this.filled().length, max: limits.rows }));
    this.addSection.hidden = sections.length >= limits.sections || all.length >= limits.rows;
    this.check();
  }

  check() {
    const found = new Map(this.problems().map((problem) => [problem.item, problem]));
    for (const item of [...this.sections, ...this.rows()]) {
      const problem = found.get(item);
      const text = problem && (item.rows || item.isLeft || !problem.isEmpty) ? problem.text : '';
      showProblem(item.view.error, item.view.title.control, text);
    }
  }

  problems() {
    const { sections, texts } = this;
    const rows = this.rows();
    if (!this.filled().length) {
      const item = rows[0] ?? sections[0];
      return [{ item, field: item.view.key, text: say(texts, 'list.none'), isEmpty: true }];
    }
    const found = [...sections, ...rows].map((item) => ({
      item, field: item.view.key, ...(item.rows ? this.sectionProblem(item) : this.rowProblem(item)),
    }));
    return found.filter(({ text }) => text);
  }

  sectionProblem({ title, rows }) {
    const { texts, limits } = this;
    const over = measured(title).length - limits.section;
    if (this.sections.length > 1 && !title.trim()) return { text: say(texts, 'list.untitled_section') };
    if (over > 0) return { text: say(texts, 'rows.too_long', { n: over, limit: limits.section }) };
    return rows.some(isFilled) ? {} : { text: say(texts, 'list.empty_section') };
  }

  rowProblem(row) {
    const { texts, limits } = this;
    const { title, description } = row;
    const filled = this.filled();
    const at = filled.indexOf(row);
    if (at < 0) return {};
    if (!title.trim()) return { text: say(texts, 'list.untitled'), isEmpty: row.raw === null && row.isNew };
    if (title.trim().startsWith('#')) return { text: say(texts, 'list.hash') };
    const bars = [title, description, row.id ?? ''].some((part) => pieces(part).length > 1);
    if (bars) return { text: say(texts, 'rows.bar') };
    const over = [[title, limits.title], [description, limits.description]]
      .map(([text, limit]) => ({ n: measured(text).length - limit, limit })).find(({ n }) => n > 0);
    if (over) return { text: say(texts, 'rows.too_long', over) };
    if (at >= limits.rows) return { text: say(texts, 'list.too_many', { max: limits.rows }) };
    return this.twin(row, filled.slice(0, at), at);
  }

  twin(row, before, at) {
    const { texts } = this;
    const section = this.sections.find(({ rows }) => rows.includes(row));
    const same = ({ title, description }) => title.trim() === row.title.trim() && description.trim() === row.description.trim();
    if (before.some((other) => section.rows.includes(other) && same(other))) return { text: say(texts, 'list.equal') };
    const own = row.id?.trim() || String(at + 1);
    const taken = before.some((other, i) => (other.id?.trim() || String(i + 1)) === own);
    return taken ? { text: say(texts, 'rows.equal_ids', { id: own }) } : {};
  }
}

function isFilled({ raw, title, description, id }) {
  return raw !== null || Boolean(title.trim() || description.trim() || id !== null);
}

function line({ raw, title, description, id }) {
  if (raw !== null) return raw;
  if (id !== null) return `${title}|${description}|${id}`;
  return description.trim() ? `${title}|${description}` : title;
}
