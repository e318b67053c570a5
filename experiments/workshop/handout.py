"""`python -m experiments.workshop.handout`: writes the handout, one page A4, all of it drawn with matplotlib."""

import hashlib
import sys
from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path
from typing import Any

import matplotlib as mpl
import matplotlib.pyplot as plt
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import FancyBboxPatch

import toymodels as tm
from experiments.workshop.notebooks import REPOSITORY
from toymodels import files, workshop
from toymodels.analysis.geometry import dimensionality
from toymodels.analysis.polytopes import arrangement
from toymodels.theory.phases import TRIPLE_DENSITY, unit_border

HANDOUT = Path(workshop.__file__).with_name("handout.pdf")
WIDTH, HEIGHT = 210.0, 297.0  # A4; all lengths on the page are in millimetres, from its upper left corner
LEFT, RIGHT, COLUMN = 14.0, 110.0, 86.0  # where the two columns begin, and how wide they are
UNIT = 7.5  # how long a direction of length 1 is, in every picture
LINE = 4.6  # from one line of text to the next
INK, SOFT, ACCENT, PALE = "#1c1c1c", "#555555", "#1f5a99", "#eef2f7"
SETTINGS = {
    **tm.plots.style(),
    "font.family": "DejaVu Sans",  # it comes with matplotlib, so that the page is the same everywhere
    "font.size": 7.5,
    "mathtext.fontset": "dejavusans",
    "pdf.compression": 0,  # compressed bytes differ between versions of zlib
    "text.color": INK,
}

SYMBOLS = (
    ("$n$, $m$", "number of features; of hidden dimensions (neurons)"),
    ("$x$", "feature vector, $n$ numbers; samples are columns"),
    ("$W$", "weights $(m, n)$; column $W_i$: direction of feature $i$"),
    (r"$\hat W_i$", "that direction, scaled to length 1"),
    ("$b$", "output biases, one per feature"),
    ("$p = 1-S$", "density: probability that a feature is on"),
    ("$I_i$", "importance: weight of a feature's squared error"),
)
MEASURES = (
    (r"$\Vert W_i \Vert$", "about 1: represented; 0: not"),
    (r"$\Sigma_{j \neq i} \, (\hat W_i \cdot W_j)^2$", "interference"),
    (r"$D_i = \Vert W_i \Vert^2 / \, \Sigma_j \, (\hat W_i \cdot W_j)^2$", "share of a dimension"),
    (r"$D^* = m \, / \, \Vert W \Vert_F^2$", "dimensions per feature"),
)
ARRANGEMENTS = ("dedicated", "digon", "triangle", "tetrahedron", "pentagon", "square antiprism")
LOSSES = {
    "second dropped": "r · (p/3 − p²/4)",
    "first dropped": "p/3 − p²/4",
    "both, opposite": "(1 + r) · p²/6",
}
BORDERS = {"r < 1": "p = 4r / (2 + 5r)", "r > 1": "p = 4 / (5 + 2r)"}
MOTIF_IN, MOTIF_OUT = np.array([[1.0, 0.25], [1.0, 0.0]]), np.array([[1.0, 0.0], [4.0, -4.0]])
CODE = """\
import toymodels as tm
from toymodels import workshop

features = tm.Independent(5, density=0.1)
task = tm.Task(features, tm.GeometricImportance(0.9))
run = tm.train(tm.Autoencoder(5, 2), task, restarts=8)
tm.plots.directions(run.W[0])  # of the best restart
"""
COMMANDS = (
    ('check("2.3", function)', "is my answer right?"),
    ('hint("2.3", 2)', "the second of three hints"),
    ('solution("2.3")', "a worked answer"),
    ("tm.Playground()", "train live, in a notebook"),
    ("toymodels playground", "the same, in a browser"),
)


def main() -> int:
    """Write the PDF and return the exit code."""
    write(HANDOUT)
    print(HANDOUT)
    return 0


def write(path: Path) -> None:
    """The page as a PDF, whose bytes depend on nothing but this program and the version of matplotlib."""
    with mpl.rc_context(SETTINGS):
        figure = page()
        metadata = {"Title": "Superposition on one page", "Keywords": digest(figure), "CreationDate": None}
        with files.written_path(path) as picture:
            figure.savefig(picture, format="pdf", metadata=metadata)
        plt.close(figure)


def digest(figure: Figure) -> str:
    """A name for all that is written on the page: by it PDFs of two versions of matplotlib can be compared."""
    return hashlib.sha256("\n".join(texts(figure)).encode()).hexdigest()[:16]


