"""`toymodels train`: one model, drawn."""

import dataclasses
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from toymodels.analysis import geometry
from toymodels.cli.flags import parse
from toymodels.cli.pictures import write_picture
from toymodels.cli.toml import read_toml
from toymodels.features import Independent
from toymodels.models import Autoencoder
from toymodels.tasks import GeometricImportance, Task
from toymodels.training import Recipe, Run, train


@dataclasses.dataclass(frozen=True)
class Train:
    """Train a few restarts of one model and show what the best one represents.

    Everything has a default: `toymodels train --picture pentagon.png` trains five features in two dimensions. A TOML
    file has the same names as the flags, and flags go before it:

        restarts = 8
        [model]
        n_features = 20
        n_hidden = 5
        [task.features]
        n_features = 20
        density = 0.05
        [task.importance]
        decay = 0.7

    Attributes:
        model: what to train.
        task: what is to be learnt.
        recipe: how to train.
        seed: the same seed gives the same numbers on the same machine.
        restarts: number of different initialisations; the best one is shown.
        picture: write the picture to this file (PNG, SVG, PDF).
        save: write the trained models to this safetensors file; `toymodels.Run.load` reads it.
        show: open the picture in a window.
    """

    model: Any
    task: Task
    recipe: Recipe
    seed: int = 0
    restarts: int = 8
    picture: Path | None = None
    save: Path | None = None
    show: bool = False


DEFAULTS = Train(Autoencoder(5, 2), Task(Independent(5, 0.1), importance=GeometricImportance(0.9)), Recipe())


def run(arguments: Sequence[str]) -> None:
    """`toymodels train`: read the job from flags and TOML, train, print and draw."""
    job = parse_train(arguments)
    trained = train(job.model, job.task, job.recipe, seed=job.seed, restarts=job.restarts)
    print(summary(trained))
    if job.save:
        trained.save(job.save)
    if job.picture or job.show:
        _draw(trained, job)


def parse_train(arguments: Sequence[str]) -> Train:
    """The job that the arguments, and the TOML file they may name with --config, describe."""
    arguments = list(arguments)
    defaults = DEFAULTS
    if "--config" in arguments:
        place = arguments.index("--config")
        if place + 1 == len(arguments):
            raise ValueError("--config needs the path of a TOML file.")
        defaults = read_toml(Path(arguments[place + 1]), DEFAULTS)
        del arguments[place : place + 2]
    description = f"{str(Train.__doc__).partition('    Attributes:')[0]}--config FILE.toml is read first."
    return parse("train", description, Train, arguments, defaults)


def summary(run: Run) -> str:
    """Loss of every restart, and the geometry of the best one, as text."""
    lines = ["restart  loss"]
    lines += [f"{number:7}  {loss:.6f}" for number, loss in zip(run.restart, run.loss, strict=True)]
    if "W" not in run.params:
        return "\n".join(lines)
    W = run.W[0]
    rows = zip(geometry.norms(W), geometry.dimensionality(W), geometry.interference(W), strict=True)
    lines += ["", "best restart", "feature   norm  dimensionality  interference"]
    lines += [f"{i:7}  {norm:5.3f}  {share:14.3f}  {shared:12.3f}" for i, (norm, share, shared) in enumerate(rows)]
    lines += [
        "",
        f"features represented (norm > 0.5): {geometry.n_represented(W)} of {W.shape[1]} in {W.shape[0]} dimensions",
        f"dimensions per feature D*: {geometry.dimensions_per_feature(W):.3f}",
    ]
    return "\n".join(lines)


def _draw(run: Run, job: Train) -> None:
    """All restarts as arrows if there are two hidden dimensions, else WᵀW, b and norms of the best one."""
    import matplotlib.pyplot as plt

    from toymodels import plots

    with plt.rc_context(plots.style()):
        if run.W.shape[-2] == 2:
            titles = [f"loss {loss:.5f}" for loss in run.loss]
            importance = np.asarray(job.task.weights(run.W.shape[-1]))
            axes = plots.panels(plots.directions, run.W, titles, importance=importance)
        else:
            bias = run.params.get("b", np.zeros((len(run.W), run.W.shape[-1])))
            axes = plots.superposition(run.W[0], bias[0], title=f"loss {run.loss[0]:.5f}")
        if job.picture:
            write_picture(axes[0].figure, job.picture)
        if job.show:
            plt.show()
