"""Signatures as they stand in the source: `Float[Array, "*batch m n"]`, and not the types that this is made of."""

import ast
import inspect
import textwrap
from typing import Any

from docutils import nodes
from sphinx import addnodes
from sphinx.application import Sphinx


def signature(value: Any) -> tuple[str, str | None] | None:
    """Arguments and what is returned of a function, or of a class by its fields or `__init__`; None if unknown."""
    if getattr(value, "_is_protocol", False):
        return "", None  # nothing is made of it
    try:
        (node,) = ast.parse(textwrap.dedent(inspect.getsource(inspect.unwrap(value)))).body
    except (OSError, TypeError, ValueError):
        return None
    if isinstance(node, ast.ClassDef):
        made = [one for one in node.body if isinstance(one, ast.FunctionDef) and one.name == "__init__"]
        if made:
            return _arguments(made[0].args, method=True), None
        fields = [_field(one) for one in node.body if isinstance(one, ast.AnnAssign)]
        return (f"({', '.join(fields)})", None) if fields else None
    if isinstance(node, ast.FunctionDef):
        method = "." in value.__qualname__ and not any(
            ast.unparse(one) == "staticmethod" for one in node.decorator_list
        )
        return _arguments(node.args, method=method), None if node.returns is None else ast.unparse(_plain(node.returns))
    return None


def _arguments(arguments: ast.arguments, *, method: bool) -> str:
    """The arguments in parentheses, a method's without `self`."""
    if method:
        arguments.args = arguments.args[1:]
    return f"({ast.unparse(_plain(arguments))})"


def _field(field: ast.AnnAssign) -> str:
    """A field of a dataclass as the argument of its `__init__`; `static` only says how it is stored."""
    default = field.value
    if isinstance(default, ast.Call) and ast.unparse(default.func) == "static":
        default = default.keywords[0].value if default.keywords else None
    annotation = ast.unparse(_plain(field.annotation))
    text = ast.unparse(field.target) + ("" if annotation == "Any" else f": {annotation}")
    return text if default is None else f"{text} = {ast.unparse(default)}"


def _plain(node: Any) -> Any:
    """The annotation for readers: arrays of either library are arrays, shapes have no space before them, and names of
    classes have no quotes."""
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        return ast.parse(node.value, mode="eval").body
    for one in ast.walk(node):
        if isinstance(one, ast.Name) and one.id == "AnyArray":
            one.id = "Array"
        if isinstance(one, ast.Constant) and isinstance(one.value, str):
            one.value = one.value.strip()
    return node


def process(app: Sphinx, what: str, name: str, value: Any, *rest: Any) -> tuple[str, str | None] | None:
    """The signature that autodoc shows."""
    return signature(value) if what in ("class", "exception", "function", "method") else None


def tidy(app: Sphinx, domain: str, objtype: str, content: addnodes.desc_content) -> None:
    """Types of properties, which Sphinx writes itself, in the same words."""
    for text in content.parent[0].findall(nodes.Text):
        for long, short in (("jaxlib._jax.Array", "Array"), ("jax.Array", "Array"), ("np.ndarray", "ndarray")):
            if long in text:
                text.parent.replace(text, nodes.Text(text.replace(long, short)))
                break


def setup(app: Sphinx) -> dict[str, Any]:
    app.connect("autodoc-process-signature", process)
    app.connect("object-description-transform", tidy)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
