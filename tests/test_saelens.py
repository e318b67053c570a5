"""Dictionaries and activations go to SAELens and come back as they were. What needs it is skipped where it is not
installed; a dictionary's arithmetic is then held against numpy."""

import json
import subprocess
import sys
from itertools import islice
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from safetensors.numpy import save_file

import toymodels as tm
from toymodels.interop import from_saelens, saelens_weights
from toymodels.interop.activations import rectified_normal
from toymodels.interop.checkpoints import run_of

M, K = 6, 9
RNG = np.random.default_rng(11)
H = jnp.asarray(RNG.normal(size=(M, 500)) / 2, jnp.float32)

KINDS: dict[str, tuple[Any, dict[str, Any]]] = {
    "standard": (jax.nn.relu, {}),
    "tied": (jax.nn.relu, {"tied": True, "bias": False}),
    "topk": (tm.TopK(2), {}),
    "batchtopk": (tm.BatchTopK(1.5), {}),
    "jumprelu": (tm.JumpReLU(), {}),
    "gated": (tm.Gated(), {}),
    "matching_pursuit": (tm.MatchingPursuit(3), {"tied": True, "bias": False}),
}


def random_run(kind: str) -> tm.Run:
    """Two restarts with random parameters, columns of unequal lengths."""
    activation, options = KINDS[kind]
    shapes = {"W_dec": (M, K), "W_enc": (K, M), "b_enc": (K,), "b_dec": (M,)}
    if options.get("tied"):
        del shapes["W_enc"], shapes["b_enc"]
    shapes |= {"jumprelu": {"log_threshold": (K,)}, "gated": {"r_mag": (K,), "b_mag": (K,)}}.get(kind, {})
    random = np.random.default_rng(len(kind))
    params = {name: random.normal(size=(2, *shape)) / 2 for name, shape in shapes.items()}
    if kind == "jumprelu":
        params["log_threshold"] -= 1.5
    state = {"threshold": np.array([0.2, 0.4])} if kind == "batchtopk" else {}
    return run_of(tm.SparseAutoencoder(M, K, activation, **options), params, state)


def assert_same(one: Any, other: Any, lengths: Any = 1.0) -> None:
    """Of two modules: the same activations, but for lengths, and reconstructions; both are float32 of order 1."""
    z, z_other = np.asarray(one.encode(H)), np.asarray(other.encode(H))
    assert 0.05 < (z > 0).mean() < 0.95
    np.testing.assert_allclose(z * lengths, z_other, rtol=1e-6, atol=1e-6)
    np.testing.assert_allclose(one(H), other(H), rtol=1e-6, atol=1e-6)
    np.testing.assert_allclose(one.decode(jnp.asarray(z)), other.decode(jnp.asarray(z * lengths)), rtol=1e-6, atol=1e-6)


class Theirs:
    """An SAE of SAELens as a function of columns."""

    def __init__(self, sae: Any):
        self.torch, self.sae = pytest.importorskip("torch"), sae

    def _through(self, function: Any, columns: Any) -> np.ndarray:
        with self.torch.no_grad():
            return function(self.torch.from_numpy(np.array(np.asarray(columns).T))).numpy().T

    def encode(self, h: Any) -> np.ndarray:
        return self._through(self.sae.encode, h)

    def decode(self, z: Any) -> np.ndarray:
        return self._through(self.sae.decode, z)

    def __call__(self, h: Any) -> np.ndarray:
        return self._through(self.sae, h)


@pytest.fixture(scope="module")
def sae_lens() -> Any:
    """SAELens; what it warns of while it is imported is not ours."""
    pytest.importorskip("torch")
    import warnings

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        pytest.importorskip("sae_lens.synthetic")
        return pytest.importorskip("sae_lens")


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("place", [0, 1])
def test_there_and_back_without_saelens(kind: str, place: int):
    run = random_run(kind)
    back = from_saelens(saelens_weights(run, place))
    assert_same(run.module(place), back.module())
    assert isinstance(back.model.activation, type(KINDS["jumprelu" if kind == "batchtopk" else kind][0]))


