"""What one file becomes: its channels, trimmed, cut into chunks, chosen by length, at its own rate."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile
from lanes import clip_at, config_of, run_lane

from audiofeat.errors import AudioFeatError, MissingToolError
from audiofeat.records import Clip, Excerpt

RATE = 8_000
HOP = 80
FRAMES = {"audio": {"sample_rate": RATE}, "frame": {"win_samples": 160, "hop_samples": HOP, "n_fft": 256}}
CHANNELS = [1, 2, 6, 8]


def job(*overrides: str, **features: Any) -> Any:
    return config_of({**FRAMES, "features": features or {"waveform": {}}}, *overrides)


def noise(n_samples: int, channels: int = 1, *, seed: int = 0) -> Any:
    values = np.random.default_rng(seed).uniform(-0.5, 0.5, (n_samples, channels))
    return (np.round(values * 32768) / 32768).astype(np.float32)


def write(root: Path, name: str, samples: Any, rate: int = RATE) -> Clip:
    soundfile.write(root / name, samples, rate, subtype="PCM_16")
    return clip_at(root, name)


def windows_of(signal: Any) -> Any:
    return np.array([signal[start : start + 160] for start in range(0, len(signal) - 159, HOP)])


@pytest.mark.parametrize("mode", ["mix", "first", "each", "0", "1"])
def test_each_number_of_channels_in_each_mode(tmp_path: Path, mode: str) -> None:
    signals = {channels: noise(1_000, channels, seed=channels) for channels in CHANNELS}
    clips = [write(tmp_path, f"{channels}.wav", signal) for channels, signal in signals.items()]
    found = run_lane(tmp_path, clips, job(f"audio.channels={mode}"), scratch=tmp_path / "store")
    wanted: dict[str, Any] = {}
    for channels, signal in signals.items():
        if mode == "each":
            wanted |= {f"{channels}#{channel}": signal[:, channel] for channel in range(channels)}
        elif mode == "mix":
            total = signal[:, 0].copy()
            for channel in range(1, channels):
                total += signal[:, channel]
            wanted[f"{channels}"] = total / np.float32(channels)
        elif mode != "1" or channels > 1:
            wanted[f"{channels}"] = signal[:, int(mode == "1")]
    assert found.features.keys() == wanted.keys()
    for key, signal in wanted.items():
        np.testing.assert_array_equal(found.features[key]["waveform"], windows_of(signal), err_msg=key)
        row = found.rows[key]
        assert row.channels == int(key.partition("#")[0])
        number = {"mix": None, "first": 0, "each": int(key.partition("#")[2] or 0)}.get(mode, int(mode == "1"))
        assert row.channel == number
        assert row.parent == (key.partition("#")[0] if mode == "each" else None)
    refused = {key: failure.reason for key, failure in found.failures.items()}
    assert refused == ({"1": "input.no-such-channel"} if mode == "1" else {})


@pytest.mark.parametrize("n_samples", [7_999, 8_000, 8_008, 24_000, 24_104, 24_160])
def test_chunks_are_the_clip_cut_at_whole_seconds(tmp_path: Path, n_samples: int) -> None:
    """A rest that makes no frame is listed as left out; one that makes a frame is a clip."""
    signal = noise(n_samples)
    clip = write(tmp_path, "long.wav", signal)
    found = run_lane(tmp_path, [clip], job("audio.chunk_seconds=1"), scratch=tmp_path / "store")
    starts = [start for start in range(0, n_samples, RATE) if start == 0 or n_samples - start >= 160]
    keys = [f"long@{start // 8}-{round(min(n_samples, start + RATE) / 8)}" for start in starts]
    assert list(found.rows) == keys
    for key, start in zip(keys, starts, strict=True):
        np.testing.assert_array_equal(
            found.features[key]["waveform"], windows_of(signal[start : start + RATE, 0]), err_msg=key
        )
        row = found.rows[key]
        stop = min(n_samples, start + RATE)
        assert (row.parent, row.start_seconds, row.end_seconds) == ("long", start / RATE, stop / RATE)
        assert row.duration_seconds == (stop - start) / RATE
        assert row.source_seconds == n_samples / RATE
    rest = n_samples % RATE
    left_out = (
        {} if rest == 0 or rest >= 160 else {f"long@{n_samples // RATE}000-{round(n_samples / 8)}": "select.rest"}
    )
    assert {key: failure.reason for key, failure in found.failures.items()} == left_out


def test_chunks_of_an_excerpt_are_named_by_their_place_in_the_file(tmp_path: Path) -> None:
    signal = noise(40_000)
    write(tmp_path, "long.wav", signal)
    clip = clip_at(tmp_path, "long.wav", key="talk", excerpt=Excerpt(1.5, 3.75))
    found = run_lane(tmp_path, [clip], job("audio.chunk_seconds=1"), scratch=tmp_path / "store")
    assert list(found.rows) == ["talk@1500-2500", "talk@2500-3500", "talk@3500-3750"]
    np.testing.assert_array_equal(found.features["talk@2500-3500"]["waveform"], windows_of(signal[20_000:28_000, 0]))
    assert {row.excerpt for row in found.rows.values()} == {"1.5-3.75"}


def test_an_excerpt_has_the_bits_of_the_slice(tmp_path: Path) -> None:
    signal = noise(40_000, 2)
    write(tmp_path, "long.wav", signal)
    clip = clip_at(tmp_path, "long.wav", key="word", excerpt=Excerpt(1.25, 2.5, channel=1))
    slice_ = write(tmp_path, "slice.wav", signal[10_000:20_000, 1:])
    config = job("log.range=20", log_mel={}, mfcc={"deltas": {"orders": 2}})
    found = run_lane(tmp_path, [clip, slice_], config, scratch=tmp_path / "store")
    for name in ("log_mel", "mfcc"):
        np.testing.assert_array_equal(found.features["word"][name], found.features["slice"][name])
    row = found.rows["word"]
    assert (row.start_seconds, row.end_seconds, row.channel, row.parent) == (1.25, 2.5, 1, None)


def test_silent_ends_are_cut_off_and_the_manifest_says_where(tmp_path: Path) -> None:
    signal = np.concatenate([np.zeros((9_000, 1)), noise(8_000), np.zeros((12_000, 1))]).astype(np.float32)
    clip = write(tmp_path, "word.wav", signal)
    found = run_lane(tmp_path, [clip], job("audio.trim_db=40"), scratch=tmp_path / "store")
    row = found.rows["word"]
    assert row.start_seconds is not None
    assert row.end_seconds is not None
    start, stop = round(row.start_seconds * RATE), round(row.end_seconds * RATE)
    assert 7_500 < start <= 9_000
    assert 17_000 <= stop < 18_500
    assert row.duration_seconds == (stop - start) / RATE
    np.testing.assert_array_equal(found.features["word"]["waveform"], windows_of(signal[start:stop, 0]))


def test_a_peak_is_taken_of_each_channel_after_trimming(tmp_path: Path) -> None:
    signal = noise(4_000, 2) * np.float32([0.5, 0.25])
    clip = write(tmp_path, "a.wav", signal)
    config = job("audio.channels=each", "audio.peak=0.9")
    found = run_lane(tmp_path, [clip, write(tmp_path, "b.wav", np.zeros((800, 1)))], config, scratch=tmp_path / "s")
    for channel in range(2):
        peak = np.abs(found.features[f"a#{channel}"]["waveform"]).max()
        assert peak == pytest.approx(0.9, abs=2e-3)  # the largest sample may lie behind the last frame
    assert not found.features["b#0"]["waveform"].any(), "silence stays silence"


def test_a_peak_that_no_gain_can_raise_is_silence(tmp_path: Path) -> None:
    """0.5 / 1e-42 is beyond float32, and infinity would end the run of all others."""
    signal = np.zeros((4_000, 1), np.float32)
    signal[100] = 1e-42
    soundfile.write(tmp_path / "a.wav", signal, RATE, subtype="FLOAT")
    found = run_lane(tmp_path, [clip_at(tmp_path, "a.wav")], job("audio.peak=0.5"), scratch=tmp_path / "s")
    assert not found.failures
    assert np.abs(found.features["a"]["waveform"]).max() < 1e-41


@pytest.mark.parametrize(("wish", "left_out"), [("min_seconds=0.5", "short"), ("max_seconds=0.5", "long")])
def test_clips_are_chosen_by_length_without_vanishing(tmp_path: Path, wish: str, left_out: str) -> None:
    clips = [write(tmp_path, "long.wav", noise(8_000)), write(tmp_path, "short.wav", noise(2_000))]
    found = run_lane(tmp_path, clips, job(f"select.{wish}"), scratch=tmp_path / "store")
    assert [*found.rows, *found.failures] == sorted(["long", "short"], key=lambda key: key == left_out)
    failure = found.failures[left_out]
    assert failure.reason == {"short": "select.too-short", "long": "select.too-long"}[left_out]
    assert failure.is_by_choice
    assert failure.duration_seconds == {"short": 0.25, "long": 1.0}[left_out]


def test_the_last_chunk_is_chosen_by_its_own_length(tmp_path: Path) -> None:
    clip = write(tmp_path, "a.wav", noise(20_000))
    config = job("audio.chunk_seconds=1", "select.min_seconds=1")
    found = run_lane(tmp_path, [clip], config, scratch=tmp_path / "store")
    assert list(found.rows) == ["a@0-1000", "a@1000-2000"]
    assert [(failure.key, failure.parent) for failure in found.failures.values()] == [("a@2000-2500", "a")]


def test_each_clip_keeps_its_own_rate_and_has_the_bits_of_a_job_at_that_rate(tmp_path: Path) -> None:
    rates = [8_000, 11_025, 16_000, 44_100]
    clips = [write(tmp_path, f"{rate}.wav", noise(6_000, seed=rate), rate) for rate in rates]
    found = run_lane(tmp_path, clips, job("audio.sample_rate=native", log_mel={}), scratch=tmp_path / "native")
    for rate, clip in zip(rates, clips, strict=True):
        config = job(f"audio.sample_rate={rate}", log_mel={})
        alone = run_lane(tmp_path, [clip], config, scratch=tmp_path / str(rate))
        np.testing.assert_array_equal(found.features[clip.key]["log_mel"], alone.features[clip.key]["log_mel"])


def test_a_rate_too_low_for_the_bands_is_a_fault_of_the_clip_alone(tmp_path: Path) -> None:
    clips = [write(tmp_path, f"{rate}.wav", noise(6_000), rate) for rate in (8_000, 16_000)]
    config = job("audio.sample_rate=native", "mel.fmax_hz=6000", log_mel={})
    found = run_lane(tmp_path, clips, config, scratch=tmp_path / "store")
    assert list(found.rows) == ["16000"]
    assert {key: failure.reason for key, failure in found.failures.items()} == {"8000": "input.sample-rate"}


@pytest.mark.parametrize("n_samples", [700, 1_600, 2_400])
def test_lengths_can_be_fixed_in_seconds_and_in_frames(tmp_path: Path, n_samples: int) -> None:
    signal = noise(n_samples)
    clip = write(tmp_path, "a.wav", signal)
    config = job("length.pad_to_seconds=0.2", "length.cut_to_seconds=0.2", "length.frames=25", "length.pad_value=-7")
    found = run_lane(tmp_path, [clip], config, scratch=tmp_path / "store")
    fixed = np.zeros(1_600, np.float32)
    fixed[: min(1_600, n_samples)] = signal[:1_600, 0]
    rows = found.features["a"]["waveform"]
    assert (rows.shape, found.rows["a"].frames) == ((25, 160), 25)
    np.testing.assert_array_equal(rows[:19], windows_of(fixed))
    assert (rows[19:] == -7).all()
    assert found.rows["a"].duration_seconds == n_samples / RATE, "of the clip itself"


def test_one_bad_channel_costs_the_file_and_no_other(tmp_path: Path) -> None:
    bad = noise(1_000, 2)
    bad[500, 1] = np.nan
    soundfile.write(tmp_path / "bad.wav", bad, RATE, subtype="FLOAT")
    clips = [
        write(tmp_path, "a.wav", noise(1_000, 2)),
        clip_at(tmp_path, "bad.wav"),
        write(tmp_path, "c.wav", noise(999)),
    ]
    found = run_lane(tmp_path, clips, job("audio.channels=each", log_mel={}), scratch=tmp_path / "store")
    assert list(found.rows) == ["a#0", "a#1", "c#0"]
    assert {key: failure.reason for key, failure in found.failures.items()} == {"bad": "input.non-finite"}


def test_deltas_that_want_more_frames_than_there_are_say_so(tmp_path: Path) -> None:
    clip = write(tmp_path, "a.wav", noise(400))
    config = job(mel={"deltas": {"orders": 1, "window": 4, "form": "savgol", "edge": "interp"}})
    found = run_lane(tmp_path, [clip], config, scratch=tmp_path / "store")
    failure = found.failures["a"]
    assert failure.reason == "input.too-short"
    assert "make 4 frames" in failure.message
    assert "take 9" in failure.message


def test_a_clip_of_which_resampling_leaves_nothing_is_too_short(tmp_path: Path) -> None:
    clips = [write(tmp_path, "a.wav", noise(1), 48_000), write(tmp_path, "b.wav", noise(6_000), 48_000)]
    found = run_lane(tmp_path, clips, job(), scratch=tmp_path / "store")
    assert (list(found.rows), {key: failure.reason for key, failure in found.failures.items()}) == (
        ["b"],
        {"a": "input.too-short"},
    )


@pytest.mark.parametrize(
    ("failure", "kind", "words"),
    [
        (ValueError("no luck"), AudioFeatError, "a program failed: ValueError: no luck"),
        (MemoryError("no room"), MissingToolError, "not enough memory for the programs"),
    ],
)
def test_a_program_that_fails_is_no_fault_of_a_clip(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, failure: Exception, kind: type[AudioFeatError], words: str
) -> None:
    """Else the clip in hand would be blamed, and those on the tape would never be handed in."""

    def fail(*arguments: object, **more: object) -> object:
        raise failure

    monkeypatch.setattr("audiofeat.deck.apply_tail", fail)
    clips = [write(tmp_path, f"{number}.wav", noise(30_000)) for number in range(3)]
    config = job("compute.tape_slots=256", mel={"cmvn": {"mode": "mean"}})
    with pytest.raises(AudioFeatError, match=words) as caught:
        run_lane(tmp_path, clips, config, scratch=tmp_path / "store")
    assert type(caught.value) is kind


def test_samples_whose_power_would_not_be_finite_are_refused_by_what_they_are_scaled_to(tmp_path: Path) -> None:
    soundfile.write(tmp_path / "a.wav", noise(1_000) * 1e5, RATE, subtype="FLOAT")
    clips = [clip_at(tmp_path, "a.wav")]
    fine = run_lane(tmp_path, clips, job("audio.scale=1e6", mel={}), scratch=tmp_path / "fine")
    assert np.isfinite(fine.features["a"]["mel"]).all()
    refused = run_lane(tmp_path, clips, job("audio.scale=1e8", mel={}), scratch=tmp_path / "refused")
    assert refused.failures["a"].reason == "input.non-finite"
