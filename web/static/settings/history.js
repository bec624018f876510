// Undo and redo of an editable region. The browser's own history is lost whenever chips are drawn.

const KEPT_STATES = 200;
const TYPING_MS = 1000;

/**
 * What a change was. Changes of the same kind that follow each other at one place are undone together, 'edit' never.
 * @typedef {'type' | 'delete' | 'edit' | 'set' | 'travel'} Kind
 */

/** @template State */
export class History {
  /** @param {() => number} [now] milliseconds of a clock that never goes back */
  constructor(now = () => performance.now()) {
    this._now = now;
    /** @type {State[]} */
    this._past = [];
    /** @type {State[]} */
    this._future = [];
    /** @type {Kind | null} */
    this._lastKind = null;
    this._lastAt = 0;
  }

  /**
   * Call before a change.
   * @param {State} state what undo leads back to
   * @param {Kind} kind
   * @param {boolean} isSamePlace whether the caret stands where the last change left it
   */
  remember(state, kind, isSamePlace) {
    const now = this._now();
    const isContinued = isSamePlace && kind === this._lastKind && kind !== 'edit' && now - this._lastAt < TYPING_MS;
    if (!isContinued) this._past.push(state);
    if (this._past.length > KEPT_STATES) this._past.shift();
    this._future = [];
    this._lastKind = kind;
    this._lastAt = now;
  }

  /** @param {State} current @returns {State | undefined} the state before; undefined: there is none */
  undo(current) {
    return this._travel(this._past, this._future, current);
  }

  /** @param {State} current @returns {State | undefined} the state that was undone; undefined: there is none */
  redo(current) {
    return this._travel(this._future, this._past, current);
  }

  /** @param {State[]} from @param {State[]} to @param {State} current */
  _travel(from, to, current) {
    const state = from.pop();
    if (state === undefined) return undefined;
    to.push(current);
    this._lastKind = 'travel';
    return state;
  }
}
