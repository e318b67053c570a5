"""What stands on a card beside scores: how often techniques run the model, and what they cannot know."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import toymodels as tm
from toymodels import cases
from toymodels.techniques import Activations, circuits, edges, poster, probes, score
from toymodels.techniques.attribution import IntegratedGradients, occlusion
from toymodels.techniques.passes import counted, passes

SAMPLES = 8
CASE = cases.absolute_value(2, 0.5)  # 4 neurons and 2 outputs: 4 x 2 + 2 x 6 = 20 edges, from 6 values


def looped(forward, h):  # a pass until something happens
    return Activations(jax.lax.while_loop(lambda h: h.sum() < 0, lambda h: 0 * h + forward(h).sum(), h))


def either(forward, h):
    return Activations(jax.lax.cond(h.sum() > 0, lambda: forward(h) + forward(2 * h), lambda: forward(h)))


def of_half(forward, h):  # of half of the samples
    return Activations(h * forward(h[:, : SAMPLES // 2]).sum())


@pytest.fixture(scope="module")
def card():
    techniques = {
        "zero ablation": edges.zero_ablation,
        "EAP-IG": edges.IntegratedAttribution(3),
        "mask": circuits.EdgeMask(steps=5),
        "integrated": IntegratedGradients(7),
        "occlusion": occlusion,
        "either": either,
        "half": of_half,
        "loop": looped,
        "probe": probes.probe_direction,
        "own": probes.own_direction,
    }
    return score(techniques, {"wide": CASE}, seed=[0], samples=SAMPLES, progress=False)


@pytest.fixture(scope="module")
def narrow():
    techniques = {"zero ablation": edges.zero_ablation, "probe": probes.probe_direction, "outputs": probes.read_out}
    tried = {"tight": cases.tight_frame(3, 2, 0.5), "wide": CASE, "and": cases.gate("and")}
    return score(techniques, tried, seed=[0], samples=SAMPLES, progress=False)


EXPECTED = {  # by counting in the technique's definition
    "zero ablation": (1 + 20, 0),
    "EAP-IG": (1 + 3 + 3 * 20, 3 * 20),
    "mask": (1 + 5, 5),
    "integrated": (7, 7 * 2),
    "occlusion": (1 + 2, 0),
    "either": (2, 0),
    "half": (0.5, 0),
    "loop": (np.nan, 0),
    "probe": (0, 0),
    "own": (0, 0),
}


def test_passes_are_those_of_the_definition(card):
    here = card.sel(case="wide").isel(level=0, seed=0)
    for name, expected in EXPECTED.items():
        one = here.sel(technique=name)
        np.testing.assert_allclose([one.passes, one.gradients], expected, err_msg=name)


def test_passes_are_those_of_each_case(narrow):
    """A tight frame of 3 features in 2 dimensions, and 3 outputs, has 6 + 6 edges."""
    one = narrow.sel(technique="zero ablation", case="tight").isel(level=0, seed=0)
    assert (float(one.passes), float(one.gradients)) == (13, 0)


def test_a_technique_has_the_numbers_beside_others_that_it_has_alone(card, narrow):
    """With claims of the same kind on one card, and with none on the other."""
    among, alone = (one.sel(technique="zero ablation", case="wide").isel(level=0, seed=0) for one in (card, narrow))
    for name in ("score", "raw", "chance", "auroc", "precision", "recall", "passes", "n_hidden"):
        np.testing.assert_allclose(among[name], alone[name], atol=1e-6, err_msg=name)


@pytest.mark.parametrize("inner", [lambda f: f, jax.jit, jax.checkpoint])
def test_passes_are_counted_in_any_batch_and_program(inner):
    model = inner(counted(lambda x: jnp.tanh(x), samples=4))
    x = jnp.ones((2, 4))
    assert passes(lambda: jax.vmap(model)(jnp.ones((3, 2, 4)))) == (3, 0)
    assert passes(lambda: jax.vmap(model, in_axes=-1)(jnp.ones((2, 4, 3)))) == (3, 0)
    assert passes(lambda: jax.lax.fori_loop(0, 6, lambda _, x: model(x), x)) == (6, 0)
    assert passes(lambda: jax.jvp(model, (x,), (x,))) == (1, 1)
    jacobian = passes(lambda: jax.vmap(jax.vjp(model, x)[1])(jnp.ones((5, 2, 4))))
    assert jacobian.gradients == 5
    assert passes(lambda: x + 1) == (0, 0)


def test_what_is_counted_is_as_before(card):
    """The same numbers as by hand: nothing that is counted is in the program."""
    module = CASE.module()
    x = CASE.task.features.sample(jax.random.key(3), 64)
    marked = passes(lambda: counted(module, 64)(x))
    assert marked == (1, 0)
    np.testing.assert_allclose(occlusion(module, x).values[:, 0], module(x) - module(x.at[0].set(0)), atol=1e-6)


def test_what_h_and_x_cannot_tell_is_marked(card, narrow):
    """x = ReLU(x) - ReLU(-x): of the three directions of each feature only what is orthogonal to (1, -1, 1) is seen."""
    probe = narrow.sel(technique="probe").isel(level=0, seed=0)
    assert probe.identifiable.values.tolist() == [True, False, True]
    raw = probe.chance + probe.ceiling * (1 - probe.chance)
    np.testing.assert_allclose(raw, [1, (2 / 3) ** 0.5, 1], atol=1e-4)
    assert card.identifiable.sel(
        technique=["own", "occlusion", "zero ablation"]
    ).all()  # they see more, or claim another thing


def test_the_ceiling_is_reached():
    """By a linear probe with enough samples, where no two values share a dimension."""
    probe = {"probe": probes.probe_direction}
    reached = score(probe, {"wide": CASE}, seed=[0], samples=20_000, progress=False).squeeze()
    assert float(reached.score) == pytest.approx(float(reached.ceiling), abs=0.003)


def test_a_feature_that_is_never_on_has_no_direction_that_could_be_known():
    never = tm.Task(tm.Independent(2, density=jnp.array([0.5, 0.0])))
    here = cases.Case(tm.Autoencoder(2, 2, initializer=cases.frames.axes), never)
    card = score({"probe": probes.probe_direction}, {"one": here}, seed=[0], samples=64, progress=False)
    raw = card.chance + card.ceiling * (1 - card.chance)
    assert float(raw[0, 0, 0, 0]) == pytest.approx(0.5, abs=1e-5)
    assert not card.identifiable.any()


def test_the_poster_has_a_corner_for_each_cell_that_cannot_be_known(card):
    chosen = card.sel(technique=["probe", "own"])
    ax = poster(chosen)
    assert len(ax.collections[0].get_paths()) == 1
    assert "cannot be known" in ax.get_xlabel()
    shown = [text.get_text() for text in poster(card.sel(technique=["EAP-IG"])).texts]
    assert "64 + 60 ∇" in shown
    assert "graph, x, key" in shown
    clear = poster(chosen.sel(technique=["own"]))
    assert len(clear.collections) == 0
    assert clear.get_xlabel() == ""


def test_outputs_that_are_not_one_per_feature_say_nothing_of_features(narrow):
    outputs = narrow.sel(technique="outputs").isel(level=0, seed=0)
    assert outputs.applicable.values.tolist() == [True, True, False]
