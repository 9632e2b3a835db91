"""What the run and its worker processes say to each other: one JSON object a line, over the worker's pipes.

To the worker: ``{"load": true}`` to load TensorFlow, if it was started beforehand; its :class:`WorkerJob`; then
``{"shard": slot}`` for each shard, whose task lies in the store; ``{"close": true}`` when no more will come;
``{"drain": true}`` to finish what is begun and leave. The end of the pipe means that the run is gone: the worker ends
at once.

From the worker: ``{"ready": seconds, "worked_seconds": seconds}``, of wall time and over the lanes; ``{"tally": {...},
"examples": [...], "warnings": [...]}`` now and then; for a finished shard ``{"done": slot, "counts": {...}}``;
``{"fault": {...}}`` when it cannot go on; ``{"bye": {...}}`` as the last word. The process that computes for others
(see ``device_process``) says the same, but of shards nothing.
"""

from __future__ import annotations

import json
import traceback
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from audiofeat.config import Config, load_config
from audiofeat.decode import MOST_GROUP_BYTES
from audiofeat.errors import AudioFeatError, ConfigError, MissingToolError, StorageError
from audiofeat.records import JsonRecord
from audiofeat.store.rows import PROCESS_BYTES
from audiofeat.tasks import Stamp


@dataclass(frozen=True, slots=True)
class WorkerJob(JsonRecord):
    """What a worker needs to know of the run; the shards' tasks it reads from the store."""

    store: str
    source: str
    config: Mapping[str, Any]
    stamp: Stamp
    device: str
    ffmpeg: str | None
    lanes: int
    is_careful: bool
    """Whether no clip is touched before the programs are compiled, so that a death names its culprit."""
    hands: str
    """The file in which each lane notes the clip it has in hand, for the inquest if the process dies."""
    door: int | None = None
    """The descriptor by which to reach the process that computes for it; None: it computes itself."""
    row_bytes: int = PROCESS_BYTES
    """The most that all rows of the process may take in memory; others wait on disk."""
    early_bytes: int = MOST_GROUP_BYTES
    """The most that clips which are decoded before their turn may take in memory, for each lane."""
    run: str = ""
    """The run's own name among those that write the store beside it; empty: there are none."""
    log: str = ""
    """Where a process that was started beforehand is to send what libraries print; empty: it goes there already."""

    def load_config(self) -> Config:
        return load_config(self.config)

    def to_json(self) -> dict[str, Any]:
        return {**JsonRecord.to_json(self), "stamp": self.stamp.to_json()}

    @classmethod
    def from_json(cls, values: Mapping[str, Any]) -> WorkerJob:
        return cls(**{**values, "stamp": Stamp.from_json(values["stamp"])})


def fault_of(error: BaseException) -> dict[str, Any]:
    """The message that a process cannot go on; what nobody foresaw goes to its log, too."""
    if not isinstance(error, AudioFeatError):
        traceback.print_exception(error)
        error = AudioFeatError(f"{type(error).__name__}: {error}")
    return {"fault": {"exit_code": error.exit_code, "problem": error.problem, "hint": error.hint}}


def error_of(fault: Mapping[str, Any], *, log: Path) -> AudioFeatError:
    """The run's own error, of what a process has said; ``log`` is that process's."""
    kinds: dict[int, type[AudioFeatError]] = {2: ConfigError, 13: MissingToolError, 14: StorageError}
    kind = kinds.get(fault["exit_code"], AudioFeatError)
    hint = fault["hint"] or f"this is a defect of audiofeat; the worker's log is {log}"
    return kind(fault["problem"], hint=hint)


def encode(message: Mapping[str, Any]) -> bytes:
    """One line."""
    return (json.dumps(message) + "\n").encode("ascii")


HAND_BYTES = 64
"""Size of a lane's note in the ``hands`` file: ``slot index``, padded with blanks."""


def encode_hand(slot: str, index: int) -> bytes:
    return f"{slot} {index}".ljust(HAND_BYTES).encode("ascii")


def decode_hands(content: bytes) -> list[tuple[str, int]]:
    """The clips that a process had in hand: (slot, index in the shard)."""
    notes = (content[start : start + HAND_BYTES].split() for start in range(0, len(content), HAND_BYTES))
    return [(note[0].decode("ascii"), int(note[1])) for note in notes if len(note) == 2]
