r"""Text in figures: names from data, and text that a user wrote.

Matplotlib takes text between dollars as mathematics, and with `text.usetex` LaTeX reads all of it. Every text of a plot
that is not a constant goes through one of the two functions here. Constants are written so that both read them: signs
as mathematics, no special characters outside it.
"""

import re
import unicodedata

import matplotlib as mpl
from matplotlib.mathtext import MathTextParser

SPECIAL = {
    "\\": r"\textbackslash{}",
    "{": r"\{",
    "}": r"\}",
    "$": r"\$",
    "&": r"\&",
    "#": r"\#",
    "_": r"\_",
    "%": r"\%",
    "^": r"\textasciicircum{}",
    "~": r"\textasciitilde{}",
    "<": "$<$",
    ">": "$>$",
    "|": "$|$",
    "–": "--",
    "—": "---",
    "−": "$-$",
    "×": r"$\times$",
    "·": r"$\cdot$",
    "…": "...",
    "≤": r"$\leq$",
    "≥": r"$\geq$",
    "≈": r"$\approx$",
    "‖": r"$\Vert$",
    "→": r"$\rightarrow$",
    "∞": r"$\infty$",
    "√": r"$\surd$",
    "’": "'",
    "“": "``",
    "”": "''",
}
"""What LaTeX reads instead of characters that mean something else to it, or that it lacks."""

CAPITALS = ("GAMMA", "DELTA", "THETA", "LAMDA", "XI", "PI", "SIGMA", "PHI", "PSI", "OMEGA")
"""Greek letters that do not look like Latin ones."""


def literal(name: object) -> str:
    r"""A name from data (a dimension, a coordinate, a variable) as it stands, whatever characters it has.

    >>> print(literal("cost in $ of $x"))
    cost in \$ of \$x
    """
    text = str(name)
    if mpl.rcParams["text.usetex"]:
        return _latex(text)
    text = text.replace("$", r"\$")
    return re.sub("^_", r"$\\_$", text)  # a legend leaves out labels that begin with an underscore


def prose(text: str) -> str:
    r"""Text that a user wrote, in which what stands between dollars is mathematics, if it can be read as such.

    >>> prose("$n = 5$, 100 %"), prose("5 $ each")
    ('$n = 5$, 100 %', '5 \\$ each')
    """
    parts = re.split(r"(?<!\\)\$", text)
    formulas = parts[1::2]
    if len(parts) % 2 == 0 or not all(map(_is_mathematics, formulas)):
        return literal(text)
    words = [literal(part.replace(r"\$", "$")) for part in parts[::2]]
    between = [f"${_latex_formula(formula) if mpl.rcParams['text.usetex'] else formula}$" for formula in formulas]
    return "".join(word + formula for word, formula in zip(words, [*between, ""], strict=True))


def _is_mathematics(formula: str) -> bool:
    """Whether matplotlib can read it."""
    try:
        MathTextParser("path").parse(f"${formula}$")
    except (ValueError, RuntimeError):
        return False
    return bool(formula.strip())


def _latex(text: str) -> str:
    return "".join(map(_latex_character, text))


def _latex_formula(formula: str) -> str:
    escaped = re.sub(r"(?<!\\)([%#&])", r"\\\1", formula)
    return "".join(one if one.isascii() else f"{_latex_character(one).strip('$')} " for one in escaped)


def _latex_character(character: str) -> str:
    if character in SPECIAL:
        return SPECIAL[character]
    if character.isascii() or "¡" <= character <= "ÿ":
        return character
    raised = re.fullmatch("<(super|sub)> 00([2-7].)", unicodedata.decomposition(character))
    if raised:
        return f"${'^' if raised[1] == 'super' else '_'}{{{chr(int(raised[2], 16))}}}$"
    greek = re.fullmatch(r"GREEK (SMALL|CAPITAL) LETTER (\w+)", unicodedata.name(character, ""))
    if greek and (greek[2] in CAPITALS if greek[1] == "CAPITAL" else greek[2] not in ("OMICRON", "FINAL")):
        name = greek[2].replace("LAMDA", "LAMBDA")
        return f"$\\{name.capitalize() if greek[1] == 'CAPITAL' else name.lower()}$"
    return f"U+{ord(character):04X}"
