"""`python -m experiments list | run | check | seeds | gallery`."""

import argparse
import functools
import json
import sys
from collections.abc import Sequence
from pathlib import Path

from experiments.harness.discovery import Found, experiments_of, find_papers
from experiments.harness.experiment import Claim, Experiment
from experiments.harness.gallery import update_readme, write_gallery
from experiments.harness.progress import figure_by_figure
from experiments.harness.run import finish
from experiments.harness.runner import FIGURES, ROOT, claim_record, evaluate, record_seeds
from toymodels import files
from toymodels.checks import near_matches
from toymodels.cli.pipes import quiet_pipe

README = ROOT / "README.md"
WRONG_CALL = 2  # as argparse has it
INTERRUPTED = 130  # what shells expect of a program that Ctrl-C has ended


def main(arguments: Sequence[str] | None = None) -> int:
    """Return the exit code: 0, 1 if a claim fails, 2 for a wrong call, 130 if interrupted."""
    with quiet_pipe():
        papers = find_papers()
        options = _parser(papers).parse_args(arguments)
        return options.command(options, papers)


def _parser(papers: Sequence[Found]) -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m experiments", description="Reproduce papers: figures, and claims that pass or fail."
    )
    commands = parser.add_subparsers(required=True, metavar="list | run | check | seeds | gallery")
    command = commands.add_parser("list", help="name every experiment and its question")
    command.set_defaults(command=_list)
    command = commands.add_parser("run", help="train, draw into figures/, and judge the claims")
    _add_selection(command, papers)
    command.add_argument("--figures", type=Path, default=FIGURES, metavar="FOLDER", help="where to write (figures/)")
    command.set_defaults(command=_run)
    command = commands.add_parser(
        "check", help="judge the claims again, of all papers where none is named; train only what is not cached"
    )
    _add_selection(command, papers, default=papers)
    command.add_argument("--json", action="store_true", help="print the claims as a JSON list")
    command.set_defaults(command=_check)
    command = commands.add_parser("seeds", help="judge the claims for several seeds, and write down the outcome")
    _add_names(command, papers)
    command.add_argument("--count", type=int, default=5, help="how many seeds (default 5)")
    command.set_defaults(command=_seeds)
    command = commands.add_parser("gallery", help="write figures/README.md and the tables in README.md")
    command.add_argument("--figures", type=Path, default=FIGURES, metavar="FOLDER", help="the pictures (figures/)")
    command.add_argument("--readme", type=Path, default=README, metavar="FILE", help="with the tables (README.md)")
    command.set_defaults(command=_gallery)
    return parser


def _add_names(command: argparse.ArgumentParser, papers: Sequence[Found], default: Sequence[Found] = ()) -> None:
    """Figures and papers; if there is a default, it may be left out."""
    choose = functools.partial(select, papers=papers)
    command.add_argument(
        "names",
        nargs="*" if default else "+",
        default=[paper.experiments for paper in default],
        type=choose,
        metavar="NAME",
        help="a figure (paper/figure) or a paper",
    )


def _add_selection(command: argparse.ArgumentParser, papers: Sequence[Found], default: Sequence[Found] = ()) -> None:
    _add_names(command, papers, default)
    command.add_argument("--full", action="store_true", help="the paper's own sizes, where the quick ones are smaller")
    command.add_argument("--seed", type=int, default=0, help="another seed (default 0)")


def select(name: str, papers: Sequence[Found]) -> Sequence[Experiment]:
    """The experiments of a name: one figure, or all of a paper.

    Raises:
        argparse.ArgumentTypeError: if there is none, with the names that are meant, or all.
    """
    named = {experiment.name: [experiment] for experiment in experiments_of(papers)}
    named |= {paper.name: list(paper.experiments) for paper in papers}
    if name.rstrip("/") in named:
        return named[name.rstrip("/")]
    same_figure = [one for one in named if one.partition("/")[2] == name]
    hint = f"Did you mean {' or '.join(same_figure)}?" if same_figure else near_matches(name, named)
    raise argparse.ArgumentTypeError(f"no experiment {name!r}. {hint} `python -m experiments list` names them all.")


def _chosen(options: argparse.Namespace) -> list[Experiment]:
    return list(dict.fromkeys(experiment for chosen in options.names for experiment in chosen))


def _list(options: argparse.Namespace, papers: Sequence[Found]) -> int:
    experiments = experiments_of(papers)
    width = max(len(experiment.name) for experiment in experiments)
    for experiment in experiments:
        print(f"{experiment.name:{width}}  {experiment.question}")
    return 0


def _run(options: argparse.Namespace, papers: Sequence[Found]) -> int:
    judged: list[tuple[Experiment, Claim]] = []
    try:
        files.check_folder(options.figures)
    except OSError as error:
        print(f"--figures is {options.figures}, which cannot be written to: {error.strerror}.", file=sys.stderr)
        return WRONG_CALL
    try:
        for experiment, claims in finish(
            _chosen(options), full=options.full, seed=options.seed, folder=options.figures
        ):
            judged += [(experiment, claim) for claim in claims]
    except KeyboardInterrupt:
        print("Interrupted. What is finished is kept; the same command goes on from there.", file=sys.stderr)
        return INTERRUPTED
    finally:
        write_gallery(papers, options.figures)
    return _report(judged)


def _check(options: argparse.Namespace, papers: Sequence[Found]) -> int:
    judged = [
        (experiment, claim)
        for experiment in figure_by_figure(_chosen(options), full=options.full, seed=options.seed)
        for claim in evaluate(experiment, full=options.full, seed=options.seed).claims
    ]
    if options.json:
        print(json.dumps([claim_record(*one) for one in judged], indent=1, ensure_ascii=False))
        return int(not all(claim.passed for _, claim in judged))
    return _report(judged)


def _seeds(options: argparse.Namespace, papers: Sequence[Found]) -> int:
    for experiment in figure_by_figure(_chosen(options), full=False, seed=options.count - 1):
        print(record_seeds(experiment, range(options.count)))
    return 0


def _gallery(options: argparse.Namespace, papers: Sequence[Found]) -> int:
    print(write_gallery(papers, options.figures))
    print(update_readme(papers, options.readme, options.figures))
    return 0


def _report(judged: Sequence[tuple[Experiment, Claim]]) -> int:
    """Print the claims table; return 1 if one fails."""
    width = max(len(experiment.name) for experiment, _ in judged)
    for experiment, claim in judged:
        sign = "pass" if claim.passed else "FAIL"
        print(f"{sign}  {experiment.name:{width}}  {claim.measured:9.4g}  {claim.expected:>12}   {claim.claim}")
    of_papers: dict[str, list[bool]] = {}
    for experiment, claim in judged:
        of_papers.setdefault(experiment.name.partition("/")[0], []).append(claim.passed)
    if len(of_papers) > 1:
        width = max(map(len, of_papers))
        print("".join(f"\n{paper:{width}}  {sum(passed)} of {len(passed)}" for paper, passed in of_papers.items()))
    passed = sum(claim.passed for _, claim in judged)
    print(f"{passed} of {len(judged)} claims pass.")
    return int(passed < len(judged))


if __name__ == "__main__":
    sys.exit(main())
