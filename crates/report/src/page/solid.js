/* A robot in three dimensions: a camera that goes around it, round sticks as strokes, all else as faces, far ones first. */
const camera = { yaw: -1.0, pitch: 0.3, zoom: 1 };
const plus = (a, b, s = 1) => [a[0] + s * b[0], a[1] + s * b[1], a[2] + s * b[2]];
const inner = (a, b) => a[0] * b[0] + a[1] * b[1] + a[2] * b[2];
const outer = (a, b) => [a[1] * b[2] - a[2] * b[1], a[2] * b[0] - a[0] * b[2], a[0] * b[1] - a[1] * b[0]];
const unit = a => { const n = Math.hypot(...a) || 1; return a.map(x => x / n); };
/* A vector turned by the unit quaternion (w, x, y, z). */
function turned([w, ...v], p) { const t = outer(v, p).map(x => 2 * x); return plus(plus(p, t, w), outer(v, t)); }
const placed = (place, p) => plus(turned(place.turn, p), place.at);

/* Faces of a part in its own frame, each a list of corners, seen from outside counter-clockwise. */
function facesOf({ kind, size: [a, b, c] }) {
  const ring = (n, f) => [...Array(n).keys()].map(i => f(2 * Math.PI * i / n));
  if (kind === "box") {
    const at = (x, y, z) => [x * a, y * b, z * c], faces = [];
    for (const s of [-1, 1]) {
      const square = s > 0 ? [[-1, -1], [1, -1], [1, 1], [-1, 1]] : [[-1, -1], [-1, 1], [1, 1], [1, -1]];
      faces.push(square.map(([u, v]) => at(u, v, s)), square.map(([u, v]) => at(s, u, v)), square.map(([u, v]) => at(v, s, u)));
    }
    return faces;
  }
  const stack = kind === "cylinder" ? [[a, -b], [a, b]]
    : [...Array(9).keys()].map(i => { const t = Math.PI * (i / 8 - 0.5); return [Math.cos(t), Math.sin(t)]; });
  const at = kind === "cylinder" ? ([r, z], t) => [r * Math.cos(t), r * Math.sin(t), z]
    : ([r, z], t) => [a * r * Math.cos(t), b * r * Math.sin(t), c * z];
  const rings = stack.map(level => ring(16, t => at(level, t))), faces = [];
  for (let i = 0; i + 1 < rings.length; i++) for (let k = 0; k < 16; k++) {
    const next = (k + 1) % 16;
    faces.push([rings[i][k], rings[i][next], rings[i + 1][next], rings[i + 1][k]]);
  }
  if (kind === "cylinder") faces.push(rings[1], [...rings[0]].reverse());
  return faces;
}
const isRound = part => part.kind === "sphere" || part.kind === "capsule";
const centre = corners => corners.reduce((sum, p) => plus(sum, p, 1 / corners.length), [0, 0, 0]);

