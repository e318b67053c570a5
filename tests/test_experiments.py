"""Experiments are found, run, judged and shown, and what is committed of them are their own words. Whether claims hold
of trained models is in `test_reproduction.py`."""

import ast
import dataclasses
import importlib
import inspect
import json
import linecache
import re
import sys
import threading
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import nnx

import toymodels as tm
from experiments import papers
from experiments.__main__ import main, select
from experiments.harness import controls
from experiments.harness.discovery import Found, experiments_of, find_figure, find_papers
from experiments.harness.experiment import Claim, Experiment, Paper, Results, at_least, at_most, equal
from experiments.harness.figure_page import claims_table
from experiments.harness.fingerprint import fingerprint, imported_code
from experiments.harness.finished import finished_claims
from experiments.harness.gallery import speed_table
from experiments.harness.progress import expected_seconds
from experiments.harness.run import finish
from experiments.harness.runner import ROOT, cached, evaluate, judge, publish
from toymodels.identities import surroundings
from toymodels.training.engine import step

PAPERS = find_papers()
EXPERIMENTS = experiments_of(PAPERS)
NAMES = [one.name for one in EXPERIMENTS]
EACH = pytest.mark.parametrize("experiment", EXPERIMENTS, ids=lambda one: one.name)


def figure(name: str) -> Experiment:
    (found,) = select(name, PAPERS)
    return found


# --- What is committed -------------------------------------------------------------------------------------------


def committed(name: str, suffix: str = ".json") -> dict:
    return json.loads((ROOT / "figures" / f"{name}{suffix}").read_text())


@EACH
def test_committed_pages_have_the_words_of_the_experiment(experiment: Experiment) -> None:
    page = committed(experiment.name)
    said = {
        "experiment": experiment.name,
        "question": experiment.question,
        "source": experiment.source,
        "shows": experiment.shows,
        "differences": list(experiment.differences),
        "size": "quick",
        "seed": 0,
        "vector": experiment.vector,
        "animation": experiment.animate is not None,
    }
    assert {name: page[name] for name in said} == said
    assert all(claim["passed"] for claim in page["claims"])
    known = {control.__name__ for control in (*controls.COMMON, *experiment.controls)}
    assert all(claim["fails_on"] and set(claim["fails_on"]) <= known for claim in page["claims"])
    for suffix, wanted in ((".png", True), (".svg", experiment.vector), (".gif", experiment.animate is not None)):
        assert (ROOT / "figures" / f"{experiment.name}{suffix}").exists() == wanted


def test_nothing_is_committed_of_figures_that_are_not_there() -> None:
    stems = {path.relative_to(ROOT / "figures").as_posix().partition(".")[0] for path in ROOT.glob("figures/*/*.*")}
    assert stems == {experiment.name for experiment in EXPERIMENTS}


def sentences(module: str) -> list[tuple[str, str]]:
    """What stands in a module's calls of `at_least` and so on: a pattern of the sentence, and one of the condition. The
    pattern of what is computed is anything. Claims on what only `--full` trains, in a function `claims_of_full`, do not
    count: what is committed is quick."""
    signs = {"at_least": ">=", "at_most": "<=", "equal": "="}
    tree = ast.parse(Path(module).read_text())
    tree.body = [node for node in tree.body if getattr(node, "name", "") != "claims_of_full"]
    calls = [node for node in ast.walk(tree) if isinstance(node, ast.Call)]
    return [
        (pattern(call.args[0]), f"{signs[call.func.id]} {bound(call.args[2])}")
        for call in calls
        if isinstance(call.func, ast.Name) and call.func.id in signs
    ]


def pattern(sentence: ast.expr) -> str:
    parts = sentence.values if isinstance(sentence, ast.JoinedStr) else [sentence]
    return "".join(re.escape(part.value) if isinstance(part, ast.Constant) else ".+" for part in parts)


def bound(value: ast.expr) -> str:
    try:
        return re.escape(f"{ast.literal_eval(value):g}")
    except ValueError:
        return r"\S+"


