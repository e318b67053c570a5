"""The handout: one page A4, the committed file is that of the program, and what it says is what the library says."""

import re
from collections.abc import Iterator

import matplotlib as mpl
import matplotlib.pyplot as plt
import numpy as np
import pytest
from matplotlib.figure import Figure

import toymodels as tm
from experiments.workshop.handout import CODE, HANDOUT, MOTIF_IN, MOTIF_OUT, SETTINGS, UNIT, digest, page, texts, write
from toymodels.analysis.motifs import asymmetric_motifs
from toymodels.theory import phases


@pytest.fixture(scope="module")
def figure() -> Iterator[Figure]:
    with mpl.rc_context(SETTINGS):
        made = page()
        made.canvas.draw()
        yield made


def value(formula: str, **names: float) -> float:
    """The number that a formula of the page has, such as "4r / (2 + 5r)"."""
    spelt = re.sub(r"(\d)([a-z])", r"\1*\2", formula).replace("²", "**2").replace("·", "*").replace("−", "-")
    return eval(spelt, {"__builtins__": {}}, names)


def after(figure: Figure, words: str) -> str:
    """What follows `words` in the text that begins with them."""
    (found,) = [says for says in texts(figure) if says.startswith(words)]
    return found.removeprefix(words).strip()


def test_the_committed_file_is_one_page_a4() -> None:
    made = HANDOUT.read_bytes()
    assert len(re.findall(rb"/Type /Page\b", made)) == 1
    (box,) = re.findall(rb"/MediaBox \[ ([^]]*) \]", made)
    np.testing.assert_allclose([float(number) * 25.4 / 72 for number in box.split()], [0, 0, 210, 297], atol=0.1)


def test_the_committed_file_is_that_of_the_program(figure: Figure, tmp_path) -> None:
    committed = HANDOUT.read_bytes()
    assert re.findall(rb"/Keywords \((\w+)\)", committed) == [digest(figure).encode()]
    if f"Matplotlib v{mpl.__version__}".encode() in committed:
        write(tmp_path / "handout.pdf")
        assert (tmp_path / "handout.pdf").read_bytes() == committed


def test_nothing_is_cut_off_and_columns_keep_apart(figure: Figure) -> None:
    mm = 25.4 / figure.dpi
    paper = figure.axes[0]
    for text in paper.texts:
        box = text.get_window_extent()
        assert box.x0 * mm > 13.5
        assert box.x1 * mm < 196.5
        assert box.y0 * mm > 8
        x, y = text.get_position()
        if x < 100 and text.get_ha() == "left" and 20 < y < 284:
            assert box.x1 * mm < 104


def test_no_two_texts_overlap(figure: Figure) -> None:
    boxes = [(text.get_text(), text.get_window_extent()) for text in figure.axes[0].texts if text.get_text()]
    for number, (says, box) in enumerate(boxes):
        for other, its_box in boxes[:number]:
            across = min(box.x1, its_box.x1) - max(box.x0, its_box.x0)
            along = min(box.y1, its_box.y1) - max(box.y0, its_box.y0)
            # Tall letters of one line may reach by a hair into the box of the next.
            assert across <= 0 or along < 0.35 * min(box.height, its_box.height), (says, other)


def test_directions_are_drawn_to_one_scale(figure: Figure) -> None:
    drawn = [ax for ax in figure.axes if ax.get_aspect() == 1 and np.ptp(ax.get_xlim()) < 4]
    assert len(drawn) == 8
    lengths = [ax.get_window_extent().width / figure.dpi * 25.4 / np.ptp(ax.get_xlim()) for ax in drawn]
    np.testing.assert_allclose(lengths, UNIT, rtol=1e-3)
    for ax in drawn:
        reach = max(abs(np.concatenate([line.get_xdata(), line.get_ydata()])).max() for line in ax.lines)
        assert reach < ax.get_xlim()[1]


def test_dimensionalities(figure: Figure) -> None:
    says = texts(figure)
    values = [text.removeprefix("D = ") for text in says if text.startswith("D = ")]
    assert values == ["1", "1/2", "2/3", "3/4", "2/5", "3/8"]
    sizes = [text for text in says if re.fullmatch(r"\d in \d", text)]
    for size, fraction in zip(sizes, values, strict=True):
        k, _, d = size.split()
        assert value(fraction) == int(d) / int(k)


@pytest.mark.parametrize(("r", "where"), [(0.3, "r < 1"), (2.5, "r > 1")])
def test_at_the_borders_losses_are_equal(figure: Figure, r: float, where: str) -> None:
    says = texts(figure)
    border = says[says.index(where) + 1].removeprefix("p = ")
    p = value(border, r=r)
    second, shared, first = phases.losses_two_in_one(r, p)
    assert shared == pytest.approx(min(first, second))
    for name, loss in (("second dropped", second), ("first dropped", first), ("both, opposite", shared)):
        assert value(after(figure, f"{name}\nloss"), r=r, p=p) == pytest.approx(loss)


def test_the_variance(figure: Figure) -> None:
    assert value(after(figure, "whatever the density. Var ="), p=0.3) == pytest.approx(phases.variance(0.3))


def test_where_the_phases_meet(figure: Figure) -> None:
    says = texts(figure)
    assert value(says[says.index("r = 1") + 1].removeprefix("p = ").partition(":")[0]) == phases.TRIPLE_DENSITY


def test_what_free_weights_change(figure: Figure) -> None:
    free, fixed = re.findall(r"\d\.\d+", after(figure, "are a little cheaper:"))
    np.testing.assert_allclose(
        [float(free), float(fixed)], [phases.free_border(0.5), phases.unit_border(0.5)], atol=5e-3
    )


def test_random_directions(figure: Figure) -> None:
    count, d, cosine = re.findall(r"[\d.]+", after(figure, "compare with random directions:"))
    rng = np.random.default_rng(0)
    drawn = rng.normal(size=(2_000, int(d), int(count)))
    nearest = (drawn[:, 0] / np.linalg.norm(drawn, axis=1)).max(1)  # to any one direction, such as the first axis
    assert nearest.mean() == pytest.approx(float(cosine), abs=0.01)  # standard deviation of the mean: 0.08 / √2000


def test_the_motif_is_one() -> None:
    (motif,) = asymmetric_motifs(MOTIF_IN, MOTIF_OUT)
    assert motif[:4] == (0, 1, 0, 1)
    assert motif.inhibition == 1


def test_the_commands_run() -> None:
    names: dict = {}
    exec(CODE.replace("restarts=8", "tm.Recipe(steps=2), restarts=8"), names)
    assert names["run"].W.shape == (8, 2, 5)
    np.testing.assert_allclose(names["task"].importance.weights(3), [1, 0.9, 0.81], rtol=1e-6)
    assert plt.get_fignums()
    assert tm.train is names["tm"].train
