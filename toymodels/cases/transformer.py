"""An induction head: attention of two layers that finds where a token stood before, and says what followed it there,
with weights set by hand."""

from typing import Any, ClassVar

import jax
import jax.numpy as jnp
from flax import nnx
from jaxtyping import Array, Float, Int, PRNGKeyArray

from toymodels.cases import frames
from toymodels.cases.case import Case
from toymodels.cases.graph import Edge, Graph, Vertex
from toymodels.cases.stream import check_n_hidden, stream_frame
from toymodels.checks import check_function, check_integer, check_numbers
from toymodels.features import Labelled
from toymodels.models.functions import Initializer
from toymodels.specifications import specification, static
from toymodels.tasks import Task, cross_entropy


def induction(vocabulary: int = 16, length: int = 17) -> Case:
    """Sequences that repeat a part of themselves, whose next token an induction head knows (Olsson et al. 2022). With
    `compress` its 2 `vocabulary` + `length` named dimensions share fewer: of the 49 of the default sizes, about 40 are
    enough for it to be right nearly always.

    Raises:
        ValueError: for fewer than three tokens or positions.
    """
    return Case(Induction(vocabulary, length), Task(RepeatedTokens(vocabulary, length), loss=cross_entropy))


@specification
class RepeatedTokens:
    """Sequences of tokens: k different ones, and then all over again from a random place after the first. Labelled with
    the token that comes next. k is random, from half of what there is room for on.

    Attributes:
        vocabulary: number of tokens.
        length: of the sequences.
    """

    vocabulary: int = static(default=16)
    length: int = static(default=17)

    def sample(self, key: PRNGKeyArray, batch_size: int) -> Labelled:
        """Tokens (length, batch) and what comes next (batch,), integers."""
        order, count, place = jax.random.split(key, 3)
        tokens = jnp.argsort(jax.random.uniform(order, (self.vocabulary, batch_size)), axis=0)
        most = min(self.vocabulary, self.length - 1)
        k = jax.random.randint(count, (1, batch_size), max(2, most // 2), most + 1)
        period = jax.random.randint(place, (1, batch_size), 1, k)
        position = jnp.arange(self.length + 1)[:, None]
        source = jnp.where(position < k, position, k - period + (position - k) % period)
        whole = jnp.take_along_axis(tokens, source, axis=0)
        return Labelled(whole[:-1], whole[-1])

    def validate(self) -> None:
        """Raise ValueError if a field is out of range."""
        check_integer("RepeatedTokens", "vocabulary", self.vocabulary, minimum=3)
        check_integer("RepeatedTokens", "length", self.length, minimum=3)


@specification
class Induction:
    """A transformer of two heads of attention, one after the other, whose weights are set by hand.

    Its stream has named dimensions: which token stands at a position (one-hot), which position it is, and which token
    stood before. Dimension j is held along column E_j of a frame, as in a `Circuit`, and heads read Eᵀ h.

    1. The previous-token head looks from each position to the one before (`QK1`), and writes its token there (`OV1`).
    2. The induction head looks from the last position to where the previous token is what the last token is (`QK2`),
       and says which token stands there (`OV2`).

    The first position has none before it, and takes its own token for the previous one.

    Attributes:
        vocabulary: number of tokens V.
        length: number of positions T.
        n_hidden: number of dimensions m of the stream, at most 2 V + T; 2 V + T if not given, and then E = 1.
        frame: initializer of E, a function of (key, shape (m, 2 V + T), dtype); a random tight frame by default.
        sharpness: what attention scores and logits are multiplied by.
    """

    vocabulary: int = static(default=16)
    length: int = static(default=17)
    n_hidden: int | None = static(default=None)
    frame: Initializer = static(default=frames.tight)
    sharpness: Any = 10.0

    @property
    def n_held(self) -> int:
        """Number of named dimensions."""
        return 2 * self.vocabulary + self.length

    def __call__(self, *, rngs: nnx.Rngs) -> "InductionModule":
        """The module, with parameters `frame`, `QK1`, `OV1`, `QK2` and `OV2`."""
        return InductionModule(self, rngs=rngs)

    def validate(self) -> None:
        """Raise ValueError if a field is out of range."""
        check_integer("Induction", "vocabulary", self.vocabulary, minimum=3)
        check_integer("Induction", "length", self.length, minimum=3)
        check_function("Induction", "frame", self.frame)
        check_numbers("Induction", "sharpness", self.sharpness)
        check_n_hidden("Induction", self.n_hidden, self.n_held, "named dimensions")


class InductionModule(nnx.Module):
    """The `nnx.Module` that an `Induction` describes. Its activations are the attention of both heads, `previous`
    (from, to, batch) and `induction` (to, batch), the stream between them, `hidden` (m, position, batch), and the
    `prediction`, the logits of the next token (vocabulary, batch)."""

    graph = Graph(
        (
            Vertex("feature", 0, "token"),
            Vertex("feature", 0, "position"),
            Vertex("neuron", 1, "previous token", activation="attention"),
            Vertex("neuron", 2, "same token", activation="attention"),
            Vertex("output", 3, "next token"),
        ),
        tuple(Edge(source, target, 1.0) for source, target in ((0, 2), (1, 2), (0, 3), (2, 3), (0, 4), (3, 4))),
    )
    """Who reads whom; all weights are 1. The previous-token head reads positions (QK1) and tokens (OV1). Where the
    induction head looks, at the "same token", follows from tokens (the queries of QK2) and from previous tokens (its
    keys); the next token from there and from tokens (OV2)."""

    axes: ClassVar = {
        "frame": ("hidden", "named"),
        "QK1": ("query_position", "key_position"),
        "OV1": ("previous_token", "token"),
        "QK2": ("query_token", "key_token"),
        "OV2": ("next_token", "token"),
        "previous": ("query_position", "key_position"),
        "induction": ("key_position",),
        "hidden": ("hidden", "position"),
        "prediction": ("next_token",),
    }

    def __init__(self, spec: Induction, *, rngs: nnx.Rngs):
        V, T, scale = spec.vocabulary, spec.length, jnp.asarray(spec.sharpness, float)
        self.frame = nnx.Param(stream_frame(spec.frame, rngs.params(), spec.n_hidden, spec.n_held))
        self.QK1 = nnx.Param(scale * jnp.eye(T, k=-1))
        self.OV1 = nnx.Param(jnp.eye(V))
        self.QK2 = nnx.Param(scale * jnp.eye(V))
        self.OV2 = nnx.Param(scale * jnp.eye(V))
        self.stops = (V, V + T)

    @property
    def directions(self) -> Float[Array, "m named"]:
        """The directions of the named dimensions in `hidden`: tokens, positions, previous tokens."""
        return self.frame[...]

    def feature_values(self, tokens: Int[Array, "length batch"]) -> Float[Array, "named samples"]:
        """What the named dimensions are to hold, one-hot: which token stands at a position, which position it is, and
        which token stood before. Each position of each sequence is a sample, in the order of `hidden` reshaped to (m,
        samples)."""
        place, before = jnp.arange(len(tokens))[:, None], jnp.concatenate([tokens[:1], tokens[:-1]])
        V, T = len(self.OV1[...]), len(self.QK1[...])
        held = ((tokens, V), (jnp.broadcast_to(place, tokens.shape), T), (before, V))
        return jnp.concatenate([jax.nn.one_hot(one.ravel(), count, axis=0) for one, count in held])

    def one_hot(self, tokens: Int[Array, "length batch"]) -> Float[Array, "n batch"]:
        """Tokens as the samples that its switches (`cases.switches`) take: 1 at [v length + t] where token v stands at
        position t."""
        return jax.nn.one_hot(tokens, len(self.OV1[...]), axis=0).reshape(-1, tokens.shape[-1])

    def activations(self, tokens: Int[Array, "length batch"]) -> dict[str, Array]:
        """Everything by name."""
        token, position, previous = self._parts()
        h = token[:, tokens] + position[:, :, None]
        attention = self._attention(h, position)
        h = h + jnp.tensordot(previous, self._moved(h, attention, token), 1)
        same = self.same(h, token, previous)
        return {"previous": attention, "hidden": h, "induction": same, "prediction": self.next(h, same, token)}

    def decode(self, h: Float[Array, "m length batch"]) -> Float[Array, "vocabulary batch"]:
        """The logits from `hidden`."""
        token, _, previous = self._parts()
        return self.next(h, self.same(h, token, previous), token)

    def __call__(self, tokens: Int[Array, "length batch"]) -> Float[Array, "vocabulary batch"]:
        """The logits from tokens."""
        return self.activations(tokens)["prediction"]

    def before(
        self, h: Float[Array, "m length batch"], token: Float[Array, "m v"], position: Float[Array, "m t"]
    ) -> Float[Array, "v length batch"]:
        """What the previous-token head makes of h: which token stood before, read along columns of a frame."""
        return self._moved(h, self._attention(h, position), token)

    def same(
        self, h: Float[Array, "m length batch"], token: Float[Array, "m v"], previous: Float[Array, "m v"]
    ) -> Float[Array, "length batch"]:
        """Where the last position looks."""
        scores = jnp.einsum("vb,vw,wsb->sb", token.T @ h[:, -1], self.QK2[...], _read(previous, h))
        return jax.nn.softmax(scores, axis=0)

    def next(
        self, h: Float[Array, "m length batch"], same: Float[Array, "length batch"], token: Float[Array, "m v"]
    ) -> Float[Array, "v batch"]:
        """The logits of the token that stands there."""
        return self.OV2[...] @ jnp.einsum("vsb,sb->vb", _read(token, h), same)

    def _parts(self) -> tuple[Array, Array, Array]:
        """The columns of E for tokens, positions and previous tokens."""
        token, position, previous = jnp.split(self.frame[...], self.stops, axis=1)
        return token, position, previous

    def _attention(self, h: Array, position: Array) -> Float[Array, "from to batch"]:
        place, earlier = _read(position, h), jnp.tri(h.shape[1], dtype=bool)
        scores = jnp.einsum("ptb,pq,qsb->tsb", place, self.QK1[...], place)
        return jax.nn.softmax(scores, axis=1, where=earlier[:, :, None])

    def _moved(self, h: Array, attention: Array, token: Array) -> Float[Array, "v length batch"]:
        return jnp.tensordot(self.OV1[...], jnp.einsum("vsb,tsb->vtb", _read(token, h), attention), 1)


def _read(directions: Float[Array, "m k"], h: Float[Array, "m length batch"]) -> Float[Array, "k length batch"]:
    return jnp.einsum("mk,mtb->ktb", directions, h)
