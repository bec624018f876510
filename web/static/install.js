// Waits until the robots are registered, then finishes the install: Bitrix24 reloads the whole page, so that is last.
import { byId } from './dom.js';
import { openFrame } from './frame.js';

const TRIES = 30;
const PAUSE_MS = 1000;
const READING_MS = 3000;

/** @typedef {{registered?: boolean, failed?: Record<string, string>}} Status failed: what is wrong, by the robot's code */

const robots = byId('robots');
// What install.html writes into the card: all of them are there.
const { origin = '', sid = '', token = '', status = '', done = '', failed = '', silent = '' } = byId('install').dataset;
const portal = openFrame({ origin, sid });
byId('finish').addEventListener('click', finish);

/** @param {'ok' | 'bad'} state @param {string} text */
function show(state, text) {
  robots.className = state;
  robots.textContent = text;
}

async function finish() {
  if (!await portal.installFinish()) byId('problems').textContent = silent;
}

/** @returns {Promise<Status>} empty when nobody answers: the next try asks again */
async function ask() {
  try {
    const answer = await fetch(status, { headers: { 'X-Waba24-Frame': token } });
    return answer.ok ? await answer.json() : {};
  } catch {
    return {};
  }
}

/** @param {number} tried */
async function watch(tried) {
  const answer = await ask();
  const problems = Object.entries(answer.failed ?? {});
  if (answer.registered && problems.length === 0) {
    show('ok', done);
    finish();
  } else if (problems.length > 0 || tried >= TRIES) {
    show('bad', failed);
    byId('problems').textContent = problems.map(([code, why]) => `${code} ${why}`).join('; ');
    setTimeout(finish, READING_MS);
  } else {
    setTimeout(() => watch(tried + 1), PAUSE_MS);
  }
}
watch(0);
