import { brief, button, make, write } from "./dom.js";
import { featureColors } from "./drawing.js";
import { importanceOf } from "./features.js";
import { CHOICES, DEFAULTS, PRESETS, RANGES } from "./settings.js";

const MANTISSAS = [1, 1.2, 1.5, 1.7, 2, 2.5, 3, 3.5, 4, 5, 6, 7, 8, 9]; // of the values of a logarithmic slider

const NAMES = {
  pairs: { independent: "Independent", correlated: "Correlated", anticorrelated: "Anticorrelated" },
  activation: { relu: "ReLU", linear: "Linear", gelu: "GELU", solu: "SoLU", square: "Square" },
};

/**
 * The controls of all settings.
 *
 * @param {(change: object) => void} choose called with the settings that the user changed
 * @returns {{ element: HTMLElement, show: (settings: object, palette: object) => void }}
 */
export function makeSettings(choose) {
  const swatches = make("div", { class: "swatches", "aria-hidden": "true" });
  const fields = [
    numberSlider("n", "Features n", choose),
    segments("m", "Dimensions m", choose),
    numberSlider("density", "Density: how often a feature is on", choose, "wide"),
    numberSlider("decay", "Importance I\u1d62 = decay\u2071", choose, "wide", swatches),
    menu("pairs", "Pairs of features (0 and 1, 2 and 3, \u2026)", choose, "wide"),
    numberSlider("correlation", "Correlation of pairs", choose, "wide"),
    menu("activation", "Activation", choose),
    seedField(choose),
    numberSlider("rate", "Learning rate", choose),
    numberSlider("batch", "Batch size", choose),
  ];
  const elements = fields.map(({ element }) => element);
  const element = make("form", { class: "settings", "aria-label": "Settings" }, ...elements);
  element.addEventListener("submit", (event) => event.preventDefault());
  const show = (settings, palette) => {
    fields.forEach((field) => field.show(settings));
    element.querySelector('[data-field="correlation"]').hidden = settings.pairs !== "correlated";
    showSwatches(swatches, importanceOf(settings), palette);
  };
  return { element, show };
}

/** Importance of each feature, as bars in the features' colours. */
function showSwatches(element, importance, palette) {
  const colors = featureColors(importance, palette);
  const bar = (color, i) => make("span", { style: `background: ${color}; height: ${100 * importance[i]}%` });
  element.replaceChildren(...colors.map(bar));
}

/** A slider for a number of RANGES. */
function numberSlider(name, title, choose, className = "", below = "") {
  const { min, max, step, log } = RANGES[name];
  const values = log ? roundValues(RANGES[name]) : null;
  const range = log ? { min: 0, max: values.length - 1, step: 1 } : { min, max, step };
  const move = (place) => choose({ [name]: log ? values[place] : place });
  const { element, show } = slider({ name, title, className, below, ...range }, move);
  const placeOf = (value) => (log ? nearestPlace(values, value) : value);
  return { element, show: (settings) => show(placeOf(settings[name]), shortNumber(settings[name])) };
}

/** The ends of a logarithmic range, and the round numbers between them; of integers the powers of two. */
function roundValues({ min, max, integer }) {
  const powers = Array.from({ length: 40 }, (_, k) => k - 20);
  const all = integer
    ? powers.map((power) => 2 ** power)
    : powers.flatMap((power) => MANTISSAS.map((mantissa) => Number(`${mantissa}e${power}`)));
  return [min, ...all.filter((value) => value > min && value < max), max];
}

/** The place of the value with the nearest logarithm. */
function nearestPlace(values, value) {
  const distances = values.map((other) => Math.abs(Math.log(other / value)));
  return distances.indexOf(Math.min(...distances));
}

/**
 * A slider with its title and value above it.
 *
 * @param {{ name: string, title: string, min: number, max: number, step: number, className?: string }} options
 * @param {(place: number) => void} move
 * @returns {{ element: HTMLElement, show: (place: number, text: string) => void }}
 */
