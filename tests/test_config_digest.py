"""Records and digests of a config: what must not change them, what must, and how a change is put into words."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
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
    ],
    ids=["key order", "whole number", "defaults spelled out", "minus zero", "overrides only", "paths and speed"],
)
def test_the_same_settings_in_other_words_have_the_same_digests(values: dict[str, Any]) -> None:
    assert digests(values) == digests(BASE)


@pytest.mark.parametrize(
    "override",
    ["store.format=npy", "store.shard_clips=7", "select.keys=name", "limits.max_seconds=9", "mel.empty=error"],
)
def test_what_changes_no_number_changes_the_store_alone(override: str) -> None:
    before, after = digests(BASE), digests(BASE, override)
    assert before[0] != after[0]
    assert before[1] == after[1]


@pytest.mark.parametrize(
    "override",
    [
        "audio.scale=2",
        "audio.sample_rate=8000",
        "frame.hop_samples=80",
        "frame.remove_dc=true",
        "window.type=hamming",
        "preemphasis.coeff=0.5",
        "compute.precision=float64",
        "spectrum.power=1",
        "mel.bands=41",
        "features.mfcc.mel.bands=24",
        "log.floor=1e-9",
        "mfcc.n=12",
        "features.mel={}",
    ],
)
def test_what_changes_a_number_changes_both(override: str) -> None:
    before, after = digests(BASE), digests(BASE, override)
    assert before[0] != after[0]
    assert before[1] != after[1]


@pytest.mark.parametrize(
    ("feature", "used"),
    [
        ({"spectrogram": {}}, {"spectrum": ["output"]}),
        ({"spectrogram": {"spectrum": {"output": "db"}}}, {"spectrum": ["output", "power"], "log": ["floor", "kind"]}),
        ({"mel": {}}, {"spectrum": ["power"], "mel": ["bands", "fmax_hz"]}),
        ({"log_mel": {}}, {"spectrum": ["power"], "mel": ["bands"], "log": ["kind"]}),
        ({"mfcc": {}}, {"spectrum": ["power"], "mel": ["bands"], "log": ["kind"], "mfcc": ["n", "dct"]}),
    ],
)
def test_numbers_hold_what_a_feature_uses(feature: dict[str, Any], used: dict[str, list[str]]) -> None:
    (found,) = numbers_config(load_config({"features": feature}))["features"].values()
    assert sorted(found) == sorted(used)
    for group, keys in used.items():
        assert set(keys) <= set(found[group])
    assert list(found["spectrum"]) == used["spectrum"]


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
    assert set(stored["store"]) == {"format", "shard_clips"}
    assert set(stored["compute"]) == {"precision"}


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
