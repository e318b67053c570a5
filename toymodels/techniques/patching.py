"""Activation patching: what features and neurons do, each by itself or several together.

Clean samples are those that a technique is given, and corrupted ones have all features 0. Noising corrupts one value in
a clean run, and denoising restores one in a corrupted run. The two answer different questions (Heimersheim & Nanda
2024, "How to use and interpret activation patching"): of an AND gate noising finds both inputs, and denoising none; of
an OR gate it is the other way round.
"""

from collections.abc import Sequence

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from toymodels.cases import Switches, effects_of_patches, shapley_values
from toymodels.cases.edges import root_mean_square
from toymodels.techniques.ablations import Replaced, zero
from toymodels.techniques.claims import VertexEffects
from toymodels.techniques.edges import attributed


def noising(graph: Switches, x: Float[Array, "n samples"]) -> VertexEffects:
    """Activation patching (Meng et al. 2022) of clean runs: the root mean square change of the outputs, summed over
    them, when one feature or neuron is as it is in corrupted samples. It runs the model once for each of them."""
    return VertexEffects(effects_of_patches(graph, x))


def denoising(graph: Switches, x: Float[Array, "n samples"]) -> VertexEffects:
    """Activation patching of corrupted runs: as `noising`, when one feature or neuron is as it is in clean samples."""
    return VertexEffects(effects_of_patches(graph, x, restored=True), restored=True)


def path_patching(graph: Switches, x: Float[Array, "n samples"]) -> VertexEffects:
    """Path patching (Goldowsky-Dill et al. 2023) of the direct paths to the outputs: as `noising`, but only the outputs
    notice. What backup hides from noising is seen: all other neurons stay as they are."""
    return VertexEffects(effects_of_patches(graph, x, direct=True), direct=True)


def noising_attribution(graph: Switches, x: Float[Array, "n samples"]) -> VertexEffects:
    """Attribution patching (Nanda 2023; Kramár et al. 2024, "AtP*") of clean runs: what `noising` would say if outputs
    were linear, with derivatives in clean samples. It costs a derivative for each vertex."""
    return VertexEffects(attributed(graph, x, _corrupted(graph, x), [1.0], _leaving(graph)))


def denoising_attribution(graph: Switches, x: Float[Array, "n samples"]) -> VertexEffects:
    """Attribution patching of corrupted runs, with derivatives in corrupted samples. Where all features are off and
    every ReLU is, it finds nothing."""
    return VertexEffects(attributed(graph, x, _corrupted(graph, x), [0.0], _leaving(graph)), restored=True)


def shapley(
    graph: Switches, x: Float[Array, "n samples"], vertices: Sequence[int], *, restored: bool = False
) -> Float[Array, " vertices"]:
    """Shapley values of features and neurons in what patching several of them does: the mean, over all orders, of what
    each one adds to the effect when it is patched, too. They add up to the effect of patching all. Of two paths that do
    the same, neither of which is missed by itself, each has a half.

    It runs the model once for each set of them, 2 to the power of their number.

    Args:
        graph: the switches of a model.
        x: clean samples.
        vertices: features and neurons by their numbers, at most 12.
        restored: as in `cases.effects_of_patches`.

    Raises:
        ValueError: for more than 12.
    """
    here, there = (jnp.zeros_like(x), x) if restored else (x, jnp.zeros_like(x))
    on, leaving = jnp.ones(len(graph)), jnp.array([graph.leaving(vertex) for vertex in vertices], float)
    whole, instead = graph.run(on, here), graph.values(there)

    def effect(patched: Array) -> Array:
        return root_mean_square(graph.run(on - patched @ leaving, here, instead) - whole)

    sets = jnp.ones((len(vertices), 1))
    return shapley_values(lambda patched: jax.lax.map(effect, patched.T)[None], sets)[0, :, 0]


def _corrupted(graph: Switches, x: Float[Array, "n samples"]) -> Replaced:
    off = zero(graph, x).samples
    return Replaced(off, graph.values(off))


def _leaving(graph: Switches) -> np.ndarray:
    return np.stack([graph.leaving(vertex) for vertex in range(graph.n_held)])
