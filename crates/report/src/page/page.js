"use strict";
const D = JSON.parse(document.getElementById("data").textContent);
const $ = id => document.getElementById(id);
const NS = "http://www.w3.org/2000/svg";
const NARROW = matchMedia("(max-width: 34rem)");
const COLORS = ["#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", "currentColor"];
const color = i => COLORS[i % COLORS.length];
const methodColor = name => color(Math.max(0, D.methods.indexOf(name)));

function svg(tag, attributes, parent, text) {
  const node = document.createElementNS(NS, tag);
  for (const key in attributes) node.setAttribute(key, attributes[key]);
  if (text !== undefined) node.textContent = text;
  if (parent) parent.appendChild(node);
  return node;
}
function html(tag, attributes, parent, text) {
  const node = document.createElement(tag);
  for (const key in attributes) node.setAttribute(key, attributes[key]);
  if (text !== undefined) node.textContent = text;
  if (parent) parent.appendChild(node);
  return node;
}
const has = v => v !== null && v !== undefined && Number.isFinite(v);
function number(v) {
  if (!has(v)) return "–";
  const size = Math.abs(v);
  if (size >= 100) return Math.round(v).toLocaleString("en").replace(/,/g, "\u202f");
  return String(Number(v.toPrecision(3)));
}
const parameter = name => D.parameters[name] || { unit: "1", nominal: null };
function quantity(name) {
  const unit = parameter(name).unit, words = name.replace(/_/g, " ");
  return unit === "1" ? words : words + " (" + unit + ")";
}
function values(phi, names) { return names.map((name, i) => name.replace(/_/g, " ") + " " + number(phi[i])).join(", "); }
function mean(list) { const sound = list.filter(has); return sound.length && sound.length === list.length ? sound.reduce((a, b) => a + b, 0) / sound.length : null; }
function standardError(list) {
  if (list.length < 2) return null;
  const m = mean(list); if (m === null) return null;
  return Math.sqrt(list.reduce((a, v) => a + (v - m) ** 2, 0) / (list.length - 1) / list.length);
}
function ticks(low, high, most) {
  const raw = (high - low) / most, power = 10 ** Math.floor(Math.log10(raw));
  const step = [1, 2, 5, 10].map(k => k * power).find(step => step >= raw * 0.999);
  const list = [];
  for (let k = Math.ceil(low / step - 1e-9); k * step <= high + 1e-9 * step; k++) list.push(k * step);
  return list;
}
function extent(list, fromZero) {
  const sound = list.filter(has);
  if (!sound.length) return null;
  let low = Math.min(...sound), high = Math.max(...sound);
  if (high - low < 1e-12 * Math.max(1, Math.abs(high))) { const half = Math.abs(high) * 0.1 || 1; return [low - half, high + half]; }
  const pad = 0.04 * (high - low);
  return [fromZero && low >= 0 && low < 0.6 * high ? 0 : low - pad, high + pad];
}
// Viridis at nine places, linear between them.
const VIRIDIS = [[68,1,84],[72,40,120],[62,74,137],[49,104,142],[38,130,142],[31,158,137],[53,183,121],[109,205,89],[180,222,44],[253,231,37]];
function viridis(t) {
  const at = Math.min(1, Math.max(0, t)) * (VIRIDIS.length - 1), k = Math.min(VIRIDIS.length - 2, Math.floor(at));
  return "rgb(" + VIRIDIS[k].map((v, i) => Math.round(v + (at - k) * (VIRIDIS[k + 1][i] - v))).join(",") + ")";
}

