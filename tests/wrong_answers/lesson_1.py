"""Wrong answers to the exercises of lesson 1: a function, and what the message must say."""

import numpy as np

WRONG = {
    "1.1": (
        (lambda W: (W**2).sum(0), "square root"),
        (lambda W: np.sqrt((W**2).sum(1)), "shape"),
        (lambda W: abs(W).sum(0), "length 5"),
        (lambda W: np.linalg.norm(W), "shape"),
    ),
}
