"""What holds for every plot: Axes out, no figures left, any text, nothing global."""

import re
import warnings
from collections import deque
from collections.abc import Callable
from typing import Any

import matplotlib as mpl
import matplotlib.pyplot as plt
import numpy as np
import pytest
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.text import Text

from toymodels import plots

RNG = np.random.default_rng(0)
W2, W3 = RNG.normal(size=(2, 5)), RNG.normal(size=(3, 4))
NASTY = r"_a_b 50% of $x #1 & {c}^2 ~ \d λ₁ − 中"
GRID = xr.DataArray(
    RNG.random((2, 3, 4)),
    dims=("n_hidden", NASTY, "seed"),
    coords={"n_hidden": [2, 3], NASTY: [f"{NASTY}{i}" for i in range(3)], "seed": range(4)},
    name=NASTY,
)
DENSITY = np.array([1.0, 0.3, 0.02])

PLOTS: dict[str, Callable[[], Any]] = {
    "cosine_matrix": lambda: plots.cosine_matrix(np.tanh(W3), values=True, labels=(NASTY, "b")),
    "dimensionality": lambda: plots.dimensionality(DENSITY, RNG.random((3, 5))),
    "dimensions_per_feature": lambda: plots.dimensions_per_feature(DENSITY, RNG.random(3)),
    "directions": lambda: plots.directions(W2),
    "directions_3d": lambda: plots.directions_3d(W3),
    "feature_graph": lambda: plots.feature_graph(W3),
    "heat_map": lambda: plots.heat_map(GRID[..., 0]),
    "layered_graph": lambda: plots.layered_graph([[NASTY], ["b"], ["c"]], [(0, 1, 1.0), (0, 2, -2.0)]),
    "lines": lambda: plots.lines(GRID, "n_hidden", by=NASTY),
    "loss_surface": lambda: plots.loss_surface(1 + RNG.random((4, 3)), np.arange(3.0), np.arange(4.0)),
    "neuron_bars": lambda: plots.neuron_bars(W3),
    "neuron_graph": lambda: plots.neuron_graph(W2, W3.T[:, :2], inputs=[NASTY] * 5),
    "neuron_matrix": lambda: plots.neuron_matrix(W3),
    "neurons": lambda: plots.neurons(np.stack([W3, W3]), [NASTY, "b"]),
    "norm_bars": lambda: plots.norm_bars(W3),
    "overlay": lambda: plots.overlay(np.stack([W2, W2])),
    "panels": lambda: plots.panels(plots.directions, [W2, 2 * W2], [NASTY, "$n_1$: 50 %"]),
    "phase_diagram": lambda: plots.phase_diagram(
        RNG.random((2, 3, 3)), np.array([0.1, 1.0, 10.0]), np.array([1.0, 0.1]), borders={NASTY: [(DENSITY, DENSITY)]}
    ),
    "phase_key": plots.phase_key,
    "polytope": lambda: plots.polytope(W3),
    "restarts": lambda: plots.restarts(np.array([1.0, 2.0]), RNG.random((2, 3)), np.zeros((2, 3), int), names=[NASTY]),
    "small_multiples": lambda: plots.small_multiples(plots.heat_map, GRID, column="seed", label=NASTY),
    "superposition": lambda: plots.superposition(W3, np.zeros(4), title=NASTY),
    "superposition_keys": plots.superposition_keys,
    "weight_matrix": lambda: plots.weight_matrix(W3, np.zeros(4)),
}
OTHERS = {  # that do not draw a picture of their own
    "against_density",
    "common_scales",
    "cosine_key",
    "interference_bar",
    "interference_key",
    "interference_limit",
    "literal",
    "phase_colors",
    "prose",
    "scatter_by_density",
    "shades",
    "style",
    "training_animation",
    "weight_key",
}
EACH = pytest.mark.parametrize("name", PLOTS)


def figure_of(drawn: Any) -> Any:
    return np.ravel(drawn)[0].get_figure(root=True)


def texts(figure: Any) -> list[str]:
    return [one.get_text() for one in figure.findobj(Text) if one.get_text()]


def test_every_plot_is_tested_here() -> None:
    assert {name for name in plots.__all__ if name.islower()} == set(PLOTS) | OTHERS


@EACH
def test_axes_come_out(name: str) -> None:
    before = dict(mpl.rcParams)
    drawn = PLOTS[name]()
    assert isinstance(drawn, Axes) or all(isinstance(ax, Axes) for ax in drawn.flat)
    assert figure_of(drawn) is plt.gcf()  # `pyplot.savefig` saves what was drawn last
    assert dict(mpl.rcParams) == before


