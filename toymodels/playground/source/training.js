import { Random } from "./random.js";
import { importanceOf, sample } from "./features.js";

const MEAN_DECAY = 0.9; // Adam's, with optax's defaults
const SQUARE_DECAY = 0.999;
const EPSILON = 1e-8;
const GELU_SCALE = Math.sqrt(2 / Math.PI);
const GELU_CUBIC = 0.044715;

/**
 * A model x' = activation(Wᵀ W x + b) in training: each step draws a batch and takes one step of Adam at a constant
 * rate on the mean over batch and features of I_i (x_i - x'_i)². Settings must be valid; see `checked`.
 */
export class Trainer {
  constructor(settings) {
    this.settings = { ...settings };
    this.restart();
  }

  /** Fresh weights and batches from the seed: W normal with variance 4 / (n m), b = 0. */
  restart() {
    const { n, m, seed } = this.settings;
    this.random = new Random(seed);
    this.importance = importanceOf(this.settings);
    const scale = 2 / Math.sqrt(n * m);
    this.set(Float64Array.from({ length: m * n }, () => scale * this.random.normal()), new Float64Array(n));
  }

  /**
   * Puts weights in place, and forgets what Adam knew of others.
   *
   * @param {ArrayLike<number>} W (m * n), row-major
   * @param {ArrayLike<number>} b (n)
   */
  set(W, b) {
    const { n, m } = this.settings;
    this.parameters = Float64Array.from([...W, ...b]);
    /** (m * n), entry k of the direction of feature i at [k * n + i] */
    this.W = this.parameters.subarray(0, m * n);
    /** (n) */
    this.b = this.parameters.subarray(m * n);
    this.gradient = new Float64Array(m * n + n);
    this.means = new Float64Array(m * n + n);
    this.squares = new Float64Array(m * n + n);
    /** steps taken */
    this.step = 0;
    /** mean loss of the latest call of `steps`, NaN before the first */
    this.loss = NaN;
    this.workspace = workspaceFor(n, m, this.settings.batch);
  }

  /**
   * Trains on under other settings, keeping weights and Adam's moments; another n, m or seed starts anew.
   *
   * @param {object} settings complete and valid
   */
  change(settings) {
    const anew = ["n", "m", "seed"].some((name) => settings[name] !== this.settings[name]);
    this.settings = { ...settings };
    if (anew) {
      this.restart();
    } else {
      this.importance = importanceOf(this.settings);
    }
  }

  /**
   * @param {number} count of steps to take, at least 1
   * @returns {number} their mean loss, each before its update
   */
  steps(count) {
    const { n, m, batch } = this.settings;
    if (this.workspace.batch !== batch) {
      this.workspace = workspaceFor(n, m, batch);
    }
    let total = 0;
    for (let k = 0; k < count; k += 1) {
      total += this.stepOn(sample(this.settings, this.random, batch, this.workspace.x), batch);
    }
    this.loss = total / count;
    return this.loss;
  }

  /**
   * One step on a batch that is given.
   *
   * @param {Float64Array} x (n * batch), sample s of feature i at [i * batch + s]
   * @param {number} batch
   * @returns {number} the loss before the update
   */
  stepOn(x, batch) {
    const { n, m, activation, rate } = this.settings;
    if (this.workspace.batch !== batch) {
      this.workspace = workspaceFor(n, m, batch);
    }
    const loss = lossAndGradient(this, x, ACTIVATIONS[activation]);
    this.step += 1;
    adamUpdate(this, rate);
    return loss;
  }
}

/** Memory of one step: x and its reconstruction (n * batch), the hidden activations (m * batch), their gradients. */
function workspaceFor(n, m, batch) {
  const [x, input, output] = Array.from({ length: 3 }, () => new Float64Array(n * batch));
  const [hidden, hiddenGradient] = Array.from({ length: 2 }, () => new Float64Array(m * batch));
  return { batch, x, input, output, hidden, hiddenGradient };
}

/** The loss on x (n * batch); its gradient is written to `gradient`, that of W before that of b. */
function lossAndGradient({ settings: { n, m }, W, b, importance, gradient, workspace }, x, activation) {
  const { batch, input, output, hidden, hiddenGradient } = workspace;
  encode(W, x, hidden, m, n, batch);
  decode(W, b, hidden, input, m, n, batch);
  activation.apply(input, output, n, batch);
  const loss = errorGradient(output, x, importance, batch);
  activation.pullBack(input, output, n, batch);
  encode(W, output, hiddenGradient, m, n, batch); // through the decoder, the transpose of the encoder
  for (let i = 0; i < n; i += 1) {
    for (let k = 0; k < m; k += 1) {
      gradient[k * n + i] =
        scalarProduct(hidden, k, output, i, batch) + scalarProduct(hiddenGradient, k, x, i, batch);
    }
    let total = 0;
    for (let s = i * batch; s < (i + 1) * batch; s += 1) {
      total += output[s];
    }
    gradient[m * n + i] = total;
  }
  return loss;
}

/** h = W x, into h (m * batch). */
function encode(W, x, h, m, n, batch) {
  h.fill(0);
  for (let k = 0; k < m; k += 1) {
    for (let i = 0; i < n; i += 1) {
      addScaled(h, k, W[k * n + i], x, i, batch);
    }
  }
}

