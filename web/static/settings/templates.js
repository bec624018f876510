// Choosing one of the line's templates: a combobox over a list that shows what each template says.
import { announce, icon, make, say, write } from './dom.js';

/**
 * @typedef {Object} Template strings in the viewer's language
 * @property {string} id @property {string} name @property {string} language
 * @property {string} category @property {string} category_text @property {string} status @property {string} status_text
 * @property {boolean} usable @property {string} why why it is not
 * @property {string} text its body @property {number} variables @property {number} buttons
 *
 * @typedef {{template: string, language: string}} Value template: an id, or a name; an expression is left as it is
 */

const STATUS_SIGNS = { APPROVED: 'tick', PENDING: 'clock', PAUSED: 'pause' };

/**
 * The template a stored value means, and the languages to choose from when its name exists in several.
 * @param {Template[]} templates @param {Value} value @returns {{template: ?Template, languages: string[]}}
 */
export function chosen(templates, { template, language }) {
  const wanted = template.trim();
  const byId = templates.find(({ id }) => id === wanted);
  if (byId) return { template: byId, languages: [] };
  const named = templates.filter(({ name }) => name === wanted);
  const inLanguage = language ? spoken(named, language.trim().toLowerCase()) : named;
  if (inLanguage.length === 1) return { template: inLanguage[0], languages: [] };
  return { template: null, languages: inLanguage.length > 1 ? named.map((one) => one.language) : [] };
}

/** Those of the language, else those of its variants: «en» is also «en_US» (messaging/templates/catalogue.py, `the_one`). */
function spoken(templates, wanted) {
  const exact = templates.filter(({ language }) => language.toLowerCase() === wanted);
  const main = (language) => language.toLowerCase().split('_')[0];
  return exact.length ? exact : templates.filter(({ language }) => main(language) === main(wanted));
}

/**
 * @param {{id: string, label: string, templates: Template[], value: Value, texts: Object,
 *   onPick: function(Template), onPreview?: function(?Template), onRefresh?: function(): Promise}} options
 *   onPreview: the template under the cursor of the list, null when the list closes. onRefresh: resolves once
 *   setTemplates() has had the fresh ones.
 * @returns {{element: HTMLElement, setTemplates: function(Template[]), setValue: function(Value), focus: function()}}
 */
export function templatePicker({ id, label, templates, value, texts, onPick, onPreview = () => {}, onRefresh = null }) {
  const picker = new Picker({ id, label, templates, texts, onPick, onPreview, onRefresh, stored: value });
  return {
    element: picker.element,
    setTemplates: (list) => picker.setTemplates(list),
    setValue: (given) => picker.setValue(given),
    focus: () => (picker.closed.hidden ? picker.search : picker.change).focus(),
  };
}

class Picker {
  constructor(options) {
    Object.assign(this, options);
    this.active = -1;
    this.shown = [];
    this.closed = make('div', { class: 'template-chosen' });
    this.opened = make('div', { class: 'template-search' });
    const heading = make('span', { class: 'field-label', id: `${this.id}-label`, text: this.label });
    this.element = make('div', { class: 'templates', role: 'group', 'aria-labelledby': `${this.id}-label` }, heading,
      this.closed, this.opened);
    this.build();
    this.setTemplates(this.templates);
    this.element.addEventListener('focusout', ({ relatedTarget }) => {
      if (relatedTarget && !this.element.contains(relatedTarget)) this.shut();
    });
    document.addEventListener('pointerdown', ({ target }) => {
      if (!this.list.hidden && !this.element.contains(target)) this.shut();
    });
  }

  build() {
    const { id, texts } = this;
    this.search = make('input', {
      type: 'text', class: 'input', id: `${id}-search`, role: 'combobox', autocomplete: 'off',
      'aria-autocomplete': 'list', 'aria-expanded': 'false', 'aria-controls': `${id}-list`,
      'aria-labelledby': `${id}-label`, placeholder: say(texts, 'templates.search'),
      on: {
        input: () => this.filter(),
        focus: () => this.open(),
        click: () => this.open(),
        keydown: (event) => this.key(event),
      },
    });
    this.language = this.select('templates.language', 'templates.all_languages');
    this.category = this.select('templates.category', 'templates.all_categories');
    this.list = make('ul', {
      role: 'listbox', id: `${id}-list`, class: 'template-list', 'aria-label': this.label, hidden: true,
    });
    this.note = make('p', { class: 'hint' });
    const tools = [this.search, this.language, this.category, this.refreshButton()];
    this.opened.append(make('div', { class: 'template-tools' }, ...tools), this.note, this.list);
    // A press in the list must not take the focus from the search field: the list would close under the finger.
    this.list.addEventListener('mousedown', (event) => event.preventDefault());
    this.list.addEventListener('click', ({ target }) => {
      this.pick(this.options().indexOf(target.closest('[role="option"]')));
    });
  }

