// The texts of the page, in the language of the person who reads it, and the page's voice for screen readers.

/**
 * @typedef {{one?: string, few?: string, many?: string, other: string}} Plural by CLDR's names
 * @typedef {Record<string, string | Plural>} Texts by key
 * @typedef {Record<string, string | number | undefined>} Values what fills `{name}`; `n` also chooses the plural
 */

const language = () => document.documentElement.lang || 'en';

/**
 * A text with `{name}` filled in; of a plural the form that goes with `values.n`. An unknown key is its own text.
 * @param {Texts} texts @param {string} key @param {Values} [values] @returns {string}
 */
export function say(texts, key, values = {}) {
  const found = texts[key] ?? key;
  const text = typeof found === 'string' ? found : (found[pluralOf(Number(values.n))] ?? found.other);
  return text.replace(/\{(\w+)\}/g, (whole, name) => (name in values ? format(values[name]) : whole));
}

/** @param {number} n @returns {keyof Plural} */
function pluralOf(n) {
  return /** @type {keyof Plural} */ (new Intl.PluralRules(language()).select(n));
}

/** @param {string | number | undefined} value */
function format(value) {
  return typeof value === 'number' ? value.toLocaleString(language()) : String(value);
}

/**
 * Says something in the page's one live region (`role="status"`).
 * @param {string} text
 */
export function announce(text) {
  const region = document.querySelector('[role="status"]');
  if (!region) return;
  region.textContent = '';
  // The same sentence twice in a row is read twice only when the region was empty in between.
  requestAnimationFrame(() => { region.textContent = text; });
}
