const VIRIDIS = "440154 482878 3e4989 31688e 26828e 1f9e89 35b779 6ece58 b5de2b fde725";
const BLUE_WHITE_RED = "053061 2166ac 4393c3 92c5de d1e5f0 f7f7f7 fddbc7 f4a582 d6604d b2182b 67001f";
const BLUE_BLACK_RED = "8ecbff 5fb0f7 3f8ccf 2f6699 2a4763 2b3138 5c3a33 964e3d cf644a f57f60 ffa385";

/**
 * Colours of the page and of the drawings. `feature` goes from the most important feature (0), which stands out most,
 * to the least important one (1); `signed` from -1 to 1.
 */
export const PALETTES = {
  light: {
    page: "#ffffff",
    panel: "#ffffff",
    ink: "#1f2328",
    soft: "#59626c",
    line: "#d9dee3",
    faint: "#aab2ba",
    accent: "#0a5aa8",
    onAccent: "#ffffff",
    feature: ramp(VIRIDIS, 0, 0.82),
    signed: ramp(BLUE_WHITE_RED, 0, 1),
  },
  dark: {
    page: "#14171a",
    panel: "#1a1e22",
    ink: "#e8eaec",
    soft: "#a6afb8",
    line: "#353c43",
    faint: "#66707a",
    accent: "#7cbcff",
    onAccent: "#0c1622",
    feature: ramp(VIRIDIS, 0.98, 0.3),
    signed: ramp(BLUE_BLACK_RED, 0, 1),
  },
};

/**
 * A scale of colour: t in [0, 1] to a CSS colour.
 *
 * @param {string} stops evenly spaced colours, as hexadecimal numbers
 * @param {number} first where on the stops t = 0 lies, in [0, 1]
 * @param {number} last where t = 1 lies
 */
function ramp(stops, first, last) {
  const colors = stops.split(" ").map((stop) => [0, 2, 4].map((at) => parseInt(stop.slice(at, at + 2), 16)));
  return (t) => {
    const place = (first + (last - first) * Math.min(1, Math.max(0, t))) * (colors.length - 1);
    const low = Math.min(colors.length - 2, Math.floor(place));
    const mix = colors[low].map((value, k) => Math.round(value + (place - low) * (colors[low + 1][k] - value)));
    return `rgb(${mix.join(" ")})`;
  };
}

/**
 * Tell `use` which theme the surroundings have, "light" or "dark", now and whenever that changes: what the notebook or
 * the documentation says of itself, and where it says nothing what the system prefers.
 *
 * @param {(name: "light" | "dark") => void} use
 * @param {AbortSignal} signal ends it
 */
export function followTheme(use, signal) {
  const system = matchMedia("(prefers-color-scheme: dark)");
  let told = null;
  const tell = () => {
    const name = themeOfHost() ?? (system.matches ? "dark" : "light");
    if (name !== told) {
      told = name;
      use(name);
    }
  };
  system.addEventListener("change", tell, { signal });
  const observer = new MutationObserver(tell);
  for (const element of [document.documentElement, document.body]) {
    observer.observe(element, { attributes: true, attributeFilter: ["class", "data-theme", "data-jp-theme-light"] });
  }
  signal.addEventListener("abort", () => observer.disconnect());
  tell();
}

/** The theme that JupyterLab, VS Code, marimo or Sphinx's furo has set, or null. */
function themeOfHost() {
  const { body, documentElement: root } = document;
  const named = (name) => body.dataset.theme === name || root.dataset.theme === name;
  const has = (name) => body.classList.contains(name) || root.classList.contains(name);
  if (body.dataset.jpThemeLight === "false" || named("dark") || has("dark") || has("vscode-dark")) {
    return "dark";
  }
  if (body.dataset.jpThemeLight === "true" || named("light") || has("light") || has("vscode-light")) {
    return "light";
  }
  return null;
}

