"""The command line: `toymodels train | sweep | merge | show | playground | workshop`."""

from toymodels.cli.command import main
from toymodels.cli.train import parse_train

__all__ = ["main", "parse_train"]
