"""What a technique is: a function that returns a claim, and whose argument names say what it sees.

    h         hidden activations (m, samples)
    x         values of the features (n, samples): labels
    forward   function from hidden activations to outputs (outputs, samples)
    encode    function from features to hidden activations
    model     function from features to outputs (outputs, samples): forward and backward passes of the whole model
    graph     every edge that there could be, and switches to cut them: `cases.Switches`
    params    the model's parameters by name
    key       a JAX key; a technique of numpy is given an integer

A technique may be a specification, whose settings are its fields. What it is given are arrays of JAX, unless it is a
`host` technique.
"""

import dataclasses
from collections.abc import Callable, Mapping
from importlib.util import find_spec
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from flax import nnx
from jaxtyping import Array, Float, PRNGKeyArray

from toymodels.arrays import AnyArray
from toymodels.cases import (
    MOST_FEATURES,
    SWITCHED,
    Truth,
    effects_of_patches,
    profiles,
    shapley_values,
    switches,
    true_changes,
    true_effects,
    truth,
    uncompressed,
)
from toymodels.checks import check_function
from toymodels.models.modules import activations, param_state
from toymodels.specifications import specification, static
from toymodels.techniques.claims import (
    Attributions,
    Claim,
    Effects,
    NotApplicableError,
    Profiles,
    Steered,
    VertexEffects,
)
from toymodels.techniques.passes import Passes, counted, passes
from toymodels.techniques.scores import Score, score_of
from toymodels.training.engine.ask import arguments_of, asked

Technique = Callable[..., Claim]

RUNS = ("forward", "encode", "model", "graph")
"""What runs the model."""

SEEN = ("h", "x", *RUNS, "params", "key")


@specification
class Host:
    """A technique that is not of JAX, such as one of scikit-learn: see `host`."""

    function: Technique = static()
    needs: str | None = static(default=None)

    def __call__(self, **seen: Any) -> Claim:
        """The claim."""
        return self.function(**seen)


def host(function: Technique, needs: str | None = None) -> Host:
    """A technique that computes with numpy, model by model. It is given numpy's arrays, and an integer as `key`.

    Args:
        function: the technique.
        needs: a module that must be installed.

    >>> import toymodels as tm
    >>> def axes(h):
    ...     return tm.techniques.Directions(np.eye(len(h)))
    >>> float(tm.techniques.try_on(host(axes), tm.cases.dedicated(4)).score)
    1.0
    """
    check_function("host", "function", function)
    return Host(function, needs)


def access(technique: Technique) -> tuple[str, ...]:
    """What a technique sees, by the names of its arguments."""
    return tuple(name for name in arguments_of(_function(technique)) if name in SEEN)


def check_technique(name: str, technique: Any) -> None:
    """Raise ValueError unless a technique is a function that asks for what there is, and ModuleNotFoundError if a
    module that it needs is not."""
    check_function("score", f"technique {name!r}", _function(technique))
    needs = technique.needs if isinstance(technique, Host) else None
    if isinstance(technique, Host) and (functions := set(RUNS) & set(access(technique))):
        raise ValueError(
            f"Technique {name!r} is a host technique. It cannot ask for {functions.pop()}, which is JAX's."
        )
    if needs is not None and find_spec(needs) is None:
        raise ModuleNotFoundError(
            f"Technique {name!r} needs {needs}, which is not installed. For those of this package, run: pip install "
            "'toymodels[techniques]'",
            name=needs,
        )
    for argument, needed in arguments_of(_function(technique)).items():
        if needed and argument not in SEEN:
            raise ValueError(f"Technique {name!r} has an argument {argument!r}. A technique may see {', '.join(SEEN)}.")


NUMBERS = (*Score._fields, *Passes._fields, "applicable", "n_features", "n_hidden")
"""What `Scored` tells: the score, how often the model was run, whether the technique applied, and sizes."""


NOT_APPLICABLE = (*[np.nan] * (len(NUMBERS) - 3), 0.0)
"""The numbers, without the sizes, of a technique that does not apply."""


@specification
class Scored:
    """The metric that a technique is, together with its score: `NUMBERS`.

    Attributes:
        technique: what is tried.
    """

    technique: Any = static()

    def __call__(self, module: nnx.Module, x: Float[Array, "n samples"], key: PRNGKeyArray) -> Float[Array, " numbers"]:
        """The numbers of one model, NaN where the technique does not apply."""
        named = activations(module, x)
        known = _Known(truth(module), x, named["hidden"])
        seen = {"h": known.h, "x": x, "params": param_state(module), "key": key}
        if isinstance(self.technique, Host):
            told = _on_host(self.technique, seen, known)
        else:
            told = _on_device(self.technique, module, {**seen, **_functions(module)}, known)
        return jnp.append(told, jnp.array([len(x), len(named["hidden"])], float))


