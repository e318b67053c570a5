"""Training against a loop in numpy with gradients by hand, and what must not change the numbers."""

import sys
from dataclasses import replace
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from flax import nnx

import toymodels as tm
from toymodels.sweeps.fields import leaf_numbers
from toymodels.training import constant
from toymodels.training.engine import cutting, step
from toymodels.training.engine.cells import Cell, separate
from toymodels.training.engine.cutting import cut
from toymodels.training.engine.plan import Column, Keep, Plan, Program
from toymodels.training.engine.reference import initial, loss_and_gradient, samples, train_in_numpy
from toymodels.training.engine.samples import is_mean_over_samples

N_FEATURES, N_HIDDEN = 5, 2
MODEL = tm.Autoencoder(N_FEATURES, N_HIDDEN)
TASK = tm.Task(
    tm.Independent(N_FEATURES, np.array([0.1, 0.3, 0.5, 0.8, 0.2])), importance=np.array([1, 0.9, 0.5, 0.3, 2])
)
RECIPE = tm.Recipe(steps=20, batch_size=64, evaluation_samples=256)


class Noisy(nnx.Module):
    """A module that forgets hidden activations at random."""

    def __init__(self, n: int, *, rngs: nnx.Rngs):
        self.W = nnx.Param(jax.random.normal(rngs.params(), (N_HIDDEN, n)))
        self.dropout = nnx.Dropout(0.5, rngs=rngs)

    def __call__(self, x: jax.Array) -> jax.Array:
        return self.W[...].T @ self.dropout(self.W[...] @ x)


# --- The reference -----------------------------------------------------------------------------------------------


def streams(seed: int) -> jax.Array:
    """The keys of initial weights, data and evaluation."""
    return jax.random.split(jax.random.key(seed), 3)


def start_of(seed: int, restart: int) -> tuple[np.ndarray, np.ndarray]:
    return initial(MODEL, jax.random.fold_in(streams(seed)[0], restart))


@pytest.mark.parametrize(
    ("recipe", "penalties"),
    [
        (tm.Recipe(steps=10, batch_size=64, evaluation_samples=256), ()),
        (tm.Recipe(10, 32, 0.03, weight_decay=0.5, schedule=constant, evaluation_samples=96), (tm.HiddenL1(0.2),)),
    ],
)
def test_training_is_the_loop_in_numpy(recipe: tm.Recipe, penalties: Any):
    task = replace(TASK, penalties=penalties)
    run = tm.train(MODEL, task, recipe, seed=7, restarts=3)
    for model in range(3):
        W, b, losses, loss = train_in_numpy(MODEL, task, recipe, seed=7, restart=int(run.restart[model]))
        np.testing.assert_allclose(run.W[model], W, atol=2e-5)
        np.testing.assert_allclose(run.b[model], b, atol=2e-5)
        np.testing.assert_allclose(run.history[model], losses, rtol=2e-5)
        assert run.loss[model] == pytest.approx(loss, rel=2e-5)


def test_the_evaluation_loss_is_the_expected_loss():
    """A model that always predicts 0 loses I_i E x_i² = I_i p_i / 3, a mean over the five features."""
    silent = tm.Autoencoder(
        N_FEATURES, N_HIDDEN, initializer=jax.nn.initializers.zeros, output_bias=False, output_activation=tm.identity
    )
    recipe = tm.Recipe(steps=1, batch_size=1024, evaluation_samples=200_000)
    loss = tm.train(silent, TASK, recipe).loss[0]
    # Var of a sample's loss <= mean of I_i² p_i E v⁴ = (0.1 + 0.81 * 0.3 + 0.25 * 0.5 + 0.09 * 0.8 + 4 * 0.2) / 25 =
    # 0.054, so 5 sigma = 5 * sqrt(0.054 / 200 000) = 0.0026; exact: (0.1 + 0.27 + 0.25 + 0.24 + 0.4) / 15 = 0.084.
    assert loss == pytest.approx(0.084, abs=0.0026)


