import assert from 'node:assert/strict';
import { beforeEach, test } from 'node:test';

import { Catalogue } from '../../web/static/settings/expressions.js';
import * as preview from '../../web/static/settings/preview.js';
import { installDocument } from './small_dom.js';

const NAME = '{=Document:NAME}';
const catalogue = new Catalogue([{ id: 'deal', title: 'Deal', items: [
  { expression: NAME, id: 'NAME', name: 'Client', type: 'string', multiple: false, technical: false, twin: '' },
] }], {});

/** What a preview is made from, with these values in the form. */
function form(values = {}) {
  const store = { text: (code) => values[code] ?? '', entries: (code) => values[code] ?? [] };
  return { store, catalogue, sender: () => 'Shop' };
}

const template = (more) => ({
  id: '1', name: 'order', category: 'UTILITY', kind: 'text', media: false, header: '', body: '', footer: '',
  variables: [], buttons: [], cards: [], ...more,
});
const given = (more) => ({ values: [], header: '', fallback: '', ...more });

beforeEach(() => installDocument());

test('a known field is shown by its name, an unknown one by its id', () => {
  assert.deepEqual(preview.parts(form(), `Hi ${NAME}{=Document:GONE}`), [{ text: 'Hi ' }, { field: 'Client' }, { field: 'GONE' }]);
});

test('a text is the body of a message from the line', () => {
  const model = preview.ofText(form({ text: 'Hello' }));
  assert.deepEqual([model.sender, model.body, model.header], ['Shop', [{ text: 'Hello' }], null]);
});

test('a button is its title, cut at the bar; a bar inside an expression is part of it', () => {
  const { buttons } = preview.ofButtons(form({ buttons: ['Yes|1', '  ', `${NAME} no`] }));
  assert.deepEqual(buttons, [
    { type: 'reply', title: [{ text: 'Yes' }] }, { type: 'reply', title: [{ field: 'Client' }, { text: ' no' }] },
  ]);
});

test('an empty header is none', () => {
  assert.equal(preview.ofButtons(form({ header: ' ' })).header, null);
  assert.deepEqual(preview.ofButtons(form({ header: 'H' })).header, { type: 'text', parts: [{ text: 'H' }] });
});

test('rows of a list are drawn as the editor read them', () => {
  const sections = [{ title: 'S', rows: [{ title: NAME, description: 'd' }] }];
  assert.deepEqual(preview.ofList(form({ button: 'Open' }), sections).list, {
    button: [{ text: 'Open' }],
    sections: [{ title: [{ text: 'S' }], rows: [{ title: [{ field: 'Client' }], description: [{ text: 'd' }] }] }],
  });
});

test('the kind of a file follows from its name until one is chosen', () => {
  const kinds = { 'https://host.example/a.PNG?x=1': 'image', 'b.mp4': 'video', 'c.ogg': 'audio', 'd.pdf': 'document', '': 'document' };
  for (const [file, kind] of Object.entries(kinds)) assert.equal(preview.ofFile(form({ file })).header.type, kind);
  assert.equal(preview.ofFile(form({ file: 'a.png', kind: 'document' })).header.type, 'document');
});

test('a file by link is called by the end of its path, readable where possible', () => {
  const name = (file, more) => preview.ofFile(form({ file, ...more })).header.name;
  assert.deepEqual(name('https://host.example/x/%D0%B0.pdf#1'), [{ text: 'а.pdf' }]);
  assert.deepEqual(name('https://host.example/%zz.pdf'), [{ text: '%zz.pdf' }]);
  assert.deepEqual(name('https://host.example/a.pdf', { file_name: 'Bill' }), [{ text: 'Bill' }]);
});

test('a sound has no caption', () => {
  assert.deepEqual(preview.ofFile(form({ file: 'a.mp3', caption: 'c' })).body, []);
  assert.deepEqual(preview.ofFile(form({ file: 'a.png', caption: 'c' })).body, [{ text: 'c' }]);
});

test('a contact is a CRM id, a field or what was typed', () => {
  assert.deepEqual(preview.ofContact(form({ contact: '12' })).header.name, [{ field: 'ID 12' }]);
  assert.deepEqual(preview.ofContact(form({ contact: NAME })).header.name, [{ field: 'Client' }]);
  const typed = preview.ofContact(form({ contact_name: 'Ann', contact_phone: '+7' })).header;
  assert.deepEqual(typed, { type: 'contact', name: [{ text: 'Ann' }], parts: [{ text: '+7' }] });
});

test('a location shows the coordinates that are there', () => {
  assert.deepEqual(preview.ofLocation(form({ latitude: '1', longitude: '2' })).header.point, [{ text: '1, 2' }]);
  assert.deepEqual(preview.ofLocation(form({ latitude: '1' })).header.point, [{ text: '1' }]);
});

test('an id is shown by the name of what it stands for', () => {
  const contact = form({ contact: '2' });
  assert.deepEqual(preview.ofContact(contact).header.name, [{ field: 'ID 2' }]);
  const { header } = preview.ofContact(contact, { name: 'Ann Lee', about: '+44 20 7946 0958' });
  assert.deepEqual([header.name, header.parts], [[{ text: 'Ann Lee' }], [{ text: '+44 20 7946 0958' }]]);
  const file = preview.ofFile(form({ file: '601' }), { name: 'plan.png', about: '12 kB' });
  assert.deepEqual(file.header, { type: 'image', name: [{ text: 'plan.png' }], size: '12 kB' });
});

test('variables are values, samples, a text for empty ones, or themselves', () => {
  const variables = [1, 2, 3, 4].map((n) => ({ n, part: 'body', name: String(n), sample: n % 2 ? '' : 'Ann' }));
  const made = template({ body: 'A {{1}}, {{ 02 }}: {{3}}{{4}}{{9}}', variables });
  const values = ['one', NAME];
  const { body } = preview.ofTemplate(form(), made, given({ values }));
  assert.deepEqual(body, [
    { text: 'A ' }, { text: 'one', n: 1 }, { text: ', ' }, { field: 'Client', n: 2, sample: 'Ann' }, { text: ': ' },
    { missing: '{{3}}', n: 3 }, { missing: 'Ann', n: 4 }, { missing: '{{9}}' },
  ]);
  const filled = preview.ofTemplate(form(), made, given({ values, fallback: '-' })).body;
  assert.deepEqual(filled.slice(-2), [{ fallback: '-', n: 4 }, { fallback: '-' }]);
});

test('a header with a file is the file, and a moving picture is a video', () => {
  const made = template({ media: true, kind: 'gif', category: 'MARKETING' });
  const model = preview.ofTemplate(form(), made, given({ header: 'https://host.example/a.mp4' }));
  assert.deepEqual(model.header, { type: 'video', name: [{ text: 'a.mp4' }], size: '' });
  assert.ok(model.marketing);
});

test('buttons of a template keep their kind', () => {
  const types = ['QUICK_REPLY', 'URL', 'PHONE_NUMBER', 'COPY_CODE', 'OTP', 'NEW'];
  const buttons = types.map((type) => ({ n: 0, type, text: 'x', value: '' }));
  const drawn = preview.ofTemplate(form(), template({ buttons }), given()).buttons;
  assert.deepEqual(drawn.map(({ type }) => type), ['reply', 'url', 'phone', 'copy', 'copy', 'reply']);
});
