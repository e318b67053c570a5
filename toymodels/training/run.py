"""The result of training: a Run."""

import html
import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from flax import nnx
from jaxtyping import Float, Int
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save

from toymodels import files
from toymodels.identities import from_description
from toymodels.models import module_with
from toymodels.training.doubts import doubts, importance_of


@dataclass(frozen=True, repr=False)
class Run:
    """Trained models and how they got there. All arrays are numpy's. Restarts are sorted, the best one first.

    Attributes:
        params: parameters by name: `W` (restarts, m, n), `b` (restarts, n) and what else the model has.
        state: other state of the modules by name, such as running averages (restarts, ...).
        loss: mean loss of the task on evaluation samples (restarts,); NaN for diverged models.
        objective: what was minimised, the loss with all penalties, on the same samples (restarts,), by which restarts
            are sorted; NaN for diverged models.
        history: mean task loss of the batches of each stretch of training (restarts, stretches).
        history_steps: the number of steps taken at the end of each stretch (stretches,).
        snapshots: parameters by name at `snapshot_steps`, (restarts, snapshots, m, n) and so on; empty if none were
            asked.
        snapshot_steps: the numbers of steps after which they were taken (snapshots,).
        diverged: step at which the loss stopped being finite, -1 for models that are well (restarts,).
        restart: the number of the restart that each model was (restarts,).
        metrics: what was computed from each model, by name (restarts, ...).
        config: readable description of model, task, recipe, seed, versions and device.
        seconds: wall time of the training, compilation included.
        model: what was trained; None in a run that was read from a file, which has its description.
    """

    params: dict[str, np.ndarray]
    state: dict[str, np.ndarray]
    loss: Float[np.ndarray, " restarts"]
    objective: Float[np.ndarray, " restarts"]
    history: Float[np.ndarray, "restarts stretches"]
    history_steps: Int[np.ndarray, " stretches"]
    snapshots: dict[str, np.ndarray]
    snapshot_steps: Int[np.ndarray, " snapshots"]
    diverged: Int[np.ndarray, " restarts"]
    restart: Int[np.ndarray, " restarts"]
    metrics: dict[str, np.ndarray]
    config: dict[str, Any]
    seconds: float = field(compare=False)
    model: Any = None

    def __repr__(self) -> str:
        (what, how), shapes = self._summary(), ", ".join(f"{name} {one.shape}" for name, one in self.params.items())
        doubts = "; ".join(self.doubts())
        return f"Run of {what}: {how}\n  {shapes}" + (f"\n  Trained to the end? {doubts}." if doubts else "")

    def _repr_html_(self) -> str:
        """What a notebook shows."""
        what, how = map(html.escape, self._summary())
        rows = "".join(
            f"<tr><td>{html.escape(name)}</td><td>{one.shape}</td></tr>" for name, one in self.params.items()
        )
        doubts = html.escape("; ".join(self.doubts()))
        end = f"Trained to the end? {doubts}." if doubts else ""
        return f"<div><b>Run</b> of <code>{what}</code><br>{how}<table>{rows}</table>{end}</div>"

    def doubts(self, place: int = 0) -> list[str]:
        """Signs that a model was not trained to its end, as sentences: a loss that was still falling, dead outputs, and
        features that are left out although less important ones are represented; see `training.doubts`.

        Args:
            place: which of the restarts, in the order of the run: 0 is the best one.
        """
        params = {name: value[place] for name, value in self.params.items()}
        n_features = np.shape(params.get("W", np.zeros((0, 0))))[-1]
        return doubts(self.history[place], params, importance_of(self.config.get("task"), n_features))

    @property
    def W(self) -> Float[np.ndarray, "restarts m n"]:
        """The weights; column W[restart, :, i] is the direction of feature i."""
        return self._param("W")

    @property
    def b(self) -> Float[np.ndarray, "restarts n"]:
        """The output bias."""
        return self._param("b")

    @property
    def final_loss(self) -> Float[np.ndarray, " restarts"]:
        """The last entry of the loss history; NaN for parameters that were not trained here."""
        return self.history[:, -1] if self.history.shape[1] else np.full(len(self.loss), np.nan)

    def module(self, place: int = 0, model: Any = None) -> nnx.Module:
        """A trained model that can be called: x (n, batch) -> prediction, in evaluation mode.

        Args:
            place: which of the restarts, in the order of the run: 0 is the best one.
            model: what was trained, where a file's description cannot say it: a function of your own without a name,
                or one that is not to be found where it was defined.

        Raises:
            ValueError: if the description cannot be read back, or does not fit the parameters.
        """
        model = self.model if model is None else model
        if model is None:
            model = from_description(self.config["model"])
        params, state = ({name: value[place] for name, value in one.items()} for one in (self.params, self.state))
        return module_with(model, params, state)

    def best_params(self) -> dict[str, np.ndarray]:
        """The parameters of the best restart, without the restart axis."""
        return {name: value[0] for name, value in self.params.items()}

    def save(self, path: str | Path) -> None:
        """Write everything to one safetensors file, the description as JSON in its header."""
        arrays = {f"{group}.{name}": value for group in _GROUPS for name, value in getattr(self, group).items()}
        arrays |= {name: getattr(self, name) for name in _ARRAYS}
        header = {"config": json.dumps(self.config), "seconds": str(self.seconds), "format": _FORMAT}
        files.write_bytes(path, save({name: np.ascontiguousarray(value) for name, value in arrays.items()}, header))

    @staticmethod
    def load(path: str | Path) -> "Run":
        """Read what `save` wrote.

        Raises:
            ValueError: if the file is damaged or was not written by `Run.save`.
        """
        try:
            with safe_open(files.expanded(path), framework="numpy") as file:
                header = file.metadata() or {}
                arrays = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 (no iterator)
        except SafetensorError as error:
            raise ValueError(f"{path} is damaged or not a safetensors file: {error}") from error
        if header.get("format") != _FORMAT:
            raise ValueError(f"{path} was not written by Run.save (format {header.get('format')!r}).")
        groups: dict[str, Any] = {group: _with_prefix(arrays, f"{group}.") for group in _GROUPS}
        return Run(
            **groups,
            config=json.loads(header["config"]),
            seconds=float(header["seconds"]),
            **{name: arrays[name] for name in _ARRAYS},
        )

    def _summary(self) -> tuple[str, str]:
        """What was trained, and how it went."""
        what = self.config["model"]["type"] if self.model is None else repr(self.model)
        bad, count = int((self.diverged >= 0).sum()), len(self.loss)
        best = f"{'best ' if count > 1 else ''}loss {self.loss[0]:.3g}" if np.isfinite(self.loss[0]) else "no loss"
        diverged = f", {bad} diverged" if bad else ""
        restarts = f"{count} restart{'s' if count > 1 else ''}"
        steps = f", {self.history_steps[-1]:,} steps, {self.seconds:.1f} s" if len(self.history_steps) else ""
        return what, f"{restarts}, {best}{diverged}{steps}"

    def _param(self, name: str) -> np.ndarray:
        if name not in self.params:
            raise AttributeError(f"This model has no parameter {name!r}; it has {', '.join(self.params)}.")
        return self.params[name]


_FORMAT = "toymodels-run-2"
_GROUPS = ("params", "state", "snapshots", "metrics")
_ARRAYS = ("loss", "objective", "history", "history_steps", "snapshot_steps", "diverged", "restart")


def _with_prefix(arrays: dict[str, np.ndarray], prefix: str) -> dict[str, np.ndarray]:
    return {name.removeprefix(prefix): value for name, value in arrays.items() if name.startswith(prefix)}
