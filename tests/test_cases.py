"""What is said to be true of a case is true of its module, by roads that do not go through the case."""

from itertools import combinations, product

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import toymodels as tm
from toymodels import cases
from toymodels.analysis.geometry import dimensionality

TASK = tm.Task(tm.Independent(5, density=0.05))


def every_input(n: int) -> jax.Array:
    """All 2^n inputs of zeros and ones, (n, 2^n)."""
    return jnp.array(list(product([0.0, 1.0], repeat=n))).T


# --- Frames --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("m", "n"), [(2, 5), (3, 7), (10, 20), (7, 8), (9, 9), (1, 3), (49, 61)])
def test_a_tight_frame_uses_all_directions_equally(m: int, n: int):
    E = cases.frames.tight(jax.random.key(3), (m, n))
    np.testing.assert_allclose(E @ E.T, n / m * np.eye(m), atol=2e-5)
    np.testing.assert_allclose(jnp.linalg.norm(E, axis=0), 1, atol=1e-5)
    if m > 1:
        cosines = np.asarray(E.T @ E) - np.eye(n)
        assert cosines.max() < 0.999  # no two features share a direction


def test_frames_of_two_keys_differ_and_impossible_ones_are_refused():
    one, other = (cases.frames.tight(jax.random.key(seed), (4, 15)) for seed in (0, 1))
    assert abs(np.asarray(one.T @ one - other.T @ other)).max() > 0.1
    with pytest.raises(ValueError, match=r"tight must have at least as many features as dimensions. Got 3 in 4"):
        cases.frames.tight(jax.random.key(0), (4, 3))
    with pytest.raises(ValueError, match=r"antipodal must have at most two features per dimension. Got 7 in 3"):
        cases.frames.antipodal(jax.random.key(0), (3, 7))


# --- Autoencoders --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("case", "each"),
    [
        (cases.dedicated(6), 1.0),
        (cases.digons(8), 0.5),
        (cases.octahedron(), 0.5),
        (cases.polygon(5), 2 / 5),
        (cases.tight_frame(21, 9), 9 / 21),
    ],
)
def test_features_have_the_dimensionality_that_is_said(case: cases.Case, each: float):
    true = cases.truth(case.module())
    np.testing.assert_allclose(dimensionality(true.directions), each, atol=1e-5)
    assert true.represented.all()


def test_the_polygon_has_the_length_and_bias_of_trained_ones():
    module = cases.polygon(5, density=0.05).module()
    assert jnp.linalg.norm(module.W[...], axis=0).tolist() == pytest.approx([1.134] * 5, abs=0.005)
    assert module.b[...].tolist() == pytest.approx([-0.2454] * 5, abs=0.005)


def test_an_unrepresented_feature_is_always_on_with_its_partner():
    case = cases.unrepresented(4, density=0.5)
    assert cases.truth(case.module()).represented.tolist() == [True, True, True, False]
    on = np.asarray(case.task.features.sample(jax.random.key(0), 1000)) > 0
    assert (on[3] == on[2]).all()
    assert (on[3] != on[1]).any()


# --- Modules -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "case", [cases.random_frame(7, 3), cases.compress(cases.gate("and"), 2)], ids=["autoencoder", "circuit"]
)
def test_a_module_is_what_a_sweep_has_with_the_same_seed(case: cases.Case):
    results = tm.sweep(case.model, case.task, case.recipe, over={"seed": [3, 4]}, progress=False)
    for seed in (3, 4):
        params = tm.sweeps.as_run(results, seed=seed).best_params()
        module = case.module(seed)
        for name, value in params.items():
            np.testing.assert_allclose(getattr(module, name)[...], value, atol=1e-6)  # to rounding


def test_a_trained_case_is_trained_and_an_exact_one_takes_no_step():
    case = cases.trained(5, 2, 0.05, recipe=tm.Recipe(steps=20, batch_size=64, evaluation_samples=64))
    run = case.run(seed=2)
    assert run.history_steps[-1] == 20
    np.testing.assert_array_equal(case.module(seed=2).W[...], run.W[0])
    assert cases.dedicated(3).run().history.size == 0


def test_a_run_is_a_case_also_from_a_file_or_a_sweep(tmp_path):
    recipe = tm.Recipe(steps=5, batch_size=16, evaluation_samples=16)
    run = tm.train(tm.Autoencoder(5, 2), TASK, recipe, restarts=3, progress=False)
    run.save(tmp_path / "run.safetensors")
    results = tm.sweep(tm.Autoencoder(5, 2), TASK, recipe, over={"density": [0.1, 0.5]}, progress=False)
    cell = tm.sweeps.as_run(results, density=0.5)
    for one in (run, tm.Run.load(tmp_path / "run.safetensors"), cell):
        case = cases.of_run(one, TASK)
        np.testing.assert_array_equal(cases.truth(case.module()).directions, one.W[0])
        np.testing.assert_array_equal(case.run().W[0], one.W[0])