export function slider({ name, title, min, max, step, className = "", below = "" }, move) {
  const value = make("output", { "data-name": `${name}-value` });
  const input = make("input", { type: "range", name, min, max, step, input: () => move(Number(input.value)) });
  const heading = make("span", {}, make("span", {}, title), value);
  const element = make("label", { class: `field ${className}`, "data-field": name }, heading, input, below);
  const show = (place, text) => {
    input.value = place;
    input.setAttribute("aria-valuetext", text);
    write(value, text);
  };
  return { element, show };
}

function segments(name, title, choose) {
  const group = `${name}-${Math.random().toString(36).slice(2)}`;
  const inputs = CHOICES[name].map((value) => {
    const change = () => choose({ [name]: value });
    return make("input", { type: "radio", name: group, value, "data-name": `${name}-${value}`, change });
  });
  const labels = inputs.map((input) => make("label", {}, input, input.value));
  const row = make("div", { class: "segments" }, ...labels);
  const element = make("fieldset", { class: "field", "data-field": name }, make("legend", {}, title), row);
  const show = (settings) => inputs.forEach((input) => (input.checked = input.value === String(settings[name])));
  return { element, show };
}

function menu(name, title, choose, className = "") {
  const options = CHOICES[name].map((value) => make("option", { value }, NAMES[name][value] ?? value));
  const select = make("select", { name, change: () => choose({ [name]: select.value }) }, ...options);
  const element = make("label", { class: `field ${className}`, "data-field": name }, make("span", {}, title), select);
  return { element, show: (settings) => (select.value = settings[name]) };
}

function seedField(choose) {
  const { min, max } = RANGES.seed;
  const input = make("input", { type: "number", name: "seed", min, max, step: 1, inputmode: "numeric" });
  input.addEventListener("change", () => choose({ seed: input.value === "" ? DEFAULTS.seed : Number(input.value) }));
  const element = make("label", { class: "field", "data-field": "seed" }, make("span", {}, "Seed"), input);
  return { element, show: (settings) => (input.value = settings.seed) };
}

/**
 * The menu of the paper's figures: a button each, with what one will see.
 *
 * @param {(settings: object) => void} choose called with the settings of a preset
 * @returns {{ element: HTMLElement, words: HTMLElement, show: (settings: object) => void }}
 */
export function makePresets(choose) {
  const open = (shown) => {
    cards.hidden = !shown;
    opener.setAttribute("aria-expanded", String(shown));
    (shown ? buttons[0] : opener).focus();
  };
  const opener = button("presets", "Figures of the paper", () => open(cards.hidden), { "aria-expanded": "false" });
  const buttons = PRESETS.map(({ name, title, figure, says, settings }) => {
    const press = () => {
      open(false);
      choose({ ...DEFAULTS, ...settings });
    };
    const card = button(`preset-${name}`, make("strong", {}, title), press);
    card.append(make("small", {}, says), make("small", {}, `\u201c${figure}\u201d`));
    return card;
  });
  const cards = make("div", { class: "cards", role: "group", "aria-label": "Figures of the paper" }, ...buttons);
  cards.hidden = true;
  const element = make("div", { class: "presets" }, opener, cards);
  element.addEventListener("keydown", (event) => {
    if (event.key === "Escape" && !cards.hidden) {
      open(false);
    }
  });
  const words = make("p", { class: "soft", "data-name": "preset-words" });
  const show = (settings) => {
    const current = presetOf(settings);
    PRESETS.forEach((preset, k) => buttons[k].setAttribute("aria-pressed", String(preset === current)));
    write(words, current ? `${current.title}: ${current.says}` : "");
  };
  return { element, words, show };
}

/** The preset whose settings these are, whatever the seed, or undefined. */
function presetOf(settings) {
  return PRESETS.find((preset) => {
    const given = { ...DEFAULTS, ...preset.settings, seed: settings.seed };
    return Object.keys(DEFAULTS).every((name) => given[name] === settings[name]);
  });
}

/** Three significant digits or more, as short as they can be written. */
function shortNumber(value) {
  return value >= 1000 ? String(Math.round(value)) : String(Number(value.toPrecision(3)));
}
