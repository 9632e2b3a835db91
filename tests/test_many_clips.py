"""What a clip costs the process that plans and publishes: bytes that stay the same, however many clips there are."""

from __future__ import annotations

import gc
import tracemalloc
from collections.abc import Callable
from pathlib import Path

import pyarrow as pa
import pytest
from planned import NOW_NS, row_of
from small_store import DECODER, settings_for
from store_suite import FEATURES

from audiofeat.config import Limits, Select
from audiofeat.finish import finish_store, is_unchanged
from audiofeat.garbage import no_search_for_cycles
from audiofeat.known import known_results
from audiofeat.plan import Plan, make_plan
from audiofeat.records import Clip, ClipRow, fingerprint_columns
from audiofeat.source import Listing, check_unique, scan_folder
from audiofeat.store.commits import write_commit
from audiofeat.store.layout import StorePaths
from audiofeat.store.packing import packing_of
from audiofeat.store.staging import make_folder
from audiofeat.tasks import Commit, ShardEntry, ShardTask

SETTINGS = settings_for("store.shard_clips=256")
FEW, MANY = 2_000, 6_000


def clips_of(count: int) -> list[Clip]:
    names = [f"speaker-{number // 100:04d}/utterance-{number:07d}" for number in range(count)]
    return [Clip(name, f"{name}.wav", 100_000 + number, 10**15, 10**6 + number) for number, name in enumerate(names)]


def plan_of(clips: list[Clip], paths: StorePaths) -> Plan:
    return make_plan(
        clips,
        known_results(paths, SETTINGS),
        root=str(paths.root),
        features=SETTINGS.config.features.keys(),
        shard_clips=256,
        packing=packing_of(SETTINGS.config.store).word,
        decoders=[DECODER],
        limits=Limits(),
        select=Select(),
        now_ns=NOW_NS,
    )


def finish(clips: list[Clip], plan: Plan, paths: StorePaths) -> None:
    listing = Listing(str(paths.root), clips)
    finish_store(paths, SETTINGS, plan, listing=listing, features=FEATURES, decoders={"soundfile": DECODER})


def record(task: ShardTask, clips: dict[str, Clip], paths: StorePaths) -> None:
    """Leave the shard's commit record, as a worker does, and a file of the size that it says."""
    rows = [row_of(clips[clip.key], "d" * 64) for clip in task.clips]
    prints = fingerprint_columns({clip.key: clips[clip.key].fingerprint for clip in task.clips})
    packing = packing_of(SETTINGS.config.store).word
    entry = ShardEntry(f"{task.slot}-{'0' * 16}.h5", task.slot, 100, "0" * 64, len(rows), 10 * len(rows), packing)
    (paths.shards / entry.name).write_bytes(bytes(entry.size_bytes))
    write_commit(paths, Commit(task.slot, SETTINGS.stamp, "hdf5", entry, ClipRow.columns_of(rows), (), prints))


def peak_bytes(work: Callable[[], object]) -> int:
    """The most that ``work`` has allocated at one time, by Python and by Arrow."""
    gc.collect()
    tracemalloc.start()
    before = pa.total_allocated_bytes()
    try:
        result = work()
        return tracemalloc.get_traced_memory()[1] + max(0, pa.total_allocated_bytes() - before)
    finally:
        tracemalloc.stop()
        del result


def bytes_a_clip(few: Callable[[], object], many: Callable[[], object]) -> float:
    """The slope between two sizes, so that what does not depend on it drops out."""
    few(), many()  # imports and what is worked out once
    return (peak_bytes(many) - peak_bytes(few)) / (MANY - FEW)


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> dict[int, Path]:
    roots = {count: tmp_path_factory.mktemp("source") for count in (FEW, MANY)}
    for count, root in roots.items():
        for clip in clips_of(count):
            path = root / clip.path
            path.parent.mkdir(exist_ok=True)
            path.touch()
    return roots


@pytest.fixture(scope="module")
def stores(tmp_path_factory: pytest.TempPathFactory) -> dict[int, tuple[list[Clip], StorePaths]]:
    made = {}
    for count in (FEW, MANY):
        paths, clips = StorePaths(tmp_path_factory.mktemp("store")), clips_of(count)
        for folder in (paths.shards, paths.commits):
            make_folder(folder)
        plan = plan_of(clips, paths)
        by_key = {clip.key: clip for clip in clips}
        for task in plan.tasks:
            record(task, by_key, paths)
        finish(clips, plan, paths)
        made[count] = clips, paths
    return made


def test_a_scanned_clip_takes_four_hundred_bytes(folders: dict[int, Path]) -> None:
    def scan(count: int) -> Listing:
        listing = scan_folder(str(folders[count]))
        check_unique(listing.clips, store_format="hdf5")
        return listing

    assert 300 < bytes_a_clip(lambda: scan(FEW), lambda: scan(MANY)) < 550


def test_a_new_clip_is_planned_in_two_hundred_bytes(tmp_path: Path) -> None:
    few, many = clips_of(FEW), clips_of(MANY)
    paths = StorePaths(tmp_path)
    assert bytes_a_clip(lambda: plan_of(few, paths), lambda: plan_of(many, paths)) < 400


def test_a_known_clip_is_columns(stores: dict[int, tuple[list[Clip], StorePaths]]) -> None:
    found = {count: plan_of(*stores[count]) for count in (FEW, MANY)}
    for count, plan in found.items():
        assert (plan.tasks, plan.clips_reused, len(plan.fingerprints)) == ((), count, count)
    cost = bytes_a_clip(lambda: plan_of(*stores[FEW]), lambda: plan_of(*stores[MANY]))
    assert cost < 1_300


def test_the_store_is_published_in_columns_and_is_then_unchanged(
    stores: dict[int, tuple[list[Clip], StorePaths]],
) -> None:
    plans = {count: plan_of(*stores[count]) for count in (FEW, MANY)}
    before = {count: paths.manifest.read_bytes() for count, (_, paths) in stores.items()}

    def again(count: int) -> None:
        clips, paths = stores[count]
        finish(clips, plans[count], paths)
        assert paths.manifest.read_bytes() == before[count]
        assert is_unchanged(paths, SETTINGS, Listing(str(paths.root), clips), {"soundfile": DECODER})

    cost = bytes_a_clip(lambda: again(FEW), lambda: again(MANY))
    assert cost < 1_300


def test_the_search_for_cycles_is_as_it_was_afterwards() -> None:
    def failing() -> None:
        with no_search_for_cycles():
            assert not gc.isenabled()
            raise ValueError("here")

    with pytest.raises(ValueError, match="here"):
        failing()
    assert gc.isenabled()
    gc.disable()
    try:
        with no_search_for_cycles():
            pass
        assert not gc.isenabled(), "it was not asked for"
    finally:
        gc.enable()
