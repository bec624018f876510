// The ending of every action: when the workflow goes on, and for how long it waits at most.
import { make, write } from '../dom.js';
import { optionsOf, problemLine } from './controls.js';
import { hasProperty, property } from './form.js';
import { say } from './texts.js';

/** @import { Form } from './form.js' */

/** Days before months and 24 hours, as the rest of the product writes them. @type {Record<string, string | undefined>} */
export const LOCALES = { ru: 'ru', en: 'en-GB' };
const UNITS = { minutes: 1, hours: 60, days: 1440 };

/** The properties drawn here and in judgement.js. */
export const CODES = ['until', 'wait_minutes', 'if_closed', 'fallback_template', 'fallback_params', 'quiet'];

/** @param {Form} form @returns {HTMLElement[]} */
export function ending(form) {
  const fields = [
    ...(hasProperty(form, 'until') ? [until(form)] : []), ...(hasProperty(form, 'wait_minutes') ? [wait(form)] : []),
  ];
  return fields.length ? [make('div', { class: 'ending' }, ...fields)] : [];
}

/**
 * The status to wait for, and what the chosen one means. A value written by hand, or an expression, is an option, too.
 * @param {Form} form
 */
function until(form) {
  const { texts, store, catalogue } = form;
  const options = optionsOf(form, property(form, 'until'));
  const stored = store.text('until');
  const value = options.find(([given]) => given === stored.trim())?.[0] ?? stored;
  if (!options.some(([given]) => given === value)) options.push([value, catalogue.name(value) || value]);
  const select = make('select', { id: 'f-until', 'aria-describedby': 'f-until-hint' },
    ...options.map(([given, words]) => make('option', { value: given, text: words })));
  select.value = value;
  const hint = make('p', { class: 'hint', id: 'f-until-hint' });
  const problem = problemLine('f-until-error');
  const tell = () => write(hint, consequenceOf(form, select.value));
  select.addEventListener('change', () => {
    store.set('until', select.value);
    tell();
  });
  tell();
  form.controls.set('until', { setProblem: (text) => problem.show(select, text), focus: () => select.focus() });
  return make('div', { class: 'field' }, make('label', { for: select.id, text: say(texts, 'ending.until') }), select, hint,
    problem.element);
}

/** What waiting for this status brings, '' for a value that is no status. @param {Form} form @param {string} value */
function consequenceOf(form, value) {
  const key = `until.${value || property(form, 'until').default}`;
  return key in form.texts ? say(form.texts, key) : '';
}

/** Minutes as a number and a unit; whatever else is stored stands there as it is. @param {Form} form */
function wait(form) {
  const { default: usual } = property(form, 'wait_minutes');
  const { texts, store } = form;
  const stored = store.text('wait_minutes') || usual;
  let unit = unitOf(stored);
  const number = make('input', { type: 'text', id: 'f-wait_minutes', inputmode: 'numeric', autocomplete: 'off' });
  number.value = shown(stored, unit);
  const select = make('select', { 'aria-label': say(texts, 'ending.unit') },
    ...Object.entries(UNITS).map(([name, minutes]) => make('option', { value: minutes, text: say(texts, `ending.${name}`) })));
  select.value = String(unit);
  const moment = make('p', { class: 'hint', id: 'f-wait_minutes-hint' });
  number.setAttribute('aria-describedby', moment.id);
  const problem = problemLine('f-wait_minutes-error');
  /** @param {string} value */
  const tell = (value) => write(moment, momentOf(form, value));
  const changed = () => {
    unit = Number(select.value);
    const value = /^\d+$/.test(number.value.trim()) ? String(Number(number.value) * unit) : number.value;
    store.set('wait_minutes', value);
    tell(value);
  };
  number.addEventListener('input', changed);
  select.addEventListener('change', changed);
  tell(stored);
  form.controls.set('wait_minutes', {
    setProblem: (text) => problem.show(number, text), focus: () => number.focus(),
  });
  return make('div', { class: 'field' }, make('label', { for: number.id, text: say(texts, 'ending.wait') }),
    make('div', { class: 'number-and-unit' }, number, select), moment, problem.element);
}

/** Minutes of the greatest unit that fits; 24 hours are still hours. @param {string} stored */
export function unitOf(stored) {
  const minutes = /^\d+$/.test(stored.trim()) ? Number(stored) : 0;
  if (minutes >= 2880 && minutes % 1440 === 0) return 1440;
  return minutes >= 60 && minutes % 60 === 0 ? 60 : 1;
}

/** The number of units; what is no whole number of minutes as it is. @param {string} stored @param {number} unit */
const shown = (stored, unit) => (/^\d+$/.test(stored.trim()) ? String(Number(stored) / unit) : stored);

/**
 * The day and hour at which a wait that begins now would end; '' when the value is no possible wait.
 * @param {Form} form @param {string} value minutes
 */
function momentOf({ texts, page }, value) {
  const minutes = Number(value);
  if (!/^\d+$/.test(value.trim()) || minutes < 1 || minutes > page.sizes.wait_minutes) return '';
  const at = new Date(Date.now() + minutes * 60_000);
  /** @type {Intl.DateTimeFormatOptions} */
  const options = { day: 'numeric', month: 'long', hour: '2-digit', minute: '2-digit' };
  const moment = at.toLocaleString(LOCALES[document.documentElement.lang], options).replace(/ (?:в|at) /, ', ');
  return say(texts, 'ending.moment', { moment });
}