/** z = Wᵀ h + b, into z (n * batch). */
function decode(W, b, h, z, m, n, batch) {
  for (let i = 0; i < n; i += 1) {
    z.fill(b[i], i * batch, (i + 1) * batch);
    for (let k = 0; k < m; k += 1) {
      addScaled(z, i, W[k * n + i], h, k, batch);
    }
  }
}

/** Row i of `into` plus `weight` times row j of `from`, rows of length `batch`. */
function addScaled(into, i, weight, from, j, batch) {
  const start = i * batch;
  const other = j * batch;
  for (let s = 0; s < batch; s += 1) {
    into[start + s] += weight * from[other + s];
  }
}

/** Row i of `first` times row j of `second`, rows of length `batch`. */
function scalarProduct(first, i, second, j, batch) {
  const start = i * batch;
  const other = j * batch;
  let total = 0;
  for (let s = 0; s < batch; s += 1) {
    total += first[start + s] * second[other + s];
  }
  return total;
}

/** The loss of the reconstruction `output` of x, both (n * batch), which the loss's gradient in it replaces. */
function errorGradient(output, x, importance, batch) {
  const count = output.length;
  let total = 0;
  for (let i = 0; i < importance.length; i += 1) {
    let squares = 0;
    for (let s = i * batch; s < (i + 1) * batch; s += 1) {
      const error = output[s] - x[s];
      squares += error * error;
      output[s] = (2 * importance[i] * error) / count;
    }
    total += importance[i] * squares;
  }
  return total / count;
}

/** One step of Adam (Kingma & Ba 2015, algorithm 1). */
function adamUpdate({ parameters, gradient, means, squares, step }, rate) {
  const meanScale = 1 / (1 - MEAN_DECAY ** step);
  const squareScale = 1 / (1 - SQUARE_DECAY ** step);
  for (let k = 0; k < parameters.length; k += 1) {
    means[k] = MEAN_DECAY * means[k] + (1 - MEAN_DECAY) * gradient[k];
    squares[k] = SQUARE_DECAY * squares[k] + (1 - SQUARE_DECAY) * gradient[k] * gradient[k];
    parameters[k] -= (rate * means[k] * meanScale) / (Math.sqrt(squares[k] * squareScale) + EPSILON);
  }
}

/*
 * Activations: `apply` writes activation(z) to `out`, and `pullBack` turns the gradient in the output into that in z.
 * All arrays are (n * batch).
 */
const ACTIVATIONS = {
  relu: elementwise(
    (z) => (z > 0 ? z : 0),
    (z) => (z > 0 ? 1 : 0),
  ),
  linear: elementwise(
    (z) => z,
    () => 1,
  ),
  gelu: elementwise(
    (z) => 0.5 * z * (1 + geluTanh(z)),
    (z) => {
      const t = geluTanh(z);
      return 0.5 * (1 + t) + 0.5 * z * (1 - t * t) * GELU_SCALE * (1 + 3 * GELU_CUBIC * z * z);
    },
  ),
  square: elementwise(
    (z) => z * z,
    (z) => 2 * z,
  ),
  solu: { apply: applySolu, pullBack: pullBackSolu },
};

function elementwise(value, slope) {
  return {
    apply(z, out) {
      for (let place = 0; place < z.length; place += 1) {
        out[place] = value(z[place]);
      }
    },
    pullBack(z, gradient) {
      for (let place = 0; place < z.length; place += 1) {
        gradient[place] *= slope(z[place]);
      }
    },
  };
}

function geluTanh(z) {
  return Math.tanh(GELU_SCALE * (z + GELU_CUBIC * z * z * z));
}

/** SoLU: z softmax(z), the softmax over the features of each sample. */
function applySolu(z, out, n, batch) {
  for (let s = 0; s < batch; s += 1) {
    const [largest, total] = softmaxTerms(z, s, n, batch);
    for (let place = s; place < n * batch; place += batch) {
      out[place] = (z[place] * Math.exp(z[place] - largest)) / total;
    }
  }
}

/** With p = softmax(z): ∂L/∂z_j = p_j (g_j (1 + z_j) - Σ_i g_i z_i p_i). */
function pullBackSolu(z, gradient, n, batch) {
  for (let s = 0; s < batch; s += 1) {
    const [largest, total] = softmaxTerms(z, s, n, batch);
    let mean = 0;
    for (let place = s; place < n * batch; place += batch) {
      mean += (gradient[place] * z[place] * Math.exp(z[place] - largest)) / total;
    }
    for (let place = s; place < n * batch; place += batch) {
      const share = Math.exp(z[place] - largest) / total;
      gradient[place] = share * (gradient[place] * (1 + z[place]) - mean);
    }
  }
}

/** The largest z of a sample, and Σ exp(z - largest). */
function softmaxTerms(z, s, n, batch) {
  let largest = -Infinity;
  for (let place = s; place < n * batch; place += batch) {
    largest = Math.max(largest, z[place]);
  }
  let total = 0;
  for (let place = s; place < n * batch; place += batch) {
    total += Math.exp(z[place] - largest);
  }
  return [largest, total];
}
