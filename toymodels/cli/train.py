"""`toymodels train`: one model, drawn."""

import dataclasses
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from toymodels.analysis import geometry
from toymodels.cli.flags import parse
from toymodels.cli.outputs import check_file, check_picture, has_windows, show_windows, write_picture
from toymodels.cli.sizes import filled, followed
from toymodels.cli.toml import read_table, split, updated
from toymodels.features import Independent
from toymodels.models import Autoencoder
from toymodels.models.modules import param_shapes
from toymodels.tasks import GeometricImportance, Task
from toymodels.training import Recipe, Run, train
from toymodels.training.engine.cells import Cell
from toymodels.training.fit import check_fit

if TYPE_CHECKING:
    from matplotlib.figure import Figure

HELP = """Train a few restarts of one model and show what the best one represents:

  toymodels train --picture pentagon.png              five features in two dimensions
  toymodels train -n 20 -m 5 -p 0.01 --decay 0.7      n features in m dimensions, each on with probability p
  toymodels train --n-features 20 --n-hidden 5 --density 0.01 --restarts 16 --steps 1000 --seed 3

  A flag is the path of a setting, as --task.features.density, or the end of it, as --density. The number of
  features n is written once: if the model has it, the features follow, and the other way round.

  A TOML file has the same paths, and flags go before it: toymodels train FILE.toml --steps 500

  restarts = 8
  [model]
  n_features = 20
  n_hidden = 5
  [task.features]
  density = 0.05
  [task.importance]
  decay = 0.7"""


@dataclasses.dataclass(frozen=True)
class Train:
    """A training as the command line and its file describe it.

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
    _check_outputs(job)
    trained = train(job.model, job.task, job.recipe, seed=job.seed, restarts=job.restarts)
    told = [summary(trained)]
    if job.save:
        trained.save(job.save)
        told.append(f"The models are in {job.save}.")
    figure = _drawn(trained, job) if job.picture or job.show else None
    if figure is not None and job.picture:
        told.append(f"The picture is {write_picture(figure, job.picture)}.")
    print("\n".join(told), flush=True)
    if job.show:
        show_windows()


def parse_train(arguments: Sequence[str]) -> Train:
    """The job that the arguments, and the TOML file among them, describe."""
    paths, flags = split(arguments)
    if len(paths) > 1:
        raise ValueError(f"train takes one TOML file. Got {' and '.join(paths)}.")
    table, where = (read_table(Path(paths[0])), paths[0]) if paths else ({}, "")
    defaults = updated(DEFAULTS, filled(table, DEFAULTS, where), where)
    return followed(parse("train", HELP, Train, flags, defaults), table, flags, defaults, where)


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
        f"dimensions per feature D* = m / ‖W‖_F²: {geometry.dimensions_per_feature(W):.3f}, where a feature of norm 2 "
        "counts as 4",
    ]
    return "\n".join(lines)


def _check_outputs(job: Train) -> None:
    """Raise ValueError for what could not be written or drawn in the end."""
    check_file("--save", job.save)
    check_picture("--picture", job.picture)
    if not (job.picture or job.show):
        return
    if job.show and not has_windows():
        raise ValueError("--show needs a screen, and there is none here. --picture FILE.png writes the picture.")
    check_fit(Cell(job.model, job.task, job.recipe))
    shapes = {name: one.shape for name, one in param_shapes(job.model).items()}
    *_, n = shapes.get("W", (0,))
    if len(shapes.get("W", ())) != 2 or shapes.get("b", (n,)) != (n,):
        told = ", ".join(f"{name} {shape}" for name, shape in shapes.items())
        raise ValueError(f"--picture and --show draw W (m, n) with b (n,). The model has {told}.")


def _drawn(run: Run, job: Train) -> "Figure":
    """All restarts as arrows if there are two hidden dimensions, else WᵀW, b and norms of the best one."""
    import matplotlib.pyplot as plt

    from toymodels import plots

    with plt.rc_context(plots.style()):
        if run.W.shape[-2] == 2:
            titles = [f"loss {loss:.5f}" for loss in run.loss]
            importance = np.asarray(job.task.weights(run.W.shape[-1]))
            return plots.panels(plots.directions, run.W, titles, importance=importance)[0].figure
        bias = run.params.get("b", np.zeros((len(run.W), run.W.shape[-1])))
        return plots.superposition(run.W[0], bias[0], title=f"loss {run.loss[0]:.5f}")[0].figure