@EACH
def test_figures_in_a_loop_do_not_pile_up(name: str) -> None:
    mine = plt.figure()
    with warnings.catch_warnings(), mpl.rc_context({"figure.max_open_warning": 2}):
        warnings.simplefilter("error")
        first = PLOTS[name]()
        for _ in range(2):
            PLOTS[name]()
    assert len(plt.get_fignums()) == 2
    assert plt.fignum_exists(mine.number)  # a caller's own figures stay
    assert len(figure_of(first).axes) >= 1  # and what was drawn can still be used
    plt.close("all")


def test_figures_stay_where_they_can_be_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    with mpl.rc_context({"figure.max_open_warning": 3}), warnings.catch_warnings():
        warnings.simplefilter("error")
        for backend in ("module://matplotlib_inline.backend_inline", "QtAgg"):
            monkeypatch.setattr(mpl, "get_backend", lambda name=backend: name)
            drawn = [plots.directions(W2) for _ in range(2)]
            assert [plt.fignum_exists(ax.figure.number) for ax in drawn] == [True, True]
            if "inline" in backend:  # whose cells close what they show
                for _ in range(5):
                    plots.directions(W2)
            plt.close("all")
        with pytest.raises(RuntimeWarning, match="More than 3 figures"):  # as many windows
            deque((plots.directions(W2) for _ in range(5)), maxlen=0)


@EACH
def test_latex_can_read_all_text(name: str) -> None:
    with mpl.rc_context({"text.usetex": True}):
        for text in texts(figure_of(PLOTS[name]())):
            outside = re.sub(r"(?<!\\)\$.*?(?<!\\)\$", "", text)
            assert all(one.isascii() for one in set(re.findall(r"(?<!\\)\$(.*?)(?<!\\)\$", text)))
            plain = re.sub(r"\\[a-z]+\{\}|\\[{}$&#_%]", "", outside)
            assert not set(plain) & set("\\{}$&#_%^~"), text
            assert plain.isascii(), text


@EACH
def test_any_text_is_drawn_as_it_stands(name: str) -> None:
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="Glyph .* missing")
        figure = figure_of(PLOTS[name]())
        figure.canvas.draw()  # mathematics that cannot be read raises
    for text in texts(figure):
        if "50%" in text:
            assert plots.literal(NASTY)[5:] in text.replace("$\\_$", "_")


@pytest.mark.parametrize("draw", [plots.dimensions_per_feature, plots.dimensionality])
def test_densities_stand_where_the_axis_says(draw: Any) -> None:
    density = np.array([0.9, 0.35, 0.02])
    values = np.array([0.7, 0.4, 0.2])
    ax = draw(density, values if draw is plots.dimensions_per_feature else values[:, None])
    points = np.concatenate([line.get_xydata() for line in ax.lines if line.get_marker() in ("o", ".")])
    np.testing.assert_allclose(points, np.stack([1 / density, values], -1))
    assert (ax.get_xscale(), ax.get_xlabel()[:11]) == ("log", plots.INVERSE_DENSITY)


def test_dots_are_coloured_by_what_the_bar_says() -> None:
    density = np.array([0.5, 0.1])
    ax = plots.scatter_by_density(plt.figure().subplots(), density, density, density)
    np.testing.assert_allclose(ax.collections[0].get_array(), [2, 10])
    assert ax.figure.axes[1].get_ylabel() == plots.INVERSE_DENSITY
    assert ax.figure.axes[1].get_ylim() == pytest.approx((2, 10))


def test_the_order_of_restarts_changes_no_picture() -> None:
    losses, order = RNG.random((3, 4)), np.array([2, 0, 3, 1])
    classes = np.array([[0, 1, -1, 0], [1, 1, 0, 0], [0, 0, 1, -1]])
    drawn = [
        plots.restarts(np.arange(3.0), losses[:, one], classes[:, one], names=["a", "b"]) for one in (range(4), order)
    ]
    dots = [[sorted(map(tuple, line.get_xydata().tolist())) for line in ax.lines] for ax in drawn]
    assert dots[0] == dots[1]
    values = GRID.rename(seed="restart")
    medians = [plots.lines(one, "n_hidden", by=NASTY, over="restart") for one in (values, values[..., order])]
    np.testing.assert_array_equal(*[[line.get_ydata() for line in ax.lines] for ax in medians])


def test_every_frame_shows_its_own_snapshot() -> None:
    snapshots, steps = RNG.normal(size=(3, 3, 4)), np.array([0, 10, 70])
    animation = plots.training_animation(snapshots, steps, np.array([3.0, 2.0]), np.array([1, 100]))
    space, curve = plt.gcf().axes
    for frame in (2, 0, 1):
        animation._func(frame)
        dots = [np.ravel(line.get_data_3d()) for line in space.lines if line.get_marker() == "o"]
        np.testing.assert_allclose(dots, snapshots[frame].T)
        assert curve.lines[1].get_xdata()[0] == max(steps[frame], 1)
    animation._draw_was_started = True  # else it warns that nobody saw it
