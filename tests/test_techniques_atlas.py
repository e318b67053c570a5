"""The atlas of hidden space, and how far it can be trusted."""

import jax
import jax.numpy as jnp
import matplotlib.pyplot as plt
import numpy as np
import pytest

import toymodels as tm
from toymodels import cases
from toymodels.techniques.atlas import atlas, dominating, trustworthiness


def samples(case, count=400):
    x = case.task.features.sample(jax.random.key(2), count)
    return case.module().encode(x), x


def test_it_is_counted_as_by_hand():
    h, x = samples(cases.tight_frame(5, 2, 0.3))
    which = np.asarray(dominating(x))
    h, on = np.asarray(h, float), np.flatnonzero(which >= 0)
    shares = []
    for one in on:
        others = on[on != one]
        near = others[np.argsort(np.square(h[:, others] - h[:, [one]]).sum(0))[:7]]
        shares.append((which[near] == which[one]).mean())
    share, chance = trustworthiness(jnp.asarray(h), x, neighbours=7)
    assert float(share) == pytest.approx(np.mean(shares), abs=0.005)  # ties and rounding near them
    pairs = [which[one] == which[other] for one in on for other in on if one != other]
    assert float(chance) == pytest.approx(np.mean(pairs), abs=1e-5)


def test_a_picture_of_many_dimensions_tells_less_than_what_it_is_of():
    h, x = samples(cases.tight_frame(20, 10, 0.05), 2_000)
    whole, chance = trustworthiness(h, x)
    axes = jnp.linalg.eigh(jnp.cov(h))[1]
    drawn, _ = trustworthiness(axes[:, -2:].T @ h, x)
    assert float(whole) > 0.8
    assert float(chance) < 0.08
    assert float(drawn) < float(whole) - 0.15


def test_samples_in_no_order_are_at_chance():
    h, x = samples(cases.tight_frame(5, 2, 0.3), 1_000)
    share, chance = trustworthiness(jnp.roll(h, 1, axis=1), x)
    # about 830 samples with ten neighbours each: a standard error of about .4 / sqrt(830) = .014
    assert float(share) == pytest.approx(float(chance), abs=0.05)


@pytest.mark.parametrize("case", [cases.tight_frame(5, 2), cases.octahedron()], ids=["2", "3"])
def test_it_draws_two_and_three_dimensions(case):
    h, x = samples(case)
    ax = atlas(h, x)
    share, chance = trustworthiness(h, x)
    assert ax.get_title() == f"neighbours agree: {float(share):.2f} (chance {float(chance):.2f})"
    assert len({tuple(color) for color in ax.collections[0].get_facecolor()}) == len(x) + 1
    given = plt.figure().add_subplot()
    assert atlas(h[:2], x, ax=given) is given
    plt.close("all")


def test_other_dimensions_are_refused():
    h, x = samples(cases.dedicated(4))
    with pytest.raises(ValueError, match=r"h of atlas must have 2 or 3 rows\. Got 4"):
        atlas(h, x)
    with pytest.raises(ValueError, match="neighbours"):
        trustworthiness(h, x, neighbours=0)
    assert dominating(tm.Independent(3, 0.5).sample(jax.random.key(0), 5)).shape == (5,)