@pytest.mark.parametrize("kind", KINDS)
def test_there_and_back(kind: str, sae_lens: Any):
    run = random_run(kind)
    sae = tm.interop.to_saelens(run, 1)
    assert_same(run.module(1), Theirs(sae))
    assert_same(run.module(1), from_saelens(sae).module())


@pytest.mark.parametrize("kind", KINDS)
def test_folders_are_read_on_both_sides(kind: str, sae_lens: Any, tmp_path: Path):
    run = random_run(kind)
    config, state = saelens_weights(run)
    (tmp_path / "ours").mkdir()
    (tmp_path / "ours" / "cfg.json").write_text(json.dumps(config))
    save_file(state, tmp_path / "ours" / "sae_weights.safetensors")
    sae = sae_lens.SAE.load_from_disk(tmp_path / "ours")
    assert_same(run.module(), Theirs(sae))
    sae.save_model(tmp_path / "theirs")
    assert_same(run.module(), from_saelens(tmp_path / "theirs").module())


@pytest.mark.parametrize("centred", [True, False])
@pytest.mark.parametrize("architecture", ["standard", "topk", "jumprelu", "gated"])
def test_their_columns_of_any_length_are_folded(architecture: str, centred: bool, sae_lens: Any):
    torch = pytest.importorskip("torch")
    sizes = {"d_in": M, "d_sae": K, "apply_b_dec_to_input": centred, "k": 2, "rescale_acts_by_decoder_norm": True}
    sae = sae_lens.SAE.from_dict({"architecture": architecture, **sizes})
    for value in sae.state_dict().values():
        value.copy_(torch.from_numpy(RNG.normal(size=value.shape) / 2))
    lengths = sae.get_W_dec_norm().numpy()[:, None]
    if architecture == "topk":
        lengths = 1.0  # theirs are scaled already
    else:
        sae.W_dec.data[3], lengths[3] = 0, 1  # a unit that writes nothing
    run = from_saelens(sae)
    assert_same(Theirs(sae), run.module(), lengths)
    if architecture != "topk":
        sae.fold_W_dec_norm()
        again = from_saelens(sae)
        np.testing.assert_allclose(again.module()(H), run.module()(H), rtol=1e-6, atol=1e-6)


@pytest.mark.parametrize("rescale", [True, False])
@pytest.mark.parametrize("architecture", ["batchtopk", "matryoshka_batchtopk"])
def test_a_batch_top_k_in_training_becomes_what_they_save(
    architecture: str, rescale: bool, sae_lens: Any, tmp_path: Path
):
    torch = pytest.importorskip("torch")
    config = {"d_in": M, "d_sae": K, "k": 1.5, "rescale_acts_by_decoder_norm": rescale, "decoder_init_norm": 0.5}
    config |= {"matryoshka_widths": [4, K]} if architecture.startswith("m") else {}
    sae = sae_lens.TrainingSAE.from_dict({"architecture": architecture, **config})
    sae.topk_threshold.fill_(0.1)
    for param in (sae.W_enc, sae.b_enc, sae.b_dec):
        param.data.copy_(torch.from_numpy(RNG.normal(size=param.shape) / 2))
    run = from_saelens(sae)
    assert run.model.activation == tm.BatchTopK(1.5)
    sae.save_inference_model(tmp_path)
    saved = Theirs(sae_lens.SAE.load_from_disk(tmp_path))
    assert_same(saved, run.module(), 1.0 if rescale else 0.5)  # they fold lengths only then


