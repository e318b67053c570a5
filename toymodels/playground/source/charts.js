import { featureColors, label, labelStride, path, sheet } from "./drawing.js";
import { dimensionality, norms } from "./geometry.js";

const MARGIN = { left: 46, right: 8, top: 8, bottom: 20 };
const SUPERSCRIPTS = "\u207b\u2070\u00b9\u00b2\u00b3\u2074\u2075\u2076\u2077\u2078\u2079";
const LEVELS = {
  2: [[1, "1"], [2 / 3, "2/3"], [1 / 2, "1/2"], [2 / 5, "2/5"], [0, "0"]],
  3: [[1, "1"], [3 / 4, "3/4"], [1 / 2, "1/2"], [3 / 8, "3/8"], [0, "0"]],
};

/**
 * Draws D_i of each feature as a bar, with lines at the values of the paper's arrangements. Features that are not
 * represented (‖W_i‖ of 1/2 or less) are outlines: their D_i means little.
 *
 * @param {HTMLCanvasElement} canvas
 * @param {{ W: Float64Array, m: 2 | 3, n: number, importance: ArrayLike<number> }} model
 * @param {object} palette of PALETTES
 */
export function drawDimensionality(canvas, { W, m, n, importance }, palette) {
  const { context, width, height } = sheet(canvas);
  const { left, right, top, bottom } = MARGIN;
  const [room, ground] = [(width - left - right) / n, height - bottom];
  const y = (value) => ground - value * (ground - top);
  for (const [value, name] of LEVELS[m]) {
    path(context, [[left, y(value)], [width - right, y(value)]], palette.line, 1);
    label(context, name, left - 8, y(value), { color: palette.soft, size: 10, align: "right" });
  }
  const values = dimensionality(W, m, n);
  const lengths = norms(W, m, n);
  const colors = featureColors(importance, palette);
  const bar = Math.min(28, 0.62 * room);
  const stride = labelStride(room, 16);
  for (let i = 0; i < n; i += 1) {
    const middle = left + (i + 0.5) * room;
    const box = [middle - bar / 2, y(values[i]), bar, ground - y(values[i])];
    if (lengths[i] > 0.5) {
      context.fillStyle = colors[i];
      context.fillRect(...box);
    } else {
      context.strokeStyle = palette.faint;
      context.lineWidth = 1;
      context.strokeRect(...box);
    }
    if (i % stride === 0) {
      label(context, String(i), middle, ground + 11, { color: palette.soft, size: 11 });
    }
  }
}

/**
 * Draws the loss against the step, on a logarithmic axis.
 *
 * @param {HTMLCanvasElement} canvas
 * @param {{ steps: number[], losses: number[], now: number | null }} curve `now`: a step to mark
 * @param {object} palette of PALETTES
 */
export function drawLoss(canvas, { steps, losses, now }, palette) {
  const { context, width, height } = sheet(canvas);
  const { left, right, top, bottom } = MARGIN;
  const points = steps.map((step, k) => [step, losses[k]]).filter(([, loss]) => loss > 0 && Number.isFinite(loss));
  const ground = height - bottom;
  path(context, [[left, ground], [width - right, ground]], palette.line, 1);
  label(context, "step", width - right, ground + 11, { color: palette.soft, size: 11, align: "right" });
  if (points.length === 0) {
    return;
  }
  const logs = points.map(([, loss]) => Math.log10(loss));
  const [low, high] = lossRange(logs);
  const last = Math.max(1, steps[steps.length - 1]);
  const x = (step) => left + (step / last) * (width - left - right);
  const y = (log) => ground - ((Math.max(low, log) - low) / (high - low)) * (ground - top);
  for (const [log, name] of lossTicks(low, high)) {
    path(context, [[left, y(log)], [width - right, y(log)]], palette.line, 1);
    label(context, name, left - 8, y(log), { color: palette.soft, size: 11, align: "right" });
  }
  for (const step of stepTicks(last)) {
    label(context, shortStep(step), x(step), ground + 11, { color: palette.soft, size: 11 });
  }
  path(context, points.map(([step], k) => [x(step), y(logs[k])]), palette.accent, 1.5);
  if (now !== null) {
    path(context, [[x(now), top], [x(now), ground]], palette.ink, 1, [3, 3]);
  }
}

/**
 * The range of the axis: of the logarithms that are there, at least half a decade, with a little air. Of batches in
 * which next to nothing was on, the lowest two in a hundred, no more than a factor of 2 below the rest is in it.
 */
function lossRange(logs) {
  const sorted = [...logs].sort((a, b) => a - b);
  const low = Math.max(sorted[0], sorted[Math.floor(0.02 * sorted.length)] - Math.log10(2));
  const middle = (low + sorted.at(-1)) / 2;
  const half = Math.max(0.25, 1.06 * (sorted.at(-1) - middle));
  return [middle - half, middle + half];
}

/** [log10, text] of the decades in a range, with multiples between them where there are few. */
function lossTicks(low, high) {
  const factors = high - low > 2 ? [1] : high - low > 0.8 ? [1, 2, 5] : [1, 2, 3, 5, 7];
  const decades = Array.from({ length: Math.ceil(high) - Math.floor(low) + 1 }, (_, k) => Math.floor(low) + k);
  return decades
    .flatMap((power) => factors.map((factor) => [power + Math.log10(factor), scientific(factor, power)]))
    .filter(([log]) => log >= low && log <= high);
}

/** 10⁻³, 2·10⁻³. */
function scientific(factor, power) {
  const raised = String(power).replace(/./g, (sign) => SUPERSCRIPTS["-0123456789".indexOf(sign)]);
  return `${factor === 1 ? "" : `${factor}\u00b7`}10${raised}`;
}

/** A few round steps up to the last one, which leaves room for the axis's name. */
function stepTicks(last) {
  const rough = last / 4;
  const power = 10 ** Math.floor(Math.log10(rough));
  const spacing = Math.max(1, [1, 2, 5, 10].map((factor) => factor * power).find((value) => value >= rough));
  return Array.from({ length: 6 }, (_, k) => k * spacing).filter((step) => step <= 0.85 * last);
}

/** 400, 2k, 1.5M. */
function shortStep(step) {
  const [divisor, suffix] = step >= 1e6 ? [1e6, "M"] : step >= 1e3 ? [1e3, "k"] : [1, ""];
  return `${Number((step / divisor).toPrecision(3))}${suffix}`;
}
