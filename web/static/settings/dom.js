// What the modules of the settings page build elements and sentences with.

/**
 * @param {string} tag
 * @param {Object} attributes `text`, `on` ({click: handler}), or any attribute; false, null and undefined are left out
 * @param {...(Node|string|null)} children
 * @returns {HTMLElement}
 */
export function make(tag, { text, on = {}, ...attributes } = {}, ...children) {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (value !== false && value !== null && value !== undefined) made.setAttribute(name, value === true ? '' : value);
  }
  for (const [name, handler] of Object.entries(on)) made.addEventListener(name, handler);
  if (text !== undefined) made.textContent = text;
  made.append(...children.filter((child) => child !== null && child !== undefined));
  return made;
}

/** A picture of icons.svg, for the eye only. */
export function icon(name) {
  const svg = document.createElementNS('http://www.w3.org/2000/svg', 'svg');
  svg.setAttribute('class', 'i');
  svg.setAttribute('aria-hidden', 'true');
  const use = document.createElementNS('http://www.w3.org/2000/svg', 'use');
  use.setAttribute('href', `${new URL('icons.svg', import.meta.url).pathname}#${name}`);
  svg.append(use);
  return svg;
}

/** Puts text into an element, and leaves it alone when it is there already: a live region would say it twice. */
export function write(element, text) {
  if (element.textContent !== text) element.textContent = text;
}

/**
 * A text of the page in the viewer's language, with `{name}` filled in; of plurals the form that `values.n` asks for.
 * @param {Object<string, string|{one: string, few: string, many: string, other: string}>} texts
 */
export function say(texts, key, values = {}) {
  const found = texts[key] ?? key;
  const text = typeof found === 'string' ? found : found[plural(values.n)] ?? found.other;
  return text.replace(/\{(\w+)\}/g, (whole, name) => (name in values ? format(values[name]) : whole));
}

function plural(n) {
  return new Intl.PluralRules(document.documentElement.lang || 'en').select(n);
}

function format(value) {
  return typeof value === 'number' ? value.toLocaleString(document.documentElement.lang || 'en') : value;
}

/** Says something in the page's one live region (`role="status"`). */
export function announce(text) {
  const region = document.querySelector('[role="status"]');
  if (!region) return;
  region.textContent = '';
  // The same sentence twice in a row is read twice only when the region was empty in between.
  requestAnimationFrame(() => { region.textContent = text; });
}