/* A sheet with axes; returns the mapping from values to drawing units. */
function sheet(host, o) {
  const W = o.width || 480, H = o.height || 300, left = 62, right = 14, top = 10, bottom = 44;
  const root = svg("svg", { viewBox: `0 0 ${W} ${H}`, tabindex: "0", role: "img", "aria-label": o.label }, host);
  const x = v => left + (W - left - right) * (v - o.x[0]) / (o.x[1] - o.x[0]);
  const y = v => H - bottom - (H - bottom - top) * (v - o.y[0]) / (o.y[1] - o.y[0]);
  for (const t of ticks(o.y[0], o.y[1], 6)) {
    if (!o.plain) svg("line", { class: "grid", x1: left, x2: W - right, y1: y(t), y2: y(t) }, root);
    svg("text", { x: left - 6, y: y(t) + 4, "text-anchor": "end" }, root, number(t));
  }
  // As many numbers below the axis as have room, at some 8 units a character.
  const room = list => list.reduce((sum, t) => sum + 8 * (number(t).length + 1), 0) <= W - left - right;
  let below = [];
  for (let most = 6; most > 1 && (!below.length || !room(below)); most--) below = ticks(o.x[0], o.x[1], most);
  for (const t of below) {
    svg("line", { class: "axis", x1: x(t), x2: x(t), y1: H - bottom, y2: H - bottom + 4 }, root);
    svg("text", { x: x(t), y: H - bottom + 17, "text-anchor": "middle" }, root, number(t));
  }
  svg("path", { class: "axis", d: `M${left} ${top}V${H - bottom}H${W - right}` }, root);
  svg("text", { x: (left + W - right) / 2, y: H - 8, "text-anchor": "middle" }, root, o.xlabel);
  svg("text", { transform: `translate(13 ${(top + H - bottom) / 2}) rotate(-90)`, "text-anchor": "middle" }, root, o.ylabel);
  const inner = svg("g", {}, root);
  const at = event => {
    const box = root.getBoundingClientRect();
    return [(event.clientX - box.left) * W / box.width, (event.clientY - box.top) * H / box.height];
  };
  return { root, inner, x, y, at, area: [left, top, W - right, H - bottom] };
}
/* Lets pointer and arrow keys choose among places; `show(i)` marks and reads out place i. */
function explore(s, count, nearest, show, rowLength) {
  let at = -1;
  const go = i => { at = Math.min(count - 1, Math.max(0, i)); show(at); };
  s.root.addEventListener("pointermove", e => go(nearest(...s.at(e))));
  s.root.addEventListener("pointerdown", e => go(nearest(...s.at(e))));
  s.root.addEventListener("keydown", e => {
    const up = rowLength || 1;
    const by = { ArrowRight: 1, ArrowLeft: -1, ArrowUp: rowLength ? up : 1, ArrowDown: rowLength ? -up : -1 }[e.key];
    if (by === undefined) return;
    e.preventDefault();
    go(at < 0 ? 0 : at + by);
  });
}
function legend(host, names) {
  const row = html("div", { class: "controls note" }, host);
  names.forEach(([name, tint]) => {
    const entry = html("span", {}, row);
    html("span", { class: "swatch", style: "background:" + tint }, entry);
    entry.append(name);
  });
}
function lines(host, o) {
  host.replaceChildren();
  const all = o.series.flatMap(s => [...s.y, ...(s.low || []), ...(s.high || [])]);
  const xs = o.series.flatMap(s => s.x);
  const xr = extent(o.nominal == null ? xs : [...xs, o.nominal], false), yr = o.yrange || extent(all, true);
  if (!xr || !yr) { html("p", { class: "note" }, host, "No value to show."); return; }
  const part = html("div", { class: "whole" }, host);
  if (o.series.length > 1 || o.series[0].name) legend(part, o.series.map(s => [s.name, s.color]));
  const s = sheet(part, { x: xr, y: yr, xlabel: o.xlabel, ylabel: o.ylabel, width: NARROW.matches ? 420 : 760, height: NARROW.matches ? 300 : 340, label: o.label });
  if (o.nominal != null) svg("line", { class: "mark", x1: s.x(o.nominal), x2: s.x(o.nominal), y1: s.area[1], y2: s.area[3] }, s.inner);
  for (const one of o.series) {
    if (one.low) {
      const sound = one.x.map((_, i) => i).filter(i => has(one.low[i]) && has(one.high[i]));
      if (sound.length > 1) {
        const up = sound.map(i => s.x(one.x[i]) + " " + s.y(one.high[i])), down = sound.slice().reverse().map(i => s.x(one.x[i]) + " " + s.y(one.low[i]));
        svg("path", { d: "M" + up.join("L") + "L" + down.join("L") + "Z", fill: one.color, "fill-opacity": 0.18 }, s.inner);
      }
    }
  }
  for (const one of o.series) {
    let d = "", pen = false;
    one.x.forEach((x, i) => {
      if (!has(one.y[i])) { pen = false; return; }
      d += (pen ? "L" : "M") + s.x(x).toFixed(1) + " " + s.y(one.y[i]).toFixed(1); pen = true;
      if (o.markers || o.points) svg("circle", { cx: s.x(x), cy: s.y(one.y[i]), r: o.points ? 2 : 3, fill: one.color }, s.inner);
    });
    if (!o.points) svg("path", { d, fill: "none", stroke: one.color, "stroke-width": 2 }, s.inner);
  }
  const places = [...new Set(xs)].sort((a, b) => a - b);
  const cursor = svg("line", { class: "mark", y1: s.area[1], y2: s.area[3], visibility: "hidden" }, s.inner);
  explore(s, places.length, px => {
    let best = 0;
    places.forEach((x, i) => { if (Math.abs(s.x(x) - px) < Math.abs(s.x(places[best]) - px)) best = i; });
    return best;
  }, i => {
    const x = places[i];
    cursor.setAttribute("x1", s.x(x)); cursor.setAttribute("x2", s.x(x)); cursor.setAttribute("visibility", "visible");
    const read = o.series.map(one => {
      const k = one.x.indexOf(x);
      if (k < 0) return null;
      const band = one.low && has(one.low[k]) ? ` [${number(one.low[k])}, ${number(one.high[k])}]` : "";
      return `${one.name ? one.name + " " : ""}${number(one.y[k])}${band}`;
    }).filter(Boolean);
    o.readout.textContent = `${o.xlabel} ${number(x)}: ${read.join(" · ")}`;
  });
}
function edges(middles, name) {
  const n = middles.length, p = parameter(name);
  if (n === 1) { const half = Math.abs(middles[0]) * 0.1 || 0.5; return [middles[0] - half, middles[0] + half]; }
  const list = [1.5 * middles[0] - 0.5 * middles[1]];
  for (let i = 1; i < n; i++) list.push(0.5 * (middles[i - 1] + middles[i]));
  list.push(1.5 * middles[n - 1] - 0.5 * middles[n - 2]);
  if (has(p.lower)) { list[0] = Math.max(list[0], p.lower); list[n] = Math.min(list[n], p.upper); }
  return list;
}
function heat(host, o) {
  const part = html("div", {}, host);
  html("h4", {}, part, o.title);
  const ex = edges(o.xs, o.names[0]), ey = edges(o.ys, o.names[1]);
  const s = sheet(part, { x: [ex[0], ex[ex.length - 1]], y: [ey[0], ey[ey.length - 1]], xlabel: quantity(o.names[0]), ylabel: quantity(o.names[1]), width: 400, height: 330, plain: true, label: o.label });
  const at = (i, j) => o.values[i * o.ys.length + j];
  o.xs.forEach((_, i) => o.ys.forEach((_, j) => {
    const v = at(i, j), x0 = s.x(ex[i]), x1 = s.x(ex[i + 1]), y1 = s.y(ey[j]), y0 = s.y(ey[j + 1]);
    svg("rect", { x: x0, y: y0, width: x1 - x0 + 0.4, height: y1 - y0 + 0.4, fill: has(v) ? viridis((v - o.scale[0]) / (o.scale[1] - o.scale[0])) : "#9994" }, s.inner);
  }));
  if (o.outline && o.outline.length) {
    const id = "clip" + Math.random().toString(36).slice(2), clip = svg("clipPath", { id }, s.inner);
    svg("rect", { x: s.area[0], y: s.area[1], width: s.area[2] - s.area[0], height: s.area[3] - s.area[1] }, clip);
    const d = "M" + o.outline.map(p => s.x(p[0]).toFixed(1) + " " + s.y(p[1]).toFixed(1)).join("L") + "Z";
    svg("path", { d, fill: "none", stroke: "#000", "stroke-width": 4, "clip-path": `url(#${id})` }, s.inner);
    svg("path", { d, fill: "none", stroke: "#fff", "stroke-width": 2, "clip-path": `url(#${id})` }, s.inner);
  }
  const nx = parameter(o.names[0]).nominal, ny = parameter(o.names[1]).nominal;
  if (has(nx) && has(ny) && nx >= ex[0] && nx <= ex[ex.length - 1] && ny >= ey[0] && ny <= ey[ey.length - 1])
    svg("circle", { cx: s.x(nx), cy: s.y(ny), r: 4, fill: "#fff", stroke: "#000", "stroke-width": 2 }, s.inner);
  const cursor = svg("rect", { fill: "none", stroke: "#fff", "stroke-width": 2.5, visibility: "hidden" }, s.inner);
  const nearest = (px, list, map) => { let k = list.findIndex((_, i) => { const a = map(list[i]), b = map(list[i + 1]); return i + 1 < list.length && px >= Math.min(a, b) && px <= Math.max(a, b); }); return k < 0 ? 0 : k; };
  const nX = o.xs.length;
  explore(s, o.xs.length * o.ys.length, (px, py) => nearest(py, ey, s.y) * nX + nearest(px, ex, s.x), k => {
    const i = k % nX, j = Math.floor(k / nX);
    for (const [key, v] of Object.entries({ x: s.x(ex[i]), y: s.y(ey[j + 1]), width: s.x(ex[i + 1]) - s.x(ex[i]), height: s.y(ey[j]) - s.y(ey[j + 1]), visibility: "visible" })) cursor.setAttribute(key, v);
    o.readout.textContent = `${o.title}: ${number(at(i, j))} at ${values([o.xs[i], o.ys[j]], o.names)}`;
  }, nX);
}
function bar(host, scale, label) {
  const part = html("div", { class: "whole" }, host), root = svg("svg", { viewBox: "0 0 400 44", role: "img", "aria-label": "colour scale", style: "max-width:26rem" }, part);
  for (let k = 0; k < 100; k++) svg("rect", { x: 10 + 3.8 * k, y: 4, width: 4.2, height: 12, fill: viridis(k / 99) }, root);
  for (const t of ticks(scale[0], scale[1], 5)) svg("text", { x: 10 + 380 * (t - scale[0]) / (scale[1] - scale[0]), y: 29, "text-anchor": "middle" }, root, number(t));
  svg("text", { x: 200, y: 43, "text-anchor": "middle" }, root, label);
}
function histograms(host, o) {
  host.replaceChildren();
  const range = extent(o.groups.flatMap(g => g.values), true);
  if (!range) { html("p", { class: "note" }, host, "No value to show."); return; }
  const N = 48, shares = o.groups.map(g => {
    const counts = new Array(N).fill(0), sound = g.values.filter(has);
    sound.forEach(v => counts[Math.min(N - 1, Math.floor((v - range[0]) / (range[1] - range[0]) * N))]++);
    return counts.map(c => 100 * c / Math.max(1, sound.length));
  });
  const high = Math.max(...shares.flat()) * 1.05 || 1;
  o.groups.forEach((g, k) => {
    const part = html("div", {}, host);
    html("h4", {}, part, `${g.name}: mean ${number(mean(g.values.filter(has)))}`);
    const s = sheet(part, { x: range, y: [0, high], xlabel: o.xlabel, ylabel: "systems (%)", width: 380, height: 210, label: `${g.name}, distribution of ${o.xlabel}` });
    const place = i => range[0] + (range[1] - range[0]) * i / N;
    const bars = shares[k].map((v, i) => svg("rect", { x: s.x(place(i)) + 0.4, width: s.x(place(i + 1)) - s.x(place(i)) - 0.8, y: s.y(v), height: s.y(0) - s.y(v), fill: methodColor(g.name), "fill-opacity": 0.75 }, s.inner));
    let last = null;
    explore(s, N, px => Math.floor((px - s.area[0]) / (s.area[2] - s.area[0]) * N), i => {
      if (last) last.removeAttribute("stroke");
      last = bars[i]; last.setAttribute("stroke", "currentColor");
      o.readout.textContent = `${g.name}: ${number(shares[k][i])} % of the systems between ${number(place(i))} and ${number(place(i + 1))}`;
    });
  });
}

