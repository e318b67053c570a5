"""Names for values: each stands for something that fits its field, wherever it is written."""

import dataclasses
import inspect
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import toymodels as tm
from toymodels.analysis.metrics import METRICS
from toymodels.checks import near_matches
from toymodels.cli import main, parse_train
from toymodels.cli.sweep_job import parse_sweep
from toymodels.cli.toml import updated
from toymodels.features import BATCHES, FEATURES, VALUES
from toymodels.identities import from_description
from toymodels.models import ACTIVATIONS, INITIALIZERS
from toymodels.names import Names
from toymodels.specifications import named_fields, with_fields
from toymodels.sweeps.axes import read_axes
from toymodels.tasks import ATTACKS, LOSSES, PENALTIES, TARGETS
from toymodels.training import OPTIMIZERS, SCHEDULES
from toymodels.training.engine.cells import Cell
from toymodels.training.fit import check_fit

MODEL, FEATURES_OF_5 = tm.Autoencoder(5, 2), tm.Independent(5)
TASK, RECIPE = tm.Task(FEATURES_OF_5), tm.Recipe(steps=10, batch_size=8)
SPECIFICATIONS: list[Any] = [
    MODEL,
    tm.Network((5, 3, 5)),
    FEATURES_OF_5,
    tm.CorrelatedSets(((0, 1), (2, 3, 4))),
    tm.AnticorrelatedSets(((0, 1), (2, 3, 4))),
    tm.Hierarchical((-1, 0, 0, -1, 3)),
    tm.ExactlyK(5, 2),
    tm.NonEmpty(5),
    tm.GaussianCopula(((0.5,),) * 5),
    tm.Concatenated((tm.Independent(2), tm.Independent(3))),
    tm.Dataset(np.full((5, 20), 0.5)),
    tm.DrawnDataset(FEATURES_OF_5, 20),
    tm.HiddenActivations(np.ones((2, 5)), FEATURES_OF_5),
    TASK,
    RECIPE,
    tm.Clipped(),
    tm.Averaged(),
]
FIELDS = [(one, field) for one in SPECIFICATIONS for field in named_fields(type(one))]
TABLES = [ACTIVATIONS, INITIALIZERS, VALUES, BATCHES, TARGETS, ATTACKS, LOSSES, OPTIMIZERS, SCHEDULES, METRICS]


def each_name(*tables: Names) -> Any:
    return pytest.mark.parametrize("named", [value for table in tables for value in table.table.values()])


def test_every_kind_has_a_field():
    fields = {names for one in SPECIFICATIONS for names in named_fields(type(one)).values()}
    assert fields == {*TABLES, FEATURES, PENALTIES} - {METRICS}


@pytest.mark.parametrize(("specification", "field"), FIELDS)
def test_a_name_is_what_it_stands_for(specification: Any, field: str):
    for name, value in named_fields(type(specification))[field].table.items():
        assert dataclasses.replace(specification, **{field: name}) == with_fields(specification, **{field: value})


@pytest.mark.parametrize(("specification", "field"), FIELDS)
def test_what_has_no_name_is_refused_with_what_would_be_right(specification: Any, field: str):
    for wrong in ("nothing", "", "nowhere:function", "toymodels:nothing"):
        with pytest.raises(ValueError, match=field) as caught:
            dataclasses.replace(specification, **{field: (wrong,) if field in ("parts", "penalties") else wrong})
        message = str(caught.value)
        assert repr(wrong) in message
        assert "\n" not in message
        assert ":" in wrong or "module:function" in message


@pytest.mark.parametrize("table", TABLES, ids=repr)
@given(data=st.data())
def test_a_misspelt_name_is_recognised(table: Names, data: st.DataObject):
    name = data.draw(st.sampled_from(sorted(table.table)))
    place = data.draw(st.integers(0, len(name) - 2))
    swapped = name[:place] + name[place + 1] + name[place] + name[place + 2 :]
    if swapped not in table.table and len(name) > 4:
        with pytest.raises(ValueError, match="Did you mean"):
            table.resolve("here", swapped)


