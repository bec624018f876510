// Puts the parts on a page and into `window.harness`, where the test calls them.
import { buttonsEditor } from '/static/settings/buttons.js';
import { Catalogue } from '/static/settings/expressions.js';
import { listEditor } from '/static/settings/list.js';
import { marks, render } from '/static/settings/marks.js';
import { ordinary } from '/static/settings/ordinary.js';
import { phone, summary } from '/static/settings/phone.js';
import { createStore } from '/static/settings/store.js';
import { templatePicker } from '/static/settings/templates.js';

const texts = JSON.parse(document.getElementById('texts').textContent);
const form = document.getElementById('form');
const beside = document.getElementById('beside');
const heard = [];
let part = null;

function place(made) {
  form.replaceChildren(made.element);
  part = made;
}

function reading(box) {
  return [...box.querySelectorAll('[data-read]')].map((piece) => piece.textContent.replace(/\u200b/g, '').trim());
}

const seen = phone({ texts, onPoint: (n) => heard.push(['point', n]) });

window.harness = {
  heard,
  marks: (text) => marks(text),
  drawn: (text) => render(marks(text)).map((line) => line.outerHTML).join(''),
  show(model) {
    if (!seen.element.isConnected) beside.append(seen.element);
    seen.show(model);
  },
  highlight: (n) => seen.highlight(n),
  summary: (values) => {
    const line = document.createElement('p');
    line.className = 'under';
    line.textContent = summary(texts, values);
    beside.append(line);
    return line.textContent;
  },
  bubble: () => reading(seen.element.querySelector('article')),
  panel: () => reading(seen.element.querySelector('.panel')),
  buttons: (value) => place(buttonsEditor({
    id: 'buttons', label: 'Buttons', value, texts, onInput: (given) => heard.push(['buttons', given]),
  })),
  list: (value) => place(listEditor({
    id: 'list', label: 'Rows', value, texts, onInput: (given) => heard.push(['list', given]),
  })),
  templates: (templates, value) => place(templatePicker({
    id: 'template', label: 'Template', templates, value, texts,
    onPick: ({ id }) => heard.push(['pick', id]),
    onPreview: (template) => heard.push(['preview', template && template.id]),
    onRefresh: async () => part.setTemplates(templates.slice(0, 1)),
  })),
  /** A whole form of the ordinary fields; what is stored, value by value, is heard as `stored`. */
  ordinary(properties, values) {
    const store = createStore({ values, properties, write() {}, onChange: (code) => heard.push(['stored', [code, store.all()[code]]]) });
    const controls = new Map();
    const drawn = ordinary({ page: { properties }, texts, store, controls, catalogue: new Catalogue([], texts), announce() {} });
    form.replaceChildren(...drawn.elements);
    part = { problem: (code, text) => controls.get(code).setProblem(text) };
  },
  problem: (code, text) => part.problem(code, text),
  value: () => part.value(),
  problems: () => part.problems().map(({ text }) => text),
};
