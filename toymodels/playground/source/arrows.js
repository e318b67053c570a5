import { dot, featureColors, label, path, sheet } from "./drawing.js";
import { norms } from "./geometry.js";
import { hullEdges } from "./hull.js";

const LIMIT = 1.1; // the longest arrow for which there is room without a smaller scale
const RIM = 24; // pixels around it for numbers
const HIDDEN = 0.15; // arrows shorter than this carry no number
const CROWD = 8; // of more features, those that are not represented carry none either
const NUMBER_PLACES = [[14, 0], [6, 14], [6, -14], [27, 0], [40, 0]]; // pixels beyond the tip, and aside
const EYE = 7; // distance of the eye in three dimensions

/**
 * Draws the directions W_i: as spokes with a dot at the end, over the unit circle or sphere. Faint lines are the edges
 * of the convex hull of those represented; with `pairs` they join the two features of each pair, whose second one ends
 * in a ring.
 *
 * @param {HTMLCanvasElement} canvas
 * @param {{ W: Float64Array, m: 2 | 3, n: number, importance: ArrayLike<number>, pairs: boolean }} model W (m * n)
 * @param {{ yaw: number, pitch: number }} view from where three dimensions are seen, in radians
 * @param {object} palette of PALETTES
 */
export function drawArrows(canvas, { W, m, n, importance, pairs }, view, palette) {
  const { context, width, height } = sheet(canvas);
  const lengths = norms(W, m, n);
  const reach = Math.max(LIMIT, ...lengths) * (m === 3 ? EYE / (EYE - LIMIT) : 1);
  const scale = (Math.min(width, height) / 2 - RIM) / reach;
  const project = projection(m, view, scale, width / 2, height / 2);
  const tips = Array.from({ length: n }, (_, i) => project(Array.from({ length: m }, (_, k) => W[k * n + i])));
  const colors = featureColors(importance, palette);

  drawUnitSphere(context, m, project, palette);
  const represented = Array.from(lengths.keys()).filter((i) => lengths[i] > 0.5);
  const edges = pairs ? pairsOf(n) : hullEdges(W, m, n, represented);
  for (const [i, j] of edges) {
    context.globalAlpha = m === 3 ? 0.65 + 0.175 * (tips[i][2] + tips[j][2]) : 1;
    path(context, [tips[i], tips[j]], palette.faint, 1, pairs ? [4, 4] : []);
  }
  const centre = project(new Array(m).fill(0));
  const order = Array.from(tips.keys()).sort((i, j) => tips[i][2] - tips[j][2] || lengths[i] - lengths[j]);
  for (const i of order) {
    const near = m === 3 ? 0.5 + 0.5 * nearness(tips[i][2], lengths[i]) : 1;
    context.globalAlpha = 0.3 + 0.7 * near;
    path(context, [centre, tips[i]], colors[i], 1 + 1.8 * near);
    dot(context, tips[i][0], tips[i][1], lengths[i] > 0.05 ? 3 + 2.5 * near : 2.5, colors[i], pairs && i % 2 === 1);
  }
  context.globalAlpha = 1;
  drawNumbers(context, tips, centre, lengths, palette);
}

/** Points of the hidden space to [x, y, depth] on the canvas; a larger depth is nearer to the eye. */
function projection(m, { yaw, pitch }, scale, centreX, centreY) {
  if (m === 2) {
    return ([x, y]) => [centreX + scale * x, centreY - scale * y, 0];
  }
  const [sinYaw, cosYaw, sinPitch, cosPitch] = [Math.sin(yaw), Math.cos(yaw), Math.sin(pitch), Math.cos(pitch)];
  return ([x, y, z]) => {
    const right = x * cosYaw - y * sinYaw;
    const away = x * sinYaw + y * cosYaw;
    const up = z * cosPitch + away * sinPitch;
    const depth = z * sinPitch - away * cosPitch;
    const zoom = (scale * EYE) / (EYE - depth);
    return [centreX + zoom * right, centreY - zoom * up, depth];
  };
}

/** Depth as a share of the length: 0 points away from the eye, 1 towards it. */
function nearness(depth, length) {
  return 0.5 + 0.5 * (length > 0 ? depth / length : 0);
}

