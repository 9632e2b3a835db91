"""What every kind of shard must do, as one suite: a kind passes it as a subclass that names itself.

Each file of a kind's tests adds what is particular to it.
"""

from __future__ import annotations

import contextlib
import errno
import os
import resource
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import ClassVar

import numpy as np
import pytest

from audiofeat.errors import ConfigError
from audiofeat.records import FeatureSpec
from audiofeat.store.formats import shard_format
from audiofeat.store.moments import as_array
from audiofeat.store.packing import Packing
from audiofeat.store.rows import BLOCK_ROWS, RowBudget, Rows
from audiofeat.store.shard_format import Array, Location, ShardClip, ShardFormat

FEATURES = (
    FeatureSpec("log_mel", 5, "float32", "ln power", 100.0),
    FeatureSpec("mfcc", 3, "float64", "cepstrum of ln power", 100.0),
)
ALL_TYPES = (
    *FEATURES,
    FeatureSpec("spectrogram", 4, "float16", "power", 100.0),
    FeatureSpec("stft", 2, "complex64", "amplitude", 100.0),
)
"""Of every type that a store may hold."""
NAMES = [spec.name for spec in ALL_TYPES]
ODD_KEYS = sorted(
    [
        ".",
        "..",
        "../up",
        "a/../b",
        "a b",
        "a.b.c",
        "a/b/c",
        "a/b/d",
        "aux",
        "ends with a dot.",
        "ends with a space ",
        'quotes"and<>:|?*\\',
        "übung",
        "u\u0308bung",
        "日本/語",
        "%41",
        "x" * 300,
        "x" * 301,
        f"{'long/' * 40}end",
    ]
)


def random_arrays(n_frames: int, *, seed: int, features: Sequence[FeatureSpec] = FEATURES) -> dict[str, Array]:
    generator = np.random.default_rng(seed)
    return {spec.name: generator.standard_normal((n_frames, spec.dims)).astype(spec.dtype) for spec in features}


def arrays_of_all_types(n_frames: int, *, seed: int) -> dict[str, Array]:
    arrays = random_arrays(n_frames, seed=seed, features=ALL_TYPES)
    arrays["stft"].imag = np.random.default_rng(seed + 1).standard_normal((n_frames, 2))
    return arrays


def shard_clip(key: str, arrays: Mapping[str, Array], budget: RowBudget, *, piece_rows: int = 1 << 30) -> ShardClip:
    """A finished clip whose rows came in pieces of ``piece_rows``."""
    features = {}
    for name, array in arrays.items():
        rows = features[name] = Rows(array.shape[1], budget, dtype=array.dtype)
        for start in range(0, len(array), piece_rows):
            rows.append(array[start : start + piece_rows])
    return ShardClip(key, features)


def locations(arrays: Mapping[str, Mapping[str, Array]]) -> dict[str, Location]:
    """Where each clip of a shard lies, given its clips in order."""
    out: dict[str, Location] = {}
    row = 0
    for key, features in arrays.items():
        n_frames = len(features["log_mel"])
        out[key] = Location(key, row, n_frames)
        row += n_frames
    return out


def tree(path: Path) -> dict[str, bytes]:
    """Every file at or below ``path`` by relative name."""
    files = [path] if path.is_file() else [file for file in path.rglob("*") if file.is_file()]
    return {file.relative_to(path).as_posix(): file.read_bytes() for file in files}


