"""What the default recipe promises: the losses of the notebook's recipe in a fifth of its steps, also where features
are rarely seen, and no important feature left out."""

import numpy as np
import pytest

import toymodels as tm
from toymodels.analysis import geometry

pytestmark = [pytest.mark.slow, pytest.mark.optimized]

SIZES = [(5, 2, 0.9, 8), (20, 5, 0.7, 16), (80, 20, 0.9, 4)]


def trained(size: tuple[int, int, float, int], recipe: tm.Recipe, density: float, seed: int) -> tm.Run:
    n, m, decay, restarts = size
    task = tm.Task(tm.Independent(n, density), importance=tm.GeometricImportance(decay))
    return tm.train(tm.Autoencoder(n, m), task, recipe, seed=seed, restarts=restarts, progress=False)


def leaving_out(run: tm.Run) -> int:
    """How many restarts leave out one of the m most important features."""
    m = run.W.shape[-2]
    return int((geometry.norms(run.W)[:, :m] < 0.5).any(-1).sum())


@pytest.mark.parametrize("size", SIZES[1:])
@pytest.mark.parametrize("seed", [0, 2])
def test_no_important_feature_is_left_out_at_density_a_thousandth(size: tuple[int, int, float, int], seed: int) -> None:
    run = trained(size, tm.Recipe(), 1e-3, seed)
    assert leaving_out(run) == 0
    assert run.loss.max() < 2 * run.loss[0]


@pytest.mark.parametrize("size", SIZES[1:])
def test_without_a_warmup_restarts_fail_together(size: tuple[int, int, float, int]) -> None:
    run = trained(size, tm.Recipe(schedule="cosine"), 1e-3, 0)
    assert leaving_out(run) >= len(run.loss) / 2


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("density", [1.0, 0.1, 0.001])
def test_the_losses_are_those_of_the_notebooks_recipe(size: tuple[int, int, float, int], density: float) -> None:
    """Of the best restart and the median one, on the samples that both have in common."""
    ours, notebook = (trained(size, recipe, density, 0).loss for recipe in (tm.Recipe(), tm.Recipe.elhage2022()))
    assert ours[0] < 1.08 * notebook[0]
    assert np.median(ours) < 1.08 * np.median(notebook)
