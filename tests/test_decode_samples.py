"""Mixing, resampling and the borders between blocks."""

from __future__ import annotations

import itertools
from pathlib import Path

import numpy as np
import pytest
import soundfile
import soxr
from decode_inputs import FFMPEG, RATE_HZ, Bounds, chirp, decode, run_ffmpeg, write_wav

from audiofeat.decode import open_clip, soundfile_decoder
from audiofeat.decode.channels import to_mono
from audiofeat.decode.samples import Resampler
from audiofeat.records import Fingerprint

BLOCK_FRAMES = 65_536


@pytest.mark.parametrize("channels", [1, 2, 3, 6, 16])
def test_the_mix_has_the_bits_of_the_mean_over_rows(channels: int) -> None:
    rows = np.random.default_rng(channels).normal(size=(channels, 4_000)).astype(np.float32)
    block = np.ascontiguousarray(rows.T)
    np.testing.assert_array_equal(to_mono(block), np.mean(rows, axis=0))  # which is librosa.to_mono


def test_opposite_channels_cancel(tmp_path: Path) -> None:
    path = write_wav(tmp_path / "opposite.wav", np.stack([chirp(), -chirp()], axis=1), subtype="FLOAT")
    decoded = decode(path)
    assert decoded.channels == 2
    assert not decoded.samples.any()


def test_all_decoders_mix_alike(tmp_path: Path) -> None:
    stereo = np.random.default_rng(3).normal(size=(70_000, 2)).astype(np.float32) / 8
    wav = write_wav(tmp_path / "stereo.wav", stereo)
    content = wav.read_bytes()
    open_ended = tmp_path / "open_ended.wav"
    open_ended.write_bytes(content[:40] + bytes(4) + content[44:])
    soundfile.write(tmp_path / "stereo.flac", soundfile.read(wav, dtype="int16")[0], RATE_HZ, subtype="PCM_16")
    decoded = [decode(path) for path in (wav, tmp_path / "stereo.flac", open_ended)]
    assert [each.decoder.split()[0] for each in decoded] == ["pcm", "soundfile", "ffmpeg"]
    for other in decoded[1:]:
        np.testing.assert_array_equal(decoded[0].samples, other.samples)


@pytest.mark.parametrize("native_hz", [8_000, 22_050, 44_100, 48_000])
def test_resampling_keeps_length_and_tone(tmp_path: Path, native_hz: int) -> None:
    path = write_wav(tmp_path / "tone.wav", chirp(5.0, sample_rate=native_hz), sample_rate=native_hz, subtype="FLOAT")
    decoded = decode(path)
    assert len(decoded.samples) == 5 * RATE_HZ
    assert decoded.source_frames == 5 * native_hz
    inner = slice(1_000, -1_000)
    np.testing.assert_allclose(decoded.samples[inner], chirp(5.0)[inner], atol=2e-3)


def test_resampling_in_blocks_equals_resampling_at_once() -> None:
    samples = np.random.default_rng(5).normal(size=150_000).astype(np.float32)
    stream = Resampler(native_sample_rate=44_100, sample_rate=RATE_HZ, channels=1)
    column = samples[:, np.newaxis]
    blocks = [stream.push(column[start : start + BLOCK_FRAMES]) for start in range(0, len(samples), BLOCK_FRAMES)]
    in_blocks = np.concatenate([*blocks, stream.finish()])[:, 0]
    at_once = soxr.resample(samples, 44_100, RATE_HZ, quality="HQ")
    assert len(in_blocks) == len(at_once)
    np.testing.assert_allclose(in_blocks, at_once, atol=1e-6)


@pytest.mark.parametrize("open_ended", [False, True], ids=["soundfile", "ffmpeg"])
@pytest.mark.parametrize("frames", [1, BLOCK_FRAMES - 1, BLOCK_FRAMES, BLOCK_FRAMES + 1, 2 * BLOCK_FRAMES])
def test_no_frame_is_lost_at_a_block_border(tmp_path: Path, frames: int, open_ended: bool) -> None:
    values = np.random.default_rng(frames).integers(-(2**15), 2**15, frames).astype(np.int16)
    path = tmp_path / "border.wav"
    soundfile.write(path, values, RATE_HZ, subtype="PCM_16")
    if open_ended:
        content = path.read_bytes()
        path.write_bytes(content[:40] + bytes(4) + content[44:])
    decoded = decode(path)
    assert decoded.source_frames == frames
    np.testing.assert_array_equal(decoded.samples, values.astype(np.float32) / 2**15)


@pytest.mark.parametrize("suffix", ["mp3", "ogg", "opus", "flac"])
def test_reading_in_blocks_gives_the_samples_of_one_read(
    tmp_path: Path, suffix: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    wav = write_wav(tmp_path / "long.wav", chirp(10.0))
    path = tmp_path / f"long.{suffix}"
    run_ffmpeg("-i", wav, *(["-c:a", "libvorbis"] if suffix == "ogg" else []), path)
    with soundfile.SoundFile(path) as file:
        at_once = file.read(out=np.empty((file.frames, 1), np.float32))[:, 0]
        native_hz = file.samplerate
    for block_frames in (BLOCK_FRAMES, 1_000):
        monkeypatch.setattr(soundfile_decoder, "BLOCK_FRAMES", block_frames)
        np.testing.assert_array_equal(decode(path, sample_rate=native_hz).samples, at_once)


def test_blocks_come_as_they_are_asked_for(tmp_path: Path) -> None:
    path = write_wav(tmp_path / "long.wav", np.zeros(10 * BLOCK_FRAMES))
    with open_clip(str(path), sample_rate=RATE_HZ, limits=Bounds(), ffmpeg=FFMPEG) as clip:
        first_two = list(itertools.islice(clip, 2))
        assert [len(block) for block in first_two] == [BLOCK_FRAMES, BLOCK_FRAMES]
        assert clip.source_frames == 0
        with pytest.raises(RuntimeError, match="once"):
            next(iter(clip))


def test_duration_and_identity_come_with_the_clip(tmp_path: Path) -> None:
    path = write_wav(tmp_path / "clip.wav", chirp(0.5, sample_rate=8_000), sample_rate=8_000)
    with open_clip(str(path), sample_rate=RATE_HZ, limits=Bounds(), ffmpeg=None) as clip:
        status = path.stat()
        assert clip.fingerprint == Fingerprint(status.st_size, status.st_ctime_ns, status.st_ino)
        assert sum(map(len, clip)) == 8_000
        assert clip.duration_seconds == 0.5