  select(key, allKey) {
    const on = { change: () => this.filter() };
    const words = { 'aria-label': say(this.texts, key), 'data-all': say(this.texts, allKey) };
    return make('select', { class: 'input', ...words, on });
  }

  refreshButton() {
    if (!this.onRefresh) return null;
    const words = say(this.texts, 'templates.refresh');
    const button = make('button', { type: 'button', class: 'tool', 'aria-label': words, title: words, on: {
      click: async () => {
        if (button.getAttribute('aria-disabled') === 'true') return;
        button.setAttribute('aria-disabled', 'true');
        write(this.note, say(this.texts, 'templates.asking'));
        try {
          await this.onRefresh();
          this.count();
        } catch {
          write(this.note, say(this.texts, 'templates.no_answer'));
        }
        button.removeAttribute('aria-disabled');
      },
    } }, icon('refresh'));
    return button;
  }

  setTemplates(templates) {
    this.templates = templates;
    fill(this.language, templates.map(({ language }) => [language, language]));
    fill(this.category, templates.map(({ category, category_text: words }) => [category, words]));
    // While somebody is searching, only the list changes under their hands.
    if (this.list.hidden) this.setValue(this.stored);
    else this.filter();
  }

  setValue(value) {
    this.stored = value;
    const { template } = value;
    this.closed.hidden = !template.trim();
    this.opened.hidden = Boolean(template.trim());
    if (template.trim()) this.drawChosen();
    else this.drawEmpty();
  }

  drawEmpty() {
    this.search.value = '';
    write(this.note, this.templates.some(({ usable }) => usable) ? '' : say(this.texts, 'templates.none'));
  }

  drawChosen() {
    const { texts } = this;
    const { template, languages } = chosen(this.templates, this.stored);
    const words = say(texts, 'templates.change');
    this.change = make('button', { type: 'button', class: 'quiet', text: words, on: { click: () => this.reopen() } });
    this.closed.replaceChildren(...(template ? about(template) : this.unknown(languages)), this.change);
  }

  /** What is stored when no template answers to it: an expression, a name in several languages, or one that is gone. */
  unknown(languages) {
    const { template, language } = this.stored;
    const name = make('strong', { text: template });
    const byField = make('span', { class: 'hint', text: say(this.texts, 'templates.by_field') });
    if (template.includes('{=')) return [name, byField];
    if (!languages.length) {
      const rest = language ? ` · ${language}` : '';
      return [name, rest, status('alert', say(this.texts, 'templates.gone'), 'bad')];
    }
    const listed = say(this.texts, 'templates.several', { languages: languages.join(', ') });
    const pick = ({ target }) => {
      const { template: found } = chosen(this.templates, { template, language: target.value });
      if (found) this.settle(found);
    };
    const attributes = { class: 'input', 'aria-label': listed, 'aria-invalid': 'true', on: { change: pick } };
    const select = make('select', attributes);
    fill(select, languages.map((one) => [one, one]), '—');
    return [name, select, make('span', { class: 'error', text: listed })];
  }

  reopen() {
    this.closed.hidden = true;
    this.opened.hidden = false;
    for (const field of [this.search, this.language, this.category]) field.value = '';
    this.search.focus();
  }

  open() {
    if (!this.list.hidden) return;
    this.list.hidden = false;
    this.search.setAttribute('aria-expanded', 'true');
    this.filter();
  }

  shut() {
    if (this.list.hidden && !this.closed.hidden) return;
    this.list.hidden = true;
    this.search.setAttribute('aria-expanded', 'false');
    this.search.removeAttribute('aria-activedescendant');
    this.active = -1;
    this.setValue(this.stored);
    this.onPreview(null);
  }

