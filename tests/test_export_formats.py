"""Every export is read by the library that it is for, and gives the store's values: odd keys, all types of numbers."""

from __future__ import annotations

import csv
import json
import shutil
import tarfile
import warnings
from pathlib import Path
from urllib.parse import unquote

import h5py
import kaldiio
import numpy as np
import pyarrow.parquet as pq
import pytest
import webdataset
from exports import FEATURES, KEYS, REAL, arrays_for, assert_same, durations_in, export_of, odd_store

from audiofeat.errors import ConfigError, DamageError
from audiofeat.export import export_store, parquet
from audiofeat.store.shard_format import Array

STORES = pytest.mark.parametrize("store_format", ["hdf5", "npy"])
NAMES = [spec.name for spec in FEATURES]
LEFT_OPEN = pytest.mark.filterwarnings("ignore:unclosed file <_io.BufferedReader name='.*[.]tar'>:ResourceWarning")
"""webdataset closes no tar."""


# NPY


@STORES
def test_numpy_reads_the_npy_tree(odd_stores: Path, tmp_path: Path, store_format: str) -> None:
    tree = export_of(odd_stores / store_format, tmp_path, to="npy")
    with open(tree / "manifest.csv", encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    assert_same({row["key"]: {name: np.load(tree / row[name]) for name in NAMES} for row in rows})
    assert [row["meta.number"] for row in rows] == [str(number) for number in range(len(KEYS))]
    assert {row["meta.label"] for row in rows} == {"", "yes \N{SNOWMAN}"}
    assert not {"shard", "row_offset"} & rows[0].keys()
    assert len(list(tree.rglob("*.npy"))) == len(KEYS) * len(NAMES)


def test_clips_that_want_one_file_are_refused_by_name(tmp_path: Path) -> None:
    odd_store(tmp_path / "store", store_format="hdf5", arrays=arrays_for(["a", "a.npy/b"]))
    with pytest.raises(ConfigError, match=r"the file of 'a\.npy/b' would have the name"):
        export_store(tmp_path / "store", tmp_path / "export", to="npy")
    assert not (tmp_path / "export").exists()


# HDF5


def text(value: object) -> str:
    assert isinstance(value, bytes)
    return value.decode()


@STORES
def test_h5py_reads_the_plain_file(odd_stores: Path, tmp_path: Path, store_format: str) -> None:
    with h5py.File(export_of(odd_stores / store_format, tmp_path, to="hdf5")) as file:
        paths = dict(zip(map(text, file["index/key"]), map(text, file["index/path"]), strict=True))
        assert_same({key: {name: file[name][path][:] for name in NAMES} for key, path in paths.items()})
        assert list(file["index/frames"]) == [len(file["mfcc"][path]) for path in paths.values()]
        assert file["mfcc"].attrs["unit"] == "cepstrum of ln power"
        assert file["mfcc"].attrs["frame_rate_hz"] == 100.0
        assert "frame_rate_hz" not in file["stft"].attrs


def test_a_plain_key_is_a_path_in_the_plain_file(odd_stores: Path, tmp_path: Path) -> None:
    values = arrays_for(KEYS)
    with h5py.File(export_of(odd_stores / "hdf5", tmp_path, to="hdf5")) as file:
        for key in ("a b", "a.b.c", "日本/語", "x" * 300):
            np.testing.assert_array_equal(file["log_mel"][key][:], values[key]["log_mel"])
            assert file["log_mel"][key].attrs["key"] == key
        attributes = dict(file["log_mel/日本/語"].attrs)
    assert attributes["sample_rate"] == 16_000
    assert attributes["duration_seconds"] == durations_in(odd_stores / "hdf5")["日本/語"]
    assert attributes["source"] == "日本/語.wav"
    assert attributes["meta.number"] == KEYS.index("日本/語")
    assert attributes["meta.share"] == KEYS.index("日本/語") / 4


def test_names_that_are_taken_in_the_plain_file_are_told_by_its_index(tmp_path: Path) -> None:
    keys = ["a", "a/b", "a/b/c", "a~", "b/c", "b/c/."]
    values = odd_store(tmp_path / "store", store_format="hdf5", arrays=arrays_for(keys))
    export_store(tmp_path / "store", tmp_path / "export", to="hdf5")
    with h5py.File(tmp_path / "export") as file:
        paths = dict(zip(map(text, file["index/key"]), map(text, file["index/path"]), strict=True))
        assert len(set(paths.values())) == len(keys)
        for key, path in paths.items():
            np.testing.assert_array_equal(file["mfcc"][path][:], values[key]["mfcc"])
    assert paths["a"] == "a"
    assert paths["a/b"] == "a~/b"
    assert paths["b/c/."] == "b/c~/%2E"


def test_h5py_reads_the_view(odd_stores: Path, tmp_path: Path) -> None:
    view = export_of(odd_stores / "hdf5", tmp_path, to="hdf5-view")
    with h5py.File(view) as file:
        found = clips_of_view(file)
        assert file["mfcc"].attrs["unit"] == "cepstrum of ln power"
        assert len(list((tmp_path / "store" / "shards").iterdir())) > 1
    assert_same(found)


def clips_of_view(file: h5py.File) -> dict[str, dict[str, Array]]:
    index = zip(map(text, file["index/key"]), file["index/row"], file["index/frames"], strict=True)
    return {key: {name: file[name][row : row + frames] for name in NAMES} for key, row, frames in index}


def test_the_view_finds_its_shards_after_both_were_moved_and_whatever_the_folders_are_called(
    odd_stores: Path, tmp_path: Path
) -> None:
    odd = tmp_path / "100%b %% übung"
    (odd / "views").mkdir(parents=True)
    shutil.copytree(odd_stores / "hdf5", odd / "store %0b")
    export_store(odd / "store %0b", odd / "views" / "all.h5", to="hdf5-view")
    odd.rename(tmp_path / "moved")
    with h5py.File(tmp_path / "moved" / "views" / "all.h5") as file:
        assert_same(clips_of_view(file))


def test_a_shard_that_is_gone_is_nan_in_the_view_and_no_number(odd_stores: Path, tmp_path: Path) -> None:
    view = export_of(odd_stores / "hdf5", tmp_path, to="hdf5-view")
    for shard in (tmp_path / "store" / "shards").iterdir():
        shard.unlink()
    with h5py.File(view) as file:
        assert all(np.isnan(file[name][:]).all() for name in NAMES)


def test_a_view_of_some_clips_has_their_shards_and_no_others(odd_stores: Path, tmp_path: Path) -> None:
    values = arrays_for(KEYS)
    export_store(odd_stores / "hdf5", tmp_path / "view.h5", to="hdf5-view", keys=["übung"], features=["mfcc"])
    with h5py.File(tmp_path / "view.h5") as file:
        assert sorted(file) == ["index", "mfcc"]
        row, frames = file["index/row"][0], file["index/frames"][0]
        assert len(file["mfcc"]) < sum(len(features["mfcc"]) for features in values.values())
        np.testing.assert_array_equal(file["mfcc"][row : row + frames], values["übung"]["mfcc"])


def test_a_view_of_an_npy_store_is_refused(odd_stores: Path, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="is not an HDF5 store") as caught:
        export_of(odd_stores / "npy", tmp_path, to="hdf5-view")
    assert "--to hdf5" in caught.value.hint


@pytest.mark.parametrize("harm", ["cut", "grown", "gone", "other"])
def test_a_view_over_a_shard_that_is_not_the_one_written_is_damage(odd_stores: Path, tmp_path: Path, harm: str) -> None:
    shutil.copytree(odd_stores / "hdf5", tmp_path / "store")
    first, second, *_ = sorted((tmp_path / "store" / "shards").iterdir())
    if harm == "gone":
        first.unlink()
    elif harm == "other":
        shutil.copy(second, first)
    else:
        content = first.read_bytes()
        first.write_bytes(content[:-1] if harm == "cut" else content + b"\0")
    with pytest.raises(DamageError, match=first.name):
        export_store(tmp_path / "store", tmp_path / "view.h5", to="hdf5-view")
    assert [entry.name for entry in tmp_path.iterdir()] == ["store"]


# Kaldi


@STORES
def test_kaldiio_reads_arks_through_their_scp_and_by_themselves(
    odd_stores: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, store_format: str
) -> None:
    monkeypatch.chdir(tmp_path)
    export_store(odd_stores / store_format, "export", to="kaldi", features=REAL)
    names = {name: kaldiio.load_scp(f"export/{name}.scp") for name in REAL}
    by_scp = {unquote(name): {feature: names[feature][name] for feature in REAL} for name in names["mel"]}
    archives = {name: dict(kaldiio.load_ark(f"export/{name}.ark")) for name in REAL}
    by_ark = {unquote(name): {feature: archives[feature][name] for feature in REAL} for name in archives["mel"]}
    for found in (by_scp, by_ark):
        for values in found.values():
            assert values["mel"].dtype == np.float32  # Kaldi has no half precision, and no loss is in this
            values["mel"] = values["mel"].astype(np.float16)
        assert_same({key: as_stored(values) for key, values in found.items()}, features=REAL)


def as_stored(values: dict[str, Array]) -> dict[str, Array]:
    """Kaldi's matrix without rows has no columns."""
    dims = {spec.name: spec.dims for spec in FEATURES}
    return {name: array.reshape(-1, dims[name]) for name, array in values.items()}


def test_kaldis_tables_are_sorted_by_byte_and_agree(odd_stores: Path, tmp_path: Path) -> None:
    tables = {}
    folder = export_of(odd_stores / "hdf5", tmp_path, to="kaldi", features=["mfcc"])
    for name in ("mfcc.scp", "utt2dur", "utt2num_frames"):
        lines = (folder / name).read_bytes().split(b"\n")
        assert lines.pop() == b""
        assert lines == sorted(lines, key=lambda line: line.split(b" ")[0])
        tables[name] = dict(line.split(b" ", 1) for line in lines)
    assert len({tuple(table) for table in tables.values()}) == 1
    assert all(unquote(name.decode()) in KEYS for name in tables["utt2dur"])
    seconds = {unquote(name.decode()): float(text) for name, text in tables["utt2dur"].items()}
    assert seconds == pytest.approx(durations_in(odd_stores / "hdf5"), rel=0, abs=1e-6)
    frames = {unquote(name.decode()): int(count) for name, count in tables["utt2num_frames"].items()}
    assert frames == {key: len(features["mfcc"]) for key, features in arrays_for(KEYS).items()}
    named = f"{tmp_path}/export/mfcc.ark:".encode()
    assert all(place.startswith(named) for place in tables["mfcc.scp"].values())


@pytest.mark.parametrize("to", ["kaldi", "parquet"])
def test_complex_numbers_are_refused_where_there_are_none(odd_stores: Path, tmp_path: Path, to: str) -> None:
    with pytest.raises(ConfigError, match="stft is complex") as caught:
        export_of(odd_stores / "hdf5", tmp_path, to=to)
    assert "--features log_mel,mel,mfcc" in caught.value.hint
    assert not (tmp_path / "export").exists()


# Parquet


@STORES
def test_pyarrow_reads_the_parquet_file(odd_stores: Path, tmp_path: Path, store_format: str) -> None:
    table = pq.read_table(export_of(odd_stores / store_format, tmp_path, to="parquet", features=REAL))
    dims = {spec.name: spec.dims for spec in FEATURES}
    found = {
        key: {name: table[name][row].values.flatten().to_numpy().reshape(-1, dims[name]) for name in REAL}
        for row, key in enumerate(table["key"].to_pylist())
    }
    assert_same(found, features=REAL)
    assert table["meta.number"].to_pylist() == list(range(len(KEYS)))
    assert table["meta.label"].to_pylist()[:2] == [None, "yes \N{SNOWMAN}"]
    assert table.schema.field("mfcc").metadata == {b"unit": b"cepstrum of ln power", b"frame_rate_hz": b"100.0"}
    assert "shard" not in table.column_names


def test_parquets_row_groups_are_cut_where_they_are_full(
    odd_stores: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(parquet, "_GROUP_BYTES", 600)
    export = pq.ParquetFile(export_of(odd_stores / "hdf5", tmp_path, to="parquet", features=REAL))
    assert export.num_row_groups > 3
    keys = [key for group in range(export.num_row_groups) for key in export.read_row_group(group)["key"].to_pylist()]
    assert keys == KEYS


# WebDataset


@LEFT_OPEN
@STORES
def test_webdataset_reads_its_tars(odd_stores: Path, tmp_path: Path, store_format: str) -> None:
    export_store(odd_stores / store_format, tmp_path / "export", to="webdataset")
    found, rows = samples([tmp_path / "export" / "000000.tar"])
    assert_same(found)
    assert [row["key"] for row in rows] == KEYS
    assert [row["meta.number"] for row in rows] == list(range(len(KEYS)))
    assert {row["meta.label"] for row in rows} == {None, "yes \N{SNOWMAN}"}


def samples(tars: list[Path]) -> tuple[dict[str, dict[str, Array]], list[dict[str, object]]]:
    found, rows = {}, []
    dataset = webdataset.WebDataset([str(tar) for tar in tars], shardshuffle=False).decode()
    for sample in dataset:
        assert unquote(sample["__key__"]) == sample["json"]["key"]
        found[sample["json"]["key"]] = {name: sample[f"{name}.npy"] for name in NAMES}
        rows.append(sample["json"])
    return found, rows


@LEFT_OPEN
def test_tars_are_begun_when_one_is_full_and_cut_no_clip(tmp_path: Path) -> None:
    arrays = {f"clip {number}": {**arrays_for(["x"])["x"], **long_clip(number)} for number in range(7)}
    odd_store(tmp_path / "store", store_format="hdf5", arrays=arrays)
    report = export_store(tmp_path / "store", tmp_path / "export", to="webdataset", shard_mb=1)
    tars = sorted((tmp_path / "export").iterdir())
    assert [tar.name for tar in tars] == [f"{number:06d}.tar" for number in range(report.files)]
    assert report.files == 4  # clips of 0.45 MB
    found, rows = samples(tars)
    assert [row["key"] for row in rows] == list(arrays)
    np.testing.assert_array_equal(found["clip 6"]["mfcc"], arrays["clip 6"]["mfcc"])


def long_clip(seed: int) -> dict[str, Array]:
    values = np.random.default_rng(seed).standard_normal((4_500, sum(spec.dims for spec in FEATURES)))
    starts = np.cumsum([0, *(spec.dims for spec in FEATURES)])
    return {
        spec.name: values[:, start : start + spec.dims].astype(spec.dtype)
        for spec, start in zip(FEATURES, starts, strict=False)
    }


def test_tar_headers_hold_no_time_no_owner_and_no_way_out(odd_stores: Path, tmp_path: Path) -> None:
    with tarfile.open(export_of(odd_stores / "hdf5", tmp_path, to="webdataset") / "000000.tar") as tar:
        members = tar.getmembers()
        assert {(member.mtime, member.uid, member.gid, member.uname, member.mode) for member in members} == {
            (0, 0, 0, "", 0o644)
        }
        assert not any(part in {".", "..", ""} for member in members for part in member.name.split("/"))
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            tar.extractall(tmp_path / "unpacked", filter="data", members=[m for m in members if len(m.name) < 200])


def test_json_has_null_where_it_has_no_number(tmp_path: Path) -> None:
    from audiofeat.export.webdataset import _json

    assert json.loads(_json({"a": float("nan"), "b": float("inf"), "c": 1.5})) == {"a": None, "b": None, "c": 1.5}
