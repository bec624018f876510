// Keeps the board and the log fresh once a second; never while a person is using a control inside them.
import { byId } from "./dom.js";

const live = byId("live");
const address = () => (live.dataset.source ?? "") + location.search;
/** The HTML that is shown; null: as the page came. @type {string | null} */
let last = null;

function isBusy() {
  const active = document.activeElement;
  return active !== null && live.contains(active) && active.matches("select, button, a");
}

/** @param {string} html */
function show(html) {
  live.innerHTML = html;
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
  event.preventDefault();
  move(/** @type {HTMLFormElement} */ (event.target));
});

refresh();
setInterval(refresh, 1000);
