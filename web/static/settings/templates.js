// Choosing one of the line's templates: a combobox over a list that shows what each template says.
import { around, holdPress, make, setAttribute, write } from '../dom.js';
import { star } from './controls.js';
import { icon } from './icon.js';
import { chosen } from './template_choice.js';
import { announce, say } from './texts.js';

/** @import { Stored, Template } from './template_choice.js' */
/** @import { Texts } from './texts.js' */

/**
 * @typedef {Omit<Template, 'trouble' | 'variables' | 'buttons' | 'kind' | 'media' | 'wants_header' | 'cards' | 'header' | 'body' | 'footer'>
 *   & {text: string, variables: number, buttons: number}} Listed a template as the list shows it; text: its body
 *
 * @typedef {object} TemplatePickerOptions
 * @property {string} id
 * @property {string} label
 * @property {boolean} [required]
 * @property {Listed[]} templates
 * @property {Stored} value
 * @property {Texts} texts
 * @property {(template: Listed) => void} onPick
 * @property {(template: Listed | null) => void} [onPreview] the one under the cursor of the list; null: the list closes
 * @property {() => Promise<void>} [onRefresh] resolves once setTemplates() has had the fresh ones
 *
 * @typedef {ReturnType<typeof templatePicker>} TemplatePicker
 */

/** @type {Record<string, string | undefined>} */
const STATUS_SIGNS = { APPROVED: 'tick', PENDING: 'clock', PAUSED: 'pause' };

/** @param {TemplatePickerOptions} options */
export function templatePicker(options) {
  const picker = new Picker(options);
  return {
    element: picker.element,
    /** @param {Listed[]} list */
    setTemplates: (list) => picker.setTemplates(list),
    /** @param {Stored} given */
    setValue: (given) => picker.setValue(given),
    focus: () => picker.focus(),
    /**
     * Marks the field as wrong.
     * @param {string} problem '' when nothing is wrong @param {string} id of the line that says it
     */
    setProblem: (problem, id) => picker.setProblem(problem, id),
  };
}

class Picker {
  /** @param {TemplatePickerOptions} options */
  constructor({ id, label, required = false, templates, value, texts, onPick, onPreview = () => {}, onRefresh }) {
    this._id = id;
    this._texts = texts;
    this._onPick = onPick;
    this._onPreview = onPreview;
    this._onRefresh = onRefresh;
    this._templates = templates;
    this._stored = value;
    /** What the list shows. @type {Listed[]} */
    this._shown = [];
    this._active = -1;
    this._closed = make('div', { class: 'template-chosen' });
    this._opened = make('div', { class: 'template-search' });
    this._search = this._makeSearch(required);
    this._language = this._makeSelect('templates.language', 'templates.all_languages');
    this._category = this._makeSelect('templates.category', 'templates.all_categories');
    this._list = make('ul', {
      role: 'listbox', id: `${id}-list`, class: 'template-list', 'aria-label': label, hidden: true,
    });
    this._note = make('p', { class: 'hint' });
    this._change = make('button', {
      type: 'button', class: 'quiet', text: say(texts, 'templates.change'), on: { click: () => this._reopen() },
    });
    const heading = make('span', { class: 'field-label', id: `${id}-label` }, label, star(required));
    this.element = make('div', { class: 'templates', role: 'group', 'aria-labelledby': `${id}-label` }, heading,
      this._closed, this._opened);
    const tools = [this._search, this._language, this._category, this._refreshButton()];
    this._opened.append(make('div', { class: 'template-tools' }, ...tools), this._note, this._list);
    this._listen();
    this.setTemplates(templates);
  }

  focus() {
    (this._closed.hidden ? this._search : this._change).focus();
  }

  /** @param {string} problem @param {string} id */
  setProblem(problem, id) {
    setAttribute(this._search, 'aria-invalid', problem ? 'true' : null);
    setAttribute(this._search, 'aria-describedby', problem ? id : null);
    this._closed.classList.toggle('is-bad', Boolean(problem));
  }

  _listen() {
    // A press in the list must not take the focus from the search field: the list would close under the finger.
    this._list.addEventListener('mousedown', (event) => event.preventDefault());
    holdPress(this._list);
    this._list.addEventListener('click', (event) => {
      const row = around(event, '[role="option"]');
      if (row) this._pick(this._options().indexOf(row));
    });
    this.element.addEventListener('focusout', ({ relatedTarget }) => {
      if (relatedTarget instanceof Node && !this.element.contains(relatedTarget)) this._shut();
    });
    document.addEventListener('pointerdown', ({ target }) => {
      if (!this._list.hidden && !this.element.contains(/** @type {Node} */ (target))) this._shut();
    });
  }

