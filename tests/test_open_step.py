"""What a user may bring to a training: losses, penalties, data, noise, state, starts, optimisers, models, samples."""

from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from flax import nnx

import toymodels as tm
from toymodels.features import epochs, full_batch
from toymodels.specifications import with_fields
from toymodels.training import constant
from toymodels.training.engine import machine

pytestmark = pytest.mark.slow  # each test compiles programs of its own, a hundred seconds of two cores in all

MODEL = tm.Autoencoder(5, 2)
FEATURES = tm.Independent(5, 0.3)
TASK = tm.Task(FEATURES)
RECIPE = tm.Recipe(steps=20, batch_size=64, evaluation_samples=128)
PENTAGON = np.stack([f(2 * np.pi * np.arange(5) / 5) for f in (np.cos, np.sin)])


def by_restart(run: tm.Run, values: np.ndarray) -> np.ndarray:
    """Values in the order of the restarts' numbers."""
    return values[np.argsort(run.restart)]


def assert_cells_are_runs(model: Any, task: tm.Task, recipe: tm.Recipe, over: dict, configured: Callable) -> Any:
    """Each cell of a sweep in one program has the numbers of a run with its configuration."""
    (name, values) = next(iter(over.items()))
    grid = tm.sweep(model, task, recipe, over=over, restarts=2)
    for value in values:
        run = tm.train(*configured(value), restarts=2, history=20)
        cell = grid.sel({name: value})
        for variable in ("loss", "objective", "history"):
            got = by_restart(run, getattr(run, variable))
            np.testing.assert_allclose(cell[variable], got, rtol=2e-5, atol=1e-7)
    assert len(np.unique(grid.loss.isel(restart=0).values.round(7))) == len(values)
    return grid


# --- Losses ------------------------------------------------------------------------------------------------------


def test_the_power_of_the_loss_is_swept_in_one_program():
    task = replace(TASK, loss=tm.PowerLoss(2.0))
    grid = assert_cells_are_runs(
        MODEL, task, RECIPE, {"q": [2.0, 3.0, 4.0]}, lambda q: (MODEL, replace(TASK, loss=tm.PowerLoss(q)), RECIPE)
    )
    np.testing.assert_allclose(
        grid.history.sel(q=2), tm.sweep(MODEL, TASK, RECIPE, over={}, restarts=2).history, rtol=1e-4
    )


def test_powers_of_errors_by_hand():
    errors = tm.PowerLoss(4.0)(jnp.array([[1.0, -2.0]]), jnp.array([[0.5, 1.0]]))
    np.testing.assert_allclose(errors, [[0.5**4, 3.0**4]], rtol=1e-5)


@pytest.mark.parametrize("q", [1.0, 1.5, 4.0])
def test_gradients_of_powers_are_finite_where_nothing_is_wrong(q: float):
    gradient = jax.grad(lambda x: tm.PowerLoss(q)(x, jnp.ones((1, 2))).sum())(jnp.array([[1.0, 3.0]]))
    np.testing.assert_allclose(gradient, [[0, q * 2 ** (q - 1)]], rtol=1e-5)


def test_the_l4_loss_spreads_errors_over_features():
    """With one of two features in one dimension, the squared error leaves one out; L^4 halves both errors at p = 1."""
    task = tm.Task(tm.Independent(2, 1.0), loss=tm.PowerLoss(4.0))
    model, recipe = tm.Autoencoder(2, 1, output_activation=tm.identity), tm.Recipe(steps=600, batch_size=256)
    run = tm.train(model, task, recipe, restarts=4)
    assert (run.W[0] ** 2).min() > 0.2


class Tokens:
    """Pairs of tokens below n, and as label the first one plus the second one, modulo n."""

    def __init__(self, n: int):
        self.n = n

    def sample(self, key: jax.Array, batch_size: int) -> tm.Labelled:
        tokens = jax.random.randint(key, (2, batch_size), 0, self.n)
        return tm.Labelled(tokens, tokens.sum(0) % self.n)


class TwoLayers(nnx.Module):
    """Embeds tokens, and computes logits with one hidden layer."""

    def __init__(self, n: int, width: int, *, rngs: nnx.Rngs):
        self.embedding = nnx.Param(jax.random.normal(rngs.params(), (2, width, n)))
        self.W = nnx.Param(jax.random.normal(rngs.params(), (n, width)) / width**0.5)
        self.axes = {"W": ("class", "unit")}

    def activations(self, x: jax.Array) -> dict[str, jax.Array]:
        hidden = nnx.relu(self.embedding[...][0][:, x[0]] + self.embedding[...][1][:, x[1]])
        return {"hidden": hidden, "prediction": self.W[...] @ hidden}


def test_two_layers_on_tokens_with_cross_entropy():
    task = tm.Task(Tokens(5), loss=tm.cross_entropy)
    recipe = tm.Recipe(steps=300, batch_size=128, evaluation_samples=1024)
    run = tm.train(partial(TwoLayers, 5, 32), task, recipe, restarts=2)
    np.testing.assert_allclose(run.history[:, 0], np.log(5), atol=1.0)
    assert run.loss[0] < 0.05
    x = Tokens(5).sample(jax.random.key(1), 200)
    logits = run.module().activations(x.input)["prediction"]
    assert (np.argmax(logits, 0) == x.label).mean() > 0.98


