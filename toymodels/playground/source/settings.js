/** Settings of a fresh playground. */
export const DEFAULTS = Object.freeze({
  n: 5,
  m: 2,
  density: 0.1,
  decay: 0.9,
  pairs: "independent",
  correlation: 1,
  activation: "relu",
  rate: 0.01,
  batch: 256,
  seed: 0,
});

/** Limits of the numbers; `step` and `log` say how a slider moves over them. */
export const RANGES = Object.freeze({
  n: { min: 2, max: 20, step: 1, integer: true },
  density: { min: 0.002, max: 1, log: true },
  decay: { min: 0.3, max: 1, step: 0.01 },
  correlation: { min: 0, max: 1, step: 0.01 },
  rate: { min: 0.0001, max: 0.1, log: true },
  batch: { min: 16, max: 4096, log: true, integer: true },
  seed: { min: 0, max: 4294967295, step: 1, integer: true },
});

/** What the others can be. */
export const CHOICES = Object.freeze({
  m: [2, 3],
  pairs: ["independent", "correlated", "anticorrelated"],
  activation: ["relu", "linear", "gelu", "solu", "square"],
});

/** The paper's arrangements: `settings` has what differs from DEFAULTS. */
export const PRESETS = Object.freeze([
  { name: "dense", title: "Dense", figure: "Introduction", says: "Two features.", settings: { density: 1 } },
  { name: "antipodal-pairs", title: "Antipodal pairs", figure: "Introduction", says: ".", settings: { density: 0.2 } },
  { name: "pentagon", title: "Pentagon", figure: "Introduction", says: ".", settings: { density: 0.05, decay: 1 } },
  { name: "linear", title: "Linear model", figure: "Basic Results", says: ".", settings: { activation: "linear" } },
  {
    name: "correlated",
    title: "Correlated pairs",
    figure: "Correlated and Anticorrelated Features",
    says: ".",
    settings: { n: 4, decay: 1, pairs: "correlated" },
  },
  {
    name: "anticorrelated",
    title: "Anticorrelated pairs",
    figure: "Correlated and Anticorrelated Features",
    says: ".",
    settings: { n: 4, decay: 1, pairs: "anticorrelated" },
  },
  {
    name: "tetrahedron",
    title: "Tetrahedron",
    figure: "The Geometry of Superposition",
    says: ".",
    settings: { n: 4, m: 3, density: 0.05, decay: 1 },
  },
  {
    name: "octahedron",
    title: "Octahedron",
    figure: "The Geometry of Superposition",
    says: ".",
    settings: { n: 6, m: 3, decay: 1 },
  },
]);

/**
 * Complete and valid settings: what is missing, unknown or no number becomes the default, and numbers out of range the
 * nearest that is in it.
 *
 * @param {object} [settings] any of the names in DEFAULTS
 * @returns {object} all of them
 */
export function checked(settings) {
  const given = settings ?? {};
  return Object.fromEntries(
    Object.entries(DEFAULTS).map(([name, otherwise]) => {
      const value = Object.hasOwn(given, name) ? given[name] : otherwise;
      return [name, checkedValue(name, value, otherwise)];
    }),
  );
}

/**
 * Settings as the hash of an address, without "#".
 *
 * @param {object} settings
 * @returns {string} "n=6&m=3": what differs from DEFAULTS
 */
export function toHash(settings) {
  const differing = Object.entries(checked(settings)).filter(([name, value]) => value !== DEFAULTS[name]);
  return new URLSearchParams(differing).toString();
}

/**
 * Settings from the hash of an address, with or without "#". `preset=NAME` stands for the settings of a preset, which
 * the others in the hash change.
 *
 * @param {string} hash
 * @returns {object} complete and valid, whatever the hash
 */
export function fromHash(hash) {
  const given = new URLSearchParams(hash.replace(/^#/, ""));
  const preset = PRESETS.find(({ name }) => name === given.get("preset"));
  const settings = { ...DEFAULTS, ...preset?.settings };
  for (const [name, otherwise] of Object.entries(settings)) {
    if (given.get(name)) {
      const value = typeof otherwise === "number" ? Number(given.get(name)) : given.get(name);
      settings[name] = checkedValue(name, value, otherwise);
    }
  }
  return settings;
}

function checkedValue(name, value, otherwise) {
  if (name in CHOICES) {
    return CHOICES[name].includes(value) ? value : otherwise;
  }
  if (typeof value !== "number" || Number.isNaN(value)) {
    return otherwise;
  }
  const { min, max, integer } = RANGES[name];
  return Math.min(max, Math.max(min, integer ? Math.round(value) : value));
}
