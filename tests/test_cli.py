import dataclasses
import os
import re
import subprocess
import sys
from pathlib import Path

import jax
import numpy as np
import optax
import pytest

import toymodels as tm
from toymodels.cli import main, parse_train
from toymodels.cli.flags import short_flags
from toymodels.cli.toml import updated
from toymodels.training import constant

ROOT = Path(__file__).parents[1]
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
        ('[task.features]\ntype = "CorrelatedSets"', "does not make a CorrelatedSets"),
        ('[task.features]\ntype = "Independent"\nn = 3', "names 'n', which is not a field of Independent"),
        ("a = = 3", "is not valid TOML"),
    ],
)
def test_wrong_toml_is_refused_with_the_near_names(tmp_path, text, message) -> None:
    path = tmp_path / "job.toml"
    path.write_text(text)
    with pytest.raises(ValueError, match="^" + ".*" + message.replace("?", r"\?")):
        parse_train([str(path)])


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
        (["-n", "6", "--task.features.n-features", "5"], "do n_features of model and features agree?"),
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
    main(["--help"])
    assert "toymodels train --help" in capsys.readouterr().out
    with pytest.raises(SystemExit, match="0"):
        main(["train", "--help"])
    said = " ".join(capsys.readouterr().out.replace("│", "").split())
    assert "probability that a feature is on, 0 or from 1e-7 to 1" in said


def test_help_has_short_flags_and_only_what_can_be_chosen(capsys) -> None:
    with pytest.raises(SystemExit, match="0"):
        main(["train", "--help"])
    printed = capsys.readouterr().out
    said = " ".join(printed.replace("│", "").split())
    for flags in (
        "-n INT, --n-features INT, --model.n-features INT",
        "-m INT, --n-hidden INT, --model.n-hidden INT",
        "-p FLOAT, --density FLOAT, --task.features.density FLOAT",
        "--decay FLOAT, --task.importance.decay FLOAT",
        "--steps INT, --recipe.steps INT",
    ):
        assert flags in said
    assert "fixed" not in said
    assert "--task.evaluation" not in said
    assert "{None}" not in said
    assert "an activation: identity, linear, relu" in said
    assert "or module:function" in said
    undocumented = [line for line in printed.splitlines() if re.fullmatch(r"│ +\(default: .*\) +│", line)]
    assert len(undocumented) <= 8  # the ends of longer texts


SHORT = {  # a flag, and what it stands for
    "-m 3": "--model.n-hidden 3",
    "--n-hidden 3": "--model.n-hidden 3",
    "-p 0.3": "--task.features.density 0.3",
    "--density 0.3": "--task.features.density 0.3",
    "--decay 0.5": "--task.importance.decay 0.5",
    "--steps 7": "--recipe.steps 7",
    "--learning-rate 0.1": "--recipe.learning-rate 0.1",
    "--output-activation linear": "--model.output-activation linear",
    "--no-output-bias": "--model.no-output-bias",
    "--optimizer sgd": "--recipe.optimizer sgd",
    "-n 7": "--model.n-features 7 --task.features.n-features 7",
    "--n-features 7": "--model.n-features 7 --task.features.n-features 7",
    "--model.n-features=7": "--model.n-features 7 --task.features.n-features 7",
    "--task.features.n-features 7": "--model.n-features 7 --task.features.n-features 7",
}


@pytest.mark.parametrize(("short", "long"), SHORT.items())
def test_a_flag_may_be_the_end_of_its_path(short: str, long: str) -> None:
    assert parse_train(short.split()) == parse_train(long.split()) != parse_train([])


def test_every_end_that_is_the_only_one_is_a_flag() -> None:
    job = parse_train([])
    flags = short_flags(job)
    for name, part in (("model", job.model), ("task.features", job.task.features), ("recipe", job.recipe)):
        for field in dataclasses.fields(part):
            path = f"{name}.{field.name}"
            assert path == "task.features.n_features" or f"--{field.name.replace('_', '-')}" in flags[path]
    assert not {"--seed", "--restarts", "--picture"} & {flag for short in flags.values() for flag in short}


def test_of_a_setting_that_is_given_twice_the_last_counts() -> None:
    twice = ["--density", "0.2", "--task.features.density", "0.3"]
    assert parse_train(twice).task.features.density == 0.3
    assert parse_train(twice[2:] + twice[:2]).task.features.density == 0.2


def test_two_numbers_of_features_that_were_told_stay(capsys) -> None:
    job = parse_train(["-n", "6", "--task.features.n-features", "5"])
    assert (job.model.n_features, job.task.features.n_features) == (6, 5)


FOUR = [0.1, 0.2, 0.3, 0.4]


