import assert from 'node:assert/strict';
import { test } from 'node:test';

import { chosen, filledUp, similar } from '../../web/static/settings/template_choice.js';

const template = (id, name, language, more = {}) => ({
  id, name, language, category: 'UTILITY', kind: 'text', usable: true, variables: [], ...more,
});
const RU = template('1', 'order_ready', 'ru');
const EN = template('2', 'order_ready', 'en_US');
const VISIT = template('3', 'visit', 'ru');
const ALL = [RU, EN, VISIT];
const choose = (value, language = '') => chosen(ALL, { template: value, language });

test('an id names one template, and a name does when there is one of it', () => {
  assert.equal(choose(' 2 ').template, EN);
  assert.equal(choose('visit').template, VISIT);
});

test('a name in several languages asks for one', () => {
  assert.deepEqual(choose('order_ready'), { template: null, languages: ['ru', 'en_US'] });
  assert.equal(choose('order_ready', 'RU').template, RU);
});

test('a language is also its variants', () => assert.equal(choose('order_ready', 'en').template, EN));

test('a name that is gone is nothing to choose', () => assert.deepEqual(choose('gone'), { template: null, languages: [] }));

test('the most similar template can be sent and takes as many values', () => {
  const two = [1, 2].map((n) => ({ n, part: 'body', name: String(n), sample: '' }));
  const near = template('4', 'order_is_ready', 'ru', { variables: two });
  const blocked = template('5', 'order_ready', 'ru', { variables: two, usable: false });
  const gone = { id: '9', name: 'order_ready', language: 'ru', count: 2 };
  assert.equal(similar([...ALL, blocked, near], gone), near);
  assert.equal(similar(ALL, gone), null);
  assert.equal(similar([RU], { ...gone, id: '1', count: 0 }), null);
});

test('as many values as a template wants', () => assert.deepEqual([filledUp(['a'], 2), filledUp(['a', 'b'], 1)], [['a', ''], ['a']]));
