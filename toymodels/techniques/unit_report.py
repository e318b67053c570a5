"""Is this unit a detector of that feature? The seven kinds of evidence by which Olah et al. 2020 ("Zoom In: An
Introduction to Circuits", on curve detectors) say that one is, each as a number beside its chance level.

    print(unit_report(module, x, unit=0, feature=2))

With their chance levels, for n features:

- visualisation: share of the feature in the squared length of what drives the unit most in a box; 1/n;
- examples: share of the unit's top samples in which the feature is on; its density;
- synthetic: probability that the unit is higher for the feature alone than for another one alone; 1/2;
- tuning: share of the unit's activation that is lost when another feature takes the value of the feature; 0;
- weights: share of the feature in the squared weights that raise the unit; 1/n;
- use: share of the feature's own output in the squared change of all of them, when the unit is held at its mean; 1/n;
- replacement: share of that change that is undone when the unit is set to what the feature alone makes of it; 0.

Each becomes (number - chance) / (1 - chance), and says that the unit is a detector if that is above 1/2. It is one if
more than half of its variance is explained by a line in the feature's value that rises.
"""

from typing import NamedTuple

import jax
import jax.numpy as jnp
from flax import nnx
from jaxtyping import Array, Bool, Float

from toymodels.arrays import ratio
from toymodels.cases import profiles
from toymodels.checks import check_integer
from toymodels.models.modules import activations
from toymodels.techniques.units import Encode, FeatureVisualisation

EVIDENCE = ("visualisation", "examples", "synthetic", "tuning", "weights", "use", "replacement")
"""The kinds of evidence, in the paper's order: feature visualisation, dataset examples, synthetic examples, joint
tuning, feature implementation, feature use, handwritten circuits."""

TOP = 20
"""How many samples are a unit's top ones."""

VALUES = 32
"""How many values the features of synthetic examples have, from 0 to 1."""


class UnitReport(NamedTuple):
    """What speaks for a unit as a detector of a feature, of each kind in `EVIDENCE`; of all units and features where
    there are further axes.

    Attributes:
        numbers: (kinds, ...).
        chance: what they are by chance (kinds, ...).
        truth: the share of the unit's variance that the feature explains (...).
    """

    numbers: Float[Array, "kinds ..."]
    chance: Float[Array, "kinds ..."]
    truth: Float[Array, "..."]

    @property
    def scores(self) -> Float[Array, "kinds ..."]:
        """1 for certain, 0 for chance."""
        return (self.numbers - self.chance) / (1 - self.chance)

    @property
    def says(self) -> Bool[Array, "kinds ..."]:
        """Whether each kind says that the unit is a detector of the feature."""
        return self.scores > 0.5

    @property
    def wrong(self) -> Bool[Array, "kinds ..."]:
        """Whether it errs."""
        return self.says != (self.truth > 0.5)[None]

    def __str__(self) -> str:
        lines = [f"{'evidence':14}number  chance  detector?"]
        rows = zip(EVIDENCE, self.numbers, self.chance, self.says, strict=True)
        lines += [
            f"{name:14}{number:6.2f}  {chance:6.2f}  {'yes' if yes else 'no'}" for name, number, chance, yes in rows
        ]
        return "\n".join([*lines, f"{'truth':14}{self.truth:6.2f}          {'yes' if self.truth > 0.5 else 'no'}"])


def unit_report(module: nnx.Module, x: Float[Array, "n samples"], unit: int, feature: int) -> UnitReport:
    """The evidence on one unit and one feature.

    Args:
        module: a model with as many outputs as features, one for each, and `decode`, such as that of an `Autoencoder`.
        x: samples, at least 20.
        unit: a place in the activations `hidden`.
        feature: a place in x.

    Raises:
        ValueError: for a module of another kind, and for places that there are not.

    >>> import toymodels as tm
    >>> x = tm.Independent(4, 0.1).sample(jax.random.key(0), 2_000)
    >>> print(unit_report(tm.cases.dedicated(4).module(), x, unit=0, feature=0))
    evidence      number  chance  detector?
    visualisation   1.00    0.25  yes
    examples        1.00    0.09  yes
    synthetic       1.00    0.50  yes
    tuning          0.87    0.00  yes
    weights         1.00    0.25  yes
    use             1.00    0.25  yes
    replacement     1.00    0.00  yes
    truth           1.00          yes
    """
    check_integer("unit_report", "unit", unit, minimum=0)
    check_integer("unit_report", "feature", feature, minimum=0)
    every = unit_reports(module, x)
    m, n = every.truth.shape
    if unit >= m or feature >= n:
        raise ValueError(f"unit_report must have a unit below {m} and a feature below {n}. Got {unit} and {feature}.")
    return UnitReport(*(table[..., unit, feature] for table in every))


