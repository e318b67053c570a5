"""The phase diagram of the benchmark, which needs no PyTorch."""

import numpy as np

from experiments.benchmark import phase_diagram


def test_theory_of_the_phase_diagram() -> None:
    """Beside the triple point at importance 1 and density 4/7."""
    phases = phase_diagram.phases_in_theory(np.array([0.9, 1.1, 0.9, 1.1]), np.array([0.7, 0.7, 0.5, 0.5]))
    assert phases.tolist() == [
        phase_diagram.NOT_REPRESENTED,
        phase_diagram.DEDICATED,
        phase_diagram.SHARED,
        phase_diagram.SHARED,
    ]


def test_phases_are_read_from_weights() -> None:
    weights = [[[1.0, 0.1]], [[0.1, 1.0]], [[0.9, -1.1]], [[0.0, 0.0]]]
    assert [int(phase_diagram.phase(np.array(W))) for W in weights] == [
        phase_diagram.NOT_REPRESENTED,
        phase_diagram.DEDICATED,
        phase_diagram.SHARED,
        phase_diagram.NOT_REPRESENTED,
    ]


def test_near_a_border_are_cells_with_another_phase_around() -> None:
    phases = np.array([[0, 0, 0, 1, 1], [0, 0, 0, 1, 1], [0, 0, 0, 0, 0]])
    assert phase_diagram.near_border(phases, 1).astype(int).tolist() == [
        [0, 0, 1, 1, 0],
        [0, 0, 1, 1, 1],
        [0, 0, 1, 1, 1],
    ]


def test_a_small_phase_diagram_agrees_with_theory() -> None:
    """Five by five cells from corner to corner; borders pass between them."""
    found = phase_diagram.measure_here(5)
    assert found["models"] == 25 * 16
    assert found["agreement"]["all cells"] >= 24 / 25
    assert found["diverged"] == 0
