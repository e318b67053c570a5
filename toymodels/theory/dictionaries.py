"""Where dictionaries on h = Wx go wrong, exactly: too few active units, nesting, penalties, greedy picks; and scores
by chance.

Arrays are numpy's; `participation_ratio` takes JAX's too. Angles are in radians. u, v, w are unit vectors (..., m).
"""

from typing import NamedTuple

import jax.numpy as jnp
import numpy as np
from jaxtyping import Float

from toymodels.arrays import AnyArray, ratio
from toymodels.checks import check_integer, check_numbers
from toymodels.features.distributions import UNIFORM, Values

NODES = 2**14  # of midpoint rules: errors below 1e-6 for smooth integrands, below 1e-4 for steps
TOLERANCE = 1e-5  # of the length of a unit vector, and of a direction that is another's multiple


# --- TopK: fewer active units than features ----------------------------------------------------------------------


class Tilt(NamedTuple):
    """The best two unit directions for two orthogonal features, where one unit has to do for both at times.

    Attributes:
        angle: between the direction that also serves both features at once, and its own feature.
        loss: expected error of these directions.
        true_loss: the same of the true ones, which is larger.
    """

    angle: Float[AnyArray, "*batch"]
    loss: Float[AnyArray, "*batch"]
    true_loss: Float[AnyArray, "*batch"]


def topk_tilt(both: Float[AnyArray, "*#batch"], only: Float[AnyArray, "*#batch"]) -> Tilt:
    """What a TopK autoencoder (Gao et al. 2024) with k = 1 makes of two features that are 0 or 1, in orthogonal unit
    directions: one unit stays on its feature, the other tilts towards that by θ, with tan 2θ = 2 P(both) / P(only).

    The tilted unit costs sin²θ while its feature is alone and 1 - sin 2θ while both are on, hence the loss
    P(only) sin²θ + P(both) (1 - sin 2θ), of which this is the minimum. No two unit directions have a lower one, where
    the best unit is chosen for each sample. Independent features mix too. Values that vary are not covered: which unit
    is the best while both are on then depends on them.

    A child that implies its parent is never on alone: only = 0, so θ = 45° and the loss is 0. The child's unit stands
    for both, and the parent's is silent then: absorption (Chanin et al. 2024).

    >>> tilt = topk_tilt(both=np.array(0.4**2), only=np.array(0.4 * 0.6))
    >>> round(float(np.degrees(tilt.angle)), 2), round(float(tilt.loss), 6), round(float(tilt.true_loss), 6)
    (26.57, 0.08, 0.16)

    Args:
        both: P(both on).
        only: P(the tilted feature is on and the other is not): the smaller of the two features' gives the least loss.
    """
    return Tilt(
        angle=np.arctan2(2 * both, only) / 2,
        loss=both + only / 2 - np.hypot(both, only / 2),
        true_loss=both + 0 * only,
    )


# --- Matryoshka: a prefix with fewer units than features ---------------------------------------------------------


def nested_tilt(
    both: Float[AnyArray, "*#batch"],
    only: Float[AnyArray, "*#batch"],
    other: Float[AnyArray, "*#batch"],
    balance: Float[AnyArray, "*#batch"],
) -> Tilt:
    """What a Matryoshka dictionary (Bussmann et al. 2025) of two units, whose inner one has to reconstruct by itself as
    well, makes of two features that are 0 or 1, in orthogonal unit directions: hedging (Chanin et al. 2025, "Feature
    Hedging"). The inner unit, of the first feature, tilts towards the second by θ, with
    tan 2θ = 2β P(both) / ((1 + β) P(only) - β P(other)).

    The outer unit is at right angles to it, so that together they reconstruct whatever has the second feature in it.
    The first one alone costs sin²θ in both losses; in the inner one both together cost 1 - sin 2θ, and the second alone
    cos²θ. So the loss is (1 + β) P(only) sin²θ + β (P(both) (1 - sin 2θ) + P(other) cos²θ), of which this is the
    minimum. A second unit that serves the first feature instead does better where P(only) < 2 P(both).

    A child has P(other) = 0, and hedges as in `topk_tilt` at a large balance; at β = 1 half as much, for small angles.
    Independent features hedge too.

    >>> tilt = nested_tilt(np.array(0.15), np.array(0.35), np.array(0.15), np.array(1.0))
    >>> round(float(np.degrees(tilt.angle)), 2), round(float(tilt.loss), 4), round(float(tilt.true_loss), 4)
    (14.31, 0.2618, 0.3)

    Args:
        both: P(both on).
        only: P(the first is on and the second is not).
        other: P(the second is on and the first is not).
        balance: β, the weight of the inner loss: of `NestedReconstruction((1,), β)`.
    """
    half, mixed = ((1 + balance) * only - balance * other) / 2, balance * both
    return Tilt(
        angle=np.arctan2(mixed, half) / 2,
        loss=balance * other + mixed + half - np.hypot(mixed, half),
        true_loss=balance * (both + other),
    )


