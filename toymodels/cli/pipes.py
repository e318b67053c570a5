"""Programs whose output is read by others, which may stop reading."""

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager

CLOSED = 141  # what shells report of a program that SIGPIPE has ended, as it ends `yes | head`


@contextmanager
def quiet_pipe() -> Iterator[None]:
    """Exit without a word if nobody reads the standard output any more, as after `| head`."""
    try:
        try:
            yield
        finally:
            sys.stdout.flush()
    except BrokenPipeError:
        # What could not be written goes nowhere, or Python tries again at its end, and says so.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(CLOSED)