def test_matching_pursuit_without_its_input_bias_leaves_it_out(sae_lens: Any):
    torch = pytest.importorskip("torch")
    options = {"max_iterations": 2, "residual_threshold": 0.0, "stop_on_duplicate_support": False}
    sizes = {"d_in": M, "d_sae": K, "apply_b_dec_to_input": False}
    sae = sae_lens.SAE.from_dict({"architecture": "matching_pursuit", **sizes, **options})
    sae.W_dec.data /= sae.W_dec.data.norm(dim=1, keepdim=True)
    sae.b_dec.data += torch.arange(M)
    back = from_saelens(sae)
    assert back.model == tm.SparseAutoencoder(M, K, tm.MatchingPursuit(2), tied=True, bias=False)
    assert not back.params["b_dec"].any()
    assert_same(Theirs(sae), back.module())


WEIGHTS: dict[str, np.ndarray] = {
    "W_enc": RNG.normal(size=(2, 3)),
    "b_enc": np.zeros(3),
    "W_dec": np.array([[1.0, 0.0], [0.0, 2.0], [0.6, 0.8]]),
    "b_dec": np.zeros(2),
}


def test_folding_by_hand():
    h = np.array([[0.3, -0.2], [0.7, 0.5]])
    bias = np.array([0.1, -0.2, 0.3])
    config = {"architecture": "standard", "apply_b_dec_to_input": False}
    weights = WEIGHTS | {"b_enc": bias, "b_dec": np.array([0.4, -0.6])}
    module = from_saelens((config, weights)).module()
    z = np.maximum(WEIGHTS["W_enc"].T @ h + bias[:, None], 0)
    np.testing.assert_allclose(module.encode(jnp.asarray(h)), z * np.array([[1.0], [2.0], [1.0]]), atol=1e-6)
    np.testing.assert_allclose(module(jnp.asarray(h)), WEIGHTS["W_dec"].T @ z + [[0.4], [-0.6]], atol=1e-6)


@pytest.mark.parametrize(
    ("config", "change", "message"),
    [
        ({"architecture": "temporal"}, {}, "does not know the architecture 'temporal'. It is one of standard, topk"),
        ({"normalize_activations": "layer_norm"}, {}, "This one has normalize_activations='layer_norm'"),
        ({"reshape_activations": "hook_z"}, {}, "reshape_activations='hook_z'"),
        ({"architecture": "topk", "k": 2}, {}, r"rows of W_dec of one length. They have lengths from 1 to 2\."),
        ({"architecture": "topk", "rescale_acts_by_decoder_norm": True}, {}, "must have k. It has architecture"),
        ({"architecture": "jumprelu"}, {}, "must have threshold. It has W_enc, b_enc, W_dec, b_dec"),
        ({}, {"scaling_factor": np.ones(3)}, "does not know what scaling_factor mean"),
        ({"architecture": "matching_pursuit"}, {}, "with residual_threshold=0 and stop_on_duplicate_support=False"),
        (
            {"architecture": "matching_pursuit", "residual_threshold": 0, "stop_on_duplicate_support": False},
            {},
            "rows of W_dec of length 1",
        ),
    ],
)
def test_what_would_not_be_the_same_is_refused(config: dict[str, Any], change: dict[str, Any], message: str):
    with pytest.raises(ValueError, match=message):
        from_saelens(({"architecture": "standard", **config}, WEIGHTS | change))


def test_what_saelens_does_not_have_is_refused():
    params = {"W_dec": np.ones((1, 2, 3)), "b_dec": np.zeros((1, 2))}
    pursuit = tm.SparseAutoencoder(2, 3, tm.MatchingPursuit(1, threshold=0.1), tied=True, bias=False)
    with pytest.raises(ValueError, match=r"needs MatchingPursuit with threshold=0. Got 0.1"):
        saelens_weights(run_of(pursuit, params))
    with pytest.raises(ValueError, match=r"SAELens has no activation 'tanh'. It is one of standard"):
        saelens_weights(run_of(tm.SparseAutoencoder(2, 3, jnp.tanh, tied=True, bias=False), params))
    with pytest.raises(ValueError, match=r"must be of a SparseAutoencoder. It has W, b"):
        saelens_weights(run_of(tm.Autoencoder(3, 2), {"W": np.ones((1, 2, 3)), "b": np.zeros((1, 3))}))


