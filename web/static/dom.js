// What all modules build and change elements with.

/**
 * @typedef {string | Node | null | undefined} Child null and undefined are left out
 * @typedef {{[name in keyof HTMLElementEventMap]?: (event: HTMLElementEventMap[name]) => void}} Handlers
 * @typedef {string | number | boolean | null | undefined} AttributeValue true: present; false, null, undefined: absent
 */

/**
 * An element with attributes, listeners and children. Data goes in as text nodes and attributes only, never as HTML.
 * @template {keyof HTMLElementTagNameMap} Tag
 * @param {Tag} tag
 * @param {{text?: string, on?: Handlers} & {[attribute: string]: AttributeValue | Handlers}} [attributes] `text` is the
 *   element's text, `on` its listeners, everything else an attribute
 * @param {...Child} children
 * @returns {HTMLElementTagNameMap[Tag]}
 */
export function make(tag, { text, on = {}, ...attributes } = {}, ...children) {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) setAttribute(made, name, /** @type {AttributeValue} */ (value));
  for (const [name, handler] of Object.entries(on)) made.addEventListener(name, /** @type {EventListener} */ (handler));
  if (text !== undefined) made.textContent = text;
  made.append(...children.filter((child) => child !== null && child !== undefined));
  return made;
}

/**
 * Sets an attribute, or removes it where the value means absent.
 * @param {Element} element @param {string} name @param {AttributeValue} value
 */
export function setAttribute(element, name, value) {
  if (value === false || value === null || value === undefined) element.removeAttribute(name);
  else element.setAttribute(name, value === true ? '' : String(value));
}

/**
 * Puts text into an element. The same text is not written again: a live region would be read out twice.
 * @param {Element} element @param {string} text
 */
export function write(element, text) {
  if (element.textContent !== text) element.textContent = text;
}

/**
 * The element that an event happened in or on and that the selector names; null if there is none.
 * @param {Event} event @param {string} selector @returns {HTMLElement | null}
 */
export function around(event, selector) {
  return event.target instanceof Element ? event.target.closest(selector) : null;
}

/**
 * A press that begins on an option of this list ends on it, too, when the page moves under the pointer meanwhile: the portal
 * makes the frame higher only after the list has opened.
 * @param {HTMLElement} list
 */
export function holdPress(list) {
  list.addEventListener('pointerdown', (event) => around(event, '[role="option"]')?.setPointerCapture(event.pointerId));
}

/**
 * An element that the page's template always draws.
 * @param {string} id @returns {HTMLElement} @throws {Error} when there is none: template and script do not fit
 */
export function byId(id) {
  const element = document.getElementById(id);
  if (!element) throw new Error(`no element #${id}`);
  return element;
}

/**
 * What the server wrote into `<script type="application/json" id="…">`.
 * @param {string} id @returns {any} as the template's author knows it; the caller names the type
 */
export const readData = (id) => JSON.parse(byId(id).textContent ?? '');
