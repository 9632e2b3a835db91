"""Rows 91 to 99: stores that audiofeat is pointed at, and that are not what they should be.

Each command that opens a store is tried on each of them: an exit code and a sentence, never a traceback or a crash,
and nothing of a store is changed by whoever only reads it. Who made the file is hostile here: the shard's new digest
stands in its name and in ``store.json``, so that nothing but what lies inside can give it away.
"""

from __future__ import annotations

import io
import shutil
import sys
from collections.abc import Callable, Sequence
from contextlib import closing, redirect_stderr, redirect_stdout
from pathlib import Path
from typing import NamedTuple

import h5py
import numpy as np
import pytest
from running import write_clip
from small_store import make_store, settings_for, small_arrays, write_shards
from store_suite import tree

from audiofeat import open_store
from audiofeat.cli import main
from audiofeat.errors import DamageError
from audiofeat.known import known_results
from audiofeat.store.description import encode_description, read_description
from audiofeat.store.formats import shard_format
from audiofeat.store.hdf5_reading import Hdf5Reader
from audiofeat.store.layout import FORMAT_VERSION, StorePaths
from audiofeat.store.npy import npy_path
from audiofeat.store.publish import link_arrays, sweep
from audiofeat.store.shard_format import Location

ARRAYS = small_arrays(6)
KEY = "folder/005"
ROWS = sum(len(arrays["log_mel"]) for arrays in ARRAYS.values())
SECRET = np.full((ROWS, 5), 1234.5, "f4")
"""What another file of the machine holds, and no reader may be shown."""
FORMATS = pytest.mark.parametrize("store_format", ["hdf5", "npy"])


class Done(NamedTuple):
    code: int
    said: str


def audiofeat(*arguments: str | Path) -> Done:
    """The command line in this process, with its exit code and all that it says; a traceback fails the test."""
    said = io.TextIOWrapper(io.BytesIO(), encoding="utf-8", write_through=True)
    with pytest.MonkeyPatch.context() as patch, redirect_stdout(said), redirect_stderr(said):
        patch.setattr(sys, "argv", ["audiofeat", *map(str, arguments)])
        patch.setenv("AUDIOFEAT_DEBUG", "1")
        with pytest.raises(SystemExit) as end:
            main()
    assert isinstance(end.value.code, int)
    return Done(end.value.code, said.buffer.getvalue().decode())


def readings(store: Path, folder: Path) -> dict[str, Done]:
    """What each command that reads a store makes of one."""
    other = folder / "other"
    if not other.exists():
        make_store(other, settings_for(), small_arrays(3))
    commands: dict[str, Sequence[str | Path]] = {
        "info": ("info", store),
        "verify": ("verify", store),
        "manifest": ("manifest", store),
        "stats": ("stats", store),
        "stats --verify": ("stats", store, "--verify"),
        "export": ("export", store, folder / "exported", "--to", "npy"),
        "diff": ("diff", store, other),
        "diff backwards": ("diff", other, store),
    }
    found = {name: audiofeat(*arguments) for name, arguments in commands.items()}
    assert (folder / "exported").exists() == (found["export"].code == 0)
    return found


def one_shard(paths: StorePaths) -> Path:
    (shard,) = paths.shards.iterdir()
    return shard


@pytest.fixture
def paths(tmp_path: Path, store_format: str) -> StorePaths:
    return make_store(tmp_path / "store", settings_for(store_format=store_format), ARRAYS)


@pytest.fixture
def hdf5_paths(tmp_path: Path) -> StorePaths:
    settings = settings_for("store.shard_clips=64")
    return make_store(tmp_path / "store", settings, ARRAYS)