# --- Penalties and budgets: what is missed, and shrinkage --------------------------------------------------------


class Shrinkage(NamedTuple):
    """What becomes of the activation z of a feature that is on alone.

    Attributes:
        recall: P(z > 0).
        bias: E[z - ‖W_i‖ x], where what is missed counts as z = 0.
    """

    recall: float
    bias: float


def l1_activation(
    norm: Float[AnyArray, "*#batch"], x: Float[AnyArray, "*#batch"], penalty: Float[AnyArray, "*#batch"]
) -> Float[AnyArray, "..."]:
    """z = max(0, ‖W_i‖ x - λ/2): the activation that minimises ‖h - Dz‖² + λ Σ_k z_k over z >= 0 for h = W_i x, with
    unit columns D of which one is W_i / ‖W_i‖. The other units are off, whatever their columns: the residual along each
    is at most λ/2. Values below λ / (2 ‖W_i‖) are missed. It is the lasso's soft threshold (Tibshirani 1996).

    A task's loss is a mean over the m rows of h: with `HiddenL1(strength)`, λ = m strength.

    >>> l1_activation(np.array(2.0), np.array([0.1, 0.5]), np.array(0.6)).round(6).tolist()
    [0.0, 0.7]

    Args:
        norm: ‖W_i‖.
        x: values, at least 0.
        penalty: λ.
    """
    return np.maximum(0, norm * x - penalty / 2)


def l1_shrinkage(norm: float, penalty: float, values: Values = UNIFORM) -> Shrinkage:
    """Recall and bias of `l1_activation` over the values of a feature that is on alone, by the midpoint rule in the
    quantile. For values uniform on [0, 1] and t = λ / (2 ‖W_i‖) <= 1 they are 1 - t and -‖W_i‖ t (1 - t / 2); where
    z > 0 the bias is -λ/2.

    >>> recall, bias = l1_shrinkage(2.0, 0.8)
    >>> round(recall, 4), round(bias, 4)
    (0.8, -0.36)

    Raises:
        ValueError: for a penalty below 0, and for values below 0, which no activation stands for.
    """
    check_numbers("l1_shrinkage", "norm", norm, minimum=0)
    check_numbers("l1_shrinkage", "penalty", penalty, minimum=0)
    x = _values_when_on("l1_shrinkage", values)
    z = l1_activation(np.float64(norm), x, np.float64(penalty))
    return Shrinkage(float((z > 0).mean()), float((z - norm * x).mean()))


def threshold_shrinkage(norm: float, threshold: float, values: Values = UNIFORM) -> Shrinkage:
    """Recall and bias of an activation that is ‖W_i‖ x where that is above a threshold t, and else 0, over the values
    of a feature that is on alone: what is seen is not shrunk. For values uniform on [0, 1] and t <= ‖W_i‖ they are
    1 - t / ‖W_i‖ and -t² / (2 ‖W_i‖). In dictionaries of the true directions, where features have dimensions of their
    own, t is

    | dictionary | t | why |
    |---|---|---|
    | `JumpReLU`, `HiddenL0(s)` | √λ, λ = m s | to be on costs λ and saves (‖W_i‖ x)²; see `jump_threshold` |
    | `Gated`, `GatedAuxiliary(s)` | λ/2, λ = m s | its gate sees what an L1 penalty leaves, `l1_activation` |
    | `BatchTopK(k)` | of Σ_i P(‖W_i‖ x_i > t) = k | the largest are kept, if fewer than are on in the mean |

    >>> recall, bias = threshold_shrinkage(2.0, 0.4)
    >>> round(recall, 4), round(bias, 4)
    (0.8, -0.04)

    Raises:
        ValueError: for a threshold below 0, and for values below 0, which no activation stands for.
    """
    check_numbers("threshold_shrinkage", "norm", norm, minimum=0)
    check_numbers("threshold_shrinkage", "threshold", threshold, minimum=0)
    before = norm * _values_when_on("threshold_shrinkage", values)
    missed = before <= threshold
    return Shrinkage(float(1 - missed.mean()), float(-(before * missed).mean()))


