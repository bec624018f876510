// What our server says a run would refuse, shown beside the fields and in the summary on top.
import { make, write } from './dom.js';

const PAUSE_MS = 500;

/**
 * @param {Object} how
 * @param {function(): Promise<?{problems: {field: string, index: ?number, text: string}[], heading: string}>} how.ask
 * @param {Map<string, {setProblem: function(string, ?number), focus: function(?number)}>} how.controls by property
 * @param {function(string): boolean} how.isShown  whether a missing value of this property is already told beside it
 * @param {{ready: function(): string, offline: function(): string}} how.words
 * @returns {{element: HTMLElement, soon: function(), now: function(), fold: function()}}
 */
export function problems({ ask, controls, isShown, words }) {
  const heading = make('span', { class: 'summary-words' });
  const list = make('ul', { class: 'summary-list' });
  const line = make('summary', {}, heading);
  const element = make('details', { class: 'summary' }, line, list);
  let timer = 0;
  let last = 0;

  async function now() {
    clearTimeout(timer);
    const mine = last += 1;
    const answer = await ask().catch(() => null);
    if (mine === last) show(answer);
  }

  function show(answer) {
    const found = answer?.problems ?? [];
    element.classList.toggle('is-good', Boolean(answer) && !found.length);
    element.classList.toggle('is-bad', !answer || found.length > 0);
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

    /** The list lies over the form; who works there has seen it. */
    fold() {
      element.open = false;
    },

    soon() {
      clearTimeout(timer);
      timer = setTimeout(now, PAUSE_MS);
    },
  };
}
