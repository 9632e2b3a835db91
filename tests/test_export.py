"""What holds for every export: whole or not at all, nothing overwritten, each clip checked, the same bytes again."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import tracemalloc
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner
from exports import FEATURES, KEYS, REAL, arrays_for, odd_store
from running import audiofeat
from store_suite import largest_file, tree

from audiofeat.cli.export import _watch, export
from audiofeat.errors import REPAIR_HINT, ConfigError, DamageError, Interrupted, NoStoreError, StorageError
from audiofeat.export import EXPORTS, export_store, parquet
from audiofeat.report import size_text

FORMATS = pytest.mark.parametrize("to", EXPORTS)
WITH_VALUES = pytest.mark.parametrize("to", [name for name in EXPORTS if name != "hdf5-view"])
FOLDERS = ("npy", "kaldi", "tfrecord", "webdataset")


@pytest.fixture
def folder(odd_stores: Path, tmp_path: Path) -> Path:
    """A folder with an HDF5 store, and nothing else."""
    shutil.copytree(odd_stores / "hdf5", tmp_path / "store")
    return tmp_path


def names_in(folder: Path) -> list[str]:
    return sorted(entry.name for entry in folder.iterdir())


def test_the_same_store_gives_the_same_bytes_in_another_process_later(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (folder / "here").mkdir()
    (folder / "there").mkdir()
    code = f"from audiofeat.export import *\nfor to in EXPORTS: export_store('../store', to, to=to, features={REAL})"
    subprocess.run([sys.executable, "-c", code], check=True, cwd=folder / "there")
    monkeypatch.chdir(folder / "here")  # Kaldi's scp names the target as it is given
    for to in EXPORTS:
        export_store("../store", to, to=to, features=REAL)
        assert tree(folder / "here" / to) == tree(folder / "there" / to), to


@WITH_VALUES
def test_an_hdf5_and_an_npy_store_give_the_same_bytes(folder: Path, monkeypatch: pytest.MonkeyPatch, to: str) -> None:
    odd_store(folder / "other" / "store", store_format="npy")
    for place in (folder, folder / "other"):
        monkeypatch.chdir(place)
        export_store("store", "export", to=to, features=REAL)
    assert tree(folder / "export") == tree(folder / "other" / "export")


@FORMATS
def test_the_report_counts_what_is_there(folder: Path, to: str) -> None:
    report = export_store(folder / "store", folder / "export", to=to, features=REAL)
    assert names_in(folder) == ["export", "store"]
    files = tree(folder / "export")
    assert (report.clips, report.files) == (len(KEYS), len(files))
    assert report.size_bytes == sum(map(len, files.values()))


@FORMATS
def test_some_clips_and_features_are_exported_and_no_others(folder: Path, to: str) -> None:
    report = export_store(folder / "store", folder / "export", to=to, features=["mfcc"], keys=["a b", "übung", "a b"])
    assert report.clips == 2
    content = b"".join([name.encode() + content for name, content in tree(folder / "export").items()])
    assert b"mfcc" in content
    assert b"log_mel" not in content
    assert "übung".encode() in content
    assert b"a.b.c" not in content


@FORMATS
def test_the_clips_that_a_condition_holds_for_are_exported_and_no_others(folder: Path, to: str) -> None:
    options: dict[str, Any] = {"to": to, "features": REAL}
    export_store(folder / "store", folder / "by key", **options, keys=["a b", "a"])
    among = export_store(folder / "store", folder / "among", **options, keys=["a b", "a", "_x"], where="'a' in key")
    report = export_store(folder / "store", folder / "where", **options, where="key in ('a b', 'a')")
    assert (report.clips, among.clips) == (2, 2)
    if to != "kaldi":  # its scp names the target
        assert tree(folder / "where") == tree(folder / "by key") == tree(folder / "among")


@FORMATS
def test_an_export_of_no_clips_is_an_export(folder: Path, to: str) -> None:
    assert export_store(folder / "store", folder / "export", to=to, features=REAL, keys=[]).clips == 0
    assert (folder / "export").exists()


# The target


@FORMATS
@pytest.mark.parametrize("there", ["file", "folder"])
def test_what_is_at_the_target_stays_as_it_is(folder: Path, to: str, there: str) -> None:
    target = folder / "export"
    held = target / "mine" if there == "folder" else target
    held.parent.mkdir(exist_ok=True)
    held.write_text("mine")
    with pytest.raises(ConfigError, match="export is "):
        export_store(folder / "store", target, to=to, features=REAL)
    assert held.read_text() == "mine"
    assert names_in(folder) == ["export", "store"]


@WITH_VALUES
def test_what_comes_to_the_target_meanwhile_stays_too(folder: Path, to: str) -> None:
    target = folder / "export"
    with pytest.raises(ConfigError, match="export is "):
        export_store(
            folder / "store", target, to=to, features=REAL, watch=lambda done, total: target.write_text("mine") and None
        )
    assert target.read_text() == "mine"
    assert names_in(folder) == ["export", "store"]


@FORMATS
def test_an_empty_folder_takes_a_folder_and_an_empty_file_a_file(folder: Path, to: str) -> None:
    if to in FOLDERS:
        (folder / "export").mkdir()
    else:
        (folder / "export").touch()
    export_store(folder / "store", folder / "export", to=to, features=REAL)
    assert tree(folder / "export")
    assert names_in(folder) == ["export", "store"]


@FORMATS
def test_a_folder_is_no_file_and_a_file_is_no_folder(folder: Path, to: str) -> None:
    if to in FOLDERS:
        (folder / "export").touch()
    else:
        (folder / "export").mkdir()
    with pytest.raises(ConfigError, match=r"export is a (file|folder)"):
        export_store(folder / "store", folder / "export", to=to, features=REAL)


@pytest.mark.parametrize("place", ["store", "store/export", "store/shards/export", "link/export", "nowhere/export"])
def test_a_target_in_the_store_or_nowhere_is_refused(folder: Path, place: str) -> None:
    (folder / "link").symlink_to(folder / "store" / "shards")
    before = tree(folder / "store")
    with pytest.raises(ConfigError, match=r"in the store itself|there is no folder"):
        export_store(folder / "store", folder / place, to="npy")
    assert tree(folder / "store") == before
    assert not (folder / "nowhere").exists()


# What is asked for


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"to": "tfrecords"}, r"no export format 'tfrecords'; did you mean 'tfrecord'\?"),
        ({"features": ["mfc"]}, r"no feature 'mfc'; did you mean 'mfcc'\?"),
        ({"features": []}, "no feature is named"),
        ({"features": ["mfcc", "mel", "mfcc"]}, "mfcc is named twice"),
        ({"where": "durations > 1"}, r"--where, character 1: 'durations' is no column .*; did you mean 'duration'\?"),
        ({"keys": ["a", "nobody"]}, "1 of 2 keys are not in the store, such as 'nobody'"),
        ({"shard_mb": 5}, "npy is not cut into files"),
        ({"to": "webdataset", "shard_mb": 0}, "files of 0 MB"),
    ],
)
def test_what_there_is_not_is_refused_with_what_there_is(folder: Path, options: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError, match=message) as caught:
        export_store(folder / "store", folder / "export", **{"to": "npy", **options})
    assert caught.value.hint
    assert names_in(folder) == ["store"]


def test_no_store_no_export(tmp_path: Path) -> None:
    with pytest.raises(NoStoreError):
        export_store(tmp_path / "store", tmp_path / "export", to="npy")


# Faults


@WITH_VALUES
@pytest.mark.parametrize("store_format", ["hdf5", "npy"])
def test_a_damaged_clip_ends_the_export_and_nothing_is_left(
    odd_stores: Path, tmp_path: Path, to: str, store_format: str
) -> None:
    shutil.copytree(odd_stores / store_format, tmp_path / "store")
    values = arrays_for(KEYS)["übung"]["mfcc"].tobytes()
    for file in (tmp_path / "store" / "shards").rglob("*"):
        if file.is_file() and values in (content := file.read_bytes()):
            damaged = content.replace(values, bytes([values[0] ^ 1]) + values[1:])
            file.write_bytes(damaged)
    with pytest.raises(DamageError, match="'übung' are not those that were written"):
        export_store(tmp_path / "store", tmp_path / "export", to=to, features=["log_mel"])
    assert names_in(tmp_path) == ["store"]


@pytest.fixture(scope="module")
def long_store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A store that takes more than 5,000 bytes a file in every format."""
    keys = [f"folder {number % 5}/{number}" for number in range(100)]
    root = tmp_path_factory.mktemp("long") / "store"
    odd_store(root, store_format="hdf5", arrays=arrays_for(keys, rows=80))
    return root