def test_cross_entropy_is_optaxs():
    logits, labels = (
        jax.random.normal(jax.random.key(0), (4, 3, 7)),
        jax.random.randint(jax.random.key(1), (3, 7), 0, 4),
    )
    wanted = optax.softmax_cross_entropy_with_integer_labels(logits, labels, axis=0)
    np.testing.assert_allclose(tm.cross_entropy(logits, labels), wanted, rtol=1e-5)


@pytest.mark.parametrize(
    ("task", "message"),
    [
        (replace(TASK, loss=tm.cross_entropy), "loss of Task, called as .* cross_entropy needs integer labels"),
        (replace(TASK, loss=lambda prediction: prediction), "loss of Task, called as .* failed: TypeError"),
        (
            with_fields(TASK, loss=with_fields(tm.PowerLoss(), q=0.5)),
            "q of PowerLoss must be finite and at least 1. Got 0.5.",
        ),
        (
            replace(TASK, loss=lambda p, w: (p - w).sum(0), importance=np.ones(5)),
            "importance of Task must be one number",
        ),
        (replace(TASK, evaluation=tm.Independent(4)), r"model does not take features of shape \(4, 64\)"),
    ],
)
def test_what_does_not_fit_is_said_before_compilation(task: tm.Task, message: str, nothing_compiled: None):
    with pytest.raises(ValueError, match=message):
        tm.train(MODEL, task, RECIPE)


# --- Penalties ---------------------------------------------------------------------------------------------------


def test_strengths_of_penalties_are_swept_and_add_to_the_objective():
    def task(strength: float) -> tm.Task:
        return replace(TASK, penalties=(tm.HiddenL1(0.05), tm.WeightL2(strength), lambda b: 0.5 * jnp.square(b).sum()))

    grid = assert_cells_are_runs(
        MODEL,
        task(0.0),
        RECIPE,
        {"penalties[1].strength": [0.0, 0.1, 1.0]},
        lambda strength: (MODEL, task(strength), RECIPE),
    )
    extra = 0.5 * (grid.b**2).sum("feature") + grid["penalties[1].strength"] * (grid.W**2).sum(("hidden", "feature"))
    hidden = grid.objective - grid.loss - extra
    keys = jax.random.split(jax.random.key(0), 3)
    batches = [FEATURES.sample(jax.random.fold_in(keys[2], number), 64) for number in range(2)]
    h = np.stack([np.abs(grid.W.values @ np.asarray(x)).sum(-2).mean(-1) for x in batches]).mean(0)
    np.testing.assert_allclose(hidden, 0.05 * h, rtol=1e-4, atol=1e-6)


def test_restarts_are_ranked_by_what_was_minimised():
    task = replace(TASK, penalties=(lambda W, key: 3 * jnp.abs(W).sum(),))
    run = tm.train(MODEL, task, tm.Recipe(steps=2, batch_size=64, evaluation_samples=128), restarts=12)
    assert (np.diff(run.objective) > 0).all()
    assert (np.diff(run.loss) < 0).any()
    grid = tm.sweep(MODEL, task, tm.Recipe(steps=2, batch_size=64, evaluation_samples=128), over={}, restarts=12)
    assert int(tm.sweeps.best(grid).restart) == run.restart[0] != np.argmin(grid.loss.values)


def test_penalties_of_weights_by_hand():
    params = {"W": jnp.array([[1.0, -2.0]]), "V": jnp.array([3.0])}
    assert float(tm.WeightL1(0.5, ("W", "V"))(params)) == 3
    assert float(tm.WeightL2(0.5)(params)) == 2.5
    assert float(tm.HiddenL1(2.0)({"hidden": jnp.array([[1.0, -1.0], [2.0, 0.0]])})) == 4


# --- Data --------------------------------------------------------------------------------------------------------

DATA = tm.DrawnDataset(FEATURES, 12)


def test_a_data_set_is_drawn_from_the_seed_and_shared_by_restarts():
    seen: list[Any] = []
    same = tm.Autoencoder(5, 2, initializer=jax.nn.initializers.constant(0.3))
    grid = tm.sweep(same, tm.Task(DATA), RECIPE, over={"seed": [0, 1, 7]}, restarts=3)
    first = grid.history.isel(step=0)
    assert (first == first.isel(restart=0)).all()
    assert len(set(first.isel(restart=0).values.tolist())) == 3
    for seed in (0, 7):
        data_key = jax.random.split(jax.random.key(seed), 3)[1]
        x = np.asarray(FEATURES.sample(jax.random.fold_in(data_key, 2**32 - 1), 12))
        W = np.full((2, 5), 0.3)
        seen.append(np.mean((x - np.maximum(0, W.T @ W @ x)) ** 2))
    np.testing.assert_allclose(first.isel(restart=0).sel(seed=[0, 7]), seen, rtol=1e-5)


@pytest.mark.parametrize("batches", [full_batch, epochs])
def test_a_data_set_is_evaluated_on_each_sample_once(batches: Any):
    samples = np.random.default_rng(0).uniform(size=(5, 150))  # 64 + 64 + 22
    run = tm.train(MODEL, tm.Task(tm.Dataset(samples, batches)), RECIPE, restarts=2)
    for place in range(2):
        wanted = np.mean((samples - np.asarray(run.module(place)(jnp.asarray(samples)))) ** 2)
        assert run.loss[place] == pytest.approx(wanted, rel=1e-5)