@pytest.mark.parametrize("case", [cases.compress(cases.gate("and"), 2), cases.polygon(), cases.induction(4, 5)])
def test_the_run_of_a_case_is_a_case_from_its_file(case: cases.Case, tmp_path):
    case.run(seed=3).save(tmp_path / "run.safetensors")
    again = cases.of_run(tm.Run.load(tmp_path / "run.safetensors"), case.task)
    assert again.model == case.model
    np.testing.assert_allclose(
        cases.truth(again.module(seed=7)).directions, cases.truth(case.module(seed=3)).directions, atol=1e-6
    )


def test_the_truth_of_other_modules_is_not_guessed():
    with pytest.raises(ValueError, match=r"truth of a NetworkModule is not known. Give it a property `directions`"):
        cases.truth(cases.Case(tm.Network((3, 2, 3)), tm.Task(tm.Independent(3))).module())


# --- Circuits ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("kind", "wanted"), [("and", [0, 0, 0, 1]), ("or", [0, 1, 1, 1])])
def test_gates_have_their_tables(kind: str, wanted: list[int]):
    assert cases.gate(kind).module()(every_input(2)).tolist() == [wanted]


def test_an_unknown_gate_is_named():
    with pytest.raises(ValueError, match=r"kind of gate must be 'and' or 'or'. Got 'xor'"):
        cases.gate("xor")


SIGNED = np.array([[0.3, -0.7, 0.0, 1.0], [-0.2, 0.9, -1.0, 0.4]])


@pytest.mark.parametrize(
    ("case", "x", "wanted"),
    [
        (cases.absolute_value(2), SIGNED, abs(SIGNED)),
        (cases.asymmetric(), abs(SIGNED), [abs(SIGNED[0]) + abs(SIGNED[1]) / 4, abs(SIGNED[1])]),
        (cases.polysemantic(0.4), abs(SIGNED), [abs(SIGNED[0]) + 0.4 * abs(SIGNED[1])]),
        (cases.backup(0.3), abs(SIGNED[:1]), abs(SIGNED[:1])),
        (cases.dormant(), abs(SIGNED[:1]), abs(SIGNED[:1])),
        (cases.ignored(2), abs(SIGNED), abs(SIGNED[:1])),
        (cases.pass_through(2), abs(SIGNED), abs(SIGNED)),
    ],
)
def test_circuits_compute_what_is_said(case: cases.Case, x: np.ndarray, wanted):
    np.testing.assert_allclose(case.module()(jnp.array(x)), np.array(wanted), atol=1e-6)
    assert case.run().loss[0] == 0


def test_along_a_dormant_direction_a_patch_works_though_neither_part_does():
    module = cases.dormant().module()
    x, other = jnp.array([[0.25]]), jnp.array([[0.75]])
    h, change = module.activations(x)["hidden"], module.activations(other)["hidden"] - module.activations(x)["hidden"]
    assert h.ravel().tolist() == [0.25, 0.25, 0, 0.25]  # x, and the three neurons

    def patched(direction: list[float]) -> float:
        v = np.array(direction) / np.linalg.norm(direction)
        return float((module.decode(h + jnp.outer(v, v) @ change) - module(x))[0, 0])

    assert patched([0, 1, 1, 0]) == pytest.approx(0.5)  # as if x were .75
    assert patched([0, 1, 0, 0]) == patched([0, 0, 1, 0]) == 0
    assert patched([0, 0, 0, 1]) == pytest.approx(0.5)


def test_all_ands_are_exact_on_their_pairs_and_bounded_elsewhere():
    n, d, q = 6, 2000, 0.3
    case = cases.all_ands(n, d, q, seed=1)
    module, pairs = case.module(), list(combinations(range(n), 2))
    x = np.zeros((n, len(pairs)))
    for sample, pair in enumerate(pairs):
        x[list(pair), sample] = 1
    read = np.asarray(module(jnp.array(x)))  # (pairs, samples)
    shared = np.array([[len(set(pair) & set(other)) for other in pairs] for pair in pairs])
    np.testing.assert_allclose(read[shared == 2], 1, atol=1e-5)
    # A pair is read as a mean over the K ~ d q² = 180 neurons that hold both; those that hold a third feature too are
    # binomial (K, q), so the standard deviation of one reading is sqrt(q (1 - q) / 180) = .034, and that of a mean of
    # readings at most as much. With none of the pair it is q².
    assert read[shared == 1].mean() == pytest.approx(q, abs=3 * 0.034)
    assert read[shared == 0].mean() == pytest.approx(q**2, abs=3 * (q**2 * (1 - q**2) / 180) ** 0.5)
    assert abs(read[shared == 1] - q).max() < 5 * 0.034


