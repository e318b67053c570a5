"""Views: what techniques may see together of a model, on the same samples."""

from typing import Any

from flax import nnx

from toymodels.cases import SWITCHED, feature_values, switches
from toymodels.models.modules import activations


def views(module: Any, samples: Any) -> tuple[dict[str, Any], ...]:
    """What techniques may ask for, by the names of arguments. One that needs what no view has does not apply.

    A model of features has one view: `h`, `x`, and the functions `forward`, `encode`, `model` and `graph` as far as it
    has them. A model of tokens, whose module has `feature_values`, has two, for neither what it reads nor its stream is
    a vector of features: `h` and `x` of the stream, where each position of each sequence is a sample; and its `graph`,
    whose samples `x` are one-hot tokens.

    Args:
        module: whose truth is known.
        samples: of its task.

    Raises:
        ValueError: where the values of its features are not known.
    """
    h, x = activations(module, samples)["hidden"], feature_values(module, samples)
    graph = {"graph": switches(module)} if isinstance(module, SWITCHED) else {}
    if hasattr(module, "feature_values"):
        stream = {"h": h.reshape(len(h), -1), "x": x}
        return (stream, {"x": module.one_hot(samples), **graph}) if graph else (stream,)
    forward = {"forward": module.decode} if hasattr(module, "decode") else {}
    through = {"encode": _part(module, "hidden"), "model": _part(module, "prediction")}
    return ({"h": h, "x": x, **forward, **through, **graph},)


def _part(module: nnx.Module, name: str) -> Any:
    """One of the module's activations as a function of the features."""
    return lambda x: activations(module, x)[name]
