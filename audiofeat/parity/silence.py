"""Standard output and error without the talk of libraries."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stderr, redirect_stdout

_STREAMS = (1, 2)


@contextmanager
def silence() -> Iterator[None]:
    """Send what is written there nowhere, by C++ too; exceptions come through all the same."""
    sys.stdout.flush()
    kept = [os.dup(stream) for stream in _STREAMS]
    nowhere = os.open(os.devnull, os.O_WRONLY)
    for stream in _STREAMS:
        os.dup2(nowhere, stream)
    try:
        # Python's own streams too: they need not write there.
        with open(os.devnull, "w") as sink, redirect_stdout(sink), redirect_stderr(sink):
            yield
    finally:
        for stream, original in zip(_STREAMS, kept, strict=True):
            os.dup2(original, stream)
            os.close(original)
        os.close(nowhere)