@pytest.mark.parametrize(
    ("text", "features"),
    [
        ("[model]\nn_features = 4", tm.Independent(4, 0.1)),
        ("[task.features]\nn_features = 4", tm.Independent(4, 0.1)),
        ("[model]\nn_features = 4\n[task.features]\ndensity = [0.1, 0.2, 0.3, 0.4]", tm.Independent(4, FOUR)),
        ('[model]\nn_features = 4\n[task.features]\ntype = "Independent"\ndensity = 0.2', tm.Independent(4, 0.2)),
        ('[task.features]\ntype = "CorrelatedSets"\nsets = [[0, 1], [2, 3]]', tm.CorrelatedSets(((0, 1), (2, 3)))),
        ('[model]\ntype = "Autoencoder"\nn_hidden = 2\n[task.features]\nn_features = 4', tm.Independent(4, 0.1)),
    ],
)
def test_in_a_file_n_is_written_once(tmp_path, text, features) -> None:
    path = tmp_path / "job.toml"
    path.write_text(text)
    job = parse_train([str(path)])
    assert job.task.features == features
    assert job.model == tm.Autoencoder(4, 2)
    if isinstance(features, tm.Independent) and features.density is not FOUR:
        job = parse_train([str(path), "-n", "9"])
        assert job.model.n_features == 9
        assert job.task.features.n_features == (4 if "[task.features]\nn_features" in text else 9)


def test_two_files_are_refused() -> None:
    with pytest.raises(ValueError, match=r"train takes one TOML file. Got a.toml and b.toml"):
        parse_train(["a.toml", "--config=b.toml"])


# --- What is written ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        ("--picture picture.foo", "--picture is picture.foo. It must end in one of .avif"),
        ("--picture folder", "--picture is folder, which is a folder."),
        ("--picture folder.png", "--picture is folder.png, which is a folder."),
        ("--picture file/picture.png", "file: Not a directory."),
        ("--save folder", "--save is folder, which cannot be written."),
        ("--save file/run", "file: Not a directory."),
        ("--save /proc/nowhere/run", "--save is /proc/nowhere/run, which cannot be written."),
        ("--show", "--show needs a screen"),
        (
            "layers.toml --picture picture.png",
            "--picture and --show draw W (m, n) with b (n,). The model has W1 (3, 5)",
        ),
    ],
)
def test_what_cannot_be_written_is_refused_before_training(
    tmp_path, monkeypatch, capsys, nothing_compiled, flags, message
) -> None:
    monkeypatch.chdir(tmp_path)
    for folder in ("folder", "folder.png"):
        (tmp_path / folder).mkdir()
    (tmp_path / "file").write_text("")
    (tmp_path / "layers.toml").write_text('[model]\ntype = "Network"\nsizes = [5, 3, 5]\n')
    before = sorted(tmp_path.rglob("*"))
    with pytest.raises(SystemExit, match="2"):
        main(["train", *QUICK, *flags.split()])
    assert message in capsys.readouterr().err
    assert sorted(tmp_path.rglob("*")) == before


def test_missing_folders_are_made_and_places_are_told(tmp_path, capsys) -> None:
    save, picture = tmp_path / "a" / "run.safetensors", tmp_path / "b" / "c" / "picture"
    main(["train", *QUICK, "--save", str(save), "--picture", str(picture)])
    printed = capsys.readouterr().out
    assert printed.endswith(f"The models are in {save}.\nThe picture is {picture}.png.\n")
    assert picture.with_suffix(".png").exists()
    tm.Run.load(save).save(tmp_path / "d" / "run")
    np.testing.assert_array_equal(tm.Run.load(tmp_path / "d" / "run").W, tm.Run.load(save).W)


@pytest.mark.parametrize("command", ["toymodels.cli train --help", "toymodels.cli --help", "experiments list"])
def test_a_reader_that_stops_early_ends_the_program_quietly(command: str) -> None:
    """The reader is gone before the program has begun."""
    module, *arguments = command.split()
    place = "experiments.__main__" if module == "experiments" else module
    code = f"import sys\nfrom {place} import main\nsys.exit(main({arguments}))"
    read, write = os.pipe()
    os.close(read)
    done = subprocess.run([sys.executable, "-c", code], stdout=write, stderr=subprocess.PIPE, text=True, cwd=ROOT)
    os.close(write)
    assert (done.returncode, done.stderr) == (141, "")


def test_what_was_trained_is_kept_where_nobody_reads(tmp_path) -> None:
    read, write = os.pipe()
    os.close(read)
    code = f"from toymodels.cli import main\nmain({['train', *QUICK, '--save', str(tmp_path / 'run')]})"
    done = subprocess.run([sys.executable, "-c", code], stdout=write, stderr=subprocess.PIPE, text=True, cwd=ROOT)
    os.close(write)
    assert (done.returncode, done.stderr) == (141, "")
    assert len(tm.Run.load(tmp_path / "run").loss) == 2


def test_unknown_commands_are_refused(capsys) -> None:
    with pytest.raises(SystemExit, match="2"):
        main(["trian"])
    assert "no command 'trian'. Did you mean train?" in capsys.readouterr().err


def test_the_version(capsys) -> None:
    main(["--version"])
    assert capsys.readouterr().out == f"toymodels {tm.__version__}\n"


def _default_task() -> tm.Task:
    return tm.Task(tm.Independent(5, 0.1), importance=tm.GeometricImportance(0.9))
