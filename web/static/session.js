// The page's session with our server: a signed token in a header, renewed through Bitrix24 when it has ended.
import { readData } from './dom.js';
import { openFrame } from './frame.js';

const HEADER = 'X-Waba24-Frame';
/** @type {{token: string, origin: string, sid: string}} */
const given = readData('frame');
let { token } = given;
/** @type {Promise<boolean> | null} */
let renewing = null;

/** The door to Bitrix24's window around this page. */
export const parent = openFrame(given);

/** The headers every request of ours carries: who asks, and how far ahead of UTC his clock is, for "today". */
export const headers = () => ({ [HEADER]: token, 'X-Waba24-Minutes': String(-new Date().getTimezoneOffset()) });

/** Ask Bitrix24 for a new token of the user and our server for one of ours. Resolves to whether it worked. */
export function renew() {
  renewing ??= fetchToken().finally(() => { renewing = null; });
  return renewing;
}

async function fetchToken() {
  const fresh = await parent.refreshAuth();
  if (!fresh) return false;
  const answer = await fetch('/frame/session', {
    method: 'POST',
    headers: { ...headers(), 'Content-Type': 'application/json' },
    body: JSON.stringify({ access_token: fresh.accessToken }),
  }).catch(() => null);
  if (!answer?.ok) return false;
  token = (await answer.json()).token;
  return true;
}

/**
 * fetch() with the session; once more with a new token when the old one has ended.
 * @param {string} path @param {RequestInit} [options]
 * @param {number} [patienceMs] for one answer; longer is a rejection. 0: without end
 * @returns {Promise<Response>}
 */
export async function call(path, options = {}, patienceMs = 0) {
  const ask = () => fetch(path, {
    ...options,
    headers: { ...options.headers, ...headers() },
    ...(patienceMs && { signal: AbortSignal.timeout(patienceMs) }),
  });
  const answer = await ask();
  return answer.status === 401 && (await renew()) ? ask() : answer;
}
