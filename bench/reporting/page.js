// What a report's page does by itself: plots that are drawn for the width there is, lines that are switched off, a slider
// through the operating points. Everything comes from data attributes; text is only ever set as text. Without it the page shows the
// same numbers, with plots that stand still.
"use strict";
(() => {
const SVG = "http://www.w3.org/2000/svg";
const plots = [];
let step = null;

const make = (name, attributes, parent, text) => {
  const node = document.createElementNS(SVG, name);
  for (const [key, value] of Object.entries(attributes)) node.setAttribute(key, value);
  if (text !== undefined) node.textContent = text;
  if (parent) parent.append(node);
  return node;
};
const colour = (name) => (name.startsWith("#") ? name : `var(--${name})`);
const short = (value) => String(Number(value.toPrecision(3)));

// --- Scales ---

function ticks(low, high, most, log) {
  if (log) {
    const found = [];
    for (let power = Math.floor(Math.log10(low)) - 1; power <= Math.log10(high) + 1; power++)
      for (const first of high / low > 200 ? [1] : high / low > 30 ? [1, 2, 5] : [1, 1.5, 2, 3, 4, 6, 8])
        found.push(first * 10 ** power);
    const inside = found.filter((value) => value >= low * 0.999 && value <= high * 1.001);
    return inside.filter((_, place) => place % Math.ceil(inside.length / most) === 0);
  }
  const rough = (high - low) / Math.max(1, most), power = 10 ** Math.floor(Math.log10(rough));
  const size = [1, 2, 2.5, 5, 10].map((times) => times * power).find((value) => value >= rough);
  const found = [];
  for (let value = Math.ceil(low / size) * size; value <= high + size * 1e-6; value += size) found.push(Number(value.toPrecision(12)));
  return found;
}

function range(values, { log, from, room }) {
  let low = Math.min(...values), high = Math.max(...values);
  if (from !== null && from !== undefined) low = Math.min(from, low);
  if (log) return [low / 1.15, high * 1.15];
  const extra = (high - low || Math.abs(high) || 1) * room;
  return [from === low ? low : low - extra, high + extra];
}

function scale([low, high], [start, end], log) {
  const at = log ? Math.log : (value) => value;
  return (value) => start + ((at(value) - at(low)) / (at(high) - at(low))) * (end - start);
}

// --- One plot ---

function draw(plot) {
  const { holder, spec } = plot, width = Math.max(240, holder.clientWidth), narrow = width < 430;
  const areas = spec.kind === "areas", bars = spec.kind === "bars", rows = spec.y_names.length;
  const height = rows ? 26 * rows + 54 : Math.round(Math.min(areas ? 300 : 400, Math.max(230, width * (areas ? 0.36 : 0.72))));
  const shown = spec.series.filter((_, place) => !plot.off.has(place));
  const points = shown.flatMap((series) => series.points.map((point) => ({ ...point, series })));
  const ends = (axis) => points.flatMap((point) => [point[axis], ...(point.series.whiskers || point.series.band ? [point[`${axis}_low`], point[`${axis}_high`]] : [])]).filter((value) => value !== null);
  const xs = bars ? stacked(spec).map((bar) => bar.end) : ends("x"), ys = areas ? [0, 100] : ends("y");
  const xRange = spec.x_names.length ? [-0.5, spec.x_names.length - 0.5] : range(xs, { log: spec.x_log, from: bars ? 0 : spec.x_from, room: areas ? 0 : 0.05 });
  const yRange = rows ? [rows - 0.5, -0.5] : areas ? [0, 100] : range(ys, { log: spec.y_log, from: spec.y_from, room: 0.08 });
  const up = rows ? spec.y_names : ticks(...yRange, 6, spec.y_log).map(short), longest = Math.max(...up.map((text) => text.length));
  const left = Math.max(50, Math.min(width * 0.42, (rows ? 12 : 26) + 6.6 * longest));
  const numbers = Math.max(0, ...points.map((point) => (point.number || "").length));
  const box = { left, right: width - (bars ? Math.max(34, 10 + 6.6 * numbers) : 14), top: 12, bottom: height - 42 };
  const x = scale(xRange, [box.left, box.right], spec.x_log), y = scale(yRange, [box.bottom, box.top], spec.y_log);
  const svg = make("svg", { viewBox: `0 0 ${width} ${height}`, width, height, role: "img", tabindex: 0, "aria-label": spec.name });
  const clip = make("clipPath", { id: `inside-${plots.indexOf(plot)}` }, svg);
  make("rect", { x: box.left, y: 0, width: width - box.left, height: box.bottom }, clip);
  Object.assign(plot, { svg, x, y, box, narrow, points, shown });
  axes(plot, xRange, yRange);
  if (areas) stack(plot); else if (bars) bar(plot); else lines(plot);
  plot.marks = make("g", {}, svg);
  holder.replaceChildren(svg, plot.tip);
  for (const name of svg.querySelectorAll("text.name")) fit(name, box.left - 7);
  mark(plot);
}

function axes({ spec, svg, x, y, box, narrow }, xRange, yRange) {
  const names = (list, place) => list.map((text, at) => ({ text, at: place(at) }));
  const along = spec.x_names.length ? names(spec.x_names, x) : ticks(...xRange, narrow ? 4 : 7, spec.x_log).map((v) => ({ text: short(v), at: x(v) }));
  const up = spec.y_names.length ? names(spec.y_names, y) : ticks(Math.min(...yRange), Math.max(...yRange), 6, spec.y_log).map((v) => ({ text: short(v), at: y(v) }));
  for (const { text, at } of up) {
    if (!spec.y_names.length) make("line", { x1: box.left, x2: box.right, y1: at, y2: at, class: "grid" }, svg);
    make("text", { x: box.left - 7, y: at + 4, "text-anchor": "end", ...(spec.y_names.length ? { class: "name" } : {}) }, svg, text);
  }
  for (const { text, at } of along) {
    make("line", { x1: at, x2: at, y1: box.top, y2: box.bottom, class: "grid" }, svg);
    const turned = spec.x_names.length && narrow;
    make("text", { x: at, y: box.bottom + 17, "text-anchor": "middle", ...(turned ? { "font-size": 9 } : {}) }, svg, text);
  }
  spec.x_marks.forEach(([place, word], number) => { // the first with its whole word, the others with its end
    make("line", { x1: x(place), x2: x(place), y1: box.top, y2: box.bottom, class: "across" }, svg);
    make("text", { x: x(place), y: box.top - 3, "text-anchor": "middle" }, svg, number ? word.split(" ").pop() : word);
  });
  make("text", { x: (box.left + box.right) / 2, y: box.bottom + 36, "text-anchor": "middle" }, svg, spec.x);
  if (spec.y) make("text", { x: -(box.top + box.bottom) / 2, y: 12, transform: "rotate(-90)", "text-anchor": "middle" }, svg, spec.y);
}

// A name that is wider than its room goes on in a second line; what is wider still ends early: pointing at its bar tells all of it.
function fit(name, room) {
  if (name.getComputedTextLength() <= room) return;
  const parts = name.textContent.split(/ (?=[^ ]+$)/);
  name.textContent = "";
  parts.forEach((part, place) => {
    const line = make("tspan", { x: room, dy: place ? 11 : 5.5 - 5.5 * parts.length }, name, part);
    for (let end = part.length - 1; end && line.getComputedTextLength() > room; end--) line.textContent = `${part.slice(0, end)}\u2026`;
  });
}

function lines({ spec, svg, x, y, shown }) {
  for (const series of shown) if (series.band) band(svg, series, x, y);
  if (spec.front.length) {
    const path = spec.front.map(([a, b], place) => (place ? `H${x(a)}V${y(b)}` : `M${x(a)},${y(b)}`)).join("");
    make("path", { d: path, class: "front" }, svg);
  }
  if (spec.y_line !== null) make("line", { x1: x(-0.5), x2: x(spec.x_names.length - 0.5), y1: y(spec.y_line), y2: y(spec.y_line), class: "level" }, svg);
  for (const series of shown) {
    const drawn = series.points.map((point) => `${x(point.x)},${y(point.y)}`).join(" ");
    if (series.line) make("polyline", { points: drawn, fill: "none", stroke: colour(series.colour), "stroke-width": 1.4, opacity: 0.55 }, svg);
    for (const point of series.points) {
      if (series.whiskers) whiskers(svg, point, x, y, colour(series.colour));
      shape(svg, series.mark, x(point.x), y(point.y), colour(series.colour), point);
      if (point.number) make("text", { x: x(point.x) + 8, y: y(point.y) + 13, style: `fill:${colour(series.colour)}` }, svg, point.number);
    }
  }
}

function band(svg, series, x, y) {
  const edge = (side) => series.points.map((point) => `${x(point.x)},${y(point[side] ?? point.y)}`);
  const look = { fill: colour(series.colour), class: "band", "clip-path": `url(#${svg.querySelector("clipPath").id})` };
  make("polygon", { points: [...edge("y_high"), ...edge("y_low").reverse()].join(" "), ...look }, svg);
}

function whiskers(parent, point, x, y, stroke) {
  const look = { stroke, class: "whisker", "clip-path": `url(#${parent.closest("svg").querySelector("clipPath").id})` };
  if (point.y_low !== null) make("line", { x1: x(point.x), x2: x(point.x), y1: y(point.y_low), y2: y(point.y_high), ...look }, parent);
  if (point.x_low !== null) make("line", { x1: x(point.x_low), x2: x(point.x_high), y1: y(point.y), y2: y(point.y), ...look }, parent);
}

function shape(parent, mark, x, y, fill, { faded, radius }) {
  const look = { fill: mark === "hollow" ? "var(--paper)" : fill, stroke: fill, opacity: faded ? 0.3 : 1, class: "mark" };
  if (mark === "s") make("rect", { x: x - 4, y: y - 4, width: 8, height: 8, ...look }, parent);
  else if (mark === "d" || mark === "hollow") make("path", { d: `M${x},${y - 6}l6,6l-6,6l-6,-6z`, ...look }, parent);
  else if (mark === "star") {
    const tips = [...Array(10).keys()].map((k) => [k % 2 ? 3.2 : 7.5, (k * Math.PI) / 5]);
    make("path", { d: "M" + tips.map(([r, a]) => `${x + r * Math.sin(a)},${y - r * Math.cos(a)}`).join("L") + "z", ...look }, parent);
  } else make("circle", { cx: x, cy: y, r: radius ?? (mark === "dot" ? 2.4 : 5), ...look }, parent);
}

function stack({ spec, svg, x, y }) {
  let below = spec.series[0].points.map(() => 0);
  for (const series of spec.series) {
    const above = series.points.map((point, place) => below[place] + point.y), xs = series.points.map((point) => x(point.x));
    const edge = [...xs.map((a, k) => `${a},${y(above[k])}`), ...xs.map((a, k) => `${a},${y(below[k])}`).reverse()];
    make("polygon", { points: edge.join(" "), fill: colour(series.colour) }, svg);
    below = above;
  }
}

function stacked(spec) {
  const ends = spec.y_names.map(() => 0);
  return spec.series.flatMap((series) => series.points.map((point) => {
    const start = ends[point.y];
    ends[point.y] += point.x;
    return { series, point, start, end: ends[point.y] };
  }));
}

function bar({ spec, svg, x, y }) {
  for (const { series, point, start, end } of stacked(spec)) {
    make("rect", { x: x(start), y: y(point.y) - 8, width: Math.max(0, x(end) - x(start)), height: 16, fill: colour(point.colour || series.colour), opacity: point.faded ? 0.45 : 1 }, svg);
    if (point.number) make("text", { x: x(end) + 5, y: y(point.y) + 4 }, svg, point.number);
  }
}

// --- What moves: the point under the pointer, and the operating point of the slider ---

function mark(plot) {
  const { spec, x, y, box, marks, points } = plot;
  marks.replaceChildren();
  const here = points.find((point) => point.step !== null && point.step === step);
  if (!here) return;
  if (spec.kind === "areas") {
    make("line", { x1: x(here.x), x2: x(here.x), y1: box.top, y2: box.bottom, class: "here" }, marks);
    return;
  }
  whiskers(marks, here, x, y, colour(here.series.colour));
  make("circle", { cx: x(here.x), cy: y(here.y), r: 8, class: "here" }, marks);
}

function tell(plot, point) {
  const { tip, x, y, box } = plot;
  tip.hidden = !point;
  mark(plot);
  plot.told = point || null;
  if (!point) return;
  tip.textContent = [point.label, ...point.facts].join("\n");
  if (plot.spec.kind === "xy") whiskers(plot.marks, point, x, y, colour(point.series.colour));
  const across = plot.spec.kind === "bars" ? box.left + 30 : x(point.x);
  const width = tip.offsetWidth, left = Math.min(across + 12, plot.holder.clientWidth - width - 4);
  tip.style.left = `${Math.max(0, left)}px`;
  const up = plot.spec.kind === "areas" ? box.top + 10 : y(point.y) + 14;
  tip.style.top = `${Math.max(0, Math.min(up, box.bottom - 20))}px`;
}

function nearest(plot, event) {
  const frame = plot.svg.getBoundingClientRect(), a = event.clientX - frame.left, b = event.clientY - frame.top;
  const flat = plot.spec.kind !== "xy";
  const far = (p) => (plot.spec.kind === "areas" ? Math.abs(plot.x(p.x) - a) : plot.spec.kind === "bars" ? Math.abs(plot.y(p.y) - b) : Math.hypot(plot.x(p.x) - a, plot.y(p.y) - b));
  const found = plot.points.reduce((best, p) => (far(p) < far(best) ? p : best), plot.points[0]);
  return found && (flat || far(found) < 40) ? found : null;
}

function walk(plot, by) {
  const at = plot.points.indexOf(plot.told), count = plot.points.length;
  tell(plot, plot.points[(at + by + count) % count]);
}

function begin(holder) {
  const tip = document.createElement("div"), plot = { holder, tip, spec: JSON.parse(holder.dataset.plot), told: null, off: new Set() };
  tip.className = "tip";
  tip.hidden = true;
  tip.setAttribute("role", "status");
  plots.push(plot);
  holder.addEventListener("pointermove", (event) => tell(plot, nearest(plot, event)));
  holder.addEventListener("pointerleave", () => tell(plot, null));
  holder.addEventListener("click", (event) => {
    const found = nearest(plot, event);
    if (found && found.step !== null) go(found.step);
  });
  holder.addEventListener("keydown", (event) => {
    const by = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
    if (by) { event.preventDefault(); walk(plot, by); }
  });
  draw(plot);
  plot.width = holder.clientWidth;
  const legend = holder.parentElement.querySelector(".legend");
  if (legend && plot.spec.kind === "xy") [...legend.children].forEach((item, place) => switchable(plot, item, place));
}

function switchable(plot, item, place) {
  const button = document.createElement("button");
  button.type = "button";
  button.title = "show or hide";
  button.setAttribute("aria-pressed", "true");
  button.append(...item.childNodes);
  item.append(button);
  button.addEventListener("click", () => {
    if (plot.off.has(place)) plot.off.delete(place);
    else if (plot.off.size + 1 < plot.spec.series.length) plot.off.add(place); // the last one stays
    button.setAttribute("aria-pressed", String(!plot.off.has(place)));
    tell(plot, null);
    draw(plot);
  });
}

function go(to) {
  step = to;
  const slider = document.querySelector("input[data-steps]");
  if (slider) show(slider, JSON.parse(slider.dataset.steps)[to]);
  for (const plot of plots) mark(plot);
  for (const row of document.querySelectorAll("tr[data-step]")) row.classList.toggle("here", Number(row.dataset.step) === to);
}

function show(slider, { name, use, cards, cells }) {
  slider.value = step;
  slider.setAttribute("aria-valuetext", name);
  for (const output of document.querySelectorAll("output[data-name]")) output.textContent = name;
  for (const code of document.querySelectorAll("code[data-use]")) code.textContent = use;
  document.querySelectorAll("[data-card]").forEach((card, place) => {
    card.querySelectorAll("[data-part]").forEach((part, which) => { part.textContent = cards[place][which]; });
  });
  for (const row of document.querySelectorAll("tr.live")) [...row.cells].forEach((cell, place) => { cell.textContent = cells[place]; });
}

// A table that is wider than the page says so, and fades where it goes on.
function fade(area) {
  const left = area.scrollWidth - area.clientWidth;
  area.classList.toggle("wide", left > 1);
  area.classList.toggle("more", left - area.scrollLeft > 1);
}

// --- The page ---

const areas = document.querySelectorAll(".scroll");
const open = () => document.querySelectorAll("details:not(.long)").forEach((part) => { part.open = true; });
const redraw = () => {
  for (const plot of plots.filter(({ holder, width }) => holder.clientWidth && holder.clientWidth !== width)) {
    plot.width = plot.holder.clientWidth;
    draw(plot);
  }
  areas.forEach(fade);
};

document.querySelectorAll("[data-plot]").forEach(begin);
const slider = document.querySelector("input[data-steps]");
if (slider) {
  const first = Number(slider.value);
  slider.closest(".explore").hidden = false;
  slider.addEventListener("input", () => go(Number(slider.value)));
  document.querySelector("button[data-reset]").addEventListener("click", () => go(first));
  go(first);
}
for (const area of areas) area.addEventListener("scroll", () => fade(area));
for (const part of document.querySelectorAll("details")) part.addEventListener("toggle", redraw);
new ResizeObserver(() => requestAnimationFrame(redraw)).observe(document.querySelector("main"));  // drawing resizes what is observed
addEventListener("beforeprint", () => { open(); redraw(); });
document.documentElement.dataset.ready = "yes";
})();
