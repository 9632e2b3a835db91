"""``audiofeat manifest``: what each format says of a clip, which clips are chosen, and mistakes in asking."""

from __future__ import annotations

import csv
import io
import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from click.testing import CliRunner
from manifest_stores import manifest_of, many_clips, write_store
from running import environment
from small_store import make_store, settings_for, small_arrays

from audiofeat.cli.manifest import manifest
from audiofeat.errors import ConfigError, DamageError, NoStoreError
from audiofeat.store.manifest import SCHEMA

ODD = 'says "yes", or\nnot\r'
CLIPS = {
    "a b": {"peak": 0.1, "duration_seconds": 11.5},
    "c": {"start_seconds": 1.5, "end_seconds": 2.0, "channel": 1, "parent": "p"},
    "ü": {},
}
META = {
    "label": [ODD, None, ""],
    "note": ["a\rb", "c,d", "e'f"],
    "is_clean": [True, None, False],
    "number": pa.array([1, None, -3], pa.int64()),
    "level": [float("nan"), float("inf"), 1e-10],
}


@pytest.fixture
def store(tmp_path: Path) -> Path:
    return write_store(tmp_path / "store", manifest_of(CLIPS, META))


def printed(store: Path, *options: str) -> str:
    result = CliRunner().invoke(manifest, [str(store), *options], standalone_mode=False)
    if result.exception:
        raise result.exception
    return result.stdout_bytes.decode()


def test_csv_is_read_back_by_the_csv_module_with_every_column(store: Path) -> None:
    text = printed(store)
    rows = list(csv.DictReader(io.StringIO(text, newline="")))
    assert text.splitlines()[0] == ",".join([*SCHEMA.names, *(f"meta.{name}" for name in META)])
    assert [row["key"] for row in rows] == ["a b", "c", "ü"]
    assert [row["meta.label"] for row in rows] == [ODD, "", ""]
    assert [row["meta.is_clean"] for row in rows] == ["true", "", "false"]
    assert [row["meta.number"] for row in rows] == ["1", "", "-3"]
    assert [row["meta.level"] for row in rows] == ["nan", "inf", "1e-10"]
    assert [row["channel"] for row in rows] == ["", "1", ""]
    assert [row["peak"] for row in rows] == ["0.1", "0.5", "0.5"]
    assert [float(row["duration_seconds"]) for row in rows] == [11.5, 1.0, 1.0]


def test_csv_quotes_where_it_must_and_ends_lines_as_unix_does(store: Path) -> None:
    wanted = 'key,meta.label\na b,"says ""yes"", or\nnot\r"\nc,\nü,\n'
    assert printed(store, "--columns", "key,meta.label") == wanted
    assert printed(store, "--columns", "meta.note") == 'meta.note\n"a\rb"\n"c,d"\ne\'f\n'
    assert printed(store, "--columns", "meta.label", "--where", "key != 'a b'") == 'meta.label\n""\n""\n'


def test_json_lines_keep_types_and_have_no_word_that_json_lacks(store: Path) -> None:
    text = printed(store, "--format", "jsonl")
    rows = [json.loads(line, parse_constant=pytest.fail) for line in text.splitlines()]
    assert list(rows[0]) == [*SCHEMA.names, *(f"meta.{name}" for name in META)]
    assert [row["key"] for row in rows] == ["a b", "c", "ü"]
    assert [row["meta.label"] for row in rows] == [ODD, None, ""]
    assert [row["meta.is_clean"] for row in rows] == [True, None, False]
    assert [row["meta.number"] for row in rows] == [1, None, -3]
    assert [row["meta.level"] for row in rows] == [None, None, 1e-10]
    assert [row["peak"] for row in rows] == [0.1, 0.5, 0.5]
    assert rows[1]["start_seconds"] == 1.5
    assert rows[0]["start_seconds"] is None


def test_json_lines_are_utf_8_and_no_character_of_a_text_ends_one_or_commands_a_terminal(tmp_path: Path) -> None:
    odd = "".join(map(chr, [*range(0x20), *range(0x7F, 0xA0), 0x2028, 0x2029]))
    store = write_store(tmp_path / "store", manifest_of({"日本語 ü 🎵": {}}, {odd: [odd]}))
    text = printed(store, "--format", "jsonl")
    assert "日本語 ü 🎵" in text
    assert not set(odd) & set(text.removesuffix("\n"))
    assert len(text.splitlines()) == 1
    assert json.loads(text)[f"meta.{odd}"] == odd


def test_columns_come_in_the_order_given_and_may_lack_their_unit(store: Path) -> None:
    text = printed(store, "--columns", "duration, key,", "--where", "duration > 10")
    assert text == "duration_seconds,key\n11.5,a b\n"


def test_a_condition_may_be_about_columns_that_are_not_printed(store: Path) -> None:
    assert printed(store, "--columns", "key", "--where", "meta.is_clean == None") == "key\nc\n"
    assert printed(store, "--columns", "key", "--where", "frames > 98") == "key\n"
    assert printed(store, "--format", "jsonl", "--where", "1 > 2") == ""


