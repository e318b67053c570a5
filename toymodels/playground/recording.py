"""Trained runs as recordings, which the playground plays back."""

from collections.abc import Mapping
from typing import Any

import numpy as np
from jaxtyping import Float, Int

from toymodels.training import Run
from toymodels.training.doubts import importance_of

Recording = dict[str, Any]
DIGITS = 6  # significant ones: float32 has about seven


def record(run: Run, restart: int = 0) -> Recording:
    """What the playground needs to play back one restart of a run: its snapshots and last its final weights.

    W is that of the hidden layer, whatever else the model has; the title names the parameters that are not shown.

    Args:
        run: a trained model in two or three hidden dimensions, that is with a parameter `W` (restarts, m, n).
        restart: its place among the restarts; 0 is the best.

    Returns:
        A dict that JSON can hold, k being the number of moments:

        - `title`: what was trained;
        - `steps` [k]: the numbers of steps taken;
        - `W` [k][m][n] and `b` [k][n], zeros if the model has no output bias;
        - `loss` [k]: the mean loss over the stretch of the run's history in which each moment lies; None if it has no
          history;
        - `importance` [n]: ones if the run does not tell;
        - `activation`: the name of the output's, "unknown" if the run does not tell.

    Raises:
        ValueError: if there is no `W`, if m is neither 2 nor 3, if there are not as many outputs as features, if there
            is no such restart, or if it diverged.
        TypeError: if `run` is not a Run.
    """
    _validate(run, restart)
    steps, W = _moments(run, "W", restart)
    n = W.shape[-1]
    b = _moments(run, "b", restart)[1] if "b" in run.params else np.zeros((len(steps), n))
    for name, values in (("W", W), ("b", b)):
        if not np.isfinite(values).all():
            raise ValueError(f"restart {restart} of the run has NaN or infinite numbers in {name}; take another one.")
    return {
        "title": _title(run, restart, W.shape[1:]),
        "steps": steps.tolist(),
        "W": _rounded(W),
        "b": _rounded(b),
        "loss": _losses(run, restart, steps),
        "importance": _rounded(importance_of(run.config.get("task"), n)),
        "activation": _activation(run.config.get("model")),
    }


def _validate(run: Run, restart: int) -> None:
    """Raise ValueError or TypeError if there is nothing to play back."""
    if not isinstance(run, Run):
        raise TypeError(f"run must be a Run, as train returns it. Got {run!r}.")
    if "W" not in run.params:
        raise ValueError(f"run must have a parameter W, (restarts, m, n). It has {', '.join(run.params) or 'none'}.")
    shape = run.params["W"].shape
    if len(shape) != 3 or shape[1] not in (2, 3):
        raise ValueError(
            f"run must have two or three hidden dimensions: W (restarts, m, n) with m of 2 or 3. Its W is {shape}."
        )
    if "b" in run.params and run.b.shape != (shape[0], shape[2]):
        raise ValueError(
            f"run must have as many outputs as features, b (restarts, {shape[2]}). Its b is {run.b.shape}."
        )
    if isinstance(restart, bool) or not isinstance(restart, int | np.integer) or not 0 <= restart < shape[0]:
        raise ValueError(f"restart must be an integer from 0, the best, to {shape[0] - 1}. Got {restart!r}.")
    if run.diverged[restart] >= 0:
        well = np.flatnonzero(run.diverged < 0)
        others = f"take one from 0 to {well[-1]}" if len(well) else "there is none that did not"
        raise ValueError(f"restart {restart} of the run diverged at step {run.diverged[restart]}; {others}.")


def _moments(run: Run, name: str, restart: int) -> tuple[Int[np.ndarray, " k"], Float[np.ndarray, "k ..."]]:
    """Numbers of steps, and the parameter after each: the snapshots, and the final one if none was taken then."""
    steps, values = np.asarray(run.snapshot_steps, dtype=int), run.params[name][restart][None].astype(float)
    last = int(run.history_steps[-1]) if len(run.history_steps) else int(steps.max(initial=0))
    if name not in run.snapshots:
        return np.array([last]), values
    earlier = steps != last
    return np.append(steps[earlier], last), np.concatenate([run.snapshots[name][restart][earlier], values])


def _losses(run: Run, restart: int, steps: Int[np.ndarray, " k"]) -> list[float] | None:
    """The mean loss of the stretch in which each step lies; step 0 is in the first one."""
    if not len(run.history_steps):
        return None
    return _rounded(run.history[restart][np.searchsorted(run.history_steps, steps)])


def _activation(model: Any) -> str:
    """The name of the output's activation, from the description of a model."""
    described = model.get("output_activation") if isinstance(model, Mapping) else None
    name = described.rpartition(".")[2] if isinstance(described, str) else ""
    return {"identity": "linear"}.get(name, name if name.isidentifier() else "unknown")


def _title(run: Run, restart: int, shape: tuple[int, ...]) -> str:
    """What was trained, in words."""
    m, n = shape
    restarts = len(run.W)
    which = f"the best of {restarts} restarts" if restart == 0 else f"restart {restart} of 0 to {restarts - 1}"
    parts = [f"{n} features in {m} dimensions", which if restarts > 1 else "", f"loss {run.loss[restart]:.3g}"]
    others = sorted(set(run.params) - {"W", "b"})
    return ", ".join(filter(None, parts)) + (f" (not shown: {', '.join(others)})" if others else "")


def _rounded(values: Any) -> Any:
    """Nested lists of the numbers with as many digits as matter, which make a short JSON."""
    values = np.asarray(values, dtype=float)
    return np.array([float(f"{value:.{DIGITS}g}") for value in values.flat]).reshape(values.shape).tolist()
