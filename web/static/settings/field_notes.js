// What stands in a field as text although it looks like a field of Bitrix24: said below the field, dotted in the text.

import { make } from '../dom.js';
import { displayForms, fill, parse, split } from './expressions.js';

const SHOWN = 3;
const HIGHLIGHT = 'xf-unknown';

/** @import { Child } from '../dom.js' */
/** @import { Editable } from './editable.js' */
/** @import { Catalogue, FieldTexts } from './expressions.js' */

/**
 * @typedef {object} Note
 * @property {string} text the piece of the value
 * @property {number} start where it stands
 * @property {string} [expression] what it should be, when the catalogue knows a field of this name
 */

/**
 * Expressions that the catalogue does not know, and fields in the host editor's way of showing them.
 * @param {string} value @param {Catalogue} catalogue @returns {Note[]}
 */
export function findNotes(value, catalogue) {
  return [...unknownExpressions(value, catalogue), ...shownFields(value, catalogue)];
}

/** @param {string} value @param {Catalogue} catalogue @returns {Note[]} */
function unknownExpressions(value, catalogue) {
  const found = [];
  let start = 0;
  for (const { text, expression } of split(value)) {
    if (expression && !catalogue.name(expression)) found.push({ text: expression, start });
    start += (text ?? expression ?? '').length;
  }
  return found;
}

/** @param {string} value @param {Catalogue} catalogue @returns {Note[]} */
function shownFields(value, catalogue) {
  return displayForms(value).flatMap(({ text, name, start }) => {
    const item = catalogue.byName(name);
    return item ? [{ text, start, expression: item.expression }] : [];
  });
}

export class Notes {
  /**
   * @param {object} how
   * @param {string} how.id of the list
   * @param {Catalogue} how.catalogue
   * @param {FieldTexts} how.texts
   * @param {Editable} how.editable where they are dotted
   * @param {(text: string, expression: string) => void} how.onReplace
   */
  constructor({ id, catalogue, texts, editable, onReplace }) {
    this.element = make('ul', { id, class: 'xf-notes', hidden: true });
    this._catalogue = catalogue;
    this._texts = texts;
    this._editable = editable;
    this._onReplace = onReplace;
    this._shown = '';
    /** @type {Range[]} */
    this._ranges = [];
  }

  get isEmpty() {
    return this.element.hidden;
  }

  /** @param {string} value @param {boolean} isDotted whether the text with its chips can be seen */
  show(value, isDotted) {
    const found = findNotes(value, this._catalogue);
    const byText = new Map(found.map((note) => [note.text, note]));
    // Pressing a button here takes the focus from the field, which shows its notes again: the button has to stay for
    // the click.
    const shown = [...byText.keys()].join('\n');
    if (shown !== this._shown) {
      const notes = [...byText.values()].slice(0, SHOWN);
      this.element.replaceChildren(...notes.map((note) => make('li', {}, ...this._words(note))));
    }
    this._shown = shown;
    this.element.hidden = !found.length;
    this._highlight(isDotted ? found : []);
  }

  /** @param {Note} note @returns {Child[]} */
  _words({ text, expression }) {
    if (expression === undefined) return [this._unknown(text)];
    const replace = make('button', {
      type: 'button', class: 'xf-offer', text: this._texts.replaceByField,
      on: { click: () => this._onReplace(text, expression) },
    });
    return [fill(this._texts.displayForm, { form: text }), ' ', replace];
  }

  /** @param {string} expression */
  _unknown(expression) {
    const { object = '', id = '' } = parse(expression) ?? {};
    const isField = object.toLowerCase() === 'document';
    return fill(this._texts[isField ? 'unknownField' : 'unknownValue'], { id: isField ? id : `${object}:${id}` });
  }

  /** Where the browser can; all fields share one highlight. @param {Note[]} notes */
  _highlight(notes) {
    if (!('Highlight' in globalThis)) return;
    const shared = CSS.highlights.get(HIGHLIGHT) ?? new Highlight();
    CSS.highlights.set(HIGHLIGHT, shared);
    for (const old of this._ranges) shared.delete(old);
    this._ranges = notes.map(({ text, start }) => this._editable.range(start, start + text.length));
    for (const range of this._ranges) shared.add(range);
  }
}
