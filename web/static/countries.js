// Names of countries, which the browser knows in every language; the server writes codes of two letters.
const language = () => document.documentElement.lang || 'en';

/** @param {string} code */
export function countryName(code) {
  return code ? new Intl.DisplayNames([language()], { type: 'region' }).of(code) ?? code : '';
}

/** Name every element with data-country below the root, and sort the lists of them. @param {ParentNode} root */
export function nameCountries(root = document) {
  const names = new Intl.DisplayNames([language()], { type: 'region' });
  for (const element of /** @type {NodeListOf<HTMLElement>} */ (root.querySelectorAll('[data-country]'))) {
    const code = element.dataset.country;
    element.textContent = code ? names.of(code) ?? code : '';
  }
  for (const list of /** @type {NodeListOf<HTMLSelectElement>} */ (root.querySelectorAll('select[data-countries]'))) {
    const { value } = list;
    list.append(...[...list.options].sort((a, b) => a.text.localeCompare(b.text, language())));
    list.value = value;
  }
  for (const list of /** @type {NodeListOf<HTMLTableSectionElement>} */ (root.querySelectorAll('tbody[data-countries]'))) {
    const rows = [...list.rows];
    const named = rows.filter((row) => row.querySelector('[data-country]'));
    const name = (/** @type {HTMLTableRowElement} */ row) => row.cells[0]?.textContent ?? '';
    named.sort((a, b) => name(a).localeCompare(name(b), language()));
    list.append(...named, ...rows.filter((row) => !named.includes(row)));
  }
}