def unit_reports(module: nnx.Module, x: Float[Array, "n samples"]) -> UnitReport:
    """The evidence on every unit (m) and every feature (n), tables (7, m, n) and (m, n). About n² + m n forward passes;
    it can be a metric of a sweep.

    Raises:
        ValueError: for a module that has no `decode`, or not an output for each feature.
    """
    named = activations(module, x)
    if not hasattr(module, "decode") or named["prediction"].shape != x.shape:
        raise ValueError(f"unit_reports takes a module with `decode` and an output for each feature. Got {module!r}.")

    def encode(x: Array) -> Array:
        return activations(module, x)["hidden"]

    h, n = named["hidden"], len(x)
    seen, use, replacement = FeatureVisualisation()(encode, x).rows, *_downstream(module, encode, x, h)
    weights = jnp.maximum(profiles(module), 0)
    numbers = jnp.stack(
        [
            _shares(jnp.square(seen)),
            _examples(h, x),
            _synthetic(encode, n),
            _tuning(encode, x, h),
            _shares(jnp.square(weights)),
            use,
            replacement,
        ]
    )
    on = (x != 0).mean(-1)
    one, none = jnp.full(n, 1 / n), jnp.zeros(n)
    chance = jnp.stack([one, on, none + 0.5, none, one, one, none])
    return UnitReport(numbers, jnp.broadcast_to(chance[:, None], numbers.shape), _explained(h, x))


def _shares(parts: Float[Array, "m n"]) -> Float[Array, "m n"]:
    return ratio(parts, parts.sum(1, keepdims=True))


def _examples(h: Float[Array, "m samples"], x: Float[Array, "n samples"]) -> Float[Array, "m n"]:
    best = jax.lax.top_k(h, TOP)[1]
    return (x[:, best] != 0).mean(-1).T


def _synthetic(encode: Encode, n: int) -> Float[Array, "m n"]:
    """Over all pairs of values; ties count as half."""
    alone = jnp.eye(n)[:, :, None] * ((jnp.arange(VALUES) + 0.5) / VALUES)[None, None]
    responses = encode(alone.reshape(n, -1)).reshape(-1, n, VALUES)  # (m, feature, value)

    def above(feature: Array) -> Array:
        own = responses[:, feature][:, None, :, None]
        others = responses[:, :, None, :]
        return (jnp.sign(own - others).mean((2, 3)) + 1).sum(1) / 2

    return ((jax.lax.map(above, jnp.arange(n)) - 0.5) / (n - 1)).T  # less the feature against itself, which is 1/2


def _tuning(encode: Encode, x: Float[Array, "n samples"], h: Float[Array, "m samples"]) -> Float[Array, "m n"]:
    """Samples in which a feature is on, before and after its value and that of another change places."""
    n = len(x)
    on = 1.0 * (x != 0)

    def after(pair: Array) -> Array:
        own, other = pair
        return jax.nn.relu(encode(x.at[own].set(x[other]).at[other].set(x[own]))) @ on[own]

    pairs = jnp.stack(jnp.meshgrid(jnp.arange(n), jnp.arange(n), indexing="ij"), -1).reshape(-1, 2)
    swapped = jax.lax.map(after, pairs).reshape(n, n, -1)  # (own, other, m)
    before = (jax.nn.relu(h) @ on.T).T
    others = (swapped.sum(1) - before) / (n - 1)
    return (1 - ratio(others, before, 1.0)).T


def _downstream(
    module: nnx.Module, encode: Encode, x: Float[Array, "n samples"], h: Float[Array, "m samples"]
) -> tuple[Float[Array, "m n"], Float[Array, "m n"]]:
    """How outputs change when a unit is held at its mean, and how much of it is undone when it is what one feature
    alone makes of it."""
    n = len(x)
    alone = jax.lax.map(lambda i: encode(jnp.zeros_like(x).at[i].set(x[i])), jnp.arange(n))  # (n, m, samples)
    y = module.decode(h)  # type: ignore[attr-defined]

    def of_unit(unit: Array) -> tuple[Array, Array]:
        def change(values: Array) -> Array:
            return jnp.square(module.decode(h.at[unit].set(values)) - y).sum(-1)  # type: ignore[attr-defined]

        lost = change(jnp.broadcast_to(h[unit].mean(), h[unit].shape))
        left = jax.lax.map(lambda values: change(values).sum(), alone[:, unit])
        return ratio(lost, lost.sum()), 1 - ratio(left, lost.sum(), 1.0)

    return jax.lax.map(of_unit, jnp.arange(len(h)))


def _explained(h: Float[Array, "m samples"], x: Float[Array, "n samples"]) -> Float[Array, "m n"]:
    h, x = (one - one.mean(-1, keepdims=True) for one in (h, x))
    along = jnp.maximum(h @ x.T, 0)
    return ratio(along**2, jnp.square(h).sum(-1)[:, None] * jnp.square(x).sum(-1)[None])
