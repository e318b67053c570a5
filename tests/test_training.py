"""Training against a loop in numpy with gradients by hand, and what must not change the numbers."""

import sys
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from flax import nnx

import toymodels as tm
from toymodels.training import constant, engine, schedule
from toymodels.training.ensemble import Cell, Ensemble, Models, separate

N_FEATURES, N_HIDDEN = 5, 2
MODEL = tm.Autoencoder(N_FEATURES, N_HIDDEN)
TASK = tm.Task(
    tm.Independent(N_FEATURES, np.array([0.1, 0.3, 0.5, 0.8, 0.2])), importance=np.array([1, 0.9, 0.5, 0.3, 2])
)
RECIPE = tm.Recipe(steps=20, batch_size=64, evaluation_samples=256)


# --- The reference -----------------------------------------------------------------------------------------------


def streams(seed: int) -> jax.Array:
    """The keys of initial weights, data and evaluation."""
    return jax.random.split(jax.random.key(seed), 3)


def initial(seed: int, restart: int) -> tuple[np.ndarray, np.ndarray]:
    key = nnx.Rngs(jax.random.fold_in(streams(seed)[0], restart)).params()
    W = 2 * jax.random.normal(key, (N_HIDDEN, N_FEATURES)) / np.sqrt(N_HIDDEN * N_FEATURES)
    return np.asarray(W, dtype=float), np.zeros(N_FEATURES)


def batch(key: jax.Array, number: int, density: np.ndarray, size: int) -> np.ndarray:
    """Features that are on where a uniform draw is in the top `density` of [0, 1)."""
    u = np.asarray(jax.random.uniform(jax.random.fold_in(key, number), (N_FEATURES, size)), dtype=float)
    return np.maximum(0, (u - (1 - density[:, None])) / density[:, None])


def loss_and_gradient(
    W: np.ndarray, b: np.ndarray, x: np.ndarray, importance: np.ndarray, hidden_l1: float
) -> tuple[float, np.ndarray, np.ndarray]:
    """The task loss of the ReLU output model; the gradient of loss + hidden_l1 * mean over samples of Σ|h|."""
    h = W @ x
    before = W.T @ h + b[:, None]
    error = np.maximum(before, 0) - x
    to_before = 2 * importance[:, None] * error * (before > 0) / error.size
    to_h = W @ to_before + hidden_l1 * np.sign(h) / x.shape[1]
    return np.mean(importance[:, None] * error**2), h @ to_before.T + to_h @ x.T, to_before.sum(1)


