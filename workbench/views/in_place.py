"""Pieces of a page that change in place: what did not change is left alone when a piece is told anew.

ipywidgets replaces all that a piece holds whenever its text changes. In the browser, this has each piece compared
with what it becomes, and changes only what differs: whoever has opened details, scrolled a picture, marked a text
or stands on something with the keyboard is not thrown out. What a person opened or closed stays so.
Something that is wider than its place begins with what it is about in the middle, once.
"""

from __future__ import annotations

from typing import Any

SCRIPT = """
const PIECE = ".wb-page .widget-html-content";
const WIDE = ".wb-page .wb-wide", ABOUT = ".wb-about";
const OPENED = /(<details[^>]*?) open(="[^"]*")?/g;
const told = node => node.nodeType === 1 ? node.outerHTML.replace(OPENED, "$1") : node.data;
const same = (old, fresh) => old.nodeType === fresh.nodeType && told(old) === told(fresh);
const among = (first, node) => {
  for (let each = first; each; each = each.nextSibling) if (same(each, node)) return true;
  return false;
};

function become(old, fresh) {
  if (old.nodeType !== 1) { old.data = fresh.data; return; }
  const kept = old.localName === "details" ? "open" : "";
  for (const { name } of [...old.attributes]) if (name !== kept && !fresh.hasAttribute(name)) old.removeAttribute(name);
  for (const { name, value } of fresh.attributes)
    if (name !== kept && old.getAttribute(name) !== value) old.setAttribute(name, value);
  within(old, fresh);
}

function within(old, fresh) {
  let here = old.firstChild, next = fresh.firstChild;
  while (next) {
    const after = next.nextSibling;
    if (!here) old.append(next);
    else if (same(here, next)) here = here.nextSibling;
    else if (among(after, here)) old.insertBefore(next, here);
    else if (among(here.nextSibling, next)) {
      here = here.nextSibling;
      here.previousSibling.remove();
      continue;
    } else {
      const was = here;
      here = here.nextSibling;
      if (was.nodeName === next.nodeName) become(was, next);
      else was.replaceWith(next);
    }
    next = after;
  }
  while (here) {
    here = here.nextSibling;
    (here ? here.previousSibling : old.lastChild).remove();
  }
}

function tend(piece) {
  if (Object.hasOwn(piece, "innerHTML")) return;
  const plain = Object.getOwnPropertyDescriptor(Element.prototype, "innerHTML");
  Object.defineProperty(piece, "innerHTML", {
    configurable: true,
    get() { return plain.get.call(this); },
    set(text) {
      const fresh = document.createElement("template");
      fresh.innerHTML = text;
      within(this, fresh.content);
    },
  });
}

const begun = new WeakSet();
const begin = new ResizeObserver(seen => {
  for (const { target } of seen) {
    const about = target.querySelector(ABOUT);
    if (!about || !target.clientWidth) continue;
    begin.unobserve(target);
    const at = about.getBoundingClientRect(), here = target.getBoundingClientRect();
    target.scrollLeft += at.left + at.width / 2 - here.left - here.width / 2;
  }
});

export default {
  render({ el }) {
    el.hidden = true;
    const tendAll = () => {
      document.querySelectorAll(PIECE).forEach(tend);
      for (const wide of document.querySelectorAll(WIDE)) {
        if (begun.has(wide)) continue;
        begun.add(wide);
        begin.observe(wide);
      }
    };
    const watch = new MutationObserver(tendAll);
    watch.observe(document.body, { childList: true, subtree: true });
    tendAll();
    return () => watch.disconnect();
  },
};
"""


def in_place() -> Any:
    """A widget without looks; one on a page tends to all its pieces."""
    import anywidget

    class InPlace(anywidget.AnyWidget):
        _esm = SCRIPT

    return InPlace()
