"""Stochastic parameter decomposition: components of rank one, taken away at random where they are not needed."""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import optax
from jaxtyping import Array, Float, PRNGKeyArray

from toymodels.checks import check_integer, check_numbers
from toymodels.specifications import specification, static
from toymodels.techniques.claims import Directions
from toymodels.techniques.decomposition.fitting import fitted, weights
from toymodels.techniques.decomposition.measures import Components
from toymodels.training import Recipe
from toymodels.training.optimisers import Adam

FAST = Recipe(
    steps=4_000, batch_size=256, learning_rate=2e-2, optimizer=Adam(b2=0.99), schedule=optax.cosine_decay_schedule
)
"""For five features in two dimensions: a 160th of the samples of the paper's recipe, at 20 times its rate."""


@specification
class StochasticDecomposition:
    """Stochastic parameter decomposition (Bushnaq et al. 2025) of the tied weights of x' = ReLU(Wᵀ W x + b).

    W ≈ Σ_c U_c V_cᵀ, and Wᵀ ≈ Σ_c V_c U_cᵀ with the same components. How much each is needed in each of the two layers
    for a sample, its causal importance g in [0, 1], is a small network's guess from what it reads, V_c·x or U_c·h.
    What is not needed may be taken away at random: with masks g + (1 - g) r, r uniform in [0, 1], in all layers or in
    one of them, the outputs stay those of W. Minimised are the mean squared errors of W and of these outputs, and
    `minimality` Σ g^power over components and layers.

    It trains with the samples that it is given, drawn with replacement: a run of the model for all layers and for each
    of them, and one gradient, per step. It is told which inputs are features: what is tested is whether the columns of
    W come apart.

    Attributes:
        n_components: number of components C; the paper has 20 for 5 features, and 200 for 40.
        minimality: strength of the penalty; 3e-3 for 5 features, and 1e-4 for 40.
        power: of the importances in it; 1 for 5 features, and 2 for 40.
        n_middle: number of components of an identity matrix between W and Wᵀ, a layer of its own that is taken apart
            too ("TMS with hidden identity"); 0 for none.
        width: hidden neurons of each small network.
        recipe: how components and networks are trained. The paper's is Adam for 40,000 steps of 4,096 samples, with a
            cosine from a rate of 1e-3.
    """

    n_components: int = static(default=20)
    minimality: Any = 3e-3
    power: Any = 1.0
    n_middle: int = static(default=0)
    width: int = static(default=16)
    recipe: Recipe = static(default=FAST)

    def __call__(self, x: Float[Array, "n samples"], params: Mapping[str, Array], key: PRNGKeyArray) -> Directions:
        """The direction of each component, of the length that it has for the input that it reads most.

        Raises:
            NotApplicableError: for other parameters than W and b.
        """
        return Directions(self.decompose(x, params, key).directions())

    def decompose(self, x: Float[Array, "n samples"], params: Mapping[str, Array], key: PRNGKeyArray) -> Components:
        """The components of W: see `decompose_layers`."""
        return self.decompose_layers(x, params, key)[0]

    def decompose_layers(
        self, x: Float[Array, "n samples"], params: Mapping[str, Array], key: PRNGKeyArray
    ) -> tuple[Components, ...]:
        """The components of W, and of the identity matrix if there is one.

        Args:
            x: samples.
            params: W (m, n), and b (n,) where there is one.
            key: of the start, the samples of each step, and the masks.

        Raises:
            NotApplicableError: for other parameters.
        """
        W, b = weights(params)
        start, keys = jax.random.split(key)

        def objective(learned: _Learned, x: Array, key: PRNGKeyArray) -> Array:
            return self._objective(learned, W, b, x, key)

        learned: _Learned = fitted(objective, self._start(start, *W.shape), x, keys, self.recipe)
        return learned.components

    def validate(self) -> None:
        """Raise ValueError if a field is out of range."""
        for name in ("n_components", "width"):
            check_integer("StochasticDecomposition", name, getattr(self, name), minimum=1)
        check_integer("StochasticDecomposition", "n_middle", self.n_middle, minimum=0)
        check_numbers("StochasticDecomposition", "minimality", self.minimality, minimum=0)
        check_numbers("StochasticDecomposition", "power", self.power, minimum=1)
        self.recipe.validate()

    def _start(self, key: PRNGKeyArray, m: int, n: int) -> "_Learned":
        """Components of which the sum is about as large as a matrix of unit columns, and networks at random."""
        sizes = [(n, self.n_components), *([(m, self.n_middle)] if self.n_middle else [])]
        counts = [*(count for _, count in sizes), self.n_components]  # of each layer
        keys = jax.random.split(key, len(sizes) + len(counts))
        return _Learned(
            tuple(_components(one, m, *size) for one, size in zip(keys, sizes, strict=False)),
            tuple(_importance(one, count, self.width) for one, count in zip(keys[len(sizes) :], counts, strict=True)),
        )

    def _objective(
        self,
        learned: "_Learned",
        W: Float[Array, "m n"],
        b: Float[Array, " n"],
        x: Float[Array, "n batch"],
        key: PRNGKeyArray,
    ) -> Float[Array, ""]:
        """The paper's four losses: faithfulness, reconstruction in all layers and in each, and minimality."""
        first, *middle = learned.components
        parts = (first, *middle, first.transposed)
        matrices = (W, *(jnp.eye(len(W)) for _ in middle), W.T)
        seen = [x]
        for matrix in matrices:
            seen.append(matrix @ seen[-1])
        wanted = jax.nn.relu(seen[-1] + b[:, None])
        guesses = [
            _guess(network, part.V @ read)
            for network, part, read in zip(learned.importances, parts, seen[:-1], strict=True)
        ]
        masks = [_mask(guess, one) for guess, one in zip(guesses, jax.random.split(key, len(parts)), strict=True)]

        def error(masked: Sequence[int]) -> Array:
            """Of the outputs, with masks in these layers."""
            z = x
            for layer, (U, V) in enumerate(parts):
                z = U @ (masks[layer] * (V @ z)) if layer in masked else U @ (V @ z)
            return jnp.square(jax.nn.relu(z + b[:, None]) - wanted).mean()

        layers = range(len(parts))
        layerwise = sum(error([layer]) for layer in layers) / len(layers)
        needed = sum((_penalised(guess) ** jnp.asarray(self.power, float)).sum(0).mean() for guess in guesses)
        missed = [jnp.square(matrix - U @ V) for matrix, (U, V) in zip(matrices, parts, strict=True)]
        unfaithful = sum(one.sum() for one in missed) / sum(one.size for one in missed)
        return unfaithful + error(layers) + layerwise + self.minimality * needed


