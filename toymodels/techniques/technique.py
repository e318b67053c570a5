"""What a technique is: a function that returns a claim, and whose argument names say what it sees.

    h         hidden activations (m, samples)
    x         values of the features (n, samples): labels
    forward   function from hidden activations to outputs (outputs, samples)
    encode    function from features to hidden activations
    model     function from features to outputs (outputs, samples): forward and backward passes of the whole model
    graph     every edge that there could be, and switches to cut them: `cases.Switches`
    loss      function from parameters and a key to the objective that the model was trained on, of a batch that the key
              draws, as large as the samples: `sampling.objective`
    params    the model's parameters by name
    key       a JAX key; a technique of numpy is given an integer

Models of tokens, such as `cases.induction`, are seen either by `h` and `x`, where each position of each sequence is a
sample and the features are the named dimensions of the stream, or by `graph`, and then `x` are one-hot tokens. There is
no `forward`, `encode` or `model` of them: what they read is not a vector of features.

A technique may be a specification, whose settings are its fields. What it is given are arrays of JAX, unless it is a
`host` technique.
"""

from collections.abc import Callable
from importlib.util import find_spec
from typing import Any

from toymodels.checks import check_function
from toymodels.specifications import specification, static
from toymodels.techniques.claims import Claim
from toymodels.training.engine.ask import arguments_of

Technique = Callable[..., Claim]

RUNS = ("forward", "encode", "model", "graph", "loss")
"""What runs the model."""

SEEN = ("h", "x", *RUNS, "params", "key")


@specification
class Host:
    """A technique that is not of JAX, such as one of scikit-learn: see `host`."""

    function: Technique = static()
    needs: str | None = static(default=None)

    def __call__(self, **seen: Any) -> Claim:
        """The claim."""
        return self.function(**seen)


def host(function: Technique, needs: str | None = None) -> Host:
    """A technique that computes with numpy, model by model. It is given numpy's arrays, and an integer as `key`.

    Args:
        function: the technique.
        needs: a module that must be installed.

    >>> import numpy as np
    >>> import toymodels as tm
    >>> def axes(h):
    ...     return tm.techniques.Directions(np.eye(len(h)))
    >>> float(tm.techniques.try_on(host(axes), tm.cases.dedicated(4)).score)
    1.0
    """
    check_function("host", "function", function)
    return Host(function, needs)


def access(technique: Technique) -> tuple[str, ...]:
    """What a technique sees, by the names of its arguments."""
    return tuple(name for name in arguments_of(function_of(technique)) if name in SEEN)


def check_technique(name: str, technique: Any) -> None:
    """Raise ValueError unless a technique is a function that asks for what there is, and ModuleNotFoundError if a
    module that it needs is not."""
    check_function("score", f"technique {name!r}", function_of(technique))
    needs = technique.needs if isinstance(technique, Host) else None
    if isinstance(technique, Host) and (functions := set(RUNS) & set(access(technique))):
        raise ValueError(
            f"Technique {name!r} is a host technique. It cannot ask for {functions.pop()}, which is JAX's."
        )
    if needs is not None and find_spec(needs) is None:
        raise ModuleNotFoundError(
            f"Technique {name!r} needs {needs}, which is not installed. For those of this package, run: pip install "
            "'toymodels[techniques]'",
            name=needs,
        )
    for argument, needed in arguments_of(function_of(technique)).items():
        if needed and argument not in SEEN:
            raise ValueError(f"Technique {name!r} has an argument {argument!r}. A technique may see {', '.join(SEEN)}.")


def function_of(technique: Any) -> Any:
    """What is called: of a `Host` its function."""
    return technique.function if isinstance(technique, Host) else technique