def test_all_ands_need_a_neuron_for_each_pair():
    with pytest.raises(ValueError, match=r"n_neurons of all_ands must be more: with 3 of q = 0.3 no neuron holds"):
        cases.all_ands(6, 3, 0.3)


# --- Superposition of circuits -------------------------------------------------------------------------------------


def test_with_a_dimension_for_each_value_nothing_is_lost_and_with_fewer_more_and_more():
    case = cases.compress(cases.absolute_value(4), 12).over(n_hidden=[12, 9, 6, 3])
    results = tm.sweep(case.model, case.task, case.recipe, over=case.levels, progress=False)
    loss = results.loss.values
    assert loss[0] == 0
    assert (np.diff(loss) > 0).all()


def test_a_compressed_circuit_reads_with_the_interference_of_its_frame():
    """The same numbers from the formulas of `Circuit`, in numpy."""
    module = cases.compress(cases.asymmetric(), 3).module(seed=5)
    E, x = np.asarray(module.frame[...], float), np.array([[0.7, 0.2], [0.1, 0.9]])
    h = E[:, :2] @ x
    neurons = np.maximum(np.array([[2, 0.5], [2, 0]]) @ E[:, :2].T @ h, 0)
    h = h + E[:, 2:] @ neurons
    wanted = np.maximum(np.array([[0, 0, 0.5, 0], [0, 0, 2, -2]]) @ E.T @ h, 0)
    named = module.activations(jnp.array(x))
    np.testing.assert_allclose(named["neurons"], neurons, rtol=1e-5)
    np.testing.assert_allclose(named["hidden"], h, rtol=1e-5)
    np.testing.assert_allclose(module.decode(named["hidden"]), wanted, rtol=1e-5)
    np.testing.assert_allclose(module(jnp.array(x)), wanted, rtol=1e-5)
    np.testing.assert_array_equal(module.directions, E[:, :2].astype(np.float32))


def test_what_cannot_be_compressed_is_refused():
    with pytest.raises(ValueError, match=r"n_hidden of Circuit must be at most 3, the number of features and neurons"):
        cases.compress(cases.gate("and"), 4)
    with pytest.raises(ValueError, match=r"compress takes the case of a Circuit, such as .*. Got Autoencoder"):
        cases.compress(cases.dedicated(3), 2)


# --- Effects -------------------------------------------------------------------------------------------------------


def test_effects_of_gates_are_those_of_cutting_by_hand():
    """Over all inputs: without a's edge the gate says 0 where it should say 1, in one case of four: √(1/4)."""
    module = cases.gate("and").module()
    assert cases.effects(module, every_input(2)).tolist() == pytest.approx([0.5, 0.5, 0.5])
    # OR = 1 - ReLU(1 - a - b): without a's edge wrong at (1, 0) alone; without the output's edge it says 1 always
    assert cases.effects(cases.gate("or").module(), every_input(2)).tolist() == pytest.approx([0.5, 0.5, 0.5])


def test_a_backup_hides_the_main_path_and_a_dormant_edge_has_no_effect():
    x = np.array([[0.5, 1.0, 0.0]])
    size = np.sqrt(np.square(x).mean())
    found = dict(
        zip([(0, 1), (0, 2), (1, 2), (1, 3), (2, 3)], cases.effects(cases.backup(0.3).module(), x), strict=True)
    )
    assert found[0, 1] == pytest.approx((1 - 0.3) * size)  # a₂ does the rest
    assert found[1, 2] == pytest.approx(0.3 * size)  # a₂ works beside a₁
    assert [found[edge] for edge in ((0, 2), (2, 3))] == pytest.approx([0, 0])
    assert found[1, 3] == pytest.approx(size)
    graph = cases.dormant().graph()
    by_edge = dict(
        zip(
            ((edge.source, edge.target) for edge in graph.edges),
            cases.effects(cases.dormant().module(), x),
            strict=True,
        )
    )
    assert by_edge == pytest.approx({(0, 1): 0, (0, 3): size, (2, 4): 0, (3, 4): size})
