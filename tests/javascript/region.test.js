import assert from 'node:assert/strict';
import { beforeEach, test } from 'node:test';

import { make } from '../../web/static/dom.js';
import { Region } from '../../web/static/settings/region.js';
import { installDocument } from './small_dom.js';

const NAME = '{=Document:NAME}';

/** Every expression but GONE becomes a chip, as the catalogue decides on a page. */
function makeChip(expression) {
  return expression.includes('GONE') ? null : make('span', { 'data-expression': expression }, 'chip');
}

function drawn(value) {
  const region = new Region(make('div'), makeChip);
  region.draw(value);
  return region;
}

beforeEach(() => installDocument());

test('what is drawn reads as the same string', () => {
  for (const value of ['', 'plain', NAME, `a ${NAME} b`, `${NAME}${NAME}\n`, `line\n${NAME}`, 'two\n\nlines\n', '{=Document:GONE}!']) {
    assert.equal(drawn(value).read(), value);
  }
});

test('a known expression is a chip, an unknown one joins the text around it', () => {
  assert.deepEqual(drawn(`a ${NAME} b`).root.childNodes.map((node) => node.nodeName), ['#text', 'SPAN', '#text']);
  assert.deepEqual(drawn('a {=Document:GONE} b').root.childNodes.map((node) => node.nodeName), ['#text']);
});

test('a line that ends in a chip or a newline is held open', () => {
  for (const value of [NAME, 'text\n']) assert.equal(drawn(value).root.lastChild.nodeName, 'BR');
  assert.equal(drawn('text').root.lastChild.nodeName, '#text');
});

test('a chip that begins a line gets a place for the caret, which is no part of the string', () => {
  const region = drawn(`a\n${NAME}`);
  const gap = region.root.childNodes[1];
  assert.equal(gap.dataset.gap, '');
  assert.equal(region.read(), `a\n${NAME}`);
  assert.deepEqual(region.placeOf(2), [gap.firstChild, 1]);
  assert.equal(region.offsetOf(gap.firstChild, 1), 2);
});

test('each place of a text leads back to its offset', () => {
  const value = `ab${NAME}cd\n${NAME}\nend`;
  const region = drawn(value);
  const chips = region.chips().map((chip) => region.stretchOf(chip));
  for (let offset = 0; offset <= value.length; offset += 1) {
    const isInside = chips.some(({ start, end }) => start < offset && offset < end);
    if (!isInside) assert.equal(region.offsetOf(...region.placeOf(offset)), offset);
  }
});

test('a chip is found by the offset at either side', () => {
  const region = drawn(`ab${NAME}cd`);
  const stretch = { start: 2, end: 2 + NAME.length };
  assert.deepEqual(region.chipAt(2, 'start'), stretch);
  assert.deepEqual(region.chipAt(stretch.end, 'end'), stretch);
  assert.equal(region.chipAt(1, 'start'), undefined);
});

test('a place inside a chip counts as its start or its end', () => {
  const region = drawn(`ab${NAME}`);
  const [chip] = region.chips();
  assert.equal(region.offsetOf(chip, 0), 2);
  assert.equal(region.offsetOf(chip, 1), 2 + NAME.length);
});

test('only chips wholly within the selection are marked', () => {
  const region = drawn(`${NAME} ${NAME}`);
  region.markSelected({ start: 0, end: NAME.length + 3 });
  assert.deepEqual(region.chips().map((chip) => chip.classList.contains('is-selected')), [true, false]);
});

test('elements that a browser adds are read as lines, and make the region unclean', () => {
  const region = drawn('one');
  assert.ok(region.isClean());
  region.root.append(make('div', {}, 'two'), make('div', {}, 'three'));
  assert.equal(region.read(), 'one\ntwo\nthree');
  assert.ok(!region.isClean());
});
