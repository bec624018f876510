// The parent of the app's iframe. Speaks the text protocol of BX24.js:
//   frame to parent  <method>:<json>:<callback>:<APP_SID>   (an object when the method's name holds a colon)
//   parent to frame  <callback>:<json>
// Foreign origins, foreign APP_SIDs, unknown and denied methods are ignored without an answer.
import { byId } from "./dom.js";

/**
 * What bx24/emulator/host.py knows of the frame. `properties`: codes of those a settings page may write, in lower case.
 * @typedef {object} FrameData
 * @property {object} init the answer to getInitData
 * @property {string} app_sid
 * @property {string} app_origin
 * @property {string} placement
 * @property {number} user
 * @property {number} delay_ms
 * @property {boolean} refuse_resize
 * @property {boolean} slider
 * @property {string[]} [properties]
 *
 * @typedef {Record<string, any> | undefined} Params as the app sent them
 * @typedef {(result?: unknown) => void} Reply
 * @typedef {{method: string, params: Params, callback: string, sid: string}} Call
 */

/** @type {FrameData} */
const data = JSON.parse(byId("frame-data").textContent ?? "");
const frame = /** @type {HTMLIFrameElement} */ (byId("app-frame"));
const slider = /** @type {HTMLDialogElement} */ (byId("slider"));
const PATHS = [
  /^\/crm\/(deal|lead|contact|company)\/(details|show)\/\d+\/?/, /^\/marketplace\//,
  /^\/company\/personal\/user\/\d+\//, /^\/workgroups\/group\/\d+\//,
];
const denied = new Set([
  ...(data.placement === "DEFAULT" ? [] : ["setTitle", "setScroll", "reloadWindow"]),
  ...(data.refuse_resize || data.slider ? ["resizeWindow"] : []),
  ...(data.properties ? [] : ["setPropertyValue"]),
]);

/** @param {string} action @param {object} [body] @returns {Promise<any>} null when the portal refuses */
async function ask(action, body = {}) {
  const answer = await fetch(`/emulator/frame/${action}`, {
    method: "POST",
    headers: { "Content-Type": "application/json" },
    body: JSON.stringify({ ...body, user: data.user }),
  });
  return answer.ok ? answer.json() : null;
}

/** @param {string | number} value */
const size = (value) => (typeof value === "number" || /^\d+$/.test(value) ? `${value}px` : String(value));

/** @param {Params} params @param {Reply} reply */
function resize(params, reply) {
  const { width, height } = params ?? {};
  if (width) frame.style.width = size(width);
  if (height) frame.style.height = size(height);
  reply({ width: frame.offsetWidth, height: frame.offsetHeight });
}

/** @param {string} name @param {unknown} value */
function hiddenInput(name, value) {
  const element = document.createElement("input");
  Object.assign(element, { type: "hidden", name, value: String(value) });
  return element;
}

/** @param {Params} values */
function setPropertyValue(values) {
  const box = byId("values");
  const known = data.properties ?? [];
  for (const [code, value] of Object.entries(values ?? {})) {
    const name = `property_${code.toLowerCase()}`;
    if (!known.includes(code.toLowerCase())) continue;
    // Single and multiple values use different names; only the one being set is replaced.
    const own = Array.isArray(value) ? `${name}[]` : name;
    for (const old of box.querySelectorAll("input")) if (old.name === own) old.remove();
    for (const item of Array.isArray(value) ? value : [value]) box.append(hiddenInput(own, item ?? ""));
  }
  // The real host never answers this command.
}

/** @param {string} title @param {Node} content @param {Reply} reply @param {unknown} [result] told when it is closed */
function openSlider(title, content, reply, result) {
  byId("slider-title").textContent = title;
  byId("slider-body").replaceChildren(content);
  slider.addEventListener("close", () => reply(result), { once: true });
  slider.showModal();
}

/** @param {Params} params @param {Reply} reply */
function openApplication(params, reply) {
  const inner = document.createElement("iframe");
  inner.title = params?.bx24_title ?? document.title;
  inner.src = `/app?slider=1&params=${encodeURIComponent(JSON.stringify(params ?? {}))}`;
  if (Number(params?.bx24_width)) inner.style.width = `${params?.bx24_width}px`;
  openSlider(inner.title, inner, reply);
}

