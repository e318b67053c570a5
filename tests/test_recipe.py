"""A recipe's updates against optax's own and against formulas."""

from collections.abc import Callable

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

import toymodels as tm
from toymodels.training import constant

PARAMS = {"W": jnp.array([[1.0, -2.0, 0.5], [0.3, 4.0, -0.7]]), "b": jnp.array([0.2, -0.1, 3.0])}


def gradient(step: int) -> dict[str, jax.Array]:
    key = jax.random.key(step)
    return jax.tree.map(lambda param: jax.random.normal(key, param.shape), PARAMS)


def trajectory(optimizer: optax.GradientTransformation, steps: int) -> list[dict[str, jax.Array]]:
    """The parameters after each step from PARAMS along given gradients."""
    params, state, visited = PARAMS, optimizer.init(PARAMS), []
    for step in range(steps):
        updates, state = optimizer.update(gradient(step), state, params)
        params = optax.apply_updates(params, updates)
        visited.append(params)
    return visited


def assert_same(got: list, wanted: list) -> None:
    for one, other in zip(got, wanted, strict=True):
        jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-5, atol=1e-7), one, other)


def test_the_papers_recipe_is_adamw_with_decay_of_a_hundredth():
    recipe = tm.Recipe.elhage2022()
    assert (recipe.steps, recipe.batch_size) == (10_000, 1024)
    assert_same(trajectory(recipe.transformation(), 5), trajectory(optax.adamw(1e-3, weight_decay=1e-2), 5))


def test_the_default_is_adam_at_a_hundredth_with_warmup_and_cosine_decay_over_2000_steps():
    assert tm.Recipe.fast() == tm.Recipe()
    assert (tm.Recipe().steps, tm.Recipe().batch_size) == (2_000, 1024)
    rising = optax.linear_schedule(1e-2 / 400, 1e-2 * 401 / 400, 400)
    schedule = optax.join_schedules([rising, optax.cosine_decay_schedule(1e-2, 1_600)], [400])
    assert_same(trajectory(tm.Recipe().transformation(), 5), trajectory(optax.adam(schedule, b2=0.99), 5))
    for step in (0, 100, 399, 400, 1_200, 1_999):
        assert float(tm.Recipe().rate(jnp.asarray(step))) == pytest.approx(float(schedule(step)), rel=1e-5, abs=1e-9)


@pytest.mark.parametrize(
    ("recipe", "wanted"),
    [
        (tm.Recipe(steps=8, learning_rate=0.5, schedule="cosine"), lambda step: 0.25 * (1 + np.cos(np.pi * step / 8))),
        (tm.Recipe(steps=8, learning_rate=0.5, schedule=constant), lambda step: 0.5),
        (
            tm.Recipe(steps=8, learning_rate=0.5, schedule=tm.training.Trapezoid(0.25, 0.5)),
            lambda step: 0.5 * min((step + 1) / 2, 1, (8 - step) / 4),
        ),
        (
            tm.Recipe(steps=8, learning_rate=0.5, schedule=lambda rate, steps: lambda step: rate / (1 + step)),
            lambda step: 0.5 / (1 + step),
        ),
    ],
)
def test_schedules(recipe: tm.Recipe, wanted: Callable[[int], float]):
    for step in range(8):
        assert float(recipe.rate(jnp.asarray(step))) == pytest.approx(wanted(step), abs=1e-7)
    plain = tm.Recipe(steps=8, learning_rate=0.5, schedule=recipe.schedule, optimizer=optax.sgd)
    moved = trajectory(plain.transformation(), 8)
    for step in range(8):
        before = moved[step - 1]["W"] if step else PARAMS["W"]
        np.testing.assert_allclose(before - moved[step]["W"], wanted(step) * gradient(step)["W"], atol=1e-5)


def test_weight_decay_is_decoupled_and_follows_the_schedule():
    """AdamW by optax with the same schedule; Adam on a loss with a squared penalty would differ."""
    recipe = tm.Recipe(steps=6, learning_rate=0.1, weight_decay=0.3, optimizer="adam", schedule="cosine")
    schedule = optax.cosine_decay_schedule(0.1, 6)
    assert_same(trajectory(recipe.transformation(), 6), trajectory(optax.adamw(schedule, weight_decay=0.3), 6))


def test_weight_decay_goes_with_any_optimiser():
    recipe = tm.Recipe(steps=3, learning_rate=0.1, weight_decay=0.5, optimizer=optax.sgd, schedule=constant)
    (after,) = trajectory(recipe.transformation(), 1)
    for name, param in PARAMS.items():
        np.testing.assert_allclose(after[name], param - 0.1 * gradient(0)[name] - 0.1 * 0.5 * param, rtol=1e-5)


def test_a_users_own_optimiser():
    def clipped(rate: optax.ScalarOrSchedule) -> optax.GradientTransformation:
        return optax.chain(optax.clip_by_global_norm(0.125), optax.sgd(rate))

    recipe = tm.Recipe(steps=4, learning_rate=2.0, optimizer=clipped, schedule=constant)
    (after,) = trajectory(recipe.transformation(), 1)
    moved = optax.tree.norm(jax.tree.map(jnp.subtract, PARAMS, after))
    assert float(moved) == pytest.approx(0.25, rel=1e-5)


def test_numbers_and_functions_of_a_recipe_are_leaves_and_sizes_are_static():
    leaves = jax.tree.leaves(tm.Recipe(learning_rate=0.1, weight_decay=0.2))
    assert leaves == [0.1, 0.2, 0.9, 0.99, 1e-8, 0.2, 0.0]
    recipe = tm.Recipe(optimizer="adam", schedule="cosine")
    assert jax.tree.leaves(recipe) == [1e-2, 0.0, optax.adam, optax.cosine_decay_schedule]
    assert jax.tree.leaves(tm.Recipe(weight_decay={"W": 0.2}, optimizer=tm.Adam(0.8, 0.9, 1e-7)))[1:5] == [
        0.2,
        0.8,
        0.9,
        1e-7,
    ]
