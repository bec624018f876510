// The popover in which a field is chosen: a search box over a list in groups (ARIA's combobox with a listbox).

import { plural } from './expressions.js';
import { el, setAttribute } from './nodes.js';

const WIDTH = 320;
const HEIGHT = 260;
const GAP = 4;
const EDGE = 8;

let last = 0;
let open = null;

/**
 * Open at an element; the picker opened before closes.
 * @param {object} how
 * @param {Element} how.anchor
 * @param {import('./expressions.js').Catalogue} how.catalogue
 * @param {import('./expressions.js').Fit} [how.fit]
 * @param {Record<string, string>} how.texts
 * @param {(item: import('./expressions.js').Item) => void} how.onPick
 * @param {(why: 'escape' | 'tab' | 'away') => void} how.onClose  without a choice; Esc and Tab want the focus back
 * @param {(typed: string) => boolean} [how.onTyped]  true when the text belongs to the field: the picker closes
 * @returns {{close: () => void, element: HTMLElement}}
 */
export function openPicker(how) {
  open?.close();
  open = new Picker(how);
  return open;
}

class Picker {
  constructor({ anchor, catalogue, fit = 'text', texts, onPick, onClose, onTyped = () => false }) {
    Object.assign(this, { anchor, catalogue, fit, texts, onPick, onClose, onTyped });
    this.id = `picker-${++last}`;
    this.options = [];
    this.active = -1;
    this._ending = new AbortController();
    this._draw();
    // In the top layer of a dialog nothing outside of it can be reached.
    (anchor.closest('dialog') ?? document.body).append(this.element);
    this._listen();
    this._place();
    this._search();
    this.search.focus();
  }

  close() {
    if (open === this) open = null;
    this._ending.abort();
    this.element.remove();
  }

  _draw() {
    const { texts, id } = this;
    this.search = el('input', {
      type: 'text', class: 'xp-search', role: 'combobox', autocomplete: 'off', spellcheck: 'false',
      'aria-label': texts.search, 'aria-autocomplete': 'list', 'aria-controls': `${id}-list`, 'aria-expanded': 'true',
      placeholder: texts.searchExample,
    });
    this.list = el('div', { id: `${id}-list`, class: 'xp-list', role: 'listbox', 'aria-label': texts.fields });
    this.none = el('p', { class: 'xp-none', hidden: true });
    this.technical = el('input', { type: 'checkbox', role: 'switch' });
    const hasTechnical = this.catalogue.groups.some((group) => group.items.some((item) => item.technical));
    this.count = el('span', { class: 'xp-count', role: 'status' });
    const label = el('label', { class: 'xp-technical', hidden: !hasTechnical }, this.technical, texts.technicalFields);
    const foot = el('div', { class: 'xp-foot' }, label, this.count);
    this.element = el('div', { class: 'xp', role: 'dialog', 'aria-label': texts.fields }, this.search, this.list,
      this.none, foot);
  }

  _listen() {
    const { signal } = this._ending;
    const on = (target, type, act, more) => target.addEventListener(type, act, { signal, ...more });
    on(this.element, 'keydown', (event) => this._onKey(event));
    on(this.search, 'input', (event) => this._onInput(event));
    on(this.technical, 'change', () => this._search());
    // The search box keeps the focus while the list is used by mouse; its own selection stays possible.
    on(this.list, 'mousedown', (event) => event.preventDefault());
    on(this.list, 'click', (event) => this._pick(this.options.indexOf(event.target.closest('[role=option]'))));
    on(document, 'pointerdown', (event) => {
      if (!this.element.contains(event.target)) this._leave('away');
    }, { capture: true });
    on(document, 'focusin', (event) => {
      if (!this.element.contains(event.target)) this._leave('away');
    });
    on(window, 'resize', () => this._place());
    on(window, 'scroll', () => this._place(), { capture: true, passive: true });
  }

  _onInput(event) {
    if (!event.isComposing && this.onTyped(this.search.value)) return this.close();
    return this._search();
  }

  _onKey(event) {
    if (event.isComposing) return;
    if (event.key === 'Escape') {
      event.preventDefault();
      event.stopPropagation();
      this._leave('escape');
    } else if (event.key === 'Tab') {
      this._onTab(event);
    } else if (event.target === this.search) {
      this._onListKey(event);
    }
  }

