"""`python -m experiments list | run | check | seeds | gallery`."""

import argparse
import json
import sys
from collections.abc import Sequence
from pathlib import Path

from experiments.harness.discovery import EXPERIMENTS
from experiments.harness.experiment import Claim, Experiment
from experiments.harness.finished import finished_claims, mark_finished
from experiments.harness.gallery import update_readme, write_gallery
from experiments.harness.progress import figure_by_figure
from experiments.harness.runner import FIGURES, claim_record, evaluate, publish, record_seeds

INTERRUPTED = 130  # what shells expect of a program that Ctrl-C has ended


def main(arguments: Sequence[str] | None = None) -> int:
    """Return the exit code: 0, 1 if a claim fails, 2 for a wrong call, 130 if interrupted."""
    options = _parser().parse_args(arguments)
    return options.command(options)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m experiments", description="Reproduce papers: figures, and claims that pass or fail."
    )
    commands = parser.add_subparsers(required=True, metavar="list | run | check | seeds | gallery")
    command = commands.add_parser("list", help="name every experiment and its question")
    command.set_defaults(command=_list)
    command = commands.add_parser("run", help="train, draw into figures/, and judge the claims")
    _add_selection(command)
    command.add_argument("--figures", type=Path, default=FIGURES, metavar="FOLDER", help="where to write (figures/)")
    command.set_defaults(command=_run)
    command = commands.add_parser("check", help="judge the claims again; train only what is not cached")
    _add_selection(command)
    command.add_argument("--json", action="store_true", help="print the claims as a JSON list")
    command.set_defaults(command=_check)
    command = commands.add_parser("seeds", help="judge the claims for several seeds, and write down the outcome")
    command.add_argument("names", nargs="+", type=select, metavar="NAME", help="a figure (paper/figure) or a paper")
    command.add_argument("--count", type=int, default=5, help="how many seeds (default 5)")
    command.set_defaults(command=_seeds)
    command = commands.add_parser("gallery", help="write figures/README.md and the tables in README.md")
    command.set_defaults(command=_gallery)
    return parser


def _add_selection(command: argparse.ArgumentParser) -> None:
    command.add_argument("names", nargs="+", type=select, metavar="NAME", help="a figure (paper/figure) or a paper")
    command.add_argument("--full", action="store_true", help="the paper's own sizes, where the quick ones are smaller")
    command.add_argument("--seed", type=int, default=0, help="another seed (default 0)")


def select(name: str) -> list[Experiment]:
    """The experiments of a name: one figure, or all of a paper.

    Raises:
        argparse.ArgumentTypeError: if there is none, with the names that there are.
    """
    chosen = [one for one in EXPERIMENTS if one.name == name or one.name.startswith(name.rstrip("/") + "/")]
    if not chosen:
        raise argparse.ArgumentTypeError(f"no experiment {name!r}; there are: {', '.join(e.name for e in EXPERIMENTS)}")
    return chosen


def _chosen(options: argparse.Namespace) -> list[Experiment]:
    return list(dict.fromkeys(experiment for chosen in options.names for experiment in chosen))


def _list(options: argparse.Namespace) -> int:
    width = max(len(experiment.name) for experiment in EXPERIMENTS)
    for experiment in EXPERIMENTS:
        print(f"{experiment.name:{width}}  {experiment.question}")
    return 0


def _run(options: argparse.Namespace) -> int:
    size, folder = {"full": options.full, "seed": options.seed}, options.figures
    judged: list[tuple[Experiment, Claim]] = []
    try:
        for experiment in figure_by_figure(_chosen(options), **size):
            claims = finished_claims(experiment, **size, folder=folder)
            if claims is None:
                outcome = evaluate(experiment, **size)
                publish(experiment, outcome, **size, folder=folder)
                mark_finished(experiment, **size, folder=folder)
                claims = outcome.claims
            judged += [(experiment, claim) for claim in claims]
    except KeyboardInterrupt:
        print("Interrupted. What is finished is kept; the same command goes on from there.", file=sys.stderr)
        return INTERRUPTED
    finally:
        write_gallery(EXPERIMENTS, folder)
    return _report(judged)


def _check(options: argparse.Namespace) -> int:
    judged = [
        (experiment, claim)
        for experiment in figure_by_figure(_chosen(options), full=options.full, seed=options.seed)
        for claim in evaluate(experiment, full=options.full, seed=options.seed).claims
    ]
    if options.json:
        print(json.dumps([claim_record(*one) for one in judged], indent=1, ensure_ascii=False))
        return int(not all(claim.passed for _, claim in judged))
    return _report(judged)


def _seeds(options: argparse.Namespace) -> int:
    for experiment in figure_by_figure(_chosen(options), full=False, seed=options.count - 1):
        print(record_seeds(experiment, range(options.count)))
    return 0


def _gallery(options: argparse.Namespace) -> int:
    print(write_gallery(EXPERIMENTS))
    print(update_readme(EXPERIMENTS))
    return 0


def _report(judged: Sequence[tuple[Experiment, Claim]]) -> int:
    """Print the claims table; return 1 if one fails."""
    width = max(len(experiment.name) for experiment, _ in judged)
    for experiment, claim in judged:
        sign = "pass" if claim.passed else "FAIL"
        print(f"{sign}  {experiment.name:{width}}  {claim.measured:9.4g}  {claim.expected:>12}   {claim.claim}")
    passed = sum(claim.passed for _, claim in judged)
    print(f"{passed} of {len(judged)} claims pass.")
    return int(passed < len(judged))


if __name__ == "__main__":
    sys.exit(main())
