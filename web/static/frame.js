// The only door of a page to Bitrix24's parent window. Bitrix24's official SDK does the talking (format of messages,
// callback ids, origin check); here are the limits, and who may be talked to at all: the portal our server verified.
import { AppFrame, AuthManager, DialogManager, MessageManager, ParentManager } from './vendor/b24jssdk-frame.js';

const ANSWER_MS = 3000;
const LOWEST = 350;
const HIGHEST = 1200;
/** For a page without dialogs that one reads to its end: a scrolling frame in a scrolling page cuts it in the middle. */
const HIGHEST_WHOLE = 6000;
const STEP = 8;
const PAUSE_MS = 200;

/**
 * What the parent said about this frame.
 * @typedef {{install: boolean, isAdmin: boolean, lang: string, placement: string, options: object}} Init
 *
 * @typedef {ReturnType<typeof connect>} Portal
 */

/** @returns {string} the origin in `window.name` ("host[:port]|1 or 0|APP_SID", Bitrix24 writes it), '' when none is */
function namedOrigin() {
  const [host, secure] = window.name.split('|');
  return originOf(`${secure === '1' ? 'https' : 'http'}://${host}`);
}

/** @param {string} url */
function originOf(url) {
  try {
    return new URL(url).origin;
  } catch {
    return '';
  }
}

/** @param {number} height @param {number} [highest] */
const inBounds = (height, highest = HIGHEST) => Math.round(Math.min(highest, Math.max(LOWEST, height)));

/** The SDK's managers, bound to one portal. @param {string} origin @param {string} sid */
function connect(origin, sid) {
  const app = new AppFrame({ DOMAIN: new URL(origin).host, PROTOCOL: origin.startsWith('https:'), APP_SID: sid });
  const messages = new MessageManager(app);
  messages.subscribe();
  return {
    auth: new AuthManager(app, messages),
    dialogs: new DialogManager(messages),
    parent: new ParentManager(messages),
    /**
     * @param {string} command @param {object} [params] @param {number} [limitMs] 0: never give up
     * @returns {Promise<any>} null when nobody answers in time
     */
    async send(command, params = {}, limitMs = 900) {
      const limit = limitMs ? { isSafely: true, safelyTime: limitMs } : {};
      const answer = await messages.send(command, { ...params, ...limit }).catch(() => null);
      return answer?.isSafely ? null : answer;
    },
  };
}

/**
 * The first run is acknowledged as the SDK does it.
 * @param {Portal} portal @returns {Promise<Init | null>} null when nobody answers
 */
async function hello(portal) {
  const data = await portal.send('getInitData', {}, ANSWER_MS);
  if (!data) return null;
  portal.auth.initData(data);
  if (data.FIRST_RUN) portal.send('setInstall', { install: true });
  return {
    install: Boolean(data.INSTALL),
    isAdmin: Boolean(data.IS_ADMIN),
    lang: data.LANG || '',
    placement: data.PLACEMENT || 'DEFAULT',
    options: data.PLACEMENT_OPTIONS || {},
  };
}

/**
 * Open the door. When `origin` is not the portal that embeds us, nothing is sent, nothing is listened to, and every
 * question is answered as by a parent that keeps silent.
 * @param {{origin: string, sid: string}} page  verified portal and APP_SID, data of our server
 */
