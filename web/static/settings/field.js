// A field whose value is text with expressions: label, editable region with chips, picker, counter, problem.

import { Editable } from './editable.js';
import { displayForms, fill, length, parse, plural, split } from './expressions.js';
import { el, icon, setAttribute } from './nodes.js';
import { openPicker } from './picker.js';

const NEAR = 0.9;
const NOTES = 3;
const PLUS = 'M10 4.5v11M4.5 10h11';
const BRACES = 'M7.5 4C5 4 6.5 9 4 10c2.5 1 1 6 3.5 6M12.5 4c2.5 0 1 5 3.5 6-2.5 1-1 6-3.5 6';
const WARNING = 'M10 3.5 17.5 16.5h-15zM10 8.5v3.5M10 14.200v.1';
const MACRO = /\[template=/i;

/**
 * @param {object} how
 * @param {string} how.id            of the editable element; others are `${id}-label`, `-hint`, `-error` …
 * @param {string} how.label
 * @param {string} [how.hint]
 * @param {string} [how.value]       the stored string; it comes back byte for byte unless the user changes it
 * @param {number} [how.limit]       code points
 * @param {boolean} [how.multiline]
 * @param {boolean} [how.required]
 * @param {string} [how.placeholder] an example
 * @param {import('./expressions.js').Fit} [how.fit]
 * @param {import('./expressions.js').Catalogue} how.catalogue
 * @param {Record<string, string>} how.texts
 * @param {(value: string) => void} [how.onInput]
 * @param {() => void} [how.onFocus]
 * @param {() => void} [how.onBlur]
 * @param {(text: string) => void} [how.onMacro]   a macro of OLChat was pasted; it stands in the field already
 * @param {(text: string) => void} [how.announce]  speaks through the page's polite region; without it the field has one
 */
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
  constructor({ value, fit = 'text', onInput, onFocus, onBlur, onMacro, announce, ...how }) {
    Object.assign(this, how, { value: value ?? '', fit, onMacro, onInput, onFocus, onBlur });
    this.problem = '';
    this.isText = false;
    this._level = 0;
    this._ranges = [];
    this._draw(announce);
    this.editable = new Editable({
      root: this.region, value: this.value, multiline: Boolean(how.multiline),
      chip: (expression) => this._chip(expression),
      onChange: (changed) => this._onChange(changed), onBrace: () => this._pick(true),
      onPaste: (text) => this._onPaste(text),
    });
    this._listen();
    this._show();
  }

  setValue(value) {
    this.value = value;
    this.editable.setValue(value);
    this._show();
  }

  setProblem(text) {
    this.problem = text;
    this.error.hidden = !text;
    this.error.lastChild.textContent = text;
    this.element.classList.toggle('is-bad', Boolean(text));
    for (const target of [this.region, this.source]) {
      setAttribute(target, 'aria-invalid', text ? 'true' : null);
      this._describe(target);
    }
  }

  focus() {
    if (this.isText) this.source.focus();
    else this.editable.focus();
  }

  /** Put an expression where the caret is, or was, and go on there. */
  insert(expression) {
    if (this.isText) {
      this.source.setRangeText(expression, this.source.selectionStart, this.source.selectionEnd, 'end');
      this.source.focus();
      this._onSource();
    } else {
      this.editable.replace(expression);
      this.editable.focus();
    }
  }

  // --- what is drawn

  _show() {
    this._source();
    this._count(false);
    this._note();
  }

  _draw(announce) {
    const { id, label, texts, multiline, required, placeholder } = this;
    const shared = { 'aria-labelledby': `${id}-label`, 'aria-required': required ? 'true' : null };
    this.region = el('div', {
      ...shared, id, class: 'xf-region', contenteditable: 'true', role: 'textbox', dir: 'auto', spellcheck: 'true',
      'aria-multiline': String(Boolean(multiline)), 'data-placeholder': placeholder, 'aria-placeholder': placeholder,
    });
    this.source = el('textarea', {
      ...shared, id: `${id}-source`, class: 'xf-source', hidden: true, dir: 'auto', rows: multiline ? 3 : 1,
      spellcheck: 'false', placeholder,
    });
    this.add = tool(PLUS, fill(texts.insertField, { label }), { 'aria-haspopup': 'dialog' });
    this.mode = tool(BRACES, texts.editAsText, { role: 'switch', 'aria-checked': 'false' });
    const box = el('div', { class: 'xf-box' }, this.region, this.source, this.add, this.mode);
    this.hintLine = el('span', { id: `${id}-hint`, class: 'xf-hint' });
    this.counter = el('span', { id: `${id}-count`, class: 'xf-count' });
    this.error = el('p', { id: `${id}-error`, class: 'xf-error', hidden: true }, icon(WARNING), el('span'));
    this.notes = el('ul', { id: `${id}-notes`, class: 'xf-notes', hidden: true });
    this.status = announce ? null : el('span', { class: 'xf-status', role: 'status' });
    this.announce = announce ?? ((text) => { this.status.textContent = text; });
    const star = required ? el('span', { class: 'xf-star', 'aria-hidden': 'true' }, ' *') : null;
    this.label = el('span', { id: `${id}-label`, class: 'xf-label' }, label);
    this.element = el('div', { class: `xf${multiline ? ' xf-multiline' : ''}` },
      el('div', { class: 'xf-head' }, this.label, star), box, this.error,
      el('div', { class: 'xf-foot' }, this.hintLine, this.counter), this.notes, this.status);
  }

  _listen() {
    this.label.addEventListener('click', () => this.focus());
    this.add.addEventListener('click', () => this._pick(false));
    this.mode.addEventListener('click', () => this._switch(!this.isText));
    this.source.addEventListener('input', () => this._onSource());
    this.source.addEventListener('keydown', (event) => {
      if (event.key === 'Enter' && !this.multiline && !event.isComposing) event.preventDefault();
    });
    for (const target of [this.region, this.source]) {
      target.addEventListener('focus', () => this.onFocus?.());
      target.addEventListener('blur', () => {
        this._note();
        this.onBlur?.();
      });
    }
  }

  _chip(expression) {
    const name = this.catalogue.name(expression);
    if (!name) return null;
    const title = fill(this.texts.chipRemove, { name });
    const remove = el('span', { class: 'xf-remove', 'data-remove': true, title }, '×');
    return el('span', {
      class: 'xf-chip', contenteditable: 'false', role: 'img', 'aria-label': fill(this.texts.chipLabel, { name }),
      'data-expression': expression, title: name,
    }, el('span', { class: 'xf-chip-name' }, name), remove);
  }

  _describe(target) {
    const ids = [[this.hintLine.textContent, 'hint'], [this.limit, 'count'], [this.problem, 'error'],
      [this.notes.childElementCount, 'notes']].filter(([is]) => is).map(([, part]) => `${this.id}-${part}`);
    setAttribute(target, 'aria-describedby', ids.join(' ') || null);
  }

  // --- changes

  _onChange(value) {
    this.value = value;
    this._source();
    this._count(true);
    // What is dotted is dotted by place, and the places have moved.
    if (this.notes.childElementCount) this._note();
    this.onInput?.(value);
  }

  /** A textarea knows no CRLF; a value that has it everywhere keeps it. */
  _onSource() {
    const isWindows = /\r\n/.test(this.value) && !/(^|[^\r])\n/.test(this.value);
    const typed = this.multiline ? this.source.value : this.source.value.replace(/\n+/g, ' ');
    this.value = isWindows ? typed.replace(/\n/g, '\r\n') : typed;
    this._count(true);
    this.onInput?.(this.value);
  }

  _source() {
    if (document.activeElement !== this.source) this.source.value = this.value;
  }

  _switch(isText) {
    this.isText = isText;
    this.mode.setAttribute('aria-checked', String(isText));
    this.source.hidden = !isText;
    this.region.hidden = isText;
    this.source.value = this.value;
    if (!isText && this.editable.value !== this.value) this.editable.setValue(this.value);
    this._note();
  }

  _onPaste(text) {
    this._note();
    if (MACRO.test(text)) this.onMacro?.(text);
  }

  /** Expressions count by their names: what they will bring is known to Bitrix24 alone. */
  _count(speaks) {
    const parts = split(this.value);
    const shown = (part) => part.text ?? (this.catalogue.name(part.expression) || part.expression);
    const used = length(parts.map(shown).join(''));
    const level = !this.limit || used < this.limit * NEAR ? 0 : used < this.limit ? 1 : used === this.limit ? 2 : 3;
    const byName = level && parts.some((part) => part.expression) ? this.texts.countedByName : '';
    this.hintLine.textContent = [this.hint, byName].filter(Boolean).join(' ');
    this.hintLine.parentElement.hidden = !this.limit && !this.hintLine.textContent;
    const excess = this.limit && used > this.limit ? plural(this.texts, 'charactersOver', used - this.limit) : '';
    const share = fill(this.texts.counter, { used, limit: this.limit });
    this.counter.textContent = this.limit ? [excess, share].filter(Boolean).join(' · ') : '';
    this.counter.classList.toggle('is-over', Boolean(excess));
    if (speaks && level > this._level) this.announce(excess || plural(this.texts, 'charactersLeft', this.limit - used));
    this._level = level;
    this._describe(this.region);
    this._describe(this.source);
  }

  // --- what stands there but is no field

  /** Say beside the field what will not become a value; dot it in the text where the browser can. */
  _note() {
    const found = [...this._unknowns(), ...this._displayForms()];
    const noted = new Map(found.map((one) => [one.text, one.words]));
    // Pressing a button here takes the focus from the field, which notes again: the button has to stay for the click.
    const key = [...noted.keys()].join('\n');
    if (key !== this._noted) {
      this.notes.replaceChildren(...[...noted.values()].slice(0, NOTES).map((words) => el('li', {}, ...words())));
    }
    this._noted = key;
    this.notes.hidden = !noted.size;
    this._highlight(found);
    this._describe(this.region);
    this._describe(this.source);
  }

  /** @returns {{text: string, start: number, words: () => (string | Node)[]}[]} */
  _unknowns() {
    const found = [];
    let start = 0;
    for (const { text, expression } of split(this.value)) {
      if (expression && !this.catalogue.name(expression)) {
        found.push({ text: expression, start, words: () => [this._unknown(expression)] });
      }
      start += (text ?? expression).length;
    }
    return found;
  }

  _displayForms() {
    const known = displayForms(this.value).map((form) => ({ ...form, item: this.catalogue.byName(form.name) }));
    return known.filter(({ item }) => item).map((form) => ({
      ...form, words: () => [fill(this.texts.displayForm, { form: form.text }), ' ', this._offer(form)],
    }));
  }

  _unknown(expression) {
    const { object, id } = parse(expression);
    const isField = object.toLowerCase() === 'document';
    return fill(this.texts[isField ? 'unknownField' : 'unknownValue'], { id: isField ? id : `${object}:${id}` });
  }

  _offer({ text, item }) {
    const button = el('button', { type: 'button', class: 'xf-offer' }, this.texts.replaceByField);
    button.addEventListener('click', () => {
      const value = this.value.replaceAll(text, () => item.expression);
      this.setValue(value);
      this.onInput?.(value);
      this.focus();
    });
    return button;
  }

  _highlight(found) {
    if (!globalThis.Highlight) return;
    if (!CSS.highlights.has('xf-unknown')) CSS.highlights.set('xf-unknown', new Highlight());
    const shared = CSS.highlights.get('xf-unknown');
    for (const old of this._ranges) shared.delete(old);
    const range = ({ text, start }) => this.editable.range(start, start + text.length);
    this._ranges = this.isText ? [] : found.map(range);
    for (const made of this._ranges) shared.add(made);
  }

  // --- the picker

  /** After a typed `{` the choice takes its place; what begins an expression by hand goes on in the field. */
  _pick(isTyped) {
    const { end } = this.editable.selection;
    const back = () => this.focus();
    this.add.setAttribute('aria-expanded', 'true');
    const picker = openPicker({
      anchor: this.element.querySelector('.xf-box'), catalogue: this.catalogue, fit: this.fit, texts: this.texts,
      onPick: (item) => {
        if (isTyped) this.editable.selection = { start: end - 1, end };
        this.insert(item.expression);
      },
      onClose: (why) => { if (why !== 'away') back(); },
      onTyped: (typed) => {
        if (!isTyped || !/^[={]/.test(typed)) return false;
        this.editable.replace(typed, { start: end, end });
        back();
        return true;
      },
    });
    new MutationObserver((_, observer) => {
      if (picker.element.isConnected) return;
      this.add.setAttribute('aria-expanded', 'false');
      observer.disconnect();
    }).observe(picker.element.parentNode, { childList: true });
  }
}

function tool(path, name, more) {
  return el('button', { type: 'button', class: 'xf-tool', 'aria-label': name, title: name, ...more }, icon(path));
}
