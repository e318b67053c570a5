"""What a sweep will cost is said before it is begun."""

from pathlib import Path

import jax
import numpy as np
import pytest

import toymodels as tm
from toymodels.cli import main
from toymodels.training.engine import execution

CELL = (tm.Autoencoder(5, 2), tm.Task(tm.Independent(5)), tm.Recipe(steps=40, batch_size=64, evaluation_samples=64))
OVER = {"density": [0.1, 0.2, 0.3], "output_activation": [jax.nn.relu, jax.nn.gelu]}


def test_sizes_are_those_of_the_sweep(tmp_path: Path):
    estimate = tm.sweeps.estimate(*CELL, over=OVER, restarts=4)
    results = tm.sweep(*CELL, over=OVER, restarts=4, folder=tmp_path)
    assert (estimate.cells, estimate.models, estimate.programs) == (6, 24, 2)
    assert estimate.units == len(list((tmp_path / "units").iterdir()))
    variables = sum(one.nbytes for name, one in results.data_vars.items() if name != "final_loss")
    assert 0.9 * variables <= estimate.bytes <= 1.2 * results.nbytes
    assert "6 cells, 24 models in 2 programs" in str(estimate)


def test_time_is_steps_times_units_over_cores(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(
        "toymodels.sweeps.estimating.time_chunk", lambda plan, chunk, device: execution.Timing(2.0, 0.25, 1.0)
    )
    estimate = tm.sweeps.estimate(*CELL, over=OVER)
    workers = len(jax.local_devices()) if estimate.units == 1 else min(estimate.units, len(execution.workers()))
    assert estimate.compile_seconds == 4.0
    np.testing.assert_allclose(estimate.seconds, 4.0 + estimate.units * (40 * 0.25 + 1.0) / workers)


def test_bad_input_is_refused_before_anything_is_compiled(nothing_compiled):
    with pytest.raises(ValueError, match="denisty"):
        tm.sweeps.estimate(*CELL, over={"denisty": [0.1]})


def test_a_dry_run_trains_nothing(tmp_path: Path, capsys: pytest.CaptureFixture):
    job = tmp_path / "job.toml"
    job.write_text(
        "[model]\nn_features = 5\nn_hidden = 2\n[task.features]\nn_features = 5\n[recipe]\nsteps = 40\n"
        "batch_size = 64\nevaluation_samples = 64\n[over]\ndensity = [0.1, 0.2]"
    )
    main(["sweep", str(job), "--folder", str(tmp_path / "results"), "--dry-run"])
    assert "2 cells, 2 models in 1 program" in capsys.readouterr().out
    assert not (tmp_path / "results").exists()
