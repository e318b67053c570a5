"""The seven kinds of evidence on a unit, against what they are exactly for the neuron x₁ + r x₂."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import toymodels as tm
from experiments.questions.testbed.units import exact, pair
from toymodels import cases
from toymodels.techniques.unit_report import EVIDENCE, UnitReport, unit_report, unit_reports

DENSITY = 0.1


@pytest.mark.parametrize("r", [0.3, 0.8])
def test_evidence_on_a_neuron_for_two_features(r):
    case = pair(r, DENSITY)
    x = case.task.features.sample(jax.random.key(1), 200_000)
    report = unit_report(case.module(), x, unit=0, feature=0)
    # 200,000 samples: second moments have a relative standard error of about sqrt(10 / 200,000) = .7 %
    for name, number in zip(EVIDENCE, report.numbers, strict=True):
        assert float(number) == pytest.approx(float(exact(name, np.array(r), DENSITY)), abs=0.01), name
    assert float(report.truth) == pytest.approx(1 / (1 + r**2), abs=0.01)
    np.testing.assert_allclose(report.chance, [1 / 2, DENSITY, 1 / 2, 0, 1 / 2, 1 / 2, 0], atol=0.005)
    second = unit_report(case.module(), x, unit=0, feature=1)
    assert float(second.numbers[EVIDENCE.index("synthetic")]) == pytest.approx(r / 2, abs=0.01)
    # of so many samples the top ones have both features, and would do for either
    assert second.says.tolist() == [name == "examples" for name in EVIDENCE]


def test_units_of_one_dimension_each_are_detectors_of_their_features_and_of_no_others():
    x = tm.Independent(5, 0.1).sample(jax.random.key(0), 4_000)
    reports = unit_reports(cases.dedicated(5).module(), x)
    np.testing.assert_array_equal(reports.says, np.broadcast_to(np.eye(5, dtype=bool), (7, 5, 5)))
    assert not reports.wrong.any()
    np.testing.assert_allclose(reports.scores[:, 0, 0], [1, 1, 1, 0.9, 1, 1, 1], atol=0.03)
    # by chance: units of features at random
    np.testing.assert_allclose(reports.scores[jnp.array([0, 2, 4, 5])].mean((1, 2)), 0, atol=0.26)


def test_what_is_wrong_is_not_called_a_detector():
    x = tm.Independent(6, 0.2).sample(jax.random.key(0), 4_000)
    flipped = cases.dedicated(6).module()
    flipped.W[...] = -flipped.W[...]
    dead = cases.dedicated(6).module()
    dead.W[...] = 0 * dead.W[...]
    for name, module in {"flipped": flipped, "dead": dead}.items():
        report = unit_report(module, x, unit=2, feature=2)
        assert not bool(report.truth > 0.5), name
        direct = jnp.array([EVIDENCE.index(one) for one in ("examples", "synthetic", "tuning", "weights")])
        assert not report.says[direct].any(), name


def test_the_report_runs_as_a_metric_of_many_models():
    def wrong(module, x):
        return unit_reports(module, x).wrong.mean((1, 2))

    case = cases.random_frame(4, 3)
    swept = tm.sweep(case.model, case.task, tm.Recipe(steps=0, batch_size=256, evaluation_samples=256),
                     over={"seed": range(3)}, metrics={"wrong": wrong}, params=False, progress=False)  # fmt: skip
    assert swept.wrong.shape[-1] == len(EVIDENCE)
    assert (swept.wrong.values.max(-1) > 0).all()


def test_bad_places_and_modules_are_refused():
    x = jnp.ones((4, 30))
    with pytest.raises(ValueError, match=r"a unit below 4 and a feature below 4\. Got 4 and 0"):
        unit_report(cases.dedicated(4).module(), x, unit=4, feature=0)
    with pytest.raises(ValueError, match="an output for each feature"):
        unit_reports(cases.ignored(4).module(), x)


def test_a_report_is_read_at_a_glance():
    report = UnitReport(jnp.full(7, 0.9), jnp.full(7, 0.5), jnp.array(0.3))
    assert str(report).splitlines()[1] == "visualisation   0.90    0.50  yes"
    assert str(report).splitlines()[-1] == "truth           0.30          no"
    assert report.wrong.all()
