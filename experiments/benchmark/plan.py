"""What is measured, and how long: the whole benchmark in two sizes."""

import dataclasses
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import toymodels as tm
from experiments.benchmark import phase_diagram, report
from experiments.benchmark.agreement import largest_difference
from experiments.benchmark.bare import overhead
from experiments.benchmark.dictionaries import GRID, WIDE, Dictionaries, beside_saelens
from experiments.benchmark.log import measure_all
from experiments.benchmark.measure import model_steps, step_times
from experiments.benchmark.memory import peak_memory
from experiments.benchmark.same_loss import Comparison, default_beside_notebook, fast_recipes, time_to_same_loss
from experiments.benchmark.sizes import LARGE, MEDIUM, SMALL, SPARSE, Effort, Size, of_features, of_models
from experiments.benchmark.timing import rounded

AGREEMENT_STEPS = 100
SIDES = ("ours", "pytorch")


@dataclass(frozen=True)
class Plan:
    """How much to measure.

    Attributes:
        name: "full" or "quick".
        sizes: ensembles whose steps are timed.
        steps: how long to time each.
        own_draws: whether to time ours also with own draws for every model.
        default_recipe: ensembles for which the default recipe's losses are compared with the notebook's.
        same_loss: ensembles that are trained to the notebook's loss.
        same_loss_effort: how long to time that.
        recipes: fast recipes to try, from the cheapest.
        memory: ensembles whose memory is measured.
        growth: how long to time each point of the growth curves.
        models: numbers of models.
        largest_pytorch: the largest of them that PyTorch trains too.
        features: numbers of features.
        sweeps: ensembles for which a sweep is timed beside the bare engine.
        dictionaries: grids of sparse autoencoders that are timed beside SAELens.
        phase_diagram: cells along each axis of the phase diagram.
    """

    name: str
    sizes: tuple[Size, ...]
    steps: Effort
    own_draws: bool
    default_recipe: tuple[Comparison, ...]
    same_loss: tuple[Comparison, ...]
    same_loss_effort: Effort
    recipes: tuple[tm.Recipe, ...]
    memory: tuple[Size, ...]
    growth: Effort
    models: tuple[int, ...]
    largest_pytorch: int
    features: tuple[int, ...]
    sweeps: tuple[Size, ...]
    dictionaries: tuple[Dictionaries, ...]
    phase_diagram: int


FULL = Plan(
    name="full",
    sizes=(SMALL, MEDIUM, LARGE),
    steps=Effort(rounds=7, seconds=1.0),
    own_draws=True,
    default_recipe=tuple(map(Comparison, SPARSE, (16, 16, 4, 2))),
    same_loss=(Comparison(SMALL, restarts=16), Comparison(LARGE, every=2)),
    same_loss_effort=Effort(rounds=5, seconds=1.0),
    recipes=fast_recipes(),
    memory=(SMALL, MEDIUM, LARGE),
    growth=Effort(rounds=3, seconds=0.5),
    models=(1, 10, 100, 1000, 10_000),
    largest_pytorch=1000,
    features=(5, 20, 50, 100, 200, 400),
    sweeps=(of_models(1000), LARGE),
    dictionaries=(GRID, WIDE),
    phase_diagram=256,
)

QUICK = dataclasses.replace(
    FULL,
    name="quick",
    steps=Effort(rounds=3, seconds=0.4),
    own_draws=False,
    default_recipe=(Comparison(SPARSE[1], restarts=4),),
    same_loss=(Comparison(SMALL, restarts=4), Comparison(LARGE, every=7)),
    same_loss_effort=Effort(rounds=3, seconds=0.4),
    memory=(LARGE,),
    growth=Effort(rounds=2, seconds=0.2),
    models=(1, 100, 1000),
    features=(20, 200),
    dictionaries=(GRID,),
    phase_diagram=32,
)


def measurements(plan: Plan) -> dict[str, Callable[[], Any]]:
    """All that is measured, by name."""
    return {
        "agreement with PyTorch": lambda: rounded(largest_difference(SMALL, AGREEMENT_STEPS)),
        **{
            f"time of a step, {size.name}": partial(step_times, size, plan.steps, plan.own_draws) for size in plan.sizes
        },
        **{
            f"the default recipe's losses, {one.size.name}": partial(default_beside_notebook, one)
            for one in plan.default_recipe
        },
        **{
            f"time to the notebook's loss, {one.size.name}": partial(
                time_to_same_loss, one, plan.recipes, plan.same_loss_effort
            )
            for one in plan.same_loss
        },
        **{
            f"peak memory, {side}, {size.name}": partial(peak_memory, side, size.name)
            for size in plan.memory
            for side in SIDES
        },
        **{
            f"growth, {count} models": partial(
                model_steps, of_models(count), plan.growth, with_pytorch=count <= plan.largest_pytorch
            )
            for count in plan.models
        },
        **{
            f"growth, {count} features": partial(step_times, of_features(count), plan.growth) for count in plan.features
        },
        **{f"a sweep beside the bare engine, {size.name}": partial(overhead, size, plan.steps) for size in plan.sweeps},
        **{
            f"dictionaries beside SAELens, {size.name}": partial(beside_saelens, size, plan.steps)
            for size in plan.dictionaries
        },
        "the phase diagram": partial(phase_diagram.measure, plan.phase_diagram),
    }


def assemble(plan: Plan, made: Mapping[str, Any]) -> dict[str, Any]:
    """The report, from what was measured by name."""
    steps = {size.name: made[f"time of a step, {size.name}"] for size in plan.sizes}
    same_loss = {one.size.name: made[f"time to the notebook's loss, {one.size.name}"] for one in plan.same_loss}
    default_recipe = {
        one.size.name: made[f"the default recipe's losses, {one.size.name}"] for one in plan.default_recipe
    }
    sweeps = {size.name: made[f"a sweep beside the bare engine, {size.name}"] for size in plan.sweeps}
    dictionaries = {size.name: made[f"dictionaries beside SAELens, {size.name}"] for size in plan.dictionaries}
    return {
        "machine": report.machine(),
        "plan": plan.name,
        "agreement": {"steps": AGREEMENT_STEPS, "largest_difference": made["agreement with PyTorch"]},
        "steps": steps,
        "default_recipe": default_recipe,
        "same_loss": same_loss,
        "memory_mib": {
            size.name: {side: made[f"peak memory, {side}, {size.name}"] for side in SIDES} for size in plan.memory
        },
        "growth": {
            "models": [made[f"growth, {count} models"] for count in plan.models],
            "features": [made[f"growth, {n} features"] for n in plan.features],
        },
        "sweeps": sweeps,
        "dictionaries": dictionaries,
        "phase_diagram": made["the phase diagram"],
        "targets": report.targets(steps, default_recipe, same_loss, sweeps, dictionaries, made["the phase diagram"]),
        "seconds": made["seconds"],
    }


def measure(plan: Plan, path: Path, announce: Callable[[str], None]) -> dict[str, Any]:
    """Everything, as numbers and words that JSON has; each measurement is kept in the file as soon as it is made."""
    conditions = {"plan": tm.describe(plan), "machine": report.machine()}
    return assemble(plan, measure_all(measurements(plan), path, conditions, announce))