@EACH
def test_committed_claims_are_those_of_the_code_and_hold_for_most_seeds(experiment: Experiment) -> None:
    function = experiment.claims
    while isinstance(function, partial):
        function = function.func
    called = [one for one in function.__globals__.values() if inspect.isfunction(one)]
    files = {inspect.getfile(one) for one in (function, *called) if one.__module__.startswith("experiments.questions")}
    written = [sentence for file in {inspect.getfile(function), *files} for sentence in sentences(file)]
    page, record = committed(experiment.name), committed(experiment.name, ".seeds.json")
    stated = [(claim["claim"], claim["expected"]) for claim in page["claims"]]
    for claim, expected in stated:
        assert any(re.fullmatch(a, claim) and re.fullmatch(b, expected) for a, b in written), claim
    assert [(claim["claim"], claim["expected"]) for claim in record["claims"]] == stated
    assert record["seeds"] == [0, 1, 2, 3, 4]
    assert [claim["claim"] for claim in record["claims"] if claim["passed"] < 4] == []


def test_all_claims_of_the_code_are_committed() -> None:
    modules = {Path(name) for shelf in ("papers", "questions") for name in (ROOT / "experiments" / shelf).rglob("*.py")}
    stated = [(claim["claim"], claim["expected"]) for one in EXPERIMENTS for claim in committed(one.name)["claims"]]
    for module in modules:
        for a, b in sentences(str(module)):
            assert any(re.fullmatch(a, claim) and re.fullmatch(b, expected) for claim, expected in stated), a


def test_gallery_and_readme_are_up_to_date(tmp_path) -> None:
    assert main(["gallery", "--figures", str(_copied_pages(tmp_path)), "--readme", str(_copied_readme(tmp_path))]) == 0
    pages = [path.relative_to(ROOT) for path in (ROOT / "figures").rglob("*.md")]
    assert len(pages) == 1 + len(EXPERIMENTS)
    for page in (*pages, "README.md"):
        assert (tmp_path / page).read_text() == (ROOT / page).read_text()


def test_the_page_of_a_figure_says_what_its_controls_are() -> None:
    for experiment in EXPERIMENTS:
        page = (ROOT / "figures" / f"{experiment.name}.md").read_text()
        named = {name for claim in committed(experiment.name)["claims"] for name in claim["fails_on"]}
        for name in named:
            assert f"- *{name.replace('_', ' ')}*: " in page


def test_a_figure_is_found_by_its_name() -> None:
    assert find_figure("beyond/plateau").name == "beyond/plateau"
    with pytest.raises(ValueError, match=r"no figure 'beyond/plato'\. Did you mean beyond/plateau"):
        find_figure("beyond/plato")


def _copied_pages(folder: Path) -> Path:
    pages = folder / "figures"
    for path in (ROOT / "figures").rglob("*.json"):
        target = pages / path.relative_to(ROOT / "figures")
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(path.read_text())
    return pages


def _copied_readme(folder: Path) -> Path:
    (folder / "README.md").write_text((ROOT / "README.md").read_text())
    return folder / "README.md"


# --- Papers are found --------------------------------------------------------------------------------------------

PAGE = ROOT / "experiments" / "site" / "new_paper.md"


@pytest.fixture
def example(tmp_path, monkeypatch) -> Iterator[str]:
    """The paper of the page that tells how to add one, in a folder elsewhere: one file, and no other is touched."""
    (code,) = re.findall(r"^```python\n(.*?)^```", PAGE.read_text(), flags=re.DOTALL | re.MULTILINE)
    (tmp_path / "shelf" / "example2022").mkdir(parents=True)
    (tmp_path / "shelf" / "example2022" / "__init__.py").write_text(code)
    monkeypatch.setattr(papers, "__path__", [*papers.__path__, str(tmp_path / "shelf")])
    importlib.invalidate_caches()
    yield "example2022"
    for name in [name for name in sys.modules if name.startswith("experiments.papers.example2022")]:
        del sys.modules[name]


