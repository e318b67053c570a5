"""Run many experiments: while one figure is drawn and judged, the next is trained."""

from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path

import matplotlib.pyplot as plt

from experiments.harness.experiment import Claim, Experiment, Results
from experiments.harness.finished import finished_claims, mark_finished
from experiments.harness.progress import figure_by_figure
from experiments.harness.runner import Outcome, judge, publish, train


def finish(
    experiments: Sequence[Experiment], *, full: bool, seed: int, folder: Path
) -> Iterator[tuple[Experiment, list[Claim]]]:
    """Train, draw and judge what is not finished in the folder. The experiments and their claims, in order.

    Training is in the thread of the caller, which Ctrl-C interrupts; drawing and judging are in one other thread, the
    only one that uses pyplot. What stands in the way of a figure is raised before another one is trained.
    """
    plt.switch_backend("agg")  # figures are files here, and windows do not bear other threads
    waiting: list[tuple[Experiment, Future[list[Claim]]]] = []
    artist = ThreadPoolExecutor(1, "artist")

    def finish_one(experiment: Experiment, results: Results) -> list[Claim]:
        outcome = Outcome(results, judge(experiment, results, full=full))
        publish(experiment, outcome, full=full, seed=seed, folder=folder)
        mark_finished(experiment, full=full, seed=seed, folder=folder)
        return outcome.claims

    try:
        for experiment in figure_by_figure(experiments, full=full, seed=seed):
            claims = finished_claims(experiment, full=full, seed=seed, folder=folder)
            if claims is None:
                job = artist.submit(finish_one, experiment, train(experiment, full=full, seed=seed))
            else:
                job = Future()
                job.set_result(claims)
            waiting.append((experiment, job))
            while waiting and waiting[0][1].done():
                first, job = waiting.pop(0)
                yield first, job.result()
        for first, job in waiting:
            yield first, job.result()
    finally:
        artist.shutdown(cancel_futures=True)
