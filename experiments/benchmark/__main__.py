"""Run the benchmark: `python -m experiments.benchmark [--quick]`."""

import argparse
import json
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]
FIGURES = ROOT / "figures"
KEPT = ROOT / ".cache" / "benchmark"
INTERRUPTED = 130  # what shells expect of a program that Ctrl-C has ended


def main() -> None:
    """Measure, print the table, write `benchmark.json` and `benchmark.png`. A missed target is not an error.

    Each measurement is kept until all are made: what was interrupted goes on where it was.
    """
    parser = argparse.ArgumentParser(prog="python -m experiments.benchmark", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="under a minute: fewer repetitions and sizes")
    parser.add_argument("--out", type=Path, default=FIGURES, help="folder of benchmark.json and benchmark.png")
    arguments = parser.parse_args()
    try:
        from experiments.benchmark import draw, report
        from experiments.benchmark.plan import FULL, QUICK, measure
        from experiments.benchmark.timing import watch_others
        from toymodels import files
    except ModuleNotFoundError as error:
        sys.exit(str(error))
    plan, others = QUICK if arguments.quick else FULL, watch_others()
    kept = KEPT / f"{plan.name}.json"
    try:
        result = measure(plan, kept, _announce)
    except KeyboardInterrupt:
        print("Interrupted. What is measured is kept; the same command goes on from there.", file=sys.stderr)
        sys.exit(INTERRUPTED)
    result |= {"others_share_of_cores": others()}
    files.write_text(arguments.out / "benchmark.json", json.dumps(result, indent=1) + "\n")
    draw.save(result, arguments.out / "benchmark.png")
    files.remove(kept)  # the next run measures again
    print(report.table(result))


def _announce(what: str) -> None:
    print(f"{what} ...", file=sys.stderr, flush=True)


if __name__ == "__main__":
    main()
