"""A network that nobody built by hand: it reads the handwritten digits of scikit-learn."""

from functools import lru_cache
from typing import Any, NamedTuple

import jax
import numpy as np
from flax import nnx
from jaxtyping import Float

from toymodels.arrays import AnyArray
from toymodels.cases.case import Case, graph_of
from toymodels.cases.graph import Graph
from toymodels.cases.strength import carried
from toymodels.checks import check_integer
from toymodels.features import Dataset, Labelled, epochs
from toymodels.models import Autoencoder, identity
from toymodels.tasks import Task, cross_entropy
from toymodels.training import Recipe

SIDE, CLASSES = 8, 10
HELD_OUT = 6
"""Every sixth image is held out."""


class DigitImages(NamedTuple):
    """Images of handwritten digits (Alpaydin & Kaynak 1998), as scikit-learn has them: those that are trained on, and
    every sixth one, which is held out.

    Attributes:
        train: pixels from 0 to 1, row by row (64, 1497), and which digits they show (1497,).
        test: the same of those that are held out, 300.
    """

    train: Labelled
    test: Labelled


@lru_cache
def digit_images() -> DigitImages:
    """The 1,797 images.

    Raises:
        ModuleNotFoundError: without scikit-learn.
    """
    try:
        from sklearn.datasets import load_digits  # not above: it is an extra
    except ModuleNotFoundError as error:
        raise ModuleNotFoundError(
            "The images of digits are those of scikit-learn, which is not installed. Run: pip install "
            "'toymodels[techniques]'",
            name="sklearn",
        ) from error
    loaded: Any = load_digits()
    pixels, labels = (loaded.data.T / 16).astype(np.float32), loaded.target.astype(np.int32)
    out = np.arange(len(labels)) % HELD_OUT == 0
    return DigitImages(*(Labelled(pixels[:, chosen], labels[chosen]) for chosen in (~out, out)))


def handwritten_digits(n_hidden: int = 24, *, recipe: Recipe | None = None) -> Case:
    """A hidden layer of ReLU and ten logits, trained on images of 8 x 8 pixels with cross-entropy: about 98 % of those
    that are held out are read right. It is a case without a truth: techniques can be held against each other, and
    against what happens when the network is changed. Its edges have `switches`.

    Args:
        n_hidden: number of hidden neurons.
        recipe: how it is trained; 1,000 steps of 100 images, with weight decay .1, if not given.

    Raises:
        ModuleNotFoundError: without scikit-learn.
    """
    check_integer("handwritten_digits", "n_hidden", n_hidden, minimum=1)
    images = digit_images()
    model = Autoencoder(SIDE**2, n_hidden, jax.nn.relu, identity, hidden_bias=True, tied=False, n_outputs=CLASSES)
    task = Task(
        Dataset(images.train, batches=epochs), loss=cross_entropy, evaluation=Dataset(images.test, batches=epochs)
    )
    shorter = Recipe(steps=1_000, batch_size=100, weight_decay=0.1, evaluation_samples=len(images.test.label))
    return Case(model, task, shorter if recipe is None else recipe)


def digit_graph(module: nnx.Module, x: Float[AnyArray, "64 samples"] | None = None) -> Graph:
    """The network of `handwritten_digits` as vertices and edges: pixels by row and column, neurons, digits.

    Args:
        module: the network.
        x: images; an edge has then what it `carried` for them in the mean, and else its weight.
    """
    graph = graph_of(module) if x is None else carried(module, x)
    pixels = [f"{row},{column}" for row in range(SIDE) for column in range(SIDE)]
    digits = [str(digit) for digit in range(CLASSES)]
    neurons = [graph.vertices[number].name for number in graph.of_kind("neuron")]
    named = zip(graph.vertices, [*pixels, *neurons, *digits], strict=True)
    return Graph(tuple(vertex._replace(name=name) for vertex, name in named), graph.edges)
