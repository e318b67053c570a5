"""`toymodels sweep`: a grid of models, from a TOML file."""

import re
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import xarray as xr

from toymodels.cli.outputs import check_file, check_folder, merged_name, shell
from toymodels.cli.over import read_over
from toymodels.cli.sweep_job import Sweep, parse_sweep
from toymodels.sweeps import estimate, formats, merge, sweep
from toymodels.training.engine.cells import Cell
from toymodels.training.launch import named_metrics


def run(arguments: Sequence[str]) -> None:
    """`toymodels sweep`: read the job from file and flags, train, store, and say where the results are."""
    job = parse_sweep(arguments)
    if job.dry_run:
        print(estimate(**_arguments(job)))
        return
    began = time.perf_counter()
    try:
        results = _swept(job)
        if job.output is not None:
            _write(results, job, job.output)
    except KeyboardInterrupt:
        stored = f" What is finished is in {job.folder}; the same command goes on with it." if job.folder else ""
        print(f"toymodels: stopped.{stored}", file=sys.stderr)
        sys.exit(130)
    print(report(results, job, time.perf_counter() - began))


def report(results: xr.Dataset, job: Sweep, seconds: float) -> str:
    """What was trained, and where it is."""
    diverged = results["diverged"]
    restarts = results.sizes.get("restart", 1)
    models = f"{diverged.size // restarts:,} cells"
    if restarts > 1:
        models += f" with {restarts} restarts, {diverged.size:,} models"
    finished, bad = int(diverged.notnull().sum()), int((diverged >= 0).sum())
    lines = [f"{models}: {finished:,} finished, {bad:,} diverged. {seconds:.1f} seconds."]
    if job.folder is not None and finished < diverged.size:
        merging = f"toymodels merge {shell(job.folder)} {shell(merged_name(job.folder))}"
        lines.append(f"When the other shards are finished: {merging}")
        lines.append("(If they have folders of their own, name these as well, after the first.)")
    places = [place for place in (job.folder, job.output) if place is not None]
    there = " and ".join(map(str, places))
    lines.append(f"The results are in {there}. To look at them: toymodels show {shell(places[-1])}")
    return "\n".join(lines)


def _swept(job: Sweep) -> xr.Dataset:
    """The results of the sweep. Raises ValueError for what is wrong before anything is stored."""
    shard, arguments = _read_shard(job.shard), _arguments(job)
    _check_places(job, shard)
    with _cluster(job.scheduler, arguments["metrics"]) as client:
        return sweep(**arguments, folder=job.folder, shard=shard, client=client, log=job.log)


def _arguments(job: Sweep) -> dict[str, Any]:
    """What is trained and kept, as `sweep` takes it. Raises ValueError for what is wrong."""
    if job.over is None:
        raise ValueError("The TOML file needs a table [over]: what to vary. `toymodels sweep --help` has an example.")
    if not job.memory_gib > 0:
        raise ValueError(f"--memory-gib must be above 0. Got {job.memory_gib}.")
    return {
        "model": job.model,
        "task": job.task,
        "recipe": job.recipe,
        "over": read_over(job.over, Cell(job.model, job.task, job.recipe)),
        "seed": job.seed,
        "restarts": job.restarts,
        "metrics": dict(named_metrics("sweep", job.metrics)),
        "params": job.params,
        "history": job.history,
        "snapshots": job.snapshots,
        "memory_bytes": _memory_bytes(job),
    }


def _read_shard(text: str) -> tuple[int, int]:
    found = re.fullmatch(r"(\d+)/(\d+)", text)
    index, count = map(int, found.groups()) if found else (0, 0)
    if index >= count:
        raise ValueError(f"--shard must be i/n with i = 0 ... n-1, such as 0/4 for the first of four. Got {text!r}.")
    return index, count


def _check_places(job: Sweep, shard: tuple[int, int]) -> None:
    """Raise ValueError unless results and log have places where they can be written."""
    if job.folder is None and job.output is None:
        raise ValueError("The results need a place: --folder FOLDER, --output FILE.zarr or --output FILE.nc.")
    if job.output is not None:
        ending = formats.ending("--output", job.output)
        formats.check_replaceable(job.output)
        if ending == formats.NETCDF:
            check_file("--output", job.output)
        else:
            check_folder("--output", job.output.parent)
    if job.output is not None and shard[1] > 1:
        merging = f"toymodels merge {shell(job.folder)} {shell(job.output)}" if job.folder else "toymodels merge"
        raise ValueError(f"--output needs all shards. When they are finished: {merging}")
    check_folder("--folder", job.folder)
    check_file("--log", job.log)


@contextmanager
def _cluster(scheduler: str | None, metrics: Mapping[str, Callable[..., Any]]) -> Iterator[Any]:
    """A client of the scheduler, whose workers have the modules of the metrics in the current directory; or None."""
    if scheduler is None:
        yield None
        return
    try:
        from distributed import Client
    except ImportError as error:
        raise ValueError("--scheduler needs Dask: pip install 'toymodels[cluster]'") from error
    with Client(scheduler) as client:
        files = {Path(metric.__code__.co_filename) for metric in metrics.values() if hasattr(metric, "__code__")}
        for file in files:
            if file.parent == Path.cwd():
                client.upload_file(str(file))
        yield client


def _write(results: xr.Dataset, job: Sweep, output: Path) -> None:
    """Write all results to one file."""
    if job.folder is None:
        formats.write(results, output)
    else:
        merge(job.folder, output, memory_bytes=_memory_bytes(job))


def _memory_bytes(job: Sweep) -> int:
    return max(1, int(job.memory_gib * 2**30))