def test_a_test_loss_beside_a_training_set_of_several_sizes():
    """Few samples are memorised: the training loss is small and the test loss is not; many are alike."""
    features = tm.Independent(8, 0.2)
    task = tm.Task(tm.DrawnDataset(features, 4), evaluation=features)
    recipe = tm.Recipe(steps=400, batch_size=64, evaluation_samples=4096)
    grid = tm.sweep(tm.Autoencoder(8, 3), task, recipe, over={"n_samples": [4, 1000]}, restarts=2)
    few, many = grid.sel(n_samples=4), grid.sel(n_samples=1000)
    assert (few.final_loss < 0.3 * few.loss).all()
    np.testing.assert_allclose(many.final_loss, many.loss, rtol=0.15)
    assert (many.loss < few.loss).all()


def test_metrics_see_the_data_set_that_was_drawn():
    """In training and in a sweep: the training loss again, from the samples themselves."""

    def again(module, task):
        x = task.features.everything()
        return task.loss_on(x, module(x))

    task = tm.Task(tm.DrawnDataset(FEATURES, 7, unit_norm=True), evaluation=tm.DrawnDataset(FEATURES, 9))
    recipe = tm.Recipe(steps=0)
    found = tm.train(MODEL, task, recipe, restarts=2, metrics=[again]).metrics["again"]
    assert found.shape == (2,)
    assert len(set(found.tolist())) == 2
    trained = tm.sweep(MODEL, task, tm.Recipe(steps=3, learning_rate=0.0), over={"seed": [0, 1]}, metrics=[again])
    np.testing.assert_allclose(trained["again"], trained.final_loss, rtol=1e-5)


def test_numbers_of_drawn_features_are_swept_in_one_program():
    assert_cells_are_runs(
        MODEL,
        tm.Task(DATA),
        RECIPE,
        {"density": [0.2, 0.8]},
        lambda density: (MODEL, tm.Task(tm.DrawnDataset(tm.Independent(5, density), 12)), RECIPE),
    )


def test_epochs_see_every_sample_once_and_in_a_new_order():
    data = tm.Dataset(np.arange(10.0)[None], epochs)
    key = jax.random.key(3)
    drawn = [np.asarray(data.batch(key, step, 5))[0] for step in range(6)]
    orders = [np.concatenate(drawn[first : first + 2]) for first in (0, 2, 4)]
    for order in orders:
        assert sorted(order) == list(range(10))
    assert not (orders[0] == orders[1]).all()
    assert not (orders[1] == orders[2]).all()


def test_the_memory_of_data_sets_counts():
    from toymodels.training.engine.cells import Cell, separate
    from toymodels.training.engine.cutting import cut
    from toymodels.training.engine.plan import Keep, Program

    def models(n_samples: int) -> int:
        cell = Cell(MODEL, tm.Task(tm.DrawnDataset(FEATURES, n_samples)), RECIPE)
        code, shared = separate(cell)
        seeds, restart = np.zeros((200, 2), np.uint32), np.zeros((200, 1), int)
        program = Program(cell, code, shared, (), (), np.arange(200)[:, None], seeds, restart, {})
        return int(np.prod(cut(program, (200,), Keep(), memory_bytes=2**20, threads=1).box))

    assert models(10) > 100
    assert models(5_000) * 4 * 5 * 5_000 <= 2**20


# --- Noise and state ---------------------------------------------------------------------------------------------


@tm.specification
class Noisy:
    """A model that adds ±sigma to its hidden activations."""

    sigma: Any = 0.5

    def __call__(self, *, rngs: nnx.Rngs) -> "NoisyModule":
        return NoisyModule(self.sigma, rngs=rngs)


class NoisyModule(nnx.Module):
    def __init__(self, sigma: Any, *, rngs: nnx.Rngs):
        self.W = nnx.Param(jnp.full((2, 5), 0.3))
        self.sigma = nnx.Variable(jnp.asarray(sigma, float))
        self.rngs = rngs

    def encode(self, x: jax.Array) -> jax.Array:
        h = self.W[...] @ x
        return h + self.sigma[...] * jax.random.rademacher(self.rngs.noise(), h.shape, float)

    def decode(self, h: jax.Array) -> jax.Array:
        return self.W[...].T @ h

    def __call__(self, x: jax.Array) -> jax.Array:
        return self.decode(self.encode(x))


def test_noise_is_new_at_every_step_and_every_models_own():
    """All restarts start from equal weights, see equal batches and do not move: what differs is the noise."""
    still = tm.Recipe(steps=6, batch_size=8, learning_rate=0.0, evaluation_samples=64)
    data = tm.Task(tm.Dataset(np.random.default_rng(0).uniform(size=(5, 8)), full_batch))
    run = tm.train(Noisy(), data, still, restarts=4)
    losses = by_restart(run, run.history)
    assert len(np.unique(losses)) == 4 * 6
    assert np.ptp(tm.train(Noisy(0.0), data, still, restarts=4).history) == 0
    alone = tm.train(Noisy(), data, still)
    np.testing.assert_allclose(alone.history[0], losses[0], rtol=1e-6)


def test_the_size_of_the_noise_is_swept_in_one_program():
    grid = assert_cells_are_runs(
        Noisy(), TASK, RECIPE, {"sigma": [0.0, 0.5, 1.0]}, lambda sigma: (Noisy(sigma), TASK, RECIPE)
    )
    noise = grid.history.isel(step=0) - grid.history.isel(step=0).sel(sigma=0.0)
    # E ‖Wᵀ(±σ)‖² / 5 = 2 σ² 0.09
    np.testing.assert_allclose(noise.mean("restart"), [0, 0.045, 0.18], atol=0.03)


