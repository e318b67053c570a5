"""Sweeps that cannot be: an error that names the argument or field, before anything is compiled or written.

Each kind of mistake is drawn with good and with bad values; the good ones must get as far as the compiled programs.
"""

import math
import tempfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import jaxtyping
import numpy as np
import optax
import pytest
from flax import nnx
from hypothesis import given, settings
from hypothesis import strategies as st

import toymodels as tm
from toymodels.analysis import geometry
from toymodels.specifications import with_fields
from toymodels.training import constant

MODEL = tm.Autoencoder(n_features=5, n_hidden=2)
BARE = tm.Task(tm.Independent(5, np.array([0.1, 0.3, 0.5, 0.8, 0.2])), importance=np.array([1, 0.9, 0.5, 0.3, 2]))
TASK = replace(BARE, penalties=(tm.HiddenL1(0.1),))
GEOMETRIC = tm.Task(tm.Independent(5, 0.1), importance=tm.GeometricImportance(0.9))
SETS = tm.Task(tm.CorrelatedSets(((0, 1), (2, 3, 4))))
RECIPE = tm.Recipe(steps=20, batch_size=8, evaluation_samples=8)

Options = dict[str, Any]
Case = tuple[Options, tuple[str, ...]]
"""Arguments of a sweep, and words that the error must have."""


class WithoutHidden(nnx.Module):
    """A module that does not show its hidden activations."""

    def __init__(self, *, rngs: nnx.Rngs):
        self.scale = nnx.Param(jnp.full((5,), 2.0))

    def __call__(self, x: jax.Array) -> jax.Array:
        return self.scale[...][:, None] * x