function drawUnitSphere(context, m, project, palette) {
  const planes = m === 2 ? [(c, s) => [c, s]] : [(c, s) => [c, s, 0], (c, s) => [c, 0, s], (c, s) => [0, c, s]];
  for (const point of planes) {
    const turns = Array.from({ length: 97 }, (_, k) => (k / 96) * 2 * Math.PI);
    path(context, turns.map((turn) => project(point(Math.cos(turn), Math.sin(turn)))), palette.line, 1);
  }
}

/** The number of each feature beside its tip, where it is clear of other numbers and, if it can be, of other spokes. */
function drawNumbers(context, tips, centre, lengths, palette) {
  const placed = [];
  const order = Array.from(tips.keys()).sort((i, j) => lengths[j] - lengths[i]);
  const shortest = lengths.length > CROWD ? 0.5 : HIDDEN;
  for (const i of order.filter((feature) => lengths[feature] > shortest)) {
    const [dx, dy] = [tips[i][0] - centre[0], tips[i][1] - centre[1]];
    const length = Math.max(1, Math.hypot(dx, dy));
    const at = ([out, aside]) => [
      tips[i][0] + (dx * out - dy * aside) / length,
      tips[i][1] + (dy * out + dx * aside) / length,
    ];
    const clear = ([x, y]) => placed.every(([a, b]) => Math.abs(a - x) > 15 || Math.abs(b - y) > 13);
    const open = (point) => tips.every((tip, j) => j === i || distanceToSpoke(point, centre, tip) > 10);
    const places = NUMBER_PLACES.map(at).filter(clear);
    const place = places.find(open) ?? places[0];
    if (place) {
      placed.push(place);
      label(context, String(i), place[0], place[1], { color: palette.ink, size: 12, weight: 600 });
    }
  }
}

/** The distance of a point from the line between the centre and a tip. */
function distanceToSpoke([x, y], [left, top], tip) {
  const [dx, dy] = [tip[0] - left, tip[1] - top];
  const share = ((x - left) * dx + (y - top) * dy) / Math.max(1, dx * dx + dy * dy);
  const along = Math.min(1, Math.max(0, share));
  return Math.hypot(x - left - along * dx, y - top - along * dy);
}

/** Features 2k and 2k + 1. */
function pairsOf(n) {
  return Array.from({ length: Math.floor(n / 2) }, (_, k) => [2 * k, 2 * k + 1]);
}

/**
 * Lets the user turn the view of a canvas by pointer, touch and arrow keys, and turns it slowly while nobody does.
 *
 * @param {HTMLCanvasElement} canvas
 * @param {() => boolean} enabled whether there is something to turn
 * @param {() => void} changed called when the view was turned
 * @returns {{ view: { yaw: number, pitch: number }, drift: (seconds: number) => void }}
 */
export function turntable(canvas, enabled, changed) {
  const view = { yaw: 0.6, pitch: 0.35 };
  const still = matchMedia("(prefers-reduced-motion: reduce)");
  let [grip, touched] = [null, -Infinity];
  const turn = (yaw, pitch) => {
    view.yaw += yaw;
    view.pitch = Math.min(Math.PI / 2, Math.max(-Math.PI / 2, view.pitch + pitch));
    touched = performance.now();
    changed();
  };
  canvas.addEventListener("pointerdown", (event) => {
    if (enabled()) {
      grip = [event.clientX, event.clientY];
      canvas.setPointerCapture(event.pointerId);
    }
  });
  canvas.addEventListener("pointermove", (event) => {
    if (grip) {
      turn((event.clientX - grip[0]) / 120, (event.clientY - grip[1]) / 120);
      grip = [event.clientX, event.clientY];
    }
  });
  for (const name of ["pointerup", "pointercancel"]) {
    canvas.addEventListener(name, () => (grip = null));
  }
  const keys = { ArrowLeft: [-0.1, 0], ArrowRight: [0.1, 0], ArrowUp: [0, -0.1], ArrowDown: [0, 0.1] };
  canvas.addEventListener("keydown", (event) => {
    if (enabled() && keys[event.key]) {
      event.preventDefault();
      turn(...keys[event.key]);
    }
  });
  const drift = (seconds) => {
    if (!still.matches && !grip && performance.now() - touched > 4000) {
      view.yaw += 0.25 * seconds;
    }
  };
  return { view, drift };
}
