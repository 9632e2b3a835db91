"""Some clips, computed once more from the source and compared bit by bit.

Which ones follows from the hashes of their keys, so that each verification of a store takes the same, and a growing
share takes those of a smaller one again. They are computed by an ordinary run into a store of its own, which is thrown
away.
"""

from __future__ import annotations

import math
import tempfile
from collections import defaultdict
from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from blake3 import blake3

from audiofeat.config import Config, changed_keys
from audiofeat.errors import ConfigError, NothingMatchedError
from audiofeat.known import read_quarantine
from audiofeat.pipeline import run
from audiofeat.reading.info import StoreInfo
from audiofeat.reading.store import Store
from audiofeat.records import ClipRow, Failure
from audiofeat.run_options import RunOptions
from audiofeat.store.manifest import rows_of
from audiofeat.verify.problems import Problem, source_changed

if TYPE_CHECKING:
    import pyarrow as pa


@dataclass(frozen=True, slots=True)
class Sample:
    """A number of clips, or a share of them."""

    count: int | None = None
    share: float = 0.0

    @classmethod
    def parse(cls, text: str) -> Sample:
        """Read ``20`` or ``1%``. Raises ConfigError."""
        number = text.strip().removesuffix("%").strip()
        try:
            if text.strip().endswith("%"):
                if 0 < float(number) <= 100:
                    return cls(share=float(number) / 100)
            elif number.isascii() and number.isdigit() and int(number):
                return cls(count=int(number))
        except ValueError:
            pass  # said below, with what would be right
        raise ConfigError(
            f"--sample {text!r} is neither a number of clips, 1 or more, nor a share of them, above 0 and up to 100 %",
            hint="such as 20 or 1%",
        )

    def of(self, keys: Iterable[str]) -> list[str]:
        """The keys that are taken, at least one where there is any, in order."""
        by_hash = sorted(set(keys), key=lambda key: blake3(key.encode()).digest())
        wanted = math.ceil(self.share * len(by_hash)) if self.count is None else self.count
        return sorted(by_hash[:wanted])


@dataclass(slots=True)
class SampleFindings:
    """What came of the sample."""

    problems: list[Problem]
    source_problems: list[Problem]
    notes: list[Problem]
    n_compared: int
    """Clips of the source that could be computed again."""
    n_taken: int
    """Clips of the source that were to be."""


def compare_sample(
    info: StoreInfo, manifest: pa.Table, sample: Sample, *, config: Config, options: RunOptions
) -> SampleFindings:
    """Compute some of a store's clips again and compare.

    Args:
        config: the store's own, with the source to compute from; ``options``: how that is listed.
    Raises:
        AudioFeatError: the run cannot be done here: no TensorFlow, no GPU for a store of one, no space, ...
    """
    keys = sample.of(_clip_keys(manifest))
    if not keys:
        return SampleFindings([], [], [], 0, 0)
    wanted = _rows_by_clip(manifest, set(keys))
    found: Mapping[str, tuple[ClipRow, ...]] = {}
    failures: dict[str, Failure] = {}
    changes: list[str] = []
    with tempfile.TemporaryDirectory(prefix="audiofeat-verify-") as folder:
        place = Path(folder) / "store"
        there = config.model_copy(update={"store": config.store.model_copy(update={"path": str(place)})})
        device = str(info.description["numbers"]["device"])
        with suppress(NothingMatchedError):  # then none of them is in the source any more
            run(there, replace(options, device=device, only=frozenset(keys)))
            with Store(place) as again:
                found = _rows_by_clip(again.manifest, set(keys))
                failures = {failure.clip_key: failure for failure in read_quarantine(again.paths)}
                changes = changed_keys(info.description["numbers"], again.description["numbers"])
    findings = SampleFindings([], [], [], 0, n_taken=len(keys))
    for key in keys:
        rows = found.get(key, ())
        if not rows:
            failure = failures.get(key)
            why = f"{failure.reason}: {failure.message}" if failure else "the source has it no more"
            message = f"cannot be computed again: {why}"
            findings.source_problems.append(Problem("source.unreadable", wanted[key][0].source, message, (key,)))
            continue
        digest, before = rows[0].source_digest, wanted[key][0].source_digest
        if digest != before:
            findings.source_problems.append(source_changed(rows[0].source, key, digest, wanted=before))
            continue
        findings.n_compared += 1
        _compare(key, wanted[key], rows, changes, findings)
    return findings


def _compare(
    key: str, wanted: tuple[ClipRow, ...], found: tuple[ClipRow, ...], changes: list[str], findings: SampleFindings
) -> None:
    if [(row.key, row.feature_digest) for row in wanted] == [(row.key, row.feature_digest) for row in found]:
        return
    before, now = wanted[0], found[0]
    if before.decoder != now.decoder:
        changes = [*changes, f"decoder: {before.decoder} -> {now.decoder}"]
    odd = next(
        (row for row, again in zip(wanted, found, strict=False) if row.feature_digest != again.feature_digest), before
    )
    message = f"computed again, {odd.key} has other values ({len(found)} clips of {len(wanted)})"
    if changes:
        findings.notes.append(Problem("sample.unsure", before.source, f"{message}, with {'; '.join(changes)}", (key,)))
    else:
        findings.problems.append(Problem("sample", before.source, message, (key,)))


def _clip_keys(manifest: pa.Table) -> Iterable[str]:
    keys: list[str] = manifest.column("key").to_pylist()
    if "parent" not in manifest.column_names:
        return keys
    return (parent or key for key, parent in zip(keys, manifest.column("parent").to_pylist(), strict=True))


def _rows_by_clip(manifest: pa.Table, keys: set[str]) -> Mapping[str, tuple[ClipRow, ...]]:
    """The rows of some clips of the source, in the order of their own keys."""
    found: defaultdict[str, list[ClipRow]] = defaultdict(list)
    for _, row in rows_of(manifest):
        if row.clip_key in keys:
            found[row.clip_key].append(row)
    return {key: tuple(rows) for key, rows in found.items()}
