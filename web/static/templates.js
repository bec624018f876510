// Brings the form of a template to life when it has come; its modules are fetched only then.
async function start() {
  const form = document.getElementById('template-form');
  if (!(form instanceof HTMLFormElement) || form.dataset.ready) return;
  form.dataset.ready = 'yes';
  const { edit } = await import('./template_form.js');
  edit(form);
}

document.body.addEventListener('htmx:afterSwap', start);
start();
