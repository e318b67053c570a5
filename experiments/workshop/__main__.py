"""`python -m experiments.workshop`: writes the notebooks, or runs them solved with `--time` or `--outputs`."""

import argparse
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from experiments.workshop.notebooks import LESSONS, execute, notebook, seconds, solved, text
from experiments.workshop.outputs import run
from toymodels import files


def main(arguments: Sequence[str] | None = None) -> int:
    """Return the exit code: 0, or 1 if a lesson fails."""
    parser = argparse.ArgumentParser(prog="python -m experiments.workshop", description="Make the lessons' notebooks.")
    parser.add_argument("--time", action="store_true", help="run the solved lessons and tell how long cells take")
    parser.add_argument("--outputs", action="store_true", help="run the solved lessons and keep what cells show")
    options = parser.parse_args(arguments)
    if options.outputs:
        for lesson in LESSONS:
            run(lesson.with_suffix(".ipynb"))
        return 0
    if options.time:
        return max(_time(lesson) for lesson in LESSONS)
    for lesson in LESSONS:
        path = lesson.with_suffix(".ipynb")
        files.write_text(path, text(notebook(lesson)))
        print(path)
    return 0


def _time(lesson: Path) -> int:
    """Run a solved lesson and print what it takes; return 1 if it fails."""
    with tempfile.TemporaryDirectory() as folder:
        executed, error = execute(solved(notebook(lesson)), Path(folder))
    took = seconds(executed)
    outcome = f"FAILED: {error}" if error else "well"
    print(f"{lesson.stem}: {sum(took):.0f} s in all, {max(took):.1f} s the slowest of {len(took)} cells; {outcome}")
    return int(error is not None)


if __name__ == "__main__":
    sys.exit(main())
