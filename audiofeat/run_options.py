"""How a run is to go, as opposed to what it is to compute."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from audiofeat.max_failures import NO_LIMIT, MaxFailures
from audiofeat.part import Part


@dataclass(frozen=True, slots=True)
class RunOptions:
    """How to run, as opposed to what to compute: nothing here changes a byte of the store, but ``device``."""

    workers: int | None = None
    """Lanes; None: one for each processor core that this process may use."""
    memory_bytes: int | None = None
    """The most that all processes together may take; None: no bound."""
    device: str = "auto"
    """Also which GPUs (see :func:`audiofeat.device.parse_device`), and that changes no byte."""
    max_failures: MaxFailures = NO_LIMIT
    follow_links: bool = True
    files: bytes | None = None
    """Names of files, one a line or NUL-separated, to take instead of all that the source holds."""
    recompute: bool = True
    """Whether clips whose settings changed are computed again, rather than refused."""
    fingerprint: Literal["stat", "content"] = "stat"
    """Whether a file of the same size, time of last change and inode counts as unchanged, or each is hashed."""
    retry: bool = False
    """Whether clips in quarantine are tried once more. No clip leaves the store then."""
    repair: bool = False
    """Whether what is damaged is made again, and nothing else is touched."""
    damaged_clips: frozenset[str] = frozenset()
    """Keys of clips of the source whose stored values are not to be trusted."""
    damaged_shards: frozenset[str] = frozenset()
    """Names of shards that are to be written anew."""
    only: frozenset[str] | None = None
    """Keys of the clips that are taken; None: all of the source."""
    part: Part | None = None
    """The shards that this run makes, without publishing them; None: all."""
    of_parts: bool = False
    """Whether what parts have made is to be published: clips that failed in a part stay so, whatever the reason."""
    engine: Literal["local", "ray"] = "local"
    """What runs the shards: processes of this machine, or a Ray cluster."""
    address: str | None = None
    """Of the cluster; None: one of the run's own, on this machine."""
    allow_mixed_devices: bool = False
    """Whether the nodes of a cluster may compute on what they have, processor or GPU, which give other bits."""

    @property
    def trusts_last_run(self) -> bool:
        """Whether an unchanged listing is enough to have nothing to do."""
        return self.fingerprint == "stat" and not (self.retry or self.repair)

    @property
    def may_drop(self) -> bool:
        """Whether clips leave the store that the source has no more, rather than the run being refused."""
        return not (self.retry or self.repair)