/* How far the robot reaches from its first body, which says how far away the camera is. */
function reach(drawing, places) {
  if (!drawing.reach) {
    const far = drawing.parts.filter(part => part.body !== null).map(part => {
      const [a, b] = part.size, long = part.kind === "capsule" || part.kind === "cylinder" ? a + b : part.kind === "sphere" ? a : Math.hypot(...part.size);
      return Math.hypot(...plus(placed(places[part.body], part.at), places[0].at, -1)) + long;
    });
    drawing.reach = Math.max(0.05, ...far);
  }
  return drawing.reach;
}
function shade(hex, light) {
  const rgb = [1, 3, 5].map(i => parseInt(hex.slice(i, i + 2), 16));
  return `rgb(${rgb.map(x => Math.round(light < 1 ? x * light : x + (255 - x) * (light - 1))).join(",")})`;
}
/* Draws the robot at the places of a frame; `colors` are those of bodies, `still` that of what stands in the world. */
function drawSolid(g, canvas, drawing, row, colors, still, line) {
  const places = drawing.bodies.map((_, k) => ({ at: row.slice(7 * k, 7 * k + 3), turn: unit(row.slice(7 * k + 3, 7 * k + 7)) }));
  const world = { at: [0, 0, 0], turn: [1, 0, 0, 0] }, size = reach(drawing, places);
  const target = places[0].at, cos = Math.cos(camera.pitch);
  const back = [cos * Math.cos(camera.yaw), cos * Math.sin(camera.yaw), Math.sin(camera.pitch)];
  const eye = plus(target, back, 2.8 * size / camera.zoom), ahead = back.map(x => -x);
  const right = unit(outer(ahead, [0, 0, 1])), up = outer(right, ahead), focal = 1.5 * canvas.height;
  const seen = p => {
    const d = plus(p, eye, -1), depth = inner(d, ahead), s = focal / Math.max(depth, 1e-6);
    return { x: canvas.width / 2 + s * inner(d, right), y: canvas.height / 2 - s * inner(d, up), s, depth };
  };
  const nearest = 0.02 * size, inFront = (...points) => points.every(p => p.depth > nearest);
  const stroke = (a, b, width) => { g.lineWidth = width; g.beginPath(); g.moveTo(a.x, a.y); g.lineTo(b.x + 0.01, b.y); g.stroke(); };
  if (drawing.floor !== null) {
    const step = [0.1, 0.2, 0.5, 1, 2, 5, 10].find(s => s >= 0.5 * size) || 10, count = 8;
    const [cx, cy] = [Math.round(target[0] / step), Math.round(target[1] / step)];
    g.strokeStyle = line; g.lineCap = "butt";
    for (let i = -count; i <= count; i++) for (let j = -count; j < count; j++) {
      g.globalAlpha = Math.max(0, 1 - Math.hypot(i, j + 0.5) / count);
      const at = (x, y) => seen([(cx + x) * step, (cy + y) * step, drawing.floor]);
      for (const [a, b] of [[at(i, j), at(i, j + 1)], [at(j, i), at(j + 1, i)]]) if (inFront(a, b)) stroke(a, b, 1.5);
    }
    g.globalAlpha = 1;
  }
  const light = unit(plus(plus(back, up, 0.9), right, -0.5)), things = [], shadows = [];
  const ground = p => seen([p[0], p[1], drawing.floor]);
  for (const part of drawing.parts) {
    const place = part.body === null ? world : places[part.body], color = part.body === null ? still : colors[part.body % colors.length];
    const own = { at: placed(place, part.at), turn: null };
    const map = p => placed(place, plus(turned(part.turn, p), part.at));
    if (isRound(part)) {
      const half = part.kind === "capsule" ? part.size[1] : 0, ends = [map([0, 0, -half]), map([0, 0, half])];
      if (drawing.floor !== null && part.body !== null) shadows.push([ends.map(ground), part.size[0]]);
      const [a, b] = ends.map(seen);
      if (inFront(a, b)) things.push({ depth: (a.depth + b.depth) / 2, draw() {
        const width = part.size[0] * (a.s + b.s), off = 0.14 * width, shift = (p, k) => ({ x: p.x - k * off, y: p.y - k * off });
        g.lineCap = "round";
        for (const [k, share, tone] of [[0, 1, 0.72], [0.5, 0.72, 0.95], [1, 0.3, 1.22]]) { g.strokeStyle = shade(color, tone); stroke(shift(a, k), shift(b, k), share * width); }
      } });
      continue;
    }
    part.faces = part.faces || facesOf(part);
    for (const face of part.faces) {
      const corners = face.map(map), middle = centre(corners);
      if (drawing.floor !== null && part.body !== null) shadows.push([corners.map(ground), 0]);
      const normal = unit(outer(plus(corners[1], corners[0], -1), plus(corners[2], corners[0], -1)));
      // At the poles of an ellipsoid two corners are one.
      const out = Math.hypot(...normal) > 0.5 ? normal : unit(plus(middle, own.at, -1));
      if (inner(out, plus(eye, middle, -1)) <= 0) continue;
      const points = corners.map(seen);
      if (inFront(...points)) things.push({ depth: seen(middle).depth, draw() {
        g.fillStyle = g.strokeStyle = shade(color, 0.55 + 0.6 * Math.max(0, inner(out, light)));
        g.lineWidth = 1; g.lineJoin = "round"; g.beginPath();
        points.forEach((p, i) => (i ? g.lineTo(p.x, p.y) : g.moveTo(p.x, p.y)));
        g.closePath(); g.fill(); g.stroke();
      } });
    }
  }
  g.globalAlpha = 0.13; g.strokeStyle = g.fillStyle = "#000"; g.lineCap = "round";
  for (const [points, radius] of shadows.filter(([points]) => inFront(...points))) {
    if (radius) stroke(points[0], points[1], radius * (points[0].s + points[1].s));
    else { g.beginPath(); points.forEach((p, i) => (i ? g.lineTo(p.x, p.y) : g.moveTo(p.x, p.y))); g.fill(); }
  }
  g.globalAlpha = 1;
  things.sort((a, b) => b.depth - a.depth).forEach(thing => thing.draw());
}
/* Lets the reader go around the robot: by dragging, by the arrow keys, by + and −. */
function orbit(canvas, redraw) {
  const move = (yaw, pitch, zoom) => {
    camera.yaw += yaw;
    camera.pitch = Math.min(1.5, Math.max(-0.2, camera.pitch + pitch));
    camera.zoom = Math.min(8, Math.max(0.2, camera.zoom * zoom));
    redraw();
  };
  canvas.tabIndex = 0;
  canvas.classList.add("orbit");
  canvas.setAttribute("aria-label", canvas.getAttribute("aria-label") + "; arrow keys go around it, + and − come closer and back");
  canvas.addEventListener("pointerdown", event => canvas.setPointerCapture(event.pointerId));
  canvas.addEventListener("pointermove", event => { if (canvas.hasPointerCapture(event.pointerId)) move(-0.008 * event.movementX, 0.008 * event.movementY, 1); });
  canvas.addEventListener("wheel", event => { if (document.activeElement === canvas) { event.preventDefault(); move(0, 0, Math.exp(-0.002 * event.deltaY)); } }, { passive: false });
  const keys = { ArrowLeft: [-0.1, 0, 1], ArrowRight: [0.1, 0, 1], ArrowUp: [0, 0.1, 1], ArrowDown: [0, -0.1, 1], "+": [0, 0, 1.15], "=": [0, 0, 1.15], "-": [0, 0, 1 / 1.15] };
  canvas.addEventListener("keydown", event => { if (keys[event.key]) { event.preventDefault(); move(...keys[event.key]); } });
}
