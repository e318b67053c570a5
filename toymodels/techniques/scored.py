"""The metrics of sweeps that techniques are, together with their scores."""

import dataclasses
from collections.abc import Callable, Mapping, Sequence
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
from toymodels.techniques.technique import RUNS, Host, Technique, access
from toymodels.training.engine.ask import arguments_of, asked

NUMBERS = (*Score._fields, *Passes._fields, "applicable", "n_features", "n_hidden")
"""What is told of a technique: the score, how often it ran the model, whether it applied, and sizes."""

NOT_APPLICABLE = (*[np.nan] * (len(NUMBERS) - 3), 0.0)
"""The numbers, without the sizes, of a technique that does not apply."""


@specification
class AllScored:
    """The metric that several techniques are, together with their scores: `NUMBERS` of each.

    Claims of one kind and size are scored by one piece of the program, one after the other, and what they are held
    against is computed once: most of the time of a card goes into compiling.

    Attributes:
        techniques: what is tried, by name: pairs.
    """

    techniques: tuple[tuple[str, Any], ...] = static()

    def __call__(
        self, module: nnx.Module, x: Float[Array, "n samples"], key: PRNGKeyArray
    ) -> Float[Array, "techniques numbers"]:
        """The numbers of one model, NaN where a technique does not apply."""
        named = activations(module, x)
        known = _Known(truth(module), x, named["hidden"])
        seen = {"h": known.h, "x": x, "params": param_state(module), "key": key, **_functions(module)}
        told: dict[str, Array] = {}
        alike: dict[Any, list[_Claimed]] = {}
        for name, technique in self.techniques:
            if isinstance(technique, Host):
                told[name] = _on_host(technique, seen, known)
            elif (claimed := _claimed(name, technique, seen, known)) is None:
                told[name] = jnp.array(NOT_APPLICABLE)
            else:
                alike.setdefault(_kind(claimed.claim), []).append(claimed)
        for some in alike.values():
            told |= zip((one.name for one in some), _on_device(some, module, known), strict=True)
        sizes = jnp.array([len(x), len(known.h)], float)
        return jnp.stack([jnp.append(told[name], sizes) for name, _ in self.techniques])


@specification
class Scored:
    """The metric that one technique is.

    Attributes:
        technique: what is tried.
    """

    technique: Any = static()

    def __call__(self, module: nnx.Module, x: Float[Array, "n samples"], key: PRNGKeyArray) -> Float[Array, " numbers"]:
        """The numbers of one model, NaN where the technique does not apply."""
        return AllScored((("it", self.technique),))(module, x, key)[0]


class _Known(NamedTuple):
    """What the score knows of a module, and the technique may not."""

    truth: Truth
    x: AnyArray
    h: AnyArray


class _Claimed(NamedTuple):
    """What a technique said, and how often it ran the model for it."""

    name: str
    claim: Any
    run: Passes


def _functions(module: nnx.Module) -> dict[str, Any]:
    """Those of `forward`, `encode`, `model` and `graph` that a module has."""
    functions = {"forward": module.decode} if hasattr(module, "decode") else {}
    functions |= {"encode": _part(module, "hidden"), "model": _part(module, "prediction")}
    return {**functions, "graph": switches(module)} if isinstance(module, SWITCHED) else functions


def _part(module: nnx.Module, name: str) -> Callable[[Array], Array]:
    """One of the module's activations as a function of the features."""
    return lambda x: activations(module, x)[name]


def _claimed(name: str, technique: Technique, seen: Mapping[str, Any], known: _Known) -> _Claimed | None:
    """What a technique of JAX's says; None where it does not apply."""
    if any(needed and argument not in seen for argument, needed in arguments_of(technique).items()):
        return None  # the module has not what it asks for
    try:
        claim = asked(technique, seen)
        if not isinstance(claim, Claim):
            score_of(claim, known.truth, known.x)  # says what a claim is
        return _Claimed(name, claim, _passes(technique, seen))
    except NotApplicableError:
        return None
    except (TypeError, ValueError) as error:
        raise _named(name, error) from error


def _passes(technique: Technique, seen: Mapping[str, Any]) -> Passes:
    """How often a technique runs the model."""
    if not set(RUNS) & set(access(technique)):
        return Passes(0.0, 0.0)
    samples = seen["x"].shape[-1]
    marked = {name: counted(one, samples) for name, one in seen.items() if name in RUNS and name != "graph"}
    if "graph" in seen:
        marked["graph"] = dataclasses.replace(seen["graph"], wired=counted(seen["graph"].wired, samples))
    return passes(lambda: jax.tree.leaves(vars(asked(technique, {**seen, **marked}))))


def _kind(claim: Any) -> Any:
    """What claims have in common that are scored alike: their class, what is fixed in them, and the shapes."""
    fixed, arrays = _parts(claim)
    return type(claim), tuple(fixed.items()), tuple((name, one.shape) for name, one in arrays.items())


def _parts(claim: Any) -> tuple[dict[str, Any], dict[str, Array]]:
    """The fields of a claim that are fixed, and its arrays."""
    fixed = {name: value for name, value in vars(claim).items() if value is None or isinstance(value, bool)}
    return fixed, {name: jnp.asarray(value, float) for name, value in vars(claim).items() if name not in fixed}


def _on_device(some: Sequence[_Claimed], module: nnx.Module, known: _Known) -> list[Array]:
    """The numbers, without the sizes, of claims that are alike."""
    first: Any = some[0].claim
    kind, fixed = type(first), _parts(first)[0]
    try:
        true = _true_of(first, module, known)

        def score(arrays: dict[str, Array]) -> Array:
            numbers = score_of(kind(**fixed, **arrays), known.truth, known.x, h=known.h, **true)
            return jnp.stack([jnp.asarray(one, float) for one in numbers])

        arrays = [_parts(one.claim)[1] for one in some]
        if len(some) == 1:
            scores = score(arrays[0])[None]
        else:
            scores = jax.lax.map(score, jax.tree.map(lambda *alike: jnp.stack(alike), *arrays))
    except NotApplicableError:
        return [jnp.array(NOT_APPLICABLE) for _ in some]
    except (TypeError, ValueError) as error:
        raise _named(some[0].name, error) from error
    return [jnp.append(score, jnp.array([*one.run, 1.0])) for score, one in zip(scores, some, strict=True)]


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


def _on_host(technique: Host, seen: Mapping[str, Any], known: _Known) -> Float[Array, " numbers"]:
    """The numbers, without the sizes, of a technique of numpy's, which the compiled program calls."""
    given = {name: seen[name] for name in access(technique)}
    if "key" in given:
        given["key"] = jax.random.bits(seen["key"], (), jnp.uint32)

    def called(given: Any, known: Any) -> np.ndarray:
        given, known = jax.tree.map(np.asarray, (given, known))
        if "key" in given:
            given["key"] = int(given["key"])
        try:
            numbers: tuple[Any, ...] = (*score_of(technique(**given), known.truth, known.x, h=known.h), 0.0, 0.0, 1.0)
        except NotApplicableError:
            numbers = NOT_APPLICABLE
        return np.array(numbers, dtype=np.float32)

    shape = jax.ShapeDtypeStruct((len(NOT_APPLICABLE),), np.float32)
    return jax.pure_callback(called, shape, given, known, vmap_method="sequential")


def _named(name: str, error: Exception) -> Exception:
    """The same error, with the name of the technique."""
    kind = TypeError if isinstance(error, TypeError) else ValueError
    return kind(f"technique {name!r}: {error}")
