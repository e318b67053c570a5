"""What makes a computation the same computation: values in words, and the code that is the user's own by its digest.

Own is what does not come from the standard library, toymodels, or a folder of installed packages: scripts, notebooks,
and projects installed in place. Of own functions and classes counts what they do (`toymodels.identities.sources`), and
so do their defaults, closures, attributes, base classes, and all own functions, classes, modules and values that they
refer to, also through functions of libraries that hold them (`jax.jit`, `functools.partial`). Libraries count by name
and version. An address in memory is never part of it.

Not seen: what C code holds and does not give to `pickle`, such as the options of `jax.jit`; names that a function makes
while it runs, but for `getattr(module, name)`, for which all of the module counts; and files that it reads. A global
that changes while functions are called, such as a dict of results, counts with what is in it. Fields of dataclasses
that do not take part in comparisons (`field(compare=False)`) do not count.
"""

from toymodels.identities.description import describe, modules, own_code
from toymodels.identities.references import is_own
from toymodels.identities.restoring import from_description
from toymodels.identities.surroundings import flags, versions

__all__ = ["describe", "flags", "from_description", "is_own", "modules", "own_code", "versions"]
