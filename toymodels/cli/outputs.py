"""Where results go: looked at before anything is trained, and written at the end."""

import os
import shlex
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from toymodels import files

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def check_file(flag: str, path: Path | None) -> None:
    """Raise ValueError unless the file of a flag can be written, if it is given."""
    if path is not None:
        _check(flag, path, files.check_writable)


def check_folder(flag: str, path: Path | None) -> None:
    """Raise ValueError unless the folder of a flag can be written to, if it is given."""
    if path is not None:
        _check(flag, path, files.check_folder)


def check_picture(flag: str, path: Path | None) -> None:
    """Raise ValueError unless the picture of a flag can be written, if it is given."""
    if path is None:
        return
    from matplotlib.backend_bases import FigureCanvasBase

    if path.is_dir():
        raise ValueError(f"{flag} is {path}, which is a folder.")
    path = _with_ending(path)
    formats = FigureCanvasBase.get_supported_filetypes()
    if path.suffix[1:].lower() not in formats:
        raise ValueError(f"{flag} is {path}. It must end in one of {', '.join(f'.{one}' for one in sorted(formats))}.")
    check_file(flag, path)


def has_windows() -> bool:
    """Whether pictures can be shown here."""
    import matplotlib.pyplot as plt
    from matplotlib.backends.registry import BackendFilter, backend_registry

    return plt.get_backend().lower() not in backend_registry.list_builtin(BackendFilter.NON_INTERACTIVE)


def show_windows() -> None:
    """Show the pictures that were drawn, until their windows are closed."""
    import matplotlib.pyplot as plt

    plt.show()


def merged_name(folder: Path) -> Path:
    """What the results in a folder are called as one file, beside it.

    >>> str(merged_name(Path("there/results")))
    'there/results.zarr'
    """
    named = folder if folder.name not in ("", "..") else Path(os.path.realpath(folder))
    return named.with_name(f"{named.name}.zarr")


def shell(path: Path) -> str:
    """A path as it can be pasted into a command.

    >>> shell(Path("my results")), shell(Path("-x"))
    ("'my results'", './-x')
    """
    return shlex.quote(f"./{path}" if str(path).startswith("-") else str(path))


def write_picture(figure: "Figure", path: Path) -> Path:
    """Write a picture, whole or not at all, in the format that its ending names; a name without one becomes a PNG."""
    path = _with_ending(path)
    with files.written_path(path) as temporary:
        figure.savefig(temporary)
    return path


def _with_ending(path: Path) -> Path:
    return path if path.suffix else path.with_suffix(".png")


def _check(flag: str, path: Path, check: Callable[[Path], None]) -> None:
    try:
        check(path)
    except OSError as error:
        raise ValueError(f"{flag} is {path}, which cannot be written. {error.filename}: {error.strerror}.") from error
