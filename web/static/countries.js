// Names of countries, which the browser knows in every language; the server writes codes of two letters.
const lang = document.documentElement.lang || 'en';
const names = new Intl.DisplayNames([lang], { type: 'region' });

/** @param {string} code */
export const countryName = (code) => (code ? names.of(code) ?? code : '');

/** Name every element with data-country below the root, and sort the lists of them. @param {ParentNode} root */
export function nameCountries(root = document) {
  for (const element of /** @type {NodeListOf<HTMLElement>} */ (root.querySelectorAll('[data-country]'))) {
    element.textContent = countryName(element.dataset.country ?? '');
  }
  for (const list of /** @type {NodeListOf<HTMLSelectElement>} */ (root.querySelectorAll('select[data-countries]'))) {
    const { value } = list;
    list.append(...[...list.options].sort((a, b) => a.text.localeCompare(b.text, lang)));
    list.value = value;
  }
}