def jump_threshold(
    penalty: Float[AnyArray, "*#batch"], bandwidth: Float[AnyArray, "*#batch"] = np.float64(0)
) -> Float[AnyArray, "*batch"]:
    """The threshold at which a `JumpReLU` comes to rest under an L0 penalty: ε/8 + √(λ + (ε/8)²), and √λ, which is
    best, for a narrow bandwidth ε.

    A threshold θ that rises saves λ for each sample that it shuts out, and loses π². The gradient that is taken for
    the loss has θ for one π, and for the other its mean over those samples within half a bandwidth that are off, which
    is θ - ε/4 where values are spread evenly. So θ (θ - ε/4) = λ.

    >>> jump_threshold(np.array([0.04, 0.16])).round(6).tolist()
    [0.2, 0.4]

    Args:
        penalty: λ = m strength of `HiddenL0(strength)`.
        bandwidth: of the activation, ε <= 2 θ.
    """
    return bandwidth / 8 + np.sqrt(penalty + (bandwidth / 8) ** 2)


def _values_when_on(owner: str, values: Values) -> Float[np.ndarray, " nodes"]:
    x = np.asarray(values.inverse_cdf(jnp.asarray((np.arange(NODES) + 0.5) / NODES)), dtype=float)
    if x.min() < 0:
        raise ValueError(f"values of {owner} must not be negative. Got {x.min():.3g} among them.")
    return x


# --- Matching pursuit: the wrong first pick ----------------------------------------------------------------------


def greedy_border(
    u: Float[np.ndarray, "*batch m"], v: Float[np.ndarray, "*batch m"], w: Float[np.ndarray, "*batch m"]
) -> Float[AnyArray, "*batch"]:
    """The ratio y/x above which matching pursuit (Mallat & Zhang 1993) picks w before u for h = u x + v y, x and y > 0:
    (1 - u·w) / (v·w - u·v), from u·h < w·h. Infinite unless w is nearer to v than u is.

    In a pentagon, for u and v at 144° and w between them, it is (1 - cos 72°) / (cos 72° - cos 144°) = 1/φ, the golden
    ratio's inverse.

    >>> u, w, v = (np.array([np.cos(a), np.sin(a)]) for a in np.radians([0, 72, 144]))
    >>> round(float(greedy_border(u, v, w)), 6)
    0.618034
    """
    _check_units("greedy_border", u, v, w)
    nearer = (v * w).sum(-1) - (u * v).sum(-1)
    return np.where(nearer > 0, ratio(1 - (u * w).sum(-1), nearer), np.inf)


def wrong_first_pick(
    u: Float[np.ndarray, "*batch m"], v: Float[np.ndarray, "*batch m"], w: Float[np.ndarray, "*batch m"]
) -> Float[AnyArray, "*batch"]:
    """The probability that matching pursuit picks w first, before u and v, for h = u x + v y with independent x and y
    uniform on [0, 1]: P(border < y/x < 1 / the other border), where P(y/x < r) is r/2 up to 1, then 1 - 1/(2r).

    >>> u, w, v = (np.array([np.cos(a), np.sin(a)]) for a in np.radians([0, 72, 144]))
    >>> round(float(wrong_first_pick(u, v, w)), 6)
    0.381966
    """
    borders = np.stack([greedy_border(u, v, w), greedy_border(v, u, w)])
    before = np.where(borders < 1, borders / 2, 1 - 0.5 / np.maximum(borders, 1))  # P(u is picked), P(v is picked)
    return np.maximum(0, 1 - before.sum(0))


def collision(
    u: Float[np.ndarray, "*batch m"], v: Float[np.ndarray, "*batch m"], w: Float[np.ndarray, "*batch m"]
) -> Float[np.ndarray, "*batch 2"]:
    """The values (a, b) of u and v at which u a + v b = w: h is then exactly that of the third feature with value 1,
    and no method can tell them apart by h alone. NaN where w is not between u and v, in their plane.

    In a pentagon both are φ: two features at 144° with the value x each are the one between them with x / φ.

    >>> u, w, v = (np.array([np.cos(a), np.sin(a)]) for a in np.radians([0, 72, 144]))
    >>> collision(u, v, w).round(6).tolist(), collision(u, w, v).round(6).tolist()
    ([1.618034, 1.618034], [nan, nan])
    """
    _check_units("collision", u, v, w)
    uv, uw, vw = ((first * second).sum(-1) for first, second in ((u, v), (u, w), (v, w)))
    values = ratio(np.stack([uw - uv * vw, vw - uv * uw], -1), 1 - uv[..., None] ** 2, otherwise=np.nan)
    left = values[..., :1] * u + values[..., 1:] * v - w
    same = (abs(left).max(-1) < TOLERANCE) & (values >= 0).all(-1)
    return np.where(same[..., None], values, np.nan)


# --- Scores by chance --------------------------------------------------------------------------------------------