def test_a_paper_is_found_by_being_there(example, elsewhere, capsys) -> None:
    assert main(["list"]) == 0
    listed = [line.split()[0] for line in capsys.readouterr().out.splitlines()]
    earlier = len(PAPERS[0].experiments)  # of 2022 as well, by a name that comes before
    assert listed == [*NAMES[:earlier], "example2022/capacity", *NAMES[earlier:]]
    figures = elsewhere / "figures"
    assert main(["run", example, "--figures", str(figures)]) == 0
    page = json.loads((figures / "example2022" / "capacity.json").read_text())
    assert page["source"] == "Section 2"
    assert [claim["claim"] for claim in page["claims"] if not claim["fails_on"]] == []
    assert any("always_the_same_two" in claim["fails_on"] for claim in page["claims"])
    assert any("only_one" in claim["fails_on"] for claim in page["claims"])
    assert main(["check", "--json", f"{example}/capacity"]) == 0
    assert "capacity.png" in (figures / "README.md").read_text()
    readme = _copied_readme(elsewhere)
    assert main(["gallery", "--figures", str(figures), "--readme", str(readme)]) == 0
    assert "Scherlis et al. 2022, [Polysemanticity and Capacity" in readme.read_text()
    assert "figures/example2022/capacity.md" in readme.read_text()


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (("PAPER = Paper(", "OTHER = Paper("), "must define PAPER"),
        (('name="example2022/capacity"', 'name="capacity"'), "must have a name like example2022/... Got 'capacity'"),
        (('order=("capacity",)', 'order=("capacities",)'), "no figure 'capacities'. Did you mean capacity?"),
        (("PAPER = Paper(", "COPY = Experiment(**vars(CAPACITY))\n\nPAPER = Paper("), "two figures"),
    ],
)
def test_a_paper_that_is_not_complete_is_refused(example, tmp_path, change: tuple[str, str], said: str) -> None:
    module = tmp_path / "shelf" / example / "__init__.py"
    code = module.read_text()
    assert change[0] in code
    module.write_text(code.replace(*change))
    with pytest.raises(ValueError, match=re.escape(said)):
        find_papers()


def test_experiments_come_in_the_order_of_the_paper_and_then_by_name() -> None:
    assert PAPERS[0].experiments[0].name == "elhage2022/intro"
    for found in PAPERS:
        order = [f"{found.name}/{figure}" for figure in found.paper.order]
        names = [one.name for one in found.experiments]
        assert names == [*order, *sorted(names[len(order) :])]


def test_select_takes_figures_and_papers() -> None:
    assert [one.name for one in select("elhage2022/intro", PAPERS)] == ["elhage2022/intro"]
    assert select("elhage2022/", PAPERS) == [one for one in EXPERIMENTS if one.name.startswith("elhage2022/")]


def test_papers_come_by_year_and_then_by_name_and_our_own_questions_last() -> None:
    shelf = [found for found in PAPERS if found.paper.year is not None]
    places = [(found.paper.year, found.name) for found in shelf]
    assert {"elhage2022", "sharkey2022", "bricken2023"} <= {found.name for found in shelf}
    assert places == sorted(places)
    assert [found.name for found in PAPERS[len(shelf) :]] == ["beyond", "memorisation", "testbed"]


@pytest.mark.parametrize(
    ("name", "hint"),
    [
        ("intro", "Did you mean elhage2022/intro?"),
        ("elhage2022/intor", "Did you mean elhage2022/intro"),
        ("beyond/platau", "Did you mean beyond/plateau"),
        ("elhage", "Did you mean elhage2022"),
    ],
)
def test_unknown_names_are_refused_with_the_one_that_is_meant(name: str, hint: str, capsys) -> None:
    with pytest.raises(SystemExit, match="2"):
        main(["run", name])
    said = capsys.readouterr().err
    assert f"no experiment {name!r}" in said
    assert hint in said


# --- Claims and controls -----------------------------------------------------------------------------------------


def test_claims_compare_as_they_say() -> None:
    assert at_least("c", 2.0, 2).passed
    assert not at_least("c", 1.9, 2).passed
    assert at_most("c", -0.5, 0).passed
    assert not at_most("c", 0.1, 0).passed
    assert equal("c", np.int64(3), 3).passed
    assert not equal("c", 3.5, 3).passed
    for claim in (at_least, at_most, equal):
        assert not claim("c", float("nan"), 0).passed


