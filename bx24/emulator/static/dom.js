// What the portal's pages find elements with.

/**
 * An element that the page's template always draws.
 * @param {string} id @returns {HTMLElement} @throws {Error} when there is none: template and script do not fit
 */
export function byId(id) {
  const element = document.getElementById(id);
  if (!element) throw new Error(`no element #${id}`);
  return element;
}
