"""A model that was not trained to its end says so, and one that was does not."""

import numpy as np
import pytest

import toymodels as tm
from toymodels.training import constant
from toymodels.training.doubts import doubts

W, B = np.eye(3, 4), np.full(4, 0.1)
FLAT = np.full(200, 0.1)
IMPORTANCE = 0.9 ** np.arange(4)


def test_a_model_that_is_well_has_no_doubts():
    assert doubts(FLAT, {"W": W, "b": B}, IMPORTANCE) == []


@pytest.mark.parametrize(("drop", "falling"), [(0.04, False), (0.06, True)])
def test_a_loss_that_falls_by_more_than_a_twentieth(drop: float, falling: bool):
    history = np.concatenate([FLAT[:-20], FLAT[-20:] * (1 - drop)])
    assert doubts(history, {}, IMPORTANCE) == ["the loss was still falling"] * falling


def test_noise_does_not_count_as_falling():
    rng = np.random.default_rng(0)
    noisy = rng.exponential(0.1, (200, 200))  # the loss of very rare features
    assert sum(bool(doubts(history, {}, IMPORTANCE)) for history in noisy) <= 2


def test_dead_outputs_only_where_the_model_is_tied():
    dead = {"W": W, "b": np.array([0.1, 0.1, -1.2, 0.1])}
    assert doubts(FLAT, dead, IMPORTANCE)[0] == "output 2 is dead"
    assert doubts(FLAT, {**dead, "W_out": W.T}, IMPORTANCE) == []


def test_features_left_out_by_importance_whatever_their_order():
    there = {"W": W[:, [0, 3, 1, 2]], "b": B}  # feature 1 is left out
    assert doubts(FLAT, there, IMPORTANCE) == [
        "feature 1 is left out, though feature 3 is less important and represented"
    ]
    assert doubts(FLAT, there, IMPORTANCE[[0, 3, 1, 2]]) == []
    assert doubts(FLAT, there, np.ones(4)) == []


def test_a_run_says_it_at_a_prompt_and_when_read_from_a_file(tmp_path):
    task = tm.Task(tm.Independent(5, 1.0), tm.GeometricImportance(0.5))
    run = tm.train(tm.Autoencoder(5, 2), task, tm.Recipe(steps=30, learning_rate=3e-3, schedule=constant), restarts=2)
    assert "Trained to the end? the loss was still falling" in repr(run)
    assert "Trained to the end?" in run._repr_html_()
    run.save(tmp_path / "run.safetensors")
    assert tm.Run.load(tmp_path / "run.safetensors").doubts(1) == run.doubts(1)
