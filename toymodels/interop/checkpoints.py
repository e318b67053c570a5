"""Weights from PyTorch, and back. Only arrays cross: torch itself is not needed, nor imported.

`run_from` recognises three layouts by the names and shapes of a state dict:

- the notebook released with Elhage et al. 2022: `W` (instances, features, hidden) and `b_final` (instances, features);
- the exercises of ARENA: `W` (instances, hidden, features) and `b_final` (instances, features);
- two `nn.Linear`: `encoder.weight` (hidden, features) and `decoder.weight` (outputs, hidden), with or without biases.

Single models are the same without `instances`. Here W is (restarts, hidden, features), b (restarts, features).
"""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import jax
import numpy as np
from jaxtyping import Array
from safetensors.numpy import load_file

from toymodels.identities import describe
from toymodels.models import Autoencoder, identity
from toymodels.training.run import Run

BIASES = ("b_final", "b")
FIRST, SECOND = ("encoder", "fc1", "0"), ("decoder", "fc2", "2", "1")  # names that people give to the two layers


def run_from(
    weights: Mapping[str, Any] | str | Path,
    *,
    transpose: bool | None = None,
    hidden_activation: Callable[[Array], Array] = identity,
    output_activation: Callable[[Array], Array] = jax.nn.relu,
) -> Run:
    """A `Run` of weights that were trained elsewhere, in their order: for analysis, plots, playback and saving.

    What a state dict does not tell, the activations, is told here. The losses are NaN: `evaluate(run.model, task, run)`
    gives those on a task.

    Args:
        weights: a state dict, whose values may be torch's tensors or arrays; or the path of a safetensors file.
        transpose: whether `W` is (..., features, hidden), as in the released notebook. By default its shape and that
            of the bias decide; where hidden and features are equally many, they cannot.
        hidden_activation, output_activation: of the model.

    Raises:
        ValueError: for names and shapes of none of the three layouts.

    >>> run = run_from({"W": np.ones((10, 5, 2)), "b_final": np.zeros((10, 5))})  # the notebook's
    >>> run.W.shape, run.b.shape
    ((10, 2, 5), (10, 5))
    """
    state = load_file(weights) if isinstance(weights, str | Path) else weights
    arrays = {str(name): array_of(value) for name, value in state.items()}
    params = _of_two_layers(arrays) or _of_one_matrix(arrays, transpose)
    if params is None:
        told = ", ".join(f"{name} {value.shape}" for name, value in arrays.items())
        raise ValueError(f"weights of run_from must have W, or encoder.weight and decoder.weight. Got {told}.")
    n_outputs, (n_hidden, n_features) = params.get("W_out", params["W"].mT).shape[-2], params["W"].shape[-2:]
    model = Autoencoder(
        n_features,
        n_hidden,
        hidden_activation=hidden_activation,
        output_activation=output_activation,
        hidden_bias="b_hidden" in params,
        output_bias="b" in params,
        tied="W_out" not in params,
        n_outputs=None if n_outputs == n_features else n_outputs,
    )
    return run_of(model, params)


def state_dict(run: Run, place: int = 0) -> dict[str, np.ndarray]:
    """The parameters of one model by the names of two `nn.Linear`: `encoder.weight` (hidden, features),
    `decoder.weight` (outputs, hidden), `decoder.bias` (outputs,), and `encoder.bias` (hidden,) where it has one.
    `torch.from_numpy` makes a tensor of each.

    Args:
        run: of an `Autoencoder`, tied or not.
        place: which of the restarts, in the order of the run: 0 is the best one.

    Raises:
        ValueError: for a run of another model.
    """
    known = {"W": "encoder.weight", "W_out": "decoder.weight", "b_hidden": "encoder.bias", "b": "decoder.bias"}
    unknown = [name for name in run.params if name not in known]
    if unknown or "W" not in run.params:
        raise ValueError(f"run of state_dict must be of an Autoencoder. It has {', '.join(run.params)}.")
    params = {name: value[place] for name, value in run.params.items()}
    params.setdefault("W_out", params["W"].T)
    return {known[name]: np.ascontiguousarray(params[name]) for name in known if name in params}


def run_of(model: Any, params: Mapping[str, Any], state: Mapping[str, Any] | None = None) -> Run:
    """A `Run` of parameters and other state by name, each (restarts, ...), without losses."""
    count = len(next(iter(params.values())))
    nothing, empty = np.full(count, np.nan), np.zeros(0, int)
    return Run(
        params={name: np.asarray(value, np.float32) for name, value in params.items()},
        state={name: np.asarray(value, np.float32) for name, value in (state or {}).items()},
        loss=nothing,
        objective=nothing,
        history=np.zeros((count, 0), np.float32),
        history_steps=empty,
        snapshots={},
        snapshot_steps=empty,
        diverged=np.full(count, -1),
        restart=np.arange(count),
        metrics={},
        config={"model": describe(model)},
        seconds=0.0,
        model=model,
    )


def array_of(value: Any) -> np.ndarray:
    """A tensor of torch, on any device and with a gradient or without, or whatever numpy takes."""
    value = value.detach().cpu() if hasattr(value, "detach") else value
    return np.asarray(value, dtype=np.float32)


def _of_two_layers(arrays: Mapping[str, np.ndarray]) -> dict[str, np.ndarray] | None:
    first = next((name for name in FIRST if f"{name}.weight" in arrays), None)
    second = next((name for name in SECOND if f"{name}.weight" in arrays and name != first), None)
    if first is None or second is None:
        return None
    named = {
        "W": f"{first}.weight",
        "W_out": f"{second}.weight",
        "b_hidden": f"{first}.bias",
        "b": f"{second}.bias",
    }
    params = {name: arrays[theirs][None] for name, theirs in named.items() if theirs in arrays}
    if params["W"].shape[-2] != params["W_out"].shape[-1]:
        raise ValueError(
            f"{first} has {params['W'].shape[-2]} outputs and {second} {params['W_out'].shape[-1]} inputs."
        )
    return params


def _of_one_matrix(arrays: Mapping[str, np.ndarray], transpose: bool | None) -> dict[str, np.ndarray] | None:
    if "W" not in arrays:
        return None
    W, bias = arrays["W"], next((arrays[name] for name in BIASES if name in arrays), None)
    if transpose is None:
        transpose = _is_transposed(W, bias)
    W = W.swapaxes(-1, -2) if transpose else W
    if W.ndim not in (2, 3) or (bias is not None and bias.shape != (*W.shape[:-2], W.shape[-1])):
        told = None if bias is None else bias.shape
        raise ValueError(f"W {arrays['W'].shape} and its bias {told} of run_from do not fit together.")
    params = {"W": W} if bias is None else {"W": W, "b": bias}
    return params if W.ndim == 3 else {name: value[None] for name, value in params.items()}


def _is_transposed(W: np.ndarray, bias: np.ndarray | None) -> bool:
    """Whether W is (..., features, hidden), by the number of biases or, without them, since features are more."""
    rows, columns = W.shape[-2:]
    if rows == columns:
        raise ValueError(f"W {W.shape} of run_from is square: say whether to transpose it, transpose=True or False.")
    return rows > columns if bias is None else bias.shape[-1] == rows