@FORMATS
def test_row_91_a_newer_store_is_refused_by_all_and_stays_as_it_is(paths: StorePaths, tmp_path: Path) -> None:
    values = {**read_description(paths.store_json), "format_version": FORMAT_VERSION + 1, "whatever": [1, 2]}
    paths.store_json.write_bytes(encode_description(values))
    write_clip(tmp_path / "source/a.wav", seed=1)
    before = tree(paths.root)
    found = readings(paths.root, tmp_path)
    for name in ("extract", "plan"):
        found[name] = audiofeat(name, tmp_path / "source", paths.root, "--config", "kaldi-fbank80")
    for name in ("repair", "retry"):
        found[name] = audiofeat(name, paths.root, "--source", tmp_path / "source")
    for name, done in found.items():
        assert done.code == 12, (name, done.said)
        assert f"format version {FORMAT_VERSION + 1}" in done.said, name
        assert "newer audiofeat" in done.said, name
    after = tree(paths.root)
    assert {name: after[name] for name in before if name != ".state/lock"} == {
        name: content for name, content in before.items() if name != ".state/lock"
    }


def the_source_itself(folder: Path) -> None:
    write_clip(folder / "a.wav", seed=1)


def a_home(folder: Path) -> None:
    """With another program's lock where a store's would be."""
    (folder / ".state").mkdir()
    (folder / ".state/lock").write_bytes(b"")
    (folder / ".state/history").write_text("ls")
    (folder / "thesis.tex").write_text("years of work")


def another_programs_store(folder: Path) -> None:
    (folder / "store.json").write_text('{"format_version": 3, "shop": "groceries"}')
    (folder / "manifest.parquet").write_bytes(b"PAR1")


def somebodys_shards(folder: Path) -> None:
    (folder / "shards").mkdir()
    (folder / "shards/precious.h5").write_bytes(b"\x89HDF\r\n\x1a\n")


@pytest.mark.parametrize("make", [the_source_itself, a_home, another_programs_store, somebodys_shards])
def test_row_92_what_is_no_store_is_never_written_to(tmp_path: Path, make: Callable[[Path], None]) -> None:
    write_clip(tmp_path / "source/a.wav", seed=1)
    place = tmp_path / "place"
    place.mkdir()
    make(place)
    before = tree(tmp_path)
    source = place if make is the_source_itself else tmp_path / "source"
    done = audiofeat("extract", source, place, "--config", "kaldi-fbank80")
    assert done.code == 2, done.said
    assert "nothing in it was touched" in done.said
    for name in ("info", "verify", "stats", "manifest"):
        assert audiofeat(name, place).code in (10, 12), name
    assert tree(tmp_path) == before


@FORMATS
def test_row_92_foreign_files_in_a_store_outlive_its_next_state(paths: StorePaths, store_format: str) -> None:
    """Folders named like a feature among them, which NPY stores show their arrays in."""
    foreign = ("notes.txt", "mfcc/mine.npy", "chroma/a/b.txt", "shards/precious.h5", ".state/mine", "log_mel/x/y.npy")
    for name in foreign:
        (paths.root / name).parent.mkdir(parents=True, exist_ok=True)
        (paths.root / name).write_text(name)
    one, two, *_ = ARRAYS
    link_arrays(paths, [], features=[], possible=["log_mel", "mfcc", "chroma"])
    assert (paths.root / "log_mel/x/y.npy").exists()
    make_store(paths.root, settings_for(store_format=store_format), {one: ARRAYS[two]})
    for name in foreign:
        assert (paths.root / name).read_text() == name
    shown = {path.relative_to(paths.root).as_posix() for path in (paths.root / "log_mel").rglob("*.npy")}
    assert shown == {"log_mel/x/y.npy", *([f"log_mel/{one}.npy"] if store_format == "npy" else [])}


def cut_off(content: bytes) -> bytes:
    return content[:-1]


def one_bit(content: bytes) -> bytes:
    place = content.index(ARRAYS[KEY]["log_mel"].tobytes())
    return content[:place] + bytes([content[place] ^ 1]) + content[place + 1 :]


def more_behind(content: bytes) -> bytes:
    return content + b"garbage"


