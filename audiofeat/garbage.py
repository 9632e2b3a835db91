"""Python's search for unreachable cycles, put off while a million records are made of which none is in a cycle."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def no_search_for_cycles() -> Iterator[None]:
    """Within it, and no longer than that: whoever calls from a program of theirs finds it as it was.

    Every search goes through all records that there are: half the time of planning for a million clips.
    """
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_enabled:
            gc.enable()
