"""Cases that are autoencoders x' = ReLU(Wᵀ W x + b) of features in a hidden space: how many features share how many
dimensions, and how."""

from collections.abc import Sequence
from functools import lru_cache
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array

from toymodels.cases import frames
from toymodels.cases.case import Case
from toymodels.checks import check_integer, check_numbers
from toymodels.features import CorrelatedSets, Dataset, Independent, full_batch
from toymodels.models import Autoencoder
from toymodels.specifications import specification
from toymodels.tasks import Task
from toymodels.theory import polygons
from toymodels.training import Recipe


def dedicated(n_features: int = 8, density: Any = 0.1) -> Case:
    """A dimension for each feature: no superposition. Every technique must be right here."""
    return Case(Autoencoder(n_features, n_features, initializer=frames.axes), Task(Independent(n_features, density)))


def digons(n_features: int = 8, density: Any = 0.1) -> Case:
    """Antipodal pairs: two features share each dimension, with opposite signs. What takes a direction and its opposite
    for the same finds half of them."""
    check_integer("digons", "n_features", n_features, minimum=2)
    model = Autoencoder(n_features, (n_features + 1) // 2, initializer=frames.antipodal)
    return Case(model, Task(Independent(n_features, density)))


def octahedron(density: Any = 0.1) -> Case:
    """Six features in three dimensions, an antipodal pair along each axis."""
    return digons(6, density)


def polygon(n_features: int = 5, density: float = 0.05) -> Case:
    """A regular polygon of features in the plane, with the length and the bias that have the least loss at this
    density: at .05 a pentagon's are 1.134 and -.245, as trained ones have them."""
    check_integer("polygon", "n_features", n_features, minimum=3)
    check_numbers("polygon", "density", density, minimum=1e-3, maximum=1)
    length, bias = _best_polygon(n_features, float(density))
    model = Autoencoder(n_features, 2, initializer=Scaled(length), initial_output_bias=bias)
    return Case(model, Task(Independent(n_features, density)))


def one_at_a_time(n_features: int | Sequence[int] = 5, points: int = 64) -> Case:
    """A regular polygon of features of which exactly one is on, at a minimum of the loss (Chen et al. 2023). Turning it
    costs nothing, and all else quadratically. So its learning coefficient is known, (3 n - 1) / 2: 7 of a pentagon.

    Args:
        n_features: n, from 5 to 8; several are levels.
        points: values of each feature, in the middles of equal parts of [0, 1]. Every batch has all of them, so that
            its loss is that of values in between, but for 1 / points².

    Raises:
        ValueError: for other n.
    """
    sizes = list(n_features) if isinstance(n_features, Sequence) else [n_features]
    if not sizes or set(sizes) - {5, 6, 7, 8}:
        raise ValueError(f"n_features of one_at_a_time must be 5, 6, 7 or 8, or several of these. Got {n_features!r}.")
    check_integer("one_at_a_time", "points", points, minimum=1)
    data = [samples_one_at_a_time(n, points) for n in sizes]
    biases = [polygons.polygon(n).bias for n in sizes]
    model = Autoencoder(sizes[0], 2, initializer=_corners, initial_output_bias=biases[0])
    case = Case(model, Task(data[0]), learning_coefficient=_of_polygon)
    levels: dict[str, Any] = {"model.n_features": sizes, "model.initial_output_bias": biases, "task.features": data}
    return case.over(**levels) if len(sizes) > 1 else case


def samples_one_at_a_time(n_features: int, points: int) -> Dataset:
    """Each of n features alone, at the middles of equal parts of [0, 1]: all n · points samples in every batch, so that
    a mean over them is an integral but for 1 / points²."""
    middles = (np.arange(points) + 0.5) / points
    return Dataset(np.concatenate([value * np.eye(n_features) for value in middles], axis=1), full_batch)


def tight_frame(n_features: int = 20, n_hidden: int = 10, density: Any = 0.1) -> Case:
    """A tight frame: m/n of a dimension for each feature, exactly, at any number of either."""
    return Case(Autoencoder(n_features, n_hidden, initializer=frames.tight), Task(Independent(n_features, density)))


def random_frame(n_features: int = 20, n_hidden: int = 10, density: Any = 0.1) -> Case:
    """Random directions, others for each seed."""
    return Case(Autoencoder(n_features, n_hidden, initializer=frames.random), Task(Independent(n_features, density)))


def unrepresented(n_features: int = 4, density: Any = 0.1) -> Case:
    """The last feature has no direction, and is always on together with the one before it, which has: a probe finds it,
    though the model knows nothing of it."""
    check_integer("unrepresented", "n_features", n_features, minimum=2)
    sets = (*((one,) for one in range(n_features - 2)), (n_features - 2, n_features - 1))
    return Case(Autoencoder(n_features, n_features - 1, initializer=frames.axes), Task(CorrelatedSets(sets, density)))


def trained(n_features: int = 20, n_hidden: int = 8, density: Any = 0.1, *, recipe: Recipe = Recipe()) -> Case:
    """A toy model that is trained, as all of the paper's are: what it makes of its features depends on how sparse they
    are (Elhage et al. 2022)."""
    return Case(Autoencoder(n_features, n_hidden), Task(Independent(n_features, density)), recipe)


@specification
class Scaled:
    """An initializer: a tight frame of vectors of some length.

    Attributes:
        length: of each column.
    """

    length: Any

    def __call__(self, key: Array, shape: tuple[int, int], dtype: Any = float) -> Array:
        """The frame (m, n)."""
        return self.length * frames.tight(key, shape, dtype)


def _corners(key: Array, shape: tuple[int, int], dtype: Any = float) -> Array:
    """An initializer: the regular polygon at the minimum for one feature at a time."""
    return jnp.asarray(polygons.polygon_weights(shape[1], shape[1])[0], dtype)


def _of_polygon(module: Any) -> float:
    return polygons.polygon_learning_coefficient(module.W.shape[-1])


@lru_cache
def _best_polygon(n_features: int, density: float) -> tuple[float, float]:
    """The length and the bias of least loss, on so many fixed samples that they are within .002 of the best."""
    from scipy.optimize import minimize  # not above: it takes a quarter of a second to import

    x = Independent(n_features, density).sample(jax.random.key(0), 2**18)
    W = np.asarray(frames.tight(jax.random.key(0), (2, n_features)))
    read = jnp.asarray(W.T @ W, float) @ x

    @jax.jit
    def loss(length_and_bias: Any) -> Array:
        length, bias = length_and_bias
        return jnp.square(jax.nn.relu(length**2 * read + bias) - x).mean()

    def with_gradient(place: np.ndarray) -> tuple[float, np.ndarray]:
        value, gradient = jax.value_and_grad(loss)(jnp.asarray(place, float))
        return 1e3 * float(value), 1e3 * np.asarray(gradient, dtype=float)

    length, bias = minimize(with_gradient, np.array([1.0, -0.1]), jac=True, method="BFGS", options={"gtol": 1e-3}).x
    return float(length), float(bias)
