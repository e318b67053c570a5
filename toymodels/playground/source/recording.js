import { button, grouped, make } from "./dom.js";
import { slider } from "./controls.js";

const RATES = [1, 2, 5, 10, 20, 30, 60]; // snapshots per second

/**
 * A recorded run played back: what the playground shows instead of a model in training.
 *
 * @param {object} stage what the playground lends: `say(text)`, `wake()` (draw again), `pause()`
 * @param {{ title: string, steps: number[], W: number[][][], b: number[][], loss: number[] | null,
 *   importance: number[], activation: string }} recording W (k, m, n), b (k, n)
 */
export function makePlayback(stage, recording) {
  const { steps, W, b, loss, importance } = recording;
  const [last, m, n] = [steps.length - 1, W[0].length, W[0][0].length];
  const snapshots = W.map((snapshot) => Float64Array.from(snapshot.flat()));
  let [place, rate] = [0, 10]; // the place is between two snapshots while it plays
  const frame = () => Math.min(last, Math.floor(place));

  const go = (to) => {
    place = Math.min(last, Math.max(0, to));
    time.show(frame(), `Step ${grouped(steps[frame()])}`);
    stage.wake();
  };
  const step = (by) => () => {
    stage.pause();
    go(frame() + by);
  };
  const setRate = (value) => {
    rate = value;
    rateSlider.show(RATES.indexOf(value), `${value} per second`);
  };
  const time = slider({ name: "time", title: "Time", min: 0, max: last, step: 1, className: "time" }, (to) => {
    stage.pause();
    go(to);
  });
  const rates = { name: "speed", title: "Speed", min: 0, max: RATES.length - 1, step: 1 };
  const rateSlider = slider(rates, (to) => setRate(RATES[to]));
  setRate(rate);
  go(0);

  return {
    title: recording.title,
    buttons: [
      button("back", "Back", step(-1), { title: "One snapshot back (b)" }),
      button("step", "Step", step(1), { title: "One snapshot on (s)" }),
      time.element,
      rateSlider.element,
    ],
    words: make("p", { class: "soft" }, `A recorded run, output activation: ${recording.activation}.`),
    keys: { s: step(1), b: step(-1) },
    keysText: "Keys: space play or pause, s step, b back.",
    ended: () => frame() === last,
    rewind: () => go(0),
    advance: (seconds) => go(place + rate * seconds),
    model: () => ({
      W: snapshots[frame()],
      b: b[frame()],
      m,
      n,
      importance,
      pairs: false,
      step: steps[frame()],
      loss: loss ? loss[frame()] : NaN,
      steps: loss ? steps : [],
      losses: loss ?? [],
      now: loss ? steps[frame()] : null,
    }),
    describe: () => {},
    dress: () => {},
    settings: () => null,
    set: () => {},
    state: () => ({ snapshot: frame(), snapshots: last + 1 }),
  };
}
