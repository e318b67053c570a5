"""Dead units of a dictionary, set afresh in the course of training."""

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import optax
from jaxtyping import Array, Bool, Float, Int, PRNGKeyArray

from toymodels.arrays import norms, ratio, unit_columns
from toymodels.checks import check_function, check_numbers
from toymodels.specifications import specification
from toymodels.training.optimisers import Adam, Optimizer


class ResampledState(NamedTuple):
    """The state of `Resampled`: the optimiser's, which units had a gradient since the last time, and the number of
    steps."""

    inner: Any
    active: Bool[Array, " k"]
    steps: Int[Array, ""]


@specification
class Resampled:
    """Any optimiser of a `SparseAutoencoder`, that sets dead units afresh a few times (Bricken et al. 2023, "Towards
    Monosemanticity", "Neuron Resampling"). Dead is a unit whose column of W_dec had a gradient of exactly 0 in all
    steps since the last time: it was never on.

    Such a unit gets a random direction, a row of W_enc along it that is `scale` times as long as those of live units
    are in the mean, a bias of 0, and fresh moments of the optimiser. The paper gives it the direction of a sample that
    is reconstructed badly; an optimiser sees no samples.

    Attributes:
        optimizer: what trains the units.
        every: for how many steps a unit must have been silent, and from one time to the next.
        times: how many times; the rest of the training is for the units that were set afresh last.
        scale: of rows of W_enc, 0.2 in the paper.
    """

    optimizer: Optimizer = Adam(b2=0.99)
    every: Any = 1_000
    times: Any = 4
    scale: Any = 0.2

    def __call__(self, rate: Any) -> optax.GradientTransformationExtraArgs:
        """The transformation for a learning rate or schedule. Its `init` raises ValueError for parameters without
        W_dec."""
        inner = optax.with_extra_args_support(self.optimizer(rate))

        def init(params: Any) -> ResampledState:
            if "W_dec" not in params:
                raise ValueError(f"Resampled is for parameters with W_dec. There are: {', '.join(params)}.")
            return ResampledState(inner.init(params), jnp.zeros(params["W_dec"].shape[1], bool), jnp.zeros((), int))

        def update(
            updates: Any, state: ResampledState, params: Any = None, *, key: PRNGKeyArray, **extra: Any
        ) -> tuple[Any, ResampledState]:
            active, steps = state.active | (updates["W_dec"] != 0).any(0), state.steps + 1
            updates, inner_state = inner.update(updates, state.inner, params, key=key, **extra)
            due = (steps % self.every == 0) & (steps <= self.every * self.times)
            dead = due & ~active
            fresh = self._fresh(jax.random.fold_in(key, 1), params, active)
            moved = {name: _put(name, dead, new - params[name], updates[name]) for name, new in fresh.items()}
            moments = jax.tree_util.tree_map_with_path(
                lambda path, leaf: _put(_name(path), dead, 0.0, leaf) if _name(path) in fresh else leaf, inner_state
            )
            return {**updates, **moved}, ResampledState(moments, active & ~due, steps)

        return optax.GradientTransformationExtraArgs(init, update)

    def _fresh(self, key: PRNGKeyArray, params: Any, live: Bool[Array, " k"]) -> dict[str, Array]:
        """Fresh values of all that belongs to one unit each."""
        directions = unit_columns(jax.random.normal(key, params["W_dec"].shape))
        fresh = {"W_dec": directions}
        if "W_enc" in params:
            usual = ratio((live * norms(params["W_enc"].T)).sum(), live.sum().astype(float), otherwise=1.0)
            fresh["W_enc"] = self.scale * usual * directions.T
        if "b_enc" in params:
            fresh["b_enc"] = jnp.zeros_like(params["b_enc"])
        return fresh

    def validate(self) -> None:
        """Raise ValueError if a field is out of range."""
        check_function("Resampled", "optimizer", self.optimizer)
        check_numbers("Resampled", "every", self.every, minimum=1)
        check_numbers("Resampled", "times", self.times, minimum=0)
        check_numbers("Resampled", "scale", self.scale, minimum=0)


def _put(name: str, dead: Bool[Array, " k"], new: Array | float, old: Float[Array, "..."]) -> Float[Array, "..."]:
    """`old` with `new` in what belongs to the dead units: columns of W_dec, rows of all else."""
    return jnp.where(dead[None] if name == "W_dec" else dead.reshape(-1, *(1,) * (old.ndim - 1)), new, old)


def _name(path: Any) -> str:
    """The parameter to which a leaf of an optimiser's state belongs; "" if it is none's."""
    return path[-1].key if path and isinstance(path[-1], jax.tree_util.DictKey) else ""