class Forgetful(nnx.Module):
    def __init__(self, rate: float, *, rngs: nnx.Rngs):
        self.W = nnx.Param(0.5 * jax.random.normal(rngs.params(), (4, 5)))
        self.dropout = nnx.Dropout(rate, rngs=rngs)

    def __call__(self, x: jax.Array) -> jax.Array:
        return self.W[...].T @ self.dropout(self.W[...] @ x)


def test_dropout_trains_with_noise_and_is_evaluated_without():
    recipe = tm.Recipe(steps=200, batch_size=64, evaluation_samples=1024)
    run = tm.train(partial(Forgetful, 0.5), TASK, recipe, restarts=2)
    x = FEATURES.sample(jax.random.key(5), 4096)
    wanted = np.mean(np.square(np.asarray(x) - run.W[0].T @ run.W[0] @ np.asarray(x)))
    assert run.loss[0] == pytest.approx(wanted, rel=0.1)
    assert run.loss[0] < 0.8 * run.history[0, -5:].mean()
    np.testing.assert_array_equal(run.module()(x), run.module()(x))


class Normalised(nnx.Module):
    def __init__(self, *, rngs: nnx.Rngs):
        self.norm = nnx.BatchNorm(5, momentum=0.5, rngs=rngs)
        self.scale = nnx.Param(jnp.ones(()))

    def __call__(self, x: jax.Array) -> jax.Array:
        return self.scale[...] * self.norm(x.T).T


def test_running_averages_are_carried_and_returned_and_used_in_evaluation(tmp_path: Path):
    still = tm.Recipe(steps=30, batch_size=256, learning_rate=0.0, evaluation_samples=2048)
    run = tm.train(Normalised, tm.Task(tm.Independent(5, 1.0)), still, restarts=2)
    assert set(run.state) == {"norm.mean", "norm.var"}
    np.testing.assert_allclose(run.state["norm.mean"], 0.5, atol=0.05)
    np.testing.assert_allclose(run.state["norm.var"], 1 / 12, atol=0.02)
    # x - (x - 1/2) sqrt(12) has the mean 1/2 and the deviation (1 - sqrt(12)) / sqrt(12).
    np.testing.assert_allclose(run.loss, 0.25 + (1 - 12**0.5) ** 2 / 12, rtol=0.1)
    x = jnp.full((5, 3), 0.7)
    np.testing.assert_allclose(run.module()(x), 0.2 * 12**0.5, atol=0.15)
    run.save(tmp_path / "run.safetensors")
    loaded = tm.Run.load(tmp_path / "run.safetensors")
    np.testing.assert_array_equal(loaded.module(model=Normalised)(x), run.module()(x))
    grid = tm.sweep(Normalised, tm.Task(tm.Independent(5)), still, over={"density": [0.5, 1.0]}, restarts=2)
    again = tm.sweeps.as_run(grid, density=1.0)
    np.testing.assert_allclose(again.state["norm.mean"], run.state["norm.mean"], atol=1e-6)


# --- Starts ------------------------------------------------------------------------------------------------------


def still(steps: int = 1) -> tm.Recipe:
    return tm.Recipe(steps=steps, batch_size=16, learning_rate=0.0, evaluation_samples=64)


def test_a_run_goes_on_from_another():
    first = tm.train(MODEL, TASK, RECIPE, restarts=3)
    onward = tm.train(MODEL, TASK, still(), restarts=3, start=first)
    np.testing.assert_array_equal(by_restart(onward, onward.W), by_restart(first, first.W))
    best = tm.train(MODEL, TASK, still(), restarts=2, start=first)
    np.testing.assert_array_equal(best.W, first.W[[0, 0]])


def test_a_start_from_arrays_for_all_or_for_each_restart():
    all_alike = tm.train(MODEL, TASK, still(), restarts=2, start={"W": PENTAGON})
    np.testing.assert_allclose(all_alike.W, np.stack([PENTAGON] * 2), rtol=1e-6)
    assert not all_alike.b.any()  # fresh
    own = np.stack([PENTAGON, 2 * PENTAGON])
    run = tm.train(MODEL, TASK, still(), restarts=2, start={"W": own, "b": np.ones((2, 5))}, memory_bytes=1)
    np.testing.assert_allclose(by_restart(run, run.W), own, rtol=1e-6)
    np.testing.assert_array_equal(run.b, 1)


def test_a_sweep_starts_from_another_ones_results_by_their_labels():
    over = {"density": [0.1, 0.5, 0.9], "n_hidden": [1, 2], "seed": [0, 4]}
    before = tm.sweep(MODEL, TASK, RECIPE, over=over, restarts=2)
    again = {"n_hidden": [2, 1], "learning_rate": [0.0], "density": [0.9, 0.1]}
    after = tm.sweep(MODEL, TASK, still(), over=again, restarts=2, start=before.sel(seed=4))
    for density in (0.1, 0.9):
        for n_hidden in (1, 2):
            got = after.W.sel(density=density, n_hidden=n_hidden, learning_rate=0.0)
            wanted = before.W.sel(density=density, n_hidden=n_hidden, seed=4)
            np.testing.assert_array_equal(got.transpose(*wanted.dims), wanted)


