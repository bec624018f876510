// Which template a stored value means, and which one could take the place of a template that is gone.

/**
 * A template of the line (web/settings/listing.py), its words in the viewer's language.
 * @typedef {object} Template
 * @property {string} id
 * @property {string} name
 * @property {string} language
 * @property {string} category
 * @property {string} category_text
 * @property {string} status
 * @property {string} status_text
 * @property {boolean} usable
 * @property {string} why why it is not usable
 * @property {string} trouble the same as sentences, '' when it is usable
 * @property {string} kind text, image, video …
 * @property {boolean} media whether its header is a file
 * @property {boolean} wants_header whether the property `header` is wanted: a file, a point on the map, files of cards
 * @property {string} header
 * @property {string} body
 * @property {string} footer
 * @property {Variable[]} variables those of the header first, of cards (part `card 1` …) last, as the property `params` counts them
 * @property {TemplateButton[]} buttons
 * @property {{text: string, buttons: TemplateButton[]}[]} cards of a carousel
 *
 * @typedef {{n: number, part: string, name: string, sample: string}} Variable n: its place in `params`, from 1
 * @typedef {{n: number, type: string, text: string, value: string}} TemplateButton n: its place in `button_params`, 0: it
 *   wants no value
 *
 * @typedef {{template: string, language: string}} Stored template: an id, or a name; an expression is left as it is
 */

/**
 * The template a stored value means, and the languages to choose from when its name exists in several.
 * @template {{id: string, name: string, language: string}} Known
 * @param {Known[]} templates @param {Stored} value @returns {{template: Known | null, languages: string[]}}
 */
export function chosen(templates, { template, language }) {
  const wanted = template.trim();
  const byId = templates.find(({ id }) => id === wanted);
  if (byId) return { template: byId, languages: [] };
  const named = templates.filter(({ name }) => name === wanted);
  const inLanguage = language ? spoken(named, language.trim().toLowerCase()) : named;
  if (inLanguage.length === 1) return { template: inLanguage[0], languages: [] };
  return { template: null, languages: inLanguage.length > 1 ? named.map((one) => one.language) : [] };
}

/**
 * Those of the language, else those of its variants: «en» is also «en_US» (messaging/templates/catalogue.py, `the_one`).
 * @template {{language: string}} Known
 * @param {Known[]} templates @param {string} wanted lower case
 */
function spoken(templates, wanted) {
  const exact = templates.filter(({ language }) => language.toLowerCase() === wanted);
  /** @param {string} language */
  const main = (language) => language.toLowerCase().split('_')[0];
  return exact.length ? exact : templates.filter(({ language }) => main(language) === main(wanted));
}

/**
 * Of the templates that can be sent, the one most like a template that cannot; null when none takes as many values.
 * @param {Template[]} templates
 * @param {{id?: string, name: string, language: string, category?: string, kind?: string, count: number}} gone what is
 *   known of it; count: its values
 * @returns {Template | null}
 */
export function similar(templates, gone) {
  /** @param {Template} one */
  const score = (one) => 4 * Number(one.variables.length === gone.count) + 2 * Number(one.language === gone.language)
    + Number(one.category === gone.category) + Number(one.kind === gone.kind) + 3 * alike(one.name, gone.name);
  const fitting = templates.filter((one) => one.usable && one.id !== gone.id && one.variables.length >= gone.count);
  return fitting.sort((one, other) => score(other) - score(one))[0] ?? null;
}

/** How many words two names share, 0 to 1. @param {string} one @param {string} other */
function alike(one, other) {
  const words = new Set(wordsOf(one));
  const others = wordsOf(other);
  return others.filter((word) => words.has(word)).length / Math.max(words.size, others.length, 1);
}

/** @param {string} name */
const wordsOf = (name) => name.toLowerCase().split(/[\W_]+/).filter(Boolean);

/** The buttons that want a value. @param {Template} template */
export const askingButtons = (template) => (
  [...template.buttons, ...template.cards.flatMap(({ buttons }) => buttons)].filter(({ n }) => n > 0));

/** Where a variable stands, unless it is the text. @param {string} part @param {(key: string, values?: Record<string, string>) => string} words */
export const placeOf = (part, words) => {
  if (part === 'header') return `${words('template.header_variable')} `;
  return part.startsWith('card ') ? `${words('template.card', { n: part.slice(5) })} ` : '';
};

/** As many values as wanted: the first ones, '' where there is none. @param {string[]} values @param {number} count */
export const filledUp = (values, count) => Array.from({ length: count }, (_, at) => values[at] ?? '');
