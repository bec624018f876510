// The form of a template: a row for each button, a field for each variable's sample, counters, and the client's phone beside it.
import { around, byId, make, readData, setAttribute } from './dom.js';
import { phone } from './settings/phone.js';
import { MOST_BUTTONS, model, nextVariable, variables } from './template_model.js';

/** @import { Written } from './template_model.js' */

/** @param {HTMLFormElement} form */
export function edit(form) {
  const screen = phone({ texts: readData('phone-texts') });
  byId('template-phone').replaceChildren(screen.element);
  const draw = () => {
    headers(form);
    samples(form);
    buttons();
    counters(form);
    screen.show(model(written(form), form.dataset.sender ?? ''));
  };
  form.addEventListener('input', (event) => {
    forgive(event.target);
    draw();
  });
  form.addEventListener('change', draw);
  form.addEventListener('click', (event) => {
    if (press(form, event)) {
      draw();
      form.dispatchEvent(new Event('template-changed', { bubbles: true }));
    }
  });
  draw();
}

/** What was wrong with a field is no longer said once somebody changes it: the check beside the form knows better. @param {EventTarget | null} field */
function forgive(field) {
  if (!(field instanceof HTMLElement) || !field.hasAttribute('aria-invalid')) return;
  field.removeAttribute('aria-invalid');
  document.getElementById(`e-${field.id.slice(2)}`)?.remove();
  const left = field.getAttribute('aria-describedby')?.split(' ').filter((id) => document.getElementById(id)) ?? [];
  setAttribute(field, 'aria-describedby', left.join(' ') || null);
}

/** @param {HTMLFormElement} form @param {string} name */
const value = (form, name) => String(new FormData(form).get(name) ?? '');

/** @param {HTMLFormElement} form @returns {Written} */
function written(form) {
  const data = new FormData(form);
  const column = (/** @type {string} */ name) => data.getAll(`button_${name}`).map(String);
  const file = data.get('file');
  return {
    kind: value(form, 'kind'),
    category: value(form, 'category'),
    header: value(form, 'header'),
    headerSample: value(form, 'header_sample'),
    body: value(form, 'body').replaceAll('\r\n', '\n'),
    footer: value(form, 'footer'),
    samples: Object.fromEntries([...data].filter(([name]) => name.startsWith('sample_')).map(([name, text]) => [name.slice(7), String(text)])),
    buttons: column('type').map((type, n) => ({ type, text: column('text')[n] ?? '' })),
    file: file instanceof File && file.name ? file.name : value(form, 'media_name'),
  };
}

/** What was pressed in the form; whether it changed something. @param {HTMLFormElement} form @param {Event} event */
function press(form, event) {
  if (around(event, '[data-variable]')) return insert(form);
  if (around(event, '[data-add]')) return add();
  const row = around(event, '.button-row');
  const move = around(event, '[data-move]')?.dataset.move;
  if (row && move) {
    if (move === '1') row.nextElementSibling?.after(row);
    else row.previousElementSibling?.before(row);
    around(event, '[data-move]')?.focus();
    return true;
  }
  if (row && around(event, '[data-remove]')) {
    const next = row.nextElementSibling ?? row.previousElementSibling;
    row.remove();
    const place = next?.querySelector('select') ?? byId('f-buttons');
    if (place instanceof HTMLElement) place.focus();
    return true;
  }
  return false;
}

/** The next variable where the cursor stands. @param {HTMLFormElement} form */
function insert(form) {
  const body = /** @type {HTMLTextAreaElement} */ (form.elements.namedItem('body'));
  body.setRangeText(nextVariable(body.value), body.selectionStart, body.selectionEnd, 'end');
  body.focus();
  return true;
}

function add() {
  const rows = byId('buttons');
  if (rows.children.length >= MOST_BUTTONS) return false;
  const blank = /** @type {HTMLTemplateElement} */ (byId('button-row'));
  rows.append(blank.content.cloneNode(true));
  rows.lastElementChild?.querySelector('select')?.focus();
  return true;
}