def reference(recipe: tm.Recipe, seed: int, restart: int = 0) -> tuple[np.ndarray, np.ndarray, list[float], float]:
    """W, b, the loss of each batch, and the loss on the evaluation sample: Adam and decoupled decay written out."""
    _, data, evaluation = streams(seed)
    density, importance = TASK.features.density, TASK.importance
    params = list(initial(seed, restart))
    first, second = ([np.zeros_like(param) for param in params] for _ in range(2))
    losses = []
    for step in range(recipe.steps):
        x = batch(data, step, density, recipe.batch_size)
        loss, *gradient = loss_and_gradient(*params, x, importance, recipe.hidden_l1)
        losses.append(loss)
        rate = recipe.learning_rate
        if recipe.schedule is not constant:
            rate *= (1 + np.cos(np.pi * step / recipe.steps)) / 2
        for i in range(2):
            first[i] = 0.9 * first[i] + 0.1 * gradient[i]
            second[i] = 0.999 * second[i] + 0.001 * gradient[i] ** 2
            mean, variance = first[i] / (1 - 0.9 ** (step + 1)), second[i] / (1 - 0.999 ** (step + 1))
            params[i] = params[i] - rate * (mean / (np.sqrt(variance) + 1e-8) + recipe.weight_decay * params[i])
    xs = [
        batch(evaluation, number, density, recipe.batch_size)
        for number in range(recipe.evaluation_samples // recipe.batch_size)
    ]
    return *params, losses, float(np.mean([loss_and_gradient(*params, x, importance, 0)[0] for x in xs]))


@pytest.mark.parametrize(
    "recipe",
    [
        tm.Recipe(steps=10, batch_size=64, evaluation_samples=256),
        tm.Recipe(10, 32, 0.03, weight_decay=0.5, hidden_l1=0.2, schedule=constant, evaluation_samples=96),
    ],
)
def test_training_is_the_loop_in_numpy(recipe: tm.Recipe):
    run = tm.train(MODEL, TASK, recipe, seed=7, restarts=3)
    for model in range(3):
        W, b, losses, loss = reference(recipe, seed=7, restart=int(run.restart[model]))
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
    cuts = []
    monkeypatch.setattr(
        sys.modules["toymodels.training.train"],
        "cut",
        lambda *given, **options: cuts.append(schedule.cut(*given, **options)) or cuts[-1],
    )
    whole = tm.train(MODEL, TASK, recipe, restarts=7)
    cut = tm.train(MODEL, TASK, recipe, restarts=7, memory_bytes=1_000)
    assert cuts[1].streams * cuts[1].models < cuts[0].streams * cuts[0].models
    np.testing.assert_array_equal(cut.restart, whole.restart)
    for name in ("W", "b", "loss", "history"):
        np.testing.assert_allclose(getattr(cut, name), getattr(whole, name), atol=1e-6)


@pytest.mark.parametrize("threads", [1, 3])
@pytest.mark.parametrize("memory_bytes", [1, 3_000, 2**30])
@pytest.mark.parametrize(("streams", "models"), [(1, 1), (1, 2), (1, 7), (1, 100), (3, 1), (3, 2), (40, 7)])
def test_chunks_have_whole_groups_and_every_model_once(streams: int, models: int, memory_bytes: int, threads: int):
    cell = Cell(MODEL, TASK, RECIPE)
    structure, shared = separate(cell)

    def locate(numbers: np.ndarray) -> Models:
        return Models(np.zeros_like(numbers), np.zeros((len(numbers), 2), np.uint32), numbers)

    ensemble = Ensemble(structure, shared, lambda cells: (), streams, models, locate, independent_data=False)
    program = schedule.Program(structure, cell, stretch=1)
    cut = schedule.cut(program, ensemble, threads=threads, memory_bytes=memory_bytes)
    assert cut.models % cut.groups.models == 0
    if memory_bytes == 1:
        assert cut == schedule.Cut(1, 1, engine.Groups(1, 1))
    numbers = []
    for piece in schedule.pieces(ensemble, cut):
        chunk, rows, there = ensemble.chunk(*piece, cut.streams, cut.models)
        assert len(chunk.keys.init) == cut.streams * cut.models
        assert len(rows) == len(there) > 0
        numbers.extend(there.tolist())
    assert sorted(numbers) == list(range(streams * models))


def test_many_models_are_cut_for_all_threads():
    cell = Cell(MODEL, TASK, RECIPE)
    structure, shared = separate(cell)
    program = schedule.Program(structure, cell, stretch=1)
    for streams, models in [(1, 1000), (1000, 1), (50, 20)]:
        ensemble = Ensemble(
            structure,
            shared,
            own=lambda cells: (),
            streams=streams,
            models=models,
            locate=lambda numbers: Models(np.zeros_like(numbers), np.zeros((len(numbers), 2), np.uint32), numbers),
            independent_data=False,
        )
        for threads in (1, 2, 4, 10):
            cut = schedule.cut(program, ensemble, threads=threads, memory_bytes=2**30)
            assert len(schedule.pieces(ensemble, cut)) >= threads


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
    assert got.config["seed"] == wanted.config["seed"] == [0, 5]


def test_restarts_see_common_draws_unless_their_data_are_independent():
    same_start = tm.Autoencoder(N_FEATURES, N_HIDDEN, initializer=jax.nn.initializers.constant(0.3))
    independent = tm.Recipe(steps=20, batch_size=64, evaluation_samples=256, independent_data=True)
    common = tm.train(same_start, TASK, RECIPE, restarts=3)
    np.testing.assert_array_equal(common.history, common.history[[0, 0, 0]])
    apart = tm.train(same_start, TASK, independent, restarts=3)
    first = by_restart(apart, apart.history)[:, 0]
    assert len(set(first)) == 3
    _, data, _ = streams(0)
    x = [batch(jax.random.fold_in(data, restart), 0, TASK.features.density, 64) for restart in range(3)]
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
    np.testing.assert_allclose(W[:, 0], np.stack([initial(0, restart)[0] for restart in range(3)]), atol=1e-6)
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
        assert run.loss[place] == pytest.approx(reference(RECIPE, 0, int(restart))[3], rel=1e-4)


def test_the_description_of_a_run():
    config = tm.train(MODEL, TASK, RECIPE, seed=5, restarts=2).config
    assert config["model"] == tm.describe(MODEL)
    assert config["task"] == tm.describe(TASK)
    assert config["recipe"] == tm.describe(RECIPE)
    assert (config["seed"], config["restarts"]) == ([0, 5], 2)
    assert (config["toymodels"], config["jax"]) == (tm.__version__, jax.__version__)


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
    positive = [restart for restart in range(8) if initial(0, restart)[0][0, 0] > 0]
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
    programs = (engine.start, engine.advance, engine.evaluate)
    before = [program._cache_size() for program in programs]
    other = tm.Task(tm.Independent(N_FEATURES, np.full(N_FEATURES, 0.4)), np.linspace(0, 2, N_FEATURES))
    recipe = tm.Recipe(20, 64, learning_rate=0.5, weight_decay=0.1, hidden_l1=0.1, evaluation_samples=256)
    tm.train(tm.Autoencoder(N_FEATURES, N_HIDDEN), other, recipe, seed=9, restarts=3, snapshots=[3])
    assert [program._cache_size() for program in programs] == before
    tm.train(tm.Autoencoder(N_FEATURES, 3), other, recipe, restarts=3)
    assert all(program._cache_size() > size for program, size in zip(programs, before, strict=True))


def test_the_progress_bar_counts_all_model_steps_and_shows_the_loss(bars):
    run = tm.train(MODEL, TASK, RECIPE, restarts=3)
    tm.train(MODEL, TASK, RECIPE, restarts=3, progress=False)
    shown, hidden = bars
    assert shown.options["total"] == shown.count == 60
    assert shown.options["disable"] is None  # tqdm's word for: only on a terminal
    assert hidden.options["disable"] is True
    assert float(shown.postfix) == pytest.approx(run.history[:, -1].mean(), rel=0.5)


def test_training_writes_nothing_off_a_terminal(capfd: pytest.CaptureFixture[str]):
    tm.train(MODEL, TASK, RECIPE)
    assert capfd.readouterr() == ("", "")
