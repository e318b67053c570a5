"""Dictionaries: a grid of sparse autoencoders by `toymodels.sweep`, beside one at a time by SAELens' own trainer.

Both train ReLU units with an L1 penalty by Adam at a constant rate, on batches of 1,024 activations of the same toy
model. SAELens is given batches that are drawn beforehand, so that its time is that of training alone; ours draws new
ones at every step. SAELens runs with as many threads as PyTorch takes, and with one, which is faster on a busy machine
and for small autoencoders: in each round the faster of the two counts. The objectives differ in form: directions have
length 1 here; there they are free, the penalty is weighted by their lengths, and the gradient is clipped.

Times are those of a step, as for the notebook, over fewer steps than a training has: a whole one has thousands.
"""

import contextlib
import io
import time
from collections.abc import Callable
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from itertools import cycle, islice
from typing import Any

import numpy as np
import torch

import toymodels as tm
from experiments.benchmark.sizes import BATCH, Effort
from experiments.benchmark.timing import interleave, seconds_of, spread
from toymodels.arrays import unit_columns
from toymodels.training.optimisers import constant

DRAWN = 16
"""Batches that SAELens goes through, again and again."""


@dataclass(frozen=True)
class Dictionaries:
    """A grid of sparse autoencoders, strengths of the penalty by seeds.

    Attributes:
        n_features: number of features n of the toy model.
        n_inputs: number of its hidden dimensions m.
        n_units: number of units of each autoencoder.
        strengths: how many strengths, from 1e-3 to 1e-1.
        seeds: how many seeds, each with its own draws.
        steps: of one measurement of ours.
    """

    n_features: int
    n_inputs: int
    n_units: int
    strengths: int
    seeds: int
    steps: int

    @property
    def name(self) -> str:
        """`40 units in 8 dimensions`."""
        return f"{self.n_units} units in {self.n_inputs} dimensions"

    @property
    def count(self) -> int:
        """Number of autoencoders."""
        return self.strengths * self.seeds

    @property
    def hidden(self) -> tm.HiddenActivations:
        """Activations of a toy model with random directions, one feature on in the mean."""
        W = np.random.default_rng(0).normal(size=(self.n_inputs, self.n_features)).astype(np.float32)
        return tm.HiddenActivations(unit_columns(W), tm.Independent(self.n_features, 1 / self.n_features))


GRID = Dictionaries(n_features=20, n_inputs=8, n_units=40, strengths=8, seeds=8, steps=400)
WIDE = Dictionaries(n_features=512, n_inputs=256, n_units=512, strengths=2, seeds=1, steps=40)


def saelens_version() -> str | None:
    """The version of SAELens that is installed, None if there is none."""
    try:
        return version("sae-lens")
    except PackageNotFoundError:
        return None


def beside_saelens(size: Dictionaries, effort: Effort) -> dict[str, Any]:
    """Milliseconds a step of one autoencoder, ours and SAELens', and the ratio. A time of ours is that of a whole call
    of `sweep` without compilation, divided by steps and autoencoders; SAELens', that of its trainer's `fit`, divided by
    steps. Nothing but a word if SAELens is not installed."""
    if saelens_version() is None:
        return {"skipped": "SAELens is not installed"}
    sweep(size)  # compiles
    sides = {
        "ours": lambda: seconds_of(lambda: sweep(size)) / (size.steps * size.count),
        "all threads": saelens_side(size, effort, torch.get_num_threads()),
        "one thread": saelens_side(size, effort, 1),
    }
    measured = interleave(sides, effort.rounds)
    saelens = np.minimum(measured["all threads"], measured["one thread"])
    return {
        "autoencoders": size.count,
        "steps": size.steps,
        "ours_ms": spread(1e3 * measured["ours"]),
        "saelens_ms": spread(1e3 * saelens),
        "saelens_one_thread_ms": spread(1e3 * measured["one thread"]),
        "ratio": spread(saelens / measured["ours"]),
    }


def sweep(size: Dictionaries) -> Any:
    """The grid, trained."""
    recipe = tm.Recipe(size.steps, BATCH, 1e-3, optimizer=tm.Adam(), schedule=constant, evaluation_samples=BATCH)
    return tm.sweep(
        tm.SparseAutoencoder(size.n_inputs, size.n_units),
        tm.Task(size.hidden, penalties=(tm.HiddenL1(0.01),)),
        recipe,
        over={"strength": np.geomspace(1e-3, 1e-1, size.strengths), "seed": range(size.seeds)},
        params=False,
        progress=False,
    )


def saelens_side(size: Dictionaries, effort: Effort, threads: int) -> Callable[[], float]:
    """A function that measures SAELens' seconds a step over about the wanted time, with a number of threads."""
    batches = list(islice(tm.interop.activation_batches(size.hidden, BATCH), DRAWN))

    def seconds(steps: int) -> float:
        before = torch.get_num_threads()
        torch.set_num_threads(threads)
        try:
            return fit(size, batches, steps)
        finally:
            torch.set_num_threads(before)

    seconds(5)
    steps = max(5, round(effort.seconds / seconds(5) * 5))
    return lambda: seconds(steps) / steps


def fit(size: Dictionaries, batches: list[Any], steps: int) -> float:
    """Seconds that SAELens' trainer takes for one new autoencoder."""
    from sae_lens import StandardTrainingSAE, StandardTrainingSAEConfig
    from sae_lens.config import SAETrainerConfig
    from sae_lens.training.sae_trainer import SAETrainer

    sae = StandardTrainingSAE(StandardTrainingSAEConfig(d_in=size.n_inputs, d_sae=size.n_units, l1_coefficient=0.08))
    samples = steps * BATCH
    config = SAETrainerConfig(total_training_samples=samples, train_batch_size_samples=BATCH, lr=1e-3, lr_end=1e-3)
    trainer: Any = SAETrainer(cfg=config, sae=sae, data_provider=cycle(batches))
    with contextlib.redirect_stderr(io.StringIO()):  # its progress bar
        began = time.perf_counter()
        trainer.fit()
        return time.perf_counter() - began
