// The parent of the app's iframe. Speaks the text protocol of BX24.js:
//   frame to parent  <method>:<json>:<callback>:<APP_SID>   (an object when the method's name holds a colon)
//   parent to frame  <callback>:<json>
// Foreign origins, foreign APP_SIDs, unknown and denied methods are ignored without an answer.
const data = JSON.parse(document.getElementById("frame-data").textContent);
const frame = document.getElementById("app-frame");
const slider = document.getElementById("slider");
const PATHS = [
  /^\/crm\/(deal|lead|contact|company)\/(details|show)\/\d+\/?/, /^\/marketplace\//,
  /^\/company\/personal\/user\/\d+\//, /^\/workgroups\/group\/\d+\//,
];
const denied = new Set([
  ...(data.placement === "DEFAULT" ? [] : ["setTitle", "setScroll", "reloadWindow"]),
  ...(data.refuse_resize || data.slider ? ["resizeWindow"] : []),
  ...(data.properties ? [] : ["setPropertyValue"]),
]);

async function ask(action, body = {}) {
  const answer = await fetch(`/emulator/frame/${action}`, {
    method: "POST",
    headers: { "Content-Type": "application/json" },
    body: JSON.stringify({ ...body, user: data.user }),
  });
  return answer.ok ? answer.json() : null;
}

const size = (value) => (typeof value === "number" || /^\d+$/.test(value) ? `${value}px` : String(value));

function resize({ width, height } = {}, reply) {
  if (width) frame.style.width = size(width);
  if (height) frame.style.height = size(height);
  reply({ width: frame.offsetWidth, height: frame.offsetHeight });
}

function input(name, value) {
  const element = document.createElement("input");
  Object.assign(element, { type: "hidden", name, value: String(value) });
  return element;
}

function setPropertyValue(values = {}) {
  const box = document.getElementById("values");
  for (const [code, value] of Object.entries(values)) {
    const name = `property_${code.toLowerCase()}`;
    if (!data.properties.includes(code.toLowerCase())) continue;
    // Single and multiple values use different names; only the one being set is replaced.
    const own = Array.isArray(value) ? `${name}[]` : name;
    box.querySelectorAll("input").forEach((old) => old.name === own && old.remove());
    for (const item of Array.isArray(value) ? value : [value]) box.append(input(own, item ?? ""));
  }
  // The real host never answers this command.
}

function open(title, content, reply, result) {
  document.getElementById("slider-title").textContent = title;
  document.getElementById("slider-body").replaceChildren(content);
  slider.addEventListener("close", () => reply(result), { once: true });
  slider.showModal();
}

function openApplication(params, reply) {
  const inner = document.createElement("iframe");
  inner.title = params?.bx24_title ?? document.title;
  inner.src = `/app?slider=1&params=${encodeURIComponent(JSON.stringify(params ?? {}))}`;
  if (Number(params?.bx24_width)) inner.style.width = `${params.bx24_width}px`;
  open(inner.title, inner, reply);
}

function openPath({ path } = {}, reply) {
  if (!PATHS.some((known) => known.test(path))) {
    reply({ result: "error", errorCode: "PATH_NOT_AVAILABLE" });
    return;
  }
  const text = document.createElement("p");
  text.textContent = path;
  open(path, text, reply, { result: "close" });
}

async function finish() {
  const answer = await ask("finish");
  const page = new URL(location.href);
  page.searchParams.set("install_finished", answer?.finished ? "Y" : "N");
  location.assign(page);
}

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
    const notice = document.getElementById("host-notice");
    notice.hidden = false;
    notice.textContent = notice.dataset.ended;
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
    document.getElementById("page-title").textContent = document.title = params.title;
    reply(params);
  },
  setScroll: (params, reply) => {
    document.body.classList.toggle("no-scroll", !params.scroll);
    reply(params);
  },
  reloadWindow: (params, reply) => {
    reply(params);
    location.reload();
  },
  openApplication,
  closeApplication: () => (data.slider ? window.parent.postMessage("emulator:close", location.origin) : history.back()),
  openPath,
  setPropertyValue,
  reloadData: () => location.reload(),
};

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
    frame.contentWindow.postMessage(`${call.callback}:${text}`, data.app_origin);
  });
});

if (new URLSearchParams(location.search).get("slider") === "1") document.body.classList.add("in-slider");
setTimeout(() => {
  document.getElementById("frame-wait").textContent = "";
  document.getElementById("app-form").submit();
}, data.delay_ms);
