"""What ``store.json`` says of the whole store, worked out once more from the manifest and the quarantine."""

from __future__ import annotations

import json
import math
from collections import Counter
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from audiofeat.reading.info import StoreInfo
from audiofeat.records import Failure
from audiofeat.store.digests import content_digest
from audiofeat.verify.problems import Problem

if TYPE_CHECKING:
    import pyarrow as pa

_BATCH_ROWS = 65_536


def totals_problems(info: StoreInfo, manifest: pa.Table) -> Iterator[Problem]:
    """Differences between ``store.json`` and the manifest, both of which are as written."""
    recorded = info.description["totals"]
    found = {
        "clips": manifest.num_rows,
        "frames": sum(manifest.column("frames").to_pylist()),
        "audio_seconds": math.fsum(manifest.column("duration_seconds").to_pylist()),
    }
    yield from _differences(found, {name: recorded.get(name) for name in found}, place="manifest.parquet")
    decoders = sorted(manifest.column("decoder").unique().to_pylist())
    yield from _differences(
        {"decoders": decoders}, {"decoders": info.description.get("decoders")}, place="manifest.parquet"
    )

    keys = _Sorted()
    digest = content_digest(keys.watch(_keys_and_digests(manifest)))
    if keys.complaint:
        yield Problem("totals", "manifest.parquet", keys.complaint)
    if digest != info.digest:
        yield Problem(
            "content_digest", "store.json", f"names content digest {info.digest[:16]}, the manifest's is {digest[:16]}"
        )


def quarantine_problems(info: StoreInfo, quarantine: bytes) -> Iterator[Problem]:
    """Differences between ``store.json`` and the quarantine, both of which are as written."""
    try:
        failures = [Failure.from_json(json.loads(line)) for line in quarantine.decode("ascii").splitlines()]
    except (ValueError, TypeError) as error:
        yield Problem("quarantine", "quarantine.jsonl", f"is as written, and cannot be understood: {error}")
        return
    found = {
        "failures": dict(Counter(failure.reason for failure in failures if not failure.is_by_choice)),
        "left_out": dict(Counter(failure.reason for failure in failures if failure.is_by_choice)),
    }
    recorded = {"failures": dict(info.failures), "left_out": dict(info.left_out)}
    yield from _differences(found, recorded, place="quarantine.jsonl")


def _differences(found: dict[str, Any], recorded: dict[str, Any], *, place: str) -> Iterator[Problem]:
    for name, value in found.items():
        if value != recorded[name]:
            yield Problem("totals", place, f"{name}: {value}, where store.json says {recorded[name]}")


def _keys_and_digests(manifest: pa.Table) -> Iterator[tuple[str, str]]:
    for batch in manifest.select(["key", "feature_digest"]).to_batches(max_chunksize=_BATCH_ROWS):
        yield from zip(*(column.to_pylist() for column in batch.columns), strict=True)


class _Sorted:
    """Looks on while keys go by, each of which must be behind the one before."""

    def __init__(self) -> None:
        self.complaint = ""

    def watch(self, clips: Iterator[tuple[str, str]]) -> Iterator[tuple[str, str]]:
        before = ""
        for key, digest in clips:
            if key <= before and not self.complaint:
                self.complaint = f"keys are not in order, each once: {key!r} follows {before!r}"
            before = key
            yield key, digest
