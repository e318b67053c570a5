"""Attacks on trained weights, against brute force and arrangements whose vulnerability is known."""

import jax
import jax.numpy as jnp
import jaxtyping
import numpy as np
import pytest

from toymodels.analysis import geometry, robustness

RNG = np.random.default_rng(3)
M, N, SAMPLES = 3, 7, 11
W = RNG.normal(size=(2, 5, M, N)) / M**0.5
B = 0.3 * RNG.normal(size=(2, 5, N))
X = RNG.uniform(size=(2, 5, N, SAMPLES)) * (RNG.uniform(size=(2, 5, N, SAMPLES)) < 0.6)
LENGTH = RNG.uniform(0.1, 0.5, size=(2, 5))
KEY = jax.random.key(4)


def error(W: np.ndarray, b: np.ndarray, x: np.ndarray, seen: np.ndarray) -> float:
    """Of one sample, written out."""
    output = [max(0.0, sum(W[:, i] @ W[:, j] * seen[j] for j in range(len(x))) + b[i]) for i in range(len(x))]
    return sum((x[i] - output[i]) ** 2 for i in range(len(x)))


def test_squared_errors_are_those_of_the_model():
    seen = X + RNG.normal(size=X.shape)
    errors, under_attack = robustness.squared_errors(W, B, X), robustness.squared_errors(W, B, X, seen)
    assert errors.shape == (2, 5, SAMPLES)
    assert errors[1, 2, 6] == pytest.approx(error(W[1, 2], B[1, 2], X[1, 2, :, 6], X[1, 2, :, 6]))
    assert under_attack[0, 4, 3] == pytest.approx(error(W[0, 4], B[0, 4], X[0, 4, :, 3], seen[0, 4, :, 3]))


def test_no_step_changes_an_output_more_than_its_direction():
    directions = robustness.attack_directions(W[0, 0])
    np.testing.assert_allclose(np.linalg.norm(directions, axis=0), 1)
    others = RNG.normal(size=(N, 10_000))
    others /= np.linalg.norm(others, axis=0)
    gram = W[0, 0].T @ W[0, 0]
    best = np.diag(gram @ directions)
    assert (best[:, None] >= gram @ others).all()
    np.testing.assert_allclose((gram @ others).max(1), best, rtol=0.2)  # and some come near


def test_feature_attack_is_the_worst_of_all_steps_along_directions():
    attacked = robustness.feature_attack(W, B, X, length=LENGTH)
    assert attacked.shape == X.shape
    for place in np.ndindex(2, 5):
        directions = geometry.gram(W[place]) / np.linalg.norm(geometry.gram(W[place]), axis=0)
        for sample in range(SAMPLES):
            x = X[place][:, sample]
            steps = [sign * LENGTH[place] * directions[:, i] for i in range(N) for sign in (1, -1)]
            errors = [error(W[place], B[place], x, x + step) for step in steps]
            found = attacked[place][:, sample]
            np.testing.assert_allclose(found, x + steps[int(np.argmax(errors))], atol=1e-5)


def test_gradient_attack_is_within_its_ball_and_finds_what_random_steps_do_not():
    attacked = robustness.gradient_attack(W, B, X, KEY, length=LENGTH)
    lengths = np.linalg.norm(attacked - X, axis=-2)
    assert (lengths <= LENGTH[..., None] * (1 + 1e-5)).all()
    errors = robustness.squared_errors(W, B, X, attacked)
    others = RNG.normal(size=(500, *X.shape))
    others *= LENGTH[..., None, None] / np.linalg.norm(others, axis=-2, keepdims=True)
    random = np.stack([robustness.squared_errors(W, B, X, X + other) for other in others])
    assert (errors >= random).mean() > 0.999  # ascent may end on a lower hill
    assert (errors > 1.02 * random).mean() > 0.9


def test_more_restarts_and_steps_do_not_find_less():
    def harm(steps: int, restarts: int) -> float:
        attacked = robustness.gradient_attack(W, B, X, KEY, length=LENGTH, steps=steps, restarts=restarts)
        return robustness.squared_errors(W, B, X, attacked).mean()

    assert harm(20, 1) > 1.01 * harm(1, 1)
    assert harm(20, 6) > 1.0001 * harm(20, 1)


