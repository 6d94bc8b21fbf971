"""The list of hundreds of models: a line each, found and moved through in the browser, changed in place.

The browser filters and moves by itself, so that typing is answered at once; the kernel hears only of a model
that is chosen. Whatever a line holds is set as text. Keys: "/" to the filter, arrows, Home and End along the
lines, Enter chooses, Escape empties the filter.
"""

from __future__ import annotations

from typing import Any

SCRIPT = """
const SVG = "http://www.w3.org/2000/svg";
const WORDS = { act: "Act", watch: "Watch", unseen: "Unseen", healthy: "Well" };
const make = (tag, look, parent) => {
  const made = document.createElement(tag);
  if (look) made.className = look;
  if (parent) parent.append(made);
  return made;
};
const put = (node, words) => { if (node.textContent !== words) node.textContent = words; };

function row(model) {
  const line = make("div", "wb-model");
  line.setAttribute("role", "option");
  line.tabIndex = -1;
  line.dataset.model = model;
  const state = make("span", "wb-state", line);
  const told = make("span", "wb-why", line);
  const name = make("span", "wb-name", told);
  const extra = make("span", "wb-extra", told);
  const why = make("span", "wb-words", told);
  const since = make("span", "wb-when", line);
  const spark = document.createElementNS(SVG, "svg");
  spark.setAttribute("class", "wb-spark");
  spark.setAttribute("viewBox", "0 0 100 28");
  spark.setAttribute("preserveAspectRatio", "none");
  const area = document.createElementNS(SVG, "polygon");
  const curve = document.createElementNS(SVG, "polyline");
  spark.append(area, curve);
  line.append(spark);
  const count = make("span", "wb-count", line);
  const failed = make("span", "wb-failed", line);
  return { line, state, name, extra, why, since, spark, area, curve, count, failed, was: "" };
}

function show(parts, told) {
  const now = JSON.stringify(told);
  if (parts.was === now) return;
  parts.was = now;
  const look = `wb-state wb-is-${told.state}`;
  if (parts.state.className !== look) parts.state.className = look;
  put(parts.state, WORDS[told.state] || told.state);
  put(parts.name, told.model);
  put(parts.extra, told.extra);
  put(parts.why, told.why);
  parts.why.title = told.why;
  put(parts.since, told.since);
  put(parts.count, told.requests);
  put(parts.failed, told.failed);
  const top = Math.max(1, ...told.traffic);
  const step = 100 / Math.max(1, told.traffic.length - 1);
  const points = told.traffic.map((n, i) => `${(i * step).toFixed(1)},${(26 - 23 * n / top).toFixed(1)}`).join(" ");
  parts.curve.setAttribute("points", points);
  parts.area.setAttribute("points", `0,26 ${points} 100,26`);
  parts.spark.setAttribute("role", "img");
  parts.spark.setAttribute("aria-label", told.spoken);
}

export default {
  render({ model, el }) {
    const root = make("div", "wb-lines", el);
    const bar = make("div", "wb-lines-bar", root);
    const label = make("label", "wb-lines-find", bar);
    make("span", "", label).textContent = "Find a model";
    const find = make("input", "", label);
    find.type = "search";
    find.placeholder = "part of its name, or of what is said";
    const states = make("div", "wb-lines-states", bar);
    states.setAttribute("role", "group");
    states.setAttribute("aria-label", "Show only");
    const count = make("span", "wb-quiet", bar);
    count.setAttribute("role", "status");
    const both = make("div", "wb-lines-both", root);
    const head = make("div", "wb-model wb-model-head", both);
    for (const words of ["State", "Model, and why", "Since", "Requests by the hour", "Requests", "Failed"])
      make("span", "", head).textContent = words;
    const list = make("div", "wb-lines-list", both);
    list.setAttribute("role", "listbox");
    list.setAttribute("aria-label", "Models, the worst first");
    const none = make("p", "wb-empty", root);
    none.textContent = "No model matches.";
    const rows = new Map();
    let only = "", at = "";
    const chips = {};
    for (const state of ["act", "watch", "unseen", "healthy"]) {
      const chip = make("button", `wb-chip wb-is-${state}`, states);
      chip.type = "button";
      chip.setAttribute("aria-pressed", "false");
      chip.addEventListener("click", () => {
        only = only === state ? "" : state;
        for (const [name, each] of Object.entries(chips)) each.setAttribute("aria-pressed", String(name === only));
        draw();
      });
      chips[state] = chip;
    }

    function shown() { return [...list.children].filter(line => !line.hidden); }

    function draw() {
      const told = model.get("rows"), chosen = model.get("chosen");
      const words = find.value.toLowerCase().split(/\\s+/).filter(Boolean);
      const alive = new Set(told.map(one => one.model)), held = document.activeElement;
      for (const [name, parts] of rows) if (!alive.has(name)) { parts.line.remove(); rows.delete(name); }
      let seen = 0;
      const total = {};
      told.forEach((one, place) => {
        if (!rows.has(one.model)) rows.set(one.model, row(one.model));
        const parts = rows.get(one.model);
        show(parts, one);
        if (list.children[place] !== parts.line) list.insertBefore(parts.line, list.children[place] || null);
        const text = `${one.model} ${one.extra} ${one.why}`.toLowerCase();
        const found = words.every(word => text.includes(word)) && (!only || one.state === only);
        if (parts.line.hidden === found) parts.line.hidden = !found;
        seen += found;
        total[one.state] = (total[one.state] || 0) + 1;
        parts.line.setAttribute("aria-selected", String(one.model === chosen));
      });
      if (held !== document.activeElement && list.contains(held) && !held.hidden) held.focus({ preventScroll: true });
      for (const [name, chip] of Object.entries(chips)) {
        put(chip, `${WORDS[name]} ${total[name] || 0}`);
        chip.hidden = !total[name] && only !== name;
      }
      put(count, seen === told.length ? "" : `${seen} of ${told.length}`);
      none.hidden = seen > 0 || !told.length;
      const bare = told.length < 2;
      bar.hidden = bare;
      const first = shown()[0];
      if (!at || !rows.has(at) || rows.get(at).line.hidden) at = first ? first.dataset.model : "";
      for (const [name, parts] of rows) parts.line.tabIndex = name === at ? 0 : -1;
    }

    function go(line) {
      if (!line) return;
      at = line.dataset.model;
      for (const [name, parts] of rows) parts.line.tabIndex = name === at ? 0 : -1;
      line.focus();
    }

    function choose(line) {
      go(line);
      model.set("chosen", line.dataset.model);
      model.set("asked", model.get("asked") + 1);
      model.save_changes();
    }

    find.addEventListener("input", draw);
    find.addEventListener("keydown", event => {
      event.stopPropagation();
      if (event.key === "ArrowDown" || event.key === "Enter") { event.preventDefault(); go(shown()[0]); }
      if (event.key === "Escape") { find.value = ""; draw(); }
    });
    list.addEventListener("click", event => {
      const line = event.target.closest(".wb-model");
      if (line) choose(line);
    });
    list.addEventListener("keydown", event => {
      const all = shown(), place = all.indexOf(event.target.closest(".wb-model"));
      const to = { ArrowDown: place + 1, ArrowUp: place - 1, Home: 0, End: all.length - 1 }[event.key];
      if (to !== undefined) {
        event.preventDefault();
        event.stopPropagation();
        if (to < 0) find.focus(); else go(all[Math.min(to, all.length - 1)]);
      } else if (event.key === "Enter" || event.key === " ") {
        event.preventDefault();
        event.stopPropagation();
        if (place >= 0) choose(all[place]);
      }
    });
    const slash = event => {
      if (event.key !== "/" || event.ctrlKey || event.metaKey) return;
      if (event.target.closest && event.target.closest("input, textarea, [contenteditable]")) return;
      event.preventDefault();
      find.focus();
    };
    document.addEventListener("keydown", slash);
    model.on("change:rows", draw);
    model.on("change:chosen", draw);
    draw();
    return () => document.removeEventListener("keydown", slash);
  },
};
"""


def model_lines() -> Any:
    """The list; `rows` are its lines, `chosen` is the model whose line was chosen, `asked` grows at each choice."""
    import anywidget
    import traitlets

    class ModelLines(anywidget.AnyWidget):
        _esm = SCRIPT
        rows = traitlets.List(traitlets.Dict()).tag(sync=True)
        chosen = traitlets.Unicode("").tag(sync=True)
        asked = traitlets.Int(0).tag(sync=True)

    return ModelLines()