/* Summary and the figure over the systems. */
const METRICS = [["mean", "mean return"], ["sd", "standard deviation of the return over episodes"], ["length", "mean episode length"], ["still", "episodes that stood still (%)"]];
const chosen = () => [...document.querySelectorAll("#methods input:checked")].map(box => box.value);
function column(policy, metric) {
  return metric === "still" ? (policy.still ? policy.still.map(v => has(v) ? 100 * v : null) : null) : policy[metric];
}
function drawSummary(set) {
  const table = $("summary"); table.replaceChildren();
  const head = html("tr", {}, html("thead", {}, table));
  set.summary.header.forEach(text => html("th", { scope: "col" }, head, text));
  const body = html("tbody", {}, table);
  set.summary.rows.forEach(row => {
    const line = html("tr", {}, body);
    row.forEach((cell, i) => {
      const node = html(i ? "td" : "th", i ? {} : { scope: "row" }, line);
      if (!i) html("span", { class: "swatch", style: "background:" + methodColor(cell) }, node);
      const [text, interval] = cell.split(" [");
      node.append(text);
      if (interval) { node.append(" "); html("small", {}, node, "[" + interval); }
    });
  });
  $("set-note").textContent = set.note;
  $("summary-note").textContent = D.summaryNote;
}
function drawFigure() {
  const set = D.sets[$("set").value], metric = $("metric").value, label = METRICS.find(m => m[0] === metric)[1];
  const host = $("figure"), readout = $("readout"); host.replaceChildren();
  readout.textContent = set.worst ? "" : "Point at the figure, or move through it with Tab and the arrow keys, to read values.";
  const names = chosen().filter(name => set.policies.some(p => p.method === name));
  const groups = names.map(name => ({ name, policies: set.policies.filter(p => p.method === name && column(p, metric)) })).filter(g => g.policies.length);
  if (!groups.length) { html("p", { class: "note" }, host, "Nothing to show: choose a method, or something else to show."); }
  else if (set.axes && set.axes.length === 1) {
    const series = groups.map(g => {
      const cells = set.axes[0].map((_, i) => g.policies.map(p => column(p, metric)[i]));
      const y = cells.map(mean), se = cells.map(standardError);
      const one = { name: g.name, color: methodColor(g.name), x: set.axes[0], y };
      if (g.policies.length > 1) { one.low = y.map((v, i) => has(v) && has(se[i]) ? v - se[i] : null); one.high = y.map((v, i) => has(v) && has(se[i]) ? v + se[i] : null); }
      return one;
    });
    lines(host, { series, xlabel: quantity(set.parameters[0]), ylabel: label, nominal: parameter(set.parameters[0]).nominal, markers: true, readout, label: `${label} against ${set.parameters[0]}` });
  } else if (set.axes && set.axes.length === 2) {
    const maps = groups.map(g => ({ name: g.name, values: g.policies[0].mean.map((_, i) => mean(g.policies.map(p => column(p, metric)[i]))) }));
    const all = maps.flatMap(m => m.values).filter(has);
    const scale = all.length ? [Math.min(...all), Math.max(...all)] : [0, 1];
    if (scale[1] - scale[0] < 1e-9) scale[1] = scale[0] + 1;
    for (const m of maps) heat(host, { title: m.name, xs: set.axes[0], ys: set.axes[1], values: m.values, names: set.parameters, scale, outline: set.outline, readout, label: `${label}, ${m.name}` });
    bar(host, scale, label);
  } else if (set.worst) {
    const table = html("table", {}, html("div", { class: "scroll whole" }, host)), head = html("tr", {}, table);
    ["policy", label].forEach(text => html("th", { scope: "col" }, head, text));
    html("th", { scope: "col", class: "text" }, head, "at");
    groups.flatMap(g => g.policies).forEach(p => {
      const row = html("tr", {}, table);
      html("th", { scope: "row" }, row, `${p.method} ${p.policy}`);
      html("td", {}, row, number(column(p, metric)[0]));
      html("td", { class: "text" }, row, values(p.phi[0], set.parameters));
    });
  } else {
    histograms(host, { groups: groups.map(g => ({ name: g.name, values: g.policies.flatMap(p => column(p, metric)) })), xlabel: label, readout });
  }
  const profile = set.profile;
  const series = (profile ? profile.methods : []).filter(m => names.includes(m.method)).map(m => ({ name: m.method, color: methodColor(m.method), x: profile.thresholds, y: m.share.map(v => 100 * v[0]), low: m.share.map(v => 100 * v[1]), high: m.share.map(v => 100 * v[2]) }));
  if (series.length) lines($("profile"), { series, xlabel: "mean return", ylabel: "systems above it (%)", yrange: [0, 102], readout, label: "share of systems above a return" });
  else $("profile").replaceChildren();
}
function drawSet() { drawSummary(D.sets[$("set").value]); drawFigure(); }

