"""Run the benchmark: `python -m experiments.benchmark [--quick]`."""

import argparse
import json
import sys
import time
from pathlib import Path

FIGURES = Path(__file__).parents[2] / "figures"


def main() -> None:
    """Measure, print the table, write `benchmark.json` and `benchmark.png`. A missed target is not an error."""
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
    began, others = time.perf_counter(), watch_others()
    result = measure(QUICK if arguments.quick else FULL, _announce)
    result |= {"seconds": round(time.perf_counter() - began, 1), "others_share_of_cores": others()}
    files.write_text(arguments.out / "benchmark.json", json.dumps(result, indent=1) + "\n")
    draw.save(result, arguments.out / "benchmark.png")
    print(report.table(result))


def _announce(what: str) -> None:
    print(f"{what} ...", file=sys.stderr, flush=True)


if __name__ == "__main__":
    main()
