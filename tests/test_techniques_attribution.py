"""Attribution: each method against numbers that are known, its axioms, and other implementations of it."""

from itertools import permutations

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import toymodels as tm
from toymodels import cases
from toymodels.techniques import Attributions, score, score_of
from toymodels.techniques.attribution import ATTRIBUTIONS, IntegratedGradients, Lime

RNG = np.random.default_rng(0)
W1, W2 = RNG.normal(size=(7, 5)), RNG.normal(size=(3, 7))
B1, B2 = RNG.normal(size=(7, 1)) / 3, RNG.normal(size=(3, 1)) / 3
X = jnp.asarray(RNG.uniform(-1, 1, size=(5, 6)), jnp.float32)


def network(x):
    """Two layers, with a kink in each."""
    return jax.nn.relu(W2 @ jax.nn.relu(W1 @ x + B1) + B2) + 0.3 * jnp.stack([x[0], x[1] * x[2], x[3]])


def values_of(technique, model=network, x=X):
    seen = {"key": jax.random.key(0)} if isinstance(technique, Lime) else {}
    return np.asarray(technique(model=model, x=x, **seen).values)


def by_orders(x):
    """Shapley values as the mean over all 120 orders, one after the other."""
    total = np.zeros((3, 5))
    for order in permutations(range(5)):
        now, before = np.zeros((5, 1)), np.asarray(network(jnp.zeros((5, 1))))[:, 0]
        for feature in order:
            now[feature] = x[feature]
            after = np.asarray(network(jnp.asarray(now)))[:, 0]
            total[:, feature] += (after - before) / 120
            before = after
    return total


TRUE = np.asarray(cases.shapley_values(network, X))


def test_shapley_values_are_the_mean_over_all_orders():
    np.testing.assert_allclose(TRUE[:, :, 2], by_orders(np.asarray(X)[:, 2]), atol=1e-5)


def test_shapley_values_do_not_depend_on_how_many_coalitions_are_run_at_once(monkeypatch):
    monkeypatch.setattr("toymodels.cases.attributions.AT_ONCE", 12)
    np.testing.assert_allclose(cases.shapley_values(network, X), TRUE, atol=1e-5)


def test_what_is_complete():
    change = np.asarray(network(X) - network(jnp.zeros((5, 1))))
    np.testing.assert_allclose(TRUE.sum(1), change, atol=1e-5)
    # each sample's path crosses at most 10 kinks, at each of which half a step of 1/20,000 has the wrong slope
    np.testing.assert_allclose(values_of(IntegratedGradients(20_000)).sum(1), change, atol=2e-3)
    for name in ("gradient × input", "occlusion", "LIME"):
        assert abs(values_of(ATTRIBUTIONS[name]).sum(1) - change).max() > 0.1, name


def test_two_neighbours_of_a_pentagon():
    # output 0 is ReLU(c1 + c2 - b) where feature 0 and its neighbour are on. With c2 < b, alone it gives nothing.
    module = cases.polygon(5).module()
    W, b = np.asarray(module.W[...], float), -float(module.b[...][0])
    near = int(np.argsort(W[:, 0] @ W)[-2])
    x = jnp.zeros((5, 1)).at[0].set(0.9).at[near].set(0.5)
    c1, c2 = 0.9 * W[:, 0] @ W[:, 0], 0.5 * W[:, near] @ W[:, 0]
    assert 0 < c2 < b < c1
    told = {
        name: values_of(technique, module, x)[0, [0, near], 0]
        for name, technique in {**ATTRIBUTIONS, "LIME": Lime(20_000), "steps": IntegratedGradients(4_000)}.items()
    }
    z = c1 + c2
    q = 1 / (1 + np.exp(-1 / (0.75**2 * 5)))
    np.testing.assert_allclose(told["gradient × input"], [c1, c2], rtol=1e-5)
    np.testing.assert_allclose(told["gradient × input"].sum() - (z - b), b, rtol=1e-5)
    np.testing.assert_allclose(told["steps"], [c1 * (1 - b / z), c2 * (1 - b / z)], rtol=1e-3)
    np.testing.assert_allclose(told["Shapley values"], [c1 - b + c2 / 2, c2 / 2], rtol=1e-5)
    np.testing.assert_allclose(told["occlusion"], [z - b, c2], rtol=1e-5)
    # 20,000 coalitions: the standard error of a coefficient is about the residual, c2/4, over sqrt(20,000)/2: .001
    np.testing.assert_allclose(told["LIME"], [q * (z - b) + (1 - q) * (c1 - b), q * c2], atol=0.004)