# --- What must not change the numbers ----------------------------------------------------------------------------


def by_restart(run: tm.Run, values: np.ndarray) -> np.ndarray:
    """Values in the order of the restarts' numbers instead of that of their losses."""
    return values[np.argsort(run.restart)]


LONGER = tm.Recipe(steps=100, batch_size=64, evaluation_samples=256)


def test_a_model_alone_is_the_same_as_in_a_batch():
    batched = tm.train(MODEL, TASK, LONGER, seed=3, restarts=5)
    alone = tm.train(MODEL, TASK, LONGER, seed=3)
    assert alone.W.shape == (1, N_HIDDEN, N_FEATURES)
    (place,) = np.flatnonzero(batched.restart == 0)
    for name in ("W", "b", "loss", "history"):
        np.testing.assert_allclose(getattr(batched, name)[place], getattr(alone, name)[0], atol=1e-6)


@pytest.mark.parametrize("independent", [False, True])
def test_numbers_do_not_depend_on_memory(independent: bool, monkeypatch: pytest.MonkeyPatch):
    recipe = tm.Recipe(steps=20, batch_size=64, evaluation_samples=256, independent_data=independent)
    boxes = []
    monkeypatch.setattr(
        sys.modules["toymodels.training.launch"],
        "cut",
        lambda *given, **options: boxes.append(cut(*given, **options)) or boxes[-1],
    )
    whole = tm.train(MODEL, TASK, recipe, restarts=7)
    apart = tm.train(MODEL, TASK, recipe, restarts=7, memory_bytes=1_000)
    assert np.prod(boxes[1].box) < np.prod(boxes[0].box)
    np.testing.assert_array_equal(apart.restart, whole.restart)
    for name in ("W", "b", "loss", "history"):
        np.testing.assert_allclose(getattr(apart, name), getattr(whole, name), atol=1e-6)


@pytest.mark.parametrize(("share", "parts"), [(1, 2), (4, 8)])
def test_a_batch_in_parts_gives_the_numbers_of_the_whole(share: int, parts: int, monkeypatch: pytest.MonkeyPatch):
    task = replace(TASK, penalties=(tm.HiddenL1(0.1), tm.WeightL2(0.01)))
    recipe = tm.Recipe(steps=20, batch_size=1024, evaluation_samples=256)
    whole = tm.train(MODEL, task, recipe, restarts=3)
    monkeypatch.setattr(cutting, "cache_bytes", lambda: 4 * N_FEATURES * 1024 - 1)  # less than a batch has
    monkeypatch.setattr(cutting, "PART_SHARE", share)
    boxes = []
    original = cutting.cut
    monkeypatch.setattr(
        sys.modules["toymodels.training.launch"],
        "cut",
        lambda *given, **options: boxes.append(original(*given, **options)) or boxes[-1],
    )
    cut_up = tm.train(MODEL, task, recipe, restarts=3)
    assert boxes[0].at_once.parts == parts
    for name in ("W", "b", "loss", "objective", "history"):
        np.testing.assert_allclose(getattr(cut_up, name), getattr(whole, name), atol=1e-6)


def test_all_samples_of_a_full_batch_are_trained_on(monkeypatch: pytest.MonkeyPatch):
    """Also where they do not divide into the parts of the recipe's batch size."""
    task = tm.Task(tm.DrawnDataset(tm.Independent(N_FEATURES, 0.3), 1_023))
    recipe = tm.Recipe(steps=20, batch_size=1024)
    whole = tm.train(MODEL, task, recipe)
    monkeypatch.setattr(cutting, "cache_bytes", lambda: 4 * N_FEATURES * 1000)
    again = tm.train(MODEL, task, recipe)
    np.testing.assert_allclose(again.history, whole.history, atol=1e-6)


