import { CATALOGUE } from "./catalogue.js";

/**
 * `DEFAULTS`: settings of a fresh playground. `RANGES`: limits of the numbers; `step` and `log` say how a slider moves
 * over them. `CHOICES`: what the others can be. `PRESETS`: the paper's figures that two or three dimensions can show,
 * by the section they are in; `settings` has what differs from DEFAULTS, and `says` is what 2,000 steps lead to, in
 * nearly all seeds where it names no share.
 */
export const { defaults: DEFAULTS, ranges: RANGES, choices: CHOICES, presets: PRESETS } = CATALOGUE;

/**
 * Complete and valid settings: what is missing, unknown or not a number becomes the default, and numbers out of range the
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
  return readHash(hash).settings;
}

/**
 * `fromHash`, and what in the hash could not be used, in words: ["n = 99 is now 20", "nn is no setting"]. A name alone,
 * as the hash of a heading in a page is, is not meant for the playground.
 *
 * @param {string} hash
 * @returns {{ settings: object, replaced: string[] }}
 */
export function readHash(hash) {
  const given = new URLSearchParams(hash.replace(/^#/, ""));
  const preset = PRESETS.find(({ name }) => name === given.get("preset"));
  const settings = { ...DEFAULTS, ...preset?.settings };
  const replaced = [];
  for (const [name, text] of given) {
    if (name === "preset" ? !preset : text && !Object.hasOwn(DEFAULTS, name)) {
      replaced.push(name === "preset" ? `there is no preset ${text}` : `there is no setting ${name}`);
    }
  }
  for (const [name, otherwise] of Object.entries(settings)) {
    const text = given.get(name);
    if (text) {
      const value = typeof otherwise === "number" ? Number(text) : text;
      settings[name] = checkedValue(name, value, otherwise);
      if (settings[name] !== value) {
        replaced.push(`${name} cannot be ${text} and is ${settings[name]}`);
      }
    }
  }
  return { settings, replaced };
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
