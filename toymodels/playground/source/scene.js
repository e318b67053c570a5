import { drawArrows, turntable } from "./arrows.js";
import { drawDimensionality, drawLoss } from "./charts.js";
import { brief, decimal, make, write } from "./dom.js";
import { dimensionality, dimensionsPerFeature, interference, norms } from "./geometry.js";
import { arrowLegend, barLegend, term, touched, writeWithTerms } from "./guide.js";
import { cellChooser, cellText, drawMatrix } from "./matrix.js";

const HINTS = {
  mouse: { matrix: "Point at a cell for its value", arrows: "Drag or use arrow keys to turn" },
  touch: { matrix: "Tap a cell for its value", arrows: "Swipe sideways to turn" },
};

const TITLES = {
  arrows: ["Directions W\u1d62", "Column i of W: what the hidden layer says if feature i alone is on."],
  matrix: ["W\u1d40W and bias b", "Row i, column j: what output i is told of feature j. The bias is added to it."],
  bars: ["Dimensionality D\u1d62", "The share of a dimension that each feature has. The shares add up to at most m."],
  loss: ["Loss", "The mean of I\u1d62 (x\u1d62 \u2212 x\u2032\u1d62)\u00b2 over a batch of samples and all features."],
};

/**
 * The four drawings of a model, live or recorded, and what they show in words. A model is
 * `{ W: Float64Array (m * n), b: (n), m, n, importance: (n), pairs: boolean, step, loss, steps: [k], losses: [k],
 * now: step to mark or null }`.
 *
 * @param {() => void} changed called when the user turned or chose something, so that it is drawn again
 * @returns {{ panels: object, words: HTMLElement, draw: Function, describe: Function, drift: Function, view: object }}
 */
export function makeScene(changed) {
  let shown = null;
  const canvases = Object.fromEntries(
    ["arrows", "matrix", "bars", "loss"].map((name) => [name, make("canvas", { role: "img", "data-name": name })]),
  );
  canvases.matrix.tabIndex = 0;
  const turning = turntable(canvases.arrows, () => shown?.m === 3, changed);
  const cells = cellChooser(canvases.matrix, () => shown?.n ?? 0, changed);
  const notes = Object.fromEntries(
    ["arrows", "matrix", "loss"].map((name) => [name, make("small", { class: "number", "data-name": `${name}-note` })]),
  );
  const hints = touched() ? HINTS.touch : HINTS.mouse;
  const colorBar = make("i", { "aria-hidden": "true" });
  const key = make("small", { class: "key" }, "\u2264\u2009\u22121", colorBar, "\u2265\u20091");
  const legend = make("footer", {}, key, notes.matrix);
  const arrowKey = arrowLegend();
  const panels = {
    arrows: scenePanel("arrows", TITLES.arrows, notes.arrows, canvases.arrows, arrowKey.element),
    matrix: scenePanel("matrix", TITLES.matrix, "", canvases.matrix, legend),
    bars: scenePanel("bars", TITLES.bars, "", canvases.bars, barLegend()),
    loss: scenePanel("loss", TITLES.loss, notes.loss, canvases.loss),
  };
  const words = make("p", { class: "number", "data-name": "summary" });

  const draw = (model, palette) => {
    shown = model;
    canvases.arrows.classList.toggle("turns", model.m === 3);
    canvases.arrows.tabIndex = model.m === 3 ? 0 : -1;
    const chosen = cells.chosen();
    drawArrows(canvases.arrows, model, turning.view, palette);
    drawMatrix(canvases.matrix, model, chosen, palette);
    drawDimensionality(canvases.bars, model, palette);
    drawLoss(canvases.loss, model, palette);
    arrowKey.show(model.pairs);
    write(notes.arrows, model.m === 3 ? hints.arrows : "");
    write(notes.matrix, chosen ? cellText(model, chosen) : hints.matrix);
  };
  const describe = () => {
    const loss = Number.isFinite(shown.loss) ? brief(shown.loss) : "";
    write(notes.loss, loss);
    writeWithTerms(words, summaryOf(shown));
    const lengths = Array.from(norms(shown.W, shown.m, shown.n), (length) => decimal(length, 1)).join(", ");
    const shares = Array.from(dimensionality(shown.W, shown.m, shown.n), (share) => decimal(share)).join(", ");
    const turn = shown.m === 3 && !touched() ? " Arrow keys turn the view." : "";
    const labels = {
      arrows: `Directions of ${shown.n} features in ${shown.m} dimensions, of lengths ${lengths}.${turn}`,
      matrix: `Matrix of the products of all pairs of directions, and the bias beside it.${
        touched() ? "" : " Arrow keys choose a cell."
      }`,
      bars: `Dimensionality of each feature: ${shares}.`,
      loss: `Loss against step${loss && `, now ${loss}`}.`,
    };
    for (const [name, text] of Object.entries(labels)) {
      canvases[name].setAttribute("aria-label", text);
    }
  };
  return { panels, words, draw, describe, drift: turning.drift, view: turning.view };
}

function scenePanel(name, title, note, canvas, ...rest) {
  return make("section", { class: `panel ${name}` }, make("header", {}, make("h2", {}, term(...title)), note), canvas, ...rest);
}

/** What is to be seen, in words: how many features are represented, their share of a dimension, and D*. */
function summaryOf({ W, m, n }) {
  const there = Array.from(norms(W, m, n)).map((length) => length > 0.5);
  const count = there.filter(Boolean).length;
  const ratio = `D* = m / \u2016W\u2016\u00b2 = ${decimal(dimensionsPerFeature(W, m, n))}.`;
  if (count === 0) {
    return `None of ${n} features is represented. ${ratio}`;
  }
  const shared = Array.from(interference(W, m, n)).filter((value, i) => there[i] && value > 0.1).length;
  const shares = Array.from(dimensionality(W, m, n)).filter((_, i) => there[i]);
  const mean = shares.reduce((total, share) => total + share, 0) / count;
  const [low, high] = [Math.min(...shares), Math.max(...shares)].map((share) => decimal(share));
  const range = low === high ? low : `${low} to ${high} (mean ${decimal(mean)})`;
  return (
    `${count} of ${n} features ${count === 1 ? "is" : "are"} represented in ${m} dimensions, ` +
    `${shared} in superposition. Each has ${range} of a dimension. ${ratio}`
  );
}
