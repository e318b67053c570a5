"""Small transformers on tokens."""

import jax
import jax.numpy as jnp
from flax import nnx
from jaxtyping import Array, Float, Int

from toymodels.checks import check_function, check_integer
from toymodels.models.functions import Initializer, lecun_normal
from toymodels.specifications import specification, static


@specification
class Transformer:
    """A causal transformer of tokens, attention-only or with MLPs (Elhage et al. 2021, "A Mathematical Framework for
    Transformer Circuits"), without layer norm and without biases of attention: all but the attention patterns and the
    ReLUs is linear in the stream, so that what heads add to the logits can be told apart and added up.

    The stream h (d_model, position, batch) starts as E[:, token] + P[:, position]. To it each layer l adds, from what
    stood there before it,

    1. of each head, O_l V_l h, averaged with the weights softmax(hᵀ Q_lᵀ K_l h / √d_head) over a position and all
       before it;
    2. with `d_mlp`, W_out_l ReLU(W_in_l h + b_l).

    The logits of the next token are U h. Parameters are `E`, `P`, `U`, and `Q1`, `K1`, `V1`, `O1` (and `W_in1`, `b1`,
    `W_out1`) of each layer.

    Attributes:
        vocabulary: number of tokens.
        length: largest number of positions.
        d_model: number of dimensions of the stream.
        n_layers: number of layers.
        n_heads: number of heads of each layer.
        d_head: number of dimensions of a head.
        d_mlp: number of ReLUs of each layer; 0 for attention alone.
        initializer: function of (key, shape, dtype), for shapes (units, inputs), or its name.
    """

    vocabulary: int = static()
    length: int = static()
    d_model: int = static(default=32)
    n_layers: int = static(default=2)
    n_heads: int = static(default=1)
    d_head: int = static(default=16)
    d_mlp: int = static(default=0)
    initializer: Initializer = lecun_normal

    def __call__(self, *, rngs: nnx.Rngs) -> "TransformerModule":
        """The module with fresh parameters."""
        return TransformerModule(self, rngs=rngs)

    def validate(self) -> None:
        """Raise ValueError if a field is out of range."""
        for name in ("vocabulary", "length", "d_model", "n_layers", "n_heads", "d_head"):
            check_integer("Transformer", name, getattr(self, name), minimum=1)
        check_integer("Transformer", "d_mlp", self.d_mlp, minimum=0)
        check_function("Transformer", "initializer", self.initializer)