  filter() {
    const words = this.search.value.toLowerCase().split(/\s+/).filter(Boolean);
    const fits = (template) => (!this.language.value || template.language === this.language.value)
      && (!this.category.value || template.category === this.category.value)
      && words.every((word) => `${template.name} ${template.text}`.toLowerCase().includes(word));
    const found = this.templates.filter(fits);
    this.shown = [...found.filter(({ usable }) => usable), ...found.filter(({ usable }) => !usable)];
    this.list.replaceChildren(...this.shown.map((template, at) => option(template, `${this.id}-${at}`, this.texts)));
    this.activate(-1);
    this.count();
  }

  count() {
    const { texts, shown, templates } = this;
    const none = templates.some(({ usable }) => usable) ? 'templates.no_match' : 'templates.none';
    const text = say(texts, shown.length ? 'templates.found' : none, { n: shown.length });
    write(this.note, text);
    announce(text);
  }

  options() {
    return [...this.list.children];
  }

  key(event) {
    const last = this.shown.length - 1;
    const to = { ArrowDown: Math.min(this.active + 1, last), ArrowUp: Math.max(this.active - 1, 0) }[event.key];
    if (to !== undefined && !event.altKey) {
      event.preventDefault();
      this.open();
      this.activate(to);
    } else if (event.key === 'Enter') {
      event.preventDefault();
      this.pick(this.active);
    } else if (event.key === 'Escape' && !this.list.hidden) {
      event.preventDefault();
      event.stopPropagation();
      this.shut();
      if (!this.closed.hidden) this.change.focus();
    }
  }

  activate(at) {
    this.active = at;
    this.options().forEach((row, i) => row.setAttribute('aria-selected', i === at));
    const row = this.options()[at];
    if (!row) {
      this.search.removeAttribute('aria-activedescendant');
      return;
    }
    this.search.setAttribute('aria-activedescendant', row.id);
    // Not scrollIntoView: it would scroll the page too.
    if (row.offsetTop < this.list.scrollTop) this.list.scrollTop = row.offsetTop;
    const below = row.offsetTop + row.offsetHeight - this.list.clientHeight;
    if (below > this.list.scrollTop) this.list.scrollTop = below;
    this.onPreview(this.shown[at]);
  }

  pick(at) {
    const template = this.shown[at];
    if (!template) return;
    this.activate(at);
    if (!template.usable) announce(template.why);
    else this.settle(template);
  }

  settle(template) {
    this.stored = { template: template.id, language: template.language };
    this.shut();
    this.setValue(this.stored);
    this.change.focus();
    this.onPick(template);
  }
}

/** Options of a select, each once; what was selected stays. */
function fill(select, pairs, first = select.dataset.all) {
  const { value } = select;
  const options = [...new Map(pairs)].map(([given, text]) => make('option', { value: given, text }));
  select.replaceChildren(make('option', { value: '', text: first }), ...options);
  select.value = value;
  if (select.selectedIndex < 0) select.value = '';
  select.hidden = select.dataset.all !== undefined && options.length < 2;
}

function about(template) {
  const { name, language, category_text: category } = template;
  const words = make('span', { text: ` · ${language} · ${category} · ` });
  return [make('strong', { text: name }), words, statusOf(template)];
}

function statusOf({ status: code, status_text: words, usable }) {
  return status(STATUS_SIGNS[code] ?? 'alert', words, usable ? 'ok' : 'bad');
}

function status(sign, words, look) {
  return make('span', { class: `badge ${look}` }, icon(sign), words);
}

function option(template, id, texts) {
  const counts = [['templates.variables', template.variables], ['templates.buttons', template.buttons]]
    .filter(([, n]) => n).map(([key, n]) => say(texts, key, { n }));
  return make('li', { role: 'option', id, 'aria-selected': 'false', 'aria-disabled': template.usable ? null : 'true' },
    make('div', { class: 'template-name' }, ...about(template)),
    make('div', { class: 'template-text', dir: 'auto', lang: template.language.replace('_', '-'), text: template.text }),
    counts.length ? make('div', { class: 'hint', text: counts.join(', ') }) : null,
    template.usable ? null : make('div', { class: 'template-why', text: template.why }));
}