@pytest.mark.parametrize(
    ("start", "message"),
    [
        ({"V": PENTAGON}, "start of train names 'V', which the model does not have. There are: W, b."),
        ({"W": PENTAGON.T}, r"start of train must have W of shape \(2, 5\), or \(1, 2, 5\) .* Got \(5, 2\)."),
    ],
)
def test_starts_that_do_not_fit(start: Any, message: str, nothing_compiled: None):
    with pytest.raises(ValueError, match=message):
        tm.train(MODEL, TASK, RECIPE, start=start)


def test_results_that_do_not_fit_as_a_start(nothing_compiled: None):
    import xarray as xr

    W, b = (("density", "hidden", "feature"), np.zeros((1, 2, 5))), (("density", "feature"), np.zeros((1, 5)))
    results = xr.Dataset({"W": W, "b": b}, {"density": [0.3]})
    with pytest.raises(ValueError, match=r"start of sweep lacks density = 0.4. It has \[0.3\]."):
        tm.sweep(MODEL, TASK, RECIPE, over={"density": [0.4]}, start=results)
    with pytest.raises(ValueError, match="start of sweep has an axis 'density' that over lacks"):
        tm.sweep(MODEL, TASK, RECIPE, over={"seed": [1]}, start=results)
    with pytest.raises(ValueError, match="start of sweep lacks 'b'"):
        tm.sweep(MODEL, TASK, RECIPE, over={"density": [0.3]}, start=results[["W"]])


# --- Optimisers --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("field", "values", "recipe"),
    [
        ("optimizer.b1", [0.0, 0.9], lambda b1: {"optimizer": tm.Adam(b1=b1)}),
        ("optimizer.norm", [0.01, 10.0], lambda norm: {"optimizer": tm.Clipped(norm)}),
        ("schedule.warmup", [0.0, 0.5], lambda warmup: {"schedule": tm.WarmupCosine(warmup)}),
        ("optimizer.decay", [0.0, 0.9], lambda decay: {"optimizer": tm.Averaged(decay=decay)}),
        ("weight_decay.W", [-5.0, 0.0, 5.0], lambda decay: {"weight_decay": {"W": decay}}),
    ],
)
def test_numbers_of_optimisers_and_schedules_are_swept(field: str, values: list[float], recipe: Callable):
    assert_cells_are_runs(
        MODEL,
        TASK,
        replace(RECIPE, **recipe(values[0])),
        {field: values},
        lambda value: (MODEL, TASK, replace(RECIPE, **recipe(value))),
    )


def test_the_default_optimiser_as_a_specification_is_the_same():
    one, other = (tm.train(MODEL, TASK, replace(RECIPE, optimizer=made)) for made in (optax.adam, tm.Adam()))
    np.testing.assert_allclose(one.W, other.W, atol=1e-5)


def test_the_rates_of_a_warm_up():
    rates = [float(tm.WarmupCosine(0.4, end=0.1)(2.0, 10)(step)) for step in range(11)]
    falling = [0.1 + 0.9 * (1 + np.cos(np.pi * (step - 4) / 6)) / 2 for step in range(4, 11)]
    np.testing.assert_allclose(rates, 2 * np.array([0.25, 0.5, 0.75, 1.0, *falling]), rtol=1e-5)
    np.testing.assert_allclose([float(tm.WarmupCosine(0.0)(1.0, 4)(step)) for step in (0, 2)], [1.0, 0.5], rtol=1e-5)


def test_decay_of_one_parameter_alone():
    decayed, plain = (
        tm.train(MODEL, TASK, replace(still(3), weight_decay=decay, learning_rate=rate, schedule=constant))
        for decay, rate in (({"W": 0.5}, 1e-9), (0.0, 1e-9))
    )
    np.testing.assert_allclose(decayed.W, plain.W, atol=1e-6)
    recipe = tm.Recipe(4, 16, 0.1, {"W": -0.5}, lambda rate: optax.scale(0.0), constant, evaluation_samples=64)
    run = tm.train(MODEL, TASK, recipe, snapshots=[0], start={"b": np.ones(5)})
    np.testing.assert_allclose(run.W, 1.05**4 * run.snapshots["W"][:, 0], rtol=1e-5)
    np.testing.assert_array_equal(run.b, 1)


def test_the_averaged_iterate_stands_for_the_trained_parameters():
    recipe = replace(RECIPE, steps=3, optimizer=tm.Averaged(optax.sgd, 0.5), learning_rate=0.3, schedule=constant)
    averaged = tm.train(MODEL, TASK, recipe, snapshots=[0, 1, 2])
    plain = tm.train(MODEL, TASK, replace(recipe, optimizer=optax.sgd), snapshots=[0, 1, 2])
    first, second, third = plain.snapshots["W"][0, 1], plain.snapshots["W"][0, 2], plain.W[0]
    np.testing.assert_allclose(averaged.snapshots["W"][0, 0], plain.snapshots["W"][0, 0], rtol=1e-5)
    np.testing.assert_allclose(averaged.snapshots["W"][0, 1], first, rtol=1e-5)
    np.testing.assert_allclose(averaged.W[0], (0.25 * first + 0.5 * second + third) / 1.75, rtol=1e-5)
    assert np.abs(averaged.W[0] - third).max() > 1e-4


