// The popover in which a field is chosen: a search box over a list in groups (ARIA's combobox with a listbox).

import { around, holdPress, make, setAttribute } from '../dom.js';
import { plural } from './expressions.js';

const WIDTH = 320;
const HEIGHT = 260;
const GAP = 4;
const EDGE = 8;

/** @import { Catalogue, FieldTexts, Fit, Group, Item } from './expressions.js' */

/**
 * @typedef {object} PickerOptions
 * @property {Element} anchor
 * @property {Catalogue} catalogue
 * @property {Fit} [fit]
 * @property {FieldTexts} texts
 * @property {(item: Item) => void} onPick
 * @property {(why: 'escape' | 'tab' | 'away') => void} onLeave  without a choice; Esc and Tab want the focus back
 * @property {() => void} onClosed  however it came to that
 * @property {(typed: string) => boolean} [onTyped]  true when the text belongs to the field: the picker closes
 */

let last = 0;
/** @type {Picker | null} */
let open = null;

/** Opens at an element; the picker opened before closes. @param {PickerOptions} how */
export function openPicker(how) {
  open?.close();
  open = new Picker(how);
}

class Picker {
  /** @param {PickerOptions} how */
  constructor(how) {
    this._how = how;
    last += 1;
    this._id = `picker-${last}`;
    /** @type {Item[]} */
    this._items = [];
    /** Elements of _items. @type {HTMLElement[]} */
    this._options = [];
    this._active = -1;
    this._ending = new AbortController();
    this._parts = makeParts(this._id, how);
    const { element, search, list, none, foot } = this._parts;
    element.append(search, list, none, foot);
    // In the top layer of a dialog nothing outside of it can be reached.
    (how.anchor.closest('dialog') ?? document.body).append(element);
    this._listen();
    this._place();
    this._search();
    search.focus();
  }

  close() {
    if (open === this) open = null;
    this._ending.abort();
    this._parts.element.remove();
    this._how.onClosed();
  }

  _listen() {
    const { element, search, list, technical } = this._parts;
    const { signal } = this._ending;
    /** @param {Event} event */
    const onElsewhere = (event) => {
      if (!element.contains(/** @type {Node} */ (event.target))) this._leave('away');
    };
    element.addEventListener('keydown', (event) => this._onKey(event), { signal });
    search.addEventListener('input', (event) => this._onInput(/** @type {InputEvent} */ (event)), { signal });
    technical.addEventListener('change', () => this._search(), { signal });
    // The search box keeps the focus while the list is used by mouse; its own selection stays possible.
    list.addEventListener('mousedown', (event) => event.preventDefault(), { signal });
    holdPress(list);
    list.addEventListener('click', (event) => this._onClick(event), { signal });
    document.addEventListener('pointerdown', onElsewhere, { signal, capture: true });
    document.addEventListener('focusin', onElsewhere, { signal });
    window.addEventListener('resize', () => this._place(), { signal });
    window.addEventListener('scroll', () => this._place(), { signal, capture: true, passive: true });
  }

  /** @param {Event} event */
  _onClick(event) {
    const option = around(event, '[role=option]');
    if (option) this._pick(this._options.indexOf(option));
  }

  /** @param {InputEvent} event */
  _onInput(event) {
    if (!event.isComposing && this._how.onTyped?.(this._parts.search.value)) this.close();
    else this._search();
  }

  /** @param {KeyboardEvent} event */
  _onKey(event) {
    if (event.isComposing) return;
    if (event.key === 'Escape') {
      event.preventDefault();
      event.stopPropagation();
      this._leave('escape');
    } else if (event.key === 'Tab') {
      this._onTab(event);
    } else if (event.target === this._parts.search) {
      this._onListKey(event);
    }
  }

  /**
   * Tab closes; on its way forward it stops at the switch, which could not be reached otherwise.
   * @param {KeyboardEvent} event
   */
  _onTab(event) {
    const { search, technical, label } = this._parts;
    const isAtSwitch = event.target === technical;
    if (!label.hidden && isAtSwitch === event.shiftKey) {
      event.preventDefault();
      (isAtSwitch ? search : technical).focus();
    } else {
      this._leave('tab');
    }
  }

  /** @param {KeyboardEvent} event */
  _onListKey(event) {
    const end = this._options.length - 1;
    // With Shift or Ctrl Home and End belong to the text of the search box.
    const isPlain = !event.shiftKey && !event.ctrlKey && !event.metaKey && !event.altKey;
    /** @type {Record<string, number>} */
    const moves = { ArrowDown: this._active + 1, ArrowUp: this._active - 1, Home: 0, End: end,
      PageDown: Math.min(this._active + 6, end), PageUp: Math.max(this._active - 6, 0) };
    if (event.key === 'Enter') {
      event.preventDefault();
      this._pick(this._active);
    } else if (isPlain && event.key in moves && end >= 0) {
      event.preventDefault();
      this._activate((moves[event.key] + end + 1) % (end + 1));
    }
  }

