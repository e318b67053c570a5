"""A graph as a model: its vertices' values are held in one vector, from which every layer reads and to which it adds.

With as many dimensions as there are values each has its own, and the model does exactly what the graph says. With
fewer, values share dimensions, and each layer reads its inputs with the interference of all others: the same graph at
any level of superposition.
"""

from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from flax import nnx
from jaxtyping import Array, Float, Int

from toymodels.cases import frames
from toymodels.cases.graph import Graph
from toymodels.cases.stream import check_n_hidden, stream_frame
from toymodels.checks import check_function
from toymodels.models.functions import Initializer
from toymodels.models.modules import param_state, rebuilt
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
    def directions(self) -> Float[Array, "m n"]:
        """The directions of the features in `hidden`."""
        return self.frame[...][:, : self.sizes[0]]

    def activations(self, x: Float[Array, "n batch"]) -> dict[str, Array]:
        """Everything by name."""
        hidden, neurons = self._held(x)
        return {"neurons": neurons, "hidden": hidden, "prediction": self.decode(hidden)}

    def decode(self, h: Float[Array, "m batch"]) -> Float[Array, "outputs batch"]:
        """The outputs from `hidden`."""
        return self._layer(len(self.sizes) - 1, h)

    def __call__(self, x: Float[Array, "n batch"]) -> Float[Array, "outputs batch"]:
        """The outputs from features."""
        return self.decode(self._held(x)[0])

    def _held(self, x: Float[Array, "n batch"]) -> tuple[Array, Array]:
        """The hidden vector when all neurons have been added, and the neurons."""
        frame, start = self.frame[...], self.sizes[0]
        h, neurons = frame[:, :start] @ x, [jnp.zeros((0, x.shape[-1]))]
        for layer in range(1, len(self.sizes) - 1):
            neurons.append(self._layer(layer, h))
            stop = start + self.sizes[layer]
            h, start = h + frame[:, start:stop] @ neurons[-1], stop
        return h, jnp.concatenate(neurons)

    def _layer(self, layer: int, h: Float[Array, "m batch"]) -> Float[Array, "units batch"]:
        """What a layer reads and makes of the hidden vector."""
        W, b = getattr(self, f"W{layer}")[...], getattr(self, f"b{layer}")[...]
        read = W @ (self.frame[...][:, : W.shape[1]].T @ h) + b[:, None]
        relu = np.array([self.graph.vertices[one].activation == "relu" for one in self.graph.layers[layer]])
        return jnp.where(relu[:, None], jax.nn.relu(read), read)


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


def effects(module: CircuitModule, x: Float[Any, "n samples"]) -> Float[np.ndarray, " edges"]:
    """What each edge does: the root mean square change of the outputs, summed over them, when it alone is cut, so that
    its target receives nothing through it (zero ablation of one path).

    Args:
        module: of a circuit.
        x: samples, such as every input that there is.

    >>> from toymodels.cases.graph import layered
    >>> double = layered((["y"], np.array([[2.0]]), [0.0], "identity"), features=["x"])
    >>> effects(Circuit(double)(rngs=nnx.Rngs(0)), np.array([[3.0, -3.0]])).tolist()
    [6.0]
    """
    graph, x, params = module.graph, jnp.asarray(x, float), param_state(module)
    whole, model = module(x), Circuit(graph, params["frame"].shape[0])
    starts = [layer[0] for layer in graph.layers]

    @partial(jax.jit, static_argnums=0)
    def changes(layer: int, places: Int[Array, "edges 2"]) -> Array:
        """Of the edges into a layer, each given as its place in the layer's matrix."""
        name = f"W{layer}"

        def change(place: Array) -> Array:
            W = params[name].at[place[0], place[1]].set(0.0)
            cut = rebuilt(model, {**params, name: W}, jax.random.key(0))
            return jnp.sqrt(jnp.square(cut(x) - whole).sum(0).mean())

        return jax.lax.map(change, places)

    found = np.zeros(len(graph.edges))
    for layer in range(1, len(starts)):
        into = [number for number, edge in enumerate(graph.edges) if graph.vertices[edge.target].layer == layer]
        if into:
            rows = [(graph.edges[one].target - starts[layer], graph.edges[one].source) for one in into]
            found[into] = changes(layer, np.array(rows))
    return found