@FORMATS
@pytest.mark.parametrize("harm", [cut_off, one_bit, more_behind])
def test_row_93_a_damaged_shard_is_named_by_all_who_look(
    paths: StorePaths, tmp_path: Path, harm: Callable[[bytes], bytes]
) -> None:
    with open_store(paths.root) as store:
        shard = paths.shards / store.manifest.column("shard")[store.index_of(KEY)].as_py()
    file = shard if shard.is_file() else shard / npy_path("log_mel", KEY)
    file.write_bytes(harm(file.read_bytes()))
    found = readings(paths.root, tmp_path)
    for name in ("verify", "stats --verify"):
        assert found[name].code == 12
        assert shard.name in found[name].said
    if harm is one_bit or shard.is_dir():
        assert KEY in found["verify"].said
        assert found["export"].code == 12
        with open_store(paths.root, verify=True) as store, pytest.raises(DamageError):
            store[KEY]
    assert {done.code for done in found.values()} <= {0, 12, 21}
    with open_store(paths.root, verify=True) as store:
        for key in ARRAYS.keys() - {KEY}:
            try:
                clip = store[key]
            except DamageError:
                continue
            np.testing.assert_array_equal(clip["log_mel"], ARRAYS[key]["log_mel"])


def external_link(file: h5py.File, other: Path) -> None:
    file["log_mel"] = h5py.ExternalLink(str(other), "log_mel")


def loop_of_links(file: h5py.File, other: Path) -> None:
    file["log_mel"] = h5py.SoftLink("/loop")
    file["loop"] = h5py.SoftLink("/log_mel")


def virtual(file: h5py.File, other: Path) -> None:
    layout = h5py.VirtualLayout(shape=(ROWS, 5), dtype="f4")
    layout[:] = h5py.VirtualSource(str(other), "log_mel", shape=(ROWS, 5))
    file.create_virtual_dataset("log_mel", layout)


def external_storage(file: h5py.File, other: Path) -> None:
    file.create_dataset("log_mel", (ROWS, 5), "f4", external=[(str(other), 0, h5py.h5f.UNLIMITED)])


def objects(file: h5py.File, other: Path) -> None:
    file.create_dataset("log_mel", (ROWS, 5), h5py.string_dtype())[:] = "text"


def references(file: h5py.File, other: Path) -> None:
    file.create_dataset("log_mel", (ROWS, 5), h5py.ref_dtype)[:] = file.ref


def sixty_four_tib(file: h5py.File, other: Path) -> None:
    """Row 95: claimed in some 270 kB, of which all chunks but one were never written."""
    file.create_dataset("log_mel", (1 << 44, 5), "f4", chunks=(1 << 14, 5))[:1] = 1.0


def unknown_filter(file: h5py.File, other: Path) -> None:
    """Row 97."""
    file.create_dataset("log_mel", data=SECRET, compression="lzf")


UNSAFE = {
    "external link": external_link,
    "soft links in a loop": loop_of_links,
    "virtual": virtual,
    "external storage": external_storage,
    "objects": objects,
    "references": references,
    "64 TiB": sixty_four_tib,
    "filter": unknown_filter,
}


def vouch_for(paths: StorePaths, shard: Path) -> Path:
    """Give a shard that was changed the digest, size and name that it would have, as whoever made it would."""
    kind = shard_format("npy" if shard.is_dir() else "hdf5")
    digest, size_bytes = kind.digest(shard), kind.size_bytes(shard)
    values = read_description(paths.store_json)
    for entry in values["shards"]:
        if entry["name"] == shard.name:
            entry.update(digest=digest, size_bytes=size_bytes)
    paths.store_json.write_bytes(encode_description(values))
    return shard


@pytest.mark.parametrize("way", UNSAFE)
def test_row_94_95_97_what_only_a_hostile_store_holds_is_damage_to_all(
    hdf5_paths: StorePaths, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, way: str
) -> None:
    plugins = tmp_path / "plugins"
    plugins.mkdir()
    (plugins / "libhostile.so").write_bytes(b"\x7fELF")
    monkeypatch.setenv("HDF5_PLUGIN_PATH", str(plugins))
    other = tmp_path / "secret.h5"
    with h5py.File(other, "w") as file:
        file["log_mel"] = SECRET
    shard = one_shard(hdf5_paths)
    with h5py.File(shard, "r+") as file:
        for name in ("log_mel", "moments/log_mel"):
            del file[name]
        UNSAFE[way](file, other)
        file["moments/log_mel"] = h5py.ExternalLink(str(other), "log_mel")
    vouch_for(hdf5_paths, shard)
    found = readings(hdf5_paths.root, tmp_path)
    for name in ("verify", "stats", "export"):
        assert found[name].code == 12, (name, found[name].said)
    for name, done in found.items():
        assert "1234.5" not in done.said, name
    assert KEY in found["verify"].said
    for verify in (False, True):
        with open_store(hdf5_paths.root, verify=verify) as store:
            for start, stop in ((0, 1), (0, None)):
                with pytest.raises(DamageError):
                    store.read(KEY, "log_mel", start, stop)


