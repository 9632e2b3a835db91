"""Fuzz targets that take what lies in a store: damage to any file of it may cost work, and never changes a result.

Each target damages one file of a small store and asks those that read it. What they still say must be what the file
said before, or less.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

from faults.fuzz_target import Target, expect
from small_store import DECODER, listing_of, make_store, settings_for, small_arrays, write_shards

from audiofeat.config import Config
from audiofeat.errors import AudioFeatError, ConfigError, DamageError, NoStoreError, SourceError
from audiofeat.finish import is_unchanged
from audiofeat.job import Job
from audiofeat.known import Known, known_results, read_quarantine
from audiofeat.reading.store import Store
from audiofeat.records import Clip, Failure, Fingerprint
from audiofeat.remembered import remember_source, remembered_job
from audiofeat.run_options import RunOptions
from audiofeat.settings import Settings
from audiofeat.source import Listing
from audiofeat.store.commits import read_commit
from audiofeat.store.fingerprints import read_fingerprints
from audiofeat.store.layout import StorePaths

_N_CLIPS = 7
_OPTIONS = RunOptions(device="cpu")  # what the store remembers, too, so that it need not be asked


@dataclass(frozen=True, slots=True)
class _Scene:
    """A finished store that remembers its source."""

    paths: StorePaths
    settings: Settings
    listing: Listing
    remembered: tuple[Config, RunOptions]


def _scene(folder: Path) -> _Scene:
    source = folder / "source"
    source.mkdir(parents=True)
    config = settings_for().config
    config = config.model_copy(update={"source": str(source)})
    settings = settings_for()
    paths = make_store(folder / "store", settings, small_arrays(_N_CLIPS), failing=["folder/bad", "folder/worse"])
    keys = [*small_arrays(_N_CLIPS), "folder/bad", "folder/worse"]
    clips = [Clip(key, f"{key}.wav", 1_000, 1, 1) for key in sorted(keys)]
    listing = listing_of(clips, folder / "store")
    remember_source(Job(config, RunOptions(files=b"x"), str(source), paths, listing, 0, ()), settings)
    return _Scene(paths, settings, listing, remembered_job(str(paths.root), _OPTIONS))


def commits(folder: Path) -> Target:
    """A commit record: none at all, or the one that was written."""
    paths = StorePaths(folder / "store")
    _, tasks, records = write_shards(paths, settings_for(), small_arrays(_N_CLIPS), failing=["folder/bad"])
    path = paths.commit(tasks[0].slot)
    seeds = tuple(paths.commit(task.slot).read_bytes() for task in tasks)

    def check(data: bytes) -> None:
        path.write_bytes(data)
        found = read_commit(path)
        expect(that=found is None or found in records, says=f"a record that was never written: {found}")

    return Target("commits", seeds, check)


def descriptions(folder: Path) -> Target:
    """``store.json``: refused, or as it was; and what is known then is what was, or nothing."""

    def check(scene: _Scene, before: Known, _: bytes) -> None:
        known = known_results(scene.paths, scene.settings)
        expect(that=known.clips in ({}, before.clips), says="other results are known")
        expect(that=known.keys == before.keys, says="keys are lost, though the manifest is whole")
        try:
            description = Store(scene.paths.root).description
        except (DamageError, NoStoreError):
            return
        expect(that=description["config"] == scene.settings.stored, says="another configuration")

    return _damaging(folder, "description", lambda paths: paths.store_json, check)


def manifests(folder: Path) -> Target:
    """The manifest: refused, or as it was."""

    def check(scene: _Scene, before: Known, data: bytes) -> None:
        known = known_results(scene.paths, scene.settings)
        expect(that=known.clips == {} or known.clips == before.clips, says="other results are known")
        expect(that=all(isinstance(key, str) for key in known.keys), says="a key that is no text")
        try:
            with Store(scene.paths.root) as store:
                keys = list(store)
        except AudioFeatError:
            return
        expect(that=len(keys) == _N_CLIPS, says=f"{len(keys)} clips")

    return _damaging(folder, "manifest", lambda paths: paths.manifest, check)


def quarantines(folder: Path) -> Target:
    """``quarantine.jsonl``: nothing that a damaged one says counts as a failure that stands."""

    def check(scene: _Scene, before: Known, data: bytes) -> None:
        for failure in read_quarantine(scene.paths):
            expect(that=isinstance(failure, Failure), says=f"{failure!r}")
            expect(that=isinstance(failure.clip_key, str), says=f"a key that is no text: {failure.clip_key!r}")
        known = known_results(scene.paths, scene.settings)
        whole = {key: reuse for key, reuse in before.clips.items() if not reuse.failures}
        expect(that=known.clips in (whole, before.clips), says="other results are known")
        expect(that=known.keys >= whole.keys(), says="keys of clips are lost")
        sorted(known.keys)

    return _damaging(folder, "quarantine", lambda paths: paths.quarantine, check)


def unchanged(folder: Path) -> Target:
    """The shortcut past a run: it never says of a source that was changed that it was not."""

    def check(scene: _Scene, _: Known, data: bytes) -> None:
        decoders = {"soundfile": DECODER}
        is_unchanged(scene.paths, scene.settings, scene.listing, decoders)
        changed = [replace(scene.listing.clips[0], ctime_ns=2), *scene.listing.clips[1:]]
        for listing, others in (
            (replace(scene.listing, clips=changed), decoders),
            (scene.listing, {"soundfile": "soundfile 9"}),
        ):
            wrong = is_unchanged(scene.paths, scene.settings, listing, others)
            expect(that=not wrong, says="a change goes unnoticed")

    return _damaging(folder, "unchanged", lambda paths: paths.unchanged, check)


def remembered(folder: Path) -> Target:
    """Where the clips came from: as it was, or refused; also where ``store.json`` is damaged too."""

    def check(scene: _Scene, _: Known, data: bytes) -> None:
        store = str(scene.paths.root)
        whole = scene.paths.store_json.read_bytes()
        for description in (whole, b""):
            scene.paths.store_json.write_bytes(description)
            try:
                found = remembered_job(store, _OPTIONS)
            except (ConfigError, SourceError, DamageError):
                continue
            finally:
                scene.paths.store_json.write_bytes(whole)
            expect(that=found == scene.remembered, says="another source or configuration")

    return _damaging(folder, "source", lambda paths: paths.source, check)


def listed_files(folder: Path) -> Target:
    """The list of files that a store was made of: as it was, or refused."""
    target = remembered(folder)
    path = folder / "store" / ".state"

    def check(data: bytes) -> None:
        whole = (path / "source.json").read_bytes()
        (path / "files").write_bytes(data)
        target.check(whole)

    return Target("files", ((path / "files").read_bytes(),), check)


def fingerprints(folder: Path) -> Target:
    """The shortcut past hashing: none, or fingerprints."""

    def check(scene: _Scene, before: Known, data: bytes) -> None:
        for key, value in read_fingerprints(scene.paths.fingerprints).items():
            was = before.fingerprints.get(key)
            expect(that=value == was, says=f"{key!r} has {value}, and had {was}")
            expect(that=isinstance(value, Fingerprint), says=repr(value))
        known = known_results(scene.paths, scene.settings)
        expect(that=known.clips == before.clips, says="other results are known")

    return _damaging(folder, "fingerprints", lambda paths: paths.fingerprints, check)


def _damaging(
    folder: Path, name: str, file_of: Callable[[StorePaths], Path], check: Callable[[_Scene, Known, bytes], None]
) -> Target:
    scene = _scene(folder)
    before = known_results(scene.paths, scene.settings)
    path = file_of(scene.paths)
    seed = path.read_bytes()

    def damage(data: bytes) -> None:
        path.write_bytes(data)
        try:
            check(scene, before, data)
        finally:
            path.write_bytes(seed)

    return Target(name, (seed,), damage)
