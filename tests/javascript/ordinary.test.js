// An action without an editor of its own: which properties get a field, and which kind of field.
import assert from 'node:assert/strict';
import { test } from 'node:test';

import { optionsOf } from '../../web/static/settings/controls.js';
import { kindOf, ownOf } from '../../web/static/settings/ordinary.js';

const OPTIONS = [['a', 'A'], ['b', 'B']];
const property = (more) => ({ code: 'x', type: 'string', multiple: false, required: false, options: [], default: '', ...more });
const codes = (names) => names.map((code) => property({ code }));

test('what stands around the content is drawn elsewhere; everything else keeps its order', () => {
  const all = codes(['line', 'phone', 'url', 'text', 'until', 'wait_minutes']);
  assert.deepEqual(ownOf(all).map(({ code }) => code), ['url', 'text']);
});

const KINDS = [
  [{ type: 'string' }, 'text'], [{ type: 'text' }, 'text'], [{ type: 'file' }, 'text'], [{ type: 'datetime' }, 'text'],
  [{ type: 'int' }, 'number'], [{ type: 'double' }, 'number'], [{ type: 'bool' }, 'select'],
  [{ type: 'select', options: OPTIONS }, 'select'], [{ multiple: true }, 'chips'], [{ type: 'int', multiple: true }, 'chips'],
  [{ type: 'select', options: OPTIONS, multiple: true }, 'checkboxes'],
];

test('the type of a property chooses its control', () => {
  for (const [more, kind] of KINDS) assert.equal(kindOf(property(more)), kind, JSON.stringify(more));
});

const NONE = ['', 'select.none'];
const CHOICES = [
  [{}, '', [NONE, ...OPTIONS]],
  [{}, 'a', [NONE, ...OPTIONS]],
  [{ required: true }, '', [NONE, ...OPTIONS]],
  [{ required: true }, 'a', OPTIONS],
  [{ default: 'b' }, 'b', OPTIONS],
  [{ default: 'b' }, '', [['', 'B'], ['a', 'A']]],
];

test('a select can say that nothing is chosen, where that may be', () => {
  for (const [more, saved, wanted] of CHOICES) {
    const form = { store: { text: () => saved }, texts: {} };
    assert.deepEqual(optionsOf(form, property({ options: OPTIONS, ...more })), wanted, JSON.stringify([more, saved]));
  }
});
