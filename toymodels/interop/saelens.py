"""Sparse autoencoders to SAELens and back, exactly: `to_saelens(run)` and `from_saelens(sae)`.

| activation here | architecture there | what differs |
|---|---|---|
| `jax.nn.relu` | standard | |
| `TopK(k)` | topk | equal activations are on together here |
| `BatchTopK(k)` | jumprelu, as SAELens itself saves it | comes back as `JumpReLU`, unless it is in training there |
| `JumpReLU()` | jumprelu | `log_threshold` here |
| `Gated()` | gated | `b_enc` is `b_gate` there |
| `MatchingPursuit(k)` | matching_pursuit | without its rules for stopping early |

Samples are rows there: W_enc is (d_in, d_sae), W_dec (d_sae, d_in). Directions have length 1 here. So a dictionary that
comes with others has its lengths taken into activations, encoder, biases and thresholds, as by SAELens' own
`fold_W_dec_norm`: reconstructions stay what they are, and activations are theirs times the lengths.
"""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from safetensors.numpy import load_file

from toymodels import files
from toymodels.arrays import norms, unit_columns
from toymodels.interop.checkpoints import array_of, run_of
from toymodels.interop.libraries import optional
from toymodels.models import SparseAutoencoder
from toymodels.models.sparse_autoencoder import SparseAutoencoderModule
from toymodels.models.sparsity import BatchTopK, Gated, JumpReLU, MatchingPursuit, TopK
from toymodels.training.run import Run

Config = Mapping[str, Any]
State = Mapping[str, Any]
PLAIN = {"normalize_activations": "none", "reshape_activations": "none"}
LEAST = float(np.finfo(np.float32).tiny)


def to_saelens(run: Run, place: int = 0) -> Any:
    """The `sae_lens.SAE` that encodes and decodes as the trained model does: the same activations and reconstructions.

    Args:
        run: of a `SparseAutoencoder`.
        place: which of the restarts, in the order of the run: 0 is the best one.

    Raises:
        ModuleNotFoundError: without SAELens.
        ValueError: for a run of another model, and for what SAELens has no counterpart of.
    """
    torch, sae_lens = optional("torch"), optional("sae_lens")
    config, state = saelens_weights(run, place)
    sae = sae_lens.SAE.from_dict(config)
    sae.load_state_dict({name: torch.from_numpy(value) for name, value in state.items()})
    return sae


def saelens_weights(run: Run, place: int = 0) -> tuple[dict[str, Any], dict[str, np.ndarray]]:
    """What `to_saelens` makes an SAE of, without SAELens: its configuration, and its parameters by SAELens' names.

    `SAE.load_from_disk` reads a folder with the first as `cfg.json` and the second as `sae_weights.safetensors`.

    Args:
        run: of a `SparseAutoencoder`.
        place: which of the restarts, in the order of the run.

    Raises:
        ValueError: as `to_saelens`.
    """
    trained = run.module(place)
    if not isinstance(trained, SparseAutoencoderModule):
        raise ValueError(f"run of to_saelens must be of a SparseAutoencoder. It has {', '.join(run.params)}.")
    module: Any = trained  # with parameters of its activation
    directions = unit_columns(np.asarray(module.W_dec[...]))
    n_inputs, n_units = directions.shape
    encoder = directions.T if module.W_enc is None else np.asarray(module.W_enc[...])
    b_enc = np.zeros(n_units) if module.b_enc is None else np.asarray(module.b_enc[...])
    state = {"W_enc": encoder.T, "b_enc": b_enc, "W_dec": directions.T, "b_dec": np.asarray(module.b_dec[...])}
    architecture, options = "standard", {}
    match module.activation:
        case jax.nn.relu:
            pass
        case TopK(k=k):
            options = {"k": min(int(k), n_units), "rescale_acts_by_decoder_norm": False}
            architecture = "topk"
        case BatchTopK():
            least = np.asarray(module.threshold[...], np.float32)  # on from here: above the number before it
            architecture, state["threshold"] = "jumprelu", np.full(n_units, np.nextafter(least, np.float32(-np.inf)))
        case JumpReLU():
            architecture, state["threshold"] = "jumprelu", np.asarray(jnp.exp(module.log_threshold[...]))
        case Gated():
            architecture, state["b_gate"] = "gated", state.pop("b_enc")
            state |= {name: np.asarray(getattr(module, name)[...]) for name in ("r_mag", "b_mag")}
        case MatchingPursuit(k=k, threshold=threshold):
            if threshold > 0:
                raise ValueError(
                    "SAELens stops matching pursuit at a length of the rest, not at a projection: to_saelens needs "
                    f"MatchingPursuit with threshold=0. Got {threshold}."
                )
            options = {"max_iterations": k, "residual_threshold": 0.0, "stop_on_duplicate_support": False}
            architecture = "matching_pursuit"
            state = {name: state[name] for name in ("W_dec", "b_dec")}
        case other:
            raise ValueError(f"SAELens has no activation {getattr(other, '__name__', other)!r}. {_known()}")
    config = {"architecture": architecture, "d_in": n_inputs, "d_sae": n_units, "dtype": "float32", "device": "cpu"}
    config |= {"apply_b_dec_to_input": True, **PLAIN, **options, "metadata": {}}
    return config, {name: np.array(value, np.float32, order="C") for name, value in state.items()}