@FORMATS
@pytest.mark.parametrize("size_bytes", [0, 1_000, 5_000])
def test_a_full_disk_is_told_and_nothing_is_left(long_store: Path, tmp_path: Path, to: str, size_bytes: int) -> None:
    with largest_file(size_bytes), pytest.raises(StorageError, match="File too large") as caught:
        export_store(long_store, tmp_path / "export", to=to, features=REAL)
    assert "nothing was written" in caught.value.hint
    assert names_in(tmp_path) == []


def test_a_disk_that_fills_while_hdf5_reads_back_ends_in_no_crash(tmp_path: Path) -> None:
    keys = [f"{number % 50}/{number % 7}/{number}" for number in range(600)]
    odd_store(tmp_path / "many", store_format="hdf5", arrays=arrays_for(keys, rows=3))
    for size_bytes in (3_000, 100_000, 1_000_000):
        with largest_file(size_bytes), pytest.raises(StorageError, match="File too large"):
            export_store(tmp_path / "many", tmp_path / "export", to="hdf5")
    assert names_in(tmp_path) == ["many"]


@WITH_VALUES
def test_what_the_watcher_raises_ends_the_export_and_nothing_is_left(folder: Path, to: str) -> None:
    def watch(done: int, total: int) -> None:
        assert total == len(KEYS)
        if done == 5:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        export_store(folder / "store", folder / "export", to=to, features=REAL, watch=watch)
    assert names_in(folder) == ["store"]


