"""Records and digests of a config: what must not change them, what must, and how a change is put into words."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from audiofeat.config import (
    changed_keys,
    digest_of,
    load_config,
    numbers_config,
    preset_names,
    resolve_features,
    stored_config,
)

BASE: dict[str, Any] = {
    "mel": {"bands": 40, "fmin_hz": 20.0},
    "features": {"log_mel": {}, "mfcc": {"mel": {"bands": 23}}},
}

MEL: dict[str, Any] = {"features": {"mel": {}}}


def digests(values: dict[str, Any], *overrides: str) -> tuple[str, str]:
    config = load_config(values, overrides=overrides)
    return digest_of(stored_config(config)), digest_of(numbers_config(config))


def test_the_digest_is_blake3_of_canonical_json() -> None:
    expected = "c7558b623aea59eb803e2589b3cf76c2570b2220a1adfd9a164471ae43cef4bb"
    assert digest_of({"b": 1, "a": {"d": 1.5, "c": None}}) == expected
    assert digest_of({"a": {"c": None, "d": 1.5}, "b": 1}) == expected


def test_what_json_cannot_hold_has_no_digest() -> None:
    with pytest.raises(ValueError, match="JSON"):
        digest_of({"x": float("nan")})


@pytest.mark.parametrize(
    "values",
    [
        {"features": {"mfcc": {"mel": {"bands": 23}}, "log_mel": {}}, "mel": {"fmin_hz": 20.0, "bands": 40}},
        {**BASE, "mel": {"bands": 40, "fmin_hz": 20}},
        {**BASE, "frame": {"win_samples": 400, "align": "left", "pad": "zero"}, "mfcc": {"n": 13}},
        {**BASE, "preemphasis": {"coeff": -0.0}},
        {"features": {"log_mel": {"mel": {"bands": 40, "fmin_hz": 20}}, "mfcc": {"mel": {"bands": 23, "fmin_hz": 20}}}},
        {**BASE, "source": "elsewhere", "store": {"path": "elsewhere"}, "compute": {"tape_slots": 4096}},
        {**BASE, "manifest": {"path": "wav", "key": "utterance"}},
    ],
    ids=[
        "key order",
        "whole number",
        "defaults spelled out",
        "minus zero",
        "overrides only",
        "paths and speed",
        "names of columns",
    ],
)
def test_the_same_settings_in_other_words_have_the_same_digests(values: dict[str, Any]) -> None:
    assert digests(values) == digests(BASE)


@pytest.mark.parametrize("name", preset_names())
def test_a_stored_config_is_json_sorted_complete_and_loads_again(name: str) -> None:
    config = load_config(name, source="in", store_path="out")
    stored = stored_config(config)
    text = json.dumps(stored, allow_nan=False)
    assert text == json.dumps(stored, sort_keys=True)
    again = load_config(json.loads(text))
    assert stored_config(again) == stored
    assert numbers_config(again) == numbers_config(config)
    assert resolve_features(again) == resolve_features(config)
    assert "source" not in stored
    assert set(stored["store"]) == {
        "format",
        "shard_clips",
        "dtype",
        "compression",
        "compression_level",
        "chunk_frames",
    }
    assert set(stored["compute"]) == {"precision"}
    assert "manifest" not in stored


@pytest.mark.parametrize("precision", ["float32", "float64"])
def test_the_type_of_values_stored_as_computed_leaves_no_trace_in_a_digest(precision: str) -> None:
    computed = digests(BASE, f"compute.precision={precision}")
    assert digests(BASE, f"compute.precision={precision}", "store.dtype=computed") == computed
    spelled_out = digests(BASE, f"compute.precision={precision}", "store.dtype=float32")
    assert (spelled_out == computed) is (precision == "float32")
    assert digests(BASE, f"compute.precision={precision}", "store.dtype=float16")[1] not in (
        computed[1],
        spelled_out[1],
    )
    assert "store" not in numbers_config(load_config(BASE, overrides=[f"compute.precision={precision}"]))


def test_a_change_of_the_stored_type_is_told_by_its_key() -> None:
    old, new = (numbers_config(load_config(BASE, overrides=words)) for words in ([], ["store.dtype=float16"]))
    assert changed_keys(old, new) == ['store.dtype: (none) -> "float16"']


def test_lists_come_back_from_json_as_they_were() -> None:
    cmvn = {"mode": "meanvar", "over": "global", "mean": [0.1, -2], "variance": [1, 1e-9]}
    window = {"values": [0.5, 1]}
    config = load_config({"frame": {"win_samples": 2}, "window": window, "mel": {"bands": 2}, "cmvn": cmvn, **MEL})
    again = load_config(json.loads(json.dumps(stored_config(config))))
    assert again.window.values == config.window.values == (0.5, 1.0)
    assert resolve_features(again) == resolve_features(config)
    assert digest_of(stored_config(again)) == digest_of(stored_config(config))


def test_shared_statistics_of_one_feature_alone_load_again() -> None:
    """They are not another feature's own, where they would be a mistake."""
    shared = {"over": "global", "mean": [0.5] * 13}
    features = {"mfcc": {"cmvn": {"mode": "mean"}}, "mel": {}, "log_mel": {"cmvn": {"mode": "mean", "over": "clip"}}}
    config = load_config({"cmvn": shared, "features": features})
    stored = stored_config(config)
    again = load_config(json.loads(json.dumps(stored)))
    assert stored_config(again) == stored
    assert [stored["features"][name]["cmvn"]["mean"] for name in features] == [[0.5] * 13, None, None]


