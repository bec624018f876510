// What the phone beside the form is told to show: a message of parts, some of them known only by a name.

/**
 * A piece of a text. `n` names the template's variable that it comes from.
 * @typedef {{text: string, n?: number}} Known as the client will read it
 * @typedef {{field: string, sample?: string, n?: number}} Field a field of Bitrix24; `sample` is shown instead of its name
 * @typedef {{missing: string, n?: number}} Missing a variable without a value; `missing` is what to show
 * @typedef {{fallback: string, n?: number}} Fallback what stands in for an empty value
 * @typedef {Known | Field | Missing | Fallback} Part
 * @typedef {string | Part[]} Parts
 *
 * @typedef {{type: 'text', parts: Parts}} TextHeader
 * @typedef {{type: 'image' | 'video' | 'audio' | 'document', name: Parts, size: string}} FileHeader size: in words
 * @typedef {{type: 'location', name: Parts, parts: Parts, point: Parts}} LocationHeader parts: the address; point: the
 *   coordinates
 * @typedef {{type: 'contact', name: Parts, parts: Parts}} ContactHeader parts: company or phone
 * @typedef {TextHeader | FileHeader | LocationHeader | ContactHeader} Header
 *
 * @typedef {{title: Parts, rows: {title: Parts, description: Parts}[]}} ListSection
 *
 * @typedef {object} Model
 * @property {string} sender
 * @property {Header | null} header
 * @property {Parts} body
 * @property {Parts} footer
 * @property {{type: 'reply' | 'url' | 'phone' | 'copy', title: Parts}[]} buttons in the message's order
 * @property {{button: Parts, sections: ListSection[]} | null} list
 * @property {string} time
 * @property {boolean} [marketing] the body may fold early
 *
 * @typedef {object} Summary what stands under the phone
 * @property {number} length
 * @property {number} limit
 * @property {number} [variables]
 * @property {string} [paid] the category in the viewer's words, or ''
 *
 * @typedef {object} Piece a part with what is shown of it
 * @property {string} shown
 * @property {'' | 'field' | 'missing' | 'fallback'} kind
 * @property {boolean} isKnown whether the client will read this, or it is only a name for it
 * @property {number} [n]
 * @property {string} [name] of the field
 */

/** @param {Parts | undefined} parts @returns {Piece[]} */
export function pieces(parts) {
  return (typeof parts === 'string' ? [{ text: parts }] : (parts ?? [])).map(pieceOf);
}

/** @param {Part} part @returns {Piece} */
function pieceOf(part) {
  if ('missing' in part) return { shown: part.missing, kind: 'missing', isKnown: false, n: part.n };
  if ('fallback' in part) return { shown: part.fallback, kind: 'fallback', isKnown: true, n: part.n };
  if (!('field' in part)) return { shown: part.text, kind: '', isKnown: true, n: part.n };
  const { field: name, sample, n } = part;
  return { shown: sample || name, kind: 'field', isKnown: Boolean(sample), n, name };
}

/** What a client would read of these parts. @param {Parts | undefined} parts */
export function plain(parts) {
  return pieces(parts).map(({ shown }) => shown).join('');
}
