"""Cases that compute: small circuits whose every weight is set by hand."""

from collections.abc import Sequence
from itertools import combinations
from typing import Any

import jax.numpy as jnp
import numpy as np

from toymodels.cases.case import Case
from toymodels.cases.circuit import Circuit, Computed
from toymodels.cases.graph import Graph, layered, numbered
from toymodels.checks import check_integer, check_numbers
from toymodels.features import SIGNED_UNIFORM, Independent, Values
from toymodels.tasks import Task


def gate(kind: str, density: Any = 0.5) -> Case:
    """Two features that are 0 or 1, and one neuron: "and" is ReLU(a + b - 1), "or" is 1 - ReLU(1 - a - b).

    Raises:
        ValueError: for another kind.
    """
    gates = {"and": ([1.0, 1.0], -1.0, 1.0, 0.0), "or": ([-1.0, -1.0], 1.0, -1.0, 1.0)}
    if kind not in gates:
        raise ValueError(f"kind of gate must be 'and' or 'or'. Got {kind!r}.")
    inputs, bias, out, start = gates[kind]
    return _case(_two_layers([inputs], [bias], [[out]], [start], features=["a", "b"]), Independent(2, density, ONE))


def backup(beta: float = 0.5, density: Any = 0.5) -> Case:
    """A main path a₁ = x, and a second one that reads it and does its work where it fails: a₂ = ReLU(β (x - a₁)), y =
    a₁ + a₂. Taking a₁ away changes y by (1 - β) x instead of x."""
    check_numbers("backup", "beta", beta, minimum=0, maximum=1)
    graph = layered(
        (["a₁"], np.array([[1.0]]), [0.0], "relu"),
        (["a₂"], np.array([[beta, -beta]]), [0.0], "relu"),
        (["y"], np.array([[0.0, 1.0, 1.0]]), [0.0], "identity"),
        features=["x"],
    )
    return _case(graph, Independent(1, density))


def two_paths(density: Any = 0.5) -> Case:
    """One feature that is 0 or 1, and two paths that do the same: a₁ = a₂ = ReLU(x), y = 1 - ReLU(1 - a₁ - a₂). Neither
    is missed where the other one is there, and without both nothing is left."""
    graph = layered(
        (["a₁", "a₂"], np.ones((2, 1)), [0.0, 0.0], "relu"),
        (["none"], np.array([[0.0, -1.0, -1.0]]), [1.0], "relu"),
        (["y"], np.array([[0.0, 0.0, 0.0, -1.0]]), [1.0], "identity"),
        features=["x"],
    )
    return _case(graph, Independent(1, density, ONE))


def dormant(density: Any = 0.5) -> Case:
    """A neuron that is never on and that the output reads, one that is on and that nothing reads, and one that does the
    work: h = (x, 0, x), y = 2 h₂ + h₃. Along (1, 1, 0)/√2 a patch has an effect as if x were there (Makelov et al.
    2023, "Is This the Subspace You Are Looking For?")."""
    graph = _two_layers([[1.0], [0.0], [1.0]], [0.0] * 3, [[0.0, 2.0, 1.0]], [0.0], features=["x"])
    return _case(graph, Independent(1, density))


def ignored(n_features: int = 4, density: Any = 0.1) -> Case:
    """All features have a dimension each, and the outputs read all but the last: it can be found, and does nothing."""
    check_integer("ignored", "n_features", n_features, minimum=2)
    read = np.eye(n_features)[:-1]
    graph = layered(
        (numbered("y", n_features - 1), read, np.zeros(n_features - 1), "relu"), features=numbered("x", n_features)
    )
    return _case(graph, Independent(n_features, density))


def polysemantic(r: float = 0.5, density: Any = 0.1) -> Case:
    """One neuron for two features, h = ReLU(x₁ + r x₂)."""
    check_numbers("polysemantic", "r", r, minimum=0)
    return _case(_two_layers([[1.0, r]], [0.0], [[1.0]], [0.0]), Independent(2, density))


