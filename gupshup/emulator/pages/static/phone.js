// Keeps the phone fresh and sends without leaving the page. Everything works without this file, by reloading.
const desk = document.getElementById("desk");
const screen = document.getElementById("screen");
const seen = new Map();
const unfolded = new Set();
let refreshing = false;

function openSheets() {
  return [...document.querySelectorAll("details.sheet[open]")].map((sheet) => sheet.id);
}

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

async function refresh() {
  if (refreshing || document.hidden) return;
  refreshing = true;
  try {
    const answer = await fetch(desk.dataset.refresh);
    if (!answer.ok) return;
    const page = new DOMParser().parseFromString(await answer.text(), "text/html");
    // A sheet somebody is choosing from must not change under the finger.
    if (document.querySelector("details.sheet[open] input:checked")) return;
    page.querySelectorAll("[data-part]").forEach(replacePart);
    fold();
  } catch {
    // The emulator was stopped: the page stays as it is and asks again.
  } finally {
    refreshing = false;
  }
}

async function send(event) {
  const form = event.target.closest("form[data-send]");
  if (!form) return;
  event.preventDefault();
  const body = new FormData(form, event.submitter);
  const plain = form.enctype !== "multipart/form-data";
  form.closest("details")?.removeAttribute("open");
  await fetch(form.action, {
    method: "POST",
    headers: { "X-Requested-With": "fetch" },
    body: plain ? new URLSearchParams(body) : body,
  });
  form.reset();
  await refresh();
  screen.scrollTop = screen.scrollHeight;
}

document.addEventListener("submit", send);
document.addEventListener("click", ({ target }) => {
  if (!target.matches("[data-unfold]")) return;
  unfolded.add(target.closest(".bubble").id);
  fold();
});
document.addEventListener("change", (event) => {
  if (event.target.type === "file") event.target.form.requestSubmit();
});
document.addEventListener("keydown", (event) => {
  if (event.key === "Escape") document.querySelector("details.sheet[open]")?.removeAttribute("open");
});
document.addEventListener("visibilitychange", refresh);

fold();
screen.scrollTop = screen.scrollHeight;
setInterval(refresh, 1000);
