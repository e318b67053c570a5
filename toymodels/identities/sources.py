"""What functions do, read from their source: equal over processes and versions of Python, blind to layout.

Comments, blank lines, docstrings, annotations and the place where a function stands do not count. Where there is no
source, or where the file is not what is running any more, there are only the instructions of this version of Python.
"""

import ast
import functools
import hashlib
import linecache
from collections.abc import Hashable, Iterator
from types import CodeType

Definition = ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda


def digest(text: str) -> str:
    """Twelve hexadecimal digits that stand for a text."""
    return hashlib.sha256(text.encode()).hexdigest()[:12]


def definition(code: CodeType) -> Definition | None:
    """Where a function is defined in its source, also which of several lambdas on a line; None where there is no source
    that compiles to this very code."""
    return _definition(code, code.co_filename)  # codes of different files, with source and without, can be equal


@functools.lru_cache(maxsize=4096)
def _definition(code: CodeType, filename: str) -> Definition | None:
    for look_again in (False, True):
        if look_again:
            linecache.checkcache(filename)
        text = "".join(linecache.getlines(filename))
        found = _definitions(text, filename).get(code.co_qualname, [])
        alike = [(compiled, node) for compiled, node in found if instructions(compiled) == instructions(code)]
        here = [node for compiled, node in alike if compiled.co_firstlineno == code.co_firstlineno]
        for node in (*here, *(node for _, node in alike)):
            return node
    return None


def what_it_does(code: CodeType) -> str:
    """A digest of a function's definition, or of its instructions where there is no source."""
    node = definition(code)
    return digest(repr(instructions(code)) if node is None else normalised(node))


def parsed(text: str) -> ast.Module:
    """The syntax tree of a text. Raises SyntaxError and ValueError as `ast.parse`."""
    try:
        return ast.parse(text)
    except (
        SystemError
    ):  # Python 3.11 miscounts where other code runs meanwhile: github.com/python/cpython/issues/106905
        return ast.parse(text)


def normalised(node: ast.AST) -> str:
    """A syntax tree as text, without what does not change what it does. Equal for all versions of Python."""
    return repr(_essence(node))


@functools.lru_cache(maxsize=4096)
def instructions(code: CodeType) -> Hashable:
    """What a function does in this version of Python, without the place where it stands."""
    constants = tuple(map(_constant, code.co_consts))
    signature = code.co_varnames, code.co_freevars, code.co_argcount, code.co_kwonlyargcount, code.co_flags
    return (code.co_code, code.co_names, *signature, constants)


def nested(code: CodeType) -> Iterator[CodeType]:
    """The functions, and bodies of classes, inside of a function."""
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            yield constant
            yield from nested(constant)


def _constant(value: object) -> Hashable:
    if isinstance(value, CodeType):
        return instructions(value)
    if isinstance(value, frozenset):  # whose order is another one in each process
        return ("frozenset", *sorted(map(repr, value)))
    return (type(value).__name__, repr(value))


@functools.lru_cache(maxsize=256)
def _definitions(text: str, filename: str) -> dict[str, list[tuple[CodeType, Definition]]]:
    """The functions that a file defines, by qualified name: what they compile to, and their nodes."""
    try:
        tree = parsed(text)
        compiled = compile(text, filename, "exec", dont_inherit=True)
    except (SyntaxError, ValueError):
        return {}
    at: dict[tuple[str, int], list[Definition]] = {}
    for node in ast.walk(tree):
        if isinstance(node, Definition):
            at.setdefault((getattr(node, "name", "<lambda>"), _first_line(node)), []).append(node)
    found: dict[str, list[tuple[CodeType, Definition]]] = {}
    for code in nested(compiled):
        nodes = at.get((code.co_name, code.co_firstlineno), [])
        nodes = [node for node in nodes if _contains(node, code)] if len(nodes) > 1 else nodes
        if nodes:
            # The innermost one: outer ones contain it, and stand before it.
            found.setdefault(code.co_qualname, []).append((code, nodes[-1]))
    return found


def _first_line(node: Definition) -> int:
    return min([node.lineno, *(one.lineno for one in getattr(node, "decorator_list", ()))])


def _contains(node: Definition, code: CodeType) -> bool:
    """Whether all instructions of a code that have a place are within the body of a definition."""
    if not isinstance(node, ast.Lambda):
        return True
    begin, end = (node.body.lineno, node.body.col_offset), (node.body.end_lineno or 0, node.body.end_col_offset or 0)
    places = [place for place in code.co_positions() if None not in place and place[2:] != (0, 0)]
    return bool(places) and all(
        begin <= (line, column) and (end_line, end_column) <= end for line, end_line, column, end_column in places
    )


_UNSEEN = ("annotation", "returns", "type_comment", "type_params", "kind", "ctx")


def _essence(node: object) -> object:
    if isinstance(node, list):
        return [_essence(item) for item in node if not _is_text(item)]
    if not isinstance(node, ast.AST):
        return (type(node).__name__, repr(node))
    fields = [(name, getattr(node, name, None)) for name in node._fields if name not in _UNSEEN]
    return (type(node).__name__, *((name, _essence(value)) for name, value in fields if value is not None))


def _is_text(node: object) -> bool:
    """Whether it is a docstring, or another statement that is only a string."""
    return isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant) and isinstance(node.value.value, str)