export function openFrame({ origin, sid }) {
  const verified = originOf(origin);
  const isTrusted = window.parent !== window && verified !== '' && verified === namedOrigin();
  const portal = isTrusted ? connect(verified, sid) : null;
  const ready = portal ? hello(portal) : Promise.resolve(null);
  let canResize = isTrusted;

  /**
   * @param {number} height @param {number} [highest]
   * @returns {Promise<boolean>} whether the parent did it; after one refusal it is not asked again
   */
  async function resize(height, highest) {
    const isAsked = await ready && canResize;
    const answer = isAsked && await portal?.send('resizeWindow', { width: '100%', height: inBounds(height, highest) });
    canResize &&= Boolean(answer);
    return canResize;
  }

  return {
    /** @type {Promise<Init | null>} null after 3 s of silence, or at once when the parent is not the verified portal */
    ready,

    /**
     * Write properties of the robot into the host's form, at once: scalars for single, arrays for multiple ones.
     * @param {Record<string, string | string[]>} values
     */
    setProperties(values) {
      // The host never answers, so true says only that somebody could be told.
      if (portal && Object.keys(values).length > 0) portal.send('setPropertyValue', values);
      return isTrusted;
    },

    resize,

    /**
     * Keep the frame as high as `element`'s lower edge, until refused; within bounds, unless something in it is marked
     * data-whole. Returns what stops it.
     * @param {Element} element
     */
    followHeight: (element) => followHeight(element, resize),

    /** @returns {Promise<{accessToken: string, expiresAt: number} | null>} until when in unix seconds; null after 10 s */
    async refreshAuth() {
      const fresh = portal && await portal.auth.refreshAuth().catch(() => null);
      return fresh ? { accessToken: fresh.access_token, expiresAt: fresh.expires } : null;
    },

    /** The access token of the person who looks, renewed when it has ended; null: Bitrix24 gives none. @returns {Promise<string | null>} */
    async accessToken() {
      await ready;
      const known = portal?.auth.getAuthData();
      return known ? known.access_token : ((await this.refreshAuth())?.accessToken ?? null);
    },

    /**
     * Bitrix24's own dialog for a contact of CRM. Never resolves when it is closed without a choice; null: no dialog.
     * @returns {Promise<{id: string, name: string} | null>}
     */
    async pickContact() {
      const chosen = portal && await portal.dialogs.selectCRM({ entityType: ['contact'], multiple: false, value: [] });
      const [contact] = chosen?.contact ?? [];
      const id = /^C_(\d+)$/.exec(contact?.id ?? '')?.[1];
      return contact && id ? { id, name: contact.title } : null;
    },

    /** Open a section of the app in a slider beside this page. @param {string} section */
    openApplication(section) {
      portal?.send('openApplication', { section, bx24_title: 'waba24', bx24_width: 900 }, 0);
    },

    /** Ends the install: Bitrix24 reloads the whole page, so it is the last thing done. False: not in install mode. */
    async installFinish() {
      const init = await ready;
      if (init?.install) portal?.send('setInstallFinish');
      return Boolean(init?.install);
    },

    /**
     * Open a page of the portal beside us. Resolves when it is closed; false: the portal does not open such a path.
     * @param {string} path
     */
    async openPath(path) {
      if (!portal || !/^\/(?!\/)/.test(path)) return false;
      const answer = await portal.send('openPath', { path }, 0);
      return answer?.result === 'close';
    },

    /** Close the slider we are in. Never answered. */
    closeApplication() {
      if (portal) portal.parent.closeApplication();
    },
  };
}

/**
 * At most five requests a second, and only for a change that can be seen.
 * @param {Element} element @param {(height: number, highest?: number) => Promise<boolean>} resize
 */
function followHeight(element, resize) {
  let asked = window.innerHeight;
  /** @type {ReturnType<typeof setTimeout> | 0} */
  let timer = 0;
  const observer = new ResizeObserver(() => { timer ||= setTimeout(follow, PAUSE_MS); });
  const stop = () => {
    observer.disconnect();
    clearTimeout(timer);
  };
  async function follow() {
    timer = 0;
    const highest = element.querySelector('[data-whole]') ? HIGHEST_WHOLE : HIGHEST;
    const height = inBounds(element.getBoundingClientRect().bottom + window.scrollY, highest);
    if (Math.abs(height - asked) <= STEP) return;
    asked = height;
    if (!await resize(height, highest)) stop();
  }
  observer.observe(element);
  return stop;
}
