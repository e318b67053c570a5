"""How often a technique runs the model: counted in its program, not declared.

What a technique is given to run the model with leaves a mark in the program at each use. Loops, batches and derivatives
multiply the marks as they multiply the work, and nothing is run to count them.
"""

import math
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import jax
from jax.extend.core import ClosedJaxpr, Jaxpr, Primitive
from jax.interpreters import ad, batching
from jaxtyping import Array

_mark = Primitive("model_pass")
"""The identity. It is traced and never compiled."""


class Passes(NamedTuple):
    """How often a technique runs a model, per sample that it is given. NaN where a loop has no fixed length.

    Attributes:
        passes: forward passes, or passes of the part that it was given.
        gradients: derivatives of them, forwards or backwards, each for one direction of the inputs or the outputs.
    """

    passes: float
    gradients: float


def counted(function: Callable[..., Any], samples: int) -> Callable[..., Any]:
    """The same function of arrays, with outputs (outputs, samples) that `passes` counts; of a tuple of outputs, the
    first one."""

    def marked(*arguments: Any) -> Any:
        result = function(*arguments)
        first, *rest = result if isinstance(result, tuple) else (result,)
        first = _mark.bind(first, whole=first.shape[0] * samples, derivative=False)
        return (first, *rest) if rest else first

    return marked


def passes(function: Callable[[], Any]) -> Passes:
    """How often a function runs those that are `counted`. It is traced, and nothing is computed.

    >>> import jax.numpy as jnp
    >>> model = counted(lambda x: 2 * x, samples=3)
    >>> passes(lambda: jax.lax.map(model, jnp.ones((5, 1, 3))))
    Passes(passes=5.0, gradients=0.0)
    >>> passes(lambda: jax.grad(lambda x: model(x).sum())(jnp.ones((1, 3))))
    Passes(passes=1.0, gradients=1.0)
    """
    program = jax.make_jaxpr(function)().jaxpr
    return Passes(*(_count(program, derivative) for derivative in (False, True)))


def _count(program: Jaxpr, derivative: bool) -> float:
    total = 0.0
    for equation in program.eqns:
        parameters = equation.params
        if equation.primitive is _mark:
            if parameters["derivative"] == derivative:
                marked: Any = equation.invars[0].aval
                total += math.prod(marked.shape) / parameters["whole"]
            continue
        inside = [_count(one, derivative) for one in _programs(parameters)]
        if equation.primitive.name == "cond":
            total += max(inside)  # one of them is run
        elif equation.primitive.name == "while":
            total += math.nan if any(inside) else 0
        else:
            total += sum(inside) * parameters.get("length", 1)
    return total


def _programs(parameters: dict[str, Any]) -> Iterator[Jaxpr]:
    """The programs inside of an equation."""
    for value in parameters.values():
        for one in value if isinstance(value, tuple | list) else (value,):
            if isinstance(one, ClosedJaxpr):
                yield one.jaxpr
            elif isinstance(one, Jaxpr):
                yield one


def _derivative(primals: Any, tangents: Any, **parameters: Any) -> tuple[Array, Any]:
    (value,), (change,) = primals, tangents
    value = _mark.bind(value, **parameters)
    if isinstance(change, ad.Zero):
        return value, change
    return value, _mark.bind(change, **{**parameters, "derivative": True})


def _backwards(cotangent: Any, value: Any, **parameters: Any) -> tuple[Any]:
    return (cotangent if isinstance(cotangent, ad.Zero) else _mark.bind(cotangent, **parameters),)


_mark.def_abstract_eval(lambda value, **parameters: value)
ad.primitive_jvps[_mark] = _derivative
ad.primitive_transposes[_mark] = _backwards
batching.primitive_batchers[_mark] = lambda values, axes, **parameters: (_mark.bind(*values, **parameters), axes[0])