@contextlib.contextmanager
def largest_file(size_bytes: int) -> Iterator[None]:
    """Let no file of this process grow beyond ``size_bytes``: the system itself then refuses to write (EFBIG)."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size_bytes, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


class ShardSuite:
    """The conformance suite, of one way to pack shards; it writes features of every type."""

    packing: ClassVar[Packing]

    @pytest.fixture
    def kind(self) -> ShardFormat:
        return shard_format(self.packing.kind, self.packing)

    @pytest.fixture
    def budget(self, tmp_path: Path) -> RowBudget:
        spool = tmp_path / "spool"
        spool.mkdir()
        return RowBudget(spool)

    def write(
        self,
        kind: ShardFormat,
        path: Path,
        arrays: Mapping[str, Mapping[str, Array]],
        budget: RowBudget,
        *,
        piece_rows: int = 1 << 30,
    ) -> None:
        clips = [shard_clip(key, features, budget, piece_rows=piece_rows) for key, features in arrays.items()]
        kind.write(path, clips, ALL_TYPES)
        for clip in clips:
            for rows in clip.features.values():
                rows.release()

    def assert_holds(self, kind: ShardFormat, path: Path, arrays: Mapping[str, Mapping[str, Array]]) -> None:
        reader = kind.open(path)
        for key, location in locations(arrays).items():
            for name, wanted in arrays[key].items():
                found = reader.read(name, location, 0, location.n_frames)
                assert found.dtype == wanted.dtype
                np.testing.assert_array_equal(found, wanted, err_msg=f"{key} {name}")
        reader.close()

    def test_what_was_written_is_read(self, kind: ShardFormat, budget: RowBudget, tmp_path: Path) -> None:
        arrays = {key: arrays_of_all_types(n, seed=n) for key, n in (("a", 1), ("b", 40), ("c", 7), ("d", 1000))}
        self.write(kind, tmp_path / "shard", arrays, budget)
        self.assert_holds(kind, tmp_path / "shard", arrays)

    @pytest.mark.parametrize(("start", "stop"), [(0, 0), (0, 1), (3, 9), (9, 10), (10, 10)])
    def test_a_slice_is_read_without_the_rest(
        self, kind: ShardFormat, budget: RowBudget, tmp_path: Path, start: int, stop: int
    ) -> None:
        arrays = {key: arrays_of_all_types(10, seed=seed) for seed, key in enumerate("abc")}
        self.write(kind, tmp_path / "shard", arrays, budget)
        reader = kind.open(tmp_path / "shard")
        for key, location in locations(arrays).items():
            for spec in ALL_TYPES:
                found = reader.read(spec.name, location, start, stop)
                np.testing.assert_array_equal(found, arrays[key][spec.name][start:stop])
                assert found.shape == (stop - start, spec.dims)
        reader.close()

    def test_the_same_clips_give_the_same_bytes(self, kind: ShardFormat, budget: RowBudget, tmp_path: Path) -> None:
        arrays = {key: arrays_of_all_types(n, seed=n) for key, n in (("a", 50), ("b/c", 3), ("d", 20))}
        self.write(kind, tmp_path / "one", arrays, budget)
        self.write(kind, tmp_path / "other", arrays, budget)
        assert tree(tmp_path / "one") == tree(tmp_path / "other")
        assert kind.digest(tmp_path / "one") == kind.digest(tmp_path / "other")

    @pytest.mark.parametrize("piece_rows", [1, 7, 4096])
    def test_neither_pieces_nor_spools_leave_a_trace(
        self, kind: ShardFormat, budget: RowBudget, tmp_path: Path, piece_rows: int
    ) -> None:
        arrays = {key: arrays_of_all_types(n, seed=n) for key, n in (("a", 5), ("b", 601), ("c", 2))}
        self.write(kind, tmp_path / "whole", arrays, budget)
        scarce = RowBudget(budget.spool.folder, process_bytes=5000, clip_bytes=3000)
        self.write(kind, tmp_path / "pieces", arrays, scarce, piece_rows=piece_rows)
        assert tree(tmp_path / "whole") == tree(tmp_path / "pieces")

    def test_a_clip_of_several_blocks_out_of_a_spool(
        self, kind: ShardFormat, budget: RowBudget, tmp_path: Path
    ) -> None:
        arrays = {
            "a": arrays_of_all_types(10, seed=1),
            "b": arrays_of_all_types(2 * BLOCK_ROWS + 5, seed=2),
            "c": arrays_of_all_types(3, seed=3),
        }
        scarce = RowBudget(budget.spool.folder, clip_bytes=10_000)
        self.write(kind, tmp_path / "shard", arrays, scarce, piece_rows=2_048)
        self.assert_holds(kind, tmp_path / "shard", arrays)

    def test_odd_keys_stay_apart_and_inside_the_shard(
        self, kind: ShardFormat, budget: RowBudget, tmp_path: Path
    ) -> None:
        arrays = {key: arrays_of_all_types(3, seed=seed) for seed, key in enumerate(ODD_KEYS)}
        inside = tmp_path / "inside"
        inside.mkdir()
        self.write(kind, inside / "shard", arrays, budget)
        self.assert_holds(kind, inside / "shard", arrays)
        assert [entry.name for entry in inside.iterdir()] == ["shard"]

    def test_a_clip_without_frames(self, kind: ShardFormat, budget: RowBudget, tmp_path: Path) -> None:
        arrays = {
            "a": arrays_of_all_types(2, seed=1),
            "empty": arrays_of_all_types(0, seed=2),
            "z": arrays_of_all_types(2, seed=3),
        }
        self.write(kind, tmp_path / "shard", arrays, budget)
        self.assert_holds(kind, tmp_path / "shard", arrays)

    def test_nothing_but_clips_without_frames(self, kind: ShardFormat, budget: RowBudget, tmp_path: Path) -> None:
        arrays = {"empty": arrays_of_all_types(0, seed=2)}
        self.write(kind, tmp_path / "shard", arrays, budget)
        self.assert_holds(kind, tmp_path / "shard", arrays)

    def test_the_size_is_that_of_all_files(self, kind: ShardFormat, budget: RowBudget, tmp_path: Path) -> None:
        self.write(
            kind, tmp_path / "shard", {"a": arrays_of_all_types(9, seed=1), "b": arrays_of_all_types(1, seed=2)}, budget
        )
        assert kind.size_bytes(tmp_path / "shard") == sum(map(len, tree(tmp_path / "shard").values()))

    def test_every_bit_counts_in_the_digest(self, kind: ShardFormat, budget: RowBudget, tmp_path: Path) -> None:
        shard = tmp_path / "shard"
        self.write(kind, shard, {"a": arrays_of_all_types(9, seed=1), "b": arrays_of_all_types(1, seed=2)}, budget)
        digest = kind.digest(shard)
        for name, content in tree(shard).items():
            for position in (0, len(content) // 2, len(content) - 1):
                flipped = bytearray(content)
                flipped[position] ^= 1
                (shard / name).write_bytes(flipped)
                assert kind.digest(shard) != digest, f"{name} at {position}"
            (shard / name).write_bytes(content)
        assert kind.digest(shard) == digest

    def test_a_cut_off_file_gives_an_error_and_no_rows(
        self, kind: ShardFormat, budget: RowBudget, tmp_path: Path
    ) -> None:
        arrays = {"a": arrays_of_all_types(90, seed=1)}
        shard = tmp_path / "shard"
        self.write(kind, shard, arrays, budget)
        # No row depends on NPY's files of moments.
        whole = {name: content for name, content in tree(shard).items() if not name.startswith("moments/")}
        for name, content in whole.items():
            for kept in (0, 6, 100, len(content) // 2, len(content) - 1):
                (shard / name).write_bytes(content[:kept])
                with pytest.raises((OSError, ValueError, KeyError)):
                    self.assert_holds(kind, shard, arrays)
            (shard / name).write_bytes(content)
        self.assert_holds(kind, shard, arrays)

    def test_a_missing_shard_and_a_missing_feature(self, kind: ShardFormat, budget: RowBudget, tmp_path: Path) -> None:
        self.write(kind, tmp_path / "shard", {"a": arrays_of_all_types(2, seed=1)}, budget)
        with pytest.raises(OSError, match="No such file"):
            kind.open(tmp_path / "other").read("log_mel", Location("a", 0, 2), 0, 2)
        reader = kind.open(tmp_path / "shard")
        with pytest.raises((OSError, KeyError)):
            reader.read("chroma", Location("a", 0, 2), 0, 2)
        reader.close()

    def test_a_shard_agrees_with_its_own_manifest(self, kind: ShardFormat, budget: RowBudget, tmp_path: Path) -> None:
        arrays = {
            key: arrays_of_all_types(n, seed=n) for key, n in ((".", 3), ("a/b", 0), ("x" * 300, 7), ("übung", 1))
        }
        self.write(kind, tmp_path / "shard", arrays, budget)
        reader = kind.open(tmp_path / "shard")
        places = list(locations(arrays).values())
        assert list(reader.differences(places, NAMES)) == []
        assert reader.index() in (None, places)
        reader.close()

    def test_a_manifest_of_other_clips_is_told_clip_by_clip(
        self, kind: ShardFormat, budget: RowBudget, tmp_path: Path
    ) -> None:
        arrays = {key: arrays_of_all_types(n, seed=n) for key, n in (("a", 3), ("b", 4), ("c", 7))}
        self.write(kind, tmp_path / "shard", arrays, budget)
        reader = kind.open(tmp_path / "shard")
        a, b, _ = locations(arrays).values()
        longer, unknown = Location("b", b.row_offset, 5), Location("d", 8, 7)
        found = list(reader.differences([a, longer, unknown], NAMES))
        assert {key for key, _ in found} == {"b", "d", ""}
        assert any("c" in text for key, text in found if not key)
        reader.close()

    def test_a_shard_is_never_written_over_another(self, kind: ShardFormat, budget: RowBudget, tmp_path: Path) -> None:
        self.write(kind, tmp_path / "shard", {"a": arrays_of_all_types(2, seed=1)}, budget)
        before = tree(tmp_path / "shard")
        with pytest.raises(FileExistsError):
            self.write(kind, tmp_path / "shard", {"b": arrays_of_all_types(2, seed=2)}, budget)
        assert tree(tmp_path / "shard") == before

    @pytest.mark.parametrize("size_bytes", [0, 100, 3_000, 20_000])
    def test_a_file_that_cannot_grow_is_an_error_and_no_crash(
        self, kind: ShardFormat, budget: RowBudget, tmp_path: Path, size_bytes: int
    ) -> None:
        clips: Sequence[ShardClip] = [shard_clip("a", arrays_of_all_types(5_000, seed=1), budget)]
        with largest_file(size_bytes), pytest.raises(OSError, match="File too large") as caught:
            kind.write(tmp_path / "shard", clips, ALL_TYPES)
        assert caught.value.errno == errno.EFBIG

    def test_a_disk_that_fails_to_sync_is_an_error(
        self, kind: ShardFormat, budget: RowBudget, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def fsync(descriptor: int) -> None:
            raise OSError(errno.EIO, os.strerror(errno.EIO))

        monkeypatch.setattr(os, "fsync", fsync)
        with pytest.raises(OSError, match="Input/output error"):
            self.write(kind, tmp_path / "shard", {"a": arrays_of_all_types(2, seed=1)}, budget)

    def test_moments_are_those_of_all_rows(self, kind: ShardFormat, budget: RowBudget, tmp_path: Path) -> None:
        arrays = {key: arrays_of_all_types(n, seed=n) for key, n in (("a", 50), ("b", 3))}
        self.write(kind, tmp_path / "shard", arrays, budget)
        reader = kind.open(tmp_path / "shard")
        for spec in ALL_TYPES:
            rows = np.concatenate([features[spec.name] for features in arrays.values()])
            rows = np.abs(rows.astype(np.complex128)) if spec.name == "stft" else rows.astype(np.float64)
            moments = reader.moments(spec.name, n_rows=53)
            assert moments is not None
            assert moments.n_rows == 53
            np.testing.assert_allclose(moments.mean, rows.mean(axis=0), rtol=1e-12)
            np.testing.assert_allclose(moments.variance, rows.var(axis=0), rtol=1e-12)
        reader.close()

    @pytest.mark.parametrize("feature", NAMES)
    @pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
    def test_a_value_that_is_no_number_is_never_written(
        self, kind: ShardFormat, budget: RowBudget, tmp_path: Path, value: float, feature: str
    ) -> None:
        arrays = {"a": arrays_of_all_types(700, seed=1)}
        arrays["a"][feature][654, 1] = value
        with pytest.raises(ConfigError, match="NaN or infinity"):
            self.write(kind, tmp_path / "shard", arrays, budget)

    def test_moments_are_the_same_bits_however_shards_are_packed(
        self, kind: ShardFormat, budget: RowBudget, tmp_path: Path
    ) -> None:
        lengths = {"a": 5, "b": BLOCK_ROWS - 2, "c": 601, "d": BLOCK_ROWS + 9}
        arrays = {key: arrays_of_all_types(n, seed=n) for key, n in lengths.items()}
        self.write(kind, tmp_path / "shard", arrays, budget)
        self.write(shard_format("hdf5"), tmp_path / "plain", arrays, budget)
        reader, plain = kind.open(tmp_path / "shard"), shard_format("hdf5").open(tmp_path / "plain")
        for name in NAMES:
            found, wanted = reader.moments(name, n_rows=1), plain.moments(name, n_rows=1)
            assert found is not None
            assert wanted is not None
            assert as_array(found).tobytes() == as_array(wanted).tobytes()
        reader.close()
        plain.close()
