// The editors of buttons and of list rows: what is stored, read, checked and stored again.
import assert from 'node:assert/strict';
import { beforeEach, test } from 'node:test';

import * as button from '../../web/static/settings/button_rows.js';
import { freeId, measured, pieces } from '../../web/static/settings/entries.js';
import * as list from '../../web/static/settings/list_rows.js';
import { installDocument } from './small_dom.js';

const EXPRESSION = '{=Document:A|B}';
const LIMITS = { rows: 3, sections: 10, section: 5, title: 5, description: 8 };

beforeEach(() => installDocument());

/** What is wrong, by the keys of the texts: the page's texts are not there. */
const problemsOf = (text) => list.listProblems(list.readList(text), LIMITS, {}).map((problem) => problem.text);
const buttonProblemsOf = (entries) =>
  button.buttonProblems(button.readButtons(entries), { texts: {}, titleLimit: 5, max: 3 }).map(({ text }) => text);

test('a bar parts, except inside an expression, whose braces may nest', () => {
  assert.deepEqual(pieces('a|b||c'), ['a', 'b', '', 'c']);
  assert.deepEqual(pieces(`${EXPRESSION}|x`), [EXPRESSION, 'x']);
  assert.deepEqual(pieces('{=f({=A|b})}|x'), ['{=f({=A|b})}', 'x']);
  assert.deepEqual(pieces('{=open|x'), ['{=open', 'x']);
});

test('only the constant text is measured, in code points', () => {
  assert.deepEqual(measured(' 👍a '), { length: 2, open: false });
  assert.deepEqual(measured(`a${EXPRESSION}`), { length: 1, open: true });
});

test('an unused id is made', () => {
  const taken = new Set(['id1', 'id2']);
  assert.ok(!taken.has(freeId('id', taken)));
});

test('buttons that nobody edits are stored as they came', () => {
  const entries = ['Yes|1', ' No ', 'A|b|c'];
  assert.deepEqual(button.readButtons(entries).map(button.entryOf), entries);
  assert.deepEqual(button.readButtons(['A\nB']).map(button.entryOf), ['A', 'B']);
  assert.equal(button.readButtons([]).length, 1);
});

test('an edited button is its title and its id', () => {
  const row = { ...button.readButton('Yes|1'), raw: null, title: 'No' };
  assert.equal(button.entryOf(row), 'No|1');
  assert.equal(button.entryOf({ ...row, id: null }), 'No');
});

test('a button without an id answers with its number', () => {
  const [first, second] = button.readButtons(['Yes', 'No|n']);
  assert.deepEqual([button.answerOf(first, 0), button.answerOf(second, 1)], ['1', 'n']);
});

test('what is wrong with buttons', () => {
  assert.deepEqual(buttonProblemsOf(['Yes', 'No']), []);
  assert.deepEqual(buttonProblemsOf([]), ['buttons.none']);
  assert.deepEqual(buttonProblemsOf(['|1']), ['buttons.untitled']);
  assert.deepEqual(buttonProblemsOf(['Longer']), ['rows.too_long']);
  assert.deepEqual(buttonProblemsOf(['Yes', 'Yes']), ['buttons.equal']);
  assert.deepEqual(buttonProblemsOf(['Yes|2', 'No']), ['rows.equal_ids']);
  assert.deepEqual(buttonProblemsOf(['Yes|a|b']), ['rows.bar']);
  assert.deepEqual(buttonProblemsOf(['1', '2', '3', '4']), ['buttons.too_many']);
});

test('a list that nobody edits is stored as it came', () => {
  for (const text of ['A', 'A|b\nC||d', '# S\nA\n##  T \nB|c|d|e', 'A\n# S\nB']) assert.equal(list.listText(list.readList(text)), text);
});

test('a list always has a section, and a new row is not stored', () => {
  const sections = list.readList(' \n');
  assert.deepEqual([sections.length, sections[0].rows.length, list.listText(sections)], [1, 1, '']);
});

test('an edited row is stored with as many bars as it needs', () => {
  const [{ rows: [row] }] = list.readList('A|b|c');
  const stored = (more) => list.listText([{ raw: null, title: '', rows: [{ ...row, raw: null, ...more }] }]);
  assert.deepEqual([stored({}), stored({ id: null }), stored({ id: null, description: ' ' })], ['A|b|c', 'A|b', 'A']);
});

test('a later section keeps its line even without a title', () => {
  const sections = [...list.readList('A'), { ...list.newSection(), rows: list.readList('B')[0].rows }];
  assert.equal(list.listText(sections), 'A\n#\nB');
});

test('what is wrong with a list', () => {
  assert.deepEqual(problemsOf('A\nB'), []);
  assert.deepEqual(problemsOf(''), ['list.none']);
  assert.deepEqual(problemsOf('# S\nA\n# T'), ['list.empty_section']);
  assert.deepEqual(problemsOf('A\n# T\nB'), ['list.untitled_section']);
  assert.deepEqual(problemsOf('# Longer\nA'), ['rows.too_long']);
  assert.deepEqual(problemsOf('|b'), ['list.untitled']);
  assert.deepEqual(problemsOf('A|much longer'), ['rows.too_long']);
  assert.deepEqual(problemsOf('A\nA'), ['list.equal']);
  assert.deepEqual(problemsOf('A||2\nB'), ['rows.equal_ids']);
  assert.deepEqual(problemsOf('A\nB\nC\nD'), ['list.too_many']);
});