/** The style sheet of a playground's shadow root. Its colours are custom properties, which `dress` sets. */
export const STYLE = `
:host { display: block; container-type: inline-size; }
* { box-sizing: border-box; }
.root {
  background: var(--page); color: var(--ink); color-scheme: var(--scheme);
  font: 15px/1.5 system-ui, -apple-system, "Segoe UI", Roboto, "Helvetica Neue", Arial, sans-serif;
  padding: 16px; text-align: left; -webkit-text-size-adjust: 100%;
}
.root.whole { min-height: 100vh; }
.frame { max-width: 1240px; margin: 0 auto; display: grid; gap: 14px; }
h1, h2, p { margin: 0; font-weight: inherit; font-size: inherit; }
h1 { font-size: 22px; line-height: 1.25; font-weight: 600; letter-spacing: -0.01em; }
h2 { font-size: 13px; font-weight: 600; }
.soft, small { color: var(--soft); font-size: 13px; }
output, .number { font-variant-numeric: tabular-nums; }
.unseen { position: absolute; width: 1px; height: 1px; overflow: hidden; clip-path: inset(50%); white-space: nowrap; }

button, select, input { font: inherit; color: inherit; }
button, select, input[type="number"] {
  min-height: 40px; border: 1px solid var(--line); border-radius: 8px; background: var(--panel); padding: 0 14px;
}
button, select { cursor: pointer; }
button:hover, select:hover { border-color: var(--faint); }
button[data-name="play"] {
  background: var(--accent); border-color: var(--accent); color: var(--on-accent); font-weight: 600; min-width: 88px;
}
:focus-visible { outline: 3px solid var(--accent); outline-offset: 2px; }
canvas { display: block; width: 100%; border-radius: 6px; }

.bar { display: flex; flex-wrap: wrap; gap: 8px; align-items: center; }
.bar button { flex: 1 1 auto; }
.bar .field { flex: 1 1 100%; display: flex; align-items: center; gap: 12px; }
.bar .field > span { display: contents; }
.bar .field input { order: 1; flex: 1 1 0; min-width: 60px; }
.bar .field output { order: 2; color: var(--soft); white-space: nowrap; min-width: 8.5em; }
.count { flex: 1 1 100%; }

.top { display: grid; gap: 8px 16px; align-items: center; }
.presets { display: contents; }
.presets > button::after { content: "\\25be"; margin-left: 10px; color: var(--soft); }
.presets > button[aria-expanded="true"]::after { content: "\\25b4"; }
.cards { display: grid; gap: 8px; grid-template-columns: repeat(auto-fill, minmax(min(100%, 260px), 1fr)); }
.presets .cards { grid-column: 1 / -1; }
.cards[hidden], .panel[hidden], .field[hidden] { display: none; }
.cards button { text-align: left; padding: 10px 14px; display: grid; gap: 2px; align-content: start; }
.cards button[aria-pressed="true"] { border-color: var(--accent); box-shadow: inset 0 0 0 1px var(--accent); }
.cards strong { font-weight: 600; }

.words { display: grid; gap: 2px; min-height: 10.5em; align-content: start; position: relative; }
.notice { border-left: 4px solid var(--accent); padding: 4px 12px; }
.notice[hidden] { display: none; }
.term { border-bottom: 1px dotted var(--soft); cursor: help; }
.term:hover::after, .term:focus::after {
  content: attr(data-says); position: absolute; left: 0; right: 0; top: calc(100% + 2px); z-index: 3; max-width: 460px;
  background: var(--ink); color: var(--page); border-radius: 8px; padding: 8px 12px; font-size: 13px; font-weight: 400;
}
.term:focus { outline: none; }
.guide summary { cursor: pointer; min-height: 40px; display: flex; align-items: center; gap: 8px; color: var(--accent); }
.guide summary::before { content: "\\25b8"; }
.guide[open] summary::before { content: "\\25be"; }
.guide dl { display: grid; gap: 4px 20px; margin: 0 0 8px; max-width: 900px; }
.guide dt { font-weight: 600; }
.guide dd { margin: 0 0 6px; }
.panel .legend { flex-wrap: wrap; gap: 4px 16px; justify-content: flex-start; align-items: center; }
.legend span { display: inline-flex; align-items: center; gap: 6px; }
.legend i { display: block; flex: none; }
.legend .arrow { width: 16px; height: 9px; display: flex; align-items: center; }
.legend .arrow::before { content: ""; flex: 1; border-top: 2px solid var(--first); }
.legend .arrow::after { content: ""; width: 8px; height: 8px; border-radius: 50%; background: var(--first); }
.legend .ramp { width: 44px; height: 10px; border-radius: 3px; background: var(--feature); }
.legend .circle { width: 13px; height: 13px; border: 1.5px solid var(--faint); border-radius: 50%; }
.legend .edge { width: 20px; border-top: 1.5px solid var(--faint); }
.legend.pairs .edge { border-top-style: dashed; }
.legend .full { width: 10px; height: 12px; background: var(--first); }
.legend .hollow { width: 10px; height: 12px; border: 1px solid var(--faint); }
.foot { display: flex; flex-wrap: wrap; gap: 4px 24px; justify-content: space-between; }
.links { display: flex; flex-wrap: wrap; gap: 4px 20px; }
a { color: var(--accent); }
@media (pointer: coarse) { .keys { display: none; } .links a { min-height: 40px; display: inline-flex; align-items: center; } }
.stage { display: grid; gap: 20px; grid-template-areas: "arrows" "settings" "matrix" "bars" "loss"; min-width: 0; }
.stage.played { grid-template-areas: "arrows" "matrix" "bars" "loss"; }
.panel { min-width: 0; display: grid; gap: 6px; align-content: start; }
.panel header { position: relative; }
.panel header, .panel footer { display: flex; justify-content: space-between; align-items: baseline; gap: 12px; }
.panel small + small, .panel h2 + small { text-align: right; }
.arrows canvas, .matrix canvas { height: 300px; }
.bars canvas, .loss canvas { height: 150px; }
.arrows canvas { touch-action: pan-y; }
.arrows canvas.turns { cursor: grab; }
.matrix canvas { cursor: crosshair; touch-action: manipulation; }
.key { flex: 1 1 0; display: flex; white-space: nowrap; align-items: center; gap: 8px; }
.key i { flex: 0 1 110px; height: 10px; border-radius: 3px; background: var(--signed); }

.settings { display: grid; gap: 10px 20px; grid-template-columns: 1fr 1fr; align-content: start; min-width: 0; }
.field { display: grid; min-width: 0; border: 0; margin: 0; padding: 0; }
.field > span, .field > legend { display: flex; justify-content: space-between; gap: 8px; font-size: 13px; padding: 0; }
.field.wide { grid-column: 1 / -1; }
.field select, .field input[type="number"] { width: 100%; padding: 0 10px; }
input[type="range"] { width: 100%; height: 40px; margin: 0; accent-color: var(--accent); cursor: pointer; }
.segments { display: grid; grid-auto-flow: column; grid-auto-columns: 1fr; }
.segments label { position: relative; display: grid; place-items: center; min-height: 40px; cursor: pointer;
  border: 1px solid var(--line); background: var(--panel); }
.segments label:first-child { border-radius: 8px 0 0 8px; }
.segments label:last-child { border-radius: 0 8px 8px 0; margin-left: -1px; }
.segments input { position: absolute; inset: 0; opacity: 0; width: 100%; height: 100%; margin: 0; cursor: pointer; }
.segments label:has(:checked) { background: var(--accent); border-color: var(--accent); color: var(--on-accent);
  font-weight: 600; }
.segments label:has(:focus-visible) { outline: 3px solid var(--accent); outline-offset: 2px; z-index: 1; }
.swatches { display: flex; align-items: flex-end; gap: 2px; height: 34px; }
.swatches span { flex: 1 1 0; min-width: 2px; max-width: 24px; border-radius: 2px 2px 0 0; }

@container (min-width: 600px) {
  .root { padding: 20px 24px; }
  .top { grid-template-columns: 1fr auto; }
  .words { min-height: 6em; }
  .guide dl { grid-template-columns: 180px 1fr; }
  .bar button { flex: 0 0 auto; }
  .bar .field { flex: 1 1 260px; max-width: 360px; }
  .bar .field.time { max-width: none; }
  .count { flex: 0 0 auto; margin-left: auto; min-width: 7em; text-align: right; }
  .stage { gap: 28px; grid-template-columns: 1fr 1fr;
    grid-template-areas: "arrows settings" "matrix bars" "matrix loss"; }
  .arrows canvas, .matrix canvas { height: 340px; }
  .stage.played { grid-template-areas: "arrows matrix" "bars loss"; }
}
@container (min-width: 920px) {
  .stage { gap: 20px 40px; grid-template-columns: 264px 1fr 1fr;
    grid-template-areas: "settings arrows matrix" "settings bars loss"; }
  .stage.played { grid-template-columns: 1fr 1fr; }
  .words { min-height: 4.5em; }
  .bar .field { margin-left: 12px; }
  .arrows canvas, .matrix canvas { height: 328px; }
  .bars canvas, .loss canvas { height: 140px; }
}
@media (pointer: fine) {
  @container (min-width: 920px) { .settings input[type="range"] { height: 28px; } }
}
.arrows { grid-area: arrows; } .settings { grid-area: settings; } .matrix { grid-area: matrix; }
.bars { grid-area: bars; } .loss { grid-area: loss; }
`;

/** Give an element the colours of a theme, as the custom properties of `STYLE`. */
export function dress(element, theme) {
  const palette = PALETTES[theme];
  const feature = Array.from({ length: 11 }, (_, k) => palette.feature(k / 10));
  const signed = Array.from({ length: 11 }, (_, k) => palette.signed(k / 10));
  const properties = {
    scheme: theme,
    page: palette.page,
    panel: palette.panel,
    ink: palette.ink,
    soft: palette.soft,
    line: palette.line,
    faint: palette.faint,
    accent: palette.accent,
    "on-accent": palette.onAccent,
    first: palette.feature(0),
    feature: `linear-gradient(to right, ${feature.join(", ")})`,
    signed: `linear-gradient(to right, ${signed.join(", ")})`,
  };
  element.dataset.theme = theme;
  for (const [name, value] of Object.entries(properties)) {
    element.style.setProperty(`--${name}`, value);
  }
}
