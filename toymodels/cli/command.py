"""The command `toymodels`."""

import importlib
import io
import sys
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import toymodels
from toymodels.checks import near_matches
from toymodels.cli.pipes import quiet_pipe

COMMANDS = {
    "train": "toymodels.cli.train",
    "sweep": "toymodels.cli.sweep",
    "merge": "toymodels.cli.merge",
    "show": "toymodels.cli.show",
    "playground": "toymodels.cli.playground",
    "workshop": "toymodels.cli.workshop",
}
"""Name of each command, and the module whose function `run` it is: what a command does not need is not imported."""

_USAGE = """usage: toymodels COMMAND [OPTIONS]

Train toy models of superposition.

  toymodels train                                five features in two dimensions
  toymodels sweep SWEEP.toml --folder RESULTS    a grid of models, stored as it is finished
  toymodels show RESULTS --picture PICTURE.png   what is in the results of a sweep
  toymodels merge RESULTS RESULTS.zarr           one file of a sweep's folder, or of several
  toymodels playground                           a model that trains live in the browser
  toymodels workshop                             eight lessons on superposition, in JupyterLab

  toymodels train --help   every setting, and how to write them in a TOML file
  toymodels sweep --help   how to say in a TOML file what is varied
  toymodels --version      which version this is"""


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command line; exit with 2 and one line on standard error for bad input."""
    arguments = list(sys.argv[1:] if arguments is None else arguments)
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="backslashreplace")  # whatever letters the terminal has
    with quiet_pipe():
        _run(arguments)


def _run(arguments: Sequence[str]) -> None:
    if arguments in (["--version"], ["-h"], ["--help"]):
        print(f"toymodels {toymodels.__version__}" if arguments == ["--version"] else _USAGE)
        return
    if not arguments or arguments[0] not in COMMANDS:
        print(f"toymodels: {_unknown(arguments[0])}\n\n{_USAGE}" if arguments else _USAGE, file=sys.stderr)
        sys.exit(2)
    try:
        with _warnings_in_one_line():
            importlib.import_module(COMMANDS[arguments[0]]).run(arguments[1:])
    except BrokenPipeError:
        raise
    except (ValueError, TypeError, OSError) as error:
        print(f"toymodels: {error}", file=sys.stderr)
        sys.exit(2)


def _unknown(command: str) -> str:
    """What is said of a command that there is not."""
    if command.startswith("-"):
        return f"{command} is an option of a command, which comes first, for example: toymodels train {command} ..."
    return f"there is no command {command!r}. {near_matches(command, COMMANDS)}"


@contextmanager
def _warnings_in_one_line() -> Iterator[None]:
    """Print warnings, such as those of diverged models, without the line of code that they come from."""

    def show(message: Warning | str, *place: Any, **more: Any) -> None:
        print(f"toymodels: {message}", file=sys.stderr)

    with warnings.catch_warnings():
        warnings.showwarning = show
        yield
