"""Edges that can be switched off: what a technique that finds circuits may do, and what each edge truly does."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from flax import nnx
from jaxtyping import Array, Bool, Float, Int

from toymodels.arrays import AnyArray, gram
from toymodels.cases.case import graph_of
from toymodels.cases.circuit import CircuitModule
from toymodels.cases.induction_edges import induction_edges
from toymodels.cases.layers import Layer, layers_of_autoencoder
from toymodels.cases.transformer import InductionModule
from toymodels.models.autoencoder import AutoencoderModule

SWITCHED = (CircuitModule, AutoencoderModule, InductionModule)
"""The modules whose edges have switches."""


@dataclass(frozen=True)
class Switches:
    """All edges that a model could have, used or not, each with a switch.

    An edge carries the value of its source, times the weight with which its target really reads that: through the
    directions of all values that the target is to read, for where values share dimensions, it reads a little of each
    (the virtual weights of Elhage et al. 2021, "A Mathematical Framework for Transformer Circuits"). So in
    superposition there are edges that do something and are not in the circuit.

    Attributes:
        sources: the vertex from which each leads, numbered as in the graph: features, then neurons, then outputs.
        targets: the vertex to which it leads.
        wired: outputs, and the values of features and neurons, from switches, samples x and what cut edges carry: see
            `run`.
    """

    sources: Int[np.ndarray, " edges"]
    targets: Int[np.ndarray, " edges"]
    wired: Callable[[Float[Array, " edges"], Float[Array, "n samples"], Any], tuple[Array, Array]]

    def __len__(self) -> int:
        return len(self.sources)

    @property
    def n_held(self) -> int:
        """Number of features and neurons: of the vertices from which an edge may lead."""
        return int(self.sources.max()) + 1

    def leaving(self, *vertices: int) -> Bool[np.ndarray, " edges"]:
        """Which edges lead from any of the vertices."""
        return np.isin(self.sources, vertices)

    @property
    def last(self) -> Bool[np.ndarray, " edges"]:
        """Which edges lead to outputs."""
        return self.targets >= self.n_held

    def run(
        self,
        on: Float[Array, " edges"],
        x: Float[Array, "n samples"],
        instead: Float[Array, "held samples"] | None = None,
    ) -> Float[Array, "outputs samples"]:
        """The outputs of the model with some edges cut.

        Args:
            on: switches: 1 for an edge as it is, 0 for one that is cut. In between it carries a share of either.
            x: samples.
            instead: the values (held, samples) that cut edges carry, such as `values` of other samples; nothing if not
                given.
        """
        return self.wired(on, x, instead)[0]

    def values(self, x: Float[Array, "n samples"]) -> Float[Array, "held samples"]:
        """The values of features and neurons where no edge is cut."""
        return self.wired(jnp.ones(len(self)), x, None)[1]


def switches(module: nnx.Module) -> Switches:
    """The switches of the module of a `Circuit` or an `Autoencoder`: one for each entry of each matrix, zeros too. The
    hidden dimensions of an autoencoder are its neurons. Those of an `Induction` head: one for each pair of vertices of
    its graph, for samples that are one-hot tokens (`module.one_hot`); a vertex has a value for each token or position.

    Raises:
        ValueError: for modules of other kinds.

    >>> from toymodels import cases
    >>> gate = switches(cases.gate("and").module())
    >>> [(int(source), int(target)) for source, target in zip(gate.sources, gate.targets, strict=True)]
    [(0, 2), (1, 2), (0, 3), (1, 3), (2, 3)]
    >>> without = jnp.array([1.0, 0, 1, 1, 1])  # the second input does not reach the neuron
    >>> gate.run(without, jnp.ones((2, 1))).tolist()
    [[0.0]]
    >>> gate.run(without, jnp.array([[1.0], [0.0]]), instead=gate.values(jnp.ones((2, 1)))).tolist()
    [[1.0]]
    """
    if isinstance(module, InductionModule):
        return Switches(*induction_edges(module, module.directions))
    return _switches(*_wired(module))


def uncompressed(module: nnx.Module) -> Switches:
    """The switches of the circuit that was compressed: the same layers, where each value has a dimension of its own.

    Raises:
        ValueError: for modules of other kinds.
    """
    if isinstance(module, InductionModule):
        return Switches(*induction_edges(module, jnp.eye(module.directions.shape[1])))
    frame, layers = _wired(module)
    return _switches(jnp.eye(frame.shape[1]), layers)


def true_effects(module: nnx.Module, x: Float[AnyArray, "n samples"]) -> Float[Array, " edges"]:
    """What each edge of `switches` does by itself, where each value has a dimension of its own: the root mean square
    change of the outputs, summed over them, when it alone is cut, so that its target receives nothing through it (zero
    ablation of one path). In superposition it is the edge's effect in the circuit that was compressed.

    Args:
        module: of a `Circuit`, an `Autoencoder` or an `Induction` head.
        x: samples, such as every input that there is.

    Raises:
        ValueError: for modules of other kinds.
    """
    return effects_of_cuts(uncompressed(module), x)


def effects(module: nnx.Module, x: Float[AnyArray, "n samples"]) -> Float[np.ndarray, " edges"]:
    """What each edge of a module's graph (`graph_of`) does in this module, as it is: see `true_effects`.

    >>> from toymodels.cases import Circuit, layered
    >>> double = layered((["y"], np.array([[2.0]]), [0.0], "identity"), features=["x"])
    >>> effects(Circuit(double)(rngs=nnx.Rngs(0)), np.array([[3.0, -3.0]])).tolist()
    [6.0]

    Args:
        module: of a `Circuit`, an `Autoencoder` or an `Induction` head.
        x: samples, such as every input that there is.

    Raises:
        ValueError: for modules of other kinds.
    """
    every = switches(module)
    number = {
        ends: place for place, ends in enumerate(zip(every.sources.tolist(), every.targets.tolist(), strict=True))
    }
    places = np.array([number[edge.source, edge.target] for edge in graph_of(module).edges], dtype=int)
    return np.asarray(effects_of_cuts(every, x, places), dtype=float)


def effects_of_cuts(
    every: Switches,
    x: Float[AnyArray, "n samples"],
    places: Int[np.ndarray, " edges"] | None = None,
    instead: Float[Array, "held samples"] | None = None,
) -> Float[Array, " edges"]:
    """The root mean square change of the outputs, summed over them, when one edge is cut.

    Args:
        every: the switches of a model.
        x: samples.
        places: the numbers of the edges that are cut, one after the other; all if not given.
        instead: the values that cut edges carry; nothing if not given.
    """
    x, on = jnp.asarray(x, float), jnp.ones(len(every))
    whole = every.run(on, x)

    def change(place: Array) -> Array:
        return root_mean_square(every.run(on.at[place].set(0.0), x, instead) - whole)

    return jax.lax.map(change, jnp.arange(len(every)) if places is None else jnp.asarray(places))


def effects_of_patches(
    every: Switches,
    x: Float[AnyArray, "n samples"],
    groups: Sequence[Sequence[int]] | None = None,
    *,
    restored: bool = False,
    direct: bool = False,
) -> Float[Array, " groups"]:
    """What vertices do: the root mean square change of the outputs, summed over them, when all that is read of a group
    of vertices, and of no others, is as in other samples. Samples are clean as they are, and corrupted where all
    features are 0.

    Args:
        every: the switches of a model.
        x: clean samples.
        groups: features and neurons that are patched together, by their numbers; each by itself if not given.
        restored: whether they are as in clean samples, in a run on corrupted ones (denoising), instead of as in
            corrupted ones, in a run on clean ones (noising).
        direct: whether only the outputs read them so (path patching), and no neuron in between.
    """
    x, on = jnp.asarray(x, float), jnp.ones(len(every))
    here, there = (jnp.zeros_like(x), x) if restored else (x, jnp.zeros_like(x))
    whole, instead = every.run(on, here), every.values(there)
    groups = [[vertex] for vertex in range(every.n_held)] if groups is None else groups
    cut = np.stack([every.leaving(*group) & (every.last | (not direct)) for group in groups])

    def change(cut: Array) -> Array:
        return root_mean_square(every.run(on - cut, here, instead) - whole)

    return jax.lax.map(change, jnp.asarray(cut, float))


def root_mean_square(change: Float[Array, "outputs samples"]) -> Float[Array, ""]:
    """Of the change of outputs, summed over them."""
    return jnp.sqrt(jnp.square(change).sum(0).mean())


def _wired(module: nnx.Module) -> tuple[Float[Array, "m held"], tuple[Layer, ...]]:
    """A module as a frame and layers."""
    if isinstance(module, CircuitModule):
        return module.frame[...], module.layers
    if isinstance(module, AutoencoderModule):
        layers = layers_of_autoencoder(module)
        return jnp.eye(sum(layers[0].W.shape)), layers
    raise ValueError(f"The edges of a {type(module).__name__} are not known: only a Circuit's or an Autoencoder's are.")


def _switches(frame: Float[Array, "m held"], layers: tuple[Layer, ...]) -> Switches:
    counts = [len(layer.b) for layer in layers]
    n = frame.shape[1] - sum(counts[:-1])
    first = np.cumsum([n, *counts])[:-1]  # vertex of each layer
    shapes = [layer.W.shape for layer in layers]
    stops = np.cumsum([to * read for to, read in shapes])
    read = [slice(layer.first, layer.first + layer.W.shape[1]) for layer in layers]
    weights = [layer.W @ gram(frame[:, some]) for layer, some in zip(layers, read, strict=True)]

    def wired(
        on: Float[Array, " edges"], x: Float[Array, "n samples"], instead: Float[Array, "held samples"] | None
    ) -> tuple[Float[Array, "outputs samples"], Float[Array, "held samples"]]:
        values, outputs = x, x
        for layer, W, some, switched in zip(layers, weights, read, jnp.split(on, stops[:-1]), strict=True):
            mask, seen = switched.reshape(W.shape), values[some]
            shares = W * mask
            if instead is not None:
                # One product, not a sum of two: of one with constant zeros, XLA's compiler for CPUs may make whatever
                # stands in memory (jaxlib 0.10).
                shares = jnp.concatenate([shares, W * (1 - mask)], axis=1)
                seen = jnp.concatenate([seen, instead[some]])
            outputs = layer.activation(shares @ seen + layer.b[:, None])
            values = values if layer is layers[-1] else jnp.concatenate([values, outputs])
        return outputs, values

    sources = [np.tile(layer.first + np.arange(count), to) for layer, (to, count) in zip(layers, shapes, strict=True)]
    targets = [np.repeat(start + np.arange(to), count) for start, (to, count) in zip(first, shapes, strict=True)]
    return Switches(np.concatenate(sources), np.concatenate(targets), wired)
