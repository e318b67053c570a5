"""Scores: what a claim is worth, given the truth. 1 is the truth, 0 is chance, and higher is better.

    score = (raw - chance) / (1 - chance)

- `Directions`: raw is the mean over the *true* features of the signed cosine between a feature's direction and the
  claimed one that it is matched with, one to one (Kuhn 1955); a feature that none is left for counts as 0. Chance is
  the same for random directions, as many as were claimed.
- labelled `Directions`: the cosine of each feature's own; chance is that with the others'.
- `Activations`: raw is the mean of R², the share of the variance of the feature's value that the matched row explains
  along a line that rises; chance is that of the same rows in other samples.
- labelled `Activations`: R² of each feature's own row; chance is that of the same rows in other samples.
- `Effects`: raw is R² of the true effects, the share of their variance over all edges that the claimed sizes explain
  along a line that rises; chance is that of the same sizes for other edges.
- `VertexEffects`: the same for features and neurons; true is what the same patch does where nothing is compressed.
- `Edit`: raw is the share of a feature's R², as the best linear probe for it has on h, that is gone after the edit
  meant for it, less the share that the others lose; the mean over features. Chance is 0: what does not know the
  feature takes as much from it as from the others.
- `Attributions`: raw is 1 less the squared error over that of zeros, summed over outputs, features and samples.
  Chance is that of the same values for other features of the same samples. Which truth they are held against is a
  choice: see `toymodels.techniques.scores.attributions`.
- `Steered`: raw is the cosine between the change of the outputs, over all of them and all samples, and the change that
  one more of the feature would make where nothing shares a dimension; chance is that with what others would change.
- `Profiles`: raw is the mean over units of the signed cosine with the unit's true weights, `cases.profiles`; chance is
  that with the weights of other units. R² is that of the second half of the samples, of a line in row · x: a technique
  may fit the first half.
- `Number`: raw is 1 - abs(log(claimed / n)) / log n, 0 for "one feature".
- `LearningCoefficient`: raw is 1 - abs(claimed / λ - 1). Chance is that of half the number of parameters, which is what
  one would say of any model without a look at it. So the score is 0 where no direction is found that costs less, and
  far below where more is wrong; -13 at a pentagon for "nothing costs anything".

Only features that have a direction are counted.
"""

from collections.abc import Callable
from typing import Any

from jaxtyping import Float

from toymodels.arrays import AnyArray
from toymodels.cases import Truth
from toymodels.techniques.claims import (
    Activations,
    Attributions,
    Directions,
    Edit,
    Effects,
    LearningCoefficient,
    Number,
    Profiles,
    Steered,
    VertexEffects,
)
from toymodels.techniques.scores.activations import of_activations
from toymodels.techniques.scores.attributions import of_attributions
from toymodels.techniques.scores.directions import of_directions
from toymodels.techniques.scores.edits import of_edit
from toymodels.techniques.scores.effects import of_effects
from toymodels.techniques.scores.numbers import of_learning_coefficient, of_number
from toymodels.techniques.scores.profiles import of_profiles
from toymodels.techniques.scores.score import Score
from toymodels.techniques.scores.steering import of_steering

__all__ = ["Score", "score_of"]


def score_of(
    claim: Any,
    truth: Truth,
    x: Float[AnyArray, "n samples"],
    *,
    h: Float[AnyArray, "m samples"] | None = None,
    effects: Float[AnyArray, " edges"] | None = None,
    attributions: Float[AnyArray, "outputs n samples"] | None = None,
    forward: Callable[[AnyArray], AnyArray] | None = None,
    changes: Float[AnyArray, "n outputs samples"] | None = None,
    profiles: Float[AnyArray, "m n"] | None = None,
) -> Score:
    """The score of a claim.

    Args:
        claim: what a technique returned: one of `Claim`.
        truth: directions of the features, and which have one.
        x: values of the features in the samples that the technique was given.
        h: hidden activations in these samples; only for an `Edit`, `Steered` and `Profiles`.
        effects: what each edge truly does, as `cases.true_effects` says, or each vertex, as
            `cases.effects_of_patches` says of the `cases.uncompressed` model; only for `Effects` and `VertexEffects`.
        attributions: the Shapley values, as `cases.shapley_values` says; only for `Attributions`.
        forward: the outputs (outputs, samples) from hidden activations; only for `Steered`.
        changes: what one more of each feature does to the outputs, as `cases.true_changes` says; only for `Steered`.
        profiles: the weights of hidden units, as `cases.profiles` says; only for `Profiles`.

    Raises:
        TypeError: for what is not a claim.
        ValueError: for claims whose shapes are not those of the truth.
        NotApplicableError: for a `LearningCoefficient` where it is not known.
    """
    if isinstance(claim, Directions):
        return of_directions(claim, truth, x)
    if isinstance(claim, Activations):
        return of_activations(claim, truth, x)
    if isinstance(claim, Effects | VertexEffects) and effects is not None:
        return of_effects(claim, effects)
    if isinstance(claim, Edit) and h is not None:
        return of_edit(claim, truth, x, h)
    if isinstance(claim, Attributions) and attributions is not None:
        return of_attributions(claim, attributions)
    if isinstance(claim, Steered) and h is not None and forward is not None and changes is not None:
        return of_steering(claim, h, forward, changes)
    if isinstance(claim, Profiles) and profiles is not None and h is not None:
        return of_profiles(claim, profiles, x, h)
    if isinstance(claim, Number):
        return of_number(claim, truth)
    if isinstance(claim, LearningCoefficient):
        return of_learning_coefficient(claim, truth)
    raise TypeError(
        "A technique must return Directions, Activations, Effects or VertexEffects (score_of needs `effects` then), an "
        "Edit (it needs `h`), Attributions (they need `attributions`), Steered (`h`, `forward`, `changes`), Profiles "
        f"(`profiles`, `h`), a Number or a LearningCoefficient. It returned {claim!r}."
    )