def from_saelens(sae: Any) -> Run:
    """A `Run` of one `SparseAutoencoder` with the weights of SAELens. Reconstructions are the same, and activations if
    the rows of W_dec have length 1; else those are SAELens' times the lengths, as after its `fold_W_dec_norm`.

    A `BatchTopK` in training there, Matryoshka or not, becomes `BatchTopK` with its threshold, as SAELens saves it.

    Args:
        sae: a `sae_lens.SAE` or `TrainingSAE`; the folder to which its `save_model` wrote; or a configuration and
            parameters by name, as `saelens_weights` gives them, whose values may be tensors.

    Raises:
        ValueError: for another architecture, and for what would not be the same here: activations that are normalised
            or reshaped, an error term, a choice of the k largest before columns of unequal lengths are scaled, matching
            pursuit that stops early.

    >>> config = {"architecture": "standard", "d_in": 2, "d_sae": 1}
    >>> weights = {"W_enc": [[1.0], [0.0]], "b_enc": [0.5], "W_dec": [[0.0, 2.0]], "b_dec": [0.0, 0.0]}
    >>> from_saelens((config, weights)).module()(jnp.array([[3.0], [7.0]])).ravel().tolist()
    [0.0, 7.0]
    """
    config, state = _read(sae)
    architecture = config.get("architecture", "")
    refusals = [f"{name}={config[name]!r}" for name, wanted in PLAIN.items() if config.get(name, wanted) != wanted]
    if refusals:
        raise ValueError(
            f"from_saelens takes SAEs of activations as they are. This one has {', '.join(refusals)}; a constant "
            "factor can be folded into it by its fold_activation_norm_scaling_factor."
        )
    if architecture not in _MAKERS:
        raise ValueError(f"from_saelens does not know the architecture {architecture!r}. {_known()}")
    weights = _Weights(config, {name: _numbers(value) for name, value in state.items()})
    activation, own, kept = _MAKERS[architecture](weights)
    tied = isinstance(activation, MatchingPursuit)
    params = {"W_dec": weights.directions, "b_dec": weights.b_dec, **own}
    weights.check_all_used()
    n_inputs, n_units = weights.directions.shape
    model = SparseAutoencoder(n_inputs, n_units, activation, tied=tied, bias=not tied)
    one_run = ({name: np.asarray(value)[None] for name, value in group.items()} for group in (params, kept))
    return run_of(model, *one_run)


class _Weights:
    """Parameters by SAELens' names, folded: directions of length 1 and an encoder that sees h - b_dec."""

    def __init__(self, config: Config, state: dict[str, np.ndarray]):
        self.config, self._state, self._used = config, state, {"W_dec", "b_dec"}
        self._centred = config.get("apply_b_dec_to_input", True)
        written = self["W_dec"].T
        self.lengths = norms(written)
        self.lengths = np.where(self.lengths > 0, self.lengths, 1.0)  # a unit that writes nothing stays as it is
        self.directions, self.b_dec = written / self.lengths, self["b_dec"]

    def __getitem__(self, name: str) -> np.ndarray:
        if name not in self._state:
            raise ValueError(f"SAE of from_saelens must have {name}. It has {', '.join(self._state)}.")
        self._used.add(name)
        return self._state[name]

    def k(self) -> float:
        """How many units are on."""
        if "k" not in self.config:
            raise ValueError(f"The configuration of from_saelens must have k. It has {', '.join(self.config)}.")
        return float(self.config["k"])

    def encoder(self) -> np.ndarray:
        """W_enc (k, m)."""
        return self["W_enc"].T * self.lengths[:, None]

    def bias(self, name: str, gain: Any = 1.0) -> np.ndarray:
        """A bias (k,) of what the encoder sees times a gain."""
        centre = 0.0 if self._centred else gain * (self["W_enc"].T @ self.b_dec)
        return (self[name] + centre) * self.lengths

    def whole(self) -> dict[str, np.ndarray]:
        """Encoder and its bias."""
        return {"W_enc": self.encoder(), "b_enc": self.bias("b_enc")}

    def check_order(self) -> None:
        """Raise ValueError if other units are the largest once lengths are folded."""
        if not self.config.get("rescale_acts_by_decoder_norm", False) and not _all_close(self.lengths):
            low, high = self.lengths.min(), self.lengths.max()
            raise ValueError(
                "The k largest activations are chosen before columns are scaled, so lengths cannot be folded: "
                f"from_saelens needs rows of W_dec of one length. They have lengths from {low:.3g} to {high:.3g}."
            )

    def check_all_used(self) -> None:
        """Raise ValueError if a parameter was not understood."""
        left = sorted(set(self._state) - self._used)
        if left:
            raise ValueError(f"from_saelens does not know what {', '.join(left)} mean in this architecture.")


