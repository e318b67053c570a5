"""The phase diagram of the benchmark, which needs no PyTorch."""

import numpy as np

from experiments.benchmark import phase_diagram
from toymodels.analysis.phases import DEDICATED, IGNORED, SUPERPOSED


def test_phase_of_the_extra_feature_is_read_from_weights() -> None:
    weights = [[[1.0, 0.1]], [[0.1, 1.0]], [[0.9, -1.1]], [[0.4, -1.1]], [[0.0, 0.0]]]
    found = [int(phase_diagram.extra_phase(np.array(W))) for W in weights]
    assert found == [IGNORED, DEDICATED, SUPERPOSED, DEDICATED, IGNORED]


def test_a_small_phase_diagram_agrees_with_theory() -> None:
    """Five by five cells from corner to corner; borders pass between them."""
    found = phase_diagram.measure_here(5)
    assert found["models"] == 25 * 16
    assert found["agreement"]["all cells"] >= 24 / 25
    assert found["diverged"] == 0