/* Training. */
function drawPath() {
  const path = D.paths[$("path-run").value], host = $("path"), readout = $("readout2");
  const last = path.steps[path.steps.length - 1];
  const [unit, xlabel] = last >= 5e5 ? [1e6, "policy steps (millions)"] : last >= 1e4 ? [1e3, "policy steps (thousands)"] : [1, "policy steps"];
  // No more lines than colours that can be told apart: those that moved most.
  const reach = k => Math.max(...path.z.map(row => Math.abs(row[k] || 0)));
  const most = path.parameters.map((_, k) => k).sort((a, b) => reach(b) - reach(a)).slice(0, 7);
  const series = most.map((k, i) => ({ name: path.parameters[k].replace(/_/g, " "), color: color(i), x: path.steps.map(x => x / unit), y: path.z.map(row => row[k] === null ? null : 100 * row[k]) }));
  // Lines between many turns that jump would hide everything.
  lines(host, { series, points: path.steps.length > 60, xlabel, ylabel: "change from nominal (%)", readout, label: "the dynamics that the adversary chose" });
  const more = path.parameters.length - most.length;
  if (more) html("p", { class: "note whole" }, host, `${more} parameters that moved less are left out.`);
  if (path.parameters.length !== 2) return;
  const p = path.parameters.map(parameter), points = path.z.filter(row => row.every(has)).map(row => row.map((z, k) => p[k].nominal + z * p[k].scale));
  if (!points.length) return;
  const outline = path.outline || [];
  const part = html("div", {}, host);
  const xr = extent([...points.map(q => q[0]), ...outline.map(q => q[0])]), yr = extent([...points.map(q => q[1]), ...outline.map(q => q[1])]);
  const s = sheet(part, { x: xr, y: yr, xlabel: quantity(path.parameters[0]), ylabel: quantity(path.parameters[1]), width: 420, height: 340, label: "the adversary's path" });
  if (outline.length) svg("path", { d: "M" + outline.map(q => s.x(q[0]) + " " + s.y(q[1])).join("L") + "Z", fill: "none", stroke: "currentColor", "stroke-dasharray": "5 4" }, s.inner);
  svg("path", { d: "M" + points.map(q => s.x(q[0]) + " " + s.y(q[1])).join("L"), fill: "none", stroke: "currentColor", "stroke-opacity": 0.25 }, s.inner);
  points.forEach((q, i) => svg("circle", { cx: s.x(q[0]), cy: s.y(q[1]), r: 3.5, fill: viridis(i / Math.max(1, points.length - 1)) }, s.inner));
  const nominal = svg("circle", { cx: s.x(p[0].nominal), cy: s.y(p[1].nominal), r: 4.5, fill: "none", stroke: "currentColor", "stroke-width": 2 }, s.inner);
  svg("title", {}, nominal, "nominal");
  explore(s, points.length, (px, py) => {
    let best = 0;
    const far = q => (s.x(q[0]) - px) ** 2 + (s.y(q[1]) - py) ** 2;
    points.forEach((q, i) => { if (far(q) < far(points[best])) best = i; });
    return best;
  }, i => { readout.textContent = `turn ${i}: ${values(points[i], path.parameters)}`; });
  html("p", { class: "note" }, part, "Dark: first turns; bright: last. Circle: nominal. Dashed: the ball.");
}