def test_projected_gradient_ascent_climbs_planes_to_the_edge_and_stays_on_peaks():
    """On a plane the angle to the slope falls by e^-2.5 or more, so that at most 1 - cos(e^-2.5 π/2) = 1 % is missing
    from starts at right angles or better."""
    slope = jnp.array([[3.0, 0.0], [4.0, -2.0]])
    start = jnp.array([[0.8, 1.0], [-0.6, 0.0]])
    found = robustness.projected_gradient_ascent(
        lambda x: (slope * x).sum(), jnp.ones((2, 2)), start, length=0.5, steps=60
    )
    np.testing.assert_allclose(np.linalg.norm(found - 1, axis=0), 0.5, atol=1e-5)
    np.testing.assert_allclose((slope * (found - 1)).sum(0), [0.5 * 5, 0.5 * 2], rtol=0.02)
    inside = robustness.projected_gradient_ascent(
        lambda x: -jnp.square(x - 0.1).sum(), jnp.zeros((2, 2)), start, length=0.5, steps=200
    )
    np.testing.assert_allclose(inside, 0.1, atol=0.01)


def test_vulnerability_is_one_without_superposition():
    rotation = np.linalg.qr(RNG.normal(size=(3, 3)))[0]
    W = np.concatenate([rotation, np.zeros((3, 2))], axis=1)
    x = RNG.uniform(0.3, 1, size=(5, 9))
    b = np.array([0, 0, 0, 0.5, 0.5])
    by_feature = robustness.feature_attack(W, b, x, length=0.2)
    by_gradient = robustness.gradient_attack(W, b, x, KEY, length=0.2)
    assert robustness.vulnerability(W, b, x, by_feature, length=0.2) == pytest.approx(1, abs=1e-4)
    assert 0.95 < robustness.vulnerability(W, b, x, by_gradient, length=0.2) < 1.0001


@pytest.mark.parametrize("kind", ["digon", "pentagon"])
def test_vulnerability_of_regular_arrangements(kind: str):
    """One feature is on and the others are held off by a bias that the step does not overcome: with the step against
    it, λ along (WᵀW)_i, output i rises by λ ‖(WᵀW)_i‖ = λ / √D_i."""
    count = {"digon": 2, "pentagon": 5}[kind]
    angle = 2 * np.pi * np.arange(count) / count
    W = np.stack([np.cos(angle), np.sin(angle)])[: 1 if kind == "digon" else 2]
    assert geometry.dimensionality(W)[0] == pytest.approx({"digon": 1 / 2, "pentagon": 2 / 5}[kind])
    x, b = np.eye(count)[:, :1], np.full(count, -0.5)
    x_hat_error = 0.5  # 1 - ReLU(1 - 0.5)
    length = 0.01
    found = robustness.vulnerability(W, b, x, robustness.feature_attack(W, b, x, length=length), length=length)
    step = length / geometry.dimensionality(W)[0] ** 0.5
    assert found == pytest.approx(((x_hat_error + step) ** 2 - x_hat_error**2) / length**2, rel=1e-3)


def test_one_model_or_many_and_either_library():
    for attack in (
        lambda W, b, x, length: robustness.feature_attack(W, b, x, length=length),
        lambda W, b, x, length: robustness.gradient_attack(W, b, x, KEY, length=length),
    ):
        many = attack(W, B, X, 0.3)
        assert isinstance(many, np.ndarray)
        np.testing.assert_allclose(attack(W[1, 3], B[1, 3], X[1, 3], 0.3), many[1, 3], atol=1e-5)
        common = attack(W, B, X[0, 0], 0.3)  # the same samples for all
        np.testing.assert_allclose(common[0, 0], many[0, 0], atol=1e-5)
        one = attack(*(jnp.asarray(array[0, 0], jnp.float32) for array in (W, B, X)), 0.3)
        assert isinstance(one, jax.Array)
        np.testing.assert_allclose(one, many[0, 0], atol=1e-5)


def test_bad_input_is_refused(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(jaxtyping.config, "jaxtyping_disable", True)
    with pytest.raises(ValueError, match=r"samples in columns, must agree in n. Got shapes .*\(11, 7\)"):
        robustness.feature_attack(W[0, 0], B[0, 0], X[0, 0].T, length=0.1)
    with pytest.raises(ValueError, match="must agree in n"):
        robustness.gradient_attack(W[0, 0], B[0, 0, 1:], X[0, 0], KEY, length=0.1)
    for name in ("steps", "restarts"):
        with pytest.raises(ValueError, match=f"{name} of gradient_attack must be an integer of at least 1. Got 0"):
            robustness.gradient_attack(W[0, 0], B[0, 0], X[0, 0], KEY, length=0.1, **{name: 0})