def absolute_value(n_features: int = 3, density: Any = 0.1) -> Case:
    """|x| of signed features, with two neurons for each: |x| = ReLU(x) + ReLU(-x) (Elhage et al. 2022, "Computation in
    Superposition")."""
    check_integer("absolute_value", "n_features", n_features, minimum=1)
    one = np.eye(n_features)
    graph = _two_layers(
        np.concatenate([one, -one]), np.zeros(2 * n_features), np.hstack([one, one]), [0.0] * n_features
    )
    return _case(graph, Independent(n_features, density, SIGNED_UNIFORM))


def asymmetric(density: Any = 0.1) -> Case:
    """The asymmetric superposition motif for two features of 0 and more (Elhage et al. 2022, "The Asymmetric
    Superposition Motif"): the first neuron holds both with unequal weights, h₁ = ReLU(2 x₁ + x₂/2), and the second,
    h₂ = ReLU(2 x₁), takes what the first feature would do to the output of the second: y₁ = h₁/2 = x₁ + x₂/4, y₂ =
    2 h₁ - 2 h₂ = x₂."""
    graph = _two_layers([[2.0, 0.5], [2.0, 0.0]], [0.0] * 2, [[0.5, 0.0], [2.0, -2.0]], [0.0] * 2, output="relu")
    return _case(graph, Independent(2, density))


def all_ands(n_features: int = 20, n_neurons: int = 400, q: float = 0.3, density: Any = 0.1, *, seed: int = 0) -> Case:
    """The ands of all pairs of features in superposition (Hänni et al. 2024, "Mathematical Models of Computation in
    Superposition"): each neuron is ReLU(count - 1) of a random part of the features, each of which is in it with
    probability q; the and of a pair is read as the mean over the neurons that hold both. It is 1 where just the two are
    on, about q where one of them is on and another feature, and about q² where two others are.

    Raises:
        ValueError: where no neuron holds both of a pair.
    """
    check_integer("all_ands", "n_features", n_features, minimum=2)
    check_integer("all_ands", "n_neurons", n_neurons, minimum=1)
    check_numbers("all_ands", "q", q, minimum=0, maximum=1)
    held = (np.random.default_rng(seed).random((n_neurons, n_features)) < q).astype(float)
    pairs = list(combinations(range(n_features), 2))
    both = np.array([held[:, first] * held[:, second] for first, second in pairs])
    if not both.any(1).all():
        raise ValueError(f"n_neurons of all_ands must be more: with {n_neurons} of q = {q} no neuron holds a pair.")
    names = [f"$x_{{{first + 1}}} x_{{{second + 1}}}$" for first, second in pairs]
    read = both / both.sum(1, keepdims=True)
    graph = _two_layers(held, -np.ones(n_neurons), read, np.zeros(len(pairs)), outputs=names)
    return _case(graph, Independent(n_features, density, ONE))


def pass_through(n_features: int = 16, density: Any = 0.1) -> Case:
    """Each output is its feature: the least that can be compressed."""
    check_integer("pass_through", "n_features", n_features, minimum=1)
    one = np.eye(n_features)
    graph = layered((numbered("y", n_features), one, np.zeros(n_features), "relu"), features=numbered("x", n_features))
    return _case(graph, Independent(n_features, density))


ONE = Values(jnp.ones_like, mean=1.0, second_moment=1.0)
"""Features that are 1 where they are on."""


def _two_layers(
    W: Any,
    b: Any,
    W_out: Any,
    b_out: Any,
    *,
    features: Sequence[str] | None = None,
    outputs: Sequence[str] | None = None,
    output: str = "identity",
) -> Graph:
    """The graph of y = W_out ReLU(W x + b) + b_out."""
    W, W_out = np.asarray(W, float), np.asarray(W_out, float)
    (m, n), count = W.shape, len(W_out)
    return layered(
        (numbered("h", m), W, b, "relu"),
        (outputs or numbered("y", count), np.hstack([np.zeros((count, n)), W_out]), b_out, output),
        features=features or numbered("x", n),
    )


def _case(graph: Graph, features: Any) -> Case:
    """The circuit of a graph, with what it computes exactly as its target."""
    return Case(Circuit(graph), Task(features, target=Computed(graph)))
