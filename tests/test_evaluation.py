"""`evaluate`: losses of given parameters are those that training reports."""

import numpy as np
import pytest

import toymodels as tm

MODEL, TASK = (
    tm.Autoencoder(5, 2),
    tm.Task(tm.Independent(5), tm.GeometricImportance(0.9), penalties=(tm.WeightL2(0.1),)),
)
RECIPE = tm.Recipe(steps=20, batch_size=64, evaluation_samples=256)


@pytest.fixture(scope="module")
def run() -> tm.Run:
    return tm.train(MODEL, TASK, RECIPE, restarts=3, metrics=[tm.analysis.geometry.norms])


def test_losses_objectives_and_metrics_are_those_of_training(run: tm.Run):
    again = tm.evaluate(MODEL, TASK, run, RECIPE, metrics=[tm.analysis.geometry.norms])
    for name in ("loss", "objective"):
        np.testing.assert_allclose(getattr(again, name), getattr(run, name), rtol=1e-6)
    np.testing.assert_allclose(again.metrics["norms"], run.metrics["norms"], rtol=1e-6)
    np.testing.assert_array_equal(again.W, run.W)


def test_a_single_model_and_models_out_of_order(run: tm.Run):
    one = tm.evaluate(MODEL, TASK, {name: value[2] for name, value in run.params.items()}, RECIPE)
    assert one.loss == pytest.approx(run.loss[2], rel=1e-6)
    backwards = tm.evaluate(MODEL, TASK, {name: value[::-1] for name, value in run.params.items()}, RECIPE)
    np.testing.assert_array_equal(backwards.restart, [2, 1, 0])  # the best first
    np.testing.assert_allclose(backwards.loss, run.loss, rtol=1e-6)


def test_another_task_gives_another_loss_and_nothing_is_trained(run: tm.Run):
    other = tm.evaluate(MODEL, tm.Task(tm.Independent(5, 0.5)), run, RECIPE)
    assert (other.loss > 2 * run.loss.max()).all()
    assert other.history.shape == (3, 0)


@pytest.mark.parametrize(
    ("params", "message"),
    [
        ({"W": np.zeros((5, 2)), "b": np.zeros(5)}, r"W of shape \(2, 5\)"),
        ({"W": np.zeros((2, 5))}, "It lacks b"),
        ({"W": np.zeros((2, 5)), "q": np.zeros(5)}, "names 'q'"),
    ],
)
def test_parameters_of_another_model_are_refused(params, message, nothing_compiled):
    with pytest.raises(ValueError, match=message):
        tm.evaluate(MODEL, TASK, params, RECIPE)


def test_a_recipe_of_no_steps_evaluates_the_start(run: tm.Run, tmp_path):
    nothing = tm.Recipe(steps=0, batch_size=64, evaluation_samples=256)
    metrics = [tm.analysis.geometry.norms]
    folder, over = tmp_path / "sweep", {"density": [0.1, 0.3]}
    swept = tm.sweep(MODEL, TASK, nothing, over=over, start=run, folder=folder, metrics=metrics)
    here = tm.evaluate(MODEL, TASK, {name: value[0] for name, value in run.params.items()}, RECIPE)
    np.testing.assert_array_equal(swept.W, np.broadcast_to(run.W[0], (2, 2, 5)))
    np.testing.assert_allclose(swept.loss[0], here.loss[0], rtol=1e-6)
    assert swept.loss[1] > 1.5 * swept.loss[0]
    np.testing.assert_allclose(swept.norms[0], run.metrics["norms"][0], rtol=1e-6)
    assert np.isnan(swept.final_loss).all()
    assert swept.history.size == 0
    tm.sweeps.merge([folder], tmp_path / "all.nc")
    assert tm.sweeps.load(tmp_path / "all.nc").identical(tm.sweeps.load(folder))
    assert tm.sweeps.as_run(swept, density=0.3).history_steps.tolist() == []
    assert tm.sweeps.estimate(MODEL, TASK, nothing, over=over).models == 2
    fresh = tm.train(MODEL, TASK, nothing, restarts=2)
    assert fresh.history.shape == (2, 0)
    assert (fresh.W[0] != fresh.W[1]).all()