def chance_mmcs(n_hidden: int, n_directions: int) -> float:
    """The expected `mmcs` of k independent random directions in m dimensions with any true ones: E max cos = 1 - ∫ F^k
    over [-1, 1], where F is the distribution of one cosine, (1 + cos) / 2 being Beta((m - 1)/2, (m - 1)/2).

    >>> [round(chance_mmcs(m, 2 * m), 3) for m in (2, 3, 50)]  # in three dimensions cosines are uniform: 5/7
    [0.723, 0.714, 0.348]

    Args:
        n_hidden: m, at least 2.
        n_directions: k, at least 1.
    """
    _check_sizes("chance_mmcs", n_hidden, n_directions)
    from scipy.special import betainc  # not above: it takes a quarter of a second to import

    half = (n_hidden - 1) / 2
    phi = np.pi * ((np.arange(NODES) + 0.5) / NODES - 0.5)  # cos = sin φ, so that the integrand is smooth at the ends
    below = betainc(half, half, (1 + np.sin(phi)) / 2)
    return float(1 - np.pi * (below**n_directions * np.cos(phi)).mean())


def chance_mmcs_absolute(n_hidden: int, n_directions: int) -> float:
    """The same for absolute cosines, as other code takes them: cos² is Beta(1/2, (m - 1)/2).

    >>> [round(chance_mmcs_absolute(m, 2 * m), 3) for m in (2, 3, 50)]
    [0.921, 0.857, 0.379]
    """
    _check_sizes("chance_mmcs_absolute", n_hidden, n_directions)
    from scipy.special import betainc

    phi = np.pi / 2 * (np.arange(NODES) + 0.5) / NODES
    below = betainc(0.5, (n_hidden - 1) / 2, np.sin(phi) ** 2)
    return float(1 - np.pi / 2 * (below**n_directions * np.cos(phi)).mean())


def chance_of_axes(n_hidden: int) -> float:
    """The expected largest |cos| of any direction with m orthogonal axes in a random rotation, such as the principal
    components of a tight frame: E max |g_k| / E ‖g‖ of m independent normal numbers g. In the plane, (4/π) sin 45°.

    >>> round(chance_of_axes(2), 4)
    0.9003
    """
    check_integer("chance_of_axes", "n_hidden", n_hidden, minimum=1)
    from scipy.special import erf, gammaln

    end = 12.0  # of the integral of P(max |g_k| > t): beyond it there is nothing
    t = end * (np.arange(NODES) + 0.5) / NODES
    largest = end * (1 - erf(t / 2**0.5) ** n_hidden).mean()
    return float(largest / (2**0.5 * np.exp(gammaln((n_hidden + 1) / 2) - gammaln(n_hidden / 2))))


def chance_in_polygon(n_features: int, n_directions: int) -> float:
    """The expected `matched_cosines`, over n, of k directions that are further apart than the neighbours of a regular
    polygon, with its n features, in a random rotation: each has a feature of its own at an angle of up to π/n, and so a
    cosine of sin(π/n) / (π/n) in the mean; the n - k features that none is left for count as 0.

    Two orthogonal axes, each in both directions, so have four fifths of .935 of a pentagon: to match one to one and to
    count all features is what tells them from the truth, which the .900 of `chance_of_axes` does not.

    >>> round(chance_in_polygon(5, 4), 4)
    0.7484

    Raises:
        ValueError: for as many directions as features, or more, which cannot all be further apart.
    """
    check_integer("chance_in_polygon", "n_directions", n_directions, minimum=1)
    check_integer("chance_in_polygon", "n_features", n_features, minimum=n_directions + 1)
    return float(n_directions / n_features * np.sinc(1 / n_features))


def participation_ratio(covariance: Float[AnyArray, "*batch m m"]) -> Float[AnyArray, "*batch"]:
    """(Σ λ)² / Σ λ² over the eigenvalues of Cov h: an effective number of dimensions, from 1 to m. For a tight frame
    and uncorrelated features of equal variance it is m, however many they are. NaN where nothing varies.

    >>> float(participation_ratio(np.diag([1.0, 1.0, 0.0])))
    2.0
    """
    trace = covariance.trace(axis1=-2, axis2=-1)
    return ratio(trace**2, (covariance**2).sum((-1, -2)), otherwise=np.nan)


def _check_units(owner: str, *vectors: Float[AnyArray, "*batch m"]) -> None:
    for vector in vectors:
        lengths = np.ravel((vector * vector).sum(-1) ** 0.5)
        bad = ~(abs(lengths - 1) < TOLERANCE)
        if bad.any():
            raise ValueError(f"u, v, w of {owner} must be unit vectors. Got one of length {lengths[bad][0]:.6g}.")


def _check_sizes(owner: str, n_hidden: int, n_directions: int) -> None:
    check_integer(owner, "n_hidden", n_hidden, minimum=2)
    check_integer(owner, "n_directions", n_directions, minimum=1)
