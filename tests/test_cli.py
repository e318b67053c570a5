import jax
import numpy as np
import optax
import pytest

import toymodels as tm
from toymodels.cli import main, parse_train
from toymodels.cli.toml import read_toml, updated
from toymodels.training import constant

QUICK = ["--recipe.steps", "3", "--restarts", "2"]


def test_flags_reach_every_part_of_the_job() -> None:
    flags = (
        "--model.n-hidden 3 --model.output-activation identity --task.features.density 0.25 "
        "--task.features.values exponential --task.importance.decay 0.5 --task.target abs "
        "--recipe.optimizer sgd --recipe.learning-rate 0.3 --seed 7 --restarts 5"
    )
    job = parse_train(flags.split())
    assert job.model == tm.Autoencoder(5, 3, output_activation=tm.identity)
    assert job.task == tm.Task(
        tm.Independent(5, 0.25, tm.EXPONENTIAL), importance=tm.GeometricImportance(0.5), target=jax.numpy.abs
    )
    assert job.recipe == tm.Recipe(learning_rate=0.3, optimizer=optax.sgd)
    assert (job.seed, job.restarts) == (7, 5)


def test_toml_sets_fields_and_flags_go_before_it(tmp_path) -> None:
    path = tmp_path / "job.toml"
    path.write_text(
        """
        restarts = 3
        [model]
        n_features = 4
        hidden_activation = "relu"
        [task]
        importance = [1.0, 0.5, 0.25, 0.1]
        [task.features]
        type = "CorrelatedSets"
        sets = [[0, 1], [2, 3]]
        density = 0.3
        values = "signed_uniform"
        [recipe]
        schedule = "constant"
        steps = 11
        """
    )
    job = parse_train(["--config", str(path), "--recipe.steps", "12"])
    assert job.model == tm.Autoencoder(4, 2, hidden_activation=jax.nn.relu)
    assert job.task.features == tm.CorrelatedSets(((0, 1), (2, 3)), 0.3, tm.SIGNED_UNIFORM)
    assert job.task.importance == [1.0, 0.5, 0.25, 0.1]
    assert (job.restarts, job.recipe.steps, job.recipe.schedule) == (3, 12, constant)


def test_the_job_of_a_toml_file_trains(tmp_path, capsys) -> None:
    path = tmp_path / "job.toml"
    path.write_text('[task.features]\ntype = "AnticorrelatedSets"\nsets = [[0, 1, 2], [3, 4]]\ndensity = 0.5\n')
    main(["train", "--config", str(path), *QUICK])
    assert "best restart" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("restart = 3", "names 'restart', which is not a field of Train. Did you mean restarts?"),
        ("[recipe]\nstep = 3", "names 'step', which is not a field of Recipe. Did you mean steps?"),
        ('[recipe]\noptimizer = "adma"', "optimizer of Recipe is 'adma', which is not an optimizer. Did you mean adam"),
        (
            '[task.features]\nvalues = "unifrom"',
            "'unifrom', which is not a distribution of values. Did you mean uniform",
        ),
        ('[task.features]\ntype = "Independant"\nn_features = 3', "not a specification. Did you mean Independent"),
        ('[task.features]\ntype = "Independent"', "does not make a Independent"),
        ('[task.features]\ntype = "Independent"\nn = 3', "names 'n', which is not a field of Independent"),
        ("a = = 3", "is not valid TOML"),
    ],
)
def test_wrong_toml_is_refused_with_the_near_names(tmp_path, text, message) -> None:
    path = tmp_path / "job.toml"
    path.write_text(text)
    with pytest.raises(ValueError, match="^" + ".*" + message.replace("?", r"\?")):
        read_toml(path, parse_train([]))


def test_concatenated_features_from_a_list_of_tables() -> None:
    parts = [{"type": "Independent", "n_features": 2}, {"type": "Independent", "n_features": 3, "density": 0.5}]
    task = updated(parse_train([]).task, {"features": {"type": "Concatenated", "parts": parts}}, "here")
    assert task.features == tm.Concatenated((tm.Independent(2), tm.Independent(3, 0.5)))


def test_train_prints_saves_and_draws(tmp_path, capsys) -> None:
    run_path, picture = tmp_path / "run.safetensors", tmp_path / "picture.png"
    main(["train", *QUICK, "--save", str(run_path), "--picture", str(picture)])
    run = tm.Run.load(run_path)
    printed = capsys.readouterr().out
    assert f"{run.loss[0]:.6f}" in printed
    assert f"{tm.analysis.geometry.dimensions_per_feature(run.W[0]):.3f}" in printed
    assert picture.read_bytes().startswith(b"\x89PNG")
    np.testing.assert_array_equal(
        run.W, tm.train(tm.Autoencoder(5, 2), _default_task(), tm.Recipe(steps=3), restarts=2).W
    )


def test_a_model_with_three_hidden_dimensions_and_no_bias_is_drawn(tmp_path) -> None:
    picture = tmp_path / "picture.svg"
    main(["train", *QUICK, "--model.n-hidden", "3", "--model.no-output-bias", "--picture", str(picture)])
    assert "<svg" in picture.read_text()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--task.features.density", "1.5"], "density of Independent must be finite and in [0, 1]. Got 1.5."),
        (["--model.n-hidden", "0"], "n_hidden of Autoencoder must be an integer of at least 1. Got 0."),
        (["--model.n-features", "6"], "do n_features of model and features agree?"),
        (["--config"], "--config needs the path of a TOML file."),
        (["--config", "nowhere.toml"], "nowhere.toml"),
    ],
)
def test_bad_input_ends_in_one_line_and_exit_code_2(capsys, arguments, message) -> None:
    with pytest.raises(SystemExit, match="2"):
        main(["train", *arguments])
    error = " ".join(capsys.readouterr().err.replace("│", "").split())
    assert message in error
    assert "Traceback" not in error


def test_help_teaches(capsys) -> None:
    with pytest.raises(SystemExit, match="0"):
        main(["--help"])
    assert "toymodels train --help" in capsys.readouterr().err
    with pytest.raises(SystemExit, match="0"):
        main(["train", "--help"])
    said = " ".join(capsys.readouterr().out.replace("│", "").split())
    assert "probability that a feature is on, 0 or from 1e-7 to 1" in said


def test_unknown_commands_are_refused(capsys) -> None:
    with pytest.raises(SystemExit, match="2"):
        main(["trian"])
    assert "no command 'trian'. Did you mean train?" in capsys.readouterr().err


def test_the_version(capsys) -> None:
    main(["--version"])
    assert capsys.readouterr().out == f"toymodels {tm.__version__}\n"


def _default_task() -> tm.Task:
    return tm.Task(tm.Independent(5, 0.1), importance=tm.GeometricImportance(0.9))
