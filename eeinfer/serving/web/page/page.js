// The page of a server: an image through all exits, tau moved over their scores, and graphs of what the server counts.
// It speaks the protocol as every client does; only /live is its own. Text is only ever set as text.
"use strict";
(() => {
const SVG = "http://www.w3.org/2000/svg", SECONDS = 60;
const given = JSON.parse(document.getElementById("given").textContent);
const at = (id) => document.getElementById(id);
const state = { model: null, token: "", answers: [], taus: [], history: [], before: null, asked: 0 };

const make = (name, parent, text, attributes = {}) => {
  const node = document.createElement(name);
  if (text !== undefined) node.textContent = text;
  for (const [key, value] of Object.entries(attributes)) node.setAttribute(key, value);
  parent.append(node);
  return node;
};
const draw = (name, parent, attributes, text) => {
  const node = document.createElementNS(SVG, name);
  for (const [key, value] of Object.entries(attributes)) node.setAttribute(key, value);
  if (text !== undefined) node.textContent = text;
  parent.append(node);
};
const short = (value) => String(Number(value.toPrecision(3)));
const nice = (value) => {
  const power = 10 ** Math.floor(Math.log10(value));
  return [1, 2, 5, 10].map((times) => times * power).find((round) => round >= value);
};
const colour = (k, count) => `hsl(${210 + (150 * k) / Math.max(1, count - 1)} 62% 52%)`;

async function ask(path, body) {
  const headers = state.token ? { Authorization: `Bearer ${state.token}` } : {};
  const reply = await fetch(path, body === undefined ? { headers } : { method: "POST", headers, body });
  const found = await reply.json();
  at("keys").hidden = reply.status !== 401;
  if (!reply.ok) throw new Error(found.error || `the server answered ${reply.status}`);
  return found;
}
async function attempt(work) {
  try {
    await work();
    at("trouble").textContent = "";
  } catch (error) {
    at("trouble").textContent = error.message;
  }
}

// --- Models ---

async function begin() {
  const ready = (await ask("v2/repository/index", '{"ready": true}')).map((row) => row.name);
  if (!ready.length) throw new Error("no model is ready");
  at("models").replaceChildren();
  if (ready.length > 1)
    for (const name of ready) make("button", at("models"), name, { type: "button" }).onclick = () => attempt(() => choose(name));
  await choose(ready[0]);
}

async function choose(name) {
  const facts = await ask(`v2/models/${encodeURIComponent(name)}`);
  state.asked++;
  Object.assign(state, { model: facts, answers: [], history: [], before: null, taus: facts.parameters.taus });
  for (const button of at("models").children) button.setAttribute("aria-pressed", button.textContent === name);
  const { classes, exits, promise, backend } = facts.parameters;
  at("name").textContent = document.title = name;
  at("facts").textContent = [`version ${facts.versions[0]}`, `${exits} exits`, `${classes.length} classes`, backend, promise]
    .filter(Boolean).join(" · ");
  at("try").hidden = !facts.parameters.images;
  at("shown").hidden = at("exits").hidden = true;
  at("verdict").textContent = "";
  at("samples").replaceChildren();
  if (given.classes.join() === classes.join()) given.samples.forEach(sample);
  showTaus();
}

// --- One image ---

function sample({ png, label }) {
  const url = `data:image/png;base64,${png}`, button = make("button", at("samples"), "", { class: "sample", title: label });
  make("img", button, "", { src: url, alt: label });
  button.onclick = () => attempt(() => answer(png, url));
}

async function take(file) {
  if (!file) return;
  const bytes = new Uint8Array(await file.arrayBuffer()), parts = [];
  for (let from = 0; from < bytes.length; from += 32768) parts.push(String.fromCharCode(...bytes.subarray(from, from + 32768)));
  await answer(btoa(parts.join("")), URL.createObjectURL(file));
}

// A row leaves where its score is above tau: with tau 0 there and 1 before, it is asked what every exit says.
async function answer(image, url) {
  const { name, inputs, parameters } = state.model, answers = [], asked = ++state.asked;
  const shown = at("shown");
  shown.onload = () => shown.classList.toggle("tiny", shown.naturalWidth < 100);
  shown.src = url;
  shown.hidden = false;
  for (let k = 0; k < parameters.exits; k++) {
    const tau = parameters.taus.map((_, exit) => (exit === k ? 0 : 1));
    const body = { inputs: [{ name: inputs[0].name, shape: [1], datatype: "BYTES", data: [image] }], parameters: { tau } };
    const reply = await ask(`v2/models/${encodeURIComponent(name)}/infer`, JSON.stringify(body));
    if (asked !== state.asked) return; // another image came in between
    const found = Object.fromEntries(reply.outputs.map((output) => [output.name, output.data[0]]));
    answers.push({ ...found, ms: reply.parameters.latency_ms });
    state.answers = answers;
    showAnswers();
  }
}

function showAnswers() {
  const { classes, exits } = state.model.parameters, body = at("exits").tBodies[0];
  const here = state.answers.findIndex((one, k) => k === exits - 1 || one.score > state.taus[k]);
  at("exits").hidden = !state.answers.length;
  body.replaceChildren();
  state.answers.forEach((one, k) => {
    const row = make("tr", body), last = k === exits - 1;
    row.className = k === here ? "here" : here >= 0 && k > here ? "later" : "";
    make("td", row, String(k));
    make("td", row, classes[one.prediction] ?? "no answer");
    const bar = make("div", make("td", row), "", { class: "bar", title: `score ${short(one.score ?? 0)}` });
    make("i", bar).style.width = `${100 * (one.score ?? 0)}%`;
    if (!last) make("b", bar).style.left = `${100 * state.taus[k]}%`;
    make("td", row, last ? "always" : short(state.taus[k]));
    make("td", row, `${short(one.ms)} ms`);
    make("td", row, k === here ? "leaves" : "");
  });
  if (here < 0 || !state.answers.length) return;
  const one = state.answers[here], rest = exits - 1 - here;
  const saved = rest ? `; ${rest} more ${rest === 1 ? "segment is" : "segments are"} not computed` : "";
  at("verdict").textContent = `Exit ${here} answers ${classes[one.prediction] ?? "nothing"}${saved}.`;
}

function showTaus() {
  const equal = state.taus.slice(0, -1).every((tau) => tau === state.taus[0]);
  if (equal && state.taus.length) at("tau").value = state.taus[0];
  at("at").textContent = equal && state.taus.length ? short(state.taus[0]) : "one per exit";
  showAnswers();
}

// --- Traffic ---

async function look() {
  if (!state.model) return;
  const found = (await ask("live"))[state.model.name] ?? { exits: {}, requests: {}, seconds: 0, answered: 0 };
  const now = performance.now() / 1e3, before = state.before;
  state.before = { ...found, now };
  if (!before) return;
  const passed = now - before.now, answered = found.answered - before.answered;
  const rates = Array.from({ length: state.model.parameters.exits }, (_, k) =>
    Math.max(0, (found.exits[k] ?? 0) - (before.exits[k] ?? 0)) / passed);
  state.history.push({ now, rates, ms: answered > 0 ? ((found.seconds - before.seconds) / answered) * 1e3 : null });
  while (state.history[0].now < now - SECONDS) state.history.shift();
  showTraffic(found.requests);
}

function frame(holder, most) {
  const width = Math.max(240, holder.clientWidth), height = 190, low = height - 22, now = state.history.at(-1)?.now ?? 0;
  holder.replaceChildren();
  const svg = document.createElementNS(SVG, "svg");
  svg.setAttribute("viewBox", `0 0 ${width} ${height}`);
  holder.append(svg);
  const x = (time) => width - 8 - ((now - time) / SECONDS) * (width - 56), y = (value) => low - (value / most) * (low - 12);
  for (const part of [0, 0.5, 1]) {
    draw("line", svg, { x1: 46, x2: width - 8, y1: y(most * part), y2: y(most * part) });
    draw("text", svg, { x: 40, y: y(most * part) + 4, "text-anchor": "end" }, short(most * part));
  }
  draw("text", svg, { x: 46, y: height - 4 }, `${SECONDS} s ago`);
  draw("text", svg, { x: width - 8, y: height - 4, "text-anchor": "end" }, "now");
  return { svg, x, y };
}

function showTraffic(requests) {
  const exits = state.model.parameters.exits, history = state.history;
  const sum = (rates) => rates.reduce((all, one) => all + one, 0), most = nice(Math.max(1, ...history.map((one) => sum(one.rates))));
  const areas = frame(at("rates"), most), upTo = (one, k) => sum(one.rates.slice(0, k));
  for (let k = 0; k < exits; k++) {
    const over = history.map((one) => `${areas.x(one.now)},${areas.y(upTo(one, k + 1))}`);
    const under = history.map((one) => `${areas.x(one.now)},${areas.y(upTo(one, k))}`).reverse();
    draw("polygon", areas.svg, { points: [...over, ...under].join(" "), fill: colour(k, exits) });
  }
  const times = history.filter((one) => one.ms !== null), line = frame(at("times"), nice(Math.max(0.1, ...times.map((one) => one.ms))));
  draw("polyline", line.svg, { points: times.map((one) => `${line.x(one.now)},${line.y(one.ms)}`).join(" ") });
  at("legend").replaceChildren();
  history.at(-1).rates.forEach((rate, k) => {
    const item = make("li", at("legend"));
    make("i", item).style.background = colour(k, exits);
    item.append(`exit ${k}: ${short(rate)}`);
  });
  at("counts").replaceChildren();
  for (const [outcome, count] of Object.entries(requests)) make("li", at("counts"), `${outcome} ${count}`);
}

// --- What a visitor does ---

at("tau").oninput = () => {
  const tau = Number(at("tau").value);
  state.taus = state.taus.map((_, k) => (k === state.taus.length - 1 ? 0 : tau));
  showTaus();
};
at("own").onclick = () => { state.taus = state.model.parameters.taus; showTaus(); };
at("drop").onclick = () => at("file").click();
at("drop").onkeydown = (event) => { if (event.key === "Enter" || event.key === " ") { event.preventDefault(); at("file").click(); } };
at("file").onchange = () => attempt(() => take(at("file").files[0]));
for (const kind of ["dragover", "dragleave", "drop"])
  at("drop").addEventListener(kind, (event) => {
    event.preventDefault();
    at("drop").classList.toggle("over", kind === "dragover");
    if (kind === "drop") attempt(() => take(event.dataTransfer.files[0]));
  });
at("keys").onsubmit = (event) => { event.preventDefault(); state.token = at("token").value; attempt(begin); };
attempt(begin);
const again = () => setTimeout(() => (document.hidden ? Promise.resolve() : look().catch(() => {})).then(again), 1000);
again();
})();
