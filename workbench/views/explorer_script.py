"""The threshold explorer's script: it works out rates from counts and draws them; see `views.explorer`."""

from __future__ import annotations

SCRIPT = """
const SPACE = "http://www.w3.org/2000/svg";
const PLOT = { width: 1000, height: 190 };
const AIMS = { common: "One threshold for all", equal_selection: "Select all groups equally often",
               equal_opportunity: "Find equally many of the true yeses" };

function make(tag, look, ...inside) {
  const made = document.createElement(tag);
  if (look) made.className = look;
  made.append(...inside);  // texts stay texts
  return made;
}

function draw(tag, given) {
  const made = document.createElementNS(SPACE, tag);
  for (const [name, value] of Object.entries(given)) made.setAttribute(name, value);
  return made;
}

const ratio = (part, whole) => (whole > 0 ? part / whole : null);
const share = (value) => (value === null ? "undefined" : `${(100 * value).toFixed(1)} %`);
const exact = (value) => String(+value.toFixed(4));
const cut = (value) => (value >= 1 ? "1 (nobody)" : exact(value));
const sign = (value) => (value < -0.0005 ? "−" : value > 0.0005 ? "+" : "±");
const points = (value) => `${sign(value)}${Math.abs(100 * value).toFixed(1)} points`;

function rates(group, place) {
  const wrong = group.negatives - group.negatives_below[place];
  const right = group.positives - group.positives_below[place];
  const n = group.negatives + group.positives;
  const agrees = group.negatives_below[place] + right;
  return { n, yes: wrong + right, agrees, selected: ratio(wrong + right, n), tpr: ratio(right, group.positives),
           fpr: ratio(wrong, group.negatives), accuracy: ratio(agrees, n) };
}

function nearest(thresholds, value) {
  let best = 0;
  thresholds.forEach((each, place) => {
    if (Math.abs(each - value) < Math.abs(thresholds[best] - value)) best = place;
  });
  return best;
}

function together(groups, place) {  // of the groups that are compared
  const found = groups.filter((group) => group.compared).map((group) => ({ name: group.name, ...rates(group, place) }));
  const sum = (key) => found.reduce((total, each) => total + each[key], 0);
  const known = found.filter((each) => each.selected !== null).sort((a, b) => a.selected - b.selected);
  const lowest = known[0], highest = known[known.length - 1];
  const impact = known.length > 1 ? ratio(lowest.selected, highest.selected) : null;
  return { selected: ratio(sum("yes"), sum("n")), accuracy: ratio(sum("agrees"), sum("n")), lowest, highest, impact };
}

function told(all, threshold, limit) {
  const yes = share(all.selected), right = share(all.accuracy);
  const said = `At ${cut(threshold)}: ${yes} get a yes and ${right} of the answers are right.`;
  if (all.impact === null) return `${said} The groups cannot be compared.`;
  const met = limit === null ? "" : all.impact < limit ? `, below ${exact(limit)}` : `, not below ${exact(limit)}`;
  return `${said} Disparate impact ${all.impact.toFixed(3)}${met}: ${all.lowest.name} ${share(all.lowest.selected)} ` +
    `selected, ${all.highest.name} ${share(all.highest.selected)}.`;
}

function curves(groups, thresholds) {
  const svg = draw("svg", { class: "wb-curves", viewBox: `0 0 ${PLOT.width} ${PLOT.height}`, role: "img",
                            preserveAspectRatio: "none",
                            "aria-label": "Share of each group that is selected, by threshold" });
  const x = (value) => (PLOT.width * Math.min(1, value)).toFixed(1);
  groups.forEach((group, rank) => {
    const points = thresholds.map((value, place) => {
      const selected = rates(group, place).selected;
      return selected === null ? "" : `${x(value)},${(PLOT.height - 4 - (PLOT.height - 10) * selected).toFixed(1)}`;
    });
    svg.append(draw("polyline", { class: `wb-of wb-of-${rank % 6}`, points: points.join(" ") }));
  });
  const stands = draw("line", { class: "wb-stands", y1: 0, y2: PLOT.height });
  svg.append(stands);
  const move = (value) => { stands.setAttribute("x1", x(value)); stands.setAttribute("x2", x(value)); };
  return { svg, move };
}

function listing(heads, rows) {
  const names = heads.map(([words, called]) => {
    const th = make("th", words ? "" : "wb-plot", words, ...(called ? [make("span", "", called)] : []));
    th.scope = "col";
    return th;
  });
  const head = make("thead", "", make("tr", "", ...names));
  return make("div", "wb-wide", make("table", "wb-thresholds", head, make("tbody", "", ...rows)));
}

function row(head, ...cells) {
  head.scope = "row";
  return make("tr", "", head, ...cells);
}

function lines(groups) {  // a row of numbers for each group
  return groups.map((group, rank) => {
    const key = draw("svg", { class: "wb-swatch", viewBox: "0 0 26 8", "aria-hidden": "true" });
    key.append(draw("line", { class: `wb-of wb-of-${rank % 6}`, x1: 0, x2: 26, y1: 4, y2: 4 }));
    const note = group.compared ? [] : [make("span", "wb-gloss", "not compared")];
    const bar = draw("rect", { class: "wb-bar-low", y: 3, height: 8, rx: 2 });
    const svg = draw("svg", { class: "wb-bar", height: 14, "aria-hidden": "true" });
    svg.append(draw("rect", { class: "wb-trough", width: "100%", y: 3, height: 8, rx: 2 }), bar);
    const cells = ["n", "selected", "tpr", "fpr", "accuracy"].map((name) => [name, make("td", "wb-number")]);
    const plot = make("td", "wb-plot", svg);
    const shown = row(make("th", "", key, group.name, ...note), cells[0][1], plot, ...cells.slice(1).map((c) => c[1]));
    const move = (place) => {
      const now = rates(group, place);
      bar.setAttribute("width", `${100 * (now.selected ?? 0)}%`);
      for (const [name, cell] of cells) {
        cell.textContent = name === "n" ? now.n.toLocaleString("en") : share(now[name]);
        cell.classList.toggle("wb-quiet", now[name] === null);
      }
    };
    return { shown, move };
  });
}

function aims(table, groups) {  // what each aim would cost against what is chosen
  return Object.entries(table.rules).map(([aim, rule]) => {
    const own = groups.map((group, place) => [group.name, rule.thresholds[place]]).filter((each) => each[1] !== null);
    const words = aim === "common" ? `${cut(own[0][1])} for all` : own.map(([n, t]) => `${n} ${cut(t)}`).join(" · ");
    const against = make("td", "wb-number");
    const cells = [make("td", "", words), make("td", "wb-number", share(rule.selected)),
                   make("td", "wb-number", share(rule.worth)), make("td", "wb-number", points(-rule.cost)), against];
    const shown = row(make("th", "", AIMS[aim]), ...cells);
    const move = (accuracy) => {
      against.textContent = accuracy === null ? "undefined" : points(rule.worth - accuracy);
    };
    return { shown, move };
  });
}

export default {
  render({ model, el }) {
    const table = model.get("table"), own = model.get("own"), limit = model.get("limit");
    const common = table.rules.common;
    const groups = table.groups.map((group, place) => ({
      ...group, name: group.group.join(", "), compared: !common || common.thresholds[place] !== null,
    }));
    const said = make("p", "wb-sentence");
    said.setAttribute("role", "status");
    const slider = make("input");
    Object.assign(slider, { type: "range", min: 0, max: table.thresholds.length - 1, step: 1 });
    slider.dataset.lmSuppressShortcuts = "true";  // JupyterLab leaves its keys alone
    const value = make("b", "wb-at");
    const label = make("label", "", "A score of at least this gets a yes", slider);
    const plot = curves(groups, table.thresholds), rows = lines(groups), rules = aims(table, groups);

    const move = (place) => {
      const threshold = table.thresholds[place];
      const all = together(groups, place);
      slider.value = place;
      slider.setAttribute("aria-valuetext", cut(threshold));
      value.textContent = cut(threshold);
      said.textContent = told(all, threshold, limit);
      plot.move(threshold);
      rows.forEach((each) => each.move(place));
      rules.forEach((each) => each.move(all.accuracy));
    };
    const jump = (words, threshold) => {
      const button = make("button", "jupyter-button wb-plain", words);
      button.type = "button";
      button.addEventListener("click", () => move(nearest(table.thresholds, threshold)));
      return button;
    };
    slider.addEventListener("input", () => move(Number(slider.value)));
    const jumps = own === null ? [] : [jump(`This version’s own: ${exact(own)}`, own)];
    const best = common ? common.thresholds.find((each) => each !== null) : undefined;
    if (best !== undefined) jumps.push(jump(`Right most often: ${cut(best)}`, best));

    el.classList.add("wb-explorer");
    el.append(said, make("div", "wb-slide", label, value, ...jumps), plot.svg,
      make("p", "wb-axis", make("span", "", "0: everybody"),
        make("span", "", "share of a group that is selected, 0 to 100 %, by threshold"),
        make("span", "", "1: nobody")),
      listing([["Group"], ["Cases"], [""], ["Selected", "of all"], ["Of true yeses", "true positive rate"],
               ["Of true noes", "false positive rate"], ["Right", "accuracy"]],
        rows.map((each) => each.shown)));
    if (rules.length) {
      el.append(make("h4", "", "What equality would cost"),
        listing([["Aim"], ["Thresholds"], ["Selected"], ["Right"], ["Against one for all"],
                 ["Against the slider"]],
          rules.map((each) => each.shown)));
    }
    move(own === null ? nearest(table.thresholds, best ?? 0.5) : nearest(table.thresholds, own));
  },
};
"""
