"""Sequences of tokens, labelled with what comes next."""

from typing import Any

import jax
import jax.numpy as jnp
from jaxtyping import Array, Int, PRNGKeyArray

from toymodels.checks import check_integer, check_numbers
from toymodels.features.distributions import Labelled
from toymodels.specifications import specification, static


@specification
class RepeatedSequences:
    """Different tokens in random order, over and over again, with a period that is random from sequence to sequence:
    what comes next is known from what followed the same token before, and not from its place (the test sequences of
    Olsson et al. 2022, with another period in each).

    Labelled is the token that comes next at the last `length` - `longest` positions, all of which have stood before.

    Attributes:
        vocabulary: number of tokens.
        length: of the sequences.
        shortest: least period, at least 2.
        longest: largest period, at most `vocabulary`, and less than `length`.
    """

    vocabulary: int = static(default=10)
    length: int = static(default=12)
    shortest: int = static(default=4)
    longest: int = static(default=8)

    def sample(self, key: PRNGKeyArray, batch_size: int) -> Labelled:
        """Tokens (length, batch), and what comes next at the last of them (length - longest, batch), integers."""
        order, size = jax.random.split(key)
        tokens = _in_random_order(order, self.vocabulary, batch_size)
        period = jax.random.randint(size, (1, batch_size), self.shortest, self.longest + 1)
        whole = jnp.take_along_axis(tokens, jnp.arange(self.length + 1)[:, None] % period, axis=0)
        return Labelled(whole[:-1], whole[self.longest + 1 :])

    def validate(self) -> None:
        """Raise ValueError if a field is out of range."""
        check_integer("RepeatedSequences", "shortest", self.shortest, minimum=2)
        for name, minimum in (("longest", self.shortest), ("vocabulary", self.longest), ("length", self.longest + 1)):
            check_integer("RepeatedSequences", name, getattr(self, name), minimum=minimum)


@specification
class SkipTrigrams:
    """Sequences A ... B -> C: one of `n_keys` tokens A, at 1 to `length` - 2 places among tokens that say nothing, and
    last one of `n_queries` tokens B. What comes next, C, is the answer of number i xor `shift` j to key i and query j.

    Answers are the same ones for all queries: neither A nor B alone tells which it is. With `shift` 1 the trigrams are
    OV-incoherent (Jermyn et al. 2023): what A means depends on B, from which a head looks back, and what a head moves
    from A is the same wherever it looks from. With `shift` 0 they are coherent: A alone tells C. A stands at a random
    number of places, so that a head cannot tell the query by giving A more or less of its attention, unless it gives
    all or nothing.

    Tokens are numbered: keys, queries, answers, and then the `n_others` that say nothing.

    Attributes:
        n_keys: number of tokens A, and of answers, a power of 2.
        n_queries: number of tokens B, at most `n_keys`.
        n_others: number of tokens that say nothing.
        length: of the sequences, at least 3.
        shift: 1, or 0 for coherent trigrams.
    """

    n_keys: int = static(default=8)
    n_queries: int = static(default=3)
    n_others: int = static(default=2)
    length: int = static(default=6)
    shift: Any = 1

    @property
    def vocabulary(self) -> int:
        """Number of tokens."""
        return 2 * self.n_keys + self.n_queries + self.n_others

    def sample(self, key: PRNGKeyArray, batch_size: int) -> Labelled:
        """Tokens (length, batch), and what comes last (1, batch), integers."""
        keys, queries, copies, order, rest = jax.random.split(key, 5)
        earlier = self.length - 1
        A = jax.random.randint(keys, (1, batch_size), 0, self.n_keys)
        B = jax.random.randint(queries, (1, batch_size), 0, self.n_queries)
        count = jax.random.randint(copies, (1, batch_size), 1, earlier)
        here = _in_random_order(order, earlier, batch_size) < count
        others = jax.random.randint(rest, (earlier, batch_size), self.vocabulary - self.n_others, self.vocabulary)
        tokens = jnp.concatenate([jnp.where(here, A, others), self.n_keys + B])
        answer = A ^ (jnp.asarray(self.shift).astype(B.dtype) * B)
        return Labelled(tokens, self.n_keys + self.n_queries + answer)

    def validate(self) -> None:
        """Raise ValueError if a field is out of range."""
        check_integer("SkipTrigrams", "n_keys", self.n_keys, minimum=2)
        if self.n_keys & (self.n_keys - 1):
            raise ValueError(f"n_keys of SkipTrigrams must be a power of 2. Got {self.n_keys}.")
        check_integer("SkipTrigrams", "n_queries", self.n_queries, minimum=1)
        if self.n_queries > self.n_keys:
            raise ValueError(f"n_queries of SkipTrigrams must be at most n_keys, {self.n_keys}. Got {self.n_queries}.")
        check_integer("SkipTrigrams", "n_others", self.n_others, minimum=1)
        check_integer("SkipTrigrams", "length", self.length, minimum=3)
        check_numbers("SkipTrigrams", "shift", self.shift, minimum=0, maximum=1)
        if float(self.shift) % 1:
            raise ValueError(f"shift of SkipTrigrams must be 0 or 1. Got {self.shift}.")


def _in_random_order(key: PRNGKeyArray, count: int, batch_size: int) -> Int[Array, "count batch"]:
    """0 ... count - 1, each column in an order of its own: ranks of draws, without a sort, which compiles slowly."""
    draws, place = jax.random.uniform(key, (count, batch_size)), jnp.arange(count)
    sooner = (place[None] < place[:, None])[:, :, None]
    before = (draws[None] < draws[:, None]) | ((draws[None] == draws[:, None]) & sooner)
    return before.sum(1, dtype=jnp.int32)
