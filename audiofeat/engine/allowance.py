"""How a run keeps within ``--memory``: how many worker processes there are, with how many lanes and rows in each.

What counts is the resident memory of all processes, added up. TensorFlow takes the most, and each process has it anew;
a further lane in a process takes little. So lanes come first, then processes of their own for them, and what is left
is for rows that wait for their shard: those beyond it wait on disk. Of clips that ffmpeg decodes before their turn a
lane holds less than without a bound. None of this changes a byte of the store.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from audiofeat.decode import MOST_GROUP_BYTES
from audiofeat.engine.arrangement import MOST_LANES
from audiofeat.errors import ConfigError
from audiofeat.frontend.recipe import feature_specs
from audiofeat.store.rows import BLOCK_ROWS, PROCESS_BYTES

if TYPE_CHECKING:
    from audiofeat.config import Config

# Measured on Linux with TensorFlow 2.21, as the most that was resident.
_TENSORFLOW_BYTES = 700_000_000
_LANE_BYTES = 24_000_000
"""Decoder, buffers, and what the allocator keeps; the programs' own arrays come on top."""
_EARLY_BYTES = 24_000_000
"""Of clips that a lane has had decoded before their turn: sixteen of ten seconds, fewer longer ones."""
_BLOCKS_WRITTEN = 2
"""Of rows that are gathered from many clips for one call of HDF5."""
_PUBLISHING_BYTES = 40_000_000
_CLIP_BYTES = 4_000
"""Of the run's own process, for each clip while the store is published."""
_FEWEST_ROW_BYTES = 48_000_000
_ROWS_SHARE = 0.6
"""The rest is for the copy that each lane may make of a clip, and for gaps between rows."""

_UNITS = {"": 1, "K": 10**3, "M": 10**6, "G": 10**9, "T": 10**12, "KI": 2**10, "MI": 2**20, "GI": 2**30, "TI": 2**40}
_SIZE = re.compile(r"\s*(\d+(?:\.\d+)?)\s*([KMGT]?I?)B?\s*", re.IGNORECASE | re.ASCII)


@dataclass(frozen=True, slots=True)
class Allowance:
    """What a run may have."""

    lanes: int
    processes: int | None = None
    """The most worker processes at a time; None: as many as are good for the lanes."""
    row_bytes: int = PROCESS_BYTES
    """Of rows in the memory of each process."""
    early_bytes: int = MOST_GROUP_BYTES
    """Of clips that each lane has had decoded before their turn."""


def parse_memory(text: str) -> int:
    """Read ``2GB``, ``512MiB`` or ``1.5 G`` as bytes. Raises ConfigError."""
    found = _SIZE.fullmatch(text)
    if found is None or found[2].upper() not in _UNITS:
        raise ConfigError(f"--memory {text!r} is no size", hint="for example 2GB, 1.5GiB or 1200MB")
    return int(float(found[1]) * _UNITS[found[2].upper()])


def least_bytes(config: Config, *, own_bytes: int, n_clips: int) -> int:
    """What a run with one lane takes."""
    return _run_bytes(own_bytes, n_clips) + _TENSORFLOW_BYTES + _lane_bytes(config) + _FEWEST_ROW_BYTES


def allot(
    memory_bytes: int | None, config: Config, *, workers: int, device: str, own_bytes: int, n_clips: int
) -> Allowance:
    """Make the most of an amount of memory.

    Args:
        memory_bytes: None: no bound.
        workers: the lanes that are wanted.
        own_bytes: what the run's own process has taken so far.
        n_clips: of the source.
    Raises:
        ConfigError: it is too little for one lane, or for a device of which nobody knows what it takes.
    """
    if memory_bytes is None:
        return Allowance(workers)
    if device != "cpu":
        raise ConfigError("--memory bounds runs on the CPU alone", hint="--device cpu, or leave --memory out")
    least = least_bytes(config, own_bytes=own_bytes, n_clips=n_clips)
    if memory_bytes < least:
        raise ConfigError(
            f"--memory allows {memory_bytes / 1e6:,.0f} MB, and one lane takes at least {least / 1e6:,.0f} MB here: "
            "TensorFlow alone 700 MB",
            hint=f"--memory {-(-least // 10**7) * 10}MB or more",
        )
    left = memory_bytes - _run_bytes(own_bytes, n_clips)

    def rows_with(lanes: int, processes: int) -> int:
        return left - processes * (_TENSORFLOW_BYTES + _FEWEST_ROW_BYTES) - lanes * _lane_bytes(config)

    lanes = max(
        lanes for lanes in range(1, workers + 1) if lanes == 1 or rows_with(lanes, -(-lanes // MOST_LANES)) >= 0
    )
    processes = max(count for count in range(1, lanes + 1) if count == 1 or rows_with(lanes, count) >= 0)
    room = rows_with(lanes, processes) // processes + _FEWEST_ROW_BYTES
    return Allowance(lanes, processes, min(PROCESS_BYTES, int(_ROWS_SHARE * room)), _EARLY_BYTES)


def _run_bytes(own_bytes: int, n_clips: int) -> int:
    return own_bytes + _PUBLISHING_BYTES + n_clips * _CLIP_BYTES


def _lane_bytes(config: Config) -> int:
    item_bytes = 8 if config.compute.precision == "float64" else 4
    # The spectrum of each frame on the tape, complex, and what becomes of it.
    programs_bytes = 4 * item_bytes * config.compute.tape_slots * config.frame.n_fft
    widest_bytes = max(spec.dims * np.dtype(spec.dtype).itemsize for spec in feature_specs(config))
    return _LANE_BYTES + _EARLY_BYTES + programs_bytes + _BLOCKS_WRITTEN * BLOCK_ROWS * widest_bytes
