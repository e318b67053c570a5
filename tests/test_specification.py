import copy
import dataclasses
import json
import pickle
import re
from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import toymodels as tm


@tm.specification
class Pulse:
    n_features: int = tm.static()
    density: float = 0.25
    shape: str = tm.static(default="square")


def test_leaves_are_the_fields_that_are_not_static():
    assert jax.tree.leaves(Pulse(5, density=0.75)) == [0.75]


def test_mapping_over_leaves_keeps_the_static_fields():
    assert jax.tree.map(lambda leaf: leaf * 2, Pulse(5, 0.125, "round")) == Pulse(5, 0.25, "round")


def test_static_fields_are_part_of_the_structure():
    assert jax.tree.structure(Pulse(5, 0.1)) == jax.tree.structure(Pulse(5, 0.2))
    assert jax.tree.structure(Pulse(5)) != jax.tree.structure(Pulse(6))
    assert jax.tree.structure(Pulse(5)) != jax.tree.structure(Pulse(5, shape="round"))


@tm.specification
class Wave:
    n_features: int = tm.static()
    density: float = 0.25
    shape: str = tm.static(default="square")


def test_classes_with_the_same_fields_have_different_structures():
    assert jax.tree.structure(Wave(5)) != jax.tree.structure(Pulse(5))
    assert jax.tree.structure([Wave(5)]) != jax.tree.structure([Pulse(5)])


def test_leaves_have_the_names_of_their_fields():
    ((path, leaf),) = jax.tree_util.tree_leaves_with_path({"a": Pulse(5, 0.75)})
    assert (jax.tree_util.keystr(path), leaf) == ("['a'].density", 0.75)


def test_specifications_pass_through_jit_and_vmap():
    stacked = Pulse(5, jnp.array([0.25, 0.5]))
    doubled = jax.jit(jax.vmap(lambda pulse: pulse.density * pulse.n_features))(stacked)
    assert doubled.tolist() == [1.25, 2.5]


def test_specifications_are_frozen():
    with pytest.raises(dataclasses.FrozenInstanceError):
        Pulse(5).density = 0.5


def test_specifications_are_pickled_and_copied():
    pulse = Pulse(5, 0.75, "round")
    assert pickle.loads(pickle.dumps(pulse)) == copy.deepcopy(pulse) == copy.copy(pulse) == pulse


def test_a_class_that_comes_with_a_pickled_value_becomes_a_pytree():
    """As where cloudpickle brings a class from a notebook to another process."""

    stranger = dataclasses.make_dataclass(
        "Stranger", [("n_features", int, tm.static()), ("density", float)], frozen=True
    )
    restore, (_, values) = Pulse(5, 0.75).__reduce__()
    del values["shape"]
    for _ in range(2):
        assert jax.tree.leaves(restore(stranger, values)) == [0.75]


def test_a_missing_static_field_is_an_error():
    with pytest.raises(TypeError, match="n_features"):
        Pulse()


def test_describe_names_types_fields_and_functions():
    task = tm.Task(tm.Independent(2, density=np.array([0.25, 0.5])), importance=(1, np.float32(0.5)), target=jnp.abs)
    described = tm.describe(task)
    assert described["type"] == "Task"
    assert described["importance"] == [1, {"dtype": "float32", "values": 0.5}]
    assert described["target"].endswith(".abs")
    features = described["features"]
    assert (features["type"], features["n_features"]) == ("Independent", 2)
    assert features["density"] == {"dtype": "float64", "values": [0.25, 0.5]}
    assert features["values"].items() >= {"type": "Values", "mean": 0.5, "second_moment": 1 / 3}.items()
    assert features["values"]["inverse_cdf"].startswith("toymodels.features.distributions.uniform_quantile")


def test_descriptions_survive_json():
    described = tm.describe(
        {"recipe": tm.Recipe.elhage2022(), "density": jnp.array([0.5]), "none": None, 3: (True, 1.5)}
    )
    assert json.loads(json.dumps(described)) == described
    assert described["3"] == [True, 1.5]
    assert described["recipe"]["schedule"] == "toymodels.training.optimisers.constant"