def test_optimisers_that_need_the_loss_or_treat_parameters_apart():
    plateau = replace(RECIPE, optimizer=lambda rate: optax.chain(optax.adam(rate), optax.contrib.reduce_on_plateau()))
    assert np.isfinite(tm.train(MODEL, TASK, plateau).loss).all()

    def only_b(rate: Any) -> optax.GradientTransformation:
        return optax.multi_transform(
            {"train": optax.adam(rate), "keep": optax.set_to_zero()}, {"W": "keep", "b": "train"}
        )

    run = tm.train(MODEL, TASK, replace(RECIPE, optimizer=only_b), snapshots=[0])
    np.testing.assert_array_equal(run.W, run.snapshots["W"][:, 0])
    assert run.b.any()


def test_an_optimiser_that_does_not_fit(nothing_compiled: None):
    def wants(update: Callable) -> tm.Recipe:
        return replace(RECIPE, optimizer=lambda rate: optax.GradientTransformation(lambda params: (), update))

    with pytest.raises(ValueError, match=r"optimizer of Recipe, called as .* failed: ZeroDivisionError: "):
        tm.train(MODEL, TASK, wants(lambda updates, state, params: 1 / 0))
    with pytest.raises(ValueError, match="weight_decay of Recipe names 'V', which is not a parameter"):
        tm.train(MODEL, TASK, replace(RECIPE, weight_decay={"V": 0.1}))


class Point(nnx.Module):
    """A module of one parameter, which it predicts."""

    def __init__(self, *, rngs: nnx.Rngs):
        self.w = nnx.Param(jnp.zeros((3, 1)))

    def __call__(self, x: jax.Array) -> jax.Array:
        return self.w[...] + 0.0 * x


def test_langevin_dynamics_samples_the_posterior_of_a_quadratic():
    """The objective is the mean of (w - 1)² over three elements: the density exp(-n β L - γ/2 ‖w - w_0‖²) is normal
    with precision 2 n β / 3 + γ = 50 and mean (2 n β / 3) / 50 = 0.8 for n β = 60, γ = 10, w_0 = 0."""
    task = tm.Task(tm.Dataset(np.ones((3, 1)), full_batch))
    recipe = tm.Recipe(6_000, 1, 2e-3, optimizer=tm.SGLD(60.0, 10.0), schedule=constant, evaluation_samples=1)
    run = tm.train(Point, task, recipe, restarts=20, snapshots=range(1_000, 6_000, 250))
    w = run.snapshots["w"]
    # 20 chains x 20 snapshots, 1 / (ε/2 50) = 20 steps apart in memory, x 3: 1,200 values; 4 deviations of the mean
    # are 4 sqrt(.02 / 1200) = .016, and of the variance 4 sqrt(2 / 1200) = 16 %; the step makes it 1 / (1 - ε 50 / 4).
    assert w.mean() == pytest.approx(0.8, abs=0.016)
    assert w.var() == pytest.approx(1 / 50, rel=0.2)
    assert len(np.unique(w[:, -1, 0, 0])) == 20


def test_a_langevin_chain_from_a_trained_pentagon():
    """Its local learning coefficient, n β (mean L - L_0), is positive and below half of the 15 parameters."""
    task = tm.Task(tm.DrawnDataset(tm.Independent(5, 0.05), 2_000), importance=1.0)
    pentagon = tm.train(MODEL, task, tm.Recipe(steps=1_500, evaluation_samples=64), restarts=4)
    n_beta = 2_000 / np.log(2_000)
    chain = tm.Recipe(
        400, learning_rate=1e-4, optimizer=tm.SGLD(n_beta, 100.0), schedule=constant, evaluation_samples=64
    )
    run = tm.train(MODEL, task, chain, restarts=4, start=pentagon.best_params(), history=400)
    coefficient = n_beta * (run.history[:, 100:].mean() - run.history[:, 0].mean())
    assert 0 < coefficient < 7.5
    assert (run.history[:, 0] == run.history[0, 0]).all()
    assert len(np.unique(run.history[:, -1])) == 4


# --- Models and samples ------------------------------------------------------------------------------------------


def test_a_network_of_several_layers_names_its_activations_and_axes():
    model = tm.Network((5, 8, 4, 5), activation=jnp.tanh)
    metrics = {
        "size": lambda hidden1: jnp.abs(hidden1).mean(),
        "second": lambda activations: activations["hidden2"].shape[0],
    }
    task = tm.Task(FEATURES, penalties=(tm.HiddenL1(0.1, "hidden2"),))
    grid = tm.sweep(model, task, RECIPE, over={"strength": [0.0, 1.0], "initial_bias": [0.0, -1.0]}, metrics=metrics)
    assert grid.W2.dims[2:] == ("hidden2", "hidden1")
    assert grid.W1.dims[2:] == ("hidden1", "feature")
    assert grid.b3.dims[2:] == ("output",)
    assert (grid.second == 4).all()
    assert (grid["size"] > 0).all()
    W1 = tm.train(model, TASK, still(), seed=0).params["W1"]
    assert W1.shape == (1, 8, 5)


def test_a_network_by_hand():
    model = tm.Network((2, 3, 3, 2), activation=jnp.tanh, residual=True)
    run = tm.train(model, tm.Task(tm.Independent(2, 0.5)), replace(RECIPE, steps=3))
    p, x = {name: value[0] for name, value in run.params.items()}, np.random.default_rng(0).normal(size=(2, 7))
    h1 = np.tanh(p["W1"] @ x + p["b1"][:, None])
    h2 = h1 + np.tanh(p["W2"] @ h1 + p["b2"][:, None])
    np.testing.assert_allclose(run.module()(jnp.asarray(x)), p["W3"] @ h2 + p["b3"][:, None], atol=1e-5)