  /** @param {boolean} required */
  _makeSearch(required) {
    return make('input', {
      type: 'text', class: 'input', id: `${this._id}-search`, role: 'combobox', autocomplete: 'off',
      'aria-autocomplete': 'list', 'aria-expanded': 'false', 'aria-controls': `${this._id}-list`,
      'aria-labelledby': `${this._id}-label`, 'aria-required': required ? 'true' : null, placeholder: say(this._texts, 'templates.search'),
      on: {
        input: () => this._filter(),
        focus: () => this._open(),
        click: () => this._open(),
        keydown: (event) => this._onKey(event),
      },
    });
  }

  /** @param {string} key @param {string} allKey */
  _makeSelect(key, allKey) {
    const words = { 'aria-label': say(this._texts, key), 'data-all': say(this._texts, allKey) };
    return make('select', { class: 'input', ...words, on: { change: () => this._filter() } });
  }

  _refreshButton() {
    const refresh = this._onRefresh;
    if (!refresh) return null;
    const words = say(this._texts, 'templates.refresh');
    const button = make('button', {
      type: 'button', class: 'tool', 'aria-label': words, title: words, on: { click: () => this._refresh(button, refresh) },
    }, icon('refresh'));
    return button;
  }

  /** @param {HTMLElement} button @param {() => Promise<void>} refresh */
  async _refresh(button, refresh) {
    if (button.getAttribute('aria-disabled') === 'true') return;
    button.setAttribute('aria-disabled', 'true');
    write(this._note, say(this._texts, 'templates.asking'));
    try {
      await refresh();
      this._count();
    } catch {
      write(this._note, say(this._texts, 'templates.no_answer'));
    }
    button.removeAttribute('aria-disabled');
  }

  /** @param {Listed[]} templates */
  setTemplates(templates) {
    this._templates = templates;
    fill(this._language, templates.map(({ language }) => [language, language]));
    fill(this._category, templates.map(({ category, category_text: words }) => [category, words]));
    // While somebody is searching, only the list changes under their hands.
    if (this._list.hidden) this.setValue(this._stored);
    else this._filter();
  }

  /** @param {Stored} value */
  setValue(value) {
    this._stored = value;
    const { template } = value;
    this._closed.hidden = !template.trim();
    this._opened.hidden = Boolean(template.trim());
    if (template.trim()) this._drawChosen();
    else this._drawEmpty();
  }

  _drawEmpty() {
    this._search.value = '';
    write(this._note, this._templates.some(({ usable }) => usable) ? '' : say(this._texts, 'templates.none'));
  }

  _drawChosen() {
    const { template, languages } = chosen(this._templates, this._stored);
    this._closed.replaceChildren(...(template ? about(template) : this._unknown(languages)), this._change);
  }

  /**
   * What is stored when no template answers to it: an expression, a name in several languages, or one that is gone.
   * @param {string[]} languages @returns {(string | Node)[]}
   */
  _unknown(languages) {
    const { template, language } = this._stored;
    const name = make('strong', { text: template });
    if (template.includes('{=')) {
      return [name, make('span', { class: 'hint', text: say(this._texts, 'templates.by_field') })];
    }
    if (!languages.length) {
      const rest = language ? ` · ${language}` : '';
      return [name, rest, status('alert', say(this._texts, 'templates.gone'), 'bad')];
    }
    const listed = say(this._texts, 'templates.several', { languages: languages.join(', ') });
    const select = make('select', { class: 'input', 'aria-label': listed, 'aria-invalid': 'true' });
    fill(select, languages.map((one) => [one, one]), '—');
    select.addEventListener('change', () => {
      const { template: found } = chosen(this._templates, { template, language: select.value });
      if (found) this._settle(found);
    });
    return [name, select, make('span', { class: 'error', text: listed })];
  }

  _reopen() {
    this._closed.hidden = true;
    this._opened.hidden = false;
    for (const field of [this._search, this._language, this._category]) field.value = '';
    this._search.focus();
  }

  _open() {
    if (!this._list.hidden) return;
    this._list.hidden = false;
    this._search.setAttribute('aria-expanded', 'true');
    this._filter();
  }

  _shut() {
    if (this._list.hidden && !this._closed.hidden) return;
    this._list.hidden = true;
    this._search.setAttribute('aria-expanded', 'false');
    this._search.removeAttribute('aria-activedescendant');
    this._active = -1;
    this.setValue(this._stored);
    this._onPreview(null);
  }

