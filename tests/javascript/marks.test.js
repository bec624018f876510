import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';

import { marks, render } from '../../web/static/settings/marks.js';
import { installDocument } from './small_dom.js';

// tests/gupshup/test_marks.py reads the same table: server and browser must agree.
const CASES = JSON.parse(readFileSync(new URL('../fixtures/marks.json', import.meta.url), 'utf8'));

function withoutPlaces(node) {
  if (Array.isArray(node)) return node.map(withoutPlaces);
  return typeof node === 'object' ? node.text : node;
}

function leaves(node) {
  if (Array.isArray(node)) return node.flatMap(leaves);
  return typeof node === 'object' ? [node] : [];
}

for (const [text, tree] of CASES) {
  test(`marks of ${JSON.stringify(text)}`, () => assert.deepEqual(withoutPlaces(marks(text)), tree));
}

test('every leaf says where it stands in the text', () => {
  for (const [text] of CASES) {
    for (const leaf of leaves(marks(text))) assert.equal(text.slice(leaf.at, leaf.at + leaf.text.length), leaf.text);
  }
});

test('a mark is an element, and an empty line has a character in it', () => {
  installDocument();
  const [bold, empty] = render(marks('*a*\n'));
  assert.deepEqual([bold.firstChild.nodeName, bold.textContent], ['STRONG', 'a']);
  assert.equal(empty.textContent, '\u200b');
});

for (const unit of ['*`a ', '`a ', '*a ', '*`a_~', '*_~`', '*`a` ']) {
  test(`a text of ${JSON.stringify(unit)} twice as long is twice the work`, (context) => {
    const match = context.mock.method(RegExp.prototype, 'test');
    const works = [100, 200].map((times) => {
      match.mock.resetCalls();
      marks(unit.repeat(times));
      return match.mock.callCount();
    });
    assert.ok(works[1] <= 2.2 * works[0], `${works}`);
  });
}
