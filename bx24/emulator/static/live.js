// Keeps the board, the log and a timeline fresh once a second. Board and log wait while a person is using a control inside
// them; with data-eager only an open list of choices waits, and focus and open menus are put back.
import { byId } from "./dom.js";

const live = byId("live");
const address = () => (live.dataset.source ?? "") + location.search;
/** The HTML that is shown; null: as the page came. @type {string | null} */
let last = null;

function isBusy() {
  const active = document.activeElement;
  const controls = "eager" in live.dataset ? "select" : "select, button, a, input, summary";
  return active !== null && live.contains(active) && active.matches(controls);
}

/** What is named so; null: nothing. @param {string | undefined} key @returns {HTMLElement | null} */
const named = (key) => (key ? live.querySelector(`[data-key="${CSS.escape(key)}"]`) : null);

/** @param {string} html */
function show(html) {
  const active = document.activeElement;
  const focused = active instanceof HTMLElement && live.contains(active)
    ? active.dataset.key ?? active.closest("details")?.dataset.key : undefined;
  const open = [...live.querySelectorAll("details[open]")].map((menu) => /** @type {HTMLElement} */ (menu).dataset.key);
  live.innerHTML = html;
  for (const key of open) named(key)?.setAttribute("open", "");
  const again = named(focused);
  (again?.matches("details") ? again.querySelector("summary") : again)?.focus();
}

async function refresh() {
  if (document.hidden || isBusy()) return;
  try {
    const answer = await fetch(address());
    if (!answer.ok) return;
    const html = await answer.text();
    if (last !== null && html !== last && !isBusy()) show(html);
    last = html;
  } catch {
    // The portal is being restarted: the next round will tell.
  }
}

/** Another stage was chosen in a card's form. @param {HTMLFormElement} form */
async function move(form) {
  const title = form.closest("article")?.querySelector("h3")?.textContent ?? "";
  const select = /** @type {HTMLSelectElement} */ (form.elements.namedItem("stage"));
  const stage = select.selectedOptions[0].textContent;
  const body = new URLSearchParams({ [select.name]: select.value });
  const { action } = form;
  await fetch(action, { method: "POST", body, redirect: "manual" });
  const answer = await fetch(address());
  last = await answer.text();
  show(last);
  byId("status").textContent = `${title}: ${stage}`;
  [...live.querySelectorAll("form")].find((other) => other.action === action)?.querySelector("select")?.focus();
}

live.addEventListener("submit", (event) => {
  const form = /** @type {HTMLFormElement} */ (event.target);
  if (!form.action.endsWith("/move")) return;
  event.preventDefault();
  move(form);
});

refresh();
setInterval(refresh, 1000);
