// What the phone beside the form of a template shows.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { model, nextVariable, variables } from '../../web/static/template_model.js';

const WRITTEN = {
  kind: 'TEXT', category: 'UTILITY', header: 'Визит {{1}}', headerSample: 'завтра', body: 'Имя {{2}}, {{ 1 }} и {{2}}!', footer: 'Acme',
  samples: { 1: 'Ольга', 2: '' }, buttons: [{ type: 'URL', text: 'Карта' }, { type: 'OTP', text: '' }], file: '',
};

test('variables are counted once and in order, and a gap is filled first', () => {
  assert.deepEqual(variables('{{10}} {{2}} {{02}} {{name}} {{ 1 }}'), ['1', '2', '10']);
  assert.equal(nextVariable('{{1}} {{3}}'), '{{2}}');
  assert.equal(nextVariable(''), '{{1}}');
});

test('samples stand where the variables are, and what has none says so', () => {
  const { header, body, buttons } = model(WRITTEN, 'Acme');
  assert.deepEqual(header, { type: 'text', parts: [{ text: 'Визит ' }, { field: '{{1}}', sample: 'завтра', n: 1 }, { text: '' }] });
  assert.deepEqual(body.slice(1, 4), [{ missing: '{{2}}', n: 2 }, { text: ', ' }, { field: '{{ 1 }}', sample: 'Ольга', n: 1 }]);
  assert.deepEqual(buttons, [{ type: 'url', title: 'Карта' }, { type: 'copy', title: 'Copy code' }]);
});

test('a file stands in the place of a header', () => {
  assert.deepEqual(model({ ...WRITTEN, kind: 'VIDEO', file: 'a.mp4' }, '').header, { type: 'video', name: 'a.mp4', size: '' });
});