def test_an_error_term_is_refused(sae_lens: Any):
    sae = tm.interop.to_saelens(random_run("standard"))
    sae._use_error_term = True
    with pytest.raises(ValueError, match="without their error term"):
        from_saelens(sae)


def test_without_saelens_the_message_says_what_to_install(monkeypatch: pytest.MonkeyPatch):
    for name in ("torch", "sae_lens", "sae_lens.synthetic"):
        monkeypatch.setitem(sys.modules, name, None)
    hidden = tm.HiddenActivations(np.ones((2, 3)), tm.Independent(3))
    for call in (
        lambda: tm.interop.to_saelens(random_run("standard")),
        lambda: tm.interop.activation_batches(hidden),
        lambda: tm.interop.to_synthetic(hidden),
    ):
        with pytest.raises(ModuleNotFoundError, match=r"pip install 'toymodels\[saelens\]'"):
            call()


def test_neither_torch_nor_saelens_is_imported():
    code = "import sys, toymodels.interop; print({'torch', 'sae_lens'} & set(sys.modules))"
    assert subprocess.run([sys.executable, "-c", code], check=True, capture_output=True).stdout == b"set()\n"


# --- Activations ---------------------------------------------------------------------------------------------------


HIDDEN = tm.HiddenActivations(RNG.normal(size=(M, 8)), tm.Independent(8, np.linspace(0.1, 0.8, 8)))


def test_batches_are_samples_in_rows():
    pytest.importorskip("torch")
    batches = list(islice(tm.interop.activation_batches(HIDDEN, 4_000, seed=3), 2))
    assert [tuple(batch.shape) for batch in batches] == [(4_000, M)] * 2
    assert str(batches[0].dtype) == "torch.float32"
    assert not np.allclose(batches[0], batches[1])
    again = next(tm.interop.activation_batches(HIDDEN, 4_000, seed=3))
    np.testing.assert_array_equal(again, batches[0])
    h = np.concatenate(batches).astype(float)
    moment = h.T @ h / len(h)
    spread = np.sqrt(np.einsum("si,sj->ij", h**2, h**2) / len(h) - moment**2) / np.sqrt(len(h))
    assert np.abs((moment - HIDDEN.second_moment()) / spread).max() < 5  # standard errors, of 21 numbers


def test_epochs_go_through_a_finite_set():
    pytest.importorskip("torch")
    points = np.arange(12.0).reshape(2, 6)
    batches = tm.interop.activation_batches(tm.Dataset(points, "epochs"), 3)
    seen = np.concatenate([next(batches) for _ in range(2)])
    np.testing.assert_array_equal(seen[seen[:, 0].argsort()], points.T)


def test_a_data_set_of_batches_has_its_first_samples():
    batches = [np.array([[1.0, 2.0], [3.0, 4.0]]), np.array([[5.0, 6.0], [7.0, 8.0]])]
    np.testing.assert_array_equal(tm.interop.dataset_of(iter(batches), 3).samples, [[1, 3, 5], [2, 4, 6]])
    with pytest.raises(ValueError, match=r"must have n_samples=5 samples. They have 4"):
        tm.interop.dataset_of(batches, 5)


def test_moments_of_rectified_normal_values():
    g = np.random.default_rng(1).normal(size=1_000_000)
    for mean, std in ((0.4, 0.7), (-0.3, 1.1), (2.0, 0.0)):
        values = rectified_normal(mean, std)
        drawn = np.maximum(mean + std * g, 0)
        # 10^6 draws of numbers below 6: standard errors below 0.002
        assert values.moments() == pytest.approx((drawn.mean(), (drawn**2).mean()), abs=0.008)
        ranks = jnp.asarray([0.2, 0.5, 0.9])
        np.testing.assert_allclose(values.inverse_cdf(ranks), np.quantile(drawn, ranks), atol=0.01)


