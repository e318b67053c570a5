"""The result of training: a Run."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Float, Int
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save_file


@dataclass(frozen=True)
class Run:
    """Trained models and how they got there. All arrays are numpy's. Restarts are sorted, the best one first.

    Attributes:
        params: parameters by name: `W` (restarts, m, n), `b` (restarts, n) and what else the model has.
        loss: mean task loss on the evaluation sample (restarts,), by which restarts are sorted; NaN for diverged
            models.
        history: mean task loss of the batches of each stretch of training (restarts, stretches).
        history_steps: the number of steps taken at the end of each stretch (stretches,).
        snapshots: parameters by name at `snapshot_steps`, (restarts, snapshots, m, n) and so on; empty if none were
            asked.
        snapshot_steps: the numbers of steps after which they were taken (snapshots,).
        diverged: step at which the loss stopped being finite, -1 for models that are well (restarts,).
        restart: the number of the restart that each model was (restarts,).
        config: readable description of model, task, recipe, seed, versions and device.
        seconds: wall time of the training, compilation included.
    """

    params: dict[str, np.ndarray]
    loss: Float[np.ndarray, " restarts"]
    history: Float[np.ndarray, "restarts stretches"]
    history_steps: Int[np.ndarray, " stretches"]
    snapshots: dict[str, np.ndarray]
    snapshot_steps: Int[np.ndarray, " snapshots"]
    diverged: Int[np.ndarray, " restarts"]
    restart: Int[np.ndarray, " restarts"]
    config: dict[str, Any]
    seconds: float

    @property
    def W(self) -> Float[np.ndarray, "restarts m n"]:
        """The weights; column W[restart, :, i] is the direction of feature i."""
        return self._param("W")

    @property
    def b(self) -> Float[np.ndarray, "restarts n"]:
        """The output bias."""
        return self._param("b")

    def best_params(self) -> dict[str, np.ndarray]:
        """The parameters of the best restart, without the restart axis."""
        return {name: value[0] for name, value in self.params.items()}

    def save(self, path: str | Path) -> None:
        """Write everything to one safetensors file, the description as JSON in its header."""
        arrays = {f"params.{name}": value for name, value in self.params.items()}
        arrays |= {f"snapshots.{name}": value for name, value in self.snapshots.items()}
        arrays |= {name: getattr(self, name) for name in _ARRAYS}
        header = {"config": json.dumps(self.config), "seconds": str(self.seconds), "format": _FORMAT}
        save_file({name: np.ascontiguousarray(value) for name, value in arrays.items()}, path, header)

    @staticmethod
    def load(path: str | Path) -> "Run":
        """Read what `save` wrote.

        Raises:
            ValueError: if the file is damaged or was not written by `Run.save`.
        """
        try:
            with safe_open(path, framework="numpy") as file:
                header = file.metadata() or {}
                arrays = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 (no iterator)
        except SafetensorError as error:
            raise ValueError(f"{path} is damaged or not a safetensors file: {error}") from error
        if header.get("format") != _FORMAT:
            raise ValueError(f"{path} was not written by Run.save (format {header.get('format')!r}).")
        return Run(
            params=_with_prefix(arrays, "params."),
            snapshots=_with_prefix(arrays, "snapshots."),
            config=json.loads(header["config"]),
            seconds=float(header["seconds"]),
            **{name: arrays[name] for name in _ARRAYS},
        )

    def _param(self, name: str) -> np.ndarray:
        if name not in self.params:
            raise AttributeError(f"This model has no parameter {name!r}; it has {', '.join(self.params)}.")
        return self.params[name]


_FORMAT = "toymodels-run-1"
_ARRAYS = ("loss", "history", "history_steps", "snapshot_steps", "diverged", "restart")


def _with_prefix(arrays: dict[str, np.ndarray], prefix: str) -> dict[str, np.ndarray]:
    return {name.removeprefix(prefix): value for name, value in arrays.items() if name.startswith(prefix)}