Made = tuple[Any, dict[str, np.ndarray], dict[str, np.ndarray]]
"""The activation, the parameters beside those of the decoder, and other state."""


def _standard(weights: _Weights) -> Made:
    return jax.nn.relu, weights.whole(), {}


def _top_k(weights: _Weights) -> Made:
    weights.check_order()
    return TopK(int(weights.k())), weights.whole(), {}


def _batch_top_k(weights: _Weights) -> Made:
    weights.check_order()
    threshold = weights["topk_threshold"].astype(np.float32)
    if not weights.config.get("rescale_acts_by_decoder_norm", False):
        threshold = threshold * np.float32(weights.lengths[0])
    threshold = np.nextafter(threshold, np.float32(np.inf))  # a unit is on above theirs, and from ours on
    return BatchTopK(weights.k()), weights.whole(), {"threshold": np.asarray(threshold)}


def _jump_relu(weights: _Weights) -> Made:
    # At a threshold of 0 or below, theirs is a ReLU: here, one above the smallest number.
    threshold = np.maximum(weights["threshold"] * weights.lengths, LEAST)
    return JumpReLU(), {**weights.whole(), "log_threshold": np.log(threshold)}, {}


def _gated(weights: _Weights) -> Made:
    r_mag = weights["r_mag"]
    biases = {"b_enc": weights.bias("b_gate"), "b_mag": weights.bias("b_mag", np.exp(r_mag))}
    return Gated(), {"W_enc": weights.encoder(), "r_mag": r_mag, **biases}, {}


def _matching_pursuit(weights: _Weights) -> Made:
    config = weights.config
    if config.get("residual_threshold", 1e-2) > 0 or config.get("stop_on_duplicate_support", True):
        raise ValueError(
            "from_saelens takes matching pursuit that stops after max_iterations only: with residual_threshold=0 and "
            "stop_on_duplicate_support=False."
        )
    if not _all_close(np.append(weights.lengths, 1.0)):
        raise ValueError("from_saelens takes matching pursuit with rows of W_dec of length 1: others cannot be folded.")
    if not config.get("apply_b_dec_to_input", True):
        weights.b_dec = np.zeros_like(weights.b_dec)  # theirs then leaves it out on both sides
    return MatchingPursuit(config.get("max_iterations") or len(weights.b_dec)), {}, {}


_MAKERS = {
    "standard": _standard,
    "topk": _top_k,
    "batchtopk": _batch_top_k,
    "matryoshka_batchtopk": _batch_top_k,
    "jumprelu": _jump_relu,
    "gated": _gated,
    "matching_pursuit": _matching_pursuit,
}


def _read(sae: Any) -> tuple[Config, State]:
    """Configuration and parameters of an object, a folder or a pair."""
    if isinstance(sae, str | Path):
        folder = files.expanded(sae)
        return json.loads(files.read_text(folder / "cfg.json")), load_file(folder / "sae_weights.safetensors")
    if isinstance(sae, tuple):
        return sae
    if getattr(sae, "use_error_term", False):
        raise ValueError("from_saelens takes SAEs without their error term: set sae.use_error_term = False.")
    return sae.cfg.to_dict(), sae.state_dict()


def _numbers(value: Any) -> np.ndarray:
    """Double precision, so that folding rounds once. Numpy does not know all of torch's types."""
    value = value.double() if hasattr(value, "double") else value
    return np.asarray(array_of(value), np.float64)


def _all_close(lengths: np.ndarray) -> bool:
    return bool(np.allclose(lengths, lengths[0], rtol=1e-5, atol=0))


def _known() -> str:
    return f"It is one of {', '.join(_MAKERS)}."