def test_row_95_a_manifest_that_goes_along_with_the_lie_is_not_believed_either(tmp_path: Path) -> None:
    """No array is made of a size that only the file claims."""
    with h5py.File(tmp_path / "shard.h5", "w") as file:
        file.create_dataset("log_mel", (1 << 44, 4), "f4", chunks=(1 << 14, 4))[:1] = 1.0
        file.create_dataset("index/key", (1 << 40,), "S8", chunks=(1 << 20,))
        file.create_dataset("moments/log_mel", (1 << 44, 4), "f8", chunks=(1 << 14, 4))[:1] = 1.0
    with closing(Hdf5Reader(tmp_path / "shard.h5")) as reader:
        for read in (
            lambda: reader.read("log_mel", Location("a", 0, 1 << 44), 0, 1 << 44),
            reader.index,
            lambda: reader.moments("log_mel", n_rows=1),
        ):
            with pytest.raises(ValueError, match="ever written"):
                read()


def an_object_array(array: np.ndarray) -> bytes:
    return npy_bytes(np.full(array.shape, None))


def a_lying_shape(array: np.ndarray) -> bytes:
    return npy_bytes(array).replace(b"(6, 5)", b"(9, 5)")


def a_shape_of_4_tib(array: np.ndarray) -> bytes:
    return npy_bytes(array).replace(b"(6, 5), }" + b" " * 12, b"(219902325555, 5), }" + b" ")


def trailing_bytes(array: np.ndarray) -> bytes:
    return npy_bytes(array) + b"\0"


def npy_bytes(array: np.ndarray) -> bytes:
    content = io.BytesIO()
    np.lib.format.write_array(content, array, version=(1, 0))
    return content.getvalue()


@pytest.mark.parametrize("lie", [an_object_array, a_lying_shape, a_shape_of_4_tib, trailing_bytes])
def test_row_96_a_lying_array_is_damage_to_all(tmp_path: Path, lie: Callable[[np.ndarray], bytes]) -> None:
    settings = settings_for("store.shard_clips=64", store_format="npy")
    paths = make_store(tmp_path / "store", settings, ARRAYS)
    shard = one_shard(paths)
    file = shard / npy_path("log_mel", KEY)
    before = file.read_bytes()
    file.write_bytes(lie(ARRAYS[KEY]["log_mel"]))
    assert file.read_bytes() != before
    vouch_for(paths, shard)
    found = readings(paths.root, tmp_path)
    for name in ("verify", "export"):
        assert found[name].code == 12, name
        assert KEY in found[name].said, name
    for verify in (False, True):
        with open_store(paths.root, verify=verify) as store, pytest.raises(DamageError):
            store.read(KEY, "log_mel")


@FORMATS
def test_row_99_a_shard_without_a_record_is_swept_and_a_record_without_a_shard_is_no_clip(
    tmp_path: Path, store_format: str
) -> None:
    """Of a run that was killed: its commit records name what is done, whatever lies in ``shards``."""
    paths, settings = StorePaths(tmp_path), settings_for(store_format=store_format)
    arrays = small_arrays(24)
    _, tasks, commits = write_shards(paths, settings, arrays)
    orphan, bare, *_ = commits
    assert orphan.shard is not None
    assert bare.shard is not None
    paths.commit(orphan.slot).unlink()
    place = paths.shards / bare.shard.name
    shutil.rmtree(place) if place.is_dir() else place.unlink()
    known = known_results(paths, settings)
    lost = {clip.key for task in tasks if task.slot in (orphan.slot, bare.slot) for clip in task.clips}
    assert known.clips.keys() == arrays.keys() - lost
    assert orphan.shard.name not in known.shards
    sweep(paths, keep=known.shards)
    assert {shard.name for shard in paths.shards.iterdir()} == known.shards.keys()