class OverTheBatch(nnx.Module):
    """A module whose prediction of a sample depends on the others."""

    def __init__(self, *, rngs: nnx.Rngs):
        self.W = nnx.Param(0.3 * jax.random.normal(rngs.params(), (N_FEATURES, N_FEATURES)))

    def __call__(self, x: jax.Array) -> jax.Array:
        return jax.nn.softmax(self.W[...] @ x, axis=-1)


@pytest.mark.parametrize(
    ("model", "task", "wanted"),
    [
        (MODEL, TASK, True),
        (MODEL, replace(TASK, penalties=(tm.HiddenL1(0.5), tm.WeightL1(0.1))), True),
        (OverTheBatch, TASK, False),
        (MODEL, replace(TASK, penalties=(lambda hidden: hidden.max(),)), False),
        (partial(Noisy, N_FEATURES), TASK, False),
        (
            MODEL,
            replace(TASK, importance=1.0, loss=lambda prediction, wanted: jnp.square(prediction - wanted).mean() ** 2),
            False,
        ),
    ],
)
def test_what_is_a_mean_over_samples(model: Any, task: tm.Task, wanted: bool):
    assert is_mean_over_samples(Cell(model, task, RECIPE)) is wanted


def planned(streams: int, cells: int, restarts: int, **options: Any) -> Plan:
    """A plan of a box of models, which differ in their density."""
    cell = Cell(MODEL, tm.Task(tm.Independent(N_FEATURES, 0.5)), RECIPE)
    code, shared = separate(cell, [leaf_numbers(cell)["task", "features", "density"]])
    column = Column(0, (), 1, np.linspace(0.1, 0.9, cells, dtype=np.float32))
    grid = np.arange(streams * cells).reshape(streams, cells)
    seeds = np.stack([np.zeros(streams), np.arange(streams)], axis=-1).astype(np.uint32)
    restart = np.tile(np.arange(restarts), (streams, 1))
    program = Program(cell, code, shared, (np.float32(0.5),), (column,), grid, seeds, restart, {})
    shape = (streams, cells)
    return Plan(shape, restarts, (program,), Keep(), (cut(program, shape, Keep(), **options),))


BOXES = [(1, 1, 1), (1, 1, 2), (1, 1, 7), (1, 1, 100), (1, 30, 1), (1, 7, 3), (3, 1, 2), (40, 7, 1), (5, 3, 16)]


