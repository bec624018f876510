// Clicks in the timeline: the portal sends an event to the app, or the app's page opens.
import { byId } from "./dom.js";
import { openApp } from "./menus.js";

const live = byId("live");

/** @param {HTMLButtonElement} button @param {HTMLElement} card @param {string} animation until the app changes the card */
function animate(button, card, animation) {
  button.disabled = animation !== "";
  if (animation === "loader") card.setAttribute("aria-busy", "true");
  byId("status").textContent = live.dataset.waits ?? "";
}

/** @param {HTMLElement} card @param {string} text */
function complain(card, text) {
  const line = document.createElement("p");
  line.className = "bad";
  line.setAttribute("role", "alert");
  line.textContent = text;
  card.append(line);
}

/** @param {HTMLButtonElement} button */
async function click(button) {
  const card = /** @type {HTMLElement} */ (button.closest("article"));
  const answer = await fetch(`/crm/activities/${card.dataset.id}/click${location.search}`, {
    method: "POST",
    headers: { "Content-Type": "application/json" },
    body: JSON.stringify({
      action: button.dataset.action,
      entityTypeId: live.dataset.entity,
      id: live.dataset.item,
    }),
  });
  if (!answer.ok) return;
  const done = await answer.json();
  button.closest("details.menu")?.removeAttribute("open");
  if (done.type === "openRestApp") {
    const title = done.slider.title || button.textContent?.trim() || "";
    openApp(title, `/app?params=${encodeURIComponent(JSON.stringify(done.params))}`, Number(done.slider.width));
  } else if (!done.sent) complain(card, live.dataset.failed ?? "");
  else animate(button, card, done.animation);
}

live.addEventListener("click", ({ target }) => {
  const button = target instanceof Element ? target.closest("button[data-action]") : null;
  if (button instanceof HTMLButtonElement) click(button);
});
