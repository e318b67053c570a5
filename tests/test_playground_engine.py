"""The playground's training and geometry against the library's."""

import dataclasses
from collections.abc import Callable
from typing import Any

import jax
import numpy as np
import optax
import pytest
from flax import nnx
from playground_engine import engine, packed, trained, unpacked

import toymodels as tm
from toymodels.analysis import geometry
from toymodels.models.modules import param_state
from toymodels.playground.arguments import train_arguments
from toymodels.playground.settings import CHOICES

Specification = tuple[tm.Autoencoder, tm.Task, tm.Recipe]

# --- The same weights and batches give the same steps -----------------------------------------------------------------

AT = (1, 10, 100)
TOLERANCE = {"single": 1e-5, "double": 1e-12}  # the library runs in single precision, the playground in double
STEPS = {
    "defaults": {},
    "three dimensions": {"n": 6, "m": 3, "density": 0.3},
    "many features": {"n": 17, "m": 3, "decay": 0.8, "rate": 0.003},
    "fewer features than dimensions": {"n": 2, "m": 3, "density": 0.5},
    "large rate, small batch": {"n": 7, "rate": 0.03, "batch": 40},
    **{name: {"activation": name, "density": 0.4, "decay": 0.6} for name in CHOICES["activation"]},
}


@pytest.mark.parametrize("precision", TOLERANCE)
@pytest.mark.parametrize("case", STEPS)
def test_steps(case: str, precision: str):
    settings = STEPS[case]
    with jax.enable_x64(precision == "double"):
        assert worst_difference(settings, train_arguments(settings)) < TOLERANCE[precision]


WRONG: dict[str, Callable[[tm.Autoencoder, tm.Task, tm.Recipe], Specification]] = {
    "another b1": lambda model, task, recipe: (model, task, with_adam(recipe, b1=0.91)),
    "another b2": lambda model, task, recipe: (model, task, with_adam(recipe, b2=0.998)),
    "epsilon of some size": lambda model, task, recipe: (model, task, with_adam(recipe, eps=1e-5)),
    "weight decay": lambda model, task, recipe: (model, task, dataclasses.replace(recipe, weight_decay=1e-2)),
    "decaying rate": lambda model, task, recipe: (
        model,
        task,
        dataclasses.replace(recipe, schedule=optax.cosine_decay_schedule),
    ),
    "no importance": lambda model, task, recipe: (model, dataclasses.replace(task, importance=1.0), recipe),
    "another activation": lambda model, task, recipe: (
        dataclasses.replace(model, output_activation=jax.nn.softplus),
        task,
        recipe,
    ),
    "exact GELU": lambda model, task, recipe: (
        dataclasses.replace(model, output_activation=lambda x: jax.nn.gelu(x, approximate=False)),
        task,
        recipe,
    ),
}


@pytest.mark.parametrize("wrong", WRONG)
def test_steps_of_another_library_would_differ(wrong: str):
    settings = {"density": 0.1, "decay": 0.9} | ({"activation": "gelu"} if "GELU" in wrong else {})
    assert worst_difference(settings, WRONG[wrong](*train_arguments(settings))) > 5 * TOLERANCE["single"]


def with_adam(recipe: tm.Recipe, **options: float) -> tm.Recipe:
    return dataclasses.replace(recipe, optimizer=lambda rate: optax.adam(rate, **options))


def worst_difference(settings: dict[str, Any], specification: Specification) -> float:
    """The largest difference of weights and losses between the engine and the library after 1, 10 and 100 steps."""
    model, task, recipe = specification
    random = np.random.default_rng(2)
    draws = random.random((2, max(AT), model.n_features, recipe.batch_size), dtype=np.float32)
    batches = np.where(draws[0] < task.features.density, draws[1], 0)
    params = param_state(model(rngs=nnx.Rngs(2)))
    request = {
        "settings": settings,
        "W": packed(params["W"]),
        "b": packed(params["b"]),
        "batches": [packed(x) for x in batches],
        "at": AT,
    }
    compared = zip(engine("onBatches", request), library_steps(specification, params, batches), strict=True)
    return max(float(abs(unpacked(ours[name]) - theirs[name]).max()) for ours, theirs in compared for name in theirs)