@tm.specification
class Leaky:
    slope: Any = 0.1

    def __call__(self, x: jax.Array) -> jax.Array:
        return jnp.where(x > 0, x, self.slope * x)


def test_numbers_of_activations_and_initial_biases_are_swept():
    model = tm.Autoencoder(5, 2, output_activation=Leaky())
    assert_cells_are_runs(
        model,
        TASK,
        RECIPE,
        {"slope": [0.0, 0.5]},
        lambda slope: (replace(model, output_activation=Leaky(slope)), TASK, RECIPE),
    )
    biased = tm.Autoencoder(5, 2, hidden_bias=True)
    assert_cells_are_runs(
        biased,
        TASK,
        RECIPE,
        {"initial_hidden_bias": [0.0, -1.0]},
        lambda start: (replace(biased, initial_hidden_bias=start), TASK, RECIPE),
    )


def test_metrics_and_penalties_see_activations_of_evaluation_samples():
    metrics = {
        "h": lambda hidden: jnp.square(hidden).mean(1),
        "x": lambda x: x[:, :3],
        "key": lambda key: jax.random.uniform(key, (3,)),
    }
    run = tm.train(MODEL, TASK, RECIPE, restarts=2, metrics=metrics)
    keys = jax.random.split(jax.random.key(0), 3)
    x = np.asarray(FEATURES.sample(jax.random.fold_in(keys[2], 2**32 - 2), 64))
    np.testing.assert_allclose(run.metrics["h"], ((run.W @ x) ** 2).mean(-1), rtol=1e-4)
    np.testing.assert_array_equal(run.metrics["x"], np.stack([x[:, :3]] * 2))
    assert not np.isin(run.metrics["key"], x).any()


def test_samples_of_other_shapes_than_columns():
    """Images (rows, columns, batch), predicted by scaling them."""

    class Images:
        def sample(self, key: jax.Array, batch_size: int) -> jax.Array:
            return jax.random.uniform(key, (3, 4, batch_size))

    class Scaled(nnx.Module):
        def __init__(self, *, rngs: nnx.Rngs):
            self.scale = nnx.Param(jnp.zeros(()))

        def __call__(self, x: jax.Array) -> jax.Array:
            return self.scale[...] * x

    recipe = tm.Recipe(steps=300, batch_size=64, learning_rate=0.05, evaluation_samples=256)
    run = tm.train(Scaled, tm.Task(Images(), target=lambda x: 3 * x, importance=np.array([1.0, 2.0, 3.0])), recipe)
    assert run.params["scale"][0] == pytest.approx(3, abs=0.01)


# --- A cell as a run, and a run as a module ----------------------------------------------------------------------


def test_a_cell_of_a_sweep_is_a_run(tmp_path: Path):
    over = {"density": [0.1, 0.5], "n_hidden": [1, 2], "seed": [3, 4]}
    options: Any = {"metrics": {"total": lambda W: W.sum()}, "snapshots": [0, 5], "history": 20}
    grid = tm.sweep(MODEL, TASK, RECIPE, over=over, restarts=3, **options)
    got = tm.sweeps.as_run(grid, density=0.5, n_hidden=1, seed=4)
    wanted = tm.train(
        tm.Autoencoder(5, 1), replace(TASK, features=tm.Independent(5, 0.5)), RECIPE, seed=4, restarts=3, **options
    )
    for name in (
        "loss",
        "objective",
        "history",
        "history_steps",
        "snapshot_steps",
        "diverged",
        "restart",
        "final_loss",
    ):
        np.testing.assert_allclose(getattr(got, name), getattr(wanted, name), rtol=1e-5, atol=1e-6)
    for group in ("params", "snapshots", "metrics"):
        assert getattr(got, group).keys() == getattr(wanted, group).keys()
        for name, value in getattr(wanted, group).items():
            np.testing.assert_allclose(getattr(got, group)[name], value, atol=1e-5)
    for name in ("model", "task", "recipe", "seed"):
        assert got.config[name] == wanted.config[name]
    x = FEATURES.sample(jax.random.key(0), 7)
    np.testing.assert_allclose(got.module()(x), wanted.module()(x), atol=1e-5)
    got.save(tmp_path / "run.safetensors")
    np.testing.assert_allclose(tm.Run.load(tmp_path / "run.safetensors").module(1)(x), wanted.module(1)(x), atol=1e-5)
    with pytest.raises(ValueError, match=r"as_run needs one cell\. Choose along n_hidden"):
        tm.sweeps.as_run(grid, density=0.5, seed=4)


@pytest.mark.parametrize(
    "model",
    [
        tm.Autoencoder(5, 3, jax.nn.relu, jnp.tanh, hidden_bias=True, tied=False),
        tm.Network((5, 4, 5), activation=tm.square),
        partial(Forgetful, 0.2),
    ],
)
def test_a_description_is_read_back_into_what_it_describes(model: Any, tmp_path: Path):
    run = tm.train(model, TASK, still(), restarts=2)
    run.save(tmp_path / "run.safetensors")
    x = FEATURES.sample(jax.random.key(0), 7)
    np.testing.assert_array_equal(tm.Run.load(tmp_path / "run.safetensors").module()(x), run.module()(x))