def test_claims_have_the_section_as_source_unless_they_say_another() -> None:
    both = [at_most("one", 1, 2), at_most("other", 1, 2, source="ours")]
    intro = dataclasses.replace(figure("elhage2022/intro"), claims=lambda results, full: both)
    assert [one.source for one in judge(intro, Results({}))] == ["introductory figure", "ours"]
    elsewhere = dataclasses.replace(intro, section="")
    assert [one.source for one in judge(elsewhere, Results({}))] == [intro.source, "ours"]


class Gated(nnx.Module):
    """A model none of whose parameters has a name that the project uses."""

    def __init__(self, n: int, m: int, rngs: nnx.Rngs) -> None:
        self.down = nnx.Param(jax.random.normal(rngs.params(), (m, n)))
        self.gate = nnx.Param(jnp.full(n, 0.5))

    def __call__(self, x):
        down = self.down[...]
        return jax.nn.relu(down.T @ (down @ x) + self.gate[...][:, None])


@pytest.fixture(scope="module")
def gated() -> Results:
    sweep = partial(tm.sweep, recipe=tm.Recipe(steps=20, batch_size=8), restarts=2, snapshots=[0, 20], progress=False)
    metrics = {"size": gate_size}
    over = {"density": [0.2, 0.7, 0.9]}
    task = tm.Task(tm.Independent(4))
    return Results({"models": sweep(partial(Gated, 4, 2), task, over=over, metrics=metrics)})


def gate_size(gate):
    return (gate**2).sum()


@pytest.mark.parametrize("control", [*controls.COMMON, controls.diverged], ids=lambda one: one.__name__)
def test_controls_change_parameters_of_any_name_and_nothing_else(gated: Results, control) -> None:
    before, after = gated["models"], control(gated)["models"]
    changed = {name for name in before.data_vars if not np.array_equal(before[name], after[name])}
    parameters = {"down", "gate", "snapshots.down", "snapshots.gate"}
    assert changed == (parameters - {"gate", "snapshots.gate"} if control is controls.clustered else parameters)
    assert all(before[name].dims == after[name].dims for name in before.data_vars)
    np.testing.assert_array_equal(control(gated).best().restart, gated.best().restart)


def test_claims_are_tried_on_the_common_controls_and_on_those_of_figure_and_paper(gated: Results) -> None:
    def negative(results: Results) -> Results:
        return controls.changed(results, lambda one: -abs(one.values))

    def claims(results: Results, full: bool) -> list[Claim]:
        gate = results.best().gate.values
        return [at_least("positive", gate.min(), -1e-9), at_least("varied", np.ptp(gate), 1e-6), at_least("true", 1, 1)]

    one = dataclasses.replace(figure("elhage2022/intro"), claims=claims, controls=(negative,))
    refuted = controls.refuted_by(one, gated, False)
    assert refuted["positive"] == ["negative"]
    assert {"untrained"} <= set(refuted["varied"]) < {control.__name__ for control in controls.COMMON}
    assert "true" not in refuted


def test_the_best_restart_of_each_cell_is_at_hand(gated: Results) -> None:
    models = gated["models"]
    np.testing.assert_array_equal(gated.best().loss, models.loss.min("restart"))
    assert gated.best() is gated.best()


def test_claims_table_shows_failures() -> None:
    many = {**vars(at_least("many", 1.0, 2, source="here")), "fails_on": ["too_long", "untrained", "diverged"]}
    few = {**vars(at_most("few |x|", 1.0, 2, source="there")), "fails_on": []}
    rows = claims_table([many, few], {"many": "3 of 5"}).splitlines()
    assert rows[2] == "| ✗ | many | 1 | >= 2 | 3 of 5 | too long, untrained, diverged | here |"
    assert rows[3] == "| ✓ | few \\|x\\| | 1 | <= 2 |  | nothing | there |"