class _Learned(NamedTuple):
    """What is trained: the components of W, and of the identity if there is one, and the networks of each layer."""

    components: tuple[Components, ...]
    importances: "tuple[_Importance, ...]"


def _components(key: PRNGKeyArray, m: int, n: int, count: int) -> Components:
    U, V = jax.random.split(key)
    return Components(jax.random.normal(U, (m, count)) / count**0.5, jax.random.normal(V, (count, n)) / n**0.5)


class _Importance(NamedTuple):
    """A network for each component, from a number to a number: Σ_k out_k gelu(into_k h + offset_k) + bias."""

    into: Float[Array, "C width"]
    offset: Float[Array, "C width"]
    out: Float[Array, "C width"]
    bias: Float[Array, " C"]


def _importance(key: PRNGKeyArray, components: int, width: int) -> _Importance:
    into, out = jax.random.normal(key, (2, components, width))
    return _Importance(into, jnp.zeros_like(into), out / width**0.5, jnp.zeros(components))


def _guess(network: _Importance, h: Float[Array, "C batch"]) -> Float[Array, "C batch"]:
    units = jax.nn.gelu(network.into[..., None] * h[:, None] + network.offset[..., None])
    return (network.out[..., None] * units).sum(1) + network.bias[:, None]


def _mask(guess: Float[Array, "C batch"], key: PRNGKeyArray) -> Float[Array, "C batch"]:
    """What is left of each component: the guess between 0 and 1, leaking below, and a random part of the rest."""
    importance = jnp.where(guess < 0, LEAK * guess, jnp.minimum(guess, 1))
    return importance + (1 - importance) * jax.random.uniform(key, guess.shape)


def _penalised(guess: Float[Array, "C batch"]) -> Float[Array, "C batch"]:
    """The guess between 0 and 1, leaking above."""
    return jnp.where(guess > 1, 1 + LEAK * (guess - 1), jnp.maximum(guess, 0))


LEAK = 0.01
"""The slope of what would be flat: without it, a guess that is out of bounds would stay there."""
