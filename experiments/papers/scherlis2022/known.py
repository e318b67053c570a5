"""What is known of the paper, and how it is cited."""

ALLOCATION = "the optimal allocation of capacity, equations 15 to 18"
GEOMETRY = "the block-semi-orthogonal geometry"
ARCHITECTURES = "the comparison of activations"
NOT_AT_HAND = (
    "the paper's full text was not at hand: the model and its claims are known to us from reviews, its sizes, training "
    "and numbers are not; all sizes are ours"
)