  _filter() {
    const words = this._search.value.toLowerCase().split(/\s+/).filter(Boolean);
    /** @param {Listed} template */
    const fits = (template) => (!this._language.value || template.language === this._language.value)
      && (!this._category.value || template.category === this._category.value)
      && words.every((word) => `${template.name} ${template.text}`.toLowerCase().includes(word));
    const found = this._templates.filter(fits);
    this._shown = [...found.filter(({ usable }) => usable), ...found.filter(({ usable }) => !usable)];
    this._list.replaceChildren(...this._shown.map((template, at) => option(template, `${this._id}-${at}`, this._texts)));
    this._activate(-1);
    this._count();
  }

  _count() {
    const n = this._shown.length;
    const none = this._templates.some(({ usable }) => usable) ? 'templates.no_match' : 'templates.none';
    const text = say(this._texts, n ? 'templates.found' : none, { n });
    write(this._note, text);
    announce(text);
  }

  _options() {
    return /** @type {HTMLElement[]} */ ([...this._list.children]);
  }

  /** @param {KeyboardEvent} event */
  _onKey(event) {
    const last = this._shown.length - 1;
    /** @type {Record<string, number | undefined>} */
    const moves = { ArrowDown: Math.min(this._active + 1, last), ArrowUp: Math.max(this._active - 1, 0) };
    const to = moves[event.key];
    if (to !== undefined && !event.altKey) {
      event.preventDefault();
      this._open();
      this._activate(to);
    } else if (event.key === 'Enter') {
      event.preventDefault();
      this._pick(this._active);
    } else if (event.key === 'Escape' && !this._list.hidden) {
      event.preventDefault();
      event.stopPropagation();
      this._shut();
      if (!this._closed.hidden) this._change.focus();
    }
  }

  /** @param {number} at -1: none */
  _activate(at) {
    this._active = at;
    this._options().forEach((row, i) => row.setAttribute('aria-selected', String(i === at)));
    const row = this._options()[at];
    if (!row) {
      this._search.removeAttribute('aria-activedescendant');
      return;
    }
    this._search.setAttribute('aria-activedescendant', row.id);
    // Not scrollIntoView: it would scroll the page too.
    if (row.offsetTop < this._list.scrollTop) this._list.scrollTop = row.offsetTop;
    const below = row.offsetTop + row.offsetHeight - this._list.clientHeight;
    if (below > this._list.scrollTop) this._list.scrollTop = below;
    this._onPreview(this._shown[at]);
  }

  /** @param {number} at */
  _pick(at) {
    const template = this._shown[at];
    if (!template) return;
    this._activate(at);
    if (!template.usable) announce(template.why);
    else this._settle(template);
  }

  /** @param {Listed} template */
  _settle(template) {
    this._stored = { template: template.id, language: template.language };
    this._shut();
    this.setValue(this._stored);
    this._change.focus();
    this._onPick(template);
  }
}

/**
 * Options of a select, each once; what was selected stays.
 * @param {HTMLSelectElement} select @param {[value: string, text: string][]} pairs
 * @param {string} [first] the text of the option that stands for none
 */
function fill(select, pairs, first = select.dataset.all) {
  const { value } = select;
  const options = [...new Map(pairs)].map(([given, text]) => make('option', { value: given, text }));
  select.replaceChildren(make('option', { value: '', text: first }), ...options);
  select.value = value;
  if (select.selectedIndex < 0) select.value = '';
  select.hidden = select.dataset.all !== undefined && options.length < 2;
}

/** @param {Listed} template */
function about(template) {
  const { name, language, category_text: category } = template;
  const words = make('span', { text: ` · ${language} · ${category} · ` });
  return [make('strong', { text: name }), words, statusOf(template)];
}

/** @param {Listed} template */
function statusOf({ status: code, status_text: words, usable }) {
  return status(STATUS_SIGNS[code] ?? 'alert', words, usable ? 'ok' : 'bad');
}

/** @param {string} sign @param {string} words @param {'ok' | 'bad'} look */
function status(sign, words, look) {
  return make('span', { class: `badge ${look}` }, icon(sign), words);
}

/** @param {Listed} template @param {string} id @param {Texts} texts */
function option(template, id, texts) {
  const counts = { 'templates.variables': template.variables, 'templates.buttons': template.buttons };
  const counted = Object.entries(counts).filter(([, n]) => n).map(([key, n]) => say(texts, key, { n }));
  return make('li', { role: 'option', id, 'aria-selected': 'false', 'aria-disabled': template.usable ? null : 'true' },
    make('div', { class: 'template-name' }, ...about(template)),
    make('div', { class: 'template-text', dir: 'auto', lang: template.language.replace('_', '-'), text: template.text }),
    counted.length ? make('div', { class: 'hint', text: counted.join(', ') }) : null,
    template.usable ? null : make('div', { class: 'template-why', text: template.why }));
}
