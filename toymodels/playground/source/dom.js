/**
 * A new element. Attributes that are functions become listeners, those that are `true` are set without a value, and
 * those that are `false`, `null` or `undefined` are left out.
 *
 * @param {string} tag
 * @param {Object<string, string | number | boolean | null | undefined | Function>} [attributes]
 * @param {...(Node | string)} children
 * @returns {HTMLElement}
 */
export function make(tag, attributes = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (typeof value === "function") {
      element.addEventListener(name, value);
    } else if (value !== false && value !== null && value !== undefined) {
      element.setAttribute(name, value === true ? "" : value);
    }
  }
  element.append(...children);
  return element;
}

/** A push button; `name` is how tests and style sheets find it. */
export function button(name, label, press, attributes = {}) {
  return make("button", { type: "button", "data-name": name, click: press, ...attributes }, label);
}

/** Set the text of an element, touching the page only where it differs. */
export function write(element, text) {
  if (element.textContent !== text) {
    element.textContent = text;
  }
}

/** A number in words of a fixed width: a true minus sign, and `digits` behind the point. */
export function decimal(value, digits = 2) {
  const text = Math.abs(value).toFixed(digits);
  return value < 0 && Number(text) !== 0 ? `\u2212${text}` : text;
}

/** A number with two significant digits, as short as it can be written: 0.05, 12, 3e-4. */
export function brief(value) {
  return String(Number(value.toPrecision(2))).replace("-", "\u2212");
}

/** A whole number with thin spaces between the thousands: 12 345. */
export function grouped(value) {
  return String(value).replace(/\B(?=(\d{3})+$)/g, "\u2009");
}

/**
 * A live region: `say` is heard at once, `mention` at most every `pause` milliseconds, so that a training that runs
 * does not talk without end.
 */
export function announcer(pause = 5000) {
  const element = make("p", { class: "unseen", role: "status", "aria-live": "polite", "data-name": "status" });
  let spoken = -Infinity;
  const say = (text) => {
    spoken = performance.now();
    write(element, text);
  };
  const mention = (text) => {
    if (performance.now() - spoken > pause) {
      say(text);
    }
  };
  return { element, say, mention };
}
