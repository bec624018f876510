// The content of the actions with choices for the client: buttons, and a list of rows.
import { make, write } from '../dom.js';
import { buttonsEditor } from './buttons.js';
import { counted, textField } from './controls.js';
import { property } from './form.js';
import { icon } from './icon.js';
import { listEditor } from './list.js';
import * as preview from './preview.js';
import { say } from './texts.js';

/** @import { Content, Form } from './form.js' */

/** @typedef {{element: HTMLElement, problems: () => unknown[], focus: () => void}} Editor */

/** @param {Form} form @returns {Content} */
function sendButtons(form) {
  const { page: { sizes }, store, texts } = form;
  const { title, hint, required } = property(form, 'buttons');
  const editor = buttonsEditor({
    id: 'f-buttons', label: title, required, value: store.entries('buttons'), titleLimit: sizes.button_title,
    max: sizes.buttons, texts, onInput: (entries) => store.set('buttons', entries),
  });
  const text = textField(form, 'text', { multiline: true, placeholder: say(texts, 'text.placeholder') });
  return {
    elements: [textField(form, 'header').element, text.element, textField(form, 'footer').element,
      edited(form, 'buttons', editor, hint)],
    model: () => preview.ofButtons(form),
    summary: () => counted(form, 'text'),
  };
}

/**
 * An editor tells its own problems; those it does not know of stand below it.
 * @param {Form} form @param {string} code @param {Editor} editor @param {string} hint
 */
function edited(form, code, editor, hint) {
  const words = make('span');
  const line = make('p', { class: 'error', hidden: true }, icon('alert'), words);
  const element = make('div', { class: 'field' }, editor.element, line,
    hint ? make('p', { class: 'hint', text: hint }) : null);
  form.controls.set(code, {
    setProblem(text) {
      write(words, editor.problems().length ? '' : text);
      line.hidden = !words.textContent;
    },
    focus: () => editor.focus(),
  });
  return element;
}

/** @param {Form} form @returns {Content} */
function sendList(form) {
  const { page: { sizes }, store, texts } = form;
  const { title, required } = property(form, 'items');
  const limits = {
    rows: sizes.rows, title: sizes.row_title, description: sizes.row_description, section: sizes.section_title,
  };
  const editor = listEditor({
    id: 'f-items', label: title, required, value: store.text('items'), limits, texts,
    onInput: (value) => store.set('items', value),
  });
  const text = textField(form, 'text', { multiline: true, placeholder: say(texts, 'text.placeholder') });
  return {
    elements: [textField(form, 'header').element, text.element, textField(form, 'footer').element,
      textField(form, 'button').element, edited(form, 'items', editor, '')],
    model: () => preview.ofList(form, editor.sections()),
    summary: () => counted(form, 'text'),
  };
}

/** Action → its part of the form. @type {Record<string, ((form: Form) => Content) | undefined>} */
export const CONTENTS = { send_buttons: sendButtons, send_list: sendList };