/** @param {Params} params @param {Reply} reply */
function openPath(params, reply) {
  const { path = "" } = params ?? {};
  if (!PATHS.some((known) => known.test(path))) {
    reply({ result: "error", errorCode: "PATH_NOT_AVAILABLE" });
    return;
  }
  const text = document.createElement("p");
  text.textContent = path;
  openSlider(path, text, reply, { result: "close" });
}

/**
 * The dialog in which CRM items are chosen. Closed without a choice it gives no answer.
 * @param {Params} params entityType: lead, contact, company, deal, quote @param {Reply} reply
 */
async function selectCRM(params, reply) {
  /** @type {Record<string, {id: string, title: string, desc: string}[]>} */
  const found = await ask("crm", { types: params?.entityType ?? [] }) ?? {};
  const list = document.createElement("ul");
  list.className = "choices";
  for (const item of Object.values(found).flat()) {
    const button = document.createElement("button");
    button.type = "button";
    button.textContent = item.desc ? `${item.title} · ${item.desc}` : item.title;
    button.addEventListener("click", () => {
      slider.close();
      reply(Object.fromEntries(Object.entries(found).map(([type, items]) => [type, items.filter((one) => one === item)])));
    });
    list.append(document.createElement("li"));
    list.lastElementChild?.append(button);
  }
  byId("slider-title").textContent = slider.dataset.choose ?? "";
  byId("slider-body").replaceChildren(list);
  slider.showModal();
}

async function finish() {
  const answer = await ask("finish");
  const page = new URL(location.href);
  page.searchParams.set("install_finished", answer?.finished ? "Y" : "N");
  location.assign(page);
}

/** @type {Record<string, (params: Params, reply: Reply) => unknown>} */
const commands = {
  getInitData: (params, reply) => reply(data.init),
  getInterface: (params, reply) => reply({ command: data.properties ? ["setPropertyValue"] : [], event: [] }),
  refreshAuth: async (params, reply) => {
    const fresh = await ask("refresh");
    if (fresh) {
      reply(fresh);
      return;
    }
    // The frame gets no answer; the host tells the person.
    const notice = byId("host-notice");
    notice.hidden = false;
    notice.textContent = notice.dataset.ended ?? "";
  },
  setInstall: async (params, reply) => {
    await ask("install");
    reply(params);
  },
  setInstallFinish: finish,
  setAppOption: async (params, reply) => reply(await ask("option", params)),
  setUserOption: (params, reply) => reply(params),
  resizeWindow: resize,
  setTitle: (params, reply) => {
    document.title = params?.title;
    byId("page-title").textContent = params?.title;
    reply(params);
  },
  setScroll: (params, reply) => {
    document.body.classList.toggle("no-scroll", !params?.scroll);
    reply(params);
  },
  reloadWindow: (params, reply) => {
    reply(params);
    location.reload();
  },
  openApplication,
  closeApplication: () => (data.slider ? window.parent.postMessage("emulator:close", location.origin) : history.back()),
  openPath,
  selectCRM,
  setPropertyValue,
  reloadData: () => location.reload(),
};

/** @param {any} message @returns {Call | null} null: not of this protocol @throws {SyntaxError} for broken JSON */
function parse(message) {
  if (typeof message === "string") {
    const parts = message.split(":");
    if (parts.length < 3) return null;
    const [callback, sid] = parts.slice(-2);
    const json = parts.slice(1, -2).join(":");
    return { method: parts[0], params: json ? JSON.parse(json) : undefined, callback, sid };
  }
  if (!message || typeof message !== "object") return null;
  return { method: message.method, params: message.params, callback: message.callback, sid: message.appSid };
}

window.addEventListener("message", (event) => {
  if (event.origin === location.origin && event.data === "emulator:close") {
    slider.close();
    return;
  }
  if (event.origin !== data.app_origin || event.source !== frame.contentWindow) return;
  let call;
  try {
    call = parse(event.data);
  } catch {
    return;
  }
  if (!call || call.sid !== data.app_sid || denied.has(call.method)) return;
  const command = Object.hasOwn(commands, call.method) ? commands[call.method] : undefined;
  command?.(call.params, (result) => {
    const text = result === undefined || result === null ? "" : JSON.stringify(result);
    frame.contentWindow?.postMessage(`${call.callback}:${text}`, data.app_origin);
  });
});

if (new URLSearchParams(location.search).get("slider") === "1") document.body.classList.add("in-slider");
setTimeout(() => {
  byId("frame-wait").textContent = "";
  /** @type {HTMLFormElement} */ (byId("app-form")).submit();
}, data.delay_ms);
