"""One verification, step by step: what lies in the store, the source, a sample."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import TYPE_CHECKING

from audiofeat.config import Config, load_config
from audiofeat.device import usable_cores
from audiofeat.errors import ConfigError
from audiofeat.job import listing_of
from audiofeat.records import ClipRow
from audiofeat.remembered import remembered_job
from audiofeat.run_options import RunOptions
from audiofeat.source import Listing
from audiofeat.store.layout import StorePaths
from audiofeat.store.manifest import SCHEMA, rows_of
from audiofeat.verify.beside import LinkFindings, link_findings, link_notes, strays
from audiofeat.verify.contained import ContainedReading
from audiofeat.verify.frames import FrameCounts
from audiofeat.verify.parallel import mapped
from audiofeat.verify.parts import read_parts, regular_bytes
from audiofeat.verify.problems import Problem, VerifyReport
from audiofeat.verify.sample import Sample, compare_sample
from audiofeat.verify.shards import ShardFindings, ShardRecord, check_shard
from audiofeat.verify.sources import source_problems
from audiofeat.verify.totals import quarantine_problems, totals_problems

if TYPE_CHECKING:
    import pyarrow as pa

_SHARD_NAME = re.compile(r"[0-9a-f]{12}-[0-9a-f]{16}(\.h5)?")


class Verification:
    """A store as it was read, and what has been found so far."""

    def __init__(self, paths: StorePaths, *, workers: int | None) -> None:
        """Read what tells what the store is. Raises NoStoreError; DamageError where a newer audiofeat wrote it."""
        self._paths = paths
        self._n_threads = workers or usable_cores()
        self._parts = read_parts(paths)
        self.problems = list(self._parts.problems)
        self._notes: list[Problem] = []
        self._source_problems: list[Problem] = []
        self._sources_checked: int | None = None
        self._sampled: tuple[int, int] | None = None
        self._records: list[ShardRecord] = []
        self._job: tuple[Config, RunOptions] | None = None
        self._listing: Listing | None = None

    def find_source(self, source: str | None) -> None:
        """Find out what the store was made of, and list it where it is named. No file of it is read.

        Raises:
            ConfigError: nothing tells where it is.
            SourceError: it cannot be listed.
        """
        if self._parts.info is None:
            return  # nobody knows any more how it was listed
        options = RunOptions(workers=self._n_threads)
        self._job = remembered_job(str(self._paths.root), options, source=source)
        if source is not None:
            self._listing = listing_of(source, *self._job)

    def check_store(self, on_progress: Callable[[int, int], None]) -> None:
        """Check everything that lies in the store."""
        info, manifest, quarantine = self._parts.info, self._parts.manifest, self._parts.quarantine
        if info is not None and quarantine is not None:
            self.problems += quarantine_problems(info, quarantine)
        if info is not None and manifest is not None:
            self.problems += totals_problems(info, manifest)
        rows = _rows_by_shard(manifest) if manifest is not None else None
        names = list(info.shards) if info is not None else _names_in(self._paths)
        lost = sorted(rows.keys() - set(names)) if rows is not None else []
        if info is not None and lost:
            message = f"names shards that store.json does not: {', '.join(lost)}"
            self.problems.append(Problem("totals", self._paths.manifest.name, message))
        self._check_shards([*names, *lost], rows, on_progress)

    def note_replaced(self) -> None:
        """Say that a run took the place of what was read."""
        self._notes.append(Problem("replaced", self._paths.store_json.name, "was replaced meanwhile: verify again"))

    def was_replaced(self) -> bool:
        """Whether another ``store.json`` stands there now."""
        try:
            return regular_bytes(self._paths.store_json) != self._parts.description
        except OSError:
            return False

    def compare_source(self) -> None:
        """Compare the source's files with what the store was made of, where both are known."""
        manifest = self._parts.manifest
        if self._listing is None or manifest is None:
            return
        with ThreadPoolExecutor(self._n_threads, "audiofeat-source") as executor:
            found, self._sources_checked = source_problems(self._listing, manifest, executor=executor)
        self._source_problems += found

    def compare_sample(self, sample: Sample) -> None:
        """Compute some clips again, where it is known what of. Raises AudioFeatError."""
        info, manifest = self._parts.info, self._parts.manifest
        if info is None or manifest is None or self._job is None:
            return
        config, options = self._job
        found = compare_sample(info, manifest, sample, config=config, options=options)
        self.problems += found.problems
        told = {problem.keys for problem in self._source_problems}
        self._source_problems += [problem for problem in found.source_problems if problem.keys not in told]
        self._notes += found.notes
        self._sampled = found.n_compared, found.n_taken

    def report(self) -> VerifyReport:
        manifest = self._parts.manifest
        n_compared, n_taken = self._sampled or (None, None)
        return VerifyReport(
            store=str(self._paths.root),
            clips=manifest.num_rows if manifest is not None else 0,
            shards=len(self._records),
            size_bytes=sum(map(_size_bytes, self._records)),
            problems=tuple(self.problems),
            source_problems=tuple(self._source_problems),
            notes=tuple(self._notes),
            sources_checked=self._sources_checked,
            sampled=n_compared,
            sample_size=n_taken,
        )

    def _check_shards(
        self, names: Sequence[str], rows: Mapping[str, pa.Table] | None, on_progress: Callable[[int, int], None]
    ) -> None:
        info = self._parts.info
        entries = info.shards if info is not None else {}
        features = info.features if info is not None else ()
        self._records = [ShardRecord(name, entries.get(name), None) for name in names]
        named = {entry.digest: entry.name for entry in entries.values()}
        complaint = self._frame_counts()

        def check(record: ShardRecord) -> tuple[ShardFindings, LinkFindings]:
            if rows is not None:
                own = rows_of(rows[record.name]) if record.name in rows else ()
                record = replace(record, rows=tuple(row for _, row in own))
            found = check_shard(self._paths, record, features, contained=contained, named=named, complaint=complaint)
            linked = record.rows or () if record.is_npy else ()
            return found, link_findings(self._paths, record.name, linked, features)

        links = LinkFindings()
        done_bytes, total_bytes = 0, sum(map(_size_bytes, self._records))
        with ContainedReading() as contained, ThreadPoolExecutor(self._n_threads, "audiofeat-verify") as executor:
            for record, (found, more_links) in mapped(executor, check, self._records, ahead=2 * self._n_threads):
                self.problems += found.problems
                self._notes += found.notes
                links.add(more_links)
                done_bytes += _size_bytes(record)
                on_progress(done_bytes, total_bytes)
        self.problems += links.problems
        self._notes += link_notes(links)
        if info is not None:
            is_npy = info.description["store_format"] == "npy"
            self._notes += strays(self._paths, names, features if is_npy else (), links)

    def _frame_counts(self) -> Callable[[ClipRow], str]:
        """What judges a clip's number of frames."""
        if self._parts.info is None:
            return _no_complaint
        try:
            return FrameCounts(load_config(self._parts.info.config)).complaint
        except ConfigError as error:
            reason = str(error).splitlines()[0]
            message = f"of another version, so numbers of frames were not compared with durations: {reason}"
            self._notes.append(Problem("frames.unchecked", self._paths.store_json.name, message))
            return _no_complaint


def _rows_by_shard(manifest: pa.Table) -> dict[str, pa.Table]:
    """The manifest's rows of each shard that it names, in key order."""
    import numpy as np

    names = [name for name in SCHEMA.names if name in manifest.column_names]
    rows = manifest.select(names).sort_by([("shard", "ascending"), ("key", "ascending")]).combine_chunks()
    shards = rows.column("shard").combine_chunks().dictionary_encode()
    numbers = np.asarray(shards.indices)
    starts = [0, *(np.flatnonzero(np.diff(numbers)) + 1).tolist()] if len(numbers) else []
    stops = [*starts[1:], len(numbers)]
    return {
        shards.dictionary[int(numbers[start])].as_py(): rows.slice(start, stop - start)
        for start, stop in zip(starts, stops, strict=False)
    }


def _names_in(paths: StorePaths) -> list[str]:
    """What in the folder of shards has a shard's name."""
    try:
        return sorted(entry.name for entry in os.scandir(paths.shards) if _SHARD_NAME.fullmatch(entry.name))
    except OSError:
        return []


def _size_bytes(record: ShardRecord) -> int:
    return record.entry.size_bytes if record.entry is not None else 0


def _no_complaint(row: ClipRow) -> str:
    return ""
