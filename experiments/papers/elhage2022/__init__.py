"""Elhage et al. 2022, "Toy Models of Superposition": figures, comments on the paper, and what it says only in words."""

import numpy as np
import xarray as xr

from experiments.harness.controls import changed, own_dims
from experiments.harness.experiment import Paper, Results


def a_dimension_each(results: Results) -> Results:
    """What a linear model does whatever the density: the first features, the most important ones, have a dimension or a
    neuron each, the others have none, and there are no biases."""

    def dedicated(parameter: xr.DataArray) -> np.ndarray:
        if len(own_dims(parameter)) < 2:
            return np.zeros(parameter.shape)
        rows, columns = parameter.shape[-2:]
        return np.broadcast_to(np.eye(rows, columns), parameter.shape)

    return changed(results, dedicated)


PAPER = Paper(
    title="Toy Models of Superposition",
    authors="Elhage et al.",
    year=2022,
    address="https://transformer-circuits.pub/2022/toy_model/index.html",
    order=(
        "intro",
        "linear-vs-relu",
        "basic-small",
        "basic-large",
        "features-vs-density",
        "loss-terms",
        "l1",
        "compressed-sensing",
        "phase-2in1",
        "phase-3in2",
        "confused",
        "activations",
        "dimensions-per-feature",
        "dimensionality",
        "leverage",
        "polytopes",
        "perturb",
        "pressure",
        "correlated-small",
        "local-bases",
        "collapse",
        "jumps",
        "geometric-learning",
        "adversarial",
        "adversarial-training",
        "privileged-basis",
        "neurons",
        "hidden-bias",
        "abs-exact",
        "abs-sweep",
        "asymmetric",
    ),
    controls=(a_dimension_each,),
)
