"""TFRecord exports: tf.data, which checks every sum, parses them; the sums are those of the standard."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tensorflow as tf
from exports import FEATURES, KEYS, assert_same, durations_in, export_of, odd_store
from hypothesis import given
from hypothesis import strategies as st

from audiofeat.export import export_store
from audiofeat.export.crc32c import crc32c
from audiofeat.export.tf_example import example

TYPES = {spec.name: tf.dtypes.as_dtype(spec.dtype) for spec in FEATURES}
WANTED = {
    "key": tf.io.FixedLenFeature([], tf.string),
    "sample_rate": tf.io.FixedLenFeature([], tf.int64),
    "duration_seconds": tf.io.FixedLenFeature([], tf.float32),
    "meta.label": tf.io.FixedLenFeature([], tf.string, default_value="none"),
    "meta.number": tf.io.FixedLenFeature([], tf.int64),
    "meta.share": tf.io.FixedLenFeature([], tf.float32),
    **{name: tf.io.FixedLenFeature([], tf.string) for name in TYPES},
    **{f"{name}/shape": tf.io.FixedLenFeature([2], tf.int64) for name in TYPES},
}


pytestmark = pytest.mark.usefixtures("tensorflow_on_cpu")


def parsed(record: Any) -> Any:
    values = tf.io.parse_single_example(record, WANTED)
    for name, dtype in TYPES.items():
        values[name] = tf.reshape(tf.io.decode_raw(values[name], dtype), values[f"{name}/shape"])
    return values


@pytest.mark.parametrize("store_format", ["hdf5", "npy"])
def test_tf_data_reads_the_records(odd_stores: Path, tmp_path: Path, store_format: str) -> None:
    folder = export_of(odd_stores / store_format, tmp_path, to="tfrecord")
    assert [file.name for file in folder.iterdir()] == ["part-00000-of-00001.tfrecord"]
    records = tf.data.TFRecordDataset([str(file) for file in folder.iterdir()]).map(parsed)
    clips = list(records.as_numpy_iterator())
    assert_same({clip["key"].decode(): {name: clip[name] for name in TYPES} for clip in clips})
    assert [clip["key"].decode() for clip in clips] == KEYS
    assert [clip["meta.number"] for clip in clips] == list(range(len(KEYS)))
    assert [clip["meta.share"] for clip in clips] == [number / 4 for number in range(len(KEYS))]
    assert [clip["meta.label"].decode() for clip in clips[:2]] == ["none", "yes \N{SNOWMAN}"]
    assert {clip["sample_rate"] for clip in clips} == {16_000}
    wanted = durations_in(odd_stores / store_format)
    assert [clip["duration_seconds"] for clip in clips] == [np.float32(wanted[key]) for key in KEYS]


def test_large_exports_are_cut_into_parts_that_name_their_number(tmp_path: Path) -> None:
    values = np.random.default_rng(1).standard_normal((12_000, 6))
    clip = {spec.name: values[:, : spec.dims].astype(spec.dtype) for spec in FEATURES}
    odd_store(tmp_path / "store", store_format="hdf5", arrays={f"clip {number}": clip for number in range(3)})
    report = export_store(tmp_path / "store", tmp_path / "export", to="tfrecord", shard_mb=2)
    names = sorted(file.name for file in (tmp_path / "export").iterdir())
    assert names == ["part-00000-of-00003.tfrecord", "part-00001-of-00003.tfrecord", "part-00002-of-00003.tfrecord"]
    assert report.files == 3
    files = [str(tmp_path / "export" / name) for name in names]
    for found in tf.data.TFRecordDataset(files).map(parsed).as_numpy_iterator():
        np.testing.assert_array_equal(found["stft"], clip["stft"])


def test_an_export_of_no_clips_is_one_empty_file(odd_stores: Path, tmp_path: Path) -> None:
    export_store(odd_stores / "hdf5", tmp_path / "export", to="tfrecord", keys=[])
    [file] = (tmp_path / "export").iterdir()
    assert list(tf.data.TFRecordDataset([str(file)])) == []


def test_an_example_is_the_one_that_tensorflow_would_make() -> None:
    values: dict[str, Any] = {
        "b": b"\0bytes",
        "a": -1,
        "c": [0, 300, 2**63 - 1, -(2**63)],
        "d": 0.1,
        "long": b"x" * 300,
    }
    found = tf.train.Example.FromString(example(values)).features.feature
    assert found["b"].bytes_list.value[:] == [b"\0bytes"]
    assert found["a"].int64_list.value[:] == [-1]
    assert found["c"].int64_list.value[:] == values["c"]
    assert found["d"].float_list.value[:] == [np.float32(0.1)]
    assert found["long"].bytes_list.value[:] == [b"x" * 300]
    assert tf.train.Example.FromString(example({"huge": 1e300})).features.feature["huge"].float_list.value[:] == [
        np.inf
    ]


@pytest.mark.parametrize(
    ("message", "wanted"),
    [
        (bytes(32), 0x8A9136AA),
        (b"\xff" * 32, 0x62A8AB43),
        (bytes(range(32)), 0x46DD794E),
        (bytes(range(31, -1, -1)), 0x113FDB5C),
        (b"123456789", 0xE3069283),
    ],
    ids=["zeros", "ones", "rising", "falling", "digits"],
)
def test_check_sums_are_those_of_the_rfc(message: bytes, wanted: int) -> None:
    assert crc32c(message) == wanted


def slow_crc32c(message: bytes) -> int:
    """Bit by bit, as the definition says."""
    crc = 0xFFFFFFFF
    for byte in message:
        crc ^= byte
        for _ in range(8):
            crc = crc >> 1 ^ (0x82F63B78 if crc & 1 else 0)
    return crc ^ 0xFFFFFFFF


@given(st.binary(min_size=4, max_size=400))
def test_check_sums_of_any_bytes_are_those_of_the_slow_twin(message: bytes) -> None:
    assert crc32c(message) == slow_crc32c(message)


@pytest.mark.parametrize("size_bytes", [65_535, 65_536, 65_537, 65_540, 131_075])
def test_check_sums_hold_across_slabs(size_bytes: int) -> None:
    message = np.random.default_rng(size_bytes).integers(0, 256, size_bytes, dtype=np.uint8).tobytes()
    assert crc32c(message) == slow_crc32c(message)
