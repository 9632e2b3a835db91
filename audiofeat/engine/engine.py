"""What the loop needs of an engine and of its workers: the same for processes of this machine and for a cluster."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any, Protocol

from audiofeat.tasks import ShardTask

Messages = Iterator[Mapping[str, Any]]
"""What a worker says, as :mod:`audiofeat.engine.messages` has it."""


class Speaker(Protocol):
    """Something that speaks, and that may die."""

    log: Path
    """What somebody reads who wants to know more of its death."""
    shards: dict[str, ShardTask]
    """What it has been given and has not finished, by slot."""
    silent_seconds: float
    """How long it has been listened to in vain."""
    is_careful: bool
    """Whether it is given suspects, one clip in hand at a time."""
    is_frozen: bool
    """Whether it was ended because it had been silent for too long."""
    said_bye: bool
    was_killed: bool
    """Whether it died of SIGKILL."""
    has_lost_ground: bool
    """Whether it was ended, or is gone, because what it ran on is: neither it nor what it held is to blame."""

    @property
    def patience_seconds(self) -> float:
        """How long it may be silent."""

    def close(self) -> None:
        """Say that no more will come."""

    def strike(self) -> None:
        """End it: soon, it will be heard that it is dead."""

    def note_ready(self, *, worked_seconds: float) -> float:
        """It has loaded what it computes with; gives how long its lanes have waited for that."""

    def note_tally(self, tally: Mapping[str, float]) -> None: ...

    def note_finished(self, slot: str, counts: Mapping[str, float]) -> None: ...

    def tally(self) -> Mapping[str, float]:
        """What it has done; of a dead one only what is not done again."""

    def clips_in_hand(self) -> list[tuple[str, int]]:
        """The clips that it was busy with: (slot, index), of the shards that it holds."""


class Worker(Speaker, Protocol):
    """One that shards are given to."""

    def wants_more(self, *, is_scarce: bool) -> bool:
        """Whether it should get another shard now; if shards are scarce, not one that others could begin."""

    def give(self, task: ShardTask) -> None: ...

    def drain(self) -> None:
        """Have it finish what it has begun, and leave."""


class Engine(AbstractContextManager["Engine"], Protocol):
    """Has workers. On leaving, none is left."""

    warnings: set[str]
    """What somebody should know of how it went."""

    @property
    def workers(self) -> Sequence[Worker]:
        """Those that shards may be given to."""

    @property
    def speakers(self) -> Sequence[Speaker]:
        """All who may be heard of: besides the workers, those who compute for them and hold no shard."""

    def prepare(self, *, n_shards: int) -> None:
        """Make sure of all that can be made sure of before the first worker.

        Raises:
            AudioFeatError: the run cannot be begun.
        """

    def add_workers(self, *, n_waiting: int) -> None:
        """Start workers where so many waiting shards want more of them. Raises AudioFeatError: there is none."""

    def add_careful(self) -> Worker | None:
        """Start one for suspects; None: not now. Raises AudioFeatError: never."""

    def listen(self, timeout_seconds: float) -> Iterable[tuple[Speaker, Messages | None]]:
        """Who has spoken, and what; None for one that is dead."""

    def bury(self, worker: Speaker) -> str:
        """Let go of one that is dead, and say in words how it ended. Raises AudioFeatError: too many have."""

    def note_finished(self) -> None:
        """A shard was finished."""

    def note_killed(self) -> None:
        """A worker died of SIGKILL with shards in hand: memory may have run out."""

    def close(self) -> bool:
        """Say that no more will come, again and again; whether somebody is still to be heard of."""