def texts(figure: Figure) -> list[str]:
    """All that is written on the page but for the axes of the diagram."""
    return [text.get_text() for ax in figure.axes for text in ax.texts if text.get_text()]


def page() -> Figure:
    """The handout. Call it with the settings of `SETTINGS`."""
    figure = plt.figure(figsize=(WIDTH / 25.4, HEIGHT / 25.4))
    paper = figure.add_axes((0, 0, 1, 1))
    paper.set(xlim=(0, WIDTH), ylim=(HEIGHT, 0))
    paper.set_axis_off()
    _title(paper)
    _model(paper, 28)
    _words(paper, 28)
    _arrangements(paper, 93)
    _phases(paper, 150)
    _neurons(paper, 150)
    _autoencoder(paper, 237.5)
    _commands(paper, 237.5)
    _foot(paper)
    return figure


# --- the parts, each from the height `top` downwards ---------------------------------------------------------------


def _title(paper: Axes) -> None:
    paper.text(LEFT, 17, "Superposition on one page", fontsize=19, weight="bold", color=ACCENT)
    paper.text(WIDTH - 14, 17, "toymodels workshop", fontsize=9, color=SOFT, ha="right")
    paper.plot([LEFT, WIDTH - 14], [20.5, 20.5], color=ACCENT, linewidth=1.2)


def _model(paper: Axes, top: float) -> None:
    _heading(paper, LEFT, top, "The model")
    paper.add_patch(
        FancyBboxPatch((LEFT + 1, top + 4.5), COLUMN - 2, 12, "round,pad=0,rounding_size=1.5", fc=PALE, ec="none")
    )
    paper.text(
        LEFT + COLUMN / 2,
        top + 10.7,
        r"$x' = \mathrm{ReLU}(W^T W x + b)$",
        fontsize=13,
        ha="center",
        va="center",
    )
    _lines(
        paper,
        LEFT,
        top + 21.5,
        (
            "$x_i$: with probability $p$ uniform on [0, 1], otherwise 0",
            r"loss: mean of $I_i \, (x_i - x'_i)^2$ over samples and features",
            "",
            r"Without the ReLU: PCA, which keeps the $m$ largest $I_i \, \mathrm{Var}(x_i)$",
            "whatever the density. Var = p/3 − p²/4",
            r"With it, $I_i = 0.9^i$, five features in two dimensions: two of them",
            "at $p = 1$, two digons at $p = 0.2$, the pentagon at $p = 0.1$.",
            "Negative interference is free, since the ReLU cuts it off; positive",
            "interference is silenced by $b < 0$, at the price of longer arrows.",
        ),
    )


def _words(paper: Axes, top: float) -> None:
    _heading(paper, RIGHT, top, "Words and symbols")
    _table(paper, RIGHT, RIGHT + 16, top + 7, SYMBOLS)
    _table(paper, RIGHT, RIGHT + 42, top + 8 + len(SYMBOLS) * LINE, MEASURES, step=5.4)


def _arrangements(paper: Axes, top: float) -> None:
    _heading(paper, LEFT, top, "How features share dimensions", width=WIDTH - 28)
    step = (WIDTH - 28) / len(ARRANGEMENTS)
    for number, name in enumerate(ARRANGEMENTS):
        W = arrangement(name)
        middle = LEFT + (number + 0.5) * step
        draw = _dedicated if W.shape[1] == 1 else tm.plots.polytope
        draw(W, limit=12 / UNIT, ax=_inset(paper, middle - 12, top + 3.5, 24, 24))
        paper.text(middle, top + 31, name, ha="center", weight="bold")
        paper.text(middle, top + 35.4, f"{W.shape[1]} in {len(W)}", ha="center", color=SOFT)
        paper.text(middle, top + 40.6, f"D = {_fraction(W)}", ha="center", fontsize=10)
    says = (
        r"$k$ features spread evenly over $d$ dimensions: $D = d\,/\,k$.   All together: $\Sigma_i D_i \leq m$.   "
        "Parts at right angles do not interfere."
    )
    paper.text(WIDTH / 2, top + 47.6, says, ha="center")