/* Replay: forward kinematics of the recorded positions. */
function decode(episode) {
  if (episode.frames) return episode.frames;
  const bytes = Uint8Array.from(atob(episode.data), c => c.charCodeAt(0)), n = episode.low.length;
  const frames = [];
  for (let f = 0; f * n * 2 < bytes.length; f++) {
    const row = [];
    for (let k = 0; k < n; k++) {
      const at = 2 * (f * n + k), level = bytes[at] + 256 * bytes[at + 1];
      row.push(episode.low[k] + (episode.high[k] - episode.low[k]) * level / 65535);
    }
    frames.push(row);
  }
  episode.frames = frames;
  return frames;
}
/* Each body's transform maps its place in the zero configuration to the world: rotate by `a`, then shift. */
function pose(skeleton, q) {
  const placed = [];
  return skeleton.links.map(link => {
    const base = link.parent === null ? { c: 1, s: 0, x: 0, z: 0 } : placed[link.parent];
    const angle = link.angle === null ? 0 : link.sign * q[link.angle];
    const c = Math.cos(angle), s = Math.sin(angle), [ax, az] = link.anchor;
    // p -> anchor + R (p - anchor), then the parent's transform; R turns z towards x.
    const own = { c, s, x: ax - (c * ax + s * az), z: az - (-s * ax + c * az) };
    if (link.slide) { own.x += q[link.slide[0]]; if (link.slide[1] !== null) own.z += q[link.slide[1]] - skeleton.height; }
    const t = { c: base.c * own.c - base.s * own.s, s: base.s * own.c + base.c * own.s,
      x: base.c * own.x + base.s * own.z + base.x, z: -base.s * own.x + base.c * own.z + base.z };
    placed.push(t);
    const map = ([x, z]) => [t.c * x + t.s * z + t.x, -t.s * x + t.c * z + t.z];
    return { name: link.name, capsules: link.capsules.map(k => ({ from: map(k.from), to: map(k.to), radius: k.radius })) };
  });
}
function scaled(skeleton, phi) {
  // A varied length changes the drawing, too.
  const value = skeleton.length && phi[skeleton.length.parameter];
  if (!has(value)) return skeleton;
  const copy = JSON.parse(JSON.stringify(skeleton)), link = copy.links[skeleton.length.link];
  link.capsules.forEach(k => { k.to[1] = skeleton.length.factor * value; });
  return copy;
}
const player = { time: 0, running: false, last: 0 };
function find(policy, dynamics) { return D.replay.episodes.find(e => e.policy === Number(policy) && e.dynamics === Number(dynamics)); }
/* The dynamics of a side: those on the right are the same unless the reader says otherwise. */
function under(k) { return k && $("dynamics-right").value !== "same" ? $("dynamics-right").value : $("dynamics").value; }
function stage(k) {
  const episode = find($(k ? "right" : "left").value, under(k)), canvas = $("stage" + k), g = canvas.getContext("2d");
  const style = getComputedStyle(document.documentElement), ink = style.getPropertyValue("--ink"), muted = style.getPropertyValue("--muted"), line = style.getPropertyValue("--line");
  g.clearRect(0, 0, canvas.width, canvas.height);
  if (!episode) { $("said" + k).textContent = "not recorded"; return 0; }
  const frames = decode(episode), dt = D.replay.dt, duration = (frames.length - 1) * dt;
  const t = Math.min(player.time, duration) / dt, i = Math.min(frames.length - 1, Math.floor(t)), j = Math.min(frames.length - 1, i + 1);
  const row = frames[i].map((v, n) => v + (t - i) * (frames[j][n] - v));
  const q = row.slice(0, -1), earned = row[row.length - 1];
  if (D.solid) drawSolid(g, canvas, D.solid, q, COLORS.slice(0, 6), "#8a929b", muted);
  else drawPlane(g, canvas, scaled(D.skeleton, D.replay.dynamics[episode.dynamics].phi), q, muted, line);
  g.fillStyle = ink; g.font = "20px system-ui, sans-serif";
  g.fillText(`return ${number(earned)}`, 14, 28);
  if (player.time >= duration) g.fillText(episode.ended, 14, 54);
  $("said" + k).textContent = `${D.replay.policies[episode.policy]}: return ${number(episode.ret)} in ${episode.length} steps, ${episode.ended}`;
  return duration;
}
function drawPlane(g, canvas, skeleton, q, muted, line) {
  const parts = pose(skeleton, q);
  const view = skeleton.view, zoom = canvas.height / view.height, middle = view.follow ? q[0] : 0;
  const X = x => canvas.width / 2 + (x - middle) * zoom, Z = z => canvas.height - (z - view.bottom) * zoom;
  g.strokeStyle = line; g.fillStyle = muted; g.lineWidth = 2; g.font = "20px system-ui, sans-serif";
  const half = canvas.width / 2 / zoom;
  if (skeleton.ground) {
    g.beginPath(); g.moveTo(0, Z(0)); g.lineTo(canvas.width, Z(0)); g.stroke();
    for (let x = Math.ceil(middle - half); x <= middle + half; x++) {
      g.beginPath(); g.moveTo(X(x), Z(0)); g.lineTo(X(x), Z(0) + 10); g.stroke();
      g.fillText(x + " m", X(x) - 14, Z(0) + 30);
    }
  } else { g.beginPath(); g.moveTo(X(-skeleton.rail), Z(0)); g.lineTo(X(skeleton.rail), Z(0)); g.stroke(); }
  g.lineCap = "round";
  parts.forEach((part, n) => part.capsules.forEach(c => {
    g.strokeStyle = COLORS[n % 6]; g.globalAlpha = /_left$/.test(part.name) ? 0.45 : 0.9; g.lineWidth = 2 * c.radius * zoom;
    g.beginPath(); g.moveTo(X(c.from[0]), Z(c.from[1])); g.lineTo(X(c.to[0]) + 0.01, Z(c.to[1])); g.stroke();
  }));
  g.globalAlpha = 1;
}
function drawReplay() {
  const end = Math.max(stage(0), stage(1));
  $("time").max = end; $("time").value = player.time;
  $("clock").textContent = `${player.time.toFixed(2)} s`;
  const phi = k => Object.entries(D.replay.dynamics[under(k)].phi).map(([name, v]) => `${name.replace(/_/g, " ")} ${number(v)}`).join(", ");
  $("phi").textContent = under(0) === under(1) ? phi(0) : `left: ${phi(0) || "nominal"}; right: ${phi(1) || "nominal"}`;
  return end;
}
function tick(now) {
  if (!player.running) return;
  // A frame's time may lie before the click that began it.
  player.time += Math.min(0.1, Math.max(0, now - player.last) / 1000) * Number($("speed").value);
  player.last = now;
  const end = drawReplay();
  if (player.time >= end) { player.time = end; setRunning(false); } else requestAnimationFrame(tick);
}
function setRunning(running) {
  player.running = running;
  $("play").textContent = running ? "Pause" : "Play";
  $("play").setAttribute("aria-pressed", running);
  if (!running) return;
  if (player.time >= Number($("time").max) - 1e-6) player.time = 0;
  player.last = performance.now();
  requestAnimationFrame(tick);
}