  /** @param {'escape' | 'tab' | 'away'} why */
  _leave(why) {
    this.close();
    this._how.onLeave(why);
  }

  /** @param {number} index */
  _pick(index) {
    if (!this._options[index]) return;
    const item = this._items[index];
    this.close();
    this._how.onPick(item);
  }

  _search() {
    const { search, list, none, count, technical } = this._parts;
    const { catalogue, texts, fit } = this._how;
    const groups = catalogue.find(search.value, { fit, technical: technical.checked });
    this._items = groups.flatMap((group) => group.items);
    this._options = [];
    list.replaceChildren(...groups.map((group, index) => this._group(group, `${this._id}-g${index}`)));
    const n = new Set(this._items.map((item) => item.expression)).size;
    list.hidden = n === 0;
    search.setAttribute('aria-expanded', String(n > 0));
    none.hidden = n > 0;
    none.textContent = n ? '' : texts[catalogue.isEmpty ? 'noFields' : 'nothingFound'];
    count.textContent = plural(texts, 'fieldsFound', n);
    list.scrollTop = 0;
    this._activate(n ? 0 : -1);
  }

  /** @param {Group} group @param {string} id */
  _group(group, id) {
    const title = make('div', { id, class: 'xp-title', role: 'presentation', text: group.title });
    const made = make('div', { role: 'group', 'aria-labelledby': id }, title);
    for (const item of group.items) {
      const option = this._option(item, `${this._id}-o${this._options.length}`);
      this._options.push(option);
      made.append(option);
    }
    return made;
  }

  /** @param {Item} item @param {string} id */
  _option(item, id) {
    const shape = item.multiple ? this._how.texts.severalValues : this._how.catalogue.shape(item);
    const below = item.technical || this._parts.technical.checked ? item.id : '';
    return make('div', { id, role: 'option', class: 'xp-option', 'aria-selected': 'false' },
      make('span', { class: 'xp-name', text: item.name }),
      shape ? make('span', { class: 'xp-shape', text: shape }) : null,
      below ? make('span', { class: 'xp-id', text: below }) : null);
  }

  /** @param {number} index */
  _activate(index) {
    this._options[this._active]?.setAttribute('aria-selected', 'false');
    this._active = index;
    const option = this._options[index];
    option?.setAttribute('aria-selected', 'true');
    setAttribute(this._parts.search, 'aria-activedescendant', option?.id);
    // The first of a group brings its title into view.
    const title = option?.previousElementSibling;
    if (title?.classList.contains('xp-title')) title.scrollIntoView({ block: 'nearest' });
    option?.scrollIntoView({ block: 'nearest' });
  }

  /** Below the anchor, above it when that is roomier, over it when neither is enough: never outside of the frame. */
  _place() {
    const { left, top, bottom } = this._how.anchor.getBoundingClientRect();
    const { clientWidth, clientHeight } = document.documentElement;
    const width = Math.min(WIDTH, clientWidth - 2 * EDGE);
    const below = clientHeight - EDGE - bottom - GAP;
    const above = top - GAP - EDGE;
    const height = Math.min(HEIGHT, clientHeight - 2 * EDGE);
    const under = clamp(bottom + GAP, EDGE, clientHeight - EDGE - height);
    const y = below < height && above >= height ? top - GAP - height : under;
    Object.assign(this._parts.element.style, {
      width: `${width}px`, height: `${height}px`, top: `${y}px`,
      left: `${clamp(left, EDGE, clientWidth - EDGE - width)}px`,
    });
  }
}

/** @param {string} id @param {PickerOptions} how */
function makeParts(id, { texts, catalogue }) {
  const technical = make('input', { type: 'checkbox', role: 'switch' });
  const hasTechnical = catalogue.groups.some((group) => group.items.some((item) => item.technical));
  const label = make('label', { class: 'xp-technical', hidden: !hasTechnical }, technical, texts.technicalFields);
  const count = make('span', { class: 'xp-count', role: 'status' });
  return {
    technical, label, count,
    element: make('div', { class: 'xp', role: 'dialog', 'aria-label': texts.fields }),
    search: make('input', {
      type: 'text', class: 'xp-search', role: 'combobox', autocomplete: 'off', spellcheck: 'false',
      'aria-label': texts.search, 'aria-autocomplete': 'list', 'aria-controls': `${id}-list`, 'aria-expanded': 'true',
      placeholder: texts.searchExample,
    }),
    list: make('div', { id: `${id}-list`, class: 'xp-list', role: 'listbox', 'aria-label': texts.fields }),
    none: make('p', { class: 'xp-none', hidden: true }),
    foot: make('div', { class: 'xp-foot' }, label, count),
  };
}

/** @param {number} value @param {number} least @param {number} most */
const clamp = (value, least, most) => Math.max(least, Math.min(value, most));
