import assert from 'node:assert/strict';
import { test } from 'node:test';

import {
  Catalogue, displayForms, fill, join, length, parse, plural, split, swapLayout,
} from '../../web/static/settings/expressions.js';

const item = (id, name, more = {}) => ({
  expression: `{=Document:${id}}`, id, name, type: 'string', multiple: false, technical: false, twin: '', ...more,
});
const SUM = item('OPPORTUNITY', 'Сумма', { type: 'money', twin: '{=Document:OPPORTUNITY_ACCOUNT}' });
const PHONE = item('PHONE_WORK', 'Рабочий телефон');
const FILE = item('UF_SCAN', 'Скан', { type: 'file' });
const HIDDEN = item('ORIGIN_ID', 'Внешний код', { technical: true });
const TEXTS = { modifierPrintable: 'текстом', groupPhones: 'Телефоны', groupFiles: 'Файлы', shapeMoney: '12 480 ₽' };
const catalogue = new Catalogue([
  { id: 'often', title: 'Часто', items: [SUM] },
  { id: 'deal', title: 'Сделка', items: [SUM, PHONE, FILE, HIDDEN] },
], TEXTS);
const found = (query, how) => catalogue.find(query, how).flatMap((group) => group.items.map(({ name }) => name));

test('parts joined again are the very same string', () => {
  const values = ['', 'text', '{=Document:TITLE}', 'a {=Document:A.B > printable , x } b{=X:y}', '{=Document:TITLE', '{{=f({=A:b})}}'];
  for (const value of values) assert.equal(join(split(value)), value);
});

test('only what the host evaluates is an expression', () => {
  assert.deepEqual(split('a {=Document:TITLE}!'), [{ text: 'a ' }, { expression: '{=Document:TITLE}' }, { text: '!' }]);
  for (const text of ['{=Document}', '{Document:TITLE}', '{=Document:}', '{=Документ:TITLE}']) assert.deepEqual(split(text), [{ text }]);
});

test('an expression says its object, its field and its modifiers', () => {
  assert.deepEqual(parse('{= Document : A.B > printable , x }'), { object: 'Document', id: 'A.B', modifiers: ['printable', 'x'] });
  for (const text of ['', 'a', '{=Document:A} ', '{=Document:A}{=Document:B}']) assert.equal(parse(text), null);
});

test('characters are counted as people do, in code points', () => assert.equal(length('да👍'), 3));

test('what the host shows of a field is found with its place', () => {
  assert.deepEqual(displayForms('a {{ Контакт: Имя }}'), [{ text: '{{ Контакт: Имя }}', name: 'Контакт: Имя', start: 2 }]);
});

test('texts are filled in, and unknown names stay', () => {
  assert.equal(fill('{n} of {all} {x}', { n: 1, all: 2 }), '1 of 2 {x}');
  assert.equal(fill(undefined, {}), '');
});

test('a number chooses its plural', () => {
  const texts = { fieldOne: '{n} поле', fieldFew: '{n} поля', fieldMany: '{n} полей' };
  assert.deepEqual([1, 3, 5, 21].map((n) => plural(texts, 'field', n, 'ru')), ['1 поле', '3 поля', '5 полей', '21 поле']);
});

test('an expression is called by its field, with its modifiers', () => {
  assert.equal(catalogue.name('{=document:OPPORTUNITY}'), 'Сумма');
  assert.equal(catalogue.name('{=Document:OPPORTUNITY_ACCOUNT > printable}'), 'Сумма · текстом');
  assert.equal(catalogue.name('{=Document:GONE}'), '');
  assert.equal(catalogue.name('no expression'), '');
});

test('while no field is known nothing is called missing', () => {
  const empty = new Catalogue([], TEXTS);
  assert.ok(empty.isEmpty);
  assert.equal(empty.name('{=Document:TITLE}'), 'TITLE');
});

test('a field is found by the name the host shows', () => {
  assert.equal(catalogue.byName(' сумма '), SUM);
  assert.equal(catalogue.byName('нет'), null);
});

test('a search finds each field once, by words of name and group, by id and in the other layout', () => {
  assert.deepEqual(found('сделка сум'), ['Сумма']);
  assert.deepEqual(found('сделка нет'), []);
  assert.deepEqual(found('сум'), ['Сумма']);
  assert.deepEqual(found('cevv'), ['Сумма']);
  assert.deepEqual(found('phone_work'), ['Рабочий телефон']);
});

test('without a query frequent fields are shown twice', () => assert.deepEqual(found('').filter((name) => name === 'Сумма').length, 2));

test('a technical field is shown on request, or when its id is typed in full', () => {
  assert.deepEqual(found('внешний'), []);
  assert.deepEqual(found('внешний', { technical: true }), ['Внешний код']);
  assert.deepEqual(found('origin_id'), ['Внешний код']);
});

test('what a field is made for stands on top, and what does not fit is left out', () => {
  const phones = catalogue.find('', { fit: 'phone' });
  assert.deepEqual([phones[0].title, phones[0].items], ['Телефоны', [PHONE]]);
  assert.equal(catalogue.find('', { fit: 'file' })[0].title, 'Файлы');
  assert.ok(!found('', { fit: 'file' }).includes('Сумма'));
  assert.ok(!found('', { fit: 'number' }).includes('Скан'));
});

test('a field shows what its values look like', () => {
  assert.equal(catalogue.shape(SUM), '12 480 ₽');
  assert.equal(catalogue.shape(PHONE), '');
});

test('keys are read in the other layout', () => assert.equal(swapLayout('ntktajy'), 'телефон'));