@pytest.mark.parametrize("correlation", ["none", "matrix", "factors"])
def test_synthetic_activations_have_the_same_law(correlation: str, sae_lens: Any):
    torch = pytest.importorskip("torch")
    synthetic = sae_lens.synthetic
    n, factors = 5, 0.8 * torch.rand(5, 1)
    given = {"none": None, "matrix": factors @ factors.T, "factors": (factors, 1 - (factors**2).sum(1))}[correlation]
    if correlation == "matrix":
        given.fill_diagonal_(1)
    torch.manual_seed(5)
    dictionary = synthetic.FeatureDictionary(n, 3, initializer=None)
    density = torch.linspace(0.2, 0.7, n)
    generator = synthetic.ActivationGenerator(n, density, 0.5, 0.8, correlation_matrix=given)
    hidden = tm.interop.from_synthetic(dictionary, generator)
    assert hidden.n_features == 3
    h = next(synthetic.SyntheticActivationIterator(dictionary, generator, 200_000)).numpy().astype(float)
    moment = h.T @ h / len(h)
    spread = np.sqrt(np.einsum("si,sj->ij", h**2, h**2) / len(h) - moment**2) / np.sqrt(len(h))
    assert np.abs((moment - hidden.second_moment()) / spread).max() < 5  # standard errors, of 6 numbers
    assert np.abs((h.mean(0) - hidden.mean()) / (h.std(0) / np.sqrt(len(h)))).max() < 5
    sampled = np.asarray(hidden.sample(jax.random.key(0), 100_000), float)
    assert np.abs((sampled.mean(1) - hidden.mean()) / (sampled.std(1) / np.sqrt(100_000))).max() < 5


def test_synthetic_activations_that_differ_are_refused(sae_lens: Any):
    torch = pytest.importorskip("torch")
    synthetic = sae_lens.synthetic
    plain = synthetic.FeatureDictionary(4, 3, initializer=None)
    biased = synthetic.FeatureDictionary(4, 3, bias=True, initializer=None)
    generator = synthetic.ActivationGenerator(4, 0.3)
    assert tm.interop.from_synthetic(plain, generator).features.values is tm.BINARY
    doubled = synthetic.ActivationGenerator(4, 0.3, modify_activations=lambda x: 2 * x)
    unequal = synthetic.ActivationGenerator(4, 0.3, mean_firing_magnitudes=torch.arange(4))
    for pair, message in (
        ((biased, generator), "must have no bias. Take samples: dataset_of"),
        ((plain, doubled), "must not modify activations"),
        ((plain, unequal), "one mean and one std for all features"),
    ):
        with pytest.raises(ValueError, match=message):
            tm.interop.from_synthetic(*pair)


def test_their_evaluation_takes_our_truth(sae_lens: Any):
    """A dictionary that is the truth itself, and orthogonal, scores 1 by their scores."""
    W = np.linalg.qr(RNG.normal(size=(M, M)))[0][:, :4].astype(np.float32)
    dictionary, draws = tm.interop.to_synthetic(tm.HiddenActivations(W, tm.Independent(4, 0.3)), seed=1)
    params = {"W_dec": W, "W_enc": W.T, "b_enc": np.zeros(4), "b_dec": np.zeros(M)}
    run = run_of(tm.SparseAutoencoder(M, 4), {name: value[None] for name, value in params.items()})
    scores = sae_lens.synthetic.eval_sae_on_synthetic_data(
        tm.interop.to_saelens(run), dictionary, draws, num_samples=2_000
    )
    assert scores.mcc == pytest.approx(1, abs=1e-5)
    assert scores.explained_variance == pytest.approx(1, abs=1e-5)
    assert scores.true_l0 == pytest.approx(1.2, abs=0.1)  # 4 times 0.3, standard error .02
