"""Attacks in training: what they do to samples, that norm 0 is none, and what is refused before compilation."""

import functools
from typing import Any

import jax
import jax.numpy as jnp
import jaxtyping
import numpy as np
import optax
import pytest
import xarray as xr
from flax import nnx

import toymodels as tm
from toymodels.analysis import robustness
from toymodels.models import module_with
from toymodels.specifications import with_fields

N, M = 6, 3
MODEL = tm.Autoencoder(N, M)
FEATURES = tm.Independent(N, 0.4)
RECIPE = tm.Recipe(steps=30, batch_size=64, evaluation_samples=256)
RNG = np.random.default_rng(5)
W = RNG.normal(size=(M, N))
B = 0.1 * RNG.normal(size=N)
X = jax.random.uniform(jax.random.key(1), (N, 500))
KEY = jax.random.key(2)


@tm.specification
class Noise:
    """A user's own attack, from the documentation of `toymodels.tasks.attacks`."""

    norm: float = 0.1

    def perturb(self, key: jax.Array, module: nnx.Module, x: jax.Array, loss: Any) -> jax.Array:
        return x + self.norm * jax.random.normal(key, x.shape)


class Doubled:
    """An attack that is not a specification."""

    def perturb(self, key: jax.Array, module: nnx.Module, x: jax.Array, loss: Any) -> jax.Array:
        return 2 * x


@tm.specification
class Shift:
    """An attack that depends on the weights."""

    norm: float = 0.1

    def perturb(self, key: jax.Array, module: Any, x: jax.Array, loss: Any) -> jax.Array:
        return x + self.norm * module.W[0, 0]


class Scale(nnx.Module):
    """A module without `W`."""

    def __init__(self, *, rngs: nnx.Rngs):
        self.scale = nnx.Param(jnp.full((N, 1), 0.5))

    def __call__(self, x: jax.Array) -> jax.Array:
        return self.scale[...] * x


def module() -> nnx.Module:
    return module_with(MODEL, {"W": W, "b": B})


def perturbed(attack: Any, x: jax.Array = X) -> jax.Array:
    return attack.perturb(KEY, module(), x, tm.Task(FEATURES).loss_on)


# --- What the attacks do -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("attack", [tm.FeatureAttack(0.3), tm.GradientAttack(0.3, steps=4)])
def test_steps_have_the_length_relative_to_the_mean_sample(attack: Any):
    lengths = np.linalg.norm(perturbed(attack) - X, axis=0) / np.linalg.norm(X, axis=0).mean()
    assert lengths.max() == pytest.approx(0.3, abs=1e-5)
    if isinstance(attack, tm.FeatureAttack):
        np.testing.assert_allclose(lengths, 0.3, atol=1e-5)


def test_feature_attack_steps_along_the_directions_of_features_chosen_at_random():
    step = np.asarray(perturbed(tm.FeatureAttack(0.3)) - X)
    unit = step / np.linalg.norm(step, axis=0)
    directions = (W.T @ W) / np.linalg.norm(W.T @ W, axis=0)
    cosines = abs(directions.T @ unit)
    np.testing.assert_allclose(cosines.max(0), 1, atol=1e-4)
    counts = np.bincount(cosines.argmax(0), minlength=N)
    # 500 draws of 6: 83 each, standard deviation 8.3
    assert counts.min() > 83 - 5 * 8.3
    assert counts.max() < 83 + 5 * 8.3


def test_feature_attack_does_more_harm_to_its_output_than_any_random_step_of_its_length():
    seen = np.asarray(perturbed(tm.FeatureAttack(0.3)))
    step = seen - np.asarray(X)
    chosen = abs((W.T @ W / np.linalg.norm(W.T @ W, axis=0)).T @ step).argmax(0)
    samples = np.arange(X.shape[1])

    def error(seen: np.ndarray) -> np.ndarray:
        return abs(np.maximum(W.T @ (W @ seen) + B[:, None], 0) - X)[chosen, samples]

    harm = error(seen)
    for number in range(50):
        other = np.random.default_rng(number).normal(size=X.shape)
        other *= np.linalg.norm(step, axis=0) / np.linalg.norm(other, axis=0)
        assert (error(np.asarray(X) + other) <= harm + 1e-5).all()
    assert (error(np.asarray(X) - step) < harm - 1e-3).mean() > 0.5  # the sign matters