class Threshold:
    """A callable without a name of its own."""

    def __call__(self, x: float) -> bool:
        return x > 0


def test_describe_names_the_type_of_a_callable_without_a_name():
    assert without_digests(tm.describe(Threshold())) == {"type": f"{__name__}.Threshold"}


def without_digests(description: object) -> object:
    return json.loads(re.sub("#[0-9a-f]{12}", "", json.dumps(description)))


def test_describe_names_the_function_and_the_arguments_of_a_partial():
    assert tm.describe(partial(max, 1)) == {"function": "builtins.max", "arguments": [1]}
    assert tm.describe(partial(max, default=(2, 0.5))) == {
        "function": "builtins.max",
        "arguments": [],
        "default": [2, 0.5],
    }
    assert tm.describe(partial(max, 1)) != tm.describe(partial(max, 2))


def power(exponent: float):
    return lambda x: x**exponent


def test_functions_without_a_name_are_told_apart_by_what_they_do():
    descriptions = [tm.describe(function) for function in (power(2), power(3), lambda x: x + 1, lambda x: x - 1)]
    assert len(set(descriptions)) == 4
    assert tm.describe(power(2)) == descriptions[0]


def test_equal_specifications_have_equal_descriptions_and_others_do_not():
    assert tm.describe(tm.Autoencoder(5, 2)) == tm.describe(tm.Autoencoder(n_features=5, n_hidden=2))
    assert tm.describe(tm.Autoencoder(5, 2)) != tm.describe(tm.Autoencoder(5, 2, tied=False))


class Holding:
    """A callable object with a method; what it does depends on what it holds."""

    def __init__(self, at: float):
        self.at = at

    def above(self, W: float) -> bool:
        return self.at < W

    def __call__(self, W: float) -> bool:
        return self.above(W)


def test_callable_objects_and_methods_are_described_with_what_they_hold():
    low, high = Holding(0.25), Holding(0.5)
    assert without_digests(tm.describe(low)) == {"type": f"{__name__}.Holding", "at": 0.25}
    assert tm.describe(low) != tm.describe(high)
    assert tm.describe(low.above) != tm.describe(high.above)
    assert tm.describe(high.above) == tm.describe(Holding(0.5).above)


def test_functions_inside_of_functions_are_told_apart():
    assert tm.describe(lambda: lambda x: x + 1) != tm.describe(lambda: lambda x: x + 2)


def test_functions_of_a_script_are_told_apart_by_their_code():
    def made(source: str) -> object:
        names: dict = {"__name__": "__main__"}
        exec(source, names)
        return names["target"]

    first, second = made("def target(x): return x + 1"), made("def target(x): return x + 2")
    assert tm.describe(first) != tm.describe(second)
    assert tm.describe(first) == tm.describe(made("\ndef target(x): return x + 1"))


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (tm.Independent(5), "Independent(n_features=5)"),
        (tm.Independent(5, 0.3, tm.EXPONENTIAL), "Independent(n_features=5, density=0.3, values=EXPONENTIAL)"),
        (tm.Values(jnp.tanh), "Values(inverse_cdf=tanh)"),
        (
            tm.Recipe.elhage2022(),
            "Recipe(steps=10000, learning_rate=0.001, weight_decay=0.01, optimizer=adam, schedule=constant)",
        ),
        (tm.Recipe(optimizer=tm.Adam(b1=0.5)), "Recipe(optimizer=Adam(b1=0.5))"),
        (tm.CorrelatedSets(((0, 1), (2, 3))), "CorrelatedSets(sets=((0, 1), (2, 3)))"),
        (
            tm.Task(tm.Independent(9), np.ones(9), lambda x: x, penalties=(tm.HiddenL1(0.5),)),
            "Task(features=Independent(n_features=9), importance=array of shape (9,), target=<lambda>, "
            "penalties=(HiddenL1(strength=0.5),))",
        ),
        (tm.Task(tm.Independent(2), np.array([1.0, 0.5])), "importance=array([1.0, 0.5]))"),
    ],
)
def test_a_specification_prints_as_it_would_be_written(value, text):
    assert repr(value).endswith(text)
    assert " at 0x" not in repr(value)
