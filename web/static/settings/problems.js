// What our server says a run would refuse, shown beside the fields and in the summary on top.
import { make, write } from '../dom.js';

/** @import { Control } from './form.js' */

const PAUSE_MS = 500;

/**
 * @typedef {{field: string, code: string, index: number | null, text: string}} Problem field: the property's code; code:
 *   of the refusal; index: of the entry in a multiple property, from 1
 * @typedef {{problems: Problem[], heading: string, recipient: string, country: string}} Answer of web/settings/check.py
 */

/**
 * @param {object} how
 * @param {() => Promise<Answer | null>} how.ask
 * @param {Map<string, Control>} how.controls by property
 * @param {(code: string) => boolean} how.isShown  whether a missing value of this property is already told beside it
 * @param {(answer: Answer) => void} how.showRecipient
 * @param {{ready: () => string, offline: () => string}} how.words
 */
export function problems({ ask, controls, isShown, showRecipient, words }) {
  const heading = make('span', { class: 'summary-words' });
  const list = make('ul', { class: 'summary-list' });
  const line = make('summary', {}, heading);
  const element = make('details', { class: 'summary' }, line, list);
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  let timer;
  let last = 0;

  async function now() {
    clearTimeout(timer);
    last += 1;
    const mine = last;
    const answer = await ask().catch(() => null);
    if (mine === last) show(answer);
  }

  /** @param {Answer | null} answer null: nobody answered */
  function show(answer) {
    const found = answer?.problems ?? [];
    element.classList.toggle('is-good', Boolean(answer) && !found.length);
    element.classList.toggle('is-bad', !answer || found.length > 0);
    if (answer) showRecipient(answer);
    write(heading, answer ? answer.heading || words.ready() : words.offline());
    list.replaceChildren(...found.map((problem) => link(problem)));
    line.tabIndex = found.length ? 0 : -1;
    if (!found.length) element.open = false;
    for (const [code, control] of controls) {
      control.setProblem('');
      const own = found.filter(({ field }) => field === code);
      for (const { text, index, code: why } of own) {
        if (why !== 'value_missing' || isShown(code)) control.setProblem(text, index);
      }
    }
  }

  /** @param {Problem} problem */
  function link({ field, index, text }) {
    const button = make('button', { type: 'button', class: 'summary-link', text, on: {
      click: () => controls.get(field)?.focus(index),
    } });
    return make('li', {}, button);
  }

  line.addEventListener('click', (event) => {
    if (!list.childElementCount) event.preventDefault();
  });
  return {
    element,
    now,

    /** Closes the list, which lies over the form: whoever works in the form has seen it. */
    fold() {
      element.open = false;
    },

    soon() {
      clearTimeout(timer);
      timer = setTimeout(now, PAUSE_MS);
    },
  };
}
