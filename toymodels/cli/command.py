"""The command `toymodels`."""

import importlib
import io
import sys
from collections.abc import Sequence

import toymodels
from toymodels.checks import near_matches

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
  toymodels workshop                             six lessons on superposition, in JupyterLab

  toymodels train --help   every setting, and how to write them in a TOML file
  toymodels sweep --help   how to say in a TOML file what is varied
  toymodels --version      which version this is"""


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command line; exit with 2 and one line on standard error for bad input."""
    arguments = list(sys.argv[1:] if arguments is None else arguments)
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="backslashreplace")  # whatever letters the terminal has
    if arguments == ["--version"]:
        print(f"toymodels {toymodels.__version__}")
        return
    if not arguments or arguments[0] not in COMMANDS:
        asked = arguments[:1] in ([], ["-h"], ["--help"])
        print(_USAGE if asked else f"toymodels: {_unknown(arguments[0])}\n\n{_USAGE}", file=sys.stderr)
        sys.exit(0 if asked and arguments else 2)
    try:
        importlib.import_module(COMMANDS[arguments[0]]).run(arguments[1:])
    except (ValueError, TypeError, OSError) as error:
        print(f"toymodels: {error}", file=sys.stderr)
        sys.exit(2)


def _unknown(command: str) -> str:
    """What is said of a command that there is not."""
    if command.startswith("-"):
        return f"{command} is an option of a command, which comes first, for example: toymodels train {command} ..."
    return f"there is no command {command!r}. {near_matches(command, COMMANDS)}"
