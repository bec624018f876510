import assert from 'node:assert/strict';
import { test } from 'node:test';

import { History } from '../../web/static/settings/history.js';

/** A history on a clock that stands still until it is told. */
function stopped() {
  const clock = { ms: 0 };
  return { clock, history: new History(() => clock.ms) };
}

test('undo leads back, redo forward again', () => {
  const { history } = stopped();
  history.remember('', 'edit', false);
  history.remember('a', 'edit', false);
  assert.equal(history.undo('ab'), 'a');
  assert.equal(history.undo('a'), '');
  assert.equal(history.undo(''), undefined);
  assert.equal(history.redo(''), 'a');
  assert.equal(history.redo('a'), 'ab');
  assert.equal(history.redo('ab'), undefined);
});

test('typing on at the same place is undone at once', () => {
  const { clock, history } = stopped();
  history.remember('', 'type', false);
  clock.ms += 999;
  history.remember('a', 'type', true);
  assert.equal(history.undo('ab'), '');
});

test('a pause, another place or another kind begins a new step', () => {
  for (const [pause, kind, isSamePlace] of [[1000, 'type', true], [1, 'type', false], [1, 'delete', true]]) {
    const { clock, history } = stopped();
    history.remember('', 'type', false);
    clock.ms += pause;
    history.remember('a', kind, isSamePlace);
    assert.equal(history.undo('ab'), 'a');
  }
});

test('what is not typing is a step of its own', () => {
  const { history } = stopped();
  history.remember('', 'edit', true);
  history.remember('a', 'edit', true);
  assert.equal(history.undo('ab'), 'a');
});

test('typing after an undo is a new step, and what was undone is gone', () => {
  const { history } = stopped();
  history.remember('', 'type', true);
  history.undo('a');
  history.remember('', 'type', true);
  assert.equal(history.redo('b'), undefined);
  assert.equal(history.undo('b'), '');
});

test('200 states are kept', () => {
  const { history } = stopped();
  for (let n = 0; n < 250; n += 1) history.remember(n, 'edit', false);
  let [steps, oldest] = [0, 250];
  for (let state = history.undo(oldest); state !== undefined; state = history.undo(state)) {
    steps += 1;
    oldest = state;
  }
  assert.deepEqual([steps, oldest], [200, 50]);
});
