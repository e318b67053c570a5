/*
 * Geometry of feature directions, as in toymodels.analysis.geometry. W is (m * n), row-major: entry k of the direction
 * W_i of feature i is at [k * n + i]. A feature without a direction has interference and dimensionality 0.
 */

/**
 * WᵀW: the scalar products of all pairs of directions.
 *
 * @param {Float64Array} W (m * n)
 * @returns {Float64Array} (n * n), W_i·W_j at [i * n + j]
 */
export function gram(W, m, n) {
  const products = new Float64Array(n * n);
  for (let i = 0; i < n; i += 1) {
    for (let j = 0; j < n; j += 1) {
      for (let k = 0; k < m; k += 1) {
        products[i * n + j] += W[k * n + i] * W[k * n + j];
      }
    }
  }
  return products;
}

/**
 * ‖W_i‖.
 *
 * @param {Float64Array} W (m * n)
 * @returns {Float64Array} (n)
 */
export function norms(W, m, n) {
  const products = gram(W, m, n);
  return Float64Array.from({ length: n }, (_, i) => Math.sqrt(products[i * n + i]));
}

/**
 * D_i = ‖W_i‖² / Σ_j (Ŵ_i·W_j)²: the fraction of a dimension that feature i has.
 *
 * @param {Float64Array} W (m * n)
 * @returns {Float64Array} (n)
 */
export function dimensionality(W, m, n) {
  const products = gram(W, m, n);
  return Float64Array.from({ length: n }, (_, i) => {
    const square = products[i * n + i];
    return square > 0 ? square / seenAlong(products, i, n) : 0;
  });
}

/**
 * Σ_{j≠i} (Ŵ_i·W_j)²: how strongly the other features are seen along direction i.
 *
 * @param {Float64Array} W (m * n)
 * @returns {Float64Array} (n)
 */
export function interference(W, m, n) {
  const products = gram(W, m, n);
  return Float64Array.from({ length: n }, (_, i) => seenAlong(products, i, n, i));
}

/**
 * D* = m / ‖W‖_F²: hidden dimensions per feature, counting as features the squared norms. Infinite for W = 0.
 *
 * @param {Float64Array} W (m * n)
 * @returns {number}
 */
export function dimensionsPerFeature(W, m) {
  return m / W.reduce((total, weight) => total + weight * weight, 0);
}

/** Σ_j (Ŵ_i·W_j)² over all features j but `except`. */
function seenAlong(products, i, n, except = -1) {
  const square = products[i * n + i];
  let total = 0;
  for (let j = 0; square > 0 && j < n; j += 1) {
    total += j === except ? 0 : products[i * n + j] ** 2 / square;
  }
  return total;
}
