"""Classical decompositions, of scikit-learn (`pip install 'toymodels[techniques]'`), and directions at random."""

import contextlib
import threading
import warnings
from collections.abc import Iterator

import jax
import numpy as np
from jaxtyping import Array, Float, PRNGKeyArray

from toymodels.specifications import specification, static
from toymodels.techniques.claims import Directions, NotApplicableError
from toymodels.techniques.technique import host


@specification
class RandomDirections:
    """Directions drawn at random: what chance finds.

    Attributes:
        n_units: how many.
    """

    n_units: int = static(default=40)

    def __call__(self, h: Float[Array, "m samples"], key: PRNGKeyArray) -> Directions:
        """The claim."""
        return Directions(jax.random.normal(key, (h.shape[0], self.n_units)))


def principal_components(h: Float[np.ndarray, "m samples"]) -> Directions:
    """The principal axes of h, in both directions."""
    from sklearn.decomposition import PCA

    return Directions(_both_ways(PCA().fit(_samples(h)).components_.T))


def independent_components(h: Float[np.ndarray, "m samples"], key: int) -> Directions:
    """FastICA (Hyvärinen 1999), the axes in both directions: at most one axis per dimension."""
    from sklearn.decomposition import FastICA

    ica = FastICA(random_state=key, whiten="unit-variance", max_iter=500)
    with _quiet():
        return Directions(_both_ways(ica.fit(_samples(h)).mixing_))


def nonnegative_matrix_factorization(h: Float[np.ndarray, "m samples"], key: int) -> Directions:
    """Non-negative matrix factorisation (Lee & Seung 1999) into as many parts as there are dimensions.

    Raises:
        NotApplicableError: if h has negative values.
    """
    from sklearn.decomposition import NMF

    if h.min() < -1e-6:
        raise NotApplicableError("h has negative values.")
    nmf = NMF(init="nndsvda", random_state=key, max_iter=500)
    with _quiet():
        activations = nmf.fit_transform(np.maximum(_samples(h), 0)).T
    return Directions(nmf.components_.T, activations)


def logistic_probe(h: Float[np.ndarray, "m samples"], x: Float[np.ndarray, "n samples"]) -> Directions:
    """Logistic regression for whether a feature is on (Alain & Bengio 2016), with scikit-learn's penalty ‖w‖²/2: the
    direction w, and the probability that it states."""
    from sklearn.linear_model import LogisticRegression

    weights, stated = np.zeros((len(h), len(x))), np.zeros(x.shape)
    for place, on in enumerate(x != 0):
        if on.any() and not on.all():
            with _quiet():
                fitted = LogisticRegression().fit(_samples(h), on)
            weights[:, place], stated[place] = fitted.coef_[0], fitted.predict_proba(_samples(h))[:, 1]
    return Directions(weights, stated, labelled=True)


@specification
class DictionaryLearning:
    """Dictionary learning of scikit-learn, alternating between a lasso with activations ≥ 0 and the dictionary (Mairal
    et al. 2009).

    Attributes:
        n_units: number of directions.
        alpha: strength of the penalty Σ z, for the squared error / 2 of each sample.
    """

    n_units: int = static(default=40)
    alpha: float = static(default=0.1)

    def __call__(self, h: Float[np.ndarray, "m samples"], key: int) -> Directions:
        """The claim."""
        from sklearn.decomposition import MiniBatchDictionaryLearning

        learner = MiniBatchDictionaryLearning(
            self.n_units, alpha=self.alpha, batch_size=256, max_iter=20, positive_code=True, fit_algorithm="cd",
            transform_algorithm="lasso_cd", random_state=key,
        )  # fmt: skip
        with _quiet():
            activations = learner.fit_transform(_samples(h)).T
        return Directions(learner.components_.T, activations)


LOGISTIC_PROBE = host(logistic_probe, "sklearn")
"""The logistic probe as a technique."""

CLASSICAL = {
    "PCA": host(principal_components, "sklearn"),
    "ICA": host(independent_components, "sklearn"),
    "NMF": host(nonnegative_matrix_factorization, "sklearn"),
    "dictionary learning": host(DictionaryLearning(), "sklearn"),
}
"""Techniques of scikit-learn, by name."""


def _samples(h: Float[np.ndarray, "m samples"]) -> Float[np.ndarray, "samples m"]:
    """As scikit-learn takes them; in double precision, without which its solvers do not reach their tolerances."""
    return np.ascontiguousarray(h.T, dtype=float)


def _both_ways(axes: Float[np.ndarray, "m k"]) -> Float[np.ndarray, "m 2*k"]:
    """Axes as directions: a feature is on in one of the two ways along an axis, and it is not known in which."""
    return np.concatenate([axes, -axes], axis=1)


_ONE_AT_A_TIME = threading.Lock()
"""Which warnings are shown is a setting of the whole process, and chunks of models are in several threads."""


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """Without warnings that an iteration did not converge: its result is what is scored."""
    with _ONE_AT_A_TIME, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield
