"""The metrics of sweeps that techniques are, together with their scores."""

import dataclasses
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from flax import nnx
from jaxtyping import Array, Float, PRNGKeyArray

from toymodels.cases import (
    MOST_FEATURES,
    Truth,
    effects_of_patches,
    profiles,
    shapley_values,
    true_changes,
    true_effects,
    truth,
    uncompressed,
)
from toymodels.features.distributions import inputs_of
from toymodels.models.modules import param_state
from toymodels.sampling import objective
from toymodels.sampling.chains import Loss
from toymodels.specifications import specification, static
from toymodels.tasks import Task
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
from toymodels.techniques.technique import RUNS, Host, Technique, access, function_of
from toymodels.techniques.views import views
from toymodels.training.engine.ask import arguments_of, asked

NUMBERS = (*Score._fields, *Passes._fields, "applicable", "n_features", "n_hidden")
"""What is told of a technique: the score, how often it ran the model, whether it applied, and sizes."""

HELD_AGAINST: Mapping[type, tuple[str, ...]] = {
    Effects: ("graph",),
    VertexEffects: ("graph",),
    Attributions: ("model",),
    Steered: ("h", "graph"),
}
"""What must be seen of a model, so that what is true of it can be known; of other claims, h."""

NOT_APPLICABLE = (*[np.nan] * (len(NUMBERS) - 3), 0.0)
"""The numbers, without the sizes, of a technique that does not apply."""


@specification
class AllScored:
    """The metric that several techniques are, together with their scores: `NUMBERS` of each.

    Claims of one kind and size are scored by one piece of the program, one after the other, and what they are held
    against is computed once: most of the time of a card goes into compiling.

    Attributes:
        techniques: what is tried, by name: pairs.
        coefficient: the learning coefficient of a module, where it is known; see `cases.Case`.
    """

    techniques: tuple[tuple[str, Any], ...] = static()
    coefficient: Callable[[Any], float] | None = static(default=None)

    def __call__(
        self, module: nnx.Module, x: Any, key: PRNGKeyArray, task: Task | None = None
    ) -> Float[Array, "techniques numbers"]:
        """The numbers of one model, NaN where a technique does not apply. Without a task there is no `loss`."""
        known = truth(module)
        if self.coefficient is not None:
            size = sum(one.size for one in param_state(module).values())
            known = known._replace(learning_coefficient=self.coefficient(module), n_parameters=size)
        samples = jax.tree.leaves(x)[0].shape[-1]
        loss = {} if task is None else {"loss": objective(module, task, samples)}
        told: dict[str, Array] = {}
        for view in views(module, inputs_of(x)):
            seen = {**view, **loss, "params": param_state(module), "key": key}
            left = [(name, one) for name, one in self.techniques if name not in told and _has_what_it_needs(seen, one)]
            told |= _numbers_of(left, seen, module, known)
        sizes = jnp.array(known.directions.shape[::-1], float)
        nothing = jnp.array(NOT_APPLICABLE)
        return jnp.stack([jnp.append(told.get(name, nothing), sizes) for name, _ in self.techniques])


@specification
class Scored:
    """The metric that one technique is.

    Attributes:
        technique: what is tried.
    """

    technique: Any = static()

    def __call__(self, module: nnx.Module, x: Any, key: PRNGKeyArray) -> Float[Array, " numbers"]:
        """The numbers of one model, NaN where the technique does not apply."""
        return AllScored((("it", self.technique),))(module, x, key)[0]


class _Claimed(NamedTuple):
    """What a technique said, and how often it ran the model for it."""

    name: str
    claim: Any
    run: Passes


def _has_what_it_needs(seen: Mapping[str, Any], technique: Technique) -> bool:
    """Whether all is seen that a technique cannot do without."""
    return all(argument in seen for argument, needed in arguments_of(function_of(technique)).items() if needed)


def _numbers_of(
    techniques: Iterable[tuple[str, Technique]], seen: Mapping[str, Any], module: nnx.Module, known: Truth
) -> dict[str, Array]:
    """The numbers, without the sizes, of techniques that see the same."""
    told: dict[str, Array] = {}
    alike: dict[Any, list[_Claimed]] = {}
    for name, technique in techniques:
        if isinstance(technique, Host):
            told[name] = _on_host(technique, seen, known)
        elif (claimed := _claimed(name, technique, seen, known)) is None:
            told[name] = jnp.array(NOT_APPLICABLE)
        else:
            alike.setdefault(_kind(claimed.claim), []).append(claimed)
    for some in alike.values():
        told |= zip((one.name for one in some), _on_device(some, seen, module, known), strict=True)
    return told


