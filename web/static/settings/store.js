// The values of the form: as Bitrix24 has them saved until somebody changes one, and only what was changed is written.

const PAUSE_MS = 300;

/**
 * @typedef {string | string[]} Value a text, or the entries of a multiple property
 */

/**
 * @param {Object} how
 * @param {Object<string, ?Value>} how.values  null: Bitrix24 has none
 * @param {{code: string, multiple: boolean, default: string}[]} how.properties
 * @param {function(Object<string, Value>)} how.write  tells the host's form; nothing is stored before its Save
 * @param {function()} how.onChange
 */
export function createStore({ values, properties, write, onChange }) {
  const current = { ...values };
  const multiple = new Set(properties.filter((one) => one.multiple).map(({ code }) => code));
  // Properties that never had a value have their defaults; the others stay as they are, empty ones too.
  const missing = properties.filter(({ code, default: value }) => values[code] === null && value !== '');
  for (const { code, default: value } of missing) current[code] = value;
  let waiting = {};
  let timer = 0;

  function flush() {
    clearTimeout(timer);
    const due = waiting;
    waiting = {};
    if (Object.keys(due).length) write(due);
  }

  return {
    /** @returns {string} */
    text: (code) => (typeof current[code] === 'string' ? current[code] : ''),

    /** @returns {string[]} */
    entries: (code) => (Array.isArray(current[code]) ? current[code] : []),

    /** Whether Bitrix24 had anything saved: a robot that was just added has nothing. */
    isNew: Object.values(values).every((value) => value === null || value.length === 0),

    /** What is there, without what never was. @returns {Object<string, Value>} */
    all: () => Object.fromEntries(Object.entries(current).filter(([, value]) => value !== null)),

    /** Written 300 ms after the last change, always in the shape the host keeps for this property. */
    set(code, value) {
      if (multiple.has(code) !== Array.isArray(value)) throw new TypeError(`${code}: one value or several?`);
      if (same(current[code], value)) return;
      current[code] = value;
      waiting[code] = value;
      clearTimeout(timer);
      timer = setTimeout(flush, PAUSE_MS);
      onChange(code);
    },

    flush,

    /** Once, when the page opens. */
    writeDefaults() {
      if (missing.length) write(Object.fromEntries(missing.map((one) => [one.code, one.default])));
    },
  };
}

function same(one, other) {
  if (!Array.isArray(one) || !Array.isArray(other)) return one === other;
  return one.length === other.length && one.every((entry, at) => entry === other[at]);
}

const NUMBERED = /^\s*\[(\d{1,3})\]([\s\S]*)$/;

/**
 * Values of a template's variables out of the entries of `params` or `button_params`: by their numbers `[n]` when all
 * carry one, else by position (activities/send_template.py, `ordered`).
 * @param {string[]} entries @returns {string[]}
 */
export function unnumbered(entries) {
  const matches = entries.map((entry) => NUMBERED.exec(entry));
  if (!entries.length || matches.some((match) => !match || Number(match[1]) < 1)) return [...entries];
  const values = [];
  for (const [, n, value] of matches) values[Number(n) - 1] = value;
  return Array.from(values, (value) => value ?? '');
}

/** The entries that say these values: each with its number, because Bitrix24 drops empty ones. @returns {string[]} */
export const numbered = (values) => values.map((value, at) => `[${at + 1}]${value}`);
