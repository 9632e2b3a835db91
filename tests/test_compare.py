"""Two stores beside each other: every kind of difference is found, counted and placed, and no other is told."""

from __future__ import annotations

import json
import math
import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from click.testing import CliRunner, Result
from manifest_stores import manifest_of, many_clips, write_store
from small_store import make_store, settings_for, small_arrays
from store_suite import FEATURES, random_arrays, tree

from audiofeat.cli.diff import diff
from audiofeat.compare import compare_stores
from audiofeat.compare import stores as comparing
from audiofeat.compare.difference import InQuarantine, OtherShape
from audiofeat.errors import ConfigError, DamageError, DifferentError, NoStoreError
from audiofeat.store.description import encode_description
from audiofeat.store.shard_format import Array

Clips = dict[str, dict[str, Array]]


@pytest.fixture
def clips() -> Clips:
    return small_arrays(12)


@pytest.fixture
def here(tmp_path: Path) -> Path:
    """A store of the same clips, for a test to compare with one of clips that it has changed."""
    return make_store(tmp_path / "here", settings_for(), small_arrays(12)).root


def run(*arguments: str | Path) -> Result:
    return CliRunner().invoke(diff, list(map(str, arguments)), standalone_mode=False)


def test_an_hdf5_and_an_npy_store_of_one_job_are_the_same(
    here: Path, clips: Clips, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    there = make_store(tmp_path / "there", settings_for(store_format="npy"), clips).root
    monkeypatch.setattr(comparing, "open_manifest", lambda store: pytest.fail("equal digests need no manifest"))
    found = compare_stores(here, there)
    assert found.is_same
    assert found.settings == ('store.format: "hdf5" -> "npy"',)
    result = run(here, there)
    assert result.exception is None
    assert result.output.splitlines()[-1].split() == ["same", "every", "bit"]


def test_neither_store_is_written_to(here: Path, clips: Clips, tmp_path: Path) -> None:
    clips["folder/003"]["mfcc"][0, 0] += 1
    there = make_store(tmp_path / "there", settings_for(store_format="npy"), clips).root
    before = tree(here), tree(there)
    assert not compare_stores(here, there).is_same
    assert (tree(here), tree(there)) == before


def test_clips_of_one_store_only_are_named(here: Path, clips: Clips, tmp_path: Path) -> None:
    del clips["folder/000"], clips["folder/007"], clips["folder/011"]
    clips |= {"a": random_arrays(3, seed=1), "z": random_arrays(4, seed=2)}
    there = make_store(tmp_path / "there", settings_for(), clips).root
    found = compare_stores(here, there, most=2)
    assert (found.only_a.count, found.only_a.first) == (3, ("folder/000", "folder/007"))
    assert (found.only_b.count, found.only_b.first) == (2, ("a", "z"))
    assert found.clips == (12, 11)
    assert (found.n_different, found.shapes.count) == (0, 0)
    assert not compare_stores(here, there, atol=1e9).is_same
    result = run(here, there, "--most", "2")
    assert "and 1 more" in result.output
    assert "3 clips only in A, 2 clips only in B" in str(result.exception)


def test_no_tolerance_makes_up_for_a_clip_or_a_feature_that_is_missing(
    here: Path, clips: Clips, tmp_path: Path
) -> None:
    del clips["folder/005"]
    less = make_store(tmp_path / "less", settings_for(), clips).root
    assert not compare_stores(here, less, atol=1e9).is_same
    assert not compare_stores(less, here, atol=1e9).is_same
    lone = make_store(tmp_path / "lone", settings_for(), small_arrays(12)).root
    _without(lone, "mfcc")
    assert not compare_stores(here, lone, atol=1e9).is_same
    assert not compare_stores(lone, here, atol=1e9).is_same


def test_a_clip_of_another_length_is_of_another_shape(here: Path, clips: Clips, tmp_path: Path) -> None:
    clips["folder/004"] = random_arrays(9, seed=4)
    found = compare_stores(here, make_store(tmp_path / "there", settings_for(), clips).root, atol=1e9)
    assert found.shapes.first == (OtherShape("folder/004", "log_mel", (5, 5), (9, 5)),)
    assert (found.shapes.count, found.n_different, found.is_same) == (1, 0, False)


def test_the_largest_difference_is_placed(here: Path, clips: Clips, tmp_path: Path) -> None:
    clips["folder/003"]["log_mel"][2, 4] += 0.25
    clips["folder/004"]["mfcc"][1, 1] += 0.0625
    clips["folder/008"]["log_mel"][0, 0] += 0.125
    clips["folder/008"]["mfcc"][1, 0] -= 2.0
    clips["folder/008"]["mfcc"][7, 2] += 3.0
    clips["folder/009"]["mfcc"][0, 0] += 1e-7
    there = make_store(tmp_path / "there", settings_for(store_format="npy"), clips).root
    found = compare_stores(here, there)
    log_mel, mfcc = found.features
    assert (log_mel.key, log_mel.apart.frame, log_mel.apart.column) == ("folder/003", 2, 4)
    assert log_mel.apart.max_difference == pytest.approx(0.25)
    assert (mfcc.key, mfcc.apart.frame, mfcc.apart.column) == ("folder/008", 7, 2)
    assert mfcc.apart.max_difference == pytest.approx(3.0)
    assert (log_mel.n_different, mfcc.n_different, found.n_different) == (2, 3, 4)
    assert [(clip.key, clip.feature) for clip in found.worst] == [
        ("folder/008", "mfcc"),
        ("folder/003", "log_mel"),
        ("folder/004", "mfcc"),
        ("folder/009", "mfcc"),
    ]


@pytest.mark.parametrize(("atol", "n_beyond"), [(1e-9, 3), (1e-5, 2), (0.5, 1), (2.999, 1), (3.001, 0)])
def test_what_lies_within_atol_is_the_same(
    here: Path, clips: Clips, tmp_path: Path, atol: float, n_beyond: int
) -> None:
    clips["folder/003"]["log_mel"][2, 4] += 0.25
    clips["folder/008"]["mfcc"][7, 2] += 3.0
    clips["folder/009"]["mfcc"][0, 0] += 1e-7
    there = make_store(tmp_path / "there", settings_for(), clips).root
    found = compare_stores(here, there, atol=atol)
    assert (found.n_different, found.n_beyond, found.is_same) == (3, n_beyond, n_beyond == 0)
    result = run(here, there, "--atol", str(atol))
    if n_beyond:
        assert isinstance(result.exception, DifferentError)
        assert result.exception.exit_code == 21
        assert f"{n_beyond} clip{'s' * (n_beyond > 1)} with other values" in str(result.exception)
    else:
        assert result.exception is None
        assert result.output.splitlines()[-1].split() == ["same", "within", "3.001"]


def test_a_zero_of_the_other_sign_is_another_bit_and_no_distance(here: Path, clips: Clips, tmp_path: Path) -> None:
    clips["folder/003"]["log_mel"][0, 0] = 0.0
    plus = make_store(tmp_path / "plus", settings_for(), clips).root
    clips["folder/003"]["log_mel"][0, 0] = -0.0
    minus = make_store(tmp_path / "minus", settings_for(), clips).root
    found = compare_stores(plus, minus)
    assert (found.n_different, found.n_beyond, found.is_same) == (1, 0, False)
    assert (found.features[0].n_different, found.features[0].apart.frame) == (1, None)
    assert compare_stores(plus, minus, atol=1e-300).is_same
    assert "1 clip differs, 1 only in how 0 or NaN is written" in run(plus, minus).output


def test_only_clips_whose_digests_differ_are_read(
    here: Path, clips: Clips, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    clips["folder/008"]["mfcc"][7, 2] += 3.0
    there = make_store(tmp_path / "there", settings_for(), clips).root
    read = []
    genuine = comparing.Store.read

    def noting(self: comparing.Store, key: str, *rest: object) -> Array:
        read.append(key)
        return genuine(self, key, *rest)  # type: ignore[arg-type]

    monkeypatch.setattr(comparing.Store, "read", noting)
    assert compare_stores(here, there).n_different == 1
    assert set(read) == {"folder/008"}


def test_settings_versions_and_quarantine_explain(here: Path, clips: Clips, tmp_path: Path) -> None:
    del clips["folder/005"]
    there = make_store(tmp_path / "there", settings_for("mel.bands=40"), clips, failing=["bad", "folder/005"]).root
    found = compare_stores(here, there)
    assert found.settings == ("features.log_mel.mel.bands: 80 -> 40",)
    assert found.quarantine.first == (
        InQuarantine("bad", None, "input.truncated"),
        InQuarantine("folder/005", None, "input.truncated"),
    )
    output = run(there, here).output
    assert "features.log_mel.mel.bands: 40 -> 80" in output
    assert "folder/005: input.truncated in A, not in B" in output


def test_what_explains_is_no_difference_itself(here: Path, clips: Clips, tmp_path: Path) -> None:
    there = make_store(tmp_path / "there", settings_for("mel.bands=40"), clips, failing=["bad"]).root
    description = json.loads((there / "store.json").read_text())
    description["numbers"]["versions"]["tensorflow"] = "2.99"
    description["numbers"]["device"] = "gpu"
    (there / "store.json").write_bytes(encode_description(description))
    found = compare_stores(here, there)
    assert found.is_same
    assert found.quarantine.count == 1
    assert found.made_with == ('device: "cpu" -> "gpu"', 'versions.tensorflow: "2.21" -> "2.99"')


def test_other_source_bytes_are_told(tmp_path: Path) -> None:
    digests = {"feature_digest": "0" * 64, "source_digest": "1" * 64}
    clips = {key: {"frames": 1} for key in "abc"}
    here = write_store(tmp_path / "here", manifest_of(clips))
    there = write_store(tmp_path / "there", manifest_of(clips | {"b": {"frames": 2, **digests}}))
    found = compare_stores(here, there)
    assert (found.shapes.count, found.n_other_source) == (1, 1)
    assert "of all that differ, 1 clip of other source bytes" in run(here, there).output


def test_features_of_one_store_only_are_told_and_the_others_compared(tmp_path: Path, clips: Clips) -> None:
    here = make_store(tmp_path / "here", settings_for(), clips).root
    there = make_store(tmp_path / "there", settings_for(), clips).root
    _without(there, "mfcc")
    found = compare_stores(here, there)
    assert (found.features_only_a, found.features_only_b) == (("mfcc",), ())
    assert [(feature.name, feature.n_different) for feature in found.features] == [("log_mel", 0)]
    assert (found.n_different, found.is_same, compare_stores(here, there, atol=1.0).is_same) == (0, False, False)
    assert "features of one only (mfcc)" in str(run(there, here).exception)


def _without(store: Path, feature: str) -> None:
    """Make a store say that it never had a feature: as a job with one feature less would have it."""
    description = json.loads((store / "store.json").read_text())
    description["features"] = [spec for spec in description["features"] if spec["name"] != feature]
    description["content_digest"] = "0" * 64
    table = pq.read_table(store / "manifest.parquet")
    other = pa.array([f"{number:064}" for number in range(table.num_rows)])
    table = table.set_column(table.schema.get_field_index("feature_digest"), "feature_digest", other)
    lone = write_store(store.parent / f"{store.name}-manifest", table)
    description["manifest"] = json.loads((lone / "store.json").read_text())["manifest"]
    (store / "manifest.parquet").write_bytes((lone / "manifest.parquet").read_bytes())
    (store / "store.json").write_bytes(encode_description(description))


def test_another_type_is_told_and_counts_where_every_bit_must_be_the_same(
    here: Path, clips: Clips, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    log_mel, mfcc = FEATURES
    monkeypatch.setattr("small_store.FEATURES", (log_mel, replace(mfcc, dtype="float32")))
    for features in clips.values():
        features["mfcc"] = features["mfcc"].astype(np.float32)
    there = make_store(tmp_path / "there", settings_for(), clips).root
    found = compare_stores(here, there)
    assert found.features[1].dtypes == ("float64", "float32")
    assert 0 < found.features[1].apart.max_difference < 2e-7
    assert (found.features[0].n_different, found.features[1].n_different) == (0, 12)
    result = run(here, there)
    assert "float64 in A, float32 in B; 12 clips differ" in result.output
    assert "types of mfcc" in str(result.exception)
    assert compare_stores(here, there, atol=2e-7).is_same


@pytest.mark.parametrize("atol", [-1.0, math.nan, math.inf])
def test_a_tolerance_that_is_none_is_refused(here: Path, atol: float) -> None:
    with pytest.raises(ConfigError, match=r"--atol is .*\n  try: a finite number of at least 0"):
        compare_stores(here, here, atol=atol)


def test_what_is_no_store_or_is_damaged_is_told(here: Path, clips: Clips, tmp_path: Path) -> None:
    with pytest.raises(NoStoreError, match="is not a store"):
        compare_stores(here, tmp_path / "nowhere")
    clips["folder/003"]["log_mel"][2, 4] += 0.25
    there = make_store(tmp_path / "there", settings_for(), clips, failing=["bad"]).root
    (there / "quarantine.jsonl").write_text("{}\n")
    with pytest.raises(DamageError, match=r"quarantine.jsonl cannot be compared: it is not the one"):
        compare_stores(here, there)
    (there / "manifest.parquet").write_bytes(b"PAR1")
    (there / "quarantine.jsonl").write_bytes((here / "quarantine.jsonl").read_bytes())
    with pytest.raises(DamageError):
        compare_stores(here, there)


def test_json_holds_all_that_was_found(here: Path, clips: Clips, tmp_path: Path) -> None:
    clips["folder/008"]["mfcc"][7, 2] += 3.0
    result = run(here, make_store(tmp_path / "there", settings_for(), clips).root, "--json")
    assert isinstance(result.exception, DifferentError)
    values = json.loads(result.stdout, parse_constant=pytest.fail)
    assert values["is_same"] is False
    assert (values["a"], values["b"]) == (str(here), str(tmp_path / "there"))
    assert values["only_a"] == {"count": 0, "first": []}
    mfcc = values["features"][1]
    assert (mfcc["name"], mfcc["key"], mfcc["frame"], mfcc["column"]) == ("mfcc", "folder/008", 7, 2)
    assert (mfcc["max_difference"], mfcc["is_infinite"]) == (pytest.approx(3.0), False)


def test_json_and_report_have_one_pair_of_names_for_the_two_stores(here: Path, clips: Clips, tmp_path: Path) -> None:
    clips["folder/004"] = random_arrays(9, seed=4)
    there = make_store(tmp_path / "there", settings_for(), clips, failing=["bad"]).root
    values = json.loads(run(here, there, "--json").stdout)
    assert values["shapes"]["first"] == [{"key": "folder/004", "feature": "log_mel", "a": [5, 5], "b": [9, 5]}]
    assert values["quarantine"]["first"] == [{"key": "bad", "a": None, "b": "input.truncated"}]
    assert not [name for name in values if "here" in name]


def test_the_settings_of_a_feature_that_one_store_lacks_are_one_line(here: Path, clips: Clips, tmp_path: Path) -> None:
    more = make_store(tmp_path / "more", settings_for("features.mfcc={}", "frame.hop_samples=80"), clips).root
    assert compare_stores(here, more).settings == ("feature mfcc: only in B", "frame.hop_samples: 160 -> 80")
    assert compare_stores(more, here).settings == ("feature mfcc: only in A", "frame.hop_samples: 80 -> 160")


def test_decoders_are_named(here: Path, clips: Clips, tmp_path: Path) -> None:
    there = make_store(tmp_path / "there", settings_for(), clips).root
    description = json.loads((there / "store.json").read_text())
    decoders = [f"ffmpeg 7.0.{number} with a long name of its build" for number in range(3)]
    description["decoders"] = sorted([*description["decoders"], *decoders])
    (there / "store.json").write_bytes(encode_description(description))
    wanted = [f"decoder {name}: only in B" for name in decoders]
    assert json.loads(run(here, there, "--json").stdout)["made_with"] == wanted
    assert all(line in run(here, there).output for line in wanted)


def test_stores_without_a_common_clip_do_not_say_that_values_are_equal(
    here: Path, clips: Clips, tmp_path: Path
) -> None:
    others = {f"other/{key}": features for key, features in clips.items()}
    output = run(here, make_store(tmp_path / "there", settings_for(), others).root).output
    assert "log_mel        no clip in both" in output
    assert "no value differs" not in output
    longer = {key: random_arrays(20, seed=1) for key in clips}
    output = run(here, make_store(tmp_path / "longer", settings_for(), longer).root).output
    assert "log_mel        no value differs where shapes are the same" in output


def test_only_the_features_that_are_named_are_compared(here: Path, clips: Clips, tmp_path: Path) -> None:
    clips["folder/008"]["mfcc"][7, 2] += 3.0
    there = make_store(tmp_path / "there", settings_for("features.mfcc={mfcc: {n: 12}}"), clips).root
    assert not compare_stores(here, there).is_same
    found = compare_stores(here, there, features=["log_mel"])
    assert (found.is_same, found.n_different, found.settings) == (True, 0, ())
    assert [feature.name for feature in found.features] == ["log_mel"]
    result = run(here, there, "--features", "log_mel,")
    assert result.exception is None
    assert result.output.splitlines()[-1].split(maxsplit=1) == ["same", "every bit of log_mel"]
    assert not compare_stores(here, there, features=["mfcc"]).is_same
    assert compare_stores(here, there, features=["mfcc"], atol=3.1).is_same


def test_a_named_feature_that_one_store_lacks_is_a_difference_and_another_clip_too(
    here: Path, clips: Clips, tmp_path: Path
) -> None:
    lone = make_store(tmp_path / "lone", settings_for(), small_arrays(12)).root
    _without(lone, "mfcc")
    assert compare_stores(here, lone, features=["log_mel"]).is_same
    assert "features of one only (mfcc)" in str(run(here, lone, "--features", "mfcc").exception)
    del clips["folder/005"]
    less = make_store(tmp_path / "less", settings_for(), clips).root
    assert not compare_stores(here, less, features=["log_mel"]).is_same


def test_another_type_of_a_named_feature_counts_where_every_bit_must_be_the_same(
    here: Path, clips: Clips, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    log_mel, mfcc = FEATURES
    monkeypatch.setattr("small_store.FEATURES", (log_mel, replace(mfcc, dtype="float32")))
    for features in clips.values():
        features["mfcc"] = np.zeros_like(features["mfcc"], np.float32)
    there = make_store(tmp_path / "there", settings_for(), clips).root
    monkeypatch.setattr("small_store.FEATURES", FEATURES)
    for features in clips.values():
        features["mfcc"] = features["mfcc"].astype(np.float64)
    zeros = make_store(tmp_path / "zeros", settings_for(), clips).root
    found = compare_stores(zeros, there, features=["mfcc"])
    assert (found.n_different, found.other_types, found.is_same) == (0, ("mfcc",), False)
    assert compare_stores(zeros, there, features=["log_mel"]).is_same


@pytest.mark.parametrize(
    ("features", "problem"),
    [
        ("log_mell", r"there is no feature 'log_mell'; did you mean 'log_mel'\?\n.*log_mel, mfcc"),
        ("mfcc,mfcc", "mfcc is named twice"),
        (",", "no feature is named"),
    ],
)
def test_features_that_cannot_be_compared_are_refused(here: Path, features: str, problem: str) -> None:
    result = run(here, here, "--features", features)
    assert isinstance(result.exception, ConfigError)
    assert re.search(problem, str(result.exception))


def test_a_hundred_thousand_clips_more_are_counted_without_being_read(tmp_path: Path) -> None:
    table = many_clips(200_000)
    here = write_store(tmp_path / "here", table)
    there = write_store(tmp_path / "there", pa.concat_tables([table.slice(0, 50_000), table.slice(150_000)]))
    found = compare_stores(here, there, most=1)
    assert (found.only_a.count, found.only_a.first) == (100_000, ("speaker000050000/take",))
    assert (found.only_b.count, found.n_different) == (0, 0)