def test_speed_table_tells_missed_targets() -> None:
    report = {
        "machine": {"cores": 3, "processor": "Abacus", "torch": "9.9"},
        "targets": [
            {"target": "fast", "at_least": 10, "measured": 12.34, "passed": True},
            {"target": "faster", "at_least": 100, "measured": 99.0, "passed": False},
            {"target": "fastest", "at_least": 5, "measured": None, "passed": False},
        ],
    }
    assert speed_table(report).splitlines()[-3:] == [
        "| fast | 12.3 | 10 |",
        "| faster | 99 (missed) | 100 |",
        "| fastest | not reached (missed) | 5 |",
    ]


def test_list_names_everything(capsys) -> None:
    assert main(["list"]) == 0
    assert [line.split()[0] for line in capsys.readouterr().out.splitlines()] == [one.name for one in EXPERIMENTS]


def test_check_prints_json_and_exits_with_0(capsys, monkeypatch) -> None:
    right = [at_least("as many as there are", 5, 5), at_most("one less", 4, 4, source="ours")]
    only(monkeypatch, _tiny(figure("elhage2022/intro"), claims=lambda results, full: right))
    assert main(["check", "--json", "elhage2022/intro"]) == 0
    records = json.loads(capsys.readouterr().out)
    assert [list(record.values()) for record in records] == [
        ["elhage2022/intro", "as many as there are", "introductory figure", 5, ">= 5", True],
        ["elhage2022/intro", "one less", "ours", 4, "<= 4", True],
    ]


def test_check_exits_with_1_when_a_claim_fails(capsys, monkeypatch) -> None:
    def wrong(results: Results, full: bool):
        return [at_most("fewer than there are", results["models"].sizes["feature"], 4)]

    intro = _tiny(figure("elhage2022/intro"), claims=wrong)
    only(monkeypatch, intro)
    assert main(["check", "elhage2022/intro"]) == 1
    assert "FAIL" in capsys.readouterr().out


def test_check_without_a_name_judges_all_papers(capsys, monkeypatch) -> None:
    """With a line for each paper."""
    right = [at_least("as many as there are", 5, 5)]
    wrong = [at_least("as many as there are", 5, 5), at_most("one less", 5, 4)]
    first = _tiny(figure("elhage2022/intro"), claims=lambda results, full: wrong)
    other = dataclasses.replace(first, name="other2023/intro", claims=lambda results, full: right)
    found = [Found(one.name.partition("/")[0], Paper("A paper"), (one,)) for one in (first, other)]
    monkeypatch.setattr("experiments.__main__.find_papers", lambda: found)
    assert main(["check"]) == 1
    assert capsys.readouterr().out.splitlines()[-3:] == [
        "elhage2022  1 of 2",
        "other2023   1 of 1",
        "2 of 3 claims pass.",
    ]


# --- Running -----------------------------------------------------------------------------------------------------


def only(monkeypatch: pytest.MonkeyPatch, *experiments: Experiment) -> None:
    """Let the command find these and no others."""
    found = [Found("elhage2022", Paper("Toy Models of Superposition"), experiments)]
    monkeypatch.setattr("experiments.__main__.find_papers", lambda: found)


def _tiny(experiment: Experiment, **change) -> Experiment:
    """An experiment whose sweeps are a few steps of one model."""

    def sweeps(full: bool, seed: int):
        whole = experiment.sweeps(full, seed)
        return {name: partial(sweep, restarts=1, recipe=tm.Recipe(steps=3)) for name, sweep in whole.items()}

    return dataclasses.replace(experiment, sweeps=sweeps, **change)


@pytest.fixture
def elsewhere(tmp_path, monkeypatch):
    """A folder for figures, with no trace of earlier runs."""
    monkeypatch.setattr("experiments.harness.finished.STAMPS", tmp_path / "stamps")
    return tmp_path