@pytest.fixture(autouse=True)
def as_users_have_it(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without the tests' type checker, which would find some mistakes before the package does."""
    monkeypatch.setattr(jaxtyping.config, "jaxtyping_disable", True)


def refuses(case: Case) -> None:
    """Sweep, and check the error, and that nothing was written."""
    options, words = case
    with tempfile.TemporaryDirectory() as name:
        place = Path(name)
        with pytest.raises((ValueError, TypeError)) as caught:
            sweep({"folder": place / "folder", "log": place / "log", **options})
        assert list(place.iterdir()) == []
    assert not isinstance(caught.value, jaxtyping.TypeCheckError)
    assert [word for word in words if word not in str(caught.value)] == []


def sweep(options: Options) -> None:
    given = {"model": MODEL, "task": TASK, "recipe": RECIPE, "over": {"seed": range(2)}, **options}
    tm.sweep(given.pop("model"), given.pop("task"), given.pop("recipe"), **given)


# --- What is drawn -----------------------------------------------------------------------------------------------

fractions = st.just(0.0) | st.floats(1e-7, 1)
positive = st.floats(0, 100, allow_subnormal=False)
sizes = st.integers(1, 9)
negative = st.floats(max_value=-1e-6, allow_nan=False)
not_finite = st.sampled_from([math.nan, math.inf, -math.inf])
not_numbers = st.sampled_from([None, "0.1", "much", object(), {}, 1j, [], [[0.1]], "", np.array(["0.1"])])
not_integers = st.one_of(
    st.integers(max_value=0), st.sampled_from([1.0, 2.5, True, "3", None, math.nan, (1,), np.float32(2)])
)
not_functions = st.sampled_from([None, 0.5, "rleu", np.eye(2), optax.adam(0.1), ()])
other_lengths = st.lists(fractions, min_size=1, max_size=9).filter(lambda values: len(values) != 5)

NUMBERS: dict[str, tuple[Any, Any]] = {  # good values, bad ones
    "density": (fractions, st.one_of(negative, not_finite, st.floats(1.0001, 1e9), not_numbers)),
    "task.features.density": (fractions, st.one_of(other_lengths, other_lengths.map(np.array))),
    "density[3]": (fractions, st.one_of(negative, not_finite, st.floats(1.0001, 1e9))),
    "importance": (positive, st.one_of(negative, not_finite, not_numbers, other_lengths)),
    "importance[0]": (positive, st.one_of(negative, not_finite)),
    "learning_rate": (positive, st.one_of(negative, not_finite, not_numbers, other_lengths)),
    "recipe.weight_decay": (positive, st.one_of(negative, not_finite, not_numbers)),
    "strength": (positive, st.one_of(negative, not_finite, not_numbers)),
    "n_hidden": (sizes, not_integers),
    "steps": (sizes, not_integers.filter(lambda value: value is False or not np.array_equal(value, 0))),
    "recipe.batch_size": (sizes, not_integers),
    "evaluation_samples": (sizes, not_integers),
    "seed": (
        st.integers(0, 2**32 - 1),
        st.one_of(st.integers(max_value=-1), st.integers(2**32), not_numbers, positive),
    ),
}
FUNCTIONS: dict[str, tuple[list[Any], Any]] = {
    "output_activation": ([jax.nn.relu, tm.identity, jnp.tanh], not_functions),
    "model.hidden_activation": ([jax.nn.relu, tm.identity, jnp.tanh], not_functions),
    "initializer": ([jax.nn.initializers.zeros, jax.nn.initializers.ones], not_functions),
    "schedule": ([constant, optax.cosine_decay_schedule], not_functions),
    "optimizer": ([optax.adam, optax.sgd], st.one_of(not_functions, st.just(lambda rate: rate))),
    "target": ([tm.identity, jnp.abs], st.one_of(not_functions, st.just(lambda x: x[:2]), st.just(lambda x: x.sum(0)))),
    "values": ([tm.UNIFORM, tm.EXPONENTIAL], st.one_of(not_functions, st.just(jnp.abs))),
    "features": (
        [TASK.features, tm.Independent(5, 0.5)],
        st.sampled_from(
            [None, 0.5, tm.Independent, tm.Independent(4), with_fields(tm.Independent(5), density=2.0), TASK]
        ),
    ),
}


def several(values: Any) -> Any:
    """Different values of a strategy, or some of a list."""
    if isinstance(values, list):
        return st.lists(st.sampled_from(values), min_size=1, unique_by=id)
    return st.lists(values, min_size=1, max_size=3, unique=True)


def put(draw: Callable, values: list[Any], item: Any) -> list[Any]:
    place = draw(st.integers(0, len(values)))
    return [*values[:place], item, *values[place:]]


@st.composite
def other_axes(draw: Callable, *names: str) -> dict[str, list[Any]]:
    """Good axes beside the one in question, over none of the fields `names`."""
    taken = [name.split(".")[-1].split("[")[0].replace("decay", "importance") for name in names]
    free = [name for name in ("n_hidden", "learning_rate", "importance", "seed") if name not in taken]
    return {name: draw(several(NUMBERS[name][0])) for name in draw(st.lists(st.sampled_from(free), unique=True))}


@st.composite
def shaped(draw: Callable, name: str, values: list[Any]) -> Any:
    """`over` with these values of a field: as an axis of its own, in an axis of several fields, or as points."""
    others = draw(other_axes(name))
    kind = draw(st.sampled_from(["axis", "together", "points"]))
    if kind == "axis":
        items = [*others.items(), (name, values)]
        return dict(draw(st.permutations(items)))
    beside = {} if name == "learning_rate" else {"learning_rate": np.linspace(0, 1, len(values)).tolist()}
    if kind == "together":
        return {**{one: others[one] for one in others if one not in beside}, "several": {name: values, **beside}}
    return [{name: value, **{one: beside[one][place] for one in beside}} for place, value in enumerate(values)]


@st.composite
def field_values(draw: Callable, bad: bool) -> Case:
    """A field has a value out of its range or of another type."""
    name, (good, wrong) = draw(st.sampled_from([*NUMBERS.items(), *FUNCTIONS.items()]))
    values = draw(several(good))
    if bad:
        values = put(draw, values, draw(wrong))
    field = name.split(".")[-1].split("[")[0]
    return {"over": draw(shaped(name, values))}, (field,)


@st.composite
def decays(draw: Callable, bad: bool) -> Case:
    values = draw(several(positive))
    values = put(draw, values, draw(st.one_of(negative, not_finite, not_numbers))) if bad else values
    return {"task": GEOMETRIC, "over": draw(shaped("decay", values))}, ("decay",)


@st.composite
def sets_of_features(draw: Callable, bad: bool) -> Case:
    values: list[Any] = [((0, 1), (2, 3), (4,)), ((4, 3, 2, 1, 0),)]
    wrong = [((0, 1), (1, 2, 3, 4)), ((0, 1), (3, 4)), (), ((0, 1, 2, 3, 4), ()), ((-1, 0, 1, 2, 3),), (0, 1), None]
    values = put(draw, values, draw(st.sampled_from(wrong))) if bad else values
    return {"task": SETS, "over": draw(shaped("sets", values))}, ("sets",)


@st.composite
def names(draw: Callable, bad: bool) -> Case:
    """A name that no field has, by one letter more, less, or another one."""
    name = draw(st.sampled_from([*NUMBERS, *FUNCTIONS]))
    good, _ = (NUMBERS | FUNCTIONS)[name]
    values = draw(several(good))
    if bad:
        place = draw(st.integers(0, len(name) - 1))
        letter = draw(st.sampled_from("qxzQ_7.[]- ").filter(lambda letter: letter != name[place]))
        typos = [name[:place] + letter + name[place:], name[:place] + letter + name[place + 1 :], name + letter]
        name = draw(st.sampled_from([*typos, f"task.{name}q", f"{name}.{name}"]))
    return {"over": draw(shaped(name, values))}, ("over", repr(name))


@st.composite
def ambiguous_names(draw: Callable, bad: bool) -> Case:
    name = "n_features" if bad else draw(st.sampled_from(["model.n_features", "task.features.n_features"]))
    return {"over": draw(shaped(name, [5]))}, ("'n_features'", "model.n_features", "task.features.n_features")


@st.composite
def elements(draw: Callable, bad: bool) -> Case:
    """An element of what has none, or not so many."""
    place = draw(st.integers(0, 4))
    wrong = ["learning_rate[0]", "n_hidden[0]", f"density[{place + 5}]", f"importance[{place + 5}]", "features[1]"]
    name = draw(st.sampled_from(wrong)) if bad else f"density[{place}]"
    return {"over": {name: draw(several(fractions))}}, ("over", repr(name))


@st.composite
def empty_axes(draw: Callable, bad: bool) -> Case:
    name = draw(st.sampled_from([*NUMBERS, *FUNCTIONS]))
    good, _ = (NUMBERS | FUNCTIONS)[name]
    nothing: Any = draw(st.sampled_from([[], (), np.array([]), range(0)]))
    values = nothing if bad else draw(several(good))
    kind = draw(st.sampled_from(["axis", "together", "no fields", "points"]))
    if kind == "axis":
        return {"over": {**draw(other_axes(name)), name: values}}, ("over", name)
    if kind == "together":
        return {"over": {"several": {name: values}}}, ("over", name)
    if kind == "no fields":
        return {"over": {"several": {} if bad else {name: values}}}, ("over", "several")
    return {"over": [] if bad else [{name: value} for value in values]}, ("over",)


@st.composite
def repeated_values(draw: Callable, bad: bool) -> Case:
    name = draw(st.sampled_from([*NUMBERS]))
    values = draw(several(NUMBERS[name][0]))
    if bad:
        again = draw(st.sampled_from(values))
        values = put(draw, values, np.asarray(again)[()] if draw(st.booleans()) else again)
    return {"over": {**draw(other_axes(name)), name: values}}, ("over", "repeat", name)


@st.composite
def lengths_of_fields_that_move_together(draw: Callable, bad: bool) -> Case:
    rates = draw(st.lists(positive, min_size=1, max_size=4))
    count = draw(sizes.filter(lambda count: (count != len(rates)) == bad)) if bad else len(rates)
    seeds = list(range(count))
    over = {"several": {"learning_rate": rates, "seed": seeds}}
    return {"over": over}, ("over", "several", "learning_rate", "seed", str(count), str(len(rates)))


@st.composite
def points(draw: Callable, bad: bool) -> Case:
    """Points of which one has other fields, or is none."""
    count = draw(st.integers(2, 4))
    values: list[Any] = [{"learning_rate": rate, "seed": 3} for rate in np.linspace(0, 1, count)]
    if not bad:
        return {"over": values}, ()
    wrong = [{"learning_rate": 0.1}, {"seed": 1}, {"learning_rate": 0.1, "seed": 3, "density": 0.1}, {}, None, 0.1, "a"]
    return {"over": put(draw, values, draw(st.sampled_from(wrong)))}, ("over", "point")


@st.composite
def kinds_of_over(draw: Callable, bad: bool) -> Case:
    wrong = [None, 5, 0.1, "density", {"density"}, {"density": 0.1}, {"density": "0.1"}, {"density": None}, {5: [0.1]}]
    return {"over": draw(st.sampled_from(wrong)) if bad else {"density": draw(several(fractions))}}, ("over",)


@st.composite
def fields_varied_twice(draw: Callable, bad: bool) -> Case:
    first, second = draw(st.sampled_from([("density", "features.density"), ("steps", "recipe.steps")]))
    good, _ = NUMBERS[first]
    names = [first, second if bad else "seed"]
    over: Options = {name: draw(several(good if name != "seed" else sizes)) for name in draw(st.permutations(names))}
    if draw(st.booleans()):
        over["several"] = {names[0]: over.pop(names[0])}
    return {"over": over}, ("over", "twice", first)


@st.composite
def names_of_axes(draw: Callable, bad: bool) -> Case:
    """An axis that is called as a result, or as a field along another axis."""
    rates = {"learning_rate": draw(several(positive))}
    if draw(st.booleans()):
        reserved = ["feature", "hidden", "restart", "step", "snapshot", "loss", "diverged", "history"]
        name = draw(st.sampled_from(reserved)) if bad else "rates"
        return {"over": {name: rates}}, ("over", repr(name))
    together = {"density" if bad else "n_hidden": [1]}
    return {"over": {"density": rates, "several": together}}, ("over", "'density'", "twice")


@st.composite
def seeds(draw: Callable, bad: bool) -> Case:
    wrong = draw(NUMBERS["seed"][1].filter(lambda seed: seed is not None))
    if bad and draw(st.booleans()):
        return {"seed": draw(st.integers(0, 9)), "over": {"seed": range(3)}}, ("seed of sweep", "over")
    return {"over": {"density": [0.1, 0.2]}, "seed": wrong if bad else draw(NUMBERS["seed"][0])}, ("seed of sweep",)


@st.composite
def shards(draw: Callable, bad: bool) -> Case:
    count = draw(st.integers(1, 9))
    if not bad:
        return {"shard": (draw(st.integers(0, count - 1)), count), "over": {"seed": range(40)}}, ()
    late = st.integers(count).map(lambda index: (index, count))
    wrong = [(-1, 3), (0, 0), (0, -2), (0.0, 2), (0, 2.0), (0,), (0, 1, 2), 3, None, "02", (None, 2), (True, 2)]
    return {"shard": draw(st.one_of(late, st.sampled_from(wrong)))}, ("shard",)


@st.composite
def shards_without_a_folder(draw: Callable, bad: bool) -> Case:
    count = draw(st.integers(2, 9)) if bad else 1
    return {"shard": (draw(st.integers(0, count - 1)), count), "folder": None}, ("shard", "folder")


@st.composite
def counts(draw: Callable, bad: bool) -> Case:
    """Options that are whole numbers of at least 1."""
    name = draw(st.sampled_from(["restarts", "history", "memory_bytes"]))
    wrong = not_integers.filter(lambda value: value is not None or name != "restarts")
    return {name: draw(wrong if bad else st.integers(10**5, 10**6) if name == "memory_bytes" else sizes)}, (
        f"{name} of sweep",
    )


@st.composite
def snapshots(draw: Callable, bad: bool) -> Case:
    steps = draw(st.lists(st.integers(1, 20), min_size=1, max_size=3, unique=True))
    good = draw(st.lists(st.integers(0, min(steps)), max_size=3))
    over = {"steps": steps, **draw(other_axes("steps"))}
    if not bad:
        return {"over": over, "snapshots": good}, ()
    if draw(st.booleans()):
        return {"over": over, "snapshots": draw(st.sampled_from([5, None, 0.5]))}, ("snapshots",)
    wrong = st.one_of(st.integers(min(steps) + 1), st.integers(max_value=-1), st.sampled_from([1.0, "1", None, True]))
    return {"over": over, "snapshots": put(draw, good, draw(wrong))}, ("snapshots of sweep",)


def wants_more(W: jax.Array, weights: jax.Array) -> jax.Array:
    return W.sum() + weights.sum()


def wants_decoder(W_out: jax.Array) -> jax.Array:
    return W_out.sum()


@st.composite
def metrics(draw: Callable, bad: bool) -> Case:
    good = draw(st.lists(st.sampled_from([geometry.norms, geometry.dimensionality, geometry.gram]), unique_by=id))
    if not bad:
        return {"metrics": draw(st.sampled_from([good, tuple(good), {one.__name__: one for one in good}]))}, ()
    wrong: list[tuple[Any, str]] = [
        (wants_more, "'weights'"),
        (wants_decoder, "'W_out'"),
        (None, "metric"),
        ("nroms", "metric"),
        (np.eye(2), "metric"),
        (max, "metric"),
    ]
    one, word = draw(st.sampled_from(wrong))
    if draw(st.booleans()):
        name = draw(
            st.sampled_from(["loss", "final_loss", "history", "diverged", "step", "feature", "snapshot", "restart"])
        )
        return {"metrics": {name: geometry.norms}}, ("metrics of sweep", repr(name))
    if draw(st.booleans()):
        return {"metrics": draw(st.sampled_from([5, geometry.norms, "nroms", [geometry.norms] * 2]))}, ("metric",)
    if draw(st.booleans()):
        return {"metrics": {"mine": one}}, ("metric", "'mine'")
    return {"metrics": put(draw, good, one)}, ("metric", word)


@st.composite
def parts_of_the_configuration(draw: Callable, bad: bool) -> Case:
    good: list[Options] = [{"model": MODEL}, {"task": GEOMETRIC}, {"recipe": RECIPE}]
    wrong: list[tuple[Options, str]] = [
        *(({"model": one}, "model") for one in (None, 5, "model", tm.Autoencoder(4, 2))),
        *(({"task": one}, "task must be a Task") for one in (None, TASK.features, [TASK], tm.Task)),
        *(({"task": with_fields(TASK, features=one)}, "features") for one in (None, 0.5, tm.Independent)),
        *(({"recipe": one}, "recipe must be a Recipe") for one in (None, 5, tm.Recipe, {"steps": 3})),
        ({"model": with_fields(MODEL, n_hidden=0)}, "n_hidden"),
        ({"model": with_fields(MODEL, n_outputs=6)}, "n_outputs"),
        ({"recipe": with_fields(RECIPE, steps=-1)}, "steps"),
        ({"recipe": with_fields(RECIPE, learning_rate="0.1")}, "learning_rate"),
    ]
    options, word = draw(st.sampled_from(wrong))
    return (options if bad else draw(st.sampled_from(good))), (word,)


@st.composite
def penalties_without_hidden_activations(draw: Callable, bad: bool) -> Case:
    task = replace(BARE, penalties=(tm.HiddenL1(draw(st.floats(0, 1))),) if bad else ())
    return {"model": WithoutHidden, "task": task, "over": {"seed": [1, 2]}}, ("HiddenL1", "hidden")


KINDS = [
    decays,
    sets_of_features,
    ambiguous_names,
    elements,
    empty_axes,
    repeated_values,
    lengths_of_fields_that_move_together,
    points,
    kinds_of_over,
    fields_varied_twice,
    names_of_axes,
    seeds,
    shards,
    shards_without_a_folder,
    counts,
    snapshots,
    metrics,
    parts_of_the_configuration,
    penalties_without_hidden_activations,
]
EXAMPLES = {field_values: 200, names: 60} | dict.fromkeys(KINDS, 16)


@pytest.mark.parametrize("kind", EXAMPLES, ids=lambda kind: kind.__name__)
@pytest.mark.usefixtures("nothing_compiled")
def test_every_mistake_is_refused_before_anything_is_compiled_or_written(kind: Callable):
    @settings(max_examples=EXAMPLES[kind])
    @given(kind(bad=True))
    def check(case: Case) -> None:
        refuses(case)

    check()


@pytest.mark.slow
@pytest.mark.parametrize("kind", EXAMPLES, ids=lambda kind: kind.__name__)
@pytest.mark.usefixtures("nothing_compiled")
def test_without_the_mistake_the_programs_are_reached(kind: Callable):
    """The control: what is drawn in the same way with good values is not a mistake."""

    @settings(max_examples=EXAMPLES[kind] // 4)
    @given(kind(bad=False))
    def check(case: Case) -> None:
        options, _ = case
        with tempfile.TemporaryDirectory() as name, pytest.raises(pytest.fail.Exception, match="reached the compiled"):
            sweep({"folder": Path(name) / "folder", **options})

    check()