def test_changes_are_put_into_words_by_key() -> None:
    old = stored_config(load_config({"features": {"mfcc": {}}}))
    new = stored_config(load_config({"mfcc": {"n": 20}, "audio": {"scale": 2}, "features": {"mfcc": {}}}))
    assert changed_keys(old, new) == ["audio.scale: 1.0 -> 2.0", "features.mfcc.mfcc.n: 13 -> 20"]
    assert changed_keys(old, old) == []


def test_keys_that_come_and_go_are_changes_too() -> None:
    assert changed_keys({"a": {"b": 1}, "c": {}}, {"a": {"d": "x"}}) == [
        "a.b: 1 -> (none)",
        'a.d: (none) -> "x"',
        "c: {} -> (none)",
    ]


def test_a_long_list_is_told_by_its_digest() -> None:
    old, new = {"mean": [0.1] * 80}, {"mean": [0.2] * 80}
    assert re.fullmatch(
        r"mean: \(values with digest \w{8}\) -> \(values with digest \w{8}\)", changed_keys(old, new)[0]
    )
    assert changed_keys(old, {"mean": [0.1] * 80}) == []


KNOB_VALUES: dict[str, list[str]] = {
    "features": [
        "{log_mel: {}}",
        "{stft: {}, mfcc: {deltas: {orders: 2}}}",
        "{waveform: {}}",
        "{spectrogram: {}, mel: {}}",
    ],
    "audio.dither": ["0", "1"],
    "audio.channels": ["each", "2"],
    "window.type": ["rect", "hamming", "blackman"],
    "spectrum.output": ["db", "power"],
    "mfcc.c0": ["energy", "drop"],
    "energy.column": ["none", "last"],
    "deltas.orders": ["0", "1"],
    "cmvn.mode": ["none", "meanvar"],
    "cmvn.over": ["clip", "sliding"],
    "cmvn.eps": ["0", "1e-5"],
    "stack.right": ["0", "2"],
    "stack.stride": ["1", "3"],
    "length.frames": ["null", "9"],
}
SETTINGS = st.fixed_dictionaries({}, optional={key: st.sampled_from(values) for key, values in KNOB_VALUES.items()})


@settings(deadline=None, max_examples=60)
@given(SETTINGS)
def test_what_a_worker_loads_is_what_was_stored(chosen: dict[str, str]) -> None:
    """The stored config, through JSON, is the same config, and storing and resolving it changes nothing more."""
    config = load_config({"features": {"mfcc": {}}}, overrides=[f"{key}={value}" for key, value in chosen.items()])
    stored = stored_config(config)
    again = load_config(json.loads(json.dumps(stored)))
    assert stored_config(again) == stored
    assert numbers_config(again) == numbers_config(config)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=5),
    lambda inner: st.dictionaries(st.text("abc", min_size=1, max_size=2), inner, max_size=3),
    max_leaves=8,
)


@given(st.dictionaries(st.text("abc", min_size=1, max_size=2), JSON, max_size=4))
def test_the_digest_does_not_know_the_order_of_keys(values: dict[str, Any]) -> None:
    backwards = dict(reversed(values.items()))
    assert digest_of(values) == digest_of(backwards)
    assert changed_keys(values, backwards) == []
