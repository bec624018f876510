// Keeps the list of dialogs and the open chat fresh once a second, and sends without leaving the page.
import { byId } from "./dom.js";

const NEAR_END_PX = 40;
/** The HTML each part showed last. @type {Map<string, string>} */
const shown = new Map();

/** The latest messages are in view, unless a person scrolled up. @param {HTMLElement} part */
function isAtEnd(part) {
  const messages = part.querySelector("#messages");
  return !messages || messages.scrollHeight - messages.scrollTop - messages.clientHeight < NEAR_END_PX;
}

function scrollToEnd() {
  const messages = document.getElementById("messages");
  if (messages) messages.scrollTop = messages.scrollHeight;
}

/** Where the focus is inside a part, so that it survives new HTML. @param {HTMLElement} part @returns {string} */
function focused(part) {
  const active = document.activeElement;
  if (!active || !part.contains(active)) return "";
  if (active.id) return `#${active.id}`;
  const link = active.getAttribute("href");
  if (link) return `a[href="${link}"]`;
  const action = active.closest("form")?.getAttribute("action");
  return action ? `form[action="${action}"] button` : "";
}

/**
 * Elements with an id stay, only what is in them changes: then a screen reader notices what is new in the messages.
 * @param {HTMLElement} part @param {string} html
 */
function put(part, html) {
  const fresh = document.createElement("template");
  fresh.innerHTML = html;
  const parts = [...fresh.content.children].filter((child) => child.id);
  if (!parts.length) part.innerHTML = html;
  for (const child of parts) {
    const known = part.querySelector(`#${child.id}`);
    if (known && known.innerHTML !== child.innerHTML) known.innerHTML = child.innerHTML;
  }
}

/** @param {string} id */
async function refresh(id) {
  const part = document.getElementById(id);
  if (!part) return;
  const answer = await fetch(part.dataset.source ?? "");
  if (!answer.ok) return;
  const html = await answer.text();
  if (shown.get(id) === html) return;
  const [end, focus] = [isAtEnd(part), focused(part)];
  shown.set(id, html);
  put(part, html);
  if (focus) /** @type {HTMLElement | null} */ (part.querySelector(focus))?.focus();
  if (end) scrollToEnd();
}

async function refreshAll() {
  if (document.hidden) return;
  try {
    await refresh("chat-list");
    await refresh("chat");
  } catch {
    // The portal is being restarted: the next round will tell.
  }
}

/** @param {string} problem the key of a text; empty: there is none */
function showProblem(problem) {
  const box = byId("chat-problem");
  box.hidden = !problem;
  box.textContent = problem ? box.getAttribute(`data-${problem.replaceAll("_", "-")}`) ?? problem : "";
}

/** @param {HTMLFormElement} form */
async function send(form) {
  const answer = await fetch(form.action, {
    method: "POST",
    body: new FormData(form),
    headers: { "X-Requested-With": "fetch" },
  });
  const problem = answer.ok ? await answer.text() : "chat_refused";
  showProblem(problem);
  if (!problem) form.reset();
  await refreshAll();
  if (!problem) scrollToEnd();
}

const composer = /** @type {HTMLFormElement | null} */ (document.getElementById("composer"));
composer?.addEventListener("submit", (event) => {
  event.preventDefault();
  send(composer);
});
composer?.addEventListener("keydown", (event) => {
  if (event.key !== "Enter" || event.shiftKey || event.isComposing) return;
  if (event.target !== byId("text")) return;
  event.preventDefault();
  composer.requestSubmit();
});
scrollToEnd();
refreshAll();
setInterval(refreshAll, 1000);
