"""Two heads of attention that hold three trigrams per key, with weights set by hand."""

from collections.abc import Mapping

import numpy as np

from toymodels.cases.case import EXACT, Case
from toymodels.checks import check_numbers
from toymodels.features import SkipTrigrams
from toymodels.models import Transformer
from toymodels.tasks import Task, cross_entropy_at_end

LOOKS = np.array([[1, 0, 1], [0, 1, 1]])
"""Whether a head looks at the key, for each query: the last one has both look."""

SAYS = np.array([[1, -1, 1 / 3], [-1, 1, 1 / 3]])
"""What each head then does to the answers of the three queries. Of the sum, (0, 0, 2/3), the last one is the largest,
and of neither head."""


def skip_trigrams(n_keys: int = 8, length: int = 6, sharpness: float = 20.0) -> Case:
    """OV-incoherent skip trigrams in superposition: a `Transformer` of one layer and two heads that answers three
    queries without error. Jermyn et al. 2023 say that two heads are enough; the weights are ours.

    One head looks at the key for the first query, the other one for the second, and both for the third. To the answers
    of the three queries the first head, looking, adds (1, -1, 1/3), and the second one (-1, 1, 1/3), times the
    sharpness s. For the third query each head says the answer of another one, and their sum, (0, 0, 2/3), is right.

    With V tokens the losses are log(1 + exp(-2s) + exp(-2s/3) + (V - 3) exp(-s)) for the first two queries, and
    log(1 + (V - 1) exp(-2s/3)) for the third, but for attention that leaks: a head that looks has attention 1 - length
    exp(-s) or more.

    Raises:
        ValueError: for fewer than four keys, or another number that is not a power of 2.
    """
    check_numbers("skip_trigrams", "sharpness", sharpness, minimum=0)
    if n_keys < 4:
        raise ValueError(f"n_keys of skip_trigrams must be at least 4, so that there are three answers. Got {n_keys}.")
    features = SkipTrigrams(n_keys=n_keys, n_queries=3, length=length)
    V = features.vocabulary
    model = Transformer(V, length, d_model=V, n_layers=1, n_heads=2, d_head=n_keys)
    return Case(model, Task(features, loss=cross_entropy_at_end), EXACT, start=_weights(n_keys, V, length, sharpness))


def _weights(n: int, V: int, length: int, sharpness: float) -> Mapping[str, np.ndarray]:
    """All parameters; the stream has a dimension for each token, in their order: keys, queries, answers, others."""
    keys, queries, answers = np.arange(n), np.arange(n, n + 3), np.arange(n + 3, 2 * n + 3)
    Q, K, values, out = np.zeros((2, n, V)), np.zeros((2, n, V)), np.zeros((2, n, V)), np.zeros((2, V, n))
    Q[:, 0, queries], Q[:, 1, queries] = LOOKS, 1 - LOOKS
    K[:, 0, keys] = K[:, 1, queries] = sharpness * n**0.5  # at keys, or else at the query itself, which says nothing
    values[:, keys, keys] = 1
    for query in range(3):
        out[:, answers[keys ^ query], keys] = sharpness * SAYS[:, query, None]
    U = np.zeros((V, V))
    U[answers, answers] = 1
    return {"E": np.eye(V), "P": np.zeros((V, length)), "U": U, "Q1": Q, "K1": K, "V1": values, "O1": out}
