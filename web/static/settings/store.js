// The values of the form: as Bitrix24 has them saved until somebody changes one; only what was changed is written.

/**
 * @typedef {string | string[]} Value a text, or the entries of a multiple property
 * @typedef {ReturnType<typeof createStore>} Store
 */

/**
 * @param {object} how
 * @param {Record<string, Value | null>} how.values null: Bitrix24 has none
 * @param {{code: string, multiple: boolean, default: string}[]} how.properties
 * @param {(values: Record<string, Value>) => void} how.write tells the host's form; nothing is stored before its Save
 * @param {(code: string) => void} how.onChange
 */
export function createStore({ values, properties, write, onChange }) {
  const current = { ...values };
  const multiple = new Set(properties.filter((one) => one.multiple).map(({ code }) => code));
  // Properties that never had a value have their defaults; the others stay as they are, empty ones too.
  const missing = properties.filter(({ code, default: value }) => values[code] === null && value !== '');
  for (const { code, default: value } of missing) current[code] = value;
  /** @type {Record<string, Value>} */
  let waiting = {};

  function flush() {
    const due = waiting;
    waiting = {};
    write(due);
  }

  return {
    /** @param {string} code @returns {string} '' for what has no text */
    text(code) {
      const value = current[code];
      return typeof value === 'string' ? value : '';
    },

    /** @param {string} code @returns {string[]} */
    entries(code) {
      const value = current[code];
      return Array.isArray(value) ? value : [];
    },

    /** Whether Bitrix24 had nothing saved: the robot was just added. */
    isNew: Object.values(values).every((value) => value === null || value.length === 0),

    /** Every property that has a value. @returns {Record<string, Value>} */
    all() {
      /** @type {Record<string, Value>} */
      const found = {};
      for (const [code, value] of Object.entries(current)) if (value !== null) found[code] = value;
      return found;
    },

    /**
     * Written at once, for the next press may be the host's Save; what one event of the page changes is written together.
     * @param {string} code @param {Value} value in the shape that the host keeps for this property
     * @throws {TypeError} for a text where the host keeps entries, or the other way round
     */
    set(code, value) {
      if (multiple.has(code) !== Array.isArray(value)) throw new TypeError(`${code}: one value or several?`);
      if (same(current[code], value)) return;
      current[code] = value;
      if (!Object.keys(waiting).length) queueMicrotask(flush);
      waiting[code] = value;
      onChange(code);
    },

    /** Once, when the page opens. */
    writeDefaults() {
      if (missing.length) write(Object.fromEntries(missing.map((one) => [one.code, one.default])));
    },
  };
}

/** @param {Value | null} one @param {Value} other */
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
  /** @type {string[]} */
  const values = [];
  for (const entry of entries) {
    const match = NUMBERED.exec(entry);
    if (!match || Number(match[1]) < 1) return [...entries];
    values[Number(match[1]) - 1] = match[2];
  }
  return Array.from(values, (value) => value ?? '');
}

/**
 * The entries that say these values: each with its number, because Bitrix24 drops empty ones.
 * @param {string[]} values @returns {string[]}
 */
export const numbered = (values) => values.map((value, at) => `[${at + 1}]${value}`);
