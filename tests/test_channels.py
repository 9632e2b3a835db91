"""One, two, six and eight channels, mixed, picked and each."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import soundfile
from decode_inputs import FFMPEG, RATE_HZ, Bounds, chirp, decode, refused, run_ffmpeg, write_wav

from audiofeat.decode import open_clip
from audiofeat.decode.samples import Resampler
from audiofeat.records import Excerpt

COUNTS = [1, 2, 6, 8]
ENCODINGS = {
    "wav": [],
    "flac": [],
    "ogg": ["-c:a", "libvorbis"],
    "m4a": ["-aac_pns", "0"],
    "alac.m4a": ["-c:a", "alac"],
}


def tones(channels: int, *, seconds: float = 1.0, sample_rate: int = RATE_HZ) -> np.ndarray:
    """A tone in each channel, each of its own pitch."""
    time = np.arange(round(seconds * sample_rate)) / sample_rate
    return np.stack([0.3 * np.sin(2 * np.pi * 300 * (channel + 1) * time) for channel in range(channels)], axis=1)


# ffmpeg's ALAC encoder knows another order of eight channels, and mixes these down to seven.
ENCODABLE = [(suffix, count) for suffix in ENCODINGS for count in COUNTS if (suffix, count) != ("alac.m4a", 8)]


@pytest.fixture(params=ENCODABLE, ids=lambda case: f"{case[0]}-{case[1]}")
def file(request: pytest.FixtureRequest, tmp_path: Path) -> tuple[Path, int]:
    suffix, count = request.param
    wav = write_wav(tmp_path / "tones.wav", tones(count, seconds=0.5))
    path = tmp_path / f"encoded.{suffix}"
    run_ffmpeg("-i", wav, *ENCODINGS[suffix], path)
    return path, count


def test_each_channel_can_be_had_and_the_mix_is_their_mean(file: tuple[Path, int]) -> None:
    path, count = file
    each = decode(path, channels="each")
    assert each.samples.shape == (each.source_frames, count)
    assert each.channels == count
    for channel in {0, count // 2, count - 1}:
        np.testing.assert_array_equal(decode(path, channels=channel).samples, each.samples[:, channel])
    np.testing.assert_array_equal(decode(path, channels="first").samples, each.samples[:, 0])
    np.testing.assert_array_equal(decode(path).samples, np.mean(np.ascontiguousarray(each.samples.T), axis=0))
    assert len({int(np.abs(np.fft.rfft(column)).argmax()) for column in each.samples.T}) == count


@pytest.mark.parametrize("subtype", ["PCM_16", "FLOAT"])
@pytest.mark.parametrize("count", COUNTS)
def test_channels_keep_their_order_and_bits(tmp_path: Path, count: int, subtype: str) -> None:
    path = write_wav(tmp_path / "a.wav", tones(count), subtype=subtype)
    np.testing.assert_array_equal(
        decode(path, channels="each").samples, soundfile.read(path, dtype="float32", always_2d=True)[0]
    )


@pytest.mark.parametrize("native_hz", [8_000, 44_100])
@pytest.mark.parametrize("count", COUNTS)
def test_resampled_together_channels_have_the_bits_of_each_alone(tmp_path: Path, count: int, native_hz: int) -> None:
    path = write_wav(tmp_path / "a.wav", tones(count, seconds=4.0, sample_rate=native_hz), sample_rate=native_hz)
    each = decode(path, channels="each").samples
    assert each.shape == (4 * RATE_HZ, count)
    for channel in range(count):
        np.testing.assert_array_equal(decode(path, channels=channel).samples, each[:, channel])


def test_a_resampler_of_many_channels_is_many_of_one() -> None:
    block = np.random.default_rng(4).normal(size=(70_001, 8)).astype(np.float32)
    together = Resampler(native_sample_rate=22_050, sample_rate=RATE_HZ, channels=8)
    both = np.concatenate([together.push(block), together.finish()])
    for channel in range(8):
        alone = Resampler(native_sample_rate=22_050, sample_rate=RATE_HZ, channels=1)
        column = np.concatenate([alone.push(block[:, channel : channel + 1]), alone.finish()])
        np.testing.assert_array_equal(column[:, 0], both[:, channel])


@pytest.mark.parametrize(("count", "channel"), [(1, 1), (2, 3), (8, 8)])
def test_a_channel_that_is_not_there_is_refused(tmp_path: Path, count: int, channel: int) -> None:
    path = write_wav(tmp_path / "a.wav", tones(count))
    for error in (refused(path, channels=channel), refused(path, excerpt=Excerpt(channel=channel))):
        assert error.reason == "input.no-such-channel"
        assert error.problem == f"channel {channel} was asked for; the file has {count}, counted from 0"


def test_an_excerpts_channel_goes_before_the_configurations(tmp_path: Path) -> None:
    path = write_wav(tmp_path / "a.wav", tones(2))
    second = soundfile.read(path, dtype="float32")[0][:, 1]
    for channels in ("mix", "first", 0):
        decoded = decode(path, channels=channels, excerpt=Excerpt(channel=1))
        np.testing.assert_array_equal(decoded.samples, second)
        assert decoded.where == (None, None)
    np.testing.assert_array_equal(decode(path, excerpt=Excerpt(0.5, 0.75, 1)).samples, second[8_000:12_000])


def test_the_clip_says_which_channels_it_gives(tmp_path: Path) -> None:
    path = write_wav(tmp_path / "a.wav", tones(6))
    said = {}
    for channels in ("mix", "first", "each", 4):
        with open_clip(str(path), channels=channels, sample_rate=None, limits=Bounds(), ffmpeg=FFMPEG) as clip:
            said[channels] = (clip.output_channels, clip.channel, clip.channels)
    assert said == {"mix": (1, None, 6), "first": (1, 0, 6), "each": (6, None, 6), 4: (1, 4, 6)}


@pytest.mark.parametrize("native_hz", [8_000, 16_000, 44_100])
def test_the_native_rate_is_the_files_own(tmp_path: Path, native_hz: int) -> None:
    samples = chirp(0.5, sample_rate=native_hz)
    path = write_wav(tmp_path / "a.wav", samples, sample_rate=native_hz, subtype="FLOAT")
    with open_clip(str(path), sample_rate=None, limits=Bounds(), ffmpeg=FFMPEG) as clip:
        assert clip.sample_rate == native_hz
        np.testing.assert_array_equal(np.concatenate(list(clip))[:, 0], samples)
