// Keeps the phone fresh and sends without leaving the page. Everything works without this file, by reloading.
const desk = byId("desk");
const screen = byId("screen");
/** The HTML last shown of each part of the page, by its id. @type {Map<string, string>} */
const seen = new Map();
/** Ids of the long texts that somebody has unfolded. @type {Set<string>} */
const unfolded = new Set();
let refreshing = false;

/** An element that the page's template always draws. @param {string} id @throws {Error} when there is none */
function byId(id) {
  const element = document.getElementById(id);
  if (!element) throw new Error(`no element #${id}`);
  return element;
}

function openSheets() {
  return [...document.querySelectorAll("details.sheet[open]")].map((sheet) => sheet.id);
}

/** @param {Element} fresh the part as the server draws it now */
function replacePart(fresh) {
  const old = document.getElementById(fresh.id);
  if (!old || seen.get(fresh.id) === fresh.outerHTML) return;
  seen.set(fresh.id, fresh.outerHTML);
  const opened = openSheets();
  const atEnd = old.scrollHeight - old.scrollTop - old.clientHeight < 60;
  old.replaceChildren(...fresh.childNodes);
  for (const id of opened) document.getElementById(id)?.setAttribute("open", "");
  if (atEnd) old.scrollTop = old.scrollHeight;
}

// A long text is folded after about 25 lines, as on a phone, until somebody unfolds it.
function fold() {
  for (const bubble of screen.querySelectorAll(".bubble.theirs")) {
    const body = bubble.querySelector(".body");
    if (!body) continue;
    const text = document.createRange();
    text.selectNodeContents(body);
    bubble.classList.toggle("folded", !unfolded.has(bubble.id) && text.getBoundingClientRect().height > 485);
  }
}

async function fetchParts() {
  try {
    const answer = await fetch(desk.dataset.refresh ?? "");
    if (!answer.ok) return;
    const page = new DOMParser().parseFromString(await answer.text(), "text/html");
    // A sheet somebody is choosing from must not change under the finger.
    if (document.querySelector("details.sheet[open] input:checked")) return;
    page.querySelectorAll("[data-part]").forEach(replacePart);
    fold();
  } catch {
    // The emulator was stopped: the page stays as it is and asks again.
  }
}

/** One request at a time; while one is on its way, and while nobody looks, nothing is asked. */
async function refresh() {
  if (refreshing || document.hidden) return;
  refreshing = true;
  await fetchParts().finally(() => { refreshing = false; });
}

/** @param {FormData} form without files */
function textFields(form) {
  return new URLSearchParams([...form].map(([name, value]) => [name, String(value)]));
}

/** @param {SubmitEvent} event */
async function send(event) {
  const form = event.target;
  if (!(form instanceof HTMLFormElement) || !form.matches("[data-send]")) return;
  event.preventDefault();
  const body = new FormData(form, event.submitter);
  const isPlain = form.enctype !== "multipart/form-data";
  form.closest("details")?.removeAttribute("open");
  await fetch(form.action, {
    method: "POST",
    headers: { "X-Requested-With": "fetch" },
    body: isPlain ? textFields(body) : body,
  });
  form.reset();
  await refresh();
  screen.scrollTop = screen.scrollHeight;
}

document.addEventListener("submit", send);
document.addEventListener("click", ({ target }) => {
  if (!(target instanceof Element) || !target.matches("[data-unfold]")) return;
  const bubble = target.closest(".bubble");
  if (bubble) unfolded.add(bubble.id);
  fold();
});
document.addEventListener("change", ({ target }) => {
  if (target instanceof HTMLInputElement && target.type === "file") target.form?.requestSubmit();
});
document.addEventListener("keydown", (event) => {
  if (event.key === "Escape") document.querySelector("details.sheet[open]")?.removeAttribute("open");
});
document.addEventListener("visibilitychange", refresh);

fold();
screen.scrollTop = screen.scrollHeight;
setInterval(refresh, 1000);