  /** Tab closes; on its way forward it stops at the switch, which could not be reached otherwise. */
  _onTab(event) {
    const isAtSwitch = event.target === this.technical;
    if (!this.technical.closest('label').hidden && isAtSwitch === event.shiftKey) {
      event.preventDefault();
      (isAtSwitch ? this.search : this.technical).focus();
    } else {
      this._leave('tab');
    }
  }

  _onListKey(event) {
    const end = this.options.length - 1;
    // With Shift or Ctrl Home and End belong to the text of the search box.
    const isPlain = !event.shiftKey && !event.ctrlKey && !event.metaKey && !event.altKey;
    const moves = { ArrowDown: this.active + 1, ArrowUp: this.active - 1, Home: 0, End: end,
      PageDown: Math.min(this.active + 6, end), PageUp: Math.max(this.active - 6, 0) };
    if (event.key === 'Enter') {
      event.preventDefault();
      this._pick(this.active);
    } else if (isPlain && event.key in moves && end >= 0) {
      event.preventDefault();
      this._activate((moves[event.key] + end + 1) % (end + 1));
    }
  }

  _leave(why) {
    this.close();
    this.onClose(why);
  }

  _pick(index) {
    if (!this.options[index]) return;
    const item = this.items[index];
    this.close();
    this.onPick(item);
  }

  _search() {
    const groups = this.catalogue.find(this.search.value, { fit: this.fit, technical: this.technical.checked });
    this.items = groups.flatMap((group) => group.items);
    this.options = [];
    this.list.replaceChildren(...groups.map((group, index) => this._group(group, `${this.id}-g${index}`)));
    const n = new Set(this.items.map((item) => item.expression)).size;
    this.list.hidden = n === 0;
    this.search.setAttribute('aria-expanded', String(n > 0));
    this.none.hidden = n > 0;
    this.none.textContent = n ? '' : this.texts[this.catalogue.isEmpty ? 'noFields' : 'nothingFound'];
    this.count.textContent = plural(this.texts, 'fieldsFound', n);
    this.list.scrollTop = 0;
    this._activate(n ? 0 : -1);
  }

  _group(group, id) {
    const title = el('div', { id, class: 'xp-title', role: 'presentation' }, group.title);
    const made = el('div', { role: 'group', 'aria-labelledby': id }, title);
    for (const item of group.items) {
      const option = this._option(item, `${this.id}-o${this.options.length}`);
      this.options.push(option);
      made.append(option);
    }
    return made;
  }

  _option(item, id) {
    const shape = item.multiple ? this.texts.severalValues : this.catalogue.shape(item);
    const below = item.technical || this.technical.checked ? item.id : '';
    return el('div', { id, role: 'option', class: 'xp-option', 'aria-selected': 'false' },
      el('span', { class: 'xp-name' }, item.name),
      shape ? el('span', { class: 'xp-shape' }, shape) : null,
      below ? el('span', { class: 'xp-id' }, below) : null);
  }

  _activate(index) {
    this.options[this.active]?.setAttribute('aria-selected', 'false');
    this.active = index;
    const option = this.options[index];
    option?.setAttribute('aria-selected', 'true');
    setAttribute(this.search, 'aria-activedescendant', option?.id);
    // The first of a group brings its title into view.
    const title = option?.previousElementSibling;
    if (title?.classList.contains('xp-title')) title.scrollIntoView({ block: 'nearest' });
    option?.scrollIntoView({ block: 'nearest' });
  }

  /** Below the anchor, above it when that is roomier, over it when neither is enough: never outside of the frame. */
  _place() {
    const { left, top, bottom } = this.anchor.getBoundingClientRect();
    const { clientWidth, clientHeight } = document.documentElement;
    const width = Math.min(WIDTH, clientWidth - 2 * EDGE);
    const below = clientHeight - EDGE - bottom - GAP;
    const above = top - GAP - EDGE;
    const height = Math.min(HEIGHT, clientHeight - 2 * EDGE);
    const under = clamp(bottom + GAP, EDGE, clientHeight - EDGE - height);
    const y = below < height && above >= height ? top - GAP - height : under;
    Object.assign(this.element.style, {
      width: `${width}px`, height: `${height}px`, top: `${y}px`,
      left: `${clamp(left, EDGE, clientWidth - EDGE - width)}px`,
    });
  }
}

const clamp = (value, least, most) => Math.max(least, Math.min(value, most));
