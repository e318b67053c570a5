"""A graph as a model: its vertices' values are held in one vector, from which every layer reads and to which it adds.

With as many dimensions as there are values each has its own, and the model does exactly what the graph says. With
fewer, values share dimensions, and each layer reads its inputs with the interference of all others: the same graph at
any level of superposition.
"""

from collections.abc import Callable

import jax
import jax.numpy as jnp
import numpy as np
from flax import nnx
from jaxtyping import Array, Float

from toymodels.cases import frames
from toymodels.cases.graph import Graph
from toymodels.cases.layers import Layer, held
from toymodels.cases.stream import check_n_hidden, stream_frame
from toymodels.checks import check_function
from toymodels.models.functions import Initializer
from toymodels.specifications import specification, static


@specification
class Circuit:
    """The model that computes what a graph says, through `n_hidden` dimensions.

    The values v of features and neurons, N in all, are held as the hidden vector h = Σ_j E_j v_j, with a unit vector
    E_j for each of them, the columns of the frame E (m, N). Layer l reads all values as Eᵀ h, which is v + (EᵀE - 1) v,
    and adds its own: h ← h + Σ_j E_j f(W_l Eᵀ h + b_l)_j. Outputs are read like a layer, and are not held.

    Attributes:
        graph: what is computed.
        n_hidden: number of dimensions m, at most N; N if not given, and then E = 1.
        frame: initializer of E, a function of (key, shape (m, N), dtype); a random tight frame by default.
    """

    graph: Graph = static()
    n_hidden: int | None = static(default=None)
    frame: Initializer = static(default=frames.tight)

    @property
    def n_held(self) -> int:
        """Number N of values that are held: of features and neurons."""
        return len(self.graph.vertices) - len(self.graph.of_kind("output"))

    def __call__(self, *, rngs: nnx.Rngs) -> "CircuitModule":
        """The module, with parameters `frame` (m, N), and `W1`, `b1`, ... of each layer."""
        return CircuitModule(self, rngs=rngs)

    def validate(self) -> None:
        """Raise ValueError if a field is out of range."""
        if not isinstance(self.graph, Graph):
            raise ValueError(f"graph of Circuit must be a Graph. Got a {type(self.graph).__name__}.")
        check_function("Circuit", "frame", self.frame)
        check_n_hidden("Circuit", self.n_hidden, self.n_held, "features and neurons")
        for vertex in self.graph.vertices:
            if vertex.activation == "attention":
                raise ValueError(f"A Circuit computes identity and relu. {vertex.name!r} of its graph is attention.")


class CircuitModule(nnx.Module):
    """The `nnx.Module` that a `Circuit` describes. Its activations are the `neurons` of all layers, as they are before
    they are added, `hidden`, the vector that the outputs are read from, and `prediction`."""

    def __init__(self, spec: Circuit, *, rngs: nnx.Rngs):
        graph, held = spec.graph, spec.n_held
        self.graph, self.sizes = graph, tuple(len(layer) for layer in graph.layers)
        self.frame = nnx.Param(stream_frame(spec.frame, rngs.params(), spec.n_hidden, held))
        weights = weight_matrix(graph)
        for number, layer in enumerate(graph.layers[1:], start=1):
            setattr(self, f"W{number}", nnx.Param(jnp.asarray(weights[layer, : layer[0]], float)))
            setattr(self, f"b{number}", nnx.Param(jnp.asarray([graph.vertices[one].bias for one in layer], float)))

    @property
    def axes(self) -> dict[str, tuple[str, ...]]:
        """What the axes of parameters and activations are called."""
        of_layers: dict[str, tuple[str, ...]] = {}
        for layer in range(1, len(self.sizes)):
            of_layers[f"W{layer}"] = (f"layer{layer}", f"before{layer}")
            of_layers[f"b{layer}"] = (f"layer{layer}",)
        return {
            "frame": ("hidden", "held"),
            "hidden": ("hidden",),
            "neurons": ("neuron",),
            "prediction": ("output",),
            **of_layers,
        }

    @property
    def layers(self) -> tuple[Layer, ...]:
        """What computes: a layer for each of the graph's after the features."""
        return tuple(
            Layer(getattr(self, f"W{number}")[...], getattr(self, f"b{number}")[...], _activation(self.graph, number))
            for number in range(1, len(self.sizes))
        )

    @property
    def directions(self) -> Float[Array, "m n"]:
        """The directions of the features in `hidden`."""
        return self.frame[...][:, : self.sizes[0]]

    def activations(self, x: Float[Array, "n batch"]) -> dict[str, Array]:
        """Everything by name."""
        hidden, neurons = held(self.frame[...], self.layers, x)
        return {"neurons": neurons, "hidden": hidden, "prediction": self.decode(hidden)}

    def decode(self, h: Float[Array, "m batch"]) -> Float[Array, "outputs batch"]:
        """The outputs from `hidden`."""
        return self.layers[-1](self.frame[...], h)

    def __call__(self, x: Float[Array, "n batch"]) -> Float[Array, "outputs batch"]:
        """The outputs from features."""
        return self.activations(x)["prediction"]


@specification
class Computed:
    """What a graph makes of samples, exactly: a target for tasks.

    Attributes:
        graph: what is computed.
    """

    graph: Graph = static()

    def __call__(self, x: Float[Array, "n batch"]) -> Float[Array, "outputs batch"]:
        """The outputs."""
        return Circuit(self.graph)(rngs=nnx.Rngs(0))(x)


def weight_matrix(graph: Graph) -> Float[np.ndarray, "vertices vertices"]:
    """The weight of the edge from each vertex (column) to each other (row), 0 where there is none."""
    weights = np.zeros((len(graph.vertices), len(graph.vertices)))
    for edge in graph.edges:
        weights[edge.target, edge.source] = edge.weight
    return weights


def _activation(graph: Graph, layer: int) -> Callable[[Array], Array]:
    """The ReLU of those vertices of a layer that have one."""
    relu = np.array([graph.vertices[one].activation == "relu" for one in graph.layers[layer]])
    return lambda read: jnp.where(relu[:, None], jax.nn.relu(read), read)