def test_lime_tends_to_a_weighted_banzhaf_value():
    q = 1 / (1 + np.exp(-1 / (0.75**2 * 5)))
    inside = (np.arange(32)[:, None] >> np.arange(5)) & 1
    chances = q ** inside.sum(1) * (1 - q) ** (5 - inside.sum(1))
    outputs = np.stack([np.asarray(network(jnp.asarray(one)[:, None] * X)) for one in inside])
    limit = np.stack(
        [np.tensordot(chances * (inside[:, i] / q - (1 - inside[:, i]) / (1 - q)), outputs, axes=1) for i in range(5)],
        axis=1,
    )
    # the residuals of a linear function are about .3 here, and the error .3 / sqrt(20,000 q (1 - q)) = .005
    np.testing.assert_allclose(values_of(Lime(20_000)), limit, atol=0.02)


@pytest.mark.parametrize("technique", ATTRIBUTIONS.values(), ids=ATTRIBUTIONS)
def test_all_are_right_where_the_model_is_linear(technique):
    got = values_of(technique, lambda x: jnp.asarray(W1) @ x + 1)
    np.testing.assert_allclose(got, W1[:, :, None] * np.asarray(X)[None], atol=1e-4)


@pytest.mark.parametrize("library", [np.asarray, jnp.asarray])
def test_the_truth_scores_one_and_what_is_wrong_as_chance_does(library):
    # Features that are on in a tenth of the samples, and one that no output reads
    x = tm.Independent(8, 0.2).sample(jax.random.key(1), 500)
    read = jnp.asarray(RNG.normal(size=(4, 8))).at[:, 3].set(0)
    true = np.asarray(cases.shapley_values(lambda x: jax.nn.relu(read @ x - 0.1), x))
    truth = cases.Truth(np.eye(8), np.ones(8, bool))

    def scored(values):
        return score_of(Attributions(library(values)), truth, library(x), attributions=library(true))

    right = scored(true)
    for name in ("score", "raw", "completeness", "dummies", "signs", "ranks"):
        assert float(getattr(right, name)) == pytest.approx(1, abs=1e-5), name
    assert float(scored(true + 0.1 * RNG.normal(size=true.shape)).score) < 0.95
    wrong = {
        "dead": 0 * true,
        "flipped": -true,
        "random": RNG.normal(size=true.shape),
        "permuted": np.roll(true, 1, axis=1),
        "of other outputs": np.roll(true, 1, axis=0),
        "shared out": np.repeat(true.mean(1, keepdims=True), 8, axis=1),
    }
    for name, values in wrong.items():
        assert float(scored(values).score) < 0.1, name
    assert float(scored(wrong["shared out"]).completeness) == pytest.approx(1, abs=1e-5)
    assert float(scored(wrong["shared out"]).dummies) == pytest.approx(7 / 8, abs=1e-5)
    assert float(scored(-true).signs) == pytest.approx(-1, abs=1e-5)
    assert float(scored(-true).ranks) == pytest.approx(-1, abs=1e-5)


def test_a_card_of_attribution():
    # With no bias outputs are ReLU(w·x), for which integrated gradients are gradient × input (Euler)
    card = score(
        {**ATTRIBUTIONS, "integrated gradients": IntegratedGradients(4), "LIME": Lime(100)},
        {"frame": cases.tight_frame(6, 6, 0.5).over(n_hidden=[6, 3]), "many": cases.dedicated(13)},
        seed=[0], samples=512, progress=False,
    )  # fmt: skip
    frame = card.sel(case="frame", seed=0)
    np.testing.assert_allclose(frame.score.isel(level=0), 1, atol=0.01)
    np.testing.assert_allclose(frame.score.sel(technique="Shapley values"), 1, atol=1e-4)
    slopes = frame.score.sel(technique="gradient × input")
    np.testing.assert_allclose(frame.score.sel(technique="integrated gradients"), slopes, atol=1e-4)
    assert slopes[1] < 0.995
    assert not card.applicable.sel(case="many").any()
    assert card.access.values.tolist()[:1] == ["model, x"]


