import assert from 'node:assert/strict';
import { test } from 'node:test';

import { createStore, numbered, unnumbered } from '../../web/static/settings/store.js';

const PROPERTIES = [
  { code: 'text', multiple: false, default: '' },
  { code: 'until', multiple: false, default: 'sent' },
  { code: 'params', multiple: true, default: '' },
];

function opened(values = { text: 'a', until: 'read', params: ['1'] }) {
  const [written, changed] = [[], []];
  const store = createStore({
    values, properties: PROPERTIES, write: (due) => written.push(due), onChange: (code) => changed.push(code),
  });
  return { store, written, changed };
}

test('what is saved is read as it is, and what has another shape as nothing', () => {
  const { store } = opened();
  assert.deepEqual([store.text('text'), store.entries('params')], ['a', ['1']]);
  assert.deepEqual([store.text('params'), store.entries('text'), store.text('unknown')], ['', [], '']);
});

test('changes are told at once, and what one event changes is written together', async () => {
  const { store, written, changed } = opened();
  store.set('text', 'b');
  store.set('params', ['1', '2']);
  assert.deepEqual([changed, written], [['text', 'params'], []]);
  await undefined;
  assert.deepEqual(written, [{ text: 'b', params: ['1', '2'] }]);
  store.set('text', 'c');
  await undefined;
  assert.deepEqual(written.slice(1), [{ text: 'c' }]);
});

test('what did not change is not written', async () => {
  const { store, written, changed } = opened();
  store.set('text', 'a');
  store.set('params', ['1']);
  await undefined;
  assert.deepEqual([changed, written], [[], []]);
});

test('one value for several is an error of the page', () => {
  assert.throws(() => opened().store.set('params', 'x'), TypeError);
  assert.throws(() => opened().store.set('text', ['x']), TypeError);
});

test('only what never had a value gets its default', () => {
  const { store, written } = opened({ text: null, until: null, params: null });
  assert.ok(store.isNew);
  store.writeDefaults();
  assert.deepEqual([written, store.all()], [[{ until: 'sent' }], { until: 'sent' }]);
  const saved = opened({ text: '', until: '', params: [] });
  saved.store.writeDefaults();
  assert.deepEqual([saved.written, saved.store.text('until')], [[], '']);
});

test('values go by their numbers when all entries carry one', () => {
  assert.deepEqual(unnumbered(['[3]c', ' [1]a\nb']), ['a\nb', '', 'c']);
  for (const entries of [[], ['a', '[2]b'], ['[0]a']]) assert.deepEqual(unnumbered(entries), entries);
  assert.deepEqual(unnumbered(numbered(['a', '', '[9]c'])), ['a', '', '[9]c']);
});
