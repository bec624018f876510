const SVG = 'http://www.w3.org/2000/svg';
const SPRITE = new URL('icons.svg', import.meta.url).pathname;

/**
 * A drawing of settings/icons.svg, for the eye only: the words beside it say what it means.
 * @param {string} name @returns {SVGSVGElement}
 */
export function icon(name) {
  const svg = document.createElementNS(SVG, 'svg');
  svg.setAttribute('class', 'i');
  svg.setAttribute('aria-hidden', 'true');
  const use = document.createElementNS(SVG, 'use');
  use.setAttribute('href', `${SPRITE}#${name}`);
  svg.append(use);
  return /** @type {SVGSVGElement} */ (svg);
}