def _phases(paper: Axes, top: float) -> None:
    _heading(paper, LEFT, top, "Phases: two features in one dimension")
    _diagram(_inset(paper, LEFT + 11, top + 5, COLUMN - 12, 43.5))
    y = top + 61.5
    paper.text(LEFT, y, "Borders", weight="bold")
    for number, (where, formula) in enumerate(BORDERS.items()):
        paper.text(LEFT + 16, y + number * LINE, where)
        paper.text(LEFT + 30, y + number * LINE, formula)
    meet = Fraction(TRIPLE_DENSITY).limit_denominator(99)
    paper.text(LEFT + 16, y + 2 * LINE, "r = 1")
    paper.text(LEFT + 30, y + 2 * LINE, f"p = {meet}: all three meet")
    paper.text(LEFT, y + 3 * LINE, "Losses: sums over features, for weights of length 1. Trained pairs", color=SOFT)
    paper.text(LEFT, y + 4 * LINE, "are a little cheaper: from r = 0.54 at p = 1/2 instead of 0.67.", color=SOFT)


def _neurons(paper: Axes, top: float) -> None:
    _heading(paper, RIGHT, top, "Neurons, and computing with them")
    turn = np.radians(25)
    rotation = np.array([[np.cos(turn), -np.sin(turn)], [np.sin(turn), np.cos(turn)]])
    free, pinned = rotation @ [[1, -1, 0], [0, 0, 1]], 0.95 * np.array([[1, 1, -1], [1, -1, 1]])
    for W, x, formula, says in (
        (free, RIGHT, "$h = Wx$", "turns freely, since\n$(RW)^T RW = W^T W$"),
        (pinned, RIGHT + 44, r"$h = \mathrm{ReLU}(Wx)$", "axes are neurons,\nand do not turn"),
    ):
        ax = _inset(paper, x, top + 3.5, 20.5, 20.5)
        tm.plots.directions(W, limit=10.25 / UNIT, ax=ax)
        ax.axhline(0, color="#999999", linewidth=0.5, zorder=0)
        ax.axvline(0, color="#999999", linewidth=0.5, zorder=0)
        paper.text(x + 21.5, top + 11, formula)
        paper.text(x + 21.5, top + 13.5, says, va="top", fontsize=6.5, color=SOFT, linespacing=1.5)
    _lines(
        paper,
        RIGHT,
        top + 29,
        (
            r"monosemantic neuron $k$: its largest $W_{ki}^2 \geq 0.9 \; \Sigma_i W_{ki}^2$",
            "else polysemantic: the sparser features are, the more of them",
            "",
            r"$|x| = \mathrm{ReLU}(x) + \mathrm{ReLU}(-x)$: two neurons per feature, no error;",
            "with fewer neurons, and sparse features, in superposition:",
        ),
    )
    tm.plots.neuron_graph(MOTIF_IN, MOTIF_OUT, ax=_inset(paper, RIGHT, top + 50, COLUMN, 22))
    _lines(
        paper,
        RIGHT,
        top + 75.5,
        (
            "$h_1$ computes $x_1$ and $x_2$ with unequal weights; $x_1$ alone disturbs",
            "$y_2$, and $h_2$ inhibits it there.",
        ),
        color=SOFT,
    )


def _autoencoder(paper: Axes, top: float) -> None:
    _heading(paper, LEFT, top, "Sparse autoencoder on the hidden layer")
    _lines(
        paper,
        LEFT,
        top + 8,
        (
            r"$z = \mathrm{ReLU}(W_{enc} \, (h - b_{dec}) + b_{enc})$,   $\hat h = D \, z + b_{dec}$",
            r"loss: means of $(h - \hat h)^2$ and of $\lambda \, \Sigma_k \, z_k$, added; $D_j$ of length 1",
            r"MMCS: $(1 / n) \; \Sigma_i \, \mathrm{max}_j \, \cos(W_i, D_j)$;  1: every feature is found",
            "compare with random directions: 40 in 8 dimensions have 0.70",
            r"L0: units that are on in a sample; features: $n \, p$",
            r"$\lambda$ too small: $z$ is not sparse; too large: units die. Features",
            r"unknown: take the $\lambda$ at which independent runs agree most",
        ),
        step=5,
    )


def _commands(paper: Axes, top: float) -> None:
    _heading(paper, RIGHT, top, "Commands")
    for number, line in enumerate(CODE.splitlines()[3:]):
        paper.text(RIGHT, top + 7.5 + number * 4.3, line, family="DejaVu Sans Mono", fontsize=6.2)
    for number, (command, says) in enumerate(COMMANDS):
        y = top + 25 + number * 4.4
        paper.text(RIGHT, y, command, family="DejaVu Sans Mono", fontsize=6.8)
        paper.text(RIGHT + 42, y, says, color=SOFT)


