// Rows of a multiple property in the portal's own form: one more empty row at a press.
import { byId } from "./dom.js";

/** @param {Element} button below the rows */
function more(button) {
  const rows = /** @type {HTMLElement} */ (button.parentElement?.querySelector(".several"));
  const row = /** @type {Element} */ (rows.lastElementChild?.cloneNode(true));
  const control = /** @type {HTMLInputElement} */ (row.querySelector("input, select, textarea"));
  const number = rows.children.length + 1;
  control.id = `${control.id.replace(/-\d+$/, "")}-${number}`;
  control.value = "";
  control.setAttribute("aria-label", `${rows.dataset.text} ${number}`);
  rows.append(row);
  control.focus();
}

byId("robot-form").addEventListener("click", ({ target }) => {
  if (target instanceof Element && target.classList.contains("more")) more(target);
});