def test_there_are_too_many_coalitions_of_thirteen_features():
    with pytest.raises(ValueError, match="shapley_values takes at most 12 features"):
        cases.shapley_values(lambda x: x, jnp.ones((13, 2)))


def test_claims_of_another_shape_are_refused():
    truth = cases.Truth(np.eye(5), np.ones(5, bool))
    with pytest.raises(ValueError, match=r"values of Attributions of a technique must have shape \(3, 5, 6\)"):
        score_of(Attributions(TRUE[:2]), truth, X, attributions=TRUE)
    with pytest.raises(TypeError, match="they need `attributions`"):
        score_of(Attributions(TRUE), truth, X)


# --- Other implementations ------------------------------------------------------------------------------------------


@pytest.mark.slow
def test_shap_says_the_same():
    shap = pytest.importorskip("shap")
    x = np.asarray(X.T, float)

    def of_rows(rows):
        return np.asarray(network(jnp.asarray(rows.T)), float).T

    exact = shap.explainers.Exact(of_rows, shap.maskers.Independent(np.zeros((1, 5))))
    np.testing.assert_allclose(exact(x).values.transpose(2, 1, 0), TRUE, atol=1e-5)
    # KernelSHAP with all coalitions is the weighted least squares that has the Shapley values for its solution
    kernel = shap.KernelExplainer(of_rows, np.zeros((1, 5)), silent=True)
    told = np.asarray(kernel.shap_values(x, nsamples=30, l1_reg=False))
    np.testing.assert_allclose(told.transpose(2, 1, 0), TRUE, atol=1e-4)


@pytest.mark.slow
def test_captum_says_the_same():
    attr = pytest.importorskip("captum.attr")
    linear = pytest.importorskip("captum._utils.models.linear_model")
    torch = pytest.importorskip("torch")
    a1, a2, c1, c2 = (torch.tensor(one, dtype=torch.float32) for one in (W1.T, W2.T, B1[:, 0], B2[:, 0]))

    def of_rows(x):
        direct = torch.stack([x[:, 0], x[:, 1] * x[:, 2], x[:, 3]], dim=1)
        return torch.relu(torch.relu(x @ a1 + c1) @ a2 + c2) + 0.3 * direct

    x = torch.tensor(np.asarray(X.T))
    for output in range(3):
        told = {
            "gradient × input": attr.InputXGradient(of_rows).attribute(x.clone().requires_grad_(), target=output),
            "integrated gradients": attr.IntegratedGradients(of_rows).attribute(
                x, target=output, n_steps=64, method="riemann_middle"
            ),
            "occlusion": attr.FeatureAblation(of_rows).attribute(x, target=output),
            "Shapley values": attr.ShapleyValues(of_rows).attribute(x, target=output),
        }
        for name, theirs in told.items():
            ours = values_of(ATTRIBUTIONS[name])[output]
            np.testing.assert_allclose(theirs.detach().numpy().T, ours, atol=1e-5, err_msg=name)
    # captum's LIME with our kernel and plain least squares: both draw their own coalitions
    width = 0.75**2 * 5
    lime = attr.LimeBase(
        of_rows,
        interpretable_model=linear.SkLearnLinearRegression(),
        similarity_func=lambda _, __, there, **___: torch.exp((there.sum() - 5) / width),
        perturb_func=lambda _, **__: torch.bernoulli(torch.full((1, 5), 0.5)),
        perturb_interpretable_space=True,
        from_interp_rep_transform=lambda there, original, **_: there * original,
        to_interp_rep_transform=None,
    )
    torch.manual_seed(0)
    told = lime.attribute(x[:1], target=0, n_samples=4_000)
    ours = values_of(Lime(20_000))[0, :, 0]
    np.testing.assert_allclose(told.numpy().ravel(), ours, atol=0.04)  # .3 / sqrt(4,000 q (1 - q)) = .01
