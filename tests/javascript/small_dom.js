// As much of a document as the tested modules touch: a tree of elements and texts, no layout, no events.
// What a person does on a page is tested in a real browser (tests/pages).

class SmallNode {
  parentNode = null;
  childNodes = [];

  get firstChild() {
    return this.childNodes[0] ?? null;
  }

  get lastChild() {
    return this.childNodes.at(-1) ?? null;
  }

  get previousSibling() {
    return this.sibling(-1);
  }

  get nextSibling() {
    return this.sibling(1);
  }

  sibling(step) {
    const all = this.parentNode?.childNodes ?? [];
    return all[all.indexOf(this) + step] ?? null;
  }

  contains(node) {
    return node === this || this.childNodes.some((child) => child.contains(node));
  }
}

class SmallText extends SmallNode {
  nodeType = 3;
  nodeName = '#text';

  constructor(data) {
    super();
    this.data = data;
  }

  get textContent() {
    return this.data;
  }
}

class SmallElement extends SmallNode {
  nodeType = 1;
  attributes = {};
  classes = new Set();
  classList = {
    toggle: (name, isOn) => (isOn ? this.classes.add(name) : this.classes.delete(name)),
    contains: (name) => this.classes.has(name),
  };

  constructor(tag) {
    super();
    this.nodeName = tag.toUpperCase();
  }

  get dataset() {
    const given = Object.entries(this.attributes).filter(([name]) => name.startsWith('data-'));
    return Object.fromEntries(given.map(([name, value]) => [name.slice('data-'.length), value]));
  }

  setAttribute(name, value) {
    this.attributes[name] = value;
  }

  removeAttribute(name) {
    delete this.attributes[name];
  }

  append(...children) {
    for (const child of children) {
      const node = typeof child === 'string' ? new SmallText(child) : child;
      node.parentNode = this;
      this.childNodes.push(node);
    }
  }

  replaceChildren(...children) {
    this.childNodes = [];
    this.append(...children);
  }

  get textContent() {
    return this.childNodes.map((child) => child.textContent).join('');
  }

  set textContent(text) {
    this.replaceChildren(text);
  }
}

/** Puts a document in the language into the global scope, as a browser does. */
export function installDocument(lang = 'en') {
  globalThis.Node = { ELEMENT_NODE: 1, TEXT_NODE: 3 };
  globalThis.document = {
    documentElement: { lang },
    createElement: (tag) => new SmallElement(tag),
    createTextNode: (data) => new SmallText(data),
  };
}
