"""Sparse dictionaries as techniques: trained on the activations that they are shown, with the steps of `train`."""

from typing import Any

from jaxtyping import Array, Float, PRNGKeyArray

from toymodels.arrays import unit_columns
from toymodels.features import Dataset
from toymodels.models import SparseAutoencoder
from toymodels.specifications import specification, static, with_fields
from toymodels.tasks import HiddenL1, Task
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