def _foot(paper: Axes) -> None:
    paper.plot([LEFT, WIDTH - 14], [284, 284], color=SOFT, linewidth=0.5)
    source = "After Elhage et al. 2022, Toy Models of Superposition, transformer-circuits.pub/2022/toy_model"
    paper.text(LEFT, 287.8, source, fontsize=6.5, color=SOFT)
    address = REPOSITORY.removeprefix("https://") or "toymodels workshop: eight lessons, with exercises"
    paper.text(WIDTH - 14, 287.8, address, fontsize=6.5, color=SOFT, ha="right")


# --- pictures and text ---------------------------------------------------------------------------------------------


def _dedicated(W: np.ndarray, limit: float, ax: Axes) -> None:
    """One direction, in the dimension that it has to itself."""
    ax.plot([-1, 1], [0, 0], color="#b8b8b8", linewidth=0.7)
    ax.plot(0, 0, ".", color="#b8b8b8", markersize=3)
    ax.plot(W, [[0]], "o", color=ACCENT, markersize=4.5, markeredgewidth=0)
    ax.set(xlim=(-limit, limit), ylim=(-limit, limit), aspect="equal")
    ax.set_axis_off()


def _diagram(ax: Axes) -> None:
    """The phases over importance and density, with their names."""
    p = np.geomspace(0.01, TRIPLE_DENSITY, 200)
    border = np.append(unit_border(p), 1.0)
    p = np.append(p, TRIPLE_DENSITY)
    ax.fill_betweenx(p, border, 1 / border, color="#b9cfe6", linewidth=0)
    ax.fill_betweenx(np.append(p, 1), np.append(1 / border, 1), 10, color="#f3d9c9", linewidth=0)
    ax.plot(border, p, color=INK, linewidth=1.1)
    ax.plot(1 / border, p, color=INK, linewidth=1.1)
    ax.plot([1, 1], [TRIPLE_DENSITY, 1], color=INK, linewidth=1.1)
    ax.plot(1, TRIPLE_DENSITY, "o", color=INK, markersize=3)
    for (name, loss), (x, y) in zip(LOSSES.items(), ((0.24, 0.65), (4.1, 0.65), (1, 0.06)), strict=True):
        ax.text(x, y, f"{name}\nloss {loss}", ha="center", va="center", linespacing=1.5)
    ax.set(xscale="log", yscale="log", xlim=(0.1, 10), ylim=(0.01, 1))
    ax.set_xticks([0.1, 1, 10], ["0.1", "1", "10"], minor=False)
    ax.set_yticks([0.01, 0.1, 1], ["0.01", "0.1", "1"], minor=False)
    ax.set_xlabel("importance of the second, $r$", fontsize=7.5, labelpad=1)
    ax.set_ylabel("density $p$", fontsize=7.5, labelpad=0)
    ax.tick_params(labelsize=7)
    ax.spines[:].set_visible(True)


def _fraction(W: np.ndarray) -> str:
    """The dimensionality that all features of an arrangement have, such as 2/5."""
    (value,) = {Fraction(float(D)).limit_denominator(20) for D in dimensionality(W)}
    return str(value)


def _heading(paper: Axes, x: float, y: float, says: str, width: float = COLUMN) -> None:
    paper.text(x, y, says, fontsize=10, weight="bold", color=ACCENT)
    paper.plot([x, x + width], [y + 1.8, y + 1.8], color="#b8b8b8", linewidth=0.5)


def _lines(paper: Axes, x: float, y: float, lines: Sequence[str], step: float = LINE, **options: Any) -> None:
    """Lines of text, an empty one half as high."""
    for says in lines:
        paper.text(x, y, says, **options)
        y += step if says else step / 2


def _table(
    paper: Axes, left: float, right: float, y: float, rows: Sequence[tuple[str, str]], step: float = LINE
) -> None:
    """Symbols at `left`, what they mean at `right`."""
    for number, (symbol, meaning) in enumerate(rows):
        paper.text(left, y + number * step, symbol)
        paper.text(right, y + number * step, meaning)


def _inset(paper: Axes, x: float, y: float, width: float, height: float) -> Axes:
    """Axes whose upper left corner is at (x, y)."""
    box = (x / WIDTH, 1 - (y + height) / HEIGHT, width / WIDTH, height / HEIGHT)
    return paper.figure.add_axes(box)


if __name__ == "__main__":
    sys.exit(main())
