// What stands behind the ending of a robot that sends: whether the message is shown on the CRM item.
import { optionsOf, selectField } from './controls.js';
import { hasProperty, property } from './form.js';
import { say } from './texts.js';

/** @import { Form, Property } from './form.js' */

/** The properties drawn here. */
export const CODES = ['timeline'];

/** A property of the type yes or no, with its two options. @param {Form} form @param {Property} one @returns {Property} */
export function withOptions({ texts }, one) {
  return one.type === 'bool' ? { ...one, options: [['Y', say(texts, 'bool.yes')], ['N', say(texts, 'bool.no')]] } : one;
}

/** @param {Form} form @returns {HTMLElement[]} */
export function showing(form) {
  return CODES.filter((code) => hasProperty(form, code)).map((code) => {
    const { title: label, hint, required } = property(form, code);
    const options = optionsOf(form, withOptions(form, property(form, code)));
    return selectField(form, { code, label, hint, required, options, strange: (value) => form.catalogue.shown(value) }).element;
  });
}
