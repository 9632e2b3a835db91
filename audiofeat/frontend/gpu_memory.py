"""What is said when a GPU's memory does not hold a tape's programs.

A smaller tape would fit, but of a GPU it has not been shown that the tape's length changes no bit: so none is taken
unasked, and the error names the option.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from audiofeat.errors import MissingToolError

_FEWEST_SLOTS = 256
_WORDS = ("out of memory", "out_of_memory", "resource_exhausted", "oom when allocating")


@contextmanager
def gpu_memory_errors(*, slots: int) -> Iterator[None]:
    """Programs on a GPU, for a tape of ``slots``.

    Raises:
        MissingToolError: its memory does not suffice.
    """
    try:
        yield
    except Exception as error:
        if not _is_want_of_memory(error):
            raise
        smaller = max(_FEWEST_SLOTS, slots // 4)
        raise MissingToolError(
            f"the GPU has not enough free memory for a tape of {slots:,} slots",
            hint=f"--set compute.tape_slots={smaller}, end other programs on that GPU (nvidia-smi shows them), or "
            "--device cpu; a store that was made with another tape is computed again",
        ) from error


def _is_want_of_memory(error: Exception) -> bool:
    """TensorFlow, XLA, cuFFT and the driver each have an exception, or at least words, of their own for it."""
    if isinstance(error, MemoryError) or type(error).__name__ == "ResourceExhaustedError":
        return True
    return any(words in str(error).lower() for words in _WORDS)
