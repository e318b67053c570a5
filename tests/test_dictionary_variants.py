"""The variants of the sparse autoencoder compute what their papers write; their numbers are swept in one program."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import nnx

import toymodels as tm
from toymodels.arrays import unit_columns
from toymodels.models.sparsity import jump, largest
from toymodels.training.engine import step
from toymodels.training.engine.cells import Cell
from toymodels.training.engine.samples import is_mean_over_samples

RANDOM = np.random.default_rng(7)
H = jnp.asarray(RANDOM.normal(size=(4, 30)))
FEATURES = tm.HiddenActivations(unit_columns(RANDOM.normal(size=(4, 6))), tm.Independent(6, 0.2))
SMALL = tm.Recipe(steps=20, batch_size=64, evaluation_samples=256)


def made(activation, seed: int = 0, **options) -> nnx.Module:
    """A module with random, unequal parameters, as in training."""
    module = tm.SparseAutoencoder(4, 7, activation, **options)(rngs=nnx.Rngs(seed))
    random = np.random.default_rng(seed)
    for name in ("W_dec", "W_enc", "b_enc", "b_dec", "r_mag", "b_mag"):
        param = getattr(module, name, None)
        if param is not None:
            param[...] = jnp.asarray(0.5 * random.normal(size=param.shape), jnp.float32)
    return module


def before(module: nnx.Module, h: np.ndarray) -> np.ndarray:
    """π, by numpy."""
    W, b, b_dec = (np.asarray(param[...], float) for param in (module.W_enc, module.b_enc, module.b_dec))
    return W @ (h - b_dec[:, None]) + b[:, None]


def test_the_largest_are_those_that_sorting_gives():
    values = np.maximum(RANDOM.normal(size=(9, 50)), 0).astype(np.float32)
    ordered = -np.sort(-values, axis=0)
    for count in (1, 2, 5, 9):
        np.testing.assert_array_equal(largest(jnp.asarray(values), count, axis=0)[0], ordered[count - 1])
    flat = -np.sort(-values.ravel())
    for count in (1, 17, 200, 451):
        assert float(largest(jnp.asarray(values), count, axis=None)[0, 0]) == (flat[count - 1] if count < 451 else 0)


def test_top_k_keeps_the_k_largest_of_each_sample():
    module = made(tm.TopK(2))
    pi, z = before(module, np.asarray(H)), np.asarray(module.encode(H))
    rank = (-pi).argsort(0).argsort(0)
    np.testing.assert_allclose(z, np.where(rank < 2, np.maximum(pi, 0), 0), atol=1e-5)
    assert (z > 0).sum(0).max() == 2


def test_batch_top_k_keeps_a_mean_number_in_training_and_has_a_threshold_in_evaluation():
    module = made(tm.BatchTopK(1.8, decay=0.75))
    least = []
    for h in (H, 2 * H, 0.5 * H):
        z = module.activations(h)["hidden"]
        assert int((z > 0).sum()) == 54  # 1.8 times 30 samples
        least.append(float(z[z > 0].min()))
    assert np.ptp((np.asarray(z) > 0).sum(0)) > 1  # samples differ
    threshold = 0.75 * (0.75 * least[0] + 0.25 * least[1]) + 0.25 * least[2]
    assert float(module.threshold[...]) == pytest.approx(threshold, rel=1e-6)
    module.eval()
    whole, pi = np.asarray(module.activations(H)["hidden"]), before(module, np.asarray(H))
    np.testing.assert_allclose(whole, np.where(pi >= threshold, pi, 0), atol=1e-5)
    np.testing.assert_array_equal(np.concatenate([module.encode(H[:, :7]), module.encode(H[:, 7:])], 1), whole)
    assert float(module.threshold[...]) == pytest.approx(threshold, rel=1e-6)  # evaluation leaves it alone


def test_what_looks_at_the_whole_batch_is_not_trained_in_parts():
    cells = [
        Cell(tm.SparseAutoencoder(4, 7, activation), tm.Task(FEATURES), SMALL)
        for activation in (tm.TopK(2), tm.BatchTopK(2.0))
    ]
    assert [is_mean_over_samples(cell) for cell in cells] == [True, False]


def test_the_gradient_of_a_jump_is_that_of_the_mean_over_samples():
    """d/dθ E[π; π > θ] = -θ p(θ) and d/dθ P(π > θ) = -p(θ), here for an exponential π, p(θ) = exp(-θ)."""
    pi = jnp.asarray(np.random.default_rng(0).exponential(size=(1, 400_000)), jnp.float32)
    theta = 0.7

    class Module:
        log_threshold = None

    def means(log_threshold):
        Module.log_threshold = log_threshold
        z, margin = tm.JumpReLU(bandwidth=0.1).units(pi, Module)
        return jnp.stack([z.mean(), tm.HiddenL0(2.0, bandwidth=0.1)(margin)])

    value, slope = means(jnp.log(jnp.array([theta]))), jax.jacobian(means)(jnp.log(jnp.array([theta])))[:, 0] / theta
    # 400,000 samples, of which 5 % are within the bandwidth: a standard error of 1 / sqrt(20,000) = .7 %.
    np.testing.assert_allclose(value, [(1 + theta) * np.exp(-theta), 2 * np.exp(-theta)], rtol=0.01)
    np.testing.assert_allclose(slope, [-theta * np.exp(-theta), -2 * np.exp(-theta)], rtol=0.02)
    np.testing.assert_array_equal(jump(jnp.array([-0.1, 0.0, 1e-6, 3.0]), 0.5), [0, 0, 1, 1])


def test_jump_relu_does_not_shrink_and_its_l0_moves_thresholds_alone():
    module = made(tm.JumpReLU(threshold=0.4, bandwidth=0.2))
    pi = before(module, np.asarray(H))
    np.testing.assert_allclose(module.encode(H), np.where(pi > 0.4, pi, 0), atol=1e-5)

    def penalty(module: nnx.Module):
        return tm.HiddenL0(1.0, bandwidth=0.2)(module.activations(H)["margin"])

    gradient = nnx.grad(penalty)(module)
    assert float(penalty(module)) == pytest.approx((pi > 0.4).sum(0).mean(), rel=1e-6)
    assert np.abs(gradient["log_threshold"][...]).max() > 0
    assert max(float(jnp.abs(gradient[name][...]).max()) for name in ("W_enc", "b_enc", "W_dec", "b_dec")) == 0


def test_gates_and_magnitudes_are_apart():
    module = made(tm.Gated())
    pi = before(module, np.asarray(H))
    r, b, b_enc = (np.asarray(param[...])[:, None] for param in (module.r_mag, module.b_mag, module.b_enc))
    wanted = (pi > 0) * np.maximum(np.exp(r) * (pi - b_enc) + b, 0)
    np.testing.assert_allclose(module.encode(H), wanted, atol=1e-5)
    assert ((wanted == 0) & (pi > 0)).any()
    by_error = nnx.grad(lambda module: jnp.square(module(H) - H).mean())(module)
    assert float(jnp.abs(by_error["b_enc"][...]).max()) < 1e-7 < float(jnp.abs(by_error["b_mag"][...]).max())

    def auxiliary(module: nnx.Module):
        return tm.GatedAuxiliary(0.3)(module, tm.Task(FEATURES), H, module.activations(H)["margin"])

    gates, D = np.maximum(pi, 0), unit_columns(np.asarray(module.W_dec[...]))
    error = np.square(D @ gates + np.asarray(module.b_dec[...])[:, None] - H).mean()
    assert float(auxiliary(module)) == pytest.approx(0.3 * gates.sum(0).mean() + error, rel=1e-5)
    by_auxiliary = nnx.grad(auxiliary)(module)
    assert float(jnp.abs(by_auxiliary["W_dec"][...]).max()) == 0 < float(jnp.abs(by_auxiliary["b_enc"][...]).max())


def test_matching_pursuit_takes_off_the_largest_projection_of_what_is_left():
    module = made(tm.MatchingPursuit(5, threshold=0.3), tied=True, bias=False)
    D = unit_columns(np.asarray(module.W_dec[...], float))
    left, z = np.asarray(H) - np.asarray(module.b_dec[...])[:, None], np.zeros((7, 30))
    for _ in range(5):
        for sample in range(30):
            best = (D.T @ left[:, sample]).argmax()
            size = D[:, best] @ left[:, sample]
            if size > 0.3:
                z[best, sample] += size
                left[:, sample] -= size * D[:, best]
    np.testing.assert_allclose(module.encode(H), z, atol=1e-5)
    assert {1, 2, 3} < set((z > 0).sum(0).tolist())


def test_nested_reconstruction():
    module = made(jax.nn.relu)
    z, D = np.asarray(module.encode(H)), unit_columns(np.asarray(module.W_dec[...]))
    b = np.asarray(module.b_dec[...])[:, None]
    errors = [np.square(D[:, :p] @ z[:p] + b - H).mean() for p in (2, 5)]
    for balance in (0.25, (0.5, 2.0)):
        penalty = tm.NestedReconstruction((2, 5), balance)
        value = penalty(module, tm.Task(FEATURES), H, module.encode(H))
        assert float(value) == pytest.approx(np.sum(np.multiply(balance, errors)), rel=1e-5)
    with pytest.raises(ValueError, match="prefixes of NestedReconstruction must be below 7"):
        tm.NestedReconstruction((2, 7))(module, tm.Task(FEATURES), H, module.encode(H))


def test_dead_units_are_counted_and_reconstruct_the_error():
    module = made(tm.TopK(2), counts_silence=True)
    module.b_enc[...] = module.b_enc[...] - 20 * jnp.eye(7)[3] - 20 * jnp.eye(7)[5]
    for _ in range(4):
        named = module.activations(H)
    silent = np.asarray(module.silent[...])
    assert silent[[3, 5]].tolist() == [4, 4]
    assert silent[np.asarray(named["hidden"] > 0).any(1)].max() == 0
    nearer = named["before"] + 20.3 * jnp.eye(7)[3][:, None] + 20 * jnp.eye(7)[5][:, None]  # as if they had been near
    task = tm.Task(FEATURES)
    for after, dead in ((4, [3, 5]), (5, [])):
        value = tm.AuxK(1, 0.5, after=after)(module, task, H, {**named, "before": nearer})
        top = np.asarray(nearer)[[3, 5]].argmax(0)
        size = np.maximum(np.asarray(nearer)[[3, 5]].max(0), 0)
        own = size * np.asarray(unit_columns(module.W_dec[...]))[:, [3, 5]][:, top]
        left = np.square(H - named["prediction"] - own).mean()
        assert float(value) == pytest.approx(0.5 * left if dead else 0, rel=1e-5)
    with pytest.raises(ValueError, match="counts_silence=True"):
        tm.AuxK(1)(made(tm.TopK(2)), task, H, named)


def test_a_dead_unit_below_the_threshold_of_the_batch_is_moved():
    module = made(tm.BatchTopK(0.1), counts_silence=True)
    module.silent[...] = jnp.full(7, 9.0)

    def penalty(module: nnx.Module):
        return tm.AuxK(2, after=5)(module, tm.Task(FEATURES), H, named | {"before": module._before(H)})

    named = module.activations(H)
    off = np.flatnonzero(~np.asarray((named["hidden"] > 0).any(1)) & np.asarray((named["before"] > 0).any(1)))
    assert off.size
    assert np.abs(nnx.grad(penalty)(module)["W_enc"][...]).max(1)[off].min() > 0


def test_a_tied_encoder_is_the_dictionary():
    model = tm.SparseAutoencoder(4, 7, tm.TopK(2), tied=True)
    assert set(tm.models.param_shapes(model)) == {"W_dec", "b_enc", "b_dec"}
    module = made(tm.TopK(2), tied=True, bias=False)
    pi = unit_columns(np.asarray(module.W_dec[...])).T @ (np.asarray(H) - np.asarray(module.b_dec[...])[:, None])
    np.testing.assert_allclose(module.activations(H)["margin"], pi, atol=1e-5)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("activation", "penalties", "over"),
    [
        (tm.TopK(1), (), {"k": [1, 2, 3]}),
        (tm.BatchTopK(1.0), (tm.NestedReconstruction((2, 4)),), {"k": [0.5, 1.8, 3.0], "balance": [0.25, 1.0]}),
        (tm.JumpReLU(), (tm.HiddenL0(0.01),), {"threshold": [0.01, 0.1], "strength": [1e-4, 1e-2, 0.1]}),
        (tm.Gated(), (tm.GatedAuxiliary(0.01),), {"strength": [1e-4, 0.1]}),
    ],
    ids=["top_k", "batch_top_k", "jump_relu", "gated"],
)
def test_numbers_are_swept_in_one_program_and_as_if_alone(activation, penalties, over):
    model, task = tm.SparseAutoencoder(4, 7, activation), tm.Task(FEATURES, penalties=penalties)
    compiled = step.advance._cache_size()
    grid = tm.sweep(model, task, SMALL, over=over)
    assert step.advance._cache_size() == compiled + 1
    name, values = next(iter(over.items()))
    rest = {other: listed[-1] for other, listed in over.items() if other != name}
    last = grid.sel({name: values[-1], **rest})
    numbers = {"k", "threshold"} & {*over}
    other = type(activation)(**{number: over[number][-1] for number in numbers})
    penalty = tuple(type(one)(**{**vars(one), **{n: over[n][-1] for n in vars(one) if n in over}}) for one in penalties)
    alone = tm.train(tm.SparseAutoencoder(4, 7, other), tm.Task(FEATURES, penalties=penalty), SMALL)
    np.testing.assert_allclose(last.W_dec, alone.params["W_dec"][0], atol=1e-5)
    first = grid.isel(dict.fromkeys(over, 0))
    assert np.abs(first.W_dec.values - last.W_dec.values).max() > 1e-3


@pytest.mark.slow
def test_a_threshold_comes_back_with_the_run_and_encodes_by_itself(tmp_path):
    run = tm.train(tm.SparseAutoencoder(4, 7, tm.BatchTopK(1.2)), tm.Task(FEATURES), SMALL)
    assert run.state["threshold"].shape == (1,)
    assert run.state["threshold"][0] > 0
    run.save(tmp_path / "run.safetensors")
    again = tm.Run.load(tmp_path / "run.safetensors").module()
    h = FEATURES.sample(jax.random.key(9), 50)
    np.testing.assert_allclose(again.encode(h)[:, :1], run.module().encode(h[:, :1]), rtol=1e-5)


def test_resampled_sets_dead_units_afresh_and_leaves_the_others_alone():
    optimizer, plain = tm.Resampled(tm.Adam(), every=3, times=1, scale=0.5)(0.01), tm.Adam()(0.01)
    params = {"W_dec": RANDOM.normal(size=(4, 5)), "W_enc": RANDOM.normal(size=(5, 4)), "b_enc": RANDOM.normal(size=5)}
    params = jax.tree.map(lambda one: jnp.asarray(one, jnp.float32), {**params, "b_dec": RANDOM.normal(size=4)})
    live = jnp.array([1.0, 0.0, 1.0, 0.0, 1.0])
    gradient = {"W_dec": live[None] * params["W_dec"], "W_enc": live[:, None] * params["W_enc"]}
    gradient |= {"b_enc": live, "b_dec": jnp.ones(4)}
    state, other, step_on = optimizer.init(params), plain.init(params), jax.jit(optimizer.update)
    for number in range(6):
        updates, state = step_on(gradient, state, params, key=jax.random.key(number))
        expected, other = plain.update(gradient, other, params)
        alive, dead = np.array([0, 2, 4]), np.array([1, 3])
        np.testing.assert_allclose(updates["W_enc"][alive], expected["W_enc"][alive], rtol=1e-6)
        np.testing.assert_allclose(updates["b_dec"], expected["b_dec"], rtol=1e-6)
        if number == 2:
            fresh = jax.tree.map(jnp.add, params, updates)
            directions = np.asarray(fresh["W_dec"])[:, dead]
            np.testing.assert_allclose(np.linalg.norm(directions, axis=0), 1, rtol=1e-5)
            usual = np.linalg.norm(np.asarray(params["W_enc"])[alive], axis=1).mean()
            np.testing.assert_allclose(np.asarray(fresh["W_enc"])[dead], 0.5 * usual * directions.T, atol=1e-5)
            np.testing.assert_allclose(np.asarray(fresh["b_enc"])[dead], 0, atol=1e-6)
        else:  # not before, and only once
            np.testing.assert_allclose(updates["W_dec"], expected["W_dec"], rtol=1e-6)


def test_a_resampled_unit_has_fresh_moments():
    optimizer = tm.Resampled(tm.Adam(), every=2, times=1)(0.01)
    params = {"W_dec": jnp.asarray(RANDOM.normal(size=(4, 3)), jnp.float32)}
    state = optimizer.init(params)
    inner = jax.tree.map(lambda leaf: leaf + 1, state.inner)
    state = state._replace(inner=inner)
    update = jax.jit(optimizer.update)
    for _ in range(2):
        _, state = update({"W_dec": jnp.eye(4, 3).at[1, 1].set(0)}, state, params, key=jax.random.key(0))
    moments = state.inner[0].nu["W_dec"]
    assert np.abs(moments[:, 1]).max() == 0 < np.abs(moments[:, [0, 2]]).min()


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: tm.TopK(1.5), "k of TopK must be a whole number. Got 1.5"),
        (lambda: tm.TopK(0), "k of TopK must be finite and at least 1"),
        (lambda: tm.BatchTopK(0.0), "k of BatchTopK"),
        (lambda: tm.JumpReLU(threshold=0.0), "threshold of JumpReLU"),
        (lambda: tm.MatchingPursuit(1.5), "k of MatchingPursuit must be an integer"),
        (lambda: tm.SparseAutoencoder(4, 7, tm.MatchingPursuit(2)), "must have tied=True and bias=False"),
        (lambda: tm.SparseAutoencoder(4, 7, tm.Gated(), bias=False), "must have bias=True"),
        (lambda: tm.SparseAutoencoder(4, 7, tm.Gated), r"is the class Gated. Write Gated\(...\)"),
        (lambda: tm.SparseAutoencoder(4, 7, 3.0), "must be a function of"),
        (lambda: tm.NestedReconstruction(()), "prefixes of NestedReconstruction must be a tuple"),
        (lambda: tm.NestedReconstruction((2, 3), (0.5, 0.2, 0.1)), "balance of NestedReconstruction"),
        (lambda: tm.HiddenL0(-1.0), "strength of HiddenL0"),
        (lambda: tm.AuxK(1.5), "k of TopK must be a whole number"),
        (lambda: tm.Resampled(every=0), "every of Resampled"),
    ],
)
def test_bad_values_are_refused(make, message: str):
    with pytest.raises(ValueError, match=message):
        make()


def test_what_does_not_fit_is_refused_before_anything_is_compiled(nothing_compiled):
    task = tm.Task(FEATURES, penalties=(tm.AuxK(2),))
    with pytest.raises(ValueError, match="counts_silence=True"):
        tm.train(tm.SparseAutoencoder(4, 7, tm.TopK(2)), task, SMALL)
    along_samples = tm.SparseAutoencoder(4, 7, lambda before: jax.nn.softmax(before))
    with pytest.raises(ValueError, match="activation of SparseAutoencoder mixes samples"):
        tm.train(along_samples, tm.Task(FEATURES), SMALL)
    with pytest.raises(ValueError, match="Resampled is for parameters with W_dec"):
        tm.train(tm.Autoencoder(4, 2), tm.Task(FEATURES), tm.Recipe(steps=5, optimizer=tm.Resampled()))