@pytest.mark.parametrize(
    ("options", "problem"),
    [
        (["--columns", "key,durtion"], r"'durtion' is no column of the manifest; did you mean 'duration'\?"),
        (["--columns", "key,duration,duration_seconds"], "duration_seconds is named twice"),
        (["--columns", ""], "no column is named"),
        (["--where", "durtion > 1"], "--where, character 1: 'durtion' is no column"),
        (["--where", ""], "there is no condition"),
        (["--format", "scp", "--columns", "key"], "an scp has no columns"),
        (["--feature", "log_mel"], "are for --format scp"),
        (["--format", "jsonl", "--source", "x"], "are for --format scp"),
        (["--format", "scp", "--feature", "log_mel"], "an hdf5 store has no file a clip"),
        (["--format", "scp", "--source", "nowhere"], "--source: there is no nowhere"),
        (["--format", "scp"], "'c' is a part of c.wav, which an scp cannot say"),
    ],
)
def test_a_mistake_is_told(store: Path, options: list[str], problem: str) -> None:
    with pytest.raises(ConfigError, match=problem):
        printed(store, *options)


def test_the_scp_of_an_hdf5_store_is_the_sources_wav_scp(store: Path, tmp_path: Path) -> None:
    whole = ["--format", "scp", "--where", "start == None"]
    assert printed(store, *whole) == "a%20b a b.wav\nü ü.wav\n"
    assert printed(store, *whole, "--source", str(tmp_path)) == f"a%20b {tmp_path}/a b.wav\nü {tmp_path}/ü.wav\n"
    listing = tmp_path / "clips.csv"
    listing.write_text("path\n")
    assert printed(store, *whole, "--source", str(listing)) == printed(store, *whole, "--source", str(tmp_path))


@pytest.mark.parametrize("source", ["x.tar/a.wav", "x.PARQUET/7", "a.wav |", "|a.wav", "-", "a:12", "a ", "a%0Ab"])
def test_what_kaldi_would_not_take_for_a_file_is_refused(tmp_path: Path, source: str) -> None:
    store = write_store(tmp_path / "store", manifest_of({"a": {"source": source}}))
    with pytest.raises(ConfigError, match=r"which an scp cannot say|Kaldi would not take"):
        printed(store, "--format", "scp")


def test_a_source_is_named_as_the_file_system_has_it(tmp_path: Path) -> None:
    store = write_store(tmp_path / "store", manifest_of({"a": {"source": "100%25/%FF.wav"}}))
    result = CliRunner().invoke(manifest, [str(store), "--format", "scp"], standalone_mode=False)
    assert result.stdout_bytes == b"a 100%/\xff.wav\n"


@pytest.mark.parametrize("has_links", [True, False])
def test_the_scp_of_an_npy_store_lists_the_arrays_of_one_feature(tmp_path: Path, *, has_links: bool) -> None:
    arrays = small_arrays(5)
    root = make_store(tmp_path / "store", settings_for(store_format="npy"), arrays).root
    if not has_links:
        (root / "mfcc").rename(tmp_path / "elsewhere")
    lines = printed(root, "--format", "scp", "--feature", "mfcc").splitlines()
    read = {key: np.load(path) for key, path in (line.split(maxsplit=1) for line in lines)}
    assert read.keys() == arrays.keys()
    assert all(np.array_equal(read[key], arrays[key]["mfcc"]) for key in arrays)
    assert ("/shards/" in lines[0]) is not has_links


def test_an_npy_store_of_several_features_must_be_told_which(tmp_path: Path) -> None:
    root = write_store(tmp_path / "two", manifest_of(CLIPS), store_format="npy", features=["log_mel", "mfcc"])
    with pytest.raises(ConfigError, match=r"which feature's arrays\?\n.*log_mel, mfcc"):
        printed(root, "--format", "scp")
    with pytest.raises(ConfigError, match="there is no feature 'chroma'"):
        printed(root, "--format", "scp", "--feature", "chroma")
    with pytest.raises(ConfigError, match="lists its arrays, not the source"):
        printed(root, "--format", "scp", "--feature", "mfcc", "--source", ".")
    one = write_store(tmp_path / "one", manifest_of({"c": {"shard": "s"}}), store_format="npy", features=["mfcc"])
    assert printed(one, "--format", "scp") == f"c {one}/shards/s/mfcc/c.npy\n"


def test_an_empty_store_prints_its_heading(tmp_path: Path) -> None:
    store = write_store(tmp_path / "store", manifest_of({}))
    assert printed(store, "--columns", "key,frames") == "key,frames\n"
    assert printed(store, "--format", "jsonl") == ""
    assert printed(store, "--format", "scp") == ""


def test_a_manifest_that_is_not_the_one_written_is_damage(store: Path, tmp_path: Path) -> None:
    path = store / "manifest.parquet"
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)
    with pytest.raises(DamageError, match=r"is not the one that store\.json names"):
        printed(store)
    path.unlink()
    with pytest.raises(DamageError, match=r"is not the one that store\.json names"):
        printed(store)
    with pytest.raises(NoStoreError, match="is not a store"):
        printed(tmp_path)


def test_memory_does_not_grow_with_the_number_of_clips(tmp_path: Path) -> None:
    few = write_store(tmp_path / "few", many_clips(70_000))
    many = write_store(tmp_path / "many", many_clips(200_000))
    assert peak_mb(many) - peak_mb(few) < 30


def peak_mb(store: Path) -> float:
    """The most memory of a process that prints the few clips of at least 15.99 s."""
    program = """
import sys
from audiofeat.cli import main
try:
    main()
finally:
    peak = next(line for line in open("/proc/self/status") if line.startswith("VmHWM"))
    print(peak.split()[1], file=sys.stderr)
"""
    done = subprocess.run(
        [sys.executable, "-c", program, "manifest", str(store), "--where", "duration > 15.99"],
        capture_output=True,
        text=True,
        env=environment(),
        check=True,
        timeout=60,
    )
    assert len(done.stdout.splitlines()) > 40
    return int(done.stderr) / 1_000