function options(select, names) { names.forEach((name, i) => html("option", { value: i }, select, name)); }
function begin() {
  document.title = D.title; $("title").textContent = D.title; $("about").textContent = D.about;
  D.methods.forEach((name, i) => {
    const label = html("label", {}, $("methods"));
    const box = html("input", { type: "checkbox", value: name }, label); box.checked = true;
    box.addEventListener("change", drawFigure);
    html("span", { class: "swatch", style: "background:" + color(i) }, label);
    label.append(name);
  });
  METRICS.forEach(([key, name]) => html("option", { value: key }, $("metric"), name));
  options($("set"), D.sets.map(set => set.name));
  $("set").addEventListener("change", drawSet); $("metric").addEventListener("change", drawFigure);
  if (D.sets.length) drawSet();
  else { $("figure").textContent = "No evaluation was found: `wr2l evaluate` makes one."; $("readout").textContent = ""; }
  if (D.curves.length) {
    const series = D.curves.map(c => ({ name: c.method, color: methodColor(c.method), x: c.x, y: c.y, low: c.low, high: c.high }));
    lines($("curves"), { series, xlabel: D.curvesLabel, ylabel: "mean return in training", readout: $("readout2"), label: "learning curves" });
  }
  if (!D.curves.length && !D.paths.length) $("training").hidden = true;
  if (D.paths.length) { options($("path-run"), D.paths.map(p => p.policy)); $("path-run").addEventListener("change", drawPath); drawPath(); }
  else $("paths-part").hidden = true;
  if (!D.replay || !D.replay.episodes.length) { $("replay").hidden = true; return; }
  $("replay-note").textContent = D.replay.note + (D.solid ? " Drag to look from elsewhere, or use the arrow keys; + and − come closer and back." : "");
  options($("dynamics"), D.replay.dynamics.map(d => d.label));
  html("option", { value: "same" }, $("dynamics-right"), "the same");
  options($("dynamics-right"), D.replay.dynamics.map(d => d.label));
  options($("left"), D.replay.policies); options($("right"), D.replay.policies);
  $("right").value = D.replay.policies.length - 1;
  for (const id of ["dynamics", "dynamics-right", "left", "right"]) $(id).addEventListener("change", () => { player.time = 0; drawReplay(); });
  $("time").addEventListener("input", () => { setRunning(false); player.time = Number($("time").value); drawReplay(); });
  $("play").addEventListener("click", () => setRunning(!player.running));
  if (D.solid) for (const k of [0, 1]) orbit($("stage" + k), drawReplay);
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", drawReplay);
  drawReplay();
}
begin();
