import { make, write } from "./dom.js";

export const PAPER = "https://transformer-circuits.pub/2022/toy_model/index.html";

/** What a word means, shown where it is pointed at or tapped. */
const GLOSSARY = {
  represented: "A feature is represented if its arrow is longer than 1/2.",
  "in superposition":
    "Represented, but not at right angles to all others: such features share dimensions, and disturb each other.",
  "of a dimension":
    "D\u1d62 = \u2016W\u1d62\u2016\u00b2 / \u03a3\u2c7c (\u0174\u1d62\u00b7W\u2c7c)\u00b2, where \u0174\u1d62 has length 1: " +
    "1 for a feature alone, 1/2 in an antipodal pair, 2/5 in a pentagon.",
  "D*":
    "Hidden dimensions per feature that the model holds. Each counts by its squared length, so arrows longer than 1 " +
    "make D* smaller than D\u1d62.",
  importance: "The weight of a feature's error in the loss.",
};
const WORDS = new RegExp(`(${Object.keys(GLOSSARY).map((word) => word.replace("*", "\\*")).join("|")})`);

const FORMULAS = {
  relu: ["ReLU(", ")"],
  linear: ["", ""],
  gelu: ["GELU(", ")"],
  solu: ["SoLU(", ")"],
  square: ["(", ")\u00b2"],
};

/** Whether fingers are used here: then nobody can point at something, and there may be no keys. */
export function touched() {
  return matchMedia("(pointer: coarse)").matches;
}

/** A word that says what it means when it is pointed at or tapped. */
export function term(text, says) {
  return make("span", { class: "term", tabindex: -1, "data-says": says }, text);
}

/** Set the text of an element; the words of the glossary in it say what they mean. Unchanged parts are not touched. */
export function writeWithTerms(element, text) {
  const parts = text.split(WORDS);
  if (element.childNodes.length !== parts.length) {
    element.replaceChildren(...parts.map((part, k) => (k % 2 ? term(part, GLOSSARY[part]) : make("span"))));
  }
  parts.forEach((part, k) => {
    write(element.childNodes[k], part);
    if (k % 2) {
      element.childNodes[k].dataset.says = GLOSSARY[part];
    }
  });
}

/** The model's formula, and what is trained. */
export function formulaOf(activation) {
  const [before, behind] = FORMULAS[activation];
  return (
    `x\u2032 = ${before}W\u1d40W x + b${behind}. Trained are W and the bias b, to make the mean of the importance ` +
    "I\u1d62 times (x\u1d62 \u2212 x\u2032\u1d62)\u00b2 small."
  );
}

/** What an arrow, its colour, the circle and the lines are; `show(pairs)` follows what the lines join. */
export function arrowLegend() {
  const lines = make("small", {});
  const element = make(
    "footer",
    { class: "legend" },
    legendEntry("arrow", "a feature's direction"),
    legendEntry("ramp", "most to least important"),
    legendEntry("circle", "length 1"),
    make("span", {}, make("i", { class: "edge", "aria-hidden": "true" }), lines),
  );
  const show = (pairs) => {
    element.classList.toggle("pairs", pairs);
    write(lines, pairs ? "joins a pair; its second ends in a ring" : "joins neighbours");
  };
  return { element, show };
}

/** What full and hollow bars are. */
export function barLegend() {
  return make("footer", { class: "legend" }, legendEntry("full", "represented"), legendEntry("hollow", "not represented"));
}

function legendEntry(name, says) {
  return make("span", {}, make("i", { class: name, "aria-hidden": "true" }), make("small", {}, says));
}

/** The fold that explains the whole picture. */
export function makeGuide() {
  const rows = [
    [
      "What happens here",
      "There are n features x\u1d62. Each is 0 most of the time, and otherwise between 0 and 1. The model squeezes them into " +
        "m numbers, h = W x, fewer than n, and has to say from these what they were.",
    ],
    [
      "Arrows",
      "Direction W\u1d62 of feature i, column i of W: what h is if feature i alone is on. As long as the circle's radius, " +
        "1: it comes back in full. A dot in the middle: the model leaves it out.",
    ],
    [
      "Colours, circle, lines",
      "An arrow's colour tells its importance, as the little bars of the settings do. The circle, in three dimensions " +
        "the three circles, has radius 1. Thin lines join neighbours on the outside, so that a shape is seen; dashed ones " +
        "join two features that come in a pair.",
    ],
    [
      "Red and blue squares",
      "Row i, column j: what output i is told when feature j is on, W\u1d62\u00b7W\u2c7c. Red is positive, blue negative. " +
        "Beside the diagonal it is interference. The ReLU cuts off what is negative, so blue is free; a negative bias b " +
        "silences red that is weak.",
    ],
    [
      "Bars",
      "D\u1d62, the share of a dimension that feature i has; lines mark what pairs and polygons have. Hollow: the feature " +
        "is not represented, and its share means little.",
    ],
    [
      "Try",
      "Raise the density slowly: the rarer features are, the more of them fit in. Set the activation to linear: no more " +
        "than m of them fit in, however rare they are.",
    ],
  ];
  const list = rows.flatMap(([title, text]) => [make("dt", {}, title), make("dd", {}, text)]);
  return make("details", { class: "guide" }, make("summary", { "data-name": "guide" }, "What do I see?"), make("dl", {}, ...list));
}

/**
 * Where there is more: the paper, and the lessons and the documentation where their addresses are known.
 *
 * @param {{ lessons?: string, documentation?: string }} links
 */
export function makeLinks({ lessons, documentation }) {
  const link = (name, text, href) => make("a", { href, "data-name": name }, text);
  return make(
    "nav",
    { class: "soft links", "aria-label": "More" },
    link("paper", "The paper", PAPER),
    lessons ? link("lessons", "Eight lessons", lessons) : make("span", {}, "Eight lessons: toymodels workshop"),
    documentation ? link("documentation", "Documentation", documentation) : "",
  );
}
