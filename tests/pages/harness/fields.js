// Draws the fields the test describes, and keeps what they report where the test can read it.

import { Catalogue } from '/static/settings/expressions.js';
import { expressionField } from '/static/settings/field.js';

const { groups, texts, fields } = JSON.parse(document.getElementById('data').textContent);
const catalogue = new Catalogue(groups, texts);

window.made = {};
window.reported = { input: [], macro: [], blur: 0 };
for (const how of fields) {
  window.made[how.id] = expressionField({
    ...how, catalogue, texts,
    onInput: (value) => window.reported.input.push(value),
    onMacro: (text) => window.reported.macro.push(text),
    onBlur: () => { window.reported.blur += 1; },
  });
  document.querySelector('main').append(window.made[how.id].element);
}
