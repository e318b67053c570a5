"""Decompositions of many small matrices: those of numpy, one after the other in programs of JAX."""

import re
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from toymodels import linear_algebra

MANY = np.random.default_rng(0).normal(size=(3, 4, 5, 2)).astype(np.float32)
SQUARE = MANY @ MANY.swapaxes(-1, -2) + np.eye(5, dtype=np.float32)


@pytest.mark.parametrize(
    ("name", "matrices", "again"),
    [
        ("eigh", SQUARE, lambda values, vectors: (vectors * values[..., None, :]) @ vectors.swapaxes(-1, -2)),
        ("svd", MANY, lambda left, values, right: (left * values[..., None, :]) @ right),
        ("qr", MANY, lambda Q, R: Q @ R),
    ],
)
def test_the_parts_of_each_matrix_make_it_again(name, matrices, again):
    for given in (matrices, jnp.asarray(matrices)):
        parts = [np.asarray(part) for part in getattr(linear_algebra, name)(given)]
        np.testing.assert_allclose(again(*parts), matrices, atol=1e-5)


def test_a_pseudo_inverse_leaves_out_what_is_small():
    matrix = np.diag([2.0, 1.0, 1e-7]).astype(np.float32)
    np.testing.assert_allclose(linear_algebra.pinv(jnp.asarray(matrix), rtol=1e-5), np.diag([0.5, 1, 0]), atol=1e-6)


@pytest.mark.parametrize("name", ["eigh", "svd", "qr"])
def test_a_program_of_the_cpu_is_given_no_batch_of_matrices_and_one_of_a_gpu_the_whole(name):
    """On a CPU a batch is spread over the threads, and can wait for them for ever."""
    traced = jax.jit(jax.vmap(getattr(linear_algebra, name))).trace(jnp.asarray(SQUARE))
    given = {
        platform: re.findall(
            r"custom_call .* : \(tensor<([\dx]+)xf32>", traced.lower(lowering_platforms=(platform,)).as_text()
        )
        for platform in ("cpu", "cuda")
    }
    assert set(given["cpu"]) == {"5x5"}
    assert set(given["cuda"]) == {"3x4x5x5"}


def test_nothing_else_decomposes_matrices():
    spread = re.compile(r"(?:jnp|xp)\.linalg\.(?:eig|svd|qr|solve|inv|pinv|cholesky|lstsq|det|slogdet|matrix_)")
    root = Path(linear_algebra.__file__).parent
    found = {
        str(path.relative_to(root))
        for path in root.rglob("*.py")
        if any(spread.search(line) for line in path.read_text(encoding="utf-8").splitlines() if ">>>" not in line)
    }
    assert found - {"linear_algebra.py"} == {"techniques/__init__.py"}  # an example of a technique
