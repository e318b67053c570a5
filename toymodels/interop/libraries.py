"""Libraries that are imported only where their objects are made."""

import importlib
from typing import Any


def optional(module: str) -> Any:
    """A module of PyTorch or SAELens.

    Raises:
        ModuleNotFoundError: if it is not installed, with what to install.
    """
    try:
        return importlib.import_module(module)
    except ModuleNotFoundError as error:
        message = f"{error.name} is not installed. Run: pip install 'toymodels[saelens]'"
        raise ModuleNotFoundError(message, name=error.name) from error