def test_gradient_attack_climbs_the_loss_of_the_task():
    task = tm.Task(FEATURES, importance=np.array([5.0, 0, 0, 0, 0, 0]))
    far, near = (tm.GradientAttack(0.3, steps=steps).perturb(KEY, module(), X, task.loss_on) for steps in (20, 1))
    losses = [float(task.loss_on(X, module()(seen))) for seen in (X, near, far)]
    assert losses[0] < losses[1] < losses[2]
    # With one feature of importance, the best step is that of the feature.
    best = tm.FeatureAttack(0.3)
    directions = robustness.attack_directions(jnp.asarray(W, dtype=jnp.float32))[:, [0]]
    length = best.norm * jnp.linalg.norm(X, axis=0).mean()
    errors = [jnp.square(module()(X + sign * length * directions) - X)[0] for sign in (1, -1)]
    bound = 5 * float(jnp.maximum(*errors).mean()) / N
    assert losses[2] <= bound + 1e-5
    assert losses[2] > 0.8 * bound


def test_features_without_a_direction_are_left_alone():
    bare = module_with(MODEL, {"W": np.zeros((M, N)), "b": B})
    for attack in (tm.FeatureAttack(0.3), tm.GradientAttack(0.3)):
        seen = attack.perturb(KEY, bare, X, tm.Task(FEATURES).loss_on)
        assert np.isfinite(seen).all()
    np.testing.assert_array_equal(tm.FeatureAttack(0.3).perturb(KEY, bare, X, tm.Task(FEATURES).loss_on), X)


def test_samples_of_zeros_are_left_alone():
    for attack in (tm.FeatureAttack(0.3), tm.GradientAttack(0.3)):
        np.testing.assert_array_equal(perturbed(attack, jnp.zeros((N, 7))), 0)


# --- In training -------------------------------------------------------------------------------------------------


