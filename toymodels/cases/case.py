"""A case: a model whose truth is known, and what it is given.

Its module may be exact, with weights that follow from its size, or trained like any other: the features of a toy model
are known in either case. What is true of a module is `truth`.
"""

import dataclasses
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

import jax.numpy as jnp
import numpy as np
from flax import nnx
from jaxtyping import Array, Bool, Float

from toymodels.cases.circuit import Circuit, Computed
from toymodels.cases.graph import Graph, layered, numbered
from toymodels.cases.layers import layers_of_autoencoder
from toymodels.features import Independent
from toymodels.identities import from_description
from toymodels.models import Model
from toymodels.models.autoencoder import AutoencoderModule
from toymodels.tasks import Task
from toymodels.training import Recipe, Run, initial_module, train

EXACT = Recipe(steps=0, batch_size=8_192, evaluation_samples=8_192)
"""Trains nothing: the weights are what the model starts with."""

LEAST_NORM = 0.1
"""A feature whose direction is shorter than this is not represented."""


@dataclasses.dataclass(frozen=True)
class Case:
    """A model whose truth is known.

    Attributes:
        model: what makes the module; `Circuit`, an `Autoencoder`, or one of your own whose module has `directions`, and
            `feature_values` where its samples are not features, but tokens.
        task: the features, which are known, and what is to be computed from them.
        recipe: how the module is trained; `EXACT` if it is right from the start.
        start: parameters to start from, as in `train`: those of a trained model, with `EXACT`.
        levels: fields of model and task to vary, as `over` of `sweep`: the levels of superposition.
        learning_coefficient: function from the module to λ of the task's loss at its parameters, less than half of
            their number, where it is known; see `toymodels.sampling`.
    """

    model: Model
    task: Task
    recipe: Recipe = EXACT
    start: Run | Mapping[str, Any] | None = None
    levels: Mapping[str, Sequence[Any]] = dataclasses.field(default_factory=dict)
    learning_coefficient: Callable[[Any], float] | None = None

    def over(self, **levels: Sequence[Any]) -> "Case":
        """The same case at several levels: values of one field, or of fields that move together, by the names that
        `sweep` takes.

        >>> from toymodels import cases
        >>> cases.random_frame(20, 10).over(n_hidden=[20, 10, 5]).levels
        {'n_hidden': [20, 10, 5]}
        """
        return dataclasses.replace(self, levels=levels)

    def run(self, seed: int = 0) -> Run:
        """The trained model and its loss; that of an exact case is made and evaluated, and not trained."""
        return train(self.model, self.task, self.recipe, seed=seed, start=self.start)

    def module(self, seed: int = 0) -> nnx.Module:
        """The module: h = `encode(x)` or `activations(x)["hidden"]`, outputs by calling it. That of an exact case is
        made at once; any other is trained."""
        if self.recipe.steps == 0:
            return initial_module(self.model, seed=seed, start=self.start)
        return self.run(seed).module()

    def graph(self, seed: int = 0) -> Graph:
        """The module as vertices and edges."""
        return graph_of(self.module(seed))


class Truth(NamedTuple):
    """What is true of a module.

    Attributes:
        directions: the directions of the features in the hidden vector (m, n).
        represented: which features have one (n,): those whose direction is at least `LEAST_NORM` long.
        learning_coefficient: λ of the task's loss, where it is known, and `n_parameters`, which are more than 2 λ.
    """

    directions: Float[Array, "m n"]
    represented: Bool[Array, " n"]
    learning_coefficient: float | None = None
    n_parameters: int | None = None


def truth(module: nnx.Module) -> Truth:
    """What is true of a module: its `directions` if it has some, else its weights W.

    Raises:
        ValueError: if it has neither.
    """
    if hasattr(module, "directions"):
        directions = module.directions
    elif hasattr(module, "W"):
        directions = module.W[...]
    else:
        raise ValueError(
            f"The truth of a {type(module).__name__} is not known. Give it a property `directions` (m, n), the "
            "directions of the features in its activations `hidden`."
        )
    return Truth(directions, jnp.linalg.norm(directions, axis=0) >= LEAST_NORM)


