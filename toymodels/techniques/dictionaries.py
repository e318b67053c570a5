"""Sparse dictionaries as techniques: trained on the activations that they are shown, with the steps of `train`."""

import dataclasses
from typing import Any

from jaxtyping import Array, Float, PRNGKeyArray

from toymodels.arrays import unit_columns
from toymodels.features import Dataset
from toymodels.models import BatchTopK, Gated, JumpReLU, MatchingPursuit, SparseAutoencoder, TopK
from toymodels.specifications import specification, static, with_fields
from toymodels.tasks import GatedAuxiliary, HiddenL0, HiddenL1, NestedReconstruction, Task
from toymodels.techniques.claims import Directions
from toymodels.training import Recipe
from toymodels.training.within import trained_within


@specification
class SparseDictionary:
    """The directions and activations of a sparse autoencoder that is trained on h.

    Attributes:
        model: what is trained; its n_inputs is that of h, whatever stands there.
        penalties: of the task; see `toymodels.tasks`.
        recipe: how it is trained.
    """

    model: SparseAutoencoder = static(default=SparseAutoencoder(1, 40))
    penalties: tuple[Any, ...] = static(default=(HiddenL1(0.01),))
    recipe: Recipe = static(default=Recipe.dictionary())

    def __call__(self, h: Float[Array, "m samples"], key: PRNGKeyArray) -> Directions:
        """The claim."""
        model = with_fields(self.model, n_inputs=h.shape[0])
        learned = trained_within(model, Task(Dataset(h), penalties=self.penalties), self.recipe, key)
        return Directions(unit_columns(learned.W_dec[...]), learned.encode(h))


def dictionaries(
    n_units: int = 40, k: int = 2, strength: float = 0.03, *, steps: int = 3_000
) -> dict[str, SparseDictionary]:
    """One dictionary of each kind, by name.

    Args:
        n_units: number of units.
        k: how many units may be on in a sample. BatchTopK and Matryoshka keep half as many in the mean: too few do less
            harm than too many, which are on where no feature is.
        strength: of the penalties of those that have one: λ over the number of hidden dimensions. That of L0 is a tenth
            of it.
        steps: of training, with batches of 256.
    """
    recipe = dataclasses.replace(Recipe.dictionary(), steps=steps, batch_size=256)

    def of(activation: Any, *penalties: Any, **options: Any) -> SparseDictionary:
        return SparseDictionary(SparseAutoencoder(1, n_units, activation, **options), penalties, recipe)

    return {
        "L1": of("relu", HiddenL1(strength)),
        "TopK": of(TopK(k)),
        "BatchTopK": of(BatchTopK(k / 2)),
        "Matryoshka": of(BatchTopK(k / 2), NestedReconstruction((n_units // 2,))),
        "JumpReLU": of(JumpReLU(0.1, bandwidth=0.1), HiddenL0(strength / 10, bandwidth=0.1)),
        "Gated": of(Gated(), GatedAuxiliary(strength)),
        "matching pursuit": of(MatchingPursuit(k), tied=True, bias=False),
    }
