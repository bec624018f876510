// Opens pages of the app in a dialog above a CRM page: links with data-open, and openApp for other scripts.
import { byId } from "./dom.js";

const dialog = /** @type {HTMLDialogElement} */ (byId("app-dialog"));

/** @param {string} title @param {string} address of the portal's page around the frame @param {number} [width] in px */
export function openApp(title, address, width) {
  const inner = document.createElement("iframe");
  inner.title = title;
  inner.src = `${address}&slider=1`;
  if (width) inner.style.width = `${width}px`;
  byId("app-dialog-title").textContent = title;
  byId("app-dialog-body").replaceChildren(inner);
  dialog.showModal();
}

dialog.addEventListener("close", () => byId("app-dialog-body").replaceChildren());

document.addEventListener("click", (event) => {
  const target = event.target instanceof Element ? event.target : null;
  for (const menu of document.querySelectorAll("details.menu[open]")) {
    if (!target || !menu.contains(target)) menu.removeAttribute("open");
  }
  const link = target?.closest("a[data-open]");
  if (!(link instanceof HTMLAnchorElement)) return;
  event.preventDefault();
  link.closest("details.menu")?.removeAttribute("open");
  openApp(link.textContent?.trim() ?? "", link.pathname + link.search);
});

window.addEventListener("message", (event) => {
  if (event.origin === location.origin && event.data === "emulator:close") dialog.close();
});
