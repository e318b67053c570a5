"""Signs that a model was not trained to its end, read off what training gave."""

from collections.abc import Mapping
from typing import Any

import numpy as np
from jaxtyping import Float, Int

from toymodels.identities import from_description
from toymodels.tasks import GeometricImportance

MIN_NORM = 0.5  # of a represented feature, as in `analysis.geometry.represented`
FALLING = 0.05  # of the loss, from the last tenth but one of training to the last
NAMED = 5  # features in a sentence


def doubts(
    history: Float[np.ndarray, " stretches"],
    params: Mapping[str, np.ndarray],
    importance: Float[np.ndarray, " n"],
) -> list[str]:
    """Sentences about one model, none if there is no reason to doubt.

    - Its loss was still falling: the mean over the last tenth of training is more than 5 % below that of the tenth
      before, and by more than three standard errors.
    - Outputs of a tied ReLU model are dead: ‖W_i‖² + b_i <= 0, so that feature i alone never switches its output on,
      and gradient descent does not bring it back.
    - A feature is left out (‖W_i‖ <= 1/2) that is more important than one that is represented.

    Args:
        history: mean loss of the batches of each stretch of training (stretches,).
        params: of one model. Only `W` (m, n) and `b` (n,) are looked at, and for dead outputs only where there is no
            more than these two.
        importance: I_i (n,).

    >>> W, b = np.array([[1.0, 0.0, 0.9]]), np.array([0.0, -0.1, 0.0])
    >>> doubts(np.full(20, 0.1), {"W": W, "b": b}, np.array([1.0, 0.9, 0.81]))
    ['output 1 is dead', 'feature 1 is left out, though feature 2 is less important and represented']
    """
    found = ["the loss was still falling"] if _is_falling(history) else []
    if set(params) == {"W", "b"}:
        W, b = params["W"], params["b"]
        dead = np.flatnonzero((W * W).sum(-2) + b <= 0)
        found += [f"{_numbered('output', dead)} dead"] if len(dead) else []
    if "W" in params and params["W"].ndim == 2 and params["W"].shape[1] == len(importance):
        found += _left_out((params["W"] ** 2).sum(-2) > MIN_NORM**2, importance)
    return found


def _is_falling(history: Float[np.ndarray, " stretches"]) -> bool:
    tenth = len(history) // 10
    if tenth < 2:
        return False
    before, last = history[-2 * tenth : -tenth], history[-tenth:]
    error = np.sqrt((before.var() + last.var()) / tenth)
    return bool(before.mean() - last.mean() > max(FALLING * before.mean(), 3 * error))


def _left_out(represented: np.ndarray, importance: Float[np.ndarray, " n"]) -> list[str]:
    """Features that are not represented, of more importance than the least important one that is."""
    if not represented.any():
        return []
    least = int(np.where(represented, importance, np.inf).argmin())
    out = np.flatnonzero(~represented & (importance > importance[least]))
    if not len(out):
        return []
    return [f"{_numbered('feature', out)} left out, though feature {least} is less important and represented"]


def _numbered(what: str, numbers: Int[np.ndarray, " k"]) -> str:
    """
    >>> _numbered("output", np.array([3])), _numbered("output", np.arange(7))
    ('output 3 is', '7 outputs, 0, 1, 2, 3, 4 and others, are')
    """
    if len(numbers) == 1:
        return f"{what} {numbers[0]} is"
    named = ", ".join(map(str, numbers[:NAMED]))
    return f"{len(numbers)} {what}s, {named}{' and others' if len(numbers) > NAMED else ''}, are"


def importance_of(task: Any, n: int) -> Float[np.ndarray, " n"]:
    """The importance of n features, from the readable description of a task; ones where it does not tell.

    >>> importance_of({"importance": {"type": "GeometricImportance", "decay": 0.5}}, 3).tolist()
    [1.0, 0.5, 0.25]
    """
    try:
        importance = from_description(task["importance"]) if isinstance(task, Mapping) else 1.0
    except (KeyError, ValueError):  # the digest of a large array, say
        return np.ones(n)
    if isinstance(importance, GeometricImportance):
        return float(importance.decay) ** np.arange(n)
    weights = np.asarray(importance, dtype=float)
    return np.broadcast_to(weights, (n,)) if weights.shape in ((), (n,)) else np.ones(n)