@pytest.mark.parametrize("threads", [1, 3])
@pytest.mark.parametrize("memory_bytes", [1, 3_000, 2**30])
@pytest.mark.parametrize("box", BOXES)
def test_chunks_have_every_model_once_and_whole_groups(box: tuple[int, int, int], memory_bytes: int, threads: int):
    made = planned(*box, threads=threads, memory_bytes=memory_bytes)
    (one,) = made.cuts
    for size, at_once in zip(one.box, one.at_once, strict=False):
        assert size % at_once == 0
    if memory_bytes == 1:
        assert one.box == (1, 1, 1)
    numbers = []
    for chunk in made.chunks():
        rows, there = made.models(chunk)
        assert len(rows) == len(there) > 0
        inputs = made.inputs(chunk)
        assert inputs.box == one.box
        cell = np.repeat(inputs.cell.ravel(), inputs.box[2])[rows]
        np.testing.assert_array_equal(cell, there // box[2])
        density = np.repeat(inputs.own[0].ravel(), inputs.box[2])[rows]
        np.testing.assert_array_equal(density, np.linspace(0.1, 0.9, box[1], dtype=np.float32)[cell % box[1]])
        numbers.extend(there.tolist())
    assert sorted(numbers) == list(range(np.prod(box)))


@pytest.mark.parametrize("box", [(1, 1, 1000), (1, 1000, 1), (1000, 1, 1), (50, 5, 4)])
def test_many_models_are_cut_for_all_threads(box: tuple[int, int, int]):
    for threads in (1, 2, 4, 10):
        assert len(planned(*box, threads=threads, memory_bytes=2**30).chunks()) >= threads


def test_draws_are_lifted_out_of_a_loop_wherever_models_share_them():
    for box in BOXES:
        (one,) = planned(*box, threads=1, memory_bytes=2**30).cuts
        if box[1] * box[2] > 1:
            assert one.cells // one.at_once.cells * (one.restarts // one.at_once.restarts) > 1


def test_the_same_seed_gives_the_same_bits_and_another_seed_others():
    first, second, other = (tm.train(MODEL, TASK, RECIPE, seed=seed, restarts=3) for seed in (5, 5, 6))
    for name in ("W", "b", "loss", "history", "restart"):
        np.testing.assert_array_equal(getattr(first, name), getattr(second, name))
    assert np.abs(first.W - other.W).min() > 0
    assert np.abs(first.history - other.history).min() > 0


@pytest.mark.parametrize("seed", [jax.random.key(5), jax.random.PRNGKey(5), jax.random.key(5, impl="threefry2x32")])
def test_an_integer_and_its_key_are_the_same_seed(seed: jax.Array):
    wanted = tm.train(MODEL, TASK, RECIPE, seed=5)
    got = tm.train(MODEL, TASK, RECIPE, seed=seed)
    np.testing.assert_array_equal(got.W, wanted.W)
    assert got.config["seed"] == wanted.config["seed"] == 5


@pytest.mark.optimized
def test_restarts_see_common_draws_unless_their_data_are_independent():
    same_start = tm.Autoencoder(N_FEATURES, N_HIDDEN, initializer=jax.nn.initializers.constant(0.3))
    independent = tm.Recipe(steps=20, batch_size=64, evaluation_samples=256, independent_data=True)
    common = tm.train(same_start, TASK, RECIPE, restarts=3)
    np.testing.assert_array_equal(common.history, common.history[[0, 0, 0]])
    apart = tm.train(same_start, TASK, independent, restarts=3)
    first = by_restart(apart, apart.history)[:, 0]
    assert len(set(first)) == 3
    _, data, _ = streams(0)
    keys = [jax.random.fold_in(jax.random.fold_in(data, restart), 0) for restart in range(3)]
    x = [samples(key, TASK.features.density, 64) for key in keys]
    W, b = np.full((N_HIDDEN, N_FEATURES), 0.3), np.zeros(N_FEATURES)
    np.testing.assert_allclose(first, [loss_and_gradient(W, b, one, TASK.importance, 0)[0] for one in x], rtol=1e-5)


# --- What a run keeps --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("history", "ends"), [(20, range(1, 21)), (4, [5, 10, 15, 20]), (3, [7, 14, 20]), (1, [20])])
def test_history_is_the_mean_loss_over_stretches(history: int, ends: Any):
    full = tm.train(MODEL, TASK, RECIPE, restarts=2).history
    run = tm.train(MODEL, TASK, RECIPE, restarts=2, history=history)
    ends = list(ends)
    assert run.history_steps.tolist() == ends
    wanted = [full[:, first:last].mean(1) for first, last in zip([0, *ends], ends, strict=False)]
    np.testing.assert_allclose(run.history, np.stack(wanted, 1), rtol=1e-5)


def test_snapshots_are_the_parameters_of_runs_that_stop_there():
    recipes = {steps: tm.Recipe(steps, 64, schedule=constant, evaluation_samples=256) for steps in (4, 9, 20)}
    run = tm.train(MODEL, TASK, recipes[20], restarts=3, snapshots=[9, 0, 4, 20, 9])
    assert run.snapshot_steps.tolist() == [0, 4, 9, 20]
    W = by_restart(run, run.snapshots["W"])
    np.testing.assert_allclose(W[:, 0], np.stack([start_of(0, restart)[0] for restart in range(3)]), atol=1e-6)
    assert not run.snapshots["b"][:, 0].any()
    np.testing.assert_array_equal(run.snapshots["W"][:, -1], run.W)
    for place, steps in [(1, 4), (2, 9)]:
        stopped = tm.train(MODEL, TASK, recipes[steps], restarts=3)
        for name in ("W", "b"):
            got, wanted = by_restart(run, run.snapshots[name])[:, place], by_restart(stopped, stopped.params[name])
            np.testing.assert_allclose(got, wanted, atol=1e-6)


def test_without_snapshots_there_are_none():
    run = tm.train(MODEL, TASK, RECIPE)
    assert run.snapshots == {}
    assert run.snapshot_steps.tolist() == []


def test_log_spaced_steps():
    assert tm.log_spaced(100, 3).tolist() == [0, 1, 100]
    assert tm.log_spaced(8, 5).tolist() == [0, 1, 2, 4, 8]
    assert tm.log_spaced(3, 50).tolist() == [0, 1, 2, 3]


def test_restarts_are_ranked_by_loss_and_keep_their_numbers():
    run = tm.train(MODEL, TASK, RECIPE, restarts=7)
    assert (np.diff(run.loss) > 0).all()
    assert sorted(run.restart) == list(range(7))
    assert list(run.restart) != list(range(7))
    for place, restart in enumerate(run.restart):
        assert run.loss[place] == pytest.approx(train_in_numpy(MODEL, TASK, RECIPE, 0, int(restart)).loss, rel=1e-4)


def test_the_description_of_a_run():
    config = tm.train(MODEL, TASK, RECIPE, seed=5, restarts=2).config
    assert config["model"] == tm.describe(MODEL)
    assert config["task"] == tm.describe(TASK)
    assert config["recipe"] == tm.describe(RECIPE)
    assert (config["seed"], config["restarts"]) == (5, 2)
    assert (config["versions"]["toymodels"], config["versions"]["jax"]) == (tm.__version__, jax.__version__)


def test_training_finds_the_best_linear_model():
    """With dense features and two importances far apart, n=2 m=1: the important feature is kept, the other replaced by
    its mean: loss = I_2 Var / 2 = 0.01 / 12 / 2."""
    task = tm.Task(tm.Independent(2, 1.0), np.array([1.0, 0.01]))
    linear = tm.Autoencoder(2, 1, output_activation=tm.identity)
    recipe = tm.Recipe(steps=1000, batch_size=128, learning_rate=3e-2, evaluation_samples=65_536)
    run = tm.train(linear, task, recipe, restarts=4)
    np.testing.assert_allclose(np.abs(run.W[0]), [[1, 0]], atol=0.02)
    np.testing.assert_allclose(run.b[0], [0, 0.5], atol=0.02)
    # A sample's loss 0.01 (x - 1/2)² / 2 has a standard deviation of 0.005 sqrt(1/80 - 1/144): 5 sigma = 7.3e-6.
    assert run.loss[0] == pytest.approx(0.01 / 24, abs=2e-5)


# --- Divergence --------------------------------------------------------------------------------------------------


def diverging(step: int) -> tm.Recipe:
    """A learning rate that is absurd at one step."""

    def jump(rate: Any, steps: int) -> optax.Schedule:
        return lambda now: jnp.where(now == step, 1e20, rate)

    return tm.Recipe(steps=20, batch_size=64, evaluation_samples=256, schedule=jump)


def test_a_run_that_diverges_is_reported_and_nan():
    with pytest.warns(
        tm.DivergenceWarning, match=r"2 of 2 models diverged: restart 0 at step 6; restart 1 at step 6\."
    ):
        run = tm.train(MODEL, TASK, diverging(5), restarts=2)
    assert np.isnan(run.loss).all()
    assert run.diverged.tolist() == [6, 6]
    assert np.isfinite(run.history[:, :6]).all()
    assert not np.isfinite(run.history[:, 6:]).any()


def test_a_run_that_diverges_at_its_last_step_is_found_by_the_evaluation():
    with pytest.warns(tm.DivergenceWarning, match="1 of 1 models diverged: restart 0 at step 20"):
        run = tm.train(MODEL, TASK, diverging(19))
    assert np.isfinite(run.history).all()
    assert np.isnan(run.loss).all()


def exploding(key: jax.Array, shape: tuple[int, ...], dtype: Any) -> jax.Array:
    """Initial weights that overflow in about half of the models."""
    weights = tm.models.scaled_normal(key, shape, dtype)
    return jnp.where(weights[0, 0] > 0, 1e20, 1.0) * weights


def test_models_that_diverge_come_last_and_leave_their_neighbours_alone():
    model = tm.Autoencoder(N_FEATURES, N_HIDDEN, initializer=exploding)
    with pytest.warns(tm.DivergenceWarning) as caught:
        run = tm.train(model, TASK, RECIPE, restarts=8)
    positive = [restart for restart in range(8) if start_of(0, restart)[0][0, 0] > 0]
    assert 0 < len(positive) < 8
    bad = len(positive)
    assert sorted(run.restart[-bad:]) == positive
    assert (run.diverged[-bad:] == 0).all()
    assert np.isnan(run.loss[-bad:]).all()
    assert (run.diverged[:-bad] == -1).all()
    assert (np.diff(run.loss[:-bad]) > 0).all()
    healthy = tm.train(MODEL, TASK, RECIPE, restarts=8)
    for place in range(8 - bad):
        (there,) = np.flatnonzero(healthy.restart == run.restart[place])
        np.testing.assert_allclose(run.W[place], healthy.W[there], atol=1e-6)
    assert str(caught[0].message).startswith(f"{bad} of 8 models diverged: restart ")


def test_the_warning_names_at_most_five_models():
    task = tm.Task(TASK.features, np.full(N_FEATURES, 1e38))
    with pytest.warns(tm.DivergenceWarning) as caught:
        tm.train(MODEL, task, RECIPE, restarts=6)
    message = str(caught[0].message)
    assert message.startswith("6 of 6 models diverged: restart 0 at step ")
    assert message.count("restart") == 5
    assert " and 1 more. Their loss is NaN." in message


# --- Compilation and progress ------------------------------------------------------------------------------------


def test_other_numbers_and_seeds_compile_nothing_new():
    tm.train(MODEL, TASK, RECIPE, restarts=3)
    programs = (step.start, step.advance, step.evaluate)
    before = [program._cache_size() for program in programs]
    other = tm.Task(tm.Independent(N_FEATURES, np.full(N_FEATURES, 0.4)), np.linspace(0, 2, N_FEATURES))
    recipe = tm.Recipe(20, 64, learning_rate=0.5, weight_decay=0.1, evaluation_samples=256)
    tm.train(tm.Autoencoder(N_FEATURES, N_HIDDEN), other, recipe, seed=9, restarts=3, snapshots=[3])
    assert [program._cache_size() for program in programs] == before
    tm.train(tm.Autoencoder(N_FEATURES, 3), other, recipe, restarts=3)
    assert all(program._cache_size() > size for program, size in zip(programs, before, strict=True))


def test_the_progress_bar_counts_all_model_steps_and_shows_the_loss(bars):
    run = tm.train(MODEL, TASK, RECIPE, restarts=3)
    tm.train(MODEL, TASK, RECIPE, restarts=3, progress=False)
    shown, hidden = bars
    assert shown.total == shown.n == 60
    assert shown.options["disable"] is None  # tqdm's word for: only on a terminal
    assert hidden.options["disable"] is True
    assert float(shown.postfix) == pytest.approx(run.history[:, -1].mean(), rel=0.5)


def test_training_writes_nothing_off_a_terminal(capfd: pytest.CaptureFixture[str]):
    tm.train(MODEL, TASK, RECIPE)
    assert capfd.readouterr() == ("", "")
