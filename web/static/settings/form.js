// What the modules of the settings page share: the page's data as the server sends it, and the form they build.

/**
 * A property of the robot (web/settings/fields.py).
 * @typedef {object} Property
 * @property {string} code
 * @property {string} type as Bitrix24 knows it: string, text, int, double, bool, select, date, file …
 * @property {boolean} multiple
 * @property {boolean} required
 * @property {string} title
 * @property {string} hint
 * @property {[value: string, words: string][]} options of a select
 * @property {string} default
 * @property {number} limit code points; 0: none
 */

/**
 * A line of the portal (web/settings/listing.py).
 * @typedef {object} Line
 * @property {string} id
 * @property {string} name
 * @property {string} phone digits
 * @property {string[]} names by which a robot may have it saved
 * @property {boolean} default
 * @property {boolean} connected
 * @property {string} why why it does not send, '' when it does
 */

/**
 * @typedef {object} Page
 * @property {'robots' | 'activities'} side
 * @property {string} action
 * @property {Property[]} properties
 * @property {Record<string, Value | null>} values as Bitrix24 has them saved; null: none
 * @property {Record<string, number>} sizes WhatsApp's limits
 * @property {Line[]} lines
 * @property {Texts & Record<string, string>} texts
 */

/**
 * The control of a property: where its problem is shown, and what gets the focus.
 * @typedef {object} Control
 * @property {(text: string, index?: number | null) => void} setProblem '' when nothing is wrong; index: of the entry, from 1
 * @property {(index?: number | null) => void} focus
 */

/**
 * @typedef {object} Form
 * @property {Page} page
 * @property {Page['texts']} texts
 * @property {Catalogue} catalogue
 * @property {Store} store
 * @property {Map<string, Control>} controls by property
 * @property {Host} host Bitrix24's window around the page
 * @property {() => string} sender the name of the line that sends
 * @property {() => void} redraw the phone shows something else now
 * @property {() => void} recheck the server knows more than before
 * @property {(path: string, options?: RequestInit) => Promise<any>} ask our server's JSON, null when nobody answers
 * @property {(text: string) => void} announce
 * @property {(n: number | null) => void} point the variable whose field has the focus
 */

/**
 * The part of the form that belongs to one action.
 * @typedef {object} Content
 * @property {(HTMLElement | null)[]} elements
 * @property {(() => Model | null) | null} model for the phone; null: this action shows the client nothing
 * @property {() => Summary | null} [summary] what stands under the phone
 * @property {() => void} [lineChanged] another line was chosen
 * @property {() => string} [name] what the summary on top calls the content
 * @property {(n: string | null) => void} [pointed] the variable under the pointer in the phone
 */

/** @typedef {Pick<ReturnType<typeof import('../frame.js').openFrame>, 'accessToken' | 'pickContact' | 'openApplication'>} Host */

/** @import { Catalogue } from './expressions.js' */
/** @import { Model, Summary } from './phone_model.js' */
/** @import { Store, Value } from './store.js' */
/** @import { Texts } from './texts.js' */

/** @param {Form} form @param {string} code */
export const hasProperty = (form, code) => form.page.properties.some((one) => one.code === code);

/** @param {Form} form @param {string} code @returns {Property} @throws {Error} when this action has no such property */
export function property(form, code) {
  const found = form.page.properties.find((one) => one.code === code);
  if (!found) throw new Error(`no property ${code}`);
  return found;
}