def _functions(module: nnx.Module) -> dict[str, Any]:
    """Those of `forward`, `encode`, `model` and `graph` that a module has."""
    functions = {"forward": module.decode} if hasattr(module, "decode") else {}
    functions |= {"encode": _part(module, "hidden"), "model": _part(module, "prediction")}
    return {**functions, "graph": switches(module)} if isinstance(module, SWITCHED) else functions


def _part(module: nnx.Module, name: str) -> Callable[[Array], Array]:
    """One of the module's activations as a function of the features."""
    return lambda x: activations(module, x)[name]


class _Known(NamedTuple):
    """What the score knows of a module, and the technique may not."""

    truth: Truth
    x: AnyArray
    h: AnyArray


def _numbers(
    claim: Any, known: _Known, true: Mapping[str, Any], run: Passes = Passes(0.0, 0.0)
) -> tuple[AnyArray | float, ...]:
    return *score_of(claim, known.truth, known.x, h=known.h, **true), *run, 1.0


def _passes(technique: Technique, seen: Mapping[str, Any]) -> Passes:
    """How often a technique runs the model."""
    if not set(RUNS) & set(access(technique)):
        return Passes(0.0, 0.0)
    samples = seen["x"].shape[-1]
    marked = {name: counted(one, samples) for name, one in seen.items() if name in RUNS and name != "graph"}
    if "graph" in seen:
        marked["graph"] = dataclasses.replace(seen["graph"], wired=counted(seen["graph"].wired, samples))
    return passes(lambda: jax.tree.leaves(vars(asked(technique, {**seen, **marked}))))


def _true_of(claim: Any, module: nnx.Module, known: _Known) -> dict[str, Any]:
    """What is true of a module that a claim of this kind is held against, as arguments of `score_of`."""
    if isinstance(claim, Effects):
        return {"effects": true_effects(module, known.x)}
    if isinstance(claim, VertexEffects):
        graph = uncompressed(module)
        return {"effects": effects_of_patches(graph, known.x, restored=claim.restored, direct=claim.direct)}
    if isinstance(claim, Attributions):
        if len(known.x) > MOST_FEATURES:
            raise NotApplicableError("There are too many features to know the truth.")
        return {"attributions": shapley_values(_part(module, "prediction"), known.x)}
    if isinstance(claim, Profiles):
        return {"profiles": profiles(module)}
    if isinstance(claim, Steered):
        if not isinstance(module, SWITCHED):
            raise NotApplicableError(f"What features do in a {type(module).__name__} is not known.")
        return {"forward": module.decode, "changes": true_changes(module, known.x)}
    return {}


def _on_device(
    technique: Technique, module: nnx.Module, seen: Mapping[str, Any], known: _Known
) -> Float[Array, " numbers"]:
    """The numbers of a technique of JAX's."""
    try:
        missing = [name for name, needed in arguments_of(technique).items() if needed and name not in seen]
        if missing:
            raise NotApplicableError(f"The module has no {missing[0]}.")
        claim = asked(technique, seen)
        numbers = _numbers(claim, known, _true_of(claim, module, known), _passes(technique, seen))
    except NotApplicableError:
        return jnp.array(NOT_APPLICABLE)
    return jnp.stack([jnp.asarray(one, float) for one in numbers])


def _on_host(technique: Host, seen: Mapping[str, Any], known: _Known) -> Float[Array, " numbers"]:
    """The numbers of a technique of numpy's, which the compiled program calls."""
    given = {name: seen[name] for name in access(technique)}
    if "key" in given:
        given["key"] = jax.random.bits(seen["key"], (), jnp.uint32)

    def called(given: Any, known: Any) -> np.ndarray:
        given, known = jax.tree.map(np.asarray, (given, known))
        if "key" in given:
            given["key"] = int(given["key"])
        try:
            numbers = _numbers(technique(**given), known, {})
        except NotApplicableError:
            numbers = NOT_APPLICABLE
        return np.array(numbers, dtype=np.float32)

    shape = jax.ShapeDtypeStruct((len(NOT_APPLICABLE),), np.float32)
    return jax.pure_callback(called, shape, given, known, vmap_method="sequential")


def _function(technique: Any) -> Any:
    return technique.function if isinstance(technique, Host) else technique