def library_steps(specification: Specification, params: dict[str, jax.Array], batches: np.ndarray) -> list[dict]:
    """W, b and the loss after each number of steps in `AT`."""
    model, task, recipe = specification
    params = {name: value.astype(float) for name, value in params.items()}  # double where that is enabled
    optimizer = recipe.transformation()

    @jax.jit
    def step(params: Any, state: Any, x: jax.Array) -> tuple[Any, Any, jax.Array]:
        loss, gradient = jax.value_and_grad(lambda params: task.loss_on(x, tm.module_with(model, params)(x)))(params)
        updates, state = optimizer.update(gradient, state, params)
        return optax.apply_updates(params, updates), state, loss

    state, seen = optimizer.init(params), []
    for number, x in enumerate(batches, start=1):
        params, state, loss = step(params, state, x)
        if number in AT:
            seen.append({"W": np.ravel(params["W"]), "b": np.asarray(params["b"]), "loss": np.asarray(loss)})
    return seen


# --- Trainer ----------------------------------------------------------------------------------------------------------


def test_initial_weights_are_scaled_normal():
    W = trained({"n": 20, "m": 3}, range(200), steps=0)
    scale = 2 / 60**0.5
    assert abs(W.std() / scale - 1) < 0.03  # 5 standard errors of 12,000 draws
    assert abs(W.mean()) < 5 * scale / 12_000**0.5
    assert abs((W**4).mean() / scale**4 - 3) < 0.45  # the kurtosis, its standard error (96 / 12,000)^.5


def test_same_seed_same_run_and_other_seed_another():
    first, again, other = trained({}, [4, 4, 5], steps=20)
    np.testing.assert_array_equal(first, again)
    assert abs(first - other).max() > 0.1


def test_loss_is_the_mean_of_the_latest_stretch():
    singly = engine("changes", {"settings": {}, "changes": [{"steps": 1}] * 5})
    jointly = engine("changes", {"settings": {}, "changes": [{"steps": 2}, {"steps": 3}]})
    assert [state["step"] for state in jointly] == [2, 5]
    assert jointly[1]["loss"] == pytest.approx(np.mean([state["loss"] for state in singly[2:]]), rel=1e-12)
    assert jointly[1]["W"] == singly[4]["W"]


def test_change_keeps_weights_and_moments():
    before, after, later = engine(
        "changes",
        {"settings": {}, "changes": [{"steps": 30}, {"settings": {"decay": 0.5, "batch": 100}}, {"steps": 1}]},
    )
    assert {**after, "importance": None} == {**before, "importance": None}
    np.testing.assert_allclose(after["importance"], 0.5 ** np.arange(5))
    assert later["step"] == 31
    assert 0 < abs(np.subtract(later["W"], before["W"])).max() < 0.03  # no step of Adam is much longer than the rate


@pytest.mark.parametrize("change", [{"n": 6}, {"m": 3}, {"seed": 1}])
def test_another_size_or_seed_starts_anew(change: dict[str, int]):
    _, after = engine("changes", {"settings": {}, "changes": [{"steps": 30}, {"settings": change}]})
    (fresh,) = engine("changes", {"settings": change, "changes": [{"steps": 0}]})
    assert after == fresh
    assert after["step"] == 0
    assert not any(after["means"])


def test_restart_is_the_same_run_again():
    first, again, reached = engine(
        "changes", {"settings": {}, "changes": [{"steps": 30}, {"restart": True}, {"steps": 30}]}
    )
    assert again["step"] == 0
    assert reached == first


# --- Geometry ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("m", "n"), [(2, 5), (3, 8), (3, 2), (2, 20)])
def test_geometry(m: int, n: int):
    random = np.random.default_rng(n)
    models = random.normal(size=(10, m, n))
    models[0, :, 1] = 0
    models[1] = 0
    requests = [{"W": packed(W), "m": m, "n": n} for W in models]
    for ours, W in zip(engine("geometry", requests), models, strict=True):
        for name in ("gram", "norms", "dimensionality", "interference"):
            np.testing.assert_allclose(ours[name], np.ravel(getattr(geometry, name)(W)), atol=1e-12, rtol=1e-12)
        wanted = float(geometry.dimensions_per_feature(W))
        assert float(ours["dimensions_per_feature"].replace("Infinity", "inf")) == pytest.approx(wanted, rel=1e-12)
