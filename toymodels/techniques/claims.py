"""What a technique claims: directions of features, how strongly they are on, what edges or vertices do, hidden
activations without or with more of a feature, or a number of features or of directions that cost something."""

from dataclasses import dataclass

from jaxtyping import Float

from toymodels.arrays import AnyArray


@dataclass(frozen=True)
class Directions:
    """Directions of features in the hidden space.

    Attributes:
        columns: one per claimed feature (m, k), of any length; 0 for none.
        activations: how strongly each is on in each sample (k, samples), where the technique says so.
        labelled: whether column i is claimed for feature i, and k = n. Else each true feature is matched with the
            column that suits it.
    """

    columns: Float[AnyArray, "m k"]
    activations: Float[AnyArray, "k samples"] | None = None
    labelled: bool = False


@dataclass(frozen=True)
class Activations:
    """How strongly features are on in each sample, up to scale and offset.

    Attributes:
        rows: one per claimed feature (k, samples).
        labelled: as in `Directions`.
    """

    rows: Float[AnyArray, "k samples"]
    labelled: bool = False


@dataclass(frozen=True)
class Effects:
    """How much each edge of a model does, up to scale and offset.

    Attributes:
        sizes: one per edge of `graph` (edges,), at least 0, such as the root mean square change of the outputs.
    """

    sizes: Float[AnyArray, " edges"]


@dataclass(frozen=True)
class VertexEffects:
    """How much each feature and each neuron of a model does, up to scale and offset, when it alone is patched.

    Attributes:
        sizes: one per vertex from which edges of `graph` may lead, features and then neurons (held,), at least 0.
        restored: whether it is restored in corrupted samples (denoising), and not corrupted in clean ones (noising).
        direct: whether only the outputs are to notice, and no neuron in between.
    """

    sizes: Float[AnyArray, " held"]
    restored: bool = False
    direct: bool = False


@dataclass(frozen=True)
class Edit:
    """Hidden activations from which a feature has been taken, once for each feature.

    Attributes:
        hidden: those without feature i at [i], (n, m, samples).
    """

    hidden: Float[AnyArray, "n m samples"]


@dataclass(frozen=True)
class Attributions:
    """What each feature contributes to each output of each sample, against a sample of zeros, in units of the output.

    Attributes:
        values: (outputs, n, samples).
    """

    values: Float[AnyArray, "outputs n samples"]


@dataclass(frozen=True)
class Steered:
    """Hidden activations to which a feature has been added, once for each feature.

    Attributes:
        hidden: those with more of feature i at [i], (n, m, samples).
    """

    hidden: Float[AnyArray, "n m samples"]


@dataclass(frozen=True)
class Profiles:
    """To which features each hidden unit responds, up to scale.

    Attributes:
        rows: one per unit (m, n): above 0 for features that raise it, below for those that lower it.
    """

    rows: Float[AnyArray, "m n"]


@dataclass(frozen=True)
class Number:
    """How many features there are.

    Attributes:
        value: at least 1.
    """

    value: Float[AnyArray, ""]


@dataclass(frozen=True)
class LearningCoefficient:
    """The local learning coefficient λ of the model's loss; see `toymodels.sampling`.

    Attributes:
        value: at least 0.
    """

    value: float | Float[AnyArray, ""]


Claim = (
    Directions
    | Activations
    | Effects
    | VertexEffects
    | Edit
    | Steered
    | Attributions
    | Profiles
    | Number
    | LearningCoefficient
)


class NotApplicableError(ValueError):
    """Raised by a technique for a case to which it does not apply, such as one of negative activations."""
