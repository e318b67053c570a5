"""What is measured, and how long: the whole benchmark in two sizes."""

import dataclasses
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import toymodels as tm
from experiments.benchmark import phase_diagram, report
from experiments.benchmark.agreement import largest_difference
from experiments.benchmark.bare import overhead
from experiments.benchmark.measure import growth_with_features, growth_with_models, step_times
from experiments.benchmark.memory import peak_memory
from experiments.benchmark.same_loss import Comparison, fast_recipes, time_to_same_loss
from experiments.benchmark.sizes import LARGE, MEDIUM, SMALL, Effort, Size, of_models
from experiments.benchmark.timing import rounded


@dataclass(frozen=True)
class Plan:
    """How much to measure.

    Attributes:
        name: "full" or "quick".
        sizes: ensembles whose steps are timed.
        steps: how long to time each.
        own_draws: whether to time ours also with own draws for every model.
        same_loss: ensembles that are trained to the notebook's loss.
        same_loss_effort: how long to time that.
        recipes: fast recipes to try, from the cheapest.
        memory: ensembles whose memory is measured.
        growth: how long to time each point of the growth curves.
        models: numbers of models.
        largest_pytorch: the largest of them that PyTorch trains too.
        features: numbers of features.
        sweeps: ensembles for which a sweep is timed beside the bare engine.
        phase_diagram: cells along each axis of the phase diagram.
    """

    name: str
    sizes: tuple[Size, ...]
    steps: Effort
    own_draws: bool
    same_loss: tuple[Comparison, ...]
    same_loss_effort: Effort
    recipes: tuple[tm.Recipe, ...]
    memory: tuple[Size, ...]
    growth: Effort
    models: tuple[int, ...]
    largest_pytorch: int
    features: tuple[int, ...]
    sweeps: tuple[Size, ...]
    phase_diagram: int


FULL = Plan(
    name="full",
    sizes=(SMALL, MEDIUM, LARGE),
    steps=Effort(rounds=7, seconds=1.0),
    own_draws=True,
    same_loss=(Comparison(SMALL, restarts=16), Comparison(LARGE, every=2)),
    same_loss_effort=Effort(rounds=5, seconds=1.0),
    recipes=fast_recipes(),
    memory=(SMALL, MEDIUM, LARGE),
    growth=Effort(rounds=3, seconds=0.5),
    models=(1, 10, 100, 1000, 10_000),
    largest_pytorch=1000,
    features=(5, 20, 50, 100, 200, 400),
    sweeps=(of_models(1000), LARGE),
    phase_diagram=256,
)

QUICK = dataclasses.replace(
    FULL,
    name="quick",
    steps=Effort(rounds=3, seconds=0.4),
    own_draws=False,
    same_loss=(Comparison(SMALL, restarts=4), Comparison(LARGE, every=7)),
    same_loss_effort=Effort(rounds=3, seconds=0.4),
    memory=(LARGE,),
    growth=Effort(rounds=2, seconds=0.2),
    models=(1, 100, 1000),
    features=(20, 200),
    phase_diagram=32,
)


def measure(plan: Plan, announce: Callable[[str], None]) -> dict[str, Any]:
    """Everything, as numbers and words that JSON has; `announce` is told what is being measured."""
    announce("agreement with PyTorch")
    agreement = {"steps": 100, "largest_difference": rounded(largest_difference(SMALL, 100))}
    steps = {}
    for size in plan.sizes:
        announce(f"time of a step, {size.name}")
        steps[size.name] = step_times(size, plan.steps, plan.own_draws)
    same_loss = {}
    for comparison in plan.same_loss:
        announce(f"time to the notebook's loss, {comparison.size.name}")
        same_loss[comparison.size.name] = time_to_same_loss(comparison, plan.recipes, plan.same_loss_effort)
    announce("peak memory")
    memory = {size.name: {side: peak_memory(side, size.name) for side in ("ours", "pytorch")} for size in plan.memory}
    announce("growth with the number of models")
    models = growth_with_models(plan.models, plan.largest_pytorch, plan.growth)
    announce("growth with the number of features")
    features = growth_with_features(plan.features, plan.growth)
    sweeps = {}
    for size in plan.sweeps:
        announce(f"a sweep beside the bare engine, {size.name}")
        sweeps[size.name] = overhead(size, plan.steps)
    announce("the phase diagram")
    phases = phase_diagram.measure(plan.phase_diagram)
    return {
        "machine": report.machine(),
        "plan": plan.name,
        "agreement": agreement,
        "steps": steps,
        "same_loss": same_loss,
        "memory_mib": memory,
        "growth": {"models": models, "features": features},
        "sweeps": sweeps,
        "phase_diagram": phases,
        "targets": report.targets(steps, same_loss, sweeps, phases),
    }
