"""Docstrings as this project writes them, for Sphinx: formulas with bars and stars, and code that is only indented."""

import inspect
import re
import sys
from typing import Any, TypeVar

from sphinx.application import Sphinx

_EXAMPLE = re.compile(r"(?m)^(\S.*)\n\n(?=    \S)")
_KEPT = re.compile(
    r"(`[^`]+`"  # code in a line
    r"|::\n\n(?:(?: {4}.*)?(?:\n|\Z))+"  # code in a block
    r"|^ *>>>.*?(?:\n *\n|\Z))",  # what is typed in Python, and its answer
    re.MULTILINE | re.DOTALL,
)


def restructured(docstring: str) -> str:
    r"""The docstring as reStructuredText, which takes |x| and *batch for markup of its own.

    >>> restructured("|W_ki| and `a * b`")
    '\\|W_ki\\| and `a * b`'
    """
    parts = _KEPT.split(_EXAMPLE.sub(r"\1\n\n::\n\n", docstring))
    parts[::2] = [re.sub(r"([|*])", r"\\\1", part) for part in parts[::2]]
    return "".join(parts)


def rewrite(app: Sphinx, what: str, name: str, value: Any, options: Any, lines: list[str]) -> None:
    """Rewrite a docstring in place, before Google's sections are read; a value without one has not its class's."""
    if what == "data" and lines[:1] == (inspect.getdoc(value) or "").splitlines()[:1]:
        lines.clear()
    lines[:] = restructured("\n".join(lines)).split("\n")


def skip(app: Sphinx, what: str, name: str, value: Any, skipped: bool, options: Any) -> bool | None:
    """Leave out fields, which their class describes."""
    module = sys.modules.get(app.env.current_document.autodoc_module)
    owner = getattr(module, app.env.current_document.autodoc_class, None)
    fields = (*getattr(owner, "__dataclass_fields__", ()), *getattr(owner, "_fields", ()))
    return True if name in fields or isinstance(value, TypeVar) else None


def setup(app: Sphinx) -> dict[str, Any]:
    app.connect("autodoc-process-docstring", rewrite, priority=400)
    app.connect("autodoc-skip-member", skip)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
