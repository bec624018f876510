// The editable region under a field: text nodes and chips, and one string that is the truth.
// Positions are offsets in that string, never nodes: the region may be drawn anew without moving the caret.
// Plain typing is the browser's own (input methods, spelling, dictation); what touches a chip is done on the string.

import { around } from '../dom.js';
import { split } from './expressions.js';
import { History } from './history.js';
import { isInGap, isPlainText, Region } from './region.js';

/** @import { Kind } from './history.js' */
/** @import { Stretch } from './region.js' */

export class Editable {
  /**
   * @param {object} how
   * @param {HTMLElement} how.root        the contenteditable element, empty
   * @param {string} how.value
   * @param {boolean} how.multiline
   * @param {(expression: string) => HTMLElement | null} how.chip  null: unknown, stays text
   * @param {(value: string) => void} how.onChange  after each change made by the user
   * @param {() => void} [how.onBrace]    `{` has been typed
   * @param {(text: string) => void} [how.onPaste]
   */
  constructor({ root, value, multiline, chip, onChange, onBrace = () => {}, onPaste = () => {} }) {
    this.root = root;
    this.multiline = multiline;
    this.onChange = onChange;
    this.onBrace = onBrace;
    this.onPaste = onPaste;
    this._region = new Region(root, chip);
    /** @type {History<{value: string, selection: Stretch}>} */
    this._history = new History();
    this.value = value;
    /** What is selected, or was when the focus left. @type {Stretch} */
    this.selection = { start: value.length, end: value.length };
    /** Where the last change left the caret. */
    this._caret = value.length;
    this._take(value, this.selection);
    this._listen();
  }

  /** Takes a value from outside; no change is reported. Undo leads back to the value before. @param {string} value */
  setValue(value) {
    if (value !== this.value) this._remember('set');
    this._take(value, { start: value.length, end: value.length });
  }

  /**
   * Replaces a stretch of the string, by default what is selected, as the user would.
   * @param {string} text @param {Stretch} [stretch] @param {Kind} [kind]
   */
  replace(text, { start, end } = this.selection, kind = 'edit') {
    if (!text && start === end) return;
    const fitting = this.multiline ? text.replace(/\r\n?/g, '\n') : text.replace(/\s*[\r\n]+\s*/g, ' ');
    this._remember(kind);
    const caret = start + fitting.length;
    this._take(this.value.slice(0, start) + fitting + this.value.slice(end), { start: caret, end: caret });
    this.onChange(this.value);
  }

  /** Gives the focus to the region with this selection, by default the last one. @param {Stretch} [selection] */
  focus(selection = this.selection) {
    this.root.focus({ preventScroll: true });
    this._select(selection);
    this.root.scrollIntoView({ block: 'nearest' });
  }

  /** The range of a stretch of the string, for highlights. @param {number} start @param {number} end */
  range(start, end) {
    return this._region.rangeOf({ start, end });
  }

  _listen() {
    const { root } = this;
    const onSelection = () => this._readSelection();
    root.addEventListener('focus', () => document.addEventListener('selectionchange', onSelection));
    root.addEventListener('blur', () => {
      document.removeEventListener('selectionchange', onSelection);
      this._onBlur();
    });
    root.addEventListener('beforeinput', (event) => this._onBeforeInput(event));
    root.addEventListener('input', (event) => this._onInput(/** @type {InputEvent} */ (event)));
    root.addEventListener('compositionend', () => this._settle());
    root.addEventListener('keydown', (event) => this._onKey(event));
    root.addEventListener('copy', (event) => this._onCopy(event));
    root.addEventListener('cut', (event) => this._onCopy(event));
    root.addEventListener('paste', (event) => this._onPaste(event));
    root.addEventListener('drop', (event) => this._onDrop(event));
    root.addEventListener('dragstart', (event) => event.preventDefault());
    root.addEventListener('mousedown', (event) => this._onMouse(event));
  }

  // --- the string and what is drawn of it

  /** @param {string} value @param {Stretch} selection */
  _take(value, selection) {
    this.value = value;
    this.selection = selection;
    this._caret = selection.end;
    this._region.draw(value);
    if (document.activeElement === this.root) this._select(selection);
  }

