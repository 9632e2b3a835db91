"""Signals that ask a command to end: the first is heeded in order, the second ends it at once."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

from audiofeat.errors import Interrupted

_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


@contextmanager
def heeded_signals() -> Iterator[list[int]]:
    """Collect the first SIGINT, SIGTERM or SIGHUP, so that the run ends in order; the second ends it at once."""
    asked: list[int] = []

    def ask(number: int, frame: FrameType | None) -> None:
        if asked:
            raise Interrupted("stopped at once", signal_number=number)
        asked.append(number)

    # One that is ignored stays so: nohup, and jobs in the background.
    heeded = [number for number in _SIGNALS if signal.getsignal(number) is not signal.SIG_IGN]
    before = {number: signal.signal(number, ask) for number in heeded}
    try:
        yield asked
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
