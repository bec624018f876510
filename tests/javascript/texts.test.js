import assert from 'node:assert/strict';
import { test } from 'node:test';

import { pieces, plain } from '../../web/static/settings/phone_model.js';
import { say } from '../../web/static/settings/texts.js';
import { installDocument } from './small_dom.js';

const TEXTS = { hello: 'Hello, {name}! {other}', fields: { one: '{n} поле', few: '{n} поля', many: '{n} полей', other: '{n} поля' } };

test('a text is filled in, and an unknown key is its own text', () => {
  installDocument('ru');
  assert.equal(say(TEXTS, 'hello', { name: 'Ann' }), 'Hello, Ann! {other}');
  assert.equal(say(TEXTS, 'missing.key'), 'missing.key');
});

test('a number chooses its plural and is written as the reader does', () => {
  installDocument('ru');
  assert.deepEqual([1, 2, 5].map((n) => say(TEXTS, 'fields', { n })), ['1 поле', '2 поля', '5 полей']);
  assert.equal(say(TEXTS, 'fields', { n: 1200 }), '1\u00a0200 полей');
});

test('of a field its sample is read, else its name', () => {
  const parts = [{ text: 'a' }, { field: 'Name', sample: 'Ann' }, { field: 'Sum' }, { missing: '{{1}}' }, { fallback: '-' }];
  assert.equal(plain(parts), 'aAnnSum{{1}}-');
  assert.deepEqual(pieces(parts).map(({ kind, isKnown }) => [kind, isKnown]), [
    ['', true], ['field', true], ['field', false], ['missing', false], ['fallback', true],
  ]);
  assert.deepEqual([plain('text'), plain(undefined)], ['text', '']);
});
