"""Pictures as files."""

from pathlib import Path
from typing import TYPE_CHECKING

from toymodels import files

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def write_picture(figure: "Figure", path: Path) -> Path:
    """Write a picture, whole or not at all, in the format that its ending names; a name without one becomes a PNG."""
    path = path if path.suffix else path.with_suffix(".png")
    with files.written_path(path) as temporary:
        figure.savefig(temporary)
    return path