  /** Nothing but text and chips may stay behind; the caret keeps its place in the string. */
  _settle() {
    if (this._region.isClean()) {
      this._region.holdLastLine();
      return;
    }
    this._readSelection();
    this._region.draw(this.value);
    if (document.activeElement === this.root) this._select(this.selection);
  }

  /** An expression typed by hand becomes a chip when the field is left. */
  _onBlur() {
    const expressions = split(this.value).filter((part) => part.expression);
    if (expressions.length !== this._region.chips().length) this._region.draw(this.value);
    this._region.markSelected({ start: -1, end: -1 });
  }

  // --- selection

  _readSelection() {
    const found = document.getSelection();
    if (!found?.rangeCount || !this.root.contains(found.anchorNode) || !this.root.contains(found.focusNode)) return;
    this.selection = this._region.stretchOfRange(found.getRangeAt(0));
    this._region.markSelected(this.selection);
  }

  /** @param {Stretch} stretch */
  _select({ start, end }) {
    this.selection = { start, end };
    document.getSelection()?.setBaseAndExtent(...this._region.placeOf(start), ...this._region.placeOf(end));
    this._region.markSelected(this.selection);
  }

  // --- typing

  /** @param {InputEvent} event */
  _onBeforeInput(event) {
    this._readSelection();
    if (event.isComposing || event.inputType === 'insertCompositionText') return;
    const act = this._ownAction(event);
    if (!act) return;
    event.preventDefault();
    act();
  }

  /**
   * What to do instead of the browser; null: it may go on by itself.
   * @param {InputEvent} event @returns {(() => void) | null}
   */
  _ownAction(event) {
    const { inputType: type, data } = event;
    if (type === 'historyUndo') return () => this._undo();
    if (type === 'historyRedo') return () => this._redo();
    if (type === 'insertParagraph' || type === 'insertLineBreak') return () => this._breakLine();
    if (type === 'insertText' && data) return this._isPlainHere() ? null : () => this._type(data);
    if (type.startsWith('delete')) return this._deletion(event);
    // Formats are not wanted; what is dropped or pasted has been put in already, by the events of that name.
    return type.startsWith('format') || type === 'insertFromDrop' || type === 'insertFromPaste' ? () => {} : null;
  }

  /** Whether the browser may type here by itself: a caret in a text node, and no chip beside it to jump over. */
  _isPlainHere() {
    const { start, end } = this.selection;
    return start === end && isPlainText(document.getSelection()?.anchorNode)
      && !this._region.chipAt(start, 'start') && !this._region.chipAt(start, 'end');
  }

  _breakLine() {
    if (this.multiline) this.replace('\n');
  }

  /** @param {string} data */
  _type(data) {
    this.replace(data, this.selection, 'type');
    if (data === '{') this.onBrace();
  }

  /**
   * What to do about a deletion, null: what the browser does. Beside a chip the first press selects it.
   * @param {InputEvent} event @returns {(() => void) | null}
   */
  _deletion(event) {
    const { start, end } = this.selection;
    if (start !== end) return () => this.replace('', { start, end });
    const isForward = event.inputType.endsWith('Forward');
    const beside = this._region.chipAt(start, isForward ? 'start' : 'end');
    if (beside) return () => this._select(beside);
    const [target] = event.getTargetRanges();
    const isLineStart = !isForward && isInGap(document.getSelection()?.anchorNode);
    const stretch = isLineStart ? { start: start - 1, end: start } : target && this._region.stretchOfRange(target);
    return stretch && stretch.start < stretch.end ? () => this.replace('', stretch, 'delete') : null;
  }

  /** The browser has typed by itself. @param {InputEvent} event */
  _onInput(event) {
    const value = this._region.read();
    if (value !== this.value) {
      this._remember(event.inputType?.startsWith('insert') ? 'type' : 'edit');
      this.value = value;
      this._readSelection();
      this._caret = this.selection.end;
      this._region.showWhetherEmpty(value);
    }
    if (!event.isComposing) this._settle();
    this.onChange(this.value);
    if (event.inputType === 'insertText' && event.data === '{') this.onBrace();
  }

  // --- keys

