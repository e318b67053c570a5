"""Edges that can be switched off: what a technique that finds circuits may do, and what each edge truly does."""

from collections.abc import Callable
from dataclasses import dataclass

import jax
import jax.numpy as jnp
import numpy as np
from flax import nnx
from jaxtyping import Array, Float, Int

from toymodels.arrays import AnyArray
from toymodels.cases.case import graph_of
from toymodels.cases.circuit import CircuitModule
from toymodels.cases.layers import Layer, layers_of_autoencoder, outputs
from toymodels.models.autoencoder import AutoencoderModule

SWITCHED = (CircuitModule, AutoencoderModule)
"""The modules whose edges have switches."""


@dataclass(frozen=True)
class Switches:
    """All edges that a model could have, used or not, each with a switch.

    Attributes:
        sources: the vertex from which each leads, numbered as in the graph: features, then neurons, then outputs.
        targets: the vertex to which it leads.
        run: the outputs (outputs, samples) from the switches (edges,) and samples x (n, samples). What an edge carries
            is multiplied by its switch: 1 as it is, 0 cut.
    """

    sources: Int[np.ndarray, " edges"]
    targets: Int[np.ndarray, " edges"]
    run: Callable[[Float[Array, " edges"], Float[Array, "n samples"]], Float[Array, "outputs samples"]]

    def __len__(self) -> int:
        return len(self.sources)


def switches(module: nnx.Module) -> Switches:
    """The switches of the module of a `Circuit` or an `Autoencoder`: one for each entry of each matrix, zeros too. The
    hidden dimensions of an autoencoder are its neurons.

    Raises:
        ValueError: for modules of other kinds.

    >>> from toymodels import cases
    >>> gate = switches(cases.gate("and").module())
    >>> [(int(source), int(target)) for source, target in zip(gate.sources, gate.targets, strict=True)]
    [(0, 2), (1, 2), (0, 3), (1, 3), (2, 3)]
    >>> gate.run(jnp.array([1.0, 0, 1, 1, 1]), jnp.ones((2, 1))).tolist()  # without the second input
    [[0.0]]
    """
    return _switches(*_wired(module))


def true_effects(module: nnx.Module, x: Float[AnyArray, "n samples"]) -> Float[Array, " edges"]:
    """What each edge of `switches` does by itself, where each value has a dimension of its own: the root mean square
    change of the outputs, summed over them, when it alone is cut, so that its target receives nothing through it (zero
    ablation of one path). In superposition it is the edge's effect in the circuit that was compressed.

    Args:
        module: of a `Circuit` or an `Autoencoder`.
        x: samples, such as every input that there is.

    Raises:
        ValueError: for modules of other kinds.
    """
    frame, layers = _wired(module)
    return effects_of_cuts(_switches(jnp.eye(frame.shape[1]), layers), x)


def effects(module: nnx.Module, x: Float[AnyArray, "n samples"]) -> Float[np.ndarray, " edges"]:
    """What each edge of a module's graph (`graph_of`) does in this module, as it is: see `true_effects`.

    >>> from toymodels.cases import Circuit, layered
    >>> double = layered((["y"], np.array([[2.0]]), [0.0], "identity"), features=["x"])
    >>> effects(Circuit(double)(rngs=nnx.Rngs(0)), np.array([[3.0, -3.0]])).tolist()
    [6.0]

    Args:
        module: of a `Circuit` or an `Autoencoder`.
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
    every: Switches, x: Float[AnyArray, "n samples"], places: Int[np.ndarray, " edges"] | None = None
) -> Float[Array, " edges"]:
    """The root mean square change of the outputs, summed over them, when one edge is cut.

    Args:
        every: the switches of a model.
        x: samples.
        places: the numbers of the edges that are cut, one after the other; all if not given.
    """
    x, on = jnp.asarray(x, float), jnp.ones(len(every))
    whole = every.run(on, x)

    def change(place: Array) -> Array:
        return jnp.sqrt(jnp.square(every.run(on.at[place].set(0.0), x) - whole).sum(0).mean())

    return jax.lax.map(change, jnp.arange(len(every)) if places is None else jnp.asarray(places))


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

    def run(on: Float[Array, " edges"], x: Float[Array, "n samples"]) -> Float[Array, "outputs samples"]:
        masks = [part.reshape(shape) for part, shape in zip(jnp.split(on, stops[:-1]), shapes, strict=True)]
        switched = [layer._replace(W=layer.W * mask) for layer, mask in zip(layers, masks, strict=True)]
        return outputs(frame, switched, x)

    sources = [np.tile(layer.first + np.arange(read), to) for layer, (to, read) in zip(layers, shapes, strict=True)]
    targets = [np.repeat(start + np.arange(to), read) for start, (to, read) in zip(first, shapes, strict=True)]
    return Switches(np.concatenate(sources), np.concatenate(targets), run)