def _claimed(name: str, technique: Technique, seen: Mapping[str, Any], known: Truth) -> _Claimed | None:
    """What a technique of JAX's says; None where it does not apply."""
    try:
        claim = asked(technique, seen)
        if not isinstance(claim, Claim):
            score_of(claim, known, seen["x"])  # says what a claim is
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
    marked = {name: counted(one, samples) for name, one in seen.items() if name in ("forward", "encode", "model")}
    if "graph" in seen:
        marked["graph"] = dataclasses.replace(seen["graph"], wired=counted(seen["graph"].wired, samples))
    if "loss" in seen:
        marked["loss"] = _counted_loss(seen["loss"])
    return passes(lambda: jax.tree.leaves(vars(asked(technique, {**seen, **marked}))))


def _counted_loss(loss: Loss) -> Loss:
    """The same loss, which `passes` counts by a parameter: the slope of the loss itself is 1, for many models as for
    one."""

    def marked(params: dict[str, Array], key: PRNGKeyArray) -> Array:
        name, first = next(iter(params.items()))
        one = counted(jnp.ravel, 1)(first).reshape(first.shape)
        return loss({**params, name: one}, key)

    return marked


def _kind(claim: Any) -> Any:
    """What claims have in common that are scored alike: their class, what is fixed in them, and the shapes."""
    fixed, arrays = _parts(claim)
    return type(claim), tuple(fixed.items()), tuple((name, one.shape) for name, one in arrays.items())


def _parts(claim: Any) -> tuple[dict[str, Any], dict[str, Array]]:
    """The fields of a claim that are fixed, and its arrays."""
    fixed = {name: value for name, value in vars(claim).items() if value is None or isinstance(value, bool)}
    return fixed, {name: jnp.asarray(value, float) for name, value in vars(claim).items() if name not in fixed}


def _on_device(some: Sequence[_Claimed], seen: Mapping[str, Any], module: nnx.Module, known: Truth) -> list[Array]:
    """The numbers, without the sizes, of claims that are alike."""
    first: Any = some[0].claim
    kind, fixed = type(first), _parts(first)[0]
    try:
        true = _true_of(first, module, seen)

        def score(arrays: dict[str, Array]) -> Array:
            numbers = score_of(kind(**fixed, **arrays), known, seen["x"], h=seen.get("h"), **true)
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


def _true_of(claim: Any, module: Any, seen: Mapping[str, Any]) -> dict[str, Any]:
    """What is true of a module that a claim of this kind is held against, as arguments of `score_of`.

    Raises:
        NotApplicableError: where it is not known of what was seen.
    """
    for needed in HELD_AGAINST.get(type(claim), ("h",)):
        if needed not in seen:
            raise NotApplicableError(f"{type(claim).__name__} are held against {needed}, which is not there.")
    if isinstance(claim, Effects):
        return {"effects": true_effects(module, seen["x"])}
    if isinstance(claim, VertexEffects):
        graph = uncompressed(module)
        return {"effects": effects_of_patches(graph, seen["x"], restored=claim.restored, direct=claim.direct)}
    if isinstance(claim, Attributions):
        if len(seen["x"]) > MOST_FEATURES:
            raise NotApplicableError("There are too many features to know the truth.")
        return {"attributions": shapley_values(seen["model"], seen["x"])}
    if isinstance(claim, Profiles):
        return {"profiles": profiles(module)}
    if isinstance(claim, Steered):
        return {"forward": module.decode, "changes": true_changes(module, seen["x"])}
    return {}


def _on_host(technique: Host, seen: Mapping[str, Any], known: Truth) -> Float[Array, " numbers"]:
    """The numbers, without the sizes, of a technique of numpy's, which the compiled program calls."""
    given = {name: seen[name] for name in access(technique)}
    if "key" in given:
        given["key"] = jax.random.bits(seen["key"], (), jnp.uint32)

    def called(given: Any, known: Any, x: Any, h: Any) -> np.ndarray:
        given, known, x, h = jax.tree.map(np.asarray, (given, known, x, h))
        if "key" in given:
            given["key"] = int(given["key"])
        try:
            numbers: tuple[Any, ...] = (*score_of(technique(**given), known, x, h=h), 0.0, 0.0, 1.0)
        except NotApplicableError:
            numbers = NOT_APPLICABLE
        return np.array(numbers, dtype=np.float32)

    shape = jax.ShapeDtypeStruct((len(NOT_APPLICABLE),), np.float32)
    return jax.pure_callback(called, shape, given, known, seen["x"], seen.get("h"), vmap_method="sequential")


def _named(name: str, error: Exception) -> Exception:
    """The same error, with the name of the technique."""
    kind = TypeError if isinstance(error, TypeError) else ValueError
    return kind(f"technique {name!r}: {error}")