@WITH_VALUES
def test_memory_does_not_grow_with_the_store(folder: Path, monkeypatch: pytest.MonkeyPatch, to: str) -> None:
    monkeypatch.setattr(parquet, "_GROUP_BYTES", 500_000)
    values = np.random.default_rng(1).standard_normal((2_500, 6))
    clip = {spec.name: values[:, : spec.dims].astype(spec.dtype) for spec in FEATURES}  # 0.25 MB
    odd_store(folder / "large", store_format="hdf5", arrays={f"clip {number:02d}": clip for number in range(50)})
    tracemalloc.start()
    export_store(folder / "large", folder / "export", to=to, features=REAL)
    peak_bytes = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak_bytes < 4_000_000  # of 12.5


# The command


def test_the_command_exports_and_says_what(folder: Path) -> None:
    done = audiofeat("export", folder / "store", folder / "export", "--to", "kaldi", "--features", "mfcc, log_mel")
    assert (done.code, done.err) == (0, "")
    size = size_text(sum(map(len, tree(folder / "export").values())))
    assert done.out == f"{folder}/export: {len(KEYS)} clips, 6 files, {size}\n"
    assert {"mfcc.ark", "log_mel.scp"} < set(names_in(folder / "export"))
    assert "mel.ark" not in names_in(folder / "export")


def test_the_command_takes_a_condition_and_a_comma_too_many(folder: Path) -> None:
    arguments = [str(folder / "store"), str(folder / "export"), "--to=npy", "--features=mfcc,", "--where=key == 'a b'"]
    done = CliRunner().invoke(export, arguments, standalone_mode=False)
    assert done.output.startswith(f"{folder}/export: 1 clip, 2 files, ")
    assert names_in(folder / "export" / "mfcc") == ["a b.npy"]


def test_the_command_is_quiet_and_cuts_to_size(folder: Path) -> None:
    done = CliRunner().invoke(
        export, [str(folder / "store"), str(folder / "export"), "--to=webdataset", "--shard-mb=1", "-q"]
    )
    assert (done.exit_code, done.output) == (0, "")
    assert names_in(folder / "export") == ["000000.tar"]


def test_the_commands_mistakes_have_their_exit_codes(folder: Path) -> None:
    assert audiofeat("export", folder / "store", folder / "export", "--to", "matlab").code == 2
    assert audiofeat("export", folder / "store", folder / "store", "--to", "npy").code == 2
    assert audiofeat("export", folder / "nothing", folder / "export", "--to", "npy").code == 10
    for shard in (folder / "store" / "shards").iterdir():
        shard.unlink()
    for name in ("npy", "hdf5-view"):
        done = audiofeat("export", folder / "store", folder / "export", "--to", name)
        assert done.code == 12
        assert "No such file or directory" in done.err
        assert "errno = 2" not in done.err  # HDF5 would have a lot to say
        assert done.err.endswith(f"  try: {REPAIR_HINT}\n")
    assert names_in(folder) == ["store"]


def test_a_signal_ends_the_command_between_two_clips() -> None:
    with _watch(quiet=True) as watch:
        watch(0, 2)
        os.kill(os.getpid(), signal.SIGTERM)
        with pytest.raises(Interrupted, match="nothing was written") as caught:
            watch(1, 2)
    assert caught.value.signal_number == signal.SIGTERM
    assert signal.getsignal(signal.SIGTERM) is signal.SIG_DFL


def test_a_format_brings_its_own_libraries_and_tensorflow_none(folder: Path) -> None:
    code = (
        "import sys; from audiofeat.export import export_store as e\n"
        f"e({str(folder / 'store')!r}, {str(folder / 'export')!r}, to='tfrecord')\n"
        "assert not {'tensorflow', 'webdataset', 'kaldiio'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