def feature_values(module: nnx.Module, samples: Any) -> Float[Array, "n samples"]:
    """The values of a module's features in samples of its task: the samples themselves, or, of a model of tokens, what
    its method `feature_values` says of them.

    Raises:
        ValueError: if samples are not the values of features, and it has no such method.
    """
    if hasattr(module, "feature_values"):
        return module.feature_values(samples)
    n, shape = truth(module).directions.shape[1], getattr(samples, "shape", None)
    if shape is None or len(shape) != 2 or shape[0] != n:
        raise ValueError(
            f"samples of a {type(module).__name__} must be the values of its features ({n}, samples). Got the shape "
            f"{shape}. Give it a method `feature_values(samples)` that says them, a column for each of `hidden`."
        )
    return samples


def graph_of(module: nnx.Module) -> Graph:
    """A module as vertices and edges: its `graph` if it has one, as a `Circuit`'s has; in that of an `Autoencoder` the
    hidden dimensions are neurons.

    Raises:
        ValueError: for modules of other kinds, and for activations other than identity and ReLU.
    """
    if hasattr(module, "graph"):
        return module.graph
    if not isinstance(module, AutoencoderModule):
        raise ValueError(f"The graph of a {type(module).__name__} is not known. Give it an attribute `graph`.")
    layers = layers_of_autoencoder(module)
    kinds = [getattr(one.activation, "__name__", "") for one in layers]
    for kind, layer in zip(kinds, layers, strict=True):
        if kind not in ("identity", "relu"):
            raise ValueError(f"A vertex of a graph is linear or a ReLU. Got the activation {layer.activation!r}.")
    return layered(
        *(
            (numbered(letter, len(one.b)), _exactly(jnp.pad(one.W, ((0, 0), (one.first, 0)))), _exactly(one.b), kind)
            for letter, one, kind in zip("hy", layers, kinds, strict=True)
        ),
        features=numbered("x", layers[0].W.shape[1]),
    )


def _exactly(array: Array) -> Any:
    """As numpy's in double precision, which has all numbers of single precision."""
    return np.asarray(array, dtype=float)


def from_graph(graph: Graph, task: Task | None = None) -> Case:
    """The case of a graph, such as `read_graph(folder)`.

    Args:
        graph: what is computed.
        task: features and target; independent features of density 0.1, whose truth is what the graph makes of them, if
            not given.
    """
    if task is None:
        task = Task(Independent(len(graph.of_kind("feature"))), target=Computed(graph))
    return Case(Circuit(graph), task)


def of_run(run: Run, task: Task) -> Case:
    """The case of a trained model, the best of a run: from `train`, from a file, or from a cell of a sweep, by
    `sweeps.as_run`. Its truth is that of its weights.

    Args:
        run: the trained model.
        task: its features, and what it was to compute.

    >>> import toymodels as tm
    >>> task = tm.Task(tm.Independent(5, density=0.05))
    >>> run = tm.train(tm.Autoencoder(5, 2), task, tm.Recipe(steps=2, evaluation_samples=8))
    >>> bool((truth(of_run(run, task).module()).directions == run.W[0]).all())
    True
    """
    model = from_description(run.config["model"]) if run.model is None else run.model
    return Case(model, task, EXACT, start=run)


def compress(case: Case, n_hidden: int) -> Case:
    """The same computation through fewer dimensions: the values that the model holds, each of which had a dimension of
    its own, are in superposition, along a tight frame that differs from seed to seed. `.over(n_hidden=[...])` makes
    levels of it.

    Args:
        case: of a `Circuit` or an `Induction`, or of a specification of your own with the fields `n_hidden` and
            `n_held`.
        n_hidden: number of dimensions.

    Raises:
        ValueError: for a case of another model, and for more dimensions than it holds values.
    """
    model: Any = case.model
    if not hasattr(model, "n_held"):
        raise ValueError(f"compress takes the case of a Circuit, such as cases.gate('and'). Got {model!r}.")
    return dataclasses.replace(case, model=dataclasses.replace(model, n_hidden=n_hidden))
