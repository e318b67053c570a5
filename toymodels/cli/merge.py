"""`toymodels merge`: one file of the results in one or several folders."""

import dataclasses
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import tyro

from toymodels.cli.flags import parse
from toymodels.cli.outputs import shell
from toymodels.sweeps import merge

HELP = """Write the results in one or several folders of the same sweep as one file: toymodels merge FOLDER ... OUTPUT

  OUTPUT ends in .zarr or .nc; what is there already is replaced. All work of the sweep must be finished."""


@dataclasses.dataclass(frozen=True)
class Merge:
    """What is to be merged.

    Attributes:
        paths: the folders, and last the file to write.
        memory_gib: about how much memory to use for .zarr; a netCDF file needs all results in memory.
    """

    paths: Annotated[tyro.conf.Positional[tuple[Path, ...]], tyro.conf.arg(metavar="FOLDER ... OUTPUT")]
    memory_gib: float = 1.0


def run(arguments: Sequence[str]) -> None:
    """`toymodels merge`: merge, and say what to do next."""
    job = parse("merge", HELP, Merge, arguments)
    *folders, output = job.paths or [Path()]
    if not folders:
        raise ValueError("merge needs at least one folder, and the file to write: toymodels merge FOLDER OUTPUT.zarr")
    merge(folders, output, memory_bytes=max(1, int(job.memory_gib * 2**30)))
    print(f"The results are in {output}. To look at them: toymodels show {shell(output)}")
