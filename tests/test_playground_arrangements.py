"""Which arrangements the playground's models end in: those of the library, as often, and those that presets promise."""

import dataclasses
from collections import Counter
from collections.abc import Callable
from functools import cache
from typing import Any

import numpy as np
import pytest
from jaxtyping import Float
from playground_engine import engine, trained
from scipy.stats import chi2_contingency

import toymodels as tm
from toymodels.analysis import geometry
from toymodels.analysis.polytopes import product_name, recognise
from toymodels.playground.arguments import train_arguments

pytestmark = pytest.mark.reproduction

# --- The library's arrangements, as often -----------------------------------------------------------------------------

MODELS = 100
STEPS = 1_000
LEVEL = 1e-3
SHARED = {  # settings from which different seeds reach different arrangements
    "pentagons and squares": {"density": 0.1, "decay": 0.9},
    "mostly squares": {"density": 0.2, "decay": 0.9},
    "three dimensions": {"n": 7, "m": 3, "density": 0.2, "decay": 1},
    "correlated pairs": {"n": 4, "density": 0.1, "pairs": "correlated", "decay": 1},
}


@cache
def library(case: str) -> Counter[str]:
    """How many of the library's models are in each arrangement."""
    model, task, recipe = train_arguments(SHARED[case])
    recipe = dataclasses.replace(recipe, steps=STEPS, evaluation_samples=1)
    return arrangements(tm.train(model, task, recipe, seed=1, restarts=MODELS, progress=False).W)


def with_library(case: str, *more: Any) -> Any:
    """A case of SHARED: its tests go to one worker, so that the library's models are trained once."""
    return pytest.param(case, *more, marks=pytest.mark.xdist_group(case), id=case)


@pytest.mark.parametrize("case", [with_library(case) for case in SHARED])
def test_shares_of_arrangements(case: str):
    ours = arrangements(trained(SHARED[case], range(MODELS), STEPS))
    assert p_value(ours, library(case)) > LEVEL, (ours, library(case))


@pytest.mark.parametrize(
    ("case", "wrong"),
    [
        with_library("pentagons and squares", {"density": 0.05}),
        with_library("mostly squares", {"density": 0.1}),
        with_library("correlated pairs", {"pairs": "independent"}),
    ],
)
def test_shares_of_a_wrong_engine_would_differ(case: str, wrong: dict[str, Any]):
    ours = arrangements(trained({**SHARED[case], **wrong}, range(MODELS), STEPS))
    assert p_value(ours, library(case)) < LEVEL, (ours, library(case))


def arrangements(models: Float[np.ndarray, "k m n"]) -> Counter[str]:
    """How many models have each arrangement, whatever the order of its parts."""
    return Counter(" + ".join(sorted(product_name(recognise(W)).split(" + "))) for W in models)


def p_value(first: Counter[str], second: Counter[str]) -> float:
    """Of Pearson's test that two samples of models are of one population; arrangements of which both together have
    less than ten are one class."""
    total = first + second
    common = [name for name, count in total.items() if count >= 10]
    table = np.array([[*(one[name] for name in common), 0] for one in (first, second)])
    table[:, -1] = MODELS - table.sum(1)
    return float(chi2_contingency(table[:, table.any(0)]).pvalue)


# --- What presets promise ---------------------------------------------------------------------------------------------

PRESET_SEEDS = range(24)
PRESET_STEPS = 2_000  # some four seconds of a playground that takes ten per frame


def named(*names: str) -> Callable[[np.ndarray], bool]:
    """Whether the components of W, in alphabetical order, or their product have these names."""
    return lambda W: product_name(recognise(W)) in names or tuple(sorted(one.name for one in recognise(W))) == names


def two_most_important(W: Float[np.ndarray, "2 n"]) -> bool:
    return named("dedicated", "dedicated")(W) and geometry.represented(W)[:2].all()


def partner_cosines(W: Float[np.ndarray, "2 n"]) -> Float[np.ndarray, " pairs"]:
    """Of features 0 and 1, 2 and 3, and so on."""
    unit = W / geometry.norms(W)
    return (unit[:, 0::2] * unit[:, 1::2]).sum(0)


PROMISES: dict[str, list[tuple[Callable[[np.ndarray], bool], float, float]]] = {  # the least and largest shares
    "dense": [(two_most_important, 0.8, 1)],
    "antipodal-pairs": [(lambda W: named("square")(W) and not geometry.represented(W)[2:].all(), 0.85, 1)],
    "pentagon": [(named("pentagon"), 0.95, 1)],
    "hexagon": [(named("pentagon"), 0.75, 0.97), (named("hexagon"), 0.03, 0.25)],
    "linear": [(two_most_important, 0.95, 1)],
    "correlated": [
        (lambda W: named("square")(W) and abs(partner_cosines(W)).max() < 0.1, 0.65, 0.97),
        (lambda W: geometry.n_represented(W) == 3, 0.03, 0.35),
    ],
    "collapse": [(lambda W: geometry.represented(W).all() and partner_cosines(W).min() > 0.97, 0.85, 1)],
    "anticorrelated": [
        (lambda W: named("square")(W) and partner_cosines(W).max() < -0.95, 0.55, 0.95),
        (lambda W: named("square")(W) and abs(partner_cosines(W)).max() < 0.1, 0.05, 0.45),
    ],
    "tetrahedron": [(named("dedicated", "dedicated", "digon"), 0.9, 1), (named("tetrahedron"), 0, 0.1)],
    "octahedron": [(named("octahedron"), 0.95, 1)],
    "pentagonal-bipyramid": [(named("pentagonal bipyramid"), 0.85, 1)],
    "square-antiprism": [(named("square antiprism"), 0.9, 1)],
}


@pytest.fixture(scope="module")
def presets() -> dict[str, dict[str, Any]]:
    """The settings of each preset."""
    return {preset["name"]: preset["settings"] for preset in engine("settings")["PRESETS"]}


def test_every_preset_is_tested(presets: dict[str, dict[str, Any]]):
    assert presets.keys() == PROMISES.keys()


@pytest.mark.parametrize("name", PROMISES)
def test_presets_keep_their_promises(name: str, presets: dict[str, dict[str, Any]]):
    models = trained(presets[name], PRESET_SEEDS, PRESET_STEPS)
    for kept, least, largest in PROMISES[name]:
        share = np.mean([bool(kept(W)) for W in models])
        assert least <= share <= largest, f"{name}: {share:.0%} of seeds, {arrangements(models)}"
    shown = models[presets[name].get("seed", 0)]
    assert PROMISES[name][0][0](shown), f"{name}: the seed that one sees first is an exception"