def test_a_second_run_does_only_what_is_missing(elsewhere, monkeypatch, capsys) -> None:
    drawn = []
    intro, relu = (
        _tiny(one, draw=lambda results, one=one: drawn.append(one.name) or one.draw(results))
        for one in (figure("elhage2022/intro"), figure("elhage2022/linear-vs-relu"))
    )
    only(monkeypatch, intro, relu)
    main(["run", "elhage2022/intro", "--figures", str(elsewhere)])
    first = capsys.readouterr().out
    main(["run", "elhage2022", "--figures", str(elsewhere)])
    assert drawn == ["elhage2022/intro", "elhage2022/linear-vs-relu"]
    again = [line for line in capsys.readouterr().out.splitlines() if "elhage2022/intro" in line]
    assert [line.split() for line in again] == [line.split() for line in first.splitlines()[:-1]]
    (elsewhere / "elhage2022" / "intro.png").write_bytes(b"another picture")
    main(["run", "elhage2022/intro", "--figures", str(elsewhere)])
    main(["run", "elhage2022/intro", "--seed", "1", "--figures", str(elsewhere)])
    assert drawn[2:] == ["elhage2022/intro"] * 2


DRAWING = """
from functools import partial
import matplotlib.pyplot as plt
import toymodels as tm
from experiments.harness.experiment import Claim, Experiment, at_least


def sweeps(full, seed):
    task, recipe = tm.Task(tm.Independent(2)), tm.Recipe(steps=2, batch_size=2, evaluation_samples=2)
    return {"models": partial(tm.sweep, tm.Autoencoder(2, 1), task, recipe, over={"density": [1.0]}, seed=seed)}


def draw(results):
    return plt.figure()


def claims(results, full):
    return [at_least("it is", 1.0, 0.5)]


EXAMPLE = Experiment("here/one", "Is it?", "ours", sweeps, draw, claims, "Nothing.")
"""


@pytest.mark.parametrize(
    ("edit", "times"),
    [
        (("plt.figure()", "plt.figure(figsize=(3, 3))"), 2),
        (("1.0, 0.5", "1.0, 0.6"), 2),
        (("Nothing.", "Nothing at all."), 2),
        (("    return plt", "    # the same\n    return plt"), 1),
    ],
)
def test_a_figure_is_drawn_again_when_its_code_changes(
    elsewhere, monkeypatch, edit: tuple[str, str], times: int
) -> None:
    monkeypatch.syspath_prepend(str(elsewhere))
    monkeypatch.setattr(sys, "dont_write_bytecode", True)
    drawn = []

    def counted(experiment: Experiment, *args, **options) -> Path:
        drawn.append(experiment.name)
        return publish(experiment, *args, **options)

    monkeypatch.setattr("experiments.harness.run.publish", counted)
    for number, code in enumerate((DRAWING, DRAWING.replace(*edit))):
        assert number == 0 or code != DRAWING
        (elsewhere / "a_figure.py").write_text(code)
        importlib.invalidate_caches()
        linecache.checkcache()
        example = importlib.import_module("a_figure").EXAMPLE
        list(finish([example], full=False, seed=0, folder=elsewhere / "figures"))
        del sys.modules["a_figure"]
    assert len(drawn) == times


@pytest.mark.parametrize("place", ["file", "file/figures", "/proc/nowhere/figures"])
def test_a_place_for_figures_is_looked_at_before_training(
    tmp_path, monkeypatch, capsys, nothing_compiled, place
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "file").write_text("")
    assert main(["run", "elhage2022/intro", "--figures", place]) == 2
    assert f"--figures is {place}, which cannot be written to" in capsys.readouterr().err
    assert [path.name for path in tmp_path.iterdir()] == ["file"]


def test_an_interrupted_run_keeps_what_is_finished(elsewhere, monkeypatch, capsys) -> None:
    def interrupted(results: Results):
        raise KeyboardInterrupt

    intro, relu = (_tiny(figure(f"elhage2022/{name}")) for name in ("intro", "linear-vs-relu"))
    stopped = dataclasses.replace(relu, draw=interrupted)
    only(monkeypatch, intro, stopped)
    assert main(["run", "elhage2022", "--figures", str(elsewhere)]) == 130
    assert "the same command goes on" in capsys.readouterr().err
    assert finished_claims(intro, full=False, seed=0, folder=elsewhere)
    assert finished_claims(stopped, full=False, seed=0, folder=elsewhere) is None
    assert "intro" in (elsewhere / "README.md").read_text()


