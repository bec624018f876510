// A field whose value is text with expressions: label, editable region with chips, picker, counter, problem.

import { make, setAttribute } from '../dom.js';
import { Editable } from './editable.js';
import { fill, length, plural, split } from './expressions.js';
import { Notes } from './field_notes.js';
import { icon } from './icon.js';
import { openPicker } from './picker.js';

const NEAR = 0.9;
const MACRO = /\[template=/i;

/** @import { AttributeValue } from '../dom.js' */
/** @import { Catalogue, FieldTexts, Fit } from './expressions.js' */

/**
 * @typedef {object} FieldOptions
 * @property {string} id            of the editable element; others are `${id}-label`, `-hint`, `-error` …
 * @property {string} label
 * @property {string} [hint]
 * @property {string} [value]       the stored string; it comes back byte for byte unless the user changes it
 * @property {number} [limit]       code points
 * @property {boolean} [multiline]
 * @property {boolean} [required]
 * @property {string} [placeholder] an example
 * @property {Fit} [fit]
 * @property {Catalogue} catalogue
 * @property {FieldTexts} texts
 * @property {(value: string) => void} [onInput]
 * @property {() => void} [onFocus]
 * @property {() => void} [onBlur]
 * @property {(text: string) => void} [onMacro]   a macro of OLChat was pasted; it stands in the field already
 * @property {(text: string) => void} [announce]  speaks through the page's polite region; without it the field has one
 *
 * @typedef {object} ExpressionField
 * @property {HTMLElement} element
 * @property {string} value
 * @property {(value: string) => void} setValue
 * @property {(text: string) => void} setProblem '' when nothing is wrong
 * @property {() => void} focus
 * @property {(expression: string) => void} insert
 */

/** @param {FieldOptions} how @returns {ExpressionField} */
export function expressionField(how) {
  const field = new Field(how);
  return {
    element: field.element,
    get value() { return field.value; },
    setValue: (value) => field.setValue(value),
    setProblem: (text) => field.setProblem(text),
    focus: () => field.focus(),
    insert: (expression) => field.insert(expression),
  };
}

class Field {
  /** @param {FieldOptions} how */
  constructor(how) {
    const { id, value = '', multiline = false, catalogue, texts, announce } = how;
    this._how = how;
    this._fit = how.fit ?? 'text';
    this._multiline = multiline;
    this.value = value;
    this._problem = '';
    /** Whether the value is shown as it is stored, without chips. */
    this._isText = false;
    this._level = 0;
    this._parts = makeParts(how);
    this._editable = new Editable({
      root: this._parts.region, value, multiline,
      chip: (expression) => this._chip(expression),
      onChange: (changed) => this._onChange(changed), onBrace: () => this._pick(true),
      onPaste: (text) => this._onPaste(text),
    });
    this._notes = new Notes({
      id: `${id}-notes`, catalogue, texts, editable: this._editable,
      onReplace: (text, expression) => this._replaceAll(text, expression),
    });
    const status = announce ? null : make('span', { class: 'xf-status', role: 'status' });
    this._announce = announce ?? ((/** @type {string} */ text) => { if (status) status.textContent = text; });
    this.element = this._assemble(status);
    this._listen();
    this._show();
  }

  /** @param {string} value */
  setValue(value) {
    this.value = value;
    this._editable.setValue(value);
    this._show();
  }

  /** @param {string} text */
  setProblem(text) {
    this._problem = text;
    this._parts.error.hidden = !text;
    this._parts.errorText.textContent = text;
    this.element.classList.toggle('is-bad', Boolean(text));
    const { region, source } = this._parts;
    for (const target of [region, source]) setAttribute(target, 'aria-invalid', text ? 'true' : null);
    this._describe();
  }

  focus() {
    if (this._isText) this._parts.source.focus();
    else this._editable.focus();
  }

  /** Puts an expression where the caret is, or was, and goes on there. @param {string} expression */
  insert(expression) {
    if (this._isText) {
      const { source } = this._parts;
      source.setRangeText(expression, source.selectionStart, source.selectionEnd, 'end');
      source.focus();
      this._onSource();
    } else {
      this._editable.replace(expression);
      this._editable.focus();
    }
  }

  // --- what is drawn

  _show() {
    this._fillSource();
    this._count(false);
    this._note();
  }

  /** @param {HTMLElement | null} status */
  _assemble(status) {
    const star = this._how.required ? make('span', { class: 'xf-star', 'aria-hidden': 'true', text: ' *' }) : null;
    const { label, box, error, foot, hint, counter } = this._parts;
    foot.append(hint, counter);
    return make('div', { class: `xf${this._multiline ? ' xf-multiline' : ''}` },
      make('div', { class: 'xf-head' }, label, star), box, error, foot, this._notes.element, status);
  }

  _listen() {
    this._parts.label.addEventListener('click', () => this.focus());
    this._parts.add.addEventListener('click', () => this._pick(false));
    this._parts.mode.addEventListener('click', () => this._switch(!this._isText));
    this._parts.source.addEventListener('input', () => this._onSource());
    this._parts.source.addEventListener('keydown', (event) => {
      if (event.key === 'Enter' && !this._multiline && !event.isComposing) event.preventDefault();
    });
    for (const target of [this._parts.region, this._parts.source]) {
      target.addEventListener('focus', () => this._how.onFocus?.());
      target.addEventListener('blur', () => {
        this._note();
        this._how.onBlur?.();
      });
    }
  }

  /** @param {string} expression @returns {HTMLElement | null} null: unknown, stays text */
  _chip(expression) {
    const { catalogue, texts } = this._how;
    const name = catalogue.name(expression);
    if (!name) return null;
    const title = fill(texts.chipRemove, { name });
    const remove = make('span', { class: 'xf-remove', 'data-remove': true, title, text: '×' });
    return make('span', {
      class: 'xf-chip', contenteditable: 'false', role: 'img', 'aria-label': fill(texts.chipLabel, { name }),
      'data-expression': expression, title: name,
    }, make('span', { class: 'xf-chip-name', text: name }), remove);
  }

  /** Names what describes the field to screen readers: only what is there. */
  _describe() {
    const parts = {
      hint: this._parts.hint.textContent, count: this._how.limit, error: this._problem, notes: !this._notes.isEmpty,
    };
    const ids = Object.entries(parts).filter(([, isThere]) => isThere).map(([part]) => `${this._how.id}-${part}`);
    const { region, source } = this._parts;
    for (const target of [region, source]) setAttribute(target, 'aria-describedby', ids.join(' ') || null);
  }

  // --- changes

  /** @param {string} value */
  _onChange(value) {
    this.value = value;
    this._fillSource();
    this._count(true);
    // What is dotted is dotted by place, and the places have moved.
    if (!this._notes.isEmpty) this._note();
    this._how.onInput?.(value);
  }

  /** A textarea knows no CRLF; a value that has it everywhere keeps it. */
  _onSource() {
    const isWindows = /\r\n/.test(this.value) && !/(^|[^\r])\n/.test(this.value);
    const typed = this._multiline ? this._parts.source.value : this._parts.source.value.replace(/\n+/g, ' ');
    this.value = isWindows ? typed.replace(/\n/g, '\r\n') : typed;
    this._count(true);
    this._how.onInput?.(this.value);
  }

  _fillSource() {
    if (document.activeElement !== this._parts.source) this._parts.source.value = this.value;
  }

  /** @param {boolean} isText */
  _switch(isText) {
    this._isText = isText;
    this._parts.mode.setAttribute('aria-checked', String(isText));
    this._parts.source.hidden = !isText;
    this._parts.region.hidden = isText;
    this._parts.source.value = this.value;
    if (!isText && this._editable.value !== this.value) this._editable.setValue(this.value);
    this._note();
  }

  /** @param {string} text */
  _onPaste(text) {
    this._note();
    if (MACRO.test(text)) this._how.onMacro?.(text);
  }

  /** @param {string} text @param {string} expression */
  _replaceAll(text, expression) {
    const value = this.value.replaceAll(text, () => expression);
    this.setValue(value);
    this._how.onInput?.(value);
    this.focus();
  }

  /** Expressions count by their names: what they will bring is known to Bitrix24 alone. @param {boolean} speaks */
  _count(speaks) {
    const { limit, hint, catalogue, texts } = this._how;
    const used = length(catalogue.shown(this.value));
    const level = levelOf(used, limit);
    const byName = level && split(this.value).some((part) => part.expression) ? texts.countedByName : '';
    this._parts.hint.textContent = [hint, byName].filter(Boolean).join(' ');
    this._parts.foot.hidden = !limit && !this._parts.hint.textContent;
    const excess = limit && used > limit ? plural(texts, 'charactersOver', used - limit) : '';
    const share = limit ? fill(texts.counter, { used, limit }) : '';
    this._parts.counter.textContent = [excess, share].filter(Boolean).join(' · ');
    this._parts.counter.classList.toggle('is-over', Boolean(excess));
    if (speaks && limit && level > this._level) {
      this._announce(excess || plural(texts, 'charactersLeft', limit - used));
    }
    this._level = level;
    this._describe();
  }

  /** Says beside the field what will not become a value. */
  _note() {
    this._notes.show(this.value, !this._isText);
    this._describe();
  }

  // --- the picker

  /**
   * Opens the choice of fields. After a typed `{` the choice takes its place; what begins an expression by hand goes on
   * in the field.
   * @param {boolean} isTyped
   */
  _pick(isTyped) {
    const { catalogue, texts } = this._how;
    const { end } = this._editable.selection;
    const back = () => this.focus();
    openPicker({
      anchor: this._parts.box, catalogue, fit: this._fit, texts,
      onPick: (item) => {
        if (isTyped) this._editable.selection = { start: end - 1, end };
        this.insert(item.expression);
      },
      onLeave: (why) => { if (why !== 'away') back(); },
      onClosed: () => this._parts.add.setAttribute('aria-expanded', 'false'),
      onTyped: (typed) => {
        if (!isTyped || !/^[={]/.test(typed)) return false;
        this._editable.replace(typed, { start: end, end });
        back();
        return true;
      },
    });
    this._parts.add.setAttribute('aria-expanded', 'true');
  }
}

/** @param {FieldOptions} how */
function makeParts({ id, label, texts, required, placeholder, multiline = false }) {
  const shared = { 'aria-labelledby': `${id}-label`, 'aria-required': required ? 'true' : null, dir: 'auto' };
  const region = make('div', {
    ...shared, id, class: 'xf-region', contenteditable: 'true', role: 'textbox', spellcheck: 'true',
    'aria-multiline': String(multiline), 'data-placeholder': placeholder, 'aria-placeholder': placeholder,
  });
  const source = make('textarea', {
    ...shared, id: `${id}-source`, class: 'xf-source', hidden: true, rows: multiline ? 3 : 1, spellcheck: 'false', placeholder,
  });
  const add = tool('plus', fill(texts.insertField, { label }), { 'aria-haspopup': 'dialog' });
  const mode = tool('braces', texts.editAsText, { role: 'switch', 'aria-checked': 'false' });
  const errorText = make('span');
  return {
    region, source, add, mode, errorText,
    box: make('div', { class: 'xf-box' }, region, source, add, mode),
    error: make('p', { id: `${id}-error`, class: 'xf-error', hidden: true }, icon('warning'), errorText),
    label: make('span', { id: `${id}-label`, class: 'xf-label', text: label }),
    foot: make('div', { class: 'xf-foot' }),
    hint: make('span', { id: `${id}-hint`, class: 'xf-hint' }),
    counter: make('span', { id: `${id}-count`, class: 'xf-count' }),
  };
}

/** 0: far below the limit, 1: near it, 2: at it, 3: over it. @param {number} used @param {number | undefined} limit */
export function levelOf(used, limit) {
  if (!limit || used < limit * NEAR) return 0;
  if (used < limit) return 1;
  return used === limit ? 2 : 3;
}

/** @param {string} sign @param {string} name @param {Record<string, AttributeValue>} more */
function tool(sign, name, more) {
  return make('button', { type: 'button', class: 'xf-tool', 'aria-label': name, title: name, ...more }, icon(sign));
}
