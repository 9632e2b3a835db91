"""All that a page shows of a store, gathered before anything is drawn."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from audiofeat.errors import REPAIR_HINT, DamageError
from audiofeat.known import read_quarantine
from audiofeat.page.bands import Bands, bands_of
from audiofeat.page.clips import Clips
from audiofeat.page.duplicates import Duplicates, duplicates_of
from audiofeat.page.gallery import Gallery, gallery_of
from audiofeat.page.histograms import Histogram, histogram_of
from audiofeat.page.players import Players
from audiofeat.page.quarantine import Quarantine, quarantine_of
from audiofeat.page.rows import ClipTable, clip_table
from audiofeat.page.the_run import run_facts
from audiofeat.plot.of_store import stored_recipe
from audiofeat.plot.scales import column_scale
from audiofeat.reading.store import Store
from audiofeat.report import duration_text, size_text
from audiofeat.stats import store_statistics
from audiofeat.store.digests import is_whole

Facts = tuple[tuple[str, str], ...]
"""Names and values."""


@dataclass(frozen=True, slots=True)
class Overview:
    """A page's content, part by part."""

    name: str
    totals: Facts
    run: Facts
    """What the run took that made the store; empty where nobody has told."""
    histograms: tuple[Histogram, ...]
    bands: tuple[Bands, ...]
    gallery: Gallery
    clips: ClipTable
    quarantine: Quarantine
    duplicates: Duplicates
    config: str
    versions: Facts


def overview_of(store: Store, *, page_folder: Path, metrics: Mapping[str, Any] | None) -> Overview:
    """Gather it.

    Args:
        page_folder: where the page will be, for what it links to.
        metrics: the figures of the run that made the store.
    Raises:
        DamageError: something of the store cannot be read, or is not what was written.
    """
    if not is_whole(store.paths.quarantine, store.description["quarantine"]):
        raise DamageError(f"{store.paths.quarantine} is not the one that store.json names", hint=REPAIR_HINT)
    clips = Clips.of(store.manifest)
    quarantine = quarantine_of(read_quarantine(store.paths))
    duplicates = duplicates_of(clips)
    return Overview(
        store.paths.root.name,
        _totals(store, quarantine, duplicates),
        run_facts(metrics) if metrics is not None else (),
        _histograms(clips),
        _bands(store),
        gallery_of(store, clips, Players(store.paths, page_folder=page_folder)),
        clip_table(clips),
        quarantine,
        duplicates,
        yaml.safe_dump(dict(store.config), sort_keys=False, allow_unicode=True),
        _versions(store),
    )


def _totals(store: Store, quarantine: Quarantine, duplicates: Duplicates) -> Facts:
    totals = store.description["totals"]
    size_bytes = sum(shard.size_bytes for shard in store.shards.values())
    return (
        ("clips", f"{totals['clips']:,}"),
        ("audio", duration_text(totals["audio_seconds"])),
        ("frames", f"{totals['frames']:,}"),
        ("size", size_text(size_bytes)),
        ("failed", f"{quarantine.n_failed:,}"),
        ("left out", f"{sum(store.left_out.values()):,}"),
        ("duplicates", f"{duplicates.n_clips - duplicates.n_groups:,}"),
        ("shards", f"{len(store.shards):,} {store.description['store_format']}"),
    )


def _histograms(clips: Clips) -> tuple[Histogram, ...]:
    measured = clips.measured
    clipped, silent = (100.0 * measured[name] for name in ("clipped_share", "silent_share"))
    return (
        histogram_of(measured["duration_seconds"], title="Duration", unit="s"),
        histogram_of(clips.levels_db, title="Level", unit="dB full scale", off_axis="digital silence"),
        histogram_of(clipped, title="Clipped", unit="% of samples", at_zero="no sample clipped"),
        histogram_of(silent, title="Silence", unit="% of the clip", at_zero="no silent part"),
        histogram_of(measured["frames"], title="Frames", unit="per clip", at_zero="no frame", is_count=True),
    )


def _bands(store: Store) -> tuple[Bands, ...]:
    recipe = stored_recipe(store, sample_rate_hz=None)
    statistics = store_statistics(store)
    return tuple(bands_of(spec, statistics[spec.name], column_scale(spec, recipe)) for spec in store.features)


def _versions(store: Store) -> Facts:
    values = store.description
    numbers = values["numbers"]
    return (
        *sorted(numbers["versions"].items()),
        ("device", numbers["device"]),
        ("decoders", ", ".join(values["decoders"]) or "none"),
        ("store format", f"{values['store_format']}, version {values['format_version']}"),
        ("config digest", values.get("config_digest", "")),
        ("content digest", store.digest),
    )
