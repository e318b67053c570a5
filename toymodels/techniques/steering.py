"""Techniques that add features to the hidden activations."""

from typing import Any

from jaxtyping import Array, Float

from toymodels.arrays import unit_columns
from toymodels.checks import check_function, check_numbers
from toymodels.specifications import specification, static
from toymodels.techniques.claims import Steered
from toymodels.techniques.probes import mean_difference


@specification
class ActivationAddition:
    """Steering by activation addition (Turner et al. 2023): h + dose d_i in all samples, where d_i is as long as the
    feature's mean difference. In superposition it is clean up to a dose, from which on other outputs rise as well.

    Attributes:
        directions: a technique that is given h and x and returns labelled `Directions`: whose d_i are added.
        dose: how often.
    """

    directions: Any = static(default=mean_difference)
    dose: Any = 1.0

    def __call__(self, h: Float[Array, "m samples"], x: Float[Array, "n samples"]) -> Steered:
        """The claim."""
        length = (mean_difference(h, x).columns ** 2).sum(0) ** 0.5
        added = self.dose * length[None] * unit_columns(self.directions(h, x).columns)
        return Steered(h[None] + added.T[:, :, None])

    def validate(self) -> None:
        """Raise ValueError if a field is out of range."""
        check_function("ActivationAddition", "directions", self.directions)
        check_numbers("ActivationAddition", "dose", self.dose)