@each_name(ACTIVATIONS, TARGETS)
def test_activations_map_sample_by_sample(named: Any):
    x = jnp.asarray(np.random.default_rng(0).normal(size=(5, 4)))
    alone = [named(x[:, [place]])[:, 0] for place in range(4)]
    np.testing.assert_allclose(named(x), np.stack(alone, axis=1), rtol=1e-6)


@each_name(INITIALIZERS)
def test_initializers_have_the_size_that_they_promise(named: Any):
    """The mean square of a unit's weights times its inputs, for few units and many inputs."""
    W = named(jax.random.key(0), (40, 1000))
    inputs = {"he": 2, "glorot": 2 / 1.04, "lecun": 1, "orthogonal": 1, "scaled": 4 / 40}
    wanted = inputs[named.__name__.partition("_")[0]]
    assert W.shape == (40, 1000)
    assert float((W**2).mean()) * 1000 == pytest.approx(wanted, rel=0.05)  # 40,000 numbers: a few parts in a thousand


@each_name(OPTIMIZERS)
def test_optimizers_need_only_a_rate(named: Any):
    check_fit(Cell(MODEL, TASK, dataclasses.replace(RECIPE, optimizer=named)))


@each_name(SCHEDULES)
def test_schedules_need_only_rate_and_steps(named: Any):
    recipe = tm.Recipe(steps=100, learning_rate=0.5, schedule=named)
    rates = np.array([recipe.rate(jnp.asarray(step)) for step in range(101)])
    assert rates.min() >= 0
    assert rates.max() == pytest.approx(0.5)


@each_name(ACTIVATIONS, INITIALIZERS, BATCHES, LOSSES, OPTIMIZERS, SCHEDULES)
def test_a_description_leads_back_to_what_a_name_stands_for(named: Any):
    found = from_description(tm.describe(named))
    assert found == named or tm.describe(found) == tm.describe(named)  # a partial is only equal to itself


def test_names_on_the_command_line_and_in_toml_are_those_of_python(tmp_path: Path):
    model = tm.Autoencoder(5, 2, output_activation="linear", initializer="glorot_normal")
    task = tm.Task(tm.Independent(5, values="exponential"), target="abs", loss="mse", attack="feature")
    recipe = tm.Recipe(optimizer="lion", schedule="linear_schedule")
    flags = (
        "--model.output-activation linear --model.initializer glorot_normal --task.features.values exponential "
        "--task.target abs --task.loss mse --task.attack feature --recipe.optimizer lion "
        "--recipe.schedule linear_schedule"
    )
    (tmp_path / "job.toml").write_text(
        """
        model = { output_activation = "linear", initializer = "glorot_normal" }
        recipe = { optimizer = "lion", schedule = "linear_schedule" }
        [task]
        target = "abs"
        loss = "mse"
        attack = "feature"
        features.values = "exponential"
        """
    )
    for job in (parse_train(flags.split()), parse_train(["--config", str(tmp_path / "job.toml")])):
        assert (job.model, job.task.loss, job.task.target) == (model, task.loss, task.target)
        assert (job.task.features.values, job.task.attack) == (task.features.values, task.attack)
        assert job.recipe == recipe


@pytest.fixture
def mine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """A module of one's own in the current directory."""
    (tmp_path / "mine_by_name.py").write_text(
        """
import jax.numpy as jnp
import toymodels as tm

def clipped(x):
    return jnp.clip(x, 0, 1)

def small(W):
    return 0.1 * (W * W).sum()

@tm.specification
class Ones:
    n_features: int = tm.static(default=5)

    def sample(self, key, batch_size):
        return jnp.ones((self.n_features, batch_size))

ones = Ones()
"""
    )
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(str(tmp_path))
    return "mine_by_name"