def test_a_model_without_a_name_has_to_be_given_again(tmp_path: Path):
    model = tm.Autoencoder(5, 2, output_activation=lambda x: 2 * x)
    run = tm.train(model, TASK, still())
    run.save(tmp_path / "run.safetensors")
    loaded = tm.Run.load(tmp_path / "run.safetensors")
    with pytest.raises(ValueError, match=r"cannot be found again.*Give it again"):
        loaded.module()
    x = FEATURES.sample(jax.random.key(0), 7)
    np.testing.assert_array_equal(loaded.module(model=model)(x), run.module()(x))


# --- The caller's settings ---------------------------------------------------------------------------------------


def test_settings_of_the_caller_reach_the_threads():
    seen = set()

    def target(x: jax.Array) -> jax.Array:
        seen.add((jax.config.jax_default_matmul_precision, jax.config.jax_numpy_dtype_promotion))
        return x

    with jax.default_matmul_precision("highest"), jax.numpy_dtype_promotion("strict"):
        tm.train(MODEL, replace(TASK, target=target), RECIPE)
    assert seen == {("highest", "strict")}


@pytest.mark.parametrize(
    ("platform", "chosen", "used"),
    [("gpu", None, "highest"), ("gpu", "tensorfloat32", "tensorfloat32"), ("cpu", None, None)],
)
def test_products_on_a_gpu_have_full_precision_unless_another_is_chosen(platform, chosen, used, monkeypatch):
    """Without that, an H200 rounded products of random numbers by 3e-4 of the largest."""
    with jax.default_matmul_precision(chosen):
        settings = machine.callers_settings()
    monkeypatch.setattr(jax, "local_devices", lambda: [SimpleNamespace(platform=platform)])
    with settings.applied():
        assert jax.config.jax_default_matmul_precision == used


EVERYTHING: dict[str, Any] = {
    "importance": (MODEL, replace(TASK, importance=tm.GeometricImportance(0.9)), RECIPE),
    "sets": (MODEL, tm.Task(tm.CorrelatedSets(((0, 1), (2, 3, 4)), 0.3, correlation=0.5)), RECIPE),
    "anticorrelated": (MODEL, tm.Task(tm.AnticorrelatedSets(((0, 1), (2, 3, 4)), 0.3)), RECIPE),
    "hierarchy": (MODEL, tm.Task(tm.Hierarchical((-1, 0, 0, 1, 1), 0.4, exclusive=True)), RECIPE),
    "counts": (MODEL, tm.Task(tm.Concatenated((tm.ExactlyK(3, 2), tm.NonEmpty(2)))), RECIPE),
    "copula": (MODEL, tm.Task(tm.GaussianCopula(np.full((5, 1), 0.5), values=tm.Values.normal(1.0, 0.2))), RECIPE),
    "data": (
        MODEL,
        tm.Task(tm.DrawnDataset(FEATURES, 30, unit_norm=True, batches=epochs), evaluation=FEATURES),
        RECIPE,
    ),
    "loss and penalties": (
        MODEL,
        replace(TASK, loss=tm.PowerLoss(), penalties=(tm.HiddenL1(0.1), tm.WeightL1(0.1))),
        RECIPE,
    ),
    "attacks": (MODEL, replace(TASK, attack=tm.FeatureAttack()), RECIPE),
    "optimiser": (MODEL, TASK, replace(RECIPE, optimizer=tm.Averaged(tm.Adam()), schedule=tm.WarmupCosine())),
    "langevin": (MODEL, TASK, replace(RECIPE, optimizer=tm.SGLD(), schedule=constant, learning_rate=1e-4)),
    "network": (tm.Network((5, 3, 5)), TASK, RECIPE),
    "dictionary": (tm.SparseAutoencoder(5, 8), tm.Task(tm.HiddenActivations(np.eye(5), FEATURES)), RECIPE),
}


@pytest.mark.parametrize("case", EVERYTHING)
def test_in_double_precision_everything_is(case: str):
    model, task, recipe = EVERYTHING[case]
    recipe = replace(recipe, steps=2)
    single = tm.train(model, task, recipe)
    with jax.enable_x64(True):
        run = tm.train(model, task, recipe)
        x = task.features.sample(jax.random.key(0), 3)
    assert x.dtype == np.float64
    for value in (*run.params.values(), run.loss, run.objective, run.history):
        assert value.dtype == np.float64
    assert single.loss.dtype == np.float32


@pytest.mark.parametrize("case", EVERYTHING)
def test_strict_promotion_and_the_transfer_guard(case: str):
    model, task, recipe = EVERYTHING[case]
    with jax.numpy_dtype_promotion("strict"), jax.transfer_guard("disallow"):
        run = tm.train(model, task, replace(recipe, steps=3), restarts=2)
    assert np.isfinite(run.loss).all()


def test_a_nan_is_found_where_the_caller_looks_for_it():
    task = tm.Task(FEATURES, importance=1e38)
    with jax.debug_nans(True), pytest.raises(FloatingPointError):
        tm.train(MODEL, replace(task, target=lambda x: x / 0.0 - x / 0.0), RECIPE)


def test_all_cores_are_used_where_there_is_no_affinity(monkeypatch: pytest.MonkeyPatch):
    import os

    from toymodels.training.engine.machine import cores

    monkeypatch.delattr(os, "sched_getaffinity", raising=False)
    monkeypatch.setattr(os, "cpu_count", lambda: 7)
    assert cores() == 7
