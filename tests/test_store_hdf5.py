"""HDF5 shards: the common suite, what other programs find in the file, and a disk that fills up below HDF5."""

from __future__ import annotations

import errno
import os
from pathlib import Path

import h5py
import numpy as np
import pytest
from store_suite import FEATURES, ODD_KEYS, ShardSuite, random_arrays, shard_clip

from audiofeat.store.hdf5 import Hdf5Shards
from audiofeat.store.packing import Packing
from audiofeat.store.rows import RowBudget
from audiofeat.store.staging import RecordingFile


class TestHdf5Shards(ShardSuite):
    packing = Packing()


class TestGzipShardsOfShortChunks(ShardSuite):
    packing = Packing("hdf5", "gzip", 3, 7)


class TestGzipShards(ShardSuite):
    packing = Packing("hdf5", "gzip", 9, 128)


class TestBlosc2ShardsOfShortChunks(ShardSuite):
    packing = Packing("hdf5", "blosc2", 3, 7)


class TestBlosc2Shards(ShardSuite):
    packing = Packing("hdf5", "blosc2", 3, 128)


class TestBlosc2ShardsOfLongChunks(ShardSuite):
    packing = Packing("hdf5", "blosc2", 1, 65_536)


@pytest.fixture
def budget(tmp_path: Path) -> RowBudget:
    return RowBudget(tmp_path)


def test_any_hdf5_program_finds_features_index_and_units(budget: RowBudget, tmp_path: Path) -> None:
    clips = [shard_clip(key, random_arrays(seed + 1, seed=seed), budget) for seed, key in enumerate(ODD_KEYS)]
    Hdf5Shards().write(tmp_path / "shard.h5", clips, FEATURES)
    with h5py.File(tmp_path / "shard.h5") as file:
        assert sorted(file) == ["index", "log_mel", "mfcc", "moments"]
        assert file["index/key"].asstr()[:].tolist() == ODD_KEYS
        assert file["index/frames"][:].tolist() == list(range(1, len(ODD_KEYS) + 1))
        assert file["index/row"][:].tolist() == np.cumsum([0, *range(1, len(ODD_KEYS))]).tolist()
        assert file["log_mel"].attrs["unit"] == "ln power"
        assert file["log_mel"].attrs["frame_rate_hz"] == 100.0
        assert file["log_mel"].chunks is None, "contiguous: random slices are read three times faster"


class Disk:
    """Stands in for os.pwrite: takes ``free_bytes``, then is full."""

    def __init__(self, free_bytes: int) -> None:
        self.free_bytes = free_bytes
        self.refusals = 0
        self._pwrite = os.pwrite

    def pwrite(self, descriptor: int, content: memoryview, offset: int) -> int:
        part = content[: self.free_bytes]
        if not len(part):
            self.refusals += 1
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        self.free_bytes -= len(part)
        return self._pwrite(descriptor, part, offset)


@pytest.mark.parametrize("free_bytes", [0, 1, 96, 800, 2_048, 10_000, 50_000, 99_000])
def test_fault_10_a_full_disk_is_one_error_and_no_crash(
    budget: RowBudget, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, free_bytes: int
) -> None:
    clips = [shard_clip(str(number), random_arrays(500, seed=number), budget) for number in range(5)]
    disk = Disk(free_bytes)
    monkeypatch.setattr(os, "pwrite", disk.pwrite)
    with pytest.raises(OSError, match="No space left on device") as caught:
        Hdf5Shards().write(tmp_path / "shard.h5", clips, FEATURES)
    assert caught.value.errno == errno.ENOSPC
    assert disk.refusals == 1, "nothing is tried after the first fault"


def test_a_disk_that_takes_a_little_at_a_time_gives_the_same_bytes(
    budget: RowBudget, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    clips = [shard_clip(str(number), random_arrays(50, seed=number), budget) for number in range(3)]
    Hdf5Shards().write(tmp_path / "whole.h5", clips, FEATURES)
    pwrite = os.pwrite
    monkeypatch.setattr(os, "pwrite", lambda descriptor, content, offset: pwrite(descriptor, content[:100], offset))
    Hdf5Shards().write(tmp_path / "bit_by_bit.h5", clips, FEATURES)
    assert (tmp_path / "whole.h5").read_bytes() == (tmp_path / "bit_by_bit.h5").read_bytes()


def test_the_system_is_given_no_piece_for_which_it_would_look_for_a_large_page(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    sizes: list[int] = []
    pwrite = os.pwrite

    def noted(descriptor: int, content: memoryview, offset: int) -> int:
        sizes.append(len(content))
        return pwrite(descriptor, content, offset)

    content = np.random.default_rng(1).bytes((3 << 20) + 5)
    monkeypatch.setattr(os, "pwrite", noted)
    file = RecordingFile(tmp_path / "file")
    assert file.write(memoryview(content)) == len(content)
    file.finish()
    assert max(sizes) <= 1 << 20
    assert (tmp_path / "file").read_bytes() == content


def test_no_descriptor_stays_open_after_a_fault(
    budget: RowBudget, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    clips = [shard_clip("a", random_arrays(50, seed=1), budget)]
    monkeypatch.setattr(os, "pwrite", Disk(0).pwrite)
    before = os.listdir("/proc/self/fd")
    with pytest.raises(OSError, match="No space left"):
        Hdf5Shards().write(tmp_path / "shard.h5", clips, FEATURES)
    assert os.listdir("/proc/self/fd") == before


def test_a_recording_file_is_a_file(tmp_path: Path) -> None:
    file = RecordingFile(tmp_path / "file")
    assert file.write(memoryview(b"hello world")) == 11
    assert file.tell() == 11
    assert file.seek(-5, os.SEEK_END) == 6
    assert file.read() == b"world"
    assert file.seek(-3, os.SEEK_CUR) == 8
    assert file.read(2) == b"rl"
    assert file.seek(1) == 1
    buffer = bytearray(4)
    assert file.readinto(memoryview(buffer)) == 4
    assert bytes(buffer) == b"ello"
    assert file.truncate(5) == 5
    file.flush()
    file.finish()
    assert (tmp_path / "file").read_bytes() == b"hello"


def test_a_recording_file_that_cannot_be_cut_says_so_at_the_end(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def ftruncate(descriptor: int, size: int) -> None:
        raise OSError(errno.EDQUOT, os.strerror(errno.EDQUOT))

    file = RecordingFile(tmp_path / "file")
    monkeypatch.setattr(os, "ftruncate", ftruncate)
    assert file.truncate(100) == 100
    assert file.write(memoryview(b"lost")) == 4
    with pytest.raises(OSError, match="quota"):
        file.finish()