def test_module_and_function_everywhere(mine: str, tmp_path: Path):
    clipped = tm.Autoencoder(5, 2, output_activation=f"{mine}:clipped").output_activation
    task = tm.Task(f"{mine}:ones", penalties=(f"{mine}:small",))
    assert clipped.__name__ == "clipped"
    assert task.features.n_features == 5
    assert parse_train(["--model.output-activation", f"{mine}:clipped"]).model.output_activation is clipped
    table = {"features": {"type": f"{mine}:Ones", "n_features": 4}, "penalties": [f"{mine}:small"]}
    read = updated(TASK, table, "here")
    assert read.features == type(task.features)(4)
    assert read.penalties == task.penalties
    (axis,) = read_axes({"output_activation": ["relu", f"{mine}:clipped"]}, Cell(MODEL, TASK, RECIPE))
    assert axis.varied[0].values == (jax.nn.relu, clipped)


def test_names_in_a_sweep_are_labelled_as_functions_are():
    names, functions = ["relu", "linear"], [jax.nn.relu, tm.identity]
    by_name, by_function = (
        read_axes({"output_activation": values}, Cell(MODEL, TASK, RECIPE)) for values in (names, functions)
    )
    assert by_name == by_function
    assert by_name[0].coordinates() == by_function[0].coordinates() == {"output_activation": ["relu", "identity"]}


def test_a_sweep_in_toml_takes_names(tmp_path: Path):
    (tmp_path / "s.toml").write_text('[over]\noutput_activation = ["relu", "solu"]\n')
    job = parse_sweep([str(tmp_path / "s.toml")])
    assert job.over == {"output_activation": ["relu", "solu"]}


def test_names_of_functions_are_shown_in_the_help(capsys: Any):
    with pytest.raises(SystemExit, match="0"):
        main(["train", "--help"])
    said = " ".join(capsys.readouterr().out.split())
    for names in (ACTIVATIONS, INITIALIZERS, LOSSES, OPTIMIZERS, SCHEDULES):
        assert f"{names.kind}: {', '.join(names.table)}" in said
    assert "module:function" in said


@pytest.mark.parametrize(
    ("make", "wrong", "right"),
    [
        (tm.Recipe, "lr", "learning_rate"),
        (tm.Recipe, "wd", "weight_decay"),
        (tm.Recipe, "Steps", "steps"),
        (tm.Autoencoder, "n", "n_features"),
        (tm.Autoencoder, "activation", "output_activation"),
        (tm.Independent, "sparsity", "density"),
        (tm.Task, "feature", "features"),
    ],
)
def test_a_field_that_does_not_exist_is_refused_with_the_one_that_was_meant(make: Any, wrong: str, right: str):
    with pytest.raises(TypeError, match=f"{make.__name__} has no field {wrong!r}. Did you mean .*{right}"):
        make(**{wrong: 1})


def test_near_matches_without_any_list_what_there_is():
    assert near_matches("zzz", ["a_name", "another"]) == "There are: a_name, another."


def test_copies_of_jax_are_made_past_all_checks():
    """Leaves may be tracers, markers, or anything else."""
    for specification in SPECIFICATIONS:
        leaves, treedef = jax.tree.flatten(specification)
        marked = jax.tree.unflatten(treedef, [object() for _ in leaves])
        assert type(marked) is type(specification)
    assert jax.tree.map(lambda leaf: "relu", MODEL).output_activation == "relu"


def test_wrong_numbers_are_refused_where_they_are_written_and_unknown_ones_later():
    with pytest.raises(ValueError, match="density of Independent"):
        tm.Independent(5, density=np.array([1.5]))
    later = tm.Independent(5, density=jnp.array(1.5))
    with pytest.raises(ValueError, match="density of Independent"):
        later.validate()
    sampled = jax.jit(lambda density: tm.Independent(5, density).sample(jax.random.key(0), 4))(jnp.array(1.0))
    assert sampled.shape == (5, 4)


def test_fields_that_only_fit_together_can_move_together():
    over = {
        "size": {
            "model.n_features": [3, 4],
            "task.features.n_features": [3, 4],
            "task.features.density": [np.full(3, 0.5), np.full(4, 0.5)],
        }
    }
    results = tm.sweep(tm.Autoencoder(3, 2), tm.Task(tm.Independent(3)), RECIPE, over=over)
    assert np.isfinite(results.loss).all()


def test_signatures_stay_those_of_the_fields():
    assert list(inspect.signature(tm.Recipe).parameters) == [field.name for field in dataclasses.fields(tm.Recipe)]
