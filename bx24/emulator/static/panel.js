// Rows of a multiple property in the portal's own form: one more empty row at a press.
function more(button) {
  const rows = button.parentElement.querySelector(".several");
  const row = rows.lastElementChild.cloneNode(true);
  const control = row.querySelector("input, select, textarea");
  const number = rows.children.length + 1;
  control.id = `${control.id.replace(/-\d+$/, "")}-${number}`;
  control.value = "";
  control.setAttribute("aria-label", `${rows.dataset.text} ${number}`);
  rows.append(row);
  control.focus();
}

document.getElementById("robot-form").addEventListener("click", (event) => {
  if (event.target.classList.contains("more")) more(event.target);
});
