/**
 * Draws sparse feature vectors. A feature is on with probability `density`, and then uniform on [0, 1). Features 2k and
 * 2k + 1 may be a pair; where n is odd the last one stands alone. Of an anticorrelated pair at most one is on, so that
 * a density above 1/2 counts as 1/2 for its members.
 *
 * @param {{n: number, density: number, pairs: string, correlation: number}} settings
 * @param {{uniform: () => number}} random
 * @param {number} batch number of samples
 * @param {Float64Array} [out] (n * batch), written and returned where it is given
 * @returns {Float64Array} x (n * batch), sample s of feature i at [i * batch + s]
 */
export function sample(settings, random, batch, out = new Float64Array(settings.n * batch)) {
  const { n, density, pairs, correlation } = settings;
  const paired = pairs === "independent" ? 0 : n - (n % 2);
  for (let i = 0; i < paired; i += 2) {
    const first = i * batch;
    if (pairs === "correlated") {
      sampleCorrelatedPair(out, first, batch, density, correlation, random);
    } else {
      sampleAnticorrelatedPair(out, first, batch, Math.min(1, 2 * density), random);
    }
  }
  for (let place = paired * batch; place < n * batch; place += 1) {
    out[place] = valueIfOn(random.uniform(), density);
  }
  return out;
}

/**
 * How much each feature's squared error counts.
 *
 * @param {{n: number, decay: number}} settings
 * @returns {Float64Array} I (n), decay^i
 */
export function importanceOf({ n, decay }) {
  return Float64Array.from({ length: n }, (_, i) => decay ** i);
}

/** With probability `correlation` one draw decides whether both are on, else each has its own. */
function sampleCorrelatedPair(out, first, batch, density, correlation, random) {
  for (let place = first; place < first + batch; place += 1) {
    if (random.uniform() < correlation) {
      const on = random.uniform() < density;
      out[place] = on ? random.uniform() : 0;
      out[place + batch] = on ? random.uniform() : 0;
    } else {
      out[place] = valueIfOn(random.uniform(), density);
      out[place + batch] = valueIfOn(random.uniform(), density);
    }
  }
}

/** With probability `pairDensity` the pair is on, and then one of the two, chosen evenly. */
function sampleAnticorrelatedPair(out, first, batch, pairDensity, random) {
  for (let place = first; place < first + batch; place += 1) {
    const value = valueIfOn(random.uniform(), pairDensity);
    const isFirst = value > 0 && random.uniform() < 0.5;
    out[place] = isFirst ? value : 0;
    out[place + batch] = isFirst ? 0 : value;
  }
}

/** A draw below `density` is on, and its place within that part is again uniform. */
function valueIfOn(draw, density) {
  return draw < density ? draw / density : 0;
}
