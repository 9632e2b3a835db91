"""What a process of the engine's does first: it hears nothing but its pipes, and loads TensorFlow when it must."""

from __future__ import annotations

import gc
import json
import os
import signal
from collections.abc import Iterator, Mapping
from contextlib import suppress
from typing import IO, TYPE_CHECKING, Any

from audiofeat.errors import AudioFeatError, MissingToolError
from audiofeat.frontend.recipe import Recipe

if TYPE_CHECKING:
    from audiofeat.frontend.program import Frontend

_NEW_OBJECTS = 20_000
"""After so many the search for cycles begins."""


def begin() -> IO[bytes]:
    """Leave signals to the run, and give the pipe for messages: what else is printed goes to the log."""
    # systemd and batch systems send these to every process of a job: the run alone decides how to end.
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    gc.disable()  # until TensorFlow is there: a tenth of its import went into looking for garbage
    # Libraries print what they like; only messages may go down the pipe.
    out = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)
    return out


def commands_from(source: IO[bytes]) -> Iterator[Mapping[str, Any]]:
    """What the run says, until its pipe ends."""
    for line in source:
        yield json.loads(line)


def log_to(path: str) -> None:
    """Send to a file what is printed from now on."""
    with open(path, "ab") as log:
        os.dup2(log.fileno(), 1)
        os.dup2(log.fileno(), 2)


def import_tensorflow() -> None:
    """Begin early; whoever needs it waits for this, or imports it again and hears what is wrong with it."""
    with suppress(Exception):
        import tensorflow  # noqa: F401  # it is the loading that is wanted


def load_tensorflow(device: str, *, threads: int) -> None:
    """Set TensorFlow up to compute on ``cpu`` or ``gpu``, for so many threads that call programs.

    Raises:
        MissingToolError: it cannot be used, or there is no GPU.
    """
    try:
        from audiofeat.frontend.program import use_device

        use_device(device, threads=threads)
    except AudioFeatError:
        raise
    except Exception as error:
        raise MissingToolError(f"TensorFlow cannot be used: {error}", hint="audiofeat doctor") from error
    # What TensorFlow has put on the heap stays: looking through it again and again held every lane up for 5 ms. The
    # little of it that is garbage stays, too: to look for it would take 0.2 s.
    gc.freeze()
    # A lane makes no cycles, not even of a clip that fails, and some thirty objects a clip that live until its shard is
    # written. To go through those after every 700 new ones was a twelfth of the work on half-second clips.
    gc.set_threshold(_NEW_OBJECTS, 20, 20)
    gc.enable()


def compiled(recipe: Recipe) -> Frontend:
    """The programs of a recipe, compiled now: so that no clip's time is charged with it."""
    from audiofeat.frontend.program import Frontend

    frontend = Frontend(recipe)
    frontend.warm_up()
    return frontend
