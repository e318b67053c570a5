"""Attribution-based parameter decomposition: components of any rank, of which those that matter most are used."""

from collections.abc import Mapping
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, PRNGKeyArray

from toymodels.checks import check_integer, check_numbers
from toymodels.specifications import specification, static
from toymodels.techniques.claims import Directions
from toymodels.techniques.decomposition.fitting import fitted, weights
from toymodels.techniques.decomposition.measures import longest_columns
from toymodels.training import Recipe
from toymodels.training.optimisers import Adam, WarmupCosine

FAST = Recipe(steps=15_000, batch_size=100, learning_rate=3e-2, optimizer=Adam(), schedule=WarmupCosine(0.05))
"""For five features in two dimensions: a 27th of the samples of the released settings, whose rate stays at 3e-2. One
model in ten ends with two columns in one component; of 16, it was none to four with other batches and rates."""


@specification
class AttributionDecomposition:
    """Attribution-based parameter decomposition (Braun et al. 2025) of the tied weights of x' = ReLU(Wᵀ W x + b).

    W ≈ Σ_c P_c, and Wᵀ ≈ Σ_c P_cᵀ, with components of any rank, P_c = Σ_r U_cr V_crᵀ. What one does for a sample, its
    attribution, is how fast the outputs would change with the weights along it: the sum over outputs of the squares of
    Σ_ij P_c,ij ∂x'_o / ∂W_ij. Of all pairs of a sample and a component in a batch, those of largest attributions are
    used, `active` per sample on average, and the outputs with no others are to be those of W. Minimised are the mean
    squared errors of W and, times `reconstruction`, of these outputs, and `simplicity` times a Schatten norm of the
    components used: the mean over samples of Σ (‖U_cr‖ ‖V_cr‖)^power, per entry of W.

    How many features are on at a time must be known beforehand. The penalty makes components shorter than columns.

    Attributes:
        n_components: number of components C; as many as features in the paper.
        rank: largest rank of a component.
        active: components used per sample. The released settings are .211 for 5 features of density .05, of which a
            quarter is on on average, and 2 for 40.
        reconstruction: weight of the outputs; 1 for 5 features, 10 for 40.
        simplicity: strength of the penalty; .7 for 5 features, 15 for 40.
        power: of the Schatten norm; 1 for 5 features, of which it is then the nuclear norm, and .9 for 40.
        recipe: how components are trained. The released one for 5 features is Adam for 20,000 steps of 2,048 samples,
            with a rate of 3e-2 that rises over the first twentieth.
    """

    n_components: int = static(default=5)
    rank: int = static(default=2)
    active: float = static(default=0.211)
    reconstruction: Any = 1.0
    simplicity: Any = 0.7
    power: Any = 1.0
    recipe: Recipe = static(default=FAST)

    def __call__(self, x: Float[Array, "n samples"], params: Mapping[str, Array], key: PRNGKeyArray) -> Directions:
        """The longest column of each component.

        Raises:
            NotApplicableError: for other parameters than W and b.
        """
        return Directions(longest_columns(self.decompose(x, params, key)))

    def decompose(
        self, x: Float[Array, "n samples"], params: Mapping[str, Array], key: PRNGKeyArray
    ) -> Float[Array, "C m n"]:
        """The components of W.

        Args:
            x: samples.
            params: W (m, n), and b (n,) where there is one.
            key: of the start, and the samples of each step.

        Raises:
            NotApplicableError: for other parameters.
        """
        W, b = weights(params)
        start, keys = jax.random.split(key)

        def objective(learned: _Factors, x: Array, key: PRNGKeyArray) -> Array:
            return self._objective(learned, W, b, x)

        return fitted(objective, self._start(start, W), x, keys, self.recipe).matrices

    def validate(self) -> None:
        """Raise ValueError if a field is out of range."""
        for name in ("n_components", "rank"):
            check_integer("AttributionDecomposition", name, getattr(self, name), minimum=1)
        check_numbers("AttributionDecomposition", "active", self.active, minimum=1e-3, maximum=self.n_components)
        check_numbers("AttributionDecomposition", "reconstruction", self.reconstruction, minimum=0)
        check_numbers("AttributionDecomposition", "simplicity", self.simplicity, minimum=0)
        check_numbers("AttributionDecomposition", "power", self.power, minimum=1e-3)
        self.recipe.validate()

    def _start(self, key: PRNGKeyArray, W: Float[Array, "m n"]) -> "_Factors":
        """Matrices of rank one of which each has of W what W has of it."""
        m, n = W.shape
        U, V = (
            jax.random.normal(one, (self.n_components, self.rank, size))
            for one, size in zip(jax.random.split(key), (m, n), strict=True)
        )
        U, V = (one / jnp.linalg.norm(one, axis=-1, keepdims=True) for one in (U, V))
        return _Factors(U * jnp.einsum("crm,mn,crn->cr", U, W, V)[..., None], V)

    def _objective(
        self, learned: "_Factors", W: Float[Array, "m n"], b: Float[Array, " n"], x: Float[Array, "n batch"]
    ) -> Float[Array, ""]:
        """The paper's three losses: faithfulness, minimality and simplicity."""
        parts = learned.matrices
        used = self._used(parts, W, b, x)
        h = jnp.einsum("cb,cmn,nb->mb", used, parts, x)
        outputs = jax.nn.relu(jnp.einsum("cb,cmn,mb->nb", used, parts, h) + b[:, None])
        sizes = jnp.square(learned.U).sum(-1) * jnp.square(learned.V).sum(-1)
        penalty = (used.mean(-1) @ (sizes + 1e-16) ** (jnp.asarray(self.power, float) / 2)).sum() / W.size
        unfaithful = jnp.square(W - parts.sum(0)).mean()
        wrong = jnp.square(outputs - _outputs(W, b, x)).mean()
        return unfaithful + self.reconstruction * wrong + self.simplicity * penalty

    def _used(
        self, parts: Float[Array, "C m n"], W: Float[Array, "m n"], b: Float[Array, " n"], x: Float[Array, "n batch"]
    ) -> Float[Array, "C batch"]:
        """1 for the pairs of a component and a sample of largest attributions, else 0."""
        changes = jax.vmap(lambda part: jax.jvp(lambda W: _outputs(W, b, x), (W,), (part,))[1])(parts)
        attributions = jax.lax.stop_gradient(jnp.square(changes).sum(1))
        count = max(1, round(self.active * x.shape[1]))
        least = jax.lax.top_k(attributions.ravel(), count)[0][-1]
        return (attributions >= least).astype(float)


class _Factors(NamedTuple):
    """What is trained: the factors of each component."""

    U: Float[Array, "C rank m"]
    V: Float[Array, "C rank n"]

    @property
    def matrices(self) -> Float[Array, "C m n"]:
        return jnp.einsum("crm,crn->cmn", self.U, self.V)


def _outputs(W: Float[Array, "m n"], b: Float[Array, " n"], x: Float[Array, "n batch"]) -> Float[Array, "n batch"]:
    return jax.nn.relu(W.T @ (W @ x) + b[:, None])
