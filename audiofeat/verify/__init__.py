"""Whether a store still is what was written: every byte, every clip's values, and what the files say of each other.

::

    store.json ─▶ manifest, quarantine ─▶ shards, some at a time ─▶ strays, links ─▶ source ─▶ sample ─▶ report
    (its own digest)   (digests, totals)   (digest, index, values)

Nothing is written and nothing is taken on trust: a shard is opened by HDF5 in this process only once its bytes are
known to be those that were written; otherwise a process of its own reads what can still be read of it.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

from audiofeat.verify.problems import Problem, VerifyReport

__all__ = ["Problem", "VerifyReport", "verify_store"]

_ATTEMPTS = 3


def verify_store(
    path: str | os.PathLike[str],
    *,
    source: str | os.PathLike[str] | None = None,
    sample: str | int | None = None,
    workers: int | None = None,
    on_progress: Callable[[int, int], None] = lambda done, total: None,
) -> VerifyReport:
    """Check the store at ``path``, without writing to it.

    Args:
        source: where its clips came from, to compare their files with what the store was made of; None does not.
        sample: so many clips (``20``), or such a share of them (``"1%"``), are computed again and compared; from
            ``source``, or else from where the store remembers that they came from.
        workers: shards read at a time, and clips computed at a time; None: one a processor core.
        on_progress: called with the bytes of shards that have been read, and those of all.
    Returns:
        what was found; damage is in its ``problems``.
    Raises:
        NoStoreError: there is no finished store.
        DamageError: a newer audiofeat wrote it.
        ConfigError: ``sample`` makes no sense, or nothing tells the source.
        SourceError: the source cannot be listed.
    """
    from audiofeat.store.layout import StorePaths
    from audiofeat.verify.run import Verification
    from audiofeat.verify.sample import Sample

    wanted = Sample.parse(str(sample)) if sample is not None else None
    place = os.fspath(source) if source is not None else None
    # A run that ends meanwhile replaces the store's parts and takes old shards away: that is no damage.
    for _ in range(_ATTEMPTS):
        verification = Verification(StorePaths(Path(path)), workers=workers)
        verification.check_store(on_progress)
        if not (verification.problems and verification.was_replaced()):
            break
    if verification.was_replaced():
        verification.note_replaced()
    if place is not None:
        verification.compare_source(place)
    if wanted is not None:
        verification.compare_sample(wanted, place)
    return verification.report()
