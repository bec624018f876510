// Keeps the board and the log fresh once a second; never while a person is using a control inside them.
const live = document.getElementById("live");
const status = document.getElementById("status");
let last = null;

const busy = () => live.contains(document.activeElement) && document.activeElement.matches("select, button, a");

async function refresh() {
  if (document.hidden || busy()) return;
  try {
    const answer = await fetch(live.dataset.source + location.search);
    if (!answer.ok) return;
    const html = await answer.text();
    if (last !== null && html !== last && !busy()) live.innerHTML = html;
    last = html;
  } catch {
    // The portal is being restarted: the next round will tell.
  }
}

async function move(form) {
  const title = form.closest("article").querySelector("h3").textContent;
  const stage = form.elements.stage.selectedOptions[0].textContent;
  const id = form.action;
  await fetch(form.action, { method: "POST", body: new URLSearchParams(new FormData(form)), redirect: "manual" });
  const answer = await fetch(live.dataset.source + location.search);
  live.innerHTML = last = await answer.text();
  status.textContent = `${title}: ${stage}`;
  [...live.querySelectorAll("form")].find((other) => other.action === id)?.querySelector("select").focus();
}

live.addEventListener("submit", (event) => {
  event.preventDefault();
  move(event.target);
});

refresh();
setInterval(refresh, 1000);
