"""Chains of weights, and the learning coefficients that they tell: against cases whose λ is known."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import xarray as xr

import toymodels as tm
from toymodels import sampling
from toymodels.sampling import Chains
from toymodels.theory import polygons
from toymodels.training import constant


def mean_of(loss, dims: int, *, n_beta: float, localization: float) -> float:
    """n β E[L] under exp(-n β L - γ/2 ‖w‖²), by quadrature on a grid."""
    axis = np.linspace(-4, 4, 1601)
    w = np.stack(np.meshgrid(*[axis] * dims, indexing="ij"))
    values = n_beta * loss(w)
    weights = np.exp(-values - localization / 2 * np.square(w).sum(0))
    return float((values * weights).sum() / weights.sum())


KNOWN = {  # loss of w (dims, ...), dims, λ
    "quadratic": (lambda w: 0.5 * w[0] ** 2 + 1.5 * w[1] ** 2, 2, 1),
    "quartic": (lambda w: w[0] ** 4, 1, 1 / 4),
    "cross": (lambda w: w[0] ** 2 * w[1] ** 2, 2, 1 / 2),
    "dead direction": (lambda w: w[0] ** 2 + 0.0 * w[1], 2, 1 / 2),
}


@pytest.mark.parametrize("name", KNOWN)
def test_known_coefficients(name: str):
    """Chains against quadrature; and quadrature against λ, which it comes to as n β grows, for the cross as slowly as
    1 / log(n β)."""
    loss, dims, known = KNOWN[name]
    keys = jax.random.split(jax.random.key(3), 200)

    def chain(key: jax.Array) -> jax.Array:
        return sampling.langevin(
            lambda w, key: loss(w),
            jnp.zeros(dims),
            key,
            n_beta=50.0,
            step_size=2e-3,
            localization=1.0,
            steps=4_000,
            entries=8,
        )

    found = sampling.summary(jax.vmap(chain)(keys))
    exact = mean_of(loss, dims, n_beta=50.0, localization=1.0)
    # 4 standard errors, and what the step adds to the stiffest direction: at most 1/2 of ε n β h / 4 = 7.5 % of it
    assert found.coefficient == pytest.approx(exact, abs=4 * found.error + 0.04)
    assert found.error < 0.03
    assert found.below == 0
    near = [mean_of(loss, dims, n_beta=n_beta, localization=1.0) for n_beta in (50.0, 2_000.0)]
    assert abs(near[1] - known) < abs(near[0] - known)
    assert near[1] == pytest.approx(known, abs=0.01 if name != "cross" else 0.2)


def test_a_summary_of_chains_that_rise_and_fall_below():
    trace = np.stack([[np.arange(8.0), np.arange(8.0) - 6], [np.full(8, 3.0), np.full(8, 5.0)]])
    found = sampling.summary(trace)
    np.testing.assert_allclose(found.coefficient, [2.5, 4.0])  # of the last four entries
    np.testing.assert_allclose(found.error, [3.0, 1.0])  # half the difference of two chains
    np.testing.assert_allclose(found.below, [0.25, 0.0])
    np.testing.assert_allclose(found.drift, [2.0, 0.0])
    assert np.isnan(sampling.summary(trace[:, :1]).error).all()


@pytest.mark.parametrize(
    "chosen",
    [
        Chains(300.0, 2e-3, 20.0, chains=300, steps=400, entries=4),
        Chains(300.0, 1e-4, 1.0, chains=300, steps=400, entries=4),  # far too few steps for the second direction
    ],
)
def test_what_the_choice_of_chains_makes_of_a_quadratic(chosen: Chains):
    curvatures = jnp.array([3.0, 0.2])

    def chain(key: jax.Array) -> jax.Array:
        return sampling.langevin(
            lambda w, key: (curvatures * jnp.square(w)).sum() / 2,
            jnp.zeros(2),
            key,
            n_beta=chosen.n_beta,
            step_size=chosen.step_size,
            localization=chosen.localization,
            steps=chosen.steps,
            entries=chosen.entries,
        )

    found = sampling.summary(jax.vmap(chain)(jax.random.split(jax.random.key(1), chosen.chains)))
    expected = sampling.expected_coefficient(curvatures, chosen)
    assert found.coefficient == pytest.approx(expected, abs=4 * found.error)
    assert found.error < 0.05 * expected
    assert abs(expected - 1) > 0.05
    assert sampling.expected_coefficient([3.0, 0.2], Chains(300.0, 1e-2)) == np.inf


def polygon(k: int) -> dict[str, np.ndarray]:
    """The parameters of the regular k-gon of k features."""
    found, angles = polygons.polygon(k), 2 * np.pi * np.arange(k) / k
    return {"W": found.length * np.array([np.cos(angles), np.sin(angles)]), "b": np.full(k, found.bias)}


def one_at_a_time(n: int, points: int = 32) -> tm.Dataset:
    """Each feature alone, at the midpoints of equal parts of [0, 1]."""
    middles = (np.arange(points) + 0.5) / points
    return tm.Dataset(np.concatenate([u * np.eye(n) for u in middles], axis=1), tm.features.full_batch)


CHAINS = Chains(n_beta=5e4, step_size=1e-5, chains=32, steps=8_000)


def test_the_pentagon_has_seven_and_not_half_of_its_parameters():
    run = tm.evaluate(tm.Autoencoder(5, 2), tm.Task(one_at_a_time(5)), polygon(5), metrics={"trace": CHAINS})
    found = sampling.summary(run.metrics["trace"][0])
    assert found.coefficient == pytest.approx(polygons.polygon_learning_coefficient(5), abs=4 * found.error)
    assert found.error < 0.15
    assert found.coefficient + 4 * found.error < 15 / 2
    assert found.below == 0
    assert abs(found.drift) < 4 * found.error


def test_chains_agree_with_a_sampler_of_blackjax():
    """The mean of n β (L - L*) around the pentagon, by the No-U-Turn sampler, whose steps make no error."""
    blackjax = pytest.importorskip("blackjax")
    start, n_beta, samples = polygon(5), 5e3, jnp.asarray(one_at_a_time(5).samples)

    def excess(params: dict[str, jax.Array]) -> jax.Array:
        W, b = params["W"], params["b"]
        predicted = jax.nn.relu(W.T @ (W @ samples) + b[:, None])
        return n_beta * (jnp.square(predicted - samples).mean() - at_start)

    at_start = 0.0
    start = {name: jnp.asarray(value, float) for name, value in start.items()}
    at_start = excess(start) / n_beta

    def log_density(params: dict[str, jax.Array]) -> jax.Array:
        away = jax.tree.map(lambda one, origin: jnp.square(one - origin).sum(), params, start)
        return -excess(params) - sum(jax.tree.leaves(away)) / 2

    nuts = blackjax.nuts(log_density, step_size=0.03, inverse_mass_matrix=jnp.ones(15))

    @jax.jit
    def chain(key: jax.Array) -> jax.Array:
        def step(state, key):
            state, _ = nuts.step(key, state)
            return state, excess(state.position)

        return jax.lax.scan(step, nuts.init(start), jax.random.split(key, 600))[1]

    other = sampling.summary(jax.vmap(chain)(jax.random.split(jax.random.key(0), 16)))
    run = tm.evaluate(
        tm.Autoencoder(5, 2), tm.Task(one_at_a_time(5)), polygon(5), metrics={"trace": Chains(n_beta, 4e-5, chains=32)}
    )
    ours = sampling.summary(run.metrics["trace"][0])
    assert ours.coefficient == pytest.approx(other.coefficient, abs=4 * (ours.error**2 + other.error**2) ** 0.5 + 0.1)
    assert max(ours.error, other.error) < 0.2


def test_half_a_turn_from_a_minimum_chains_fall_below_it():
    far = {name: 0.6 * value for name, value in polygon(5).items()}
    run = tm.evaluate(tm.Autoencoder(5, 2), tm.Task(one_at_a_time(5)), far, metrics={"trace": CHAINS})
    assert sampling.summary(run.metrics["trace"][0]).below > 0.9


# --- Runs and sweeps ---------------------------------------------------------------------------------------------

SHORT = Chains(n_beta=1e3, step_size=1e-4, chains=3, steps=40, entries=8, batch_size=16)
RECIPE = tm.Recipe(steps=30, batch_size=16, evaluation_samples=16)


def test_a_run_has_the_coefficients_of_its_models_in_their_order():
    model, task = tm.Autoencoder(4, 2), tm.Task(tm.DrawnDataset(tm.Independent(4, 0.3), 50))
    run = tm.train(model, task, RECIPE, seed=5, restarts=3)
    found = sampling.learning_coefficients(run, SHORT)
    assert found.trace.dims == ("restart", "chain", "entry")
    assert found.trace.shape == (3, 3, 8)
    for place in range(3):
        alone = {name: value[place] for name, value in run.params.items()}
        own = tm.evaluate(
            model, task, alone, tm.Recipe(1, 16, evaluation_samples=1), seed=5, metrics={"trace": SHORT}
        ).metrics["trace"]
        np.testing.assert_allclose(found.trace[place], own[0], rtol=2e-3, atol=1e-4)
    np.testing.assert_allclose(found.coefficient, found.trace.values[..., 4:].mean((-2, -1)), rtol=1e-5)
    other = sampling.learning_coefficients(tm.train(model, task, RECIPE, seed=6, restarts=3), SHORT)
    assert abs(other.trace - found.trace).max() > 0.1


def test_a_sweep_has_the_coefficients_of_its_cells():
    model, task = tm.Autoencoder(4, 2), tm.Task(tm.Independent(4))
    over = {"density": [0.1, 0.6], "seed": [1, 2]}
    grid = tm.sweep(model, task, RECIPE, over=over, restarts=2)
    found = sampling.learning_coefficients(grid, SHORT)
    assert found.coefficient.dims == ("density", "seed", "restart")
    xr.testing.assert_equal(found.density, grid.density)
    cell = sampling.learning_coefficients(tm.sweeps.as_run(grid, density=0.6, seed=2), SHORT)
    order = np.argsort(tm.sweeps.as_run(grid, density=0.6, seed=2).restart)
    np.testing.assert_allclose(found.trace.sel(density=0.6, seed=2), cell.trace.values[order], rtol=2e-3, atol=1e-4)
    assert abs(found.coefficient.sel(density=0.6) - found.coefficient.sel(density=0.1)).min() > 0.01
    alone = tm.sweep(model, task, RECIPE, over={"density": [0.1, 0.6]})
    assert sampling.learning_coefficients(alone, SHORT).coefficient.dims == ("density",)


def test_chains_as_a_metric_of_a_sweep():
    grid = tm.sweep(
        tm.Autoencoder(4, 2), tm.Task(tm.Independent(4)), RECIPE, over={"density": [0.1, 0.6]}, metrics={"trace": SHORT}
    )
    assert grid.trace.shape == (2, 3, 8)
    assert np.isfinite(grid.trace).all()
    assert len(np.unique(grid.trace[0, :, -1])) == 3


def test_penalties_count():
    """The chain is that of the objective: a penalty alone, 3 (w - 1)² summed over four weights, has λ = 2."""

    def penalty(W: jax.Array) -> jax.Array:
        return 3 * jnp.square(W - 1).sum()

    task = tm.Task(tm.Independent(4), loss=lambda prediction, wanted: 0 * prediction, penalties=(penalty,))
    model = tm.Autoencoder(4, 1, output_bias=False)
    chains = Chains(100.0, 2e-4, chains=64, localization=0.0, batch_size=1)
    run = tm.evaluate(model, task, {"W": np.ones((1, 4))}, metrics={"trace": chains})
    found = sampling.summary(run.metrics["trace"][0])
    assert found.coefficient == pytest.approx(2.0, abs=4 * found.error + 0.07)  # ε n β h / 4 = 3 % from the step
    assert found.error < 0.1


def test_the_optimiser_makes_the_same_chain_as_the_metric():
    """In the mean over chains: SGLD as the optimiser of training, and `Chains`."""
    task = tm.Task(one_at_a_time(5))
    walk = tm.Recipe(4_000, 1, 4e-5, optimizer=tm.SGLD(5e3, 1.0), schedule=constant, evaluation_samples=1)
    run = tm.train(tm.Autoencoder(5, 2), task, walk, start=polygon(5), restarts=32, history=20)
    start = tm.evaluate(tm.Autoencoder(5, 2), task, polygon(5)).loss[0]
    one = sampling.summary(5e3 * (run.history - start))
    run = tm.evaluate(tm.Autoencoder(5, 2), task, polygon(5), metrics={"trace": Chains(5e3, 4e-5, chains=32)})
    other = sampling.summary(run.metrics["trace"][0])
    assert one.coefficient == pytest.approx(other.coefficient, abs=4 * (one.error**2 + other.error**2) ** 0.5)
    assert max(one.error, other.error) < 0.3


# --- What is refused ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: Chains(-1.0, 1e-3), "n_beta of Chains"),
        (lambda: Chains(1.0, 1e-3, steps=10, entries=4), "steps of Chains must be a multiple of entries"),
        (lambda: Chains(1.0, 1e-3, chains=0), "chains of Chains"),
        (lambda: sampling.summary(np.zeros((2, 3))), "at least 4 entries"),
        (lambda: sampling.expected_coefficient([1.0, -0.5], Chains(1.0, 1e-3)), "must not be negative. Got -0.5"),
    ],
)
def test_bad_input(call, message: str):
    with pytest.raises(ValueError, match=message):
        call()


def test_points_of_a_list_have_their_coefficients():
    model, task = tm.Autoencoder(4, 2), tm.Task(tm.Independent(4), importance=np.ones(4))
    points = [{"density": 0.1, "importance": np.ones(4)}, {"density": 0.6, "importance": np.arange(1.0, 5.0)}]
    grid = tm.sweep(model, task, RECIPE, over=points)
    found = sampling.learning_coefficients(grid, SHORT)
    assert found.coefficient.dims == grid.loss.dims
    assert len(np.unique(found.coefficient)) == 2


def test_what_is_not_trained_is_refused():
    with pytest.raises(TypeError, match="models"):
        sampling.learning_coefficients({}, SHORT)


def test_results_without_parameters_are_refused():
    grid = tm.sweep(tm.Autoencoder(4, 2), tm.Task(tm.Independent(4)), RECIPE, over={"seed": [0]}, params=False)
    with pytest.raises(ValueError, match="needs parameters"):
        sampling.learning_coefficients(grid, SHORT)


def test_a_task_that_cannot_be_read_back_is_given_again():
    task = tm.Task(tm.Independent(4), target=lambda x: 2 * x)
    run = tm.train(tm.Autoencoder(4, 2), task, RECIPE)
    with pytest.raises(ValueError, match="Give it again"):
        sampling.learning_coefficients(run, SHORT)
    assert np.isfinite(sampling.learning_coefficients(run, SHORT, task=task).coefficient).all()