class TransformerModule(nnx.Module):
    """The `nnx.Module` that a `Transformer` describes. Its activations are, of each layer, the attention `pattern1`
    (head, query, key, batch), what each head adds, `heads1` (head, d_model, position, batch), and the `hidden1`
    (d_model, position, batch) that the layer leaves in the stream; and the `prediction`, logits of the next token at
    each position (vocabulary, position, batch)."""

    def __init__(self, spec: Transformer, *, rngs: nnx.Rngs):
        def matrix(units: int, inputs: int) -> Array:
            return spec.initializer(rngs.params(), (units, inputs), float)

        def of_heads(units: int, inputs: int) -> nnx.Param:
            return nnx.Param(jnp.stack([matrix(units, inputs) for _ in range(spec.n_heads)]))

        m, d = spec.d_model, spec.d_head
        self.n_layers, self.length, self.has_mlp = spec.n_layers, spec.length, spec.d_mlp > 0
        self.E, self.P = nnx.Param(matrix(m, spec.vocabulary)), nnx.Param(matrix(m, spec.length))
        self.U = nnx.Param(matrix(spec.vocabulary, m))
        for layer in range(1, spec.n_layers + 1):
            for name in "QKV":
                setattr(self, f"{name}{layer}", of_heads(d, m))
            setattr(self, f"O{layer}", of_heads(m, d))
            if self.has_mlp:
                setattr(self, f"W_in{layer}", nnx.Param(matrix(spec.d_mlp, m)))
                setattr(self, f"b{layer}", nnx.Param(jnp.zeros(spec.d_mlp)))
                setattr(self, f"W_out{layer}", nnx.Param(matrix(m, spec.d_mlp)))

    @property
    def axes(self) -> dict[str, tuple[str, ...]]:
        """What the axes of parameters and activations are called."""
        named: dict[str, tuple[str, ...]] = {
            "E": ("hidden", "token"),
            "P": ("hidden", "position"),
            "U": ("token", "hidden"),
            "prediction": ("token", "position"),
        }
        for layer in range(1, self.n_layers + 1):
            named |= {f"{name}{layer}": ("head", "dimension", "hidden") for name in "QKV"}
            named |= {
                f"O{layer}": ("head", "hidden", "dimension"),
                f"W_in{layer}": ("neuron", "hidden"),
                f"b{layer}": ("neuron",),
                f"W_out{layer}": ("hidden", "neuron"),
                f"pattern{layer}": ("head", "query", "key"),
                f"heads{layer}": ("head", "hidden", "position"),
                f"hidden{layer}": ("hidden", "position"),
            }
        return named

    def activations(self, tokens: Int[Array, "position batch"]) -> dict[str, Array]:
        """Everything by name.

        Raises:
            ValueError: for more positions than `length`.
        """
        if len(tokens) > self.length:
            raise ValueError(f"A Transformer of length {self.length} was given {len(tokens)} tokens.")
        named: dict[str, Array] = {}
        h = self.E[...][:, tokens] + self.P[...][:, : len(tokens), None]
        for layer in range(1, self.n_layers + 1):
            pattern, added = self._heads(layer, h)
            h = h + added.sum(0)
            if self.has_mlp:
                W_in, b, W_out = (getattr(self, f"{name}{layer}")[...] for name in ("W_in", "b", "W_out"))
                h = h + jnp.tensordot(W_out, jax.nn.relu(jnp.tensordot(W_in, h, 1) + b[:, None, None]), 1)
            named |= {f"pattern{layer}": pattern, f"heads{layer}": added, f"hidden{layer}": h}
        return {**named, "prediction": self.logits(h)}

    def logits(self, h: Float[Array, "d_model ..."]) -> Float[Array, "vocabulary ..."]:
        """U h: what something in the stream, such as what one head adds, does to the logits."""
        return jnp.tensordot(self.U[...], h, 1)

    def copied(self, layer: int) -> Float[Array, "head vocabulary vocabulary"]:
        """U O V E of the heads of a layer, the OV circuit of tokens: what a head that looks at a token (second of the
        last two axes) alone does to the logits (first of them)."""
        out, V = (getattr(self, f"{name}{layer}")[...] for name in "OV")
        return jnp.einsum("vm,nmd,ndw->nvw", self.U[...], out, V @ self.E[...])

    def __call__(self, tokens: Int[Array, "position batch"]) -> Float[Array, "vocabulary position batch"]:
        """The logits of the next token at each position."""
        return self.activations(tokens)["prediction"]

    def _heads(self, layer: int, h: Float[Array, "d_model position batch"]) -> tuple[Array, Array]:
        """Where the heads of a layer look, and what they add."""
        Q, K, V, out = (getattr(self, f"{name}{layer}")[...] for name in "QKVO")
        q, k, v = (jnp.einsum("ndm,mtb->ndtb", M, h) for M in (Q, K, V))
        scores = jnp.einsum("ndqb,ndkb->nqkb", q, k) / Q.shape[1] ** 0.5
        earlier = jnp.tri(h.shape[1], dtype=bool)[None, :, :, None]
        pattern = jax.nn.softmax(scores, axis=2, where=earlier)
        return pattern, jnp.einsum("nmd,ndtb->nmtb", out, jnp.einsum("nqkb,ndkb->ndqb", pattern, v))