/** @param {HTMLFormElement} form */
function headers(form) {
  const kind = value(form, 'kind');
  for (const part of /** @type {NodeListOf<HTMLElement>} */ (form.querySelectorAll('[data-header]'))) {
    part.hidden = part.dataset.header !== (kind === 'TEXT' ? 'TEXT' : 'MEDIA');
  }
  const sample = /** @type {HTMLElement} */ (form.querySelector('[data-sample-of=header]'));
  sample.hidden = !variables(value(form, 'header')).length;
  const file = /** @type {HTMLInputElement} */ (byId('f-media'));
  let chosen = /** @type {HTMLInputElement | null} */ (form.querySelector('[name=file_chosen]'));
  if (!chosen) form.append(chosen = make('input', { type: 'hidden', name: 'file_chosen' }));
  chosen.value = file.files?.length ? '1' : '';
}

/** A field for each variable of the text; what was typed stays while its variable does. @param {HTMLFormElement} form */
function samples(form) {
  const place = byId('samples');
  const names = variables(value(form, 'body'));
  for (const field of /** @type {NodeListOf<HTMLElement>} */ (place.querySelectorAll('[data-sample]'))) {
    field.hidden = !names.includes(field.dataset.sample ?? '');
  }
  for (const name of names) {
    if (!place.querySelector(`[data-sample="${name}"]`)) place.append(sampleField(form, name));
  }
  const fields = /** @type {HTMLElement[]} */ ([...place.children]);
  const number = (/** @type {HTMLElement} */ field) => Number(field.dataset.sample);
  const sorted = fields.toSorted((one, other) => number(one) - number(other));
  if (sorted.some((field, n) => field !== fields[n])) place.append(...sorted);
}

/** @param {HTMLFormElement} form @param {string} name */
function sampleField(form, name) {
  const id = `f-sample_${name}`;
  const label = make('label', { for: id }, `${form.dataset.sample} `, make('code', { text: `{{${name}}}` }));
  const input = make('input', { id, name: `sample_${name}`, maxlength: 300, autocomplete: 'off' });
  return make('div', { class: 'field', 'data-sample': name }, label, input);
}

/** Each type of button has fields of its own. */
function buttons() {
  const rows = byId('buttons');
  for (const row of rows.children) {
    const type = /** @type {HTMLSelectElement} */ (row.querySelector('select')).value;
    const address = /** @type {HTMLInputElement} */ (row.querySelector('[name=button_value]')).value;
    const show = (/** @type {string} */ selector, /** @type {boolean} */ isShown) => {
      /** @type {HTMLElement} */ (row.querySelector(selector)).hidden = !isShown;
    };
    show('.b-text', !['COPY_CODE', 'OTP'].includes(type));
    show('.b-value', ['URL', 'PHONE_NUMBER', 'COPY_CODE'].includes(type));
    show('.b-sample', type === 'URL' && address.includes('{{'));
    for (const word of /** @type {NodeListOf<HTMLElement>} */ (row.querySelectorAll('[data-of]'))) word.hidden = word.dataset.of !== type;
  }
  /** @type {HTMLElement} */ (byId('f-buttons')).hidden = rows.children.length >= MOST_BUTTONS;
}

/** @param {HTMLFormElement} form */
function counters(form) {
  for (const field of /** @type {NodeListOf<HTMLInputElement>} */ (form.querySelectorAll('[data-limit]'))) {
    const limit = Number(field.dataset.limit);
    const length = [...field.value].length;
    let counter = field.parentElement?.querySelector('.counter');
    if (!counter) field.after(counter = make('p', { class: 'counter' }));
    counter.textContent = (form.dataset.count ?? '').replace('{length}', String(length)).replace('{limit}', String(limit));
    counter.classList.toggle('over', length > limit);
  }
}
