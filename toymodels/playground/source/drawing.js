/**
 * A canvas made ready for drawing: as many pixels as the screen has, empty, and with coordinates in CSS pixels.
 *
 * @param {HTMLCanvasElement} canvas
 * @returns {{ context: CanvasRenderingContext2D, width: number, height: number }}
 */
export function sheet(canvas) {
  const ratio = Math.min(3, window.devicePixelRatio || 1);
  const { clientWidth: width, clientHeight: height } = canvas;
  const [columns, rows] = [Math.round(width * ratio), Math.round(height * ratio)];
  if (canvas.width !== columns || canvas.height !== rows) {
    canvas.width = columns;
    canvas.height = rows;
  }
  const context = canvas.getContext("2d");
  context.setTransform(ratio, 0, 0, ratio, 0, 0);
  context.clearRect(0, 0, width, height);
  context.lineCap = "round";
  context.lineJoin = "round";
  return { context, width, height };
}

/** Text in the type of the page; `align` and `baseline` as in the canvas. */
export function label(context, text, x, y, { color, size = 12, align = "center", baseline = "middle", weight = 400 }) {
  context.font = `${weight} ${size}px system-ui, -apple-system, "Segoe UI", Roboto, Arial, sans-serif`;
  context.fillStyle = color;
  context.textAlign = align;
  context.textBaseline = baseline;
  context.fillText(text, x, y);
}

/** A line through points [[x, y], ...]. */
export function path(context, points, color, width = 1, dash = []) {
  context.beginPath();
  points.forEach(([x, y], k) => (k === 0 ? context.moveTo(x, y) : context.lineTo(x, y)));
  context.strokeStyle = color;
  context.lineWidth = width;
  context.setLineDash(dash);
  context.stroke();
  context.setLineDash([]);
}

/** A filled disc, or with `ring` only its border. */
export function dot(context, x, y, radius, color, ring = false) {
  context.beginPath();
  context.arc(x, y, radius, 0, 2 * Math.PI);
  if (ring) {
    context.strokeStyle = color;
    context.lineWidth = 2;
    context.stroke();
  } else {
    context.fillStyle = color;
    context.fill();
  }
}

/** The colours of features: the place of each among all by importance, most important first; ties by number. */
export function featureColors(importance, palette) {
  const n = importance.length;
  const order = Array.from(importance.keys()).sort((i, j) => importance[j] - importance[i] || i - j);
  const colors = new Array(n);
  order.forEach((feature, rank) => (colors[feature] = palette.feature(n > 1 ? rank / (n - 1) : 0)));
  return colors;
}

/** Every how many features a number fits, where a feature has `room` pixels and its number needs `needed`. */
export function labelStride(room, needed) {
  return [1, 2, 5, 10, 20, 50].find((stride) => stride * room >= needed) ?? 100;
}
