"""Which settings change a number: all that act, and none that is off."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from audiofeat.config import digest_of, load_config, numbers_config, stored_config
from audiofeat.dsp.deltas import Deltas
from audiofeat.dsp.filterbank import mel_filterbank
from audiofeat.frontend.recipe import recipe_of

BASE: dict[str, Any] = {
    "mel": {"bands": 40, "fmin_hz": 20.0},
    "features": {"log_mel": {}, "mfcc": {"mel": {"bands": 23}}},
}


def digests(values: dict[str, Any], *overrides: str) -> tuple[str, str]:
    config = load_config(values, overrides=overrides)
    return digest_of(stored_config(config)), digest_of(numbers_config(config))


@pytest.mark.parametrize(
    "override",
    [
        "store.format=npy",
        "store.shard_clips=7",
        "store.compression=gzip",
        "store.compression_level=9",
        "store.chunk_frames=7",
        "select.keys=name",
        "select.min_seconds=1",
        "limits.max_seconds=9",
        "mel.empty=error",
        "mel.fmax_hz=8000",
        "audio.dither_seed=7",
        "length.pad_with=repeat",
        "length.pad_value=1",
        "preemphasis.scope=signal",
        "preemphasis.first=keep",
        "spectrum.floor=1e-3",
        "mfcc.lifter_base=1",
        "energy.floor=1",
        "energy.source=spectrum",
        "deltas.window=4",
        "deltas.form=composed",
        "cmvn.over=sliding",
        "cmvn.eps=1",
        "mel.grid=half_int",
        "stack.edge=zero",
        "stack.tail=drop",
        "stack.order=columns",
    ],
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
        "store.dtype=float16",
        "spectrum.power=1",
        "mel.bands=41",
        "features.mfcc.mel.bands=24",
        "log.floor=1e-9",
        "mfcc.n=12",
        "features.mel={}",
        "audio.channels=first",
        "audio.trim_db=60",
        "audio.chunk_seconds=10",
        "audio.peak=0.95",
        "audio.quantize=int16",
        "audio.dither=1",
        "length.pad_to_seconds=30",
        "length.cut_to_seconds=30",
        "length.frames=100",
        "frame.count_by=n_fft",
        "frame.tail=pad_hop",
        "window.sampling=symmetric",
        "preemphasis={coeff: 0.5, scope: signal}",
        "spectrum.norm=n_fft",
        "spectrum.guard=add",
        "frame.n_fft=511",
        "mel.edge_bins=htk",
        "mel.sqrt=true",
        "log.ref=max",
        "mfcc.c0=last",
        "mfcc.lifter=22",
        "energy.column=first",
        "deltas.orders=1",
        "cmvn.mode=mean",
        "stack.right=1",
        "stack.stride=2",
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
        ({"spectrogram": {"spectrum": {"output": "db"}}}, {"spectrum": ["output", "power"], "log": ["floor", "guard"]}),
        ({"waveform": {}}, {}),
        ({"stft": {}}, {}),
        ({"stft": {"spectrum": {"norm": "n_fft"}}}, {"spectrum": ["norm"]}),
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
    assert list(found.get("spectrum", {})) == used.get("spectrum", [])


@pytest.mark.parametrize(
    ("on", "inert", "acts"),
    [
        ("audio.dither=1", "audio.chunk_seconds=null", "audio.dither_seed=7"),
        ("length.pad_to_seconds=30", "length.pad_value=1", "length.pad_with=repeat"),
        ("length.pad_to_seconds=30", "length.pad_value=1", "length.pad_step_seconds=1"),
        ("length.frames=9", "length.pad_with=repeat", "length.pad_value=1"),
        ("window.type=hamming", "window.coefficient=0.54", "window.coefficient=0.5"),
        ("window.type=blackman", "window.coefficient=0.42", "window.coefficient=0.5"),
        ("window.type=rect", "window.power=2", "window.type=sine"),
        ("frame={win_samples: 2, n_fft: 2}", "frame.count_by=n_fft", "frame.tail=pad_last"),
        ("window.values=[1, 2]", "window.type=rect", "window.values=[2, 2]"),
        ("preemphasis.coeff=0.97", "preemphasis.scope=frame", "preemphasis.scope=signal"),
        ("spectrum.guard=max", "spectrum.output=db", "spectrum.floor=1"),
        ("mfcc.c0=energy", "energy.column=none", "energy.floor=1"),
        ("energy.column=last", "mfcc.lifter_base=1", "energy.source=spectrum"),
        ("deltas.orders=2", "cmvn.over=sliding", "deltas.form=composed"),
        ("cmvn.mode=mean", "cmvn.ddof=1", "cmvn.over=clip_all"),
        ("cmvn.mode=meanvar", "cmvn.eps_at=var_add", "cmvn.ddof=1"),
        ("cmvn={mode: meanvar, eps: 1}", "cmvn.window_frames=9", "cmvn.eps_at=var_add"),
        ("cmvn={mode: mean, over: sliding}", "cmvn.eps=1", "cmvn.min_frames=9"),
        ("cmvn={mode: mean, over: sliding, center: true}", "cmvn.min_frames=9", "cmvn.window_frames=9"),
        (
            "features.mfcc={mfcc: {n: 1}, cmvn: {mode: mean, over: global, mean: [1]}}",
            "features.mfcc.cmvn.variance=[1]",
            "features.mfcc.cmvn.mean=[2]",
        ),
        ("deltas.orders=1", "deltas.form=composed", "deltas={form: savgol, edge: interp}"),
        ("frame.n_fft=511", "mel.empty=error", "mel.grid=half_int"),
        ("audio.sample_rate=11025", "mel.empty=error", "mel.grid=half_int"),
        ("audio={sample_rate: 11025}", "mel.empty=warn", "mel={sides: hz, grid: half_int}"),
        ("mel.sides=bin_floor", "mel.grid=half_int", "mel.sides=hz"),
        ("audio.sample_rate=native", "mel.empty=warn", "mel.empty=error"),
        ("audio.sample_rate=native", "mel.empty=warn", "mel.grid=half_int"),
        ("stack.left=1", "stack.tail=drop", "stack.edge=zero"),
        ("stack={left: 1, right: 1}", "deltas.edge=interp", "stack.tail=drop"),
        ("stack.right=1", "stack.order=rows", "stack.order=columns"),
        ("stack.stride=2", "stack.order=columns", "stack.right=1"),
    ],
)
def test_a_setting_counts_only_while_what_it_belongs_to_is_on(on: str, inert: str, acts: str) -> None:
    # The shared window has two samples in the rows about it: the job must be sound with each of the settings.
    base = ["frame.win_samples=2"] if "values" in on else []
    before = digests(BASE, *base, on)[1]
    assert digests(BASE, *base, on, inert)[1] == before
    assert digests(BASE, *base, on, acts)[1] != before


def test_the_window_does_not_count_where_only_waveforms_are_made() -> None:
    waveform: dict[str, Any] = {"features": {"waveform": {}}}
    both: dict[str, Any] = {"features": {"waveform": {}, "stft": {}}}
    for override in ("window.type=hamming", "frame.remove_dc=true", "preemphasis.coeff=0.97"):
        assert digests(waveform, override)[1] == digests(waveform)[1]
        assert digests(both, override)[1] != digests(both)[1]
    assert digests(waveform, "preemphasis={coeff: 0.5, scope: signal}")[1] != digests(waveform)[1]


@pytest.mark.parametrize("rule", ["frame.align=left", "frame.align=hop_center", "frame.tail=pad_hop"])
def test_waveforms_have_no_fft_where_only_windows_count(rule: str) -> None:
    waveform: dict[str, Any] = {"features": {"waveform": {}}}
    assert digests(waveform, rule, "frame.n_fft=400")[1] == digests(waveform, rule)[1]
    both: dict[str, Any] = {"features": {"waveform": {}, "stft": {}}}
    assert digests(both, rule, "frame.n_fft=400")[1] != digests(both, rule)[1]

    def frames(n_fft: int) -> list[tuple[int, int, int]]:
        recipe = recipe_of(load_config(waveform, overrides=[rule, f"frame.n_fft={n_fft}"]))
        return [(recipe.rule.n_frames(n), recipe.rule.first_start, recipe.rule.window_at) for n in range(0, 2_000, 7)]

    assert frames(400) == frames(512) == frames(2_047)


@pytest.mark.parametrize("rule", ["frame.align=center", "frame.count_by=n_fft"])
def test_waveforms_feel_the_fft_where_it_places_frames(rule: str) -> None:
    waveform: dict[str, Any] = {"features": {"waveform": {}}}
    assert digests(waveform, rule, "frame.n_fft=600")[1] != digests(waveform, rule)[1]


@pytest.mark.parametrize("sides", ["mel", "hz", "hz_left"])
@pytest.mark.parametrize(("rate_hz", "n_fft"), [(16_000, 512), (22_050, 1_024), (44_100, 2_000), (11_024, 418)])
def test_both_grids_are_one_where_rate_and_fft_are_even(rate_hz: int, n_fft: int, sides: str) -> None:
    mel: dict[str, Any] = {"bands": 40, "fmin_hz": 0.0, "fmax_hz": rate_hz / 2, "sides": sides}
    exact, half = (
        mel_filterbank(sample_rate_hz=rate_hz, n_fft=n_fft, grid=grid, **mel) for grid in ("exact", "half_int")
    )
    np.testing.assert_array_equal(exact, half)
    odd = mel_filterbank(sample_rate_hz=11_025, n_fft=n_fft, grid="half_int", **{**mel, "fmax_hz": 5_512.0})
    assert not np.array_equal(odd, mel_filterbank(sample_rate_hz=11_025, n_fft=n_fft, **{**mel, "fmax_hz": 5_512.0}))


def test_all_forms_of_deltas_have_the_same_first_order() -> None:
    rows = np.random.default_rng(1).normal(size=(50, 3))
    found = [
        np.concatenate(list(Deltas(1, 4, form, "replicate").apply(lambda: iter([rows]), n_rows=50, dims=3)))
        for form in ("sequential", "open_end", "composed", "savgol")
    ]
    np.testing.assert_array_equal(found[0], found[1])
    np.testing.assert_array_equal(found[0], found[2])


def test_steps_that_are_off_leave_no_trace() -> None:
    """So that a step which is new in some version, and off, makes no store stale."""
    numbers = numbers_config(load_config({"features": {"log_mel": {}}}))
    assert numbers == {
        "audio": {"sample_rate": 16_000, "scale": 1.0},
        "compute": {"precision": "float32"},
        "features": {
            "log_mel": {
                "log": {"floor": 1e-10, "gain": 1.0, "guard": "max", "kind": "ln", "offset": 0.0, "range": None},
                "mel": {
                    "bands": 80,
                    "fmax_hz": 8_000.0,
                    "fmin_hz": 0.0,
                    "norm": "none",
                    "scale": "htk",
                    "sides": "mel",
                },
                "spectrum": {"power": 2},
            }
        },
        "frame": {
            "align": "left",
            "drop_last": False,
            "hop_samples": 160,
            "n_fft": 512,
            "pad": "zero",
            "remove_dc": False,
            "win_samples": 400,
        },
        "window": {"power": 1.0, "sampling": "periodic", "type": "hann"},
    }
