const FLAT = 0.05; // how far from a plane a point still counts as in it
const SAME = 0.97; // cosine of two normals that count as one

/**
 * Edges of the convex hull of some directions. Near ties count as exact, so that a square has no diagonal and a cube
 * none on its faces; where all points lie in one plane of three dimensions there are no edges.
 *
 * @param {Float64Array} W (m * n), m = 2 or 3
 * @param {number[]} features those that take part
 * @returns {number[][]} pairs of features
 */
export function hullEdges(W, m, n, features) {
  return m === 2 ? edgesInPlane(W, n, features) : edgesInSpace(W, n, features);
}

/** Pairs whose line has all others on one side of it. */
function edgesInPlane(W, n, features) {
  return pairsAmong(features).filter(([i, j]) => {
    const [x, y] = [W[n + i] - W[n + j], W[j] - W[i]];
    return isSupporting(W, n, features, i, [x, y, 0], 2);
  });
}

/** Pairs that lie on two supporting planes which differ. */
function edgesInSpace(W, n, features) {
  const normalsOf = new Map();
  const edges = [];
  const see = (i, j, normal) => {
    const known = normalsOf.get(i * n + j) ?? normalsOf.set(i * n + j, { normal, isEdge: false }).get(i * n + j);
    const cosine = known.normal[0] * normal[0] + known.normal[1] * normal[1] + known.normal[2] * normal[2];
    if (!known.isEdge && Math.abs(cosine) < SAME) {
      known.isEdge = true;
      edges.push([i, j]);
    }
  };
  for (const [i, j] of pairsAmong(features)) {
    for (const k of features.filter((feature) => feature > j)) {
      const normal = normalThrough(W, n, i, j, k);
      if (isSupporting(W, n, features, i, normal, 3)) {
        see(i, j, normal);
        see(i, k, normal);
        see(j, k, normal);
      }
    }
  }
  return edges;
}

function pairsAmong(features) {
  return features.flatMap((i, place) => features.slice(place + 1).map((j) => [i, j]));
}

/** The unit normal of the plane through the ends of three directions. */
function normalThrough(W, n, i, j, k) {
  const [ax, ay, az] = [W[j] - W[i], W[n + j] - W[n + i], W[2 * n + j] - W[2 * n + i]];
  const [bx, by, bz] = [W[k] - W[i], W[n + k] - W[n + i], W[2 * n + k] - W[2 * n + i]];
  const [x, y, z] = [ay * bz - az * by, az * bx - ax * bz, ax * by - ay * bx];
  const length = Math.hypot(x, y, z) || 1;
  return [x / length, y / length, z / length];
}

/** Whether no two ends are on different sides of the plane (or line) through the end of i, and one is off it. */
function isSupporting(W, n, features, i, normal, m) {
  const length = Math.hypot(...normal) || 1;
  let [low, high] = [0, 0];
  for (const feature of features) {
    let side = 0;
    for (let k = 0; k < m; k += 1) {
      side += (normal[k] * (W[k * n + feature] - W[k * n + i])) / length;
    }
    low = Math.min(low, side);
    high = Math.max(high, side);
    if (low < -FLAT && high > FLAT) {
      return false;
    }
  }
  return low < -FLAT || high > FLAT;
}
