// What the contact or the file is called whose id stands in a field: Bitrix24 is asked with the token of the person who looks.
import { make, write } from '../dom.js';

/** @import { Form } from './form.js' */

const PAUSE_MS = 500;

/**
 * What an id stands for (web/settings/views.py, `name`). `about`: a contact's phone, a file's size, ''.
 * @typedef {{name: string, about: string}} Named
 */

/**
 * The line under a field that says what its id stands for.
 * @param {Form} form
 * @param {'contact' | 'file'} code of the property
 * @param {(value: string) => boolean} isId whether it is worth asking
 */
export function nameLine(form, code, isId) {
  const { store, host } = form;
  const element = make('p', { class: 'name-line', id: `f-${code}-name` });
  /** @type {{value: string, named: Named} | null} */
  let known = null;
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  let timer;
  const value = () => store.text(code).trim();

  /** @param {Named | null} named @param {string} [problem] */
  function show(named, problem = '') {
    known = named && { value: value(), named };
    write(element, named ? [named.name, named.about].filter(Boolean).join(' · ') : problem);
    element.classList.toggle('is-bad', Boolean(problem));
    form.redraw();
  }

  /** @param {Named | null} [meanwhile] what is shown until Bitrix24 has answered, or if it does not */
  async function look(meanwhile = null) {
    clearTimeout(timer);
    const asked = value();
    if (known?.value === asked) return;
    if (meanwhile || element.textContent) show(meanwhile);
    const token = isId(asked) ? await host.accessToken() : null;
    const answer = token && await form.ask('/settings/name', {
      method: 'POST', headers: { 'Content-Type': 'application/json' },
      body: JSON.stringify({ access_token: token, property: code, value: asked }),
    });
    if (!answer || asked !== value()) return; // changed meanwhile: that value has a question of its own
    if (answer.name) show({ name: answer.name, about: answer.phone || sizeOf(answer.size) });
    else if (answer.problem) show(null, answer.problem);
  }

  return {
    element,
    look,

    /** Asks soon: somebody is typing. */
    soon() {
      clearTimeout(timer);
      timer = setTimeout(() => look(), PAUSE_MS);
    },

    /** What the value of the moment stands for, as far as that is known. @returns {Named | null} */
    known: () => (known?.value === value() ? known.named : null),
  };
}

const UNITS = /** @type {const} */ ([['megabyte', 1024 * 1024], ['kilobyte', 1024], ['byte', 1]]);

/** «1,2 МБ», '' for an unknown size. @param {number} bytes */
export function sizeOf(bytes) {
  const found = UNITS.find(([, size]) => bytes >= size);
  if (!found) return '';
  const [unit, size] = found;
  const format = new Intl.NumberFormat(document.documentElement.lang, { style: 'unit', unit, maximumFractionDigits: 1 });
  return format.format(bytes / size);
}