  /** @param {KeyboardEvent} event */
  _onKey(event) {
    if (event.isComposing) return;
    const isCommand = (event.ctrlKey || event.metaKey) && !event.altKey;
    const isUndo = isCommand && isLetter(event, 'z');
    const isRedo = isCommand && (isLetter(event, 'y') || (isUndo && event.shiftKey));
    if (isUndo || isRedo) {
      event.preventDefault();
      if (isRedo) this._redo();
      else this._undo();
    } else if ((event.key === 'Home' || event.key === 'End') && !isCommand && !event.altKey) {
      this._onLineEnd(event);
    } else if (!isCommand && !event.altKey && !event.shiftKey) {
      this._onArrow(event);
    }
  }

  /** The browser's Home and End do not see that a line begins or ends with a chip. @param {KeyboardEvent} event */
  _onLineEnd(event) {
    const found = document.getSelection();
    if (!found?.anchorNode || !found.focusNode) return;
    const anchor = this._region.offsetOf(found.anchorNode, found.anchorOffset);
    const line = this._region.lineAround(this.value, this._region.offsetOf(found.focusNode, found.focusOffset));
    if (!line) return;
    event.preventDefault();
    const to = event.key === 'Home' ? line.start : line.end;
    if (event.shiftKey) found.setBaseAndExtent(...this._region.placeOf(anchor), ...this._region.placeOf(to));
    else this._select({ start: to, end: to });
  }

  /** ← and → step over a chip, and leave a selected one on their side. @param {KeyboardEvent} event */
  _onArrow(event) {
    if (event.key !== 'ArrowLeft' && event.key !== 'ArrowRight') return;
    this._readSelection();
    const to = this._stepped(event.key === 'ArrowLeft');
    if (to === undefined) return;
    event.preventDefault();
    this._select({ start: to, end: to });
  }

  /** Where the caret goes; undefined: where the browser takes it. @param {boolean} isLeft */
  _stepped(isLeft) {
    const { start, end } = this.selection;
    if (start !== end) return isLeft ? start : end;
    if (!isLeft) return this._region.chipAt(start, 'start')?.end;
    return isInGap(document.getSelection()?.anchorNode) ? start - 1 : this._region.chipAt(start, 'end')?.start;
  }

  // --- clipboard and mouse

  /** @param {ClipboardEvent} event */
  _onCopy(event) {
    this._readSelection();
    const { start, end } = this.selection;
    event.preventDefault();
    if (start === end) return;
    event.clipboardData?.setData('text/plain', this.value.slice(start, end));
    if (event.type === 'cut') this.replace('', { start, end });
  }

  /** @param {ClipboardEvent} event */
  _onPaste(event) {
    event.preventDefault();
    this._readSelection();
    const text = event.clipboardData?.getData('text/plain') ?? '';
    this.replace(text);
    this.onPaste(text);
  }

  /** @param {DragEvent} event */
  _onDrop(event) {
    event.preventDefault();
    const text = event.dataTransfer?.getData('text/plain') ?? '';
    const range = document.caretRangeFromPoint?.(event.clientX, event.clientY);
    const isInside = range && this.root.contains(range.startContainer);
    const { end } = isInside ? this._region.stretchOfRange(range) : this.selection;
    this.root.focus();
    this.replace(text, { start: end, end });
  }

  /** @param {MouseEvent} event */
  _onMouse(event) {
    const chip = around(event, '.xf-chip');
    if (!chip || event.button) return;
    event.preventDefault();
    this.focus(this._region.stretchOf(chip));
    if (around(event, '[data-remove]')) this.replace('');
  }

  // --- undo

  /** @param {Kind} kind */
  _remember(kind) {
    const isSamePlace = this.selection.start === this._caret && this.selection.end === this._caret;
    this._history.remember(this._state(), kind, isSamePlace);
  }

  _state() {
    return { value: this.value, selection: this.selection };
  }

  _undo() {
    this._restore(this._history.undo(this._state()));
  }

  _redo() {
    this._restore(this._history.redo(this._state()));
  }

  /** @param {{value: string, selection: Stretch} | undefined} state */
  _restore(state) {
    if (!state) return;
    this._take(state.value, state.selection);
    this.onChange(this.value);
  }
}

/**
 * Whether a key is this letter, also while a layout without Latin letters is active.
 * @param {KeyboardEvent} event @param {string} letter
 */
function isLetter({ key, code }, letter) {
  const typed = key.toLowerCase();
  return typed === letter || (code === `Key${letter.toUpperCase()}` && !/^[a-z]$/.test(typed));
}
