// Waits until the robots are registered, then finishes the install: Bitrix24 reloads the whole page, so that is last.
import { openFrame } from './frame.js';

const card = document.getElementById('install');
const robots = document.getElementById('robots');
const portal = openFrame(card.dataset);
document.getElementById('finish').addEventListener('click', finish);

function show(state, text) {
  robots.className = state;
  robots.textContent = text;
}

async function finish() {
  if (!await portal.installFinish()) document.getElementById('problems').textContent = card.dataset.silent;
}

async function ask(attempt) {
  let status = {};
  try {
    const answer = await fetch(card.dataset.status, { headers: { 'X-Waba24-Frame': card.dataset.token } });
    if (answer.ok) status = await answer.json();
  } catch { /* the next attempt asks again */ }
  const problems = Object.entries(status.failed || {});
  if (status.registered && problems.length === 0) {
    show('ok', card.dataset.done);
    finish();
  } else if (problems.length > 0 || attempt >= 30) {
    show('bad', card.dataset.failed);
    document.getElementById('problems').textContent = problems.map(([code, why]) => `${code} ${why}`).join('; ');
    setTimeout(finish, 3000);
  } else {
    setTimeout(() => ask(attempt + 1), 1000);
  }
}
ask(0);