@pytest.fixture
def as_users_have_it(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without the tests' type checker, which would find some mistakes before the package does."""
    monkeypatch.setattr(jaxtyping.config, "jaxtyping_disable", True)


@functools.cache
def trained(attack: Any) -> tm.Run:
    return tm.train(MODEL, tm.Task(FEATURES, attack=attack), RECIPE, restarts=2)


def assert_same(cell: xr.Dataset, run: tm.Run) -> None:
    """A sweep's cell has the models of a run, whose restarts are sorted."""
    np.testing.assert_allclose(cell.W.values[run.restart], run.W, atol=1e-6)
    np.testing.assert_allclose(cell.loss.values[run.restart], run.loss, atol=1e-6)


@pytest.mark.usefixtures("as_users_have_it")
@pytest.mark.parametrize("attack", [tm.FeatureAttack(0), tm.GradientAttack(0, steps=2)])
def test_norm_0_is_no_attack(attack: Any):
    for name in ("W", "b", "loss", "history"):
        np.testing.assert_allclose(getattr(trained(attack), name), getattr(trained(None), name), atol=1e-6)


@pytest.mark.usefixtures("as_users_have_it")
def test_a_sweep_over_the_norm_is_many_trainings():
    task = tm.Task(FEATURES, attack=tm.FeatureAttack())
    sweep = tm.sweep(MODEL, task, RECIPE, over={"norm": [0.0, 0.5]}, restarts=2)
    assert_same(sweep.sel(norm=0.0), trained(None))
    assert_same(sweep.sel(norm=0.5), trained(tm.FeatureAttack(0.5)))
    assert (sweep.loss.sel(norm=0.5).values > 1.02 * sweep.loss.sel(norm=0.0).values).all()
    assert abs(sweep.W.sel(norm=0.5) - sweep.W.sel(norm=0.0)).max() > 0.01


@pytest.mark.usefixtures("as_users_have_it")
def test_attacks_can_be_swept_over_and_ones_own_is_like_the_others():
    attacks = [None, tm.FeatureAttack(0.5), Noise(0.5)]
    sweep = tm.sweep(MODEL, tm.Task(FEATURES), RECIPE, over={"attack": attacks}, restarts=2)
    for number, attack in enumerate(attacks):
        assert_same(sweep.isel(attack=number), trained(attack))


@pytest.mark.usefixtures("as_users_have_it")
def test_the_samples_of_evaluation_are_attacked_and_their_targets_are_not():
    recipe = tm.Recipe(steps=30, batch_size=64, learning_rate=0, evaluation_samples=2**14)
    run = tm.train(MODEL, tm.Task(FEATURES, attack=Doubled()), recipe)
    x = np.asarray(FEATURES.sample(jax.random.key(7), 2**14))
    output = np.maximum(run.W[0].T @ (run.W[0] @ (2 * x)) + run.b[0][:, None], 0)
    # The mean of 6 * 2^14 squares of standard deviation about .3: error .001
    assert run.loss[0] == pytest.approx(((output - x) ** 2).mean(), abs=0.005)
    np.testing.assert_allclose(run.history[0], run.loss[0], rtol=0.3)
    assert abs(run.loss[0] - ((output - 2 * x) ** 2).mean()) > 0.05


@pytest.mark.usefixtures("as_users_have_it")
def test_nothing_is_differentiated_through_the_attack():
    """One step of gradient descent, against the gradient at the samples that were seen, held fixed."""
    always = tm.Independent(N, 1.0, values=tm.features.Values(lambda u: 0 * u + 0.7))
    task, x = tm.Task(always, attack=Shift(0.4)), jnp.full((N, 8), 0.7)
    recipe = tm.Recipe(
        1, 8, learning_rate=0.1, optimizer=optax.sgd, schedule=tm.training.constant, evaluation_samples=8
    )
    snapshots = tm.train(MODEL, task, recipe, snapshots=[0, 1]).snapshots
    W, step = snapshots["W"][0, 0], (snapshots["W"][0, 1] - snapshots["W"][0, 0]) / -0.1
    seen = x + 0.4 * W[0, 0]

    def loss(W: jax.Array) -> jax.Array:
        return task.loss_on(x, jax.nn.relu(W.T @ (W @ seen)))

    np.testing.assert_allclose(step, jax.grad(loss)(jnp.asarray(W)), atol=1e-5)
    assert abs(step).max() > 0.01


# --- What is refused ---------------------------------------------------------------------------------------------


class Short:
    def perturb(self, key: jax.Array, module: nnx.Module, x: jax.Array, loss: Any) -> jax.Array:
        return x[1:]


class Unready:
    perturb = None


UNTIED = tm.Autoencoder(N, M, tied=False)


@pytest.mark.parametrize(
    ("model", "attack", "words"),
    [
        (MODEL, tm.FeatureAttack, "attack of Task must have a method `perturb"),
        (MODEL, 0.1, "attack of Task must have a method `perturb"),
        (MODEL, jnp.square, "attack of Task must have a method `perturb"),
        (MODEL, Unready(), "attack of Task must have a method `perturb"),
        (
            MODEL,
            with_fields(tm.FeatureAttack(), norm=-0.1),
            "norm of FeatureAttack must be finite and at least 0. Got -0.1",
        ),
        (MODEL, with_fields(tm.FeatureAttack(), norm=np.array([0.1, 0.2])), "norm of FeatureAttack must be one number"),
        (
            MODEL,
            with_fields(tm.GradientAttack(), norm=np.nan),
            "norm of GradientAttack must be finite and at least 0. Got nan",
        ),
        (MODEL, with_fields(tm.GradientAttack(), norm="0.1"), "norm of GradientAttack must be numeric"),
        (
            MODEL,
            with_fields(tm.GradientAttack(), steps=0),
            "steps of GradientAttack must be an integer of at least 1. Got 0",
        ),
        (MODEL, Short(), r"attack of Task must return samples of the shape of x, \(6, 64\). Got \(5, 64\)"),
        (
            Scale,
            tm.FeatureAttack(),
            "attack of Task does not fit the model or the features: .*FeatureAttack needs a tied",
        ),
        (
            UNTIED,
            tm.FeatureAttack(),
            "attack of Task does not fit the model or the features: .*FeatureAttack needs a tied",
        ),
    ],
)
@pytest.mark.usefixtures("as_users_have_it", "nothing_compiled")
@pytest.mark.parametrize("through", ["train", "sweep", "axis"])
def test_bad_attacks_are_refused(model: Any, attack: Any, words: str, through: str):
    task = with_fields(tm.Task(FEATURES), attack=attack)
    calls = {
        "train": lambda: tm.train(model, task, RECIPE),
        "sweep": lambda: tm.sweep(model, task, RECIPE, over={"density": [0.1, 0.2]}),
        "axis": lambda: tm.sweep(model, tm.Task(FEATURES), RECIPE, over={"attack": [None, attack]}),
    }
    with pytest.raises((ValueError, TypeError), match=words):
        calls[through]()


@pytest.mark.usefixtures("as_users_have_it", "nothing_compiled")
def test_a_bad_norm_among_good_ones_is_refused():
    with pytest.raises(ValueError, match=r"norm of FeatureAttack must be finite and at least 0. Got -0.2"):
        tm.sweep(MODEL, tm.Task(FEATURES, attack=tm.FeatureAttack()), RECIPE, over={"norm": [0.1, -0.2]})


@pytest.mark.usefixtures("as_users_have_it")
@pytest.mark.parametrize("model", [Scale, UNTIED])
def test_gradient_attack_takes_any_module(model: Any):
    module = model(rngs=nnx.Rngs(0))
    loss = tm.Task(FEATURES).loss_on
    seen = tm.GradientAttack(0.5).perturb(KEY, module, X, loss)
    assert loss(X, module(seen)) > 1.1 * loss(X, module(X))
