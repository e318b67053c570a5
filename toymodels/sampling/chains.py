"""Chains of weights by stochastic gradient Langevin dynamics: of any loss, and as a metric of trained models."""

from collections.abc import Callable, Mapping
from typing import Any

import jax
import jax.numpy as jnp
from flax import nnx
from jaxtyping import Array, Float, PRNGKeyArray

from toymodels.checks import check_integer, check_numbers
from toymodels.features.uniform import batch_of
from toymodels.models.modules import unflatten_names
from toymodels.specifications import specification, static
from toymodels.tasks import Task
from toymodels.training.engine.step import loss_and_objective
from toymodels.training.optimisers import SGLD

Loss = Callable[[Any, PRNGKeyArray], Float[Array, ""]]
"""A loss of (params, key), where the key draws the batch."""


@specification
class Chains:
    """A metric: the course of Langevin chains that start at a trained model, in units of the learning coefficient.

    `tm.train(..., metrics={"trace": Chains(1e4, 1e-5)})`, or `sweep`, runs them in the program that trains the models;
    `sampling.learning_coefficients` runs them around models that are trained already. Each step draws a batch of the
    task's own features, and takes the objective (the loss with penalties) at the chain's place and at the trained
    parameters, on the same batch. All models of a seed have the same noise, so that differences between them are more
    exact than the values.

    Attributes:
        n_beta: n β, samples times inverse temperature, of the objective as the task defines it, a mean over outputs;
            a paper that sums the loss over outputs writes this divided by their number. The larger it is, the closer to
            the minimum the chain stays.
        step_size: ε of `toymodels.SGLD`. Too large a one makes λ too large: halve it until that changes nothing.
        localization: γ, how strongly chains are held near their start. Too large a one makes λ too small.
        chains: how many, each of its own noise.
        steps: of each chain.
        entries: the course is reported as means over so many equal stretches.
        batch_size: samples per step, except of data sets that choose their own batches.
    """

    n_beta: float = static()
    step_size: float = static()
    localization: float = static(default=1.0)
    chains: int = static(default=8)
    steps: int = static(default=4_000)
    entries: int = static(default=20)
    batch_size: int = static(default=256)

    def __call__(
        self, module: nnx.Module, task: Task, params: Mapping[str, Array], key: PRNGKeyArray
    ) -> Float[Array, "chains entries"]:
        """n β (L(w) - L(w*)) along the chains, means over stretches."""
        return self.around(dict(params), objective(module, task, self.batch_size), key)

    def around(self, start: Any, loss: Loss, key: PRNGKeyArray) -> Float[Array, "chains entries"]:
        """The same of any loss, from parameters `start`."""

        def chain(key: PRNGKeyArray) -> Float[Array, " entries"]:
            return langevin(
                loss,
                start,
                key,
                n_beta=self.n_beta,
                step_size=self.step_size,
                localization=self.localization,
                steps=self.steps,
                entries=self.entries,
            )

        return jax.vmap(chain)(jax.random.split(key, self.chains))

    def validate(self) -> None:
        """Raise ValueError if a field is out of range."""
        for name in ("n_beta", "step_size", "localization"):
            check_numbers("Chains", name, getattr(self, name), minimum=0)
        for name in ("chains", "steps", "entries", "batch_size"):
            check_integer("Chains", name, getattr(self, name), minimum=1)
        _check_stretches("Chains", self.steps, self.entries)


def objective(module: nnx.Module, task: Task, batch_size: int) -> Loss:
    """The objective of a task (the loss with penalties) as a function of a module's parameters and of a key.

    Args:
        module: with the other state that it has.
        task: what the parameters are to do.
        batch_size: samples that the key draws, except of data sets that choose their own batches.
    """
    code, state = nnx.split(module)

    def loss(params: Mapping[str, Array], key: PRNGKeyArray) -> Float[Array, ""]:
        draw, attack, penalty = jax.random.split(key, 3)
        x = batch_of(task.features, draw, 0, batch_size)
        moved = nnx.merge(code, jax.tree.map(jnp.asarray, state))  # a copy, that this trace may change
        nnx.update(moved, unflatten_names(params))
        seen = task.seen(attack, moved, x)
        return loss_and_objective(task, moved, dict(params), seen, task.wanted(x), penalty)[1]

    return loss


def langevin(
    loss: Loss,
    start: Any,
    key: PRNGKeyArray,
    *,
    n_beta: float | Float[Array, ""],
    step_size: float | Float[Array, ""],
    localization: float | Float[Array, ""] = 1.0,
    steps: int = 4_000,
    entries: int = 20,
) -> Float[Array, " entries"]:
    """One Langevin chain from `start` (Welling & Teh 2011): n β (L(w) - L(start)) along it, means over `entries` equal
    stretches. For several chains, `jax.vmap` over keys.

    Its samples are those of the density proportional to exp(-n β L(w) - γ/2 ‖w - start‖²), up to an error in the step
    size and the noise of batches.

    A quadratic loss of two parameters has λ = 1:

    >>> def loss(w, key):
    ...     return jnp.square(w).sum() / 2
    >>> keys = jax.random.split(jax.random.key(0), 100)
    >>> def chain(key):
    ...     return langevin(loss, jnp.zeros(2), key, n_beta=100.0, step_size=1e-3)
    >>> round(float(jax.vmap(chain)(keys)[:, 10:].mean()), 1)
    1.0

    Args:
        loss: function of (params, key); see `Loss`.
        start: parameters, any pytree of arrays.
        key: is consumed.
        n_beta: n β.
        step_size: ε; see `toymodels.SGLD`.
        localization: γ.
        steps: of the chain; a multiple of `entries`.
        entries: number of stretches.

    Raises:
        ValueError: if the steps cannot be divided so.
    """
    _check_stretches("langevin", steps, entries)
    sampler = SGLD(n_beta, localization)(step_size)

    def step(number: Array, carry: tuple[Any, Any, Array]) -> tuple[Any, Any, Array]:
        params, state, total = carry
        batch, noise = jax.random.split(jax.random.fold_in(key, number))
        value, gradient = jax.value_and_grad(loss)(params, batch)
        updates, state = sampler.update(gradient, state, params, key=noise)
        return jax.tree.map(jnp.add, params, updates), state, total + value - loss(start, batch)

    def stretch(carry: tuple[Any, Any], number: Array) -> tuple[tuple[Any, Any], Array]:
        length = steps // entries
        first = number * length
        after = (*carry, jnp.zeros(()))  # a loop of known length, so that the passes of the model can be counted
        *carry_on, total = jax.lax.fori_loop(0, length, lambda one, carry: step(first + one, carry), after)
        return tuple(carry_on), n_beta * total / length

    return jax.lax.scan(stretch, (start, sampler.init(start)), jnp.arange(entries))[1]


def _check_stretches(owner: str, steps: int, entries: int) -> None:
    if steps % entries:
        raise ValueError(f"steps of {owner} must be a multiple of entries ({entries}). Got {steps}.")