def test_while_one_figure_is_drawn_the_next_is_trained(elsewhere, monkeypatch) -> None:
    trained_next = threading.Event()
    first, second = (_tiny(figure(f"elhage2022/{name}")) for name in ("intro", "linear-vs-relu"))

    def draw(results: Results):
        assert trained_next.wait(timeout=60)
        return first.draw(results)

    def train(*arguments, **options):
        trained_next.set()
        return tm.sweep(*arguments, **options)

    (sweep,) = second.sweeps(False, 0).values()
    told = dataclasses.replace(
        second, sweeps=lambda full, seed: {"models": partial(train, *sweep.args, **sweep.keywords)}
    )
    only(monkeypatch, dataclasses.replace(first, draw=draw), told)
    main(["run", "elhage2022", "--figures", str(elsewhere)])


def test_a_figure_that_cannot_be_drawn_stops_the_run_with_its_error(elsewhere, monkeypatch) -> None:
    def fail(results: Results):
        raise ZeroDivisionError

    only(monkeypatch, _tiny(figure("elhage2022/intro"), draw=fail))
    with pytest.raises(ZeroDivisionError):
        main(["run", "elhage2022", "--figures", str(elsewhere)])


def test_time_is_expected_of_sweeps_that_are_neither_cached_nor_shared(elsewhere) -> None:
    one = _tiny(figure("elhage2022/dimensionality"))
    other, unknown = (_tiny(figure(f"elhage2022/{name}")) for name in ("leverage", "intro"))
    page = elsewhere / "elhage2022" / "dimensionality.json"
    page.parent.mkdir()
    page.write_text('{"training": {"models": 30.0}}')
    assert expected_seconds([one, other, unknown], full=False, seed=0, folder=elsewhere, cache=elsewhere) == [32, 2, 12]
    (elsewhere / fingerprint(one.sweeps(False, 0)["models"])).mkdir()
    assert expected_seconds([one], full=False, seed=0, folder=elsewhere, cache=elsewhere) == [2]


def test_what_is_cached_depends_on_the_functions_of_an_experiment(monkeypatch) -> None:
    (sweep,) = figure("elhage2022/geometric-learning").sweeps(False, 0).values()
    before = fingerprint(sweep)
    assert fingerprint(sweep) == before
    initializer = sweep.args[0].initializer
    monkeypatch.setattr(initializer, "__code__", (lambda key, shape, dtype: 0.3).__code__)
    assert fingerprint(sweep) != before


def test_training_depends_on_what_it_imports_and_on_nothing_else() -> None:
    code = imported_code(["toymodels.sweeps.launch"])
    assert {"toymodels.training.engine.step", "toymodels.tasks.attacks", "toymodels.sweeps.launch"} <= set(code)
    outside = ("toymodels.workshop", "toymodels.plots", "toymodels.cli", "toymodels.playground", "toymodels.theory")
    assert not [name for name in code if name.startswith(outside)]


def test_claims_with_the_same_sentence_are_refused(elsewhere) -> None:
    claim = at_most("few", 1, 2)
    with pytest.raises(ValueError, match="Twice: few"):
        evaluate(_tiny(figure("elhage2022/intro"), claims=lambda results, full: [claim, claim]))


def test_finished_sweeps_are_reused_and_damaged_ones_redone(tmp_path, monkeypatch) -> None:
    whole = next(iter(figure("elhage2022/intro").sweeps(False, 0).values()))
    sweep = partial(whole, restarts=1, recipe=tm.Recipe(steps=3))
    first = cached(sweep, tmp_path)
    unit = next(tmp_path.rglob("*.npz"))
    unit.write_bytes(unit.read_bytes()[:100])
    with pytest.warns(UserWarning, match="is done again"):
        np.testing.assert_array_equal(cached(sweep, tmp_path).W, first.W)
    monkeypatch.setattr(step, "advance", None)  # what is cached is not trained again
    np.testing.assert_array_equal(cached(sweep, tmp_path).W, first.W)
    with pytest.raises(TypeError):
        cached(partial(sweep, seed=1), tmp_path)
    monkeypatch.setattr(surroundings, "_version", lambda name: "another")
    with pytest.raises(TypeError):  # what another version cached is trained again, and not refused
        cached(sweep, tmp_path)
