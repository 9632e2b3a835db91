"""Every format that is promised: the decoder that reads it, the number of samples, and the sound itself."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import soundfile
from blake3 import blake3
from decode_inputs import FFMPEG, RATE_HZ, chirp, decode, run_ffmpeg, write_wav

from audiofeat.decode import decoder_versions

VIDEO = ("-f", "lavfi", "-i", "testsrc=duration=1:size=64x64:rate=10")

# name, decoder, options for ffmpeg's encoder, samples more or less than were encoded (a codec's padding)
FORMATS = [
    ("u8.wav", "soundfile", ["-c:a", "pcm_u8"], 0),
    ("s16.wav", "pcm", ["-c:a", "pcm_s16le"], 0),
    ("s24.wav", "soundfile", ["-c:a", "pcm_s24le"], 0),
    ("s32.wav", "soundfile", ["-c:a", "pcm_s32le"], 0),
    ("f32.wav", "soundfile", ["-c:a", "pcm_f32le"], 0),
    ("f64.wav", "soundfile", ["-c:a", "pcm_f64le"], 0),
    ("alaw.wav", "soundfile", ["-c:a", "pcm_alaw"], 0),
    ("ulaw.wav", "soundfile", ["-c:a", "pcm_mulaw"], 0),
    ("ima_adpcm.wav", "soundfile", ["-c:a", "adpcm_ima_wav"], 0),
    ("ms_adpcm.wav", "soundfile", ["-c:a", "adpcm_ms"], 0),
    ("mp3.wav", "ffmpeg", ["-c:a", "libmp3lame"], 2400),
    ("rf64.wav", "pcm", ["-rf64", "always"], 0),
    ("chirp.w64", "soundfile", [], 0),
    ("chirp.flac", "soundfile", [], 0),
    ("chirp.mp3", "soundfile", [], 0),
    ("no_xing.mp3", "ffmpeg", ["-write_xing", "0"], 2400),
    ("layer2.mp2", "ffmpeg", ["-c:a", "mp2"], 1200),
    ("vorbis.ogg", "soundfile", ["-c:a", "libvorbis"], 0),
    ("chirp.opus", "soundfile", ["-c:a", "libopus"], 0),
    ("flac.ogg", "ffmpeg", ["-c:a", "flac"], 0),
    ("chirp.aiff", "soundfile", [], 0),
    ("ulaw.aifc", "soundfile", ["-c:a", "pcm_mulaw", "-f", "aiff"], 0),
    ("chirp.caf", "soundfile", [], 0),
    ("alac.caf", "ffmpeg", ["-c:a", "alac"], 400),
    ("chirp.au", "soundfile", [], 0),
    ("aac.m4a", "ffmpeg", [], 0),
    ("alac.m4a", "ffmpeg", ["-c:a", "alac"], 0),
    ("chirp.aac", "ffmpeg", [], 2100),
    ("chirp.wma", "ffmpeg", ["-c:a", "wmav2"], 2100),
    ("chirp.amr", "ffmpeg", ["-ar", "8000"], 400),
    ("chirp.webm", "ffmpeg", ["-c:a", "libopus"], 400),
    ("chirp.mka", "ffmpeg", [], 0),
    ("chirp.ts", "ffmpeg", [], 2100),
    ("video.mp4", "ffmpeg", [*VIDEO, "-c:v", "mpeg4"], 0),
    ("video.mkv", "ffmpeg", [*VIDEO, "-c:v", "mpeg4"], 0),
    ("video.avi", "ffmpeg", [*VIDEO, "-c:v", "mpeg4"], 2400),
    ("video.mpg", "ffmpeg", [*VIDEO, "-f", "vob"], 1200),
]


def likeness(decoded: np.ndarray, original: np.ndarray) -> float:
    """The largest normalised correlation over all delays: 1 for the same sound, whatever the codec's delay."""
    size = 1 << (len(decoded) + len(original)).bit_length()
    correlation = np.fft.irfft(np.fft.rfft(decoded, size) * np.conj(np.fft.rfft(original, size)), size)
    return float(correlation.max() / (np.linalg.norm(decoded) * np.linalg.norm(original)))


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_wav(tmp_path_factory.mktemp("formats") / "source.wav", chirp(), subtype="FLOAT")


@pytest.mark.parametrize(("name", "decoder", "options", "padding"), FORMATS, ids=[row[0] for row in FORMATS])
def test_a_format_is_read_by_its_decoder_with_every_sample(
    source: Path, name: str, decoder: str, options: list[str], padding: int
) -> None:
    path = source.with_name(name)
    run_ffmpeg("-i", source, *options, "-map_metadata", "-1", path)
    decoded = decode(path)
    assert decoded.decoder == decoder_versions(FFMPEG)[decoder]
    assert decoded.channels == 1
    assert abs(len(decoded.samples) - RATE_HZ) <= padding
    assert len(decoded.samples) == pytest.approx(decoded.source_frames * RATE_HZ / decoded.native_sample_rate, abs=1)
    assert likeness(decoded.samples, chirp()) > 0.93  # AMR: 0.94


@pytest.mark.parametrize("name", ["pipe.wav", "pipe.flac", "pipe.mp3", "pipe.caf", "pipe.aiff", "pipe.au", "pipe.w64"])
def test_a_file_whose_writer_could_not_seek_is_read_to_its_end(source: Path, name: str) -> None:
    path = source.with_name(name)
    path.write_bytes(run_ffmpeg("-i", source, "-f", path.suffix[1:], "pipe:1"))
    decoded = decode(path)
    assert len(decoded.samples) - RATE_HZ in (range(2400) if name == "pipe.mp3" else (0,))
    assert likeness(decoded.samples, chirp()) > 0.95


@pytest.mark.parametrize("size", [0, 0x7FFFF000, 0x80000000, 0xFFFFFFFF])
def test_a_wav_of_unknown_length_gives_all_that_follows(source: Path, size: int) -> None:
    whole = write_wav(source.with_name("whole.wav"), chirp())
    path = source.with_name("unknown.wav")
    content = whole.read_bytes()
    path.write_bytes(content[:40] + size.to_bytes(4, "little") + content[44:])
    np.testing.assert_array_equal(decode(path).samples, decode(whole).samples)


def test_the_content_decides_and_not_the_suffix(source: Path) -> None:
    flac = source.with_name("really_flac.wav")
    soundfile.write(flac, chirp(), RATE_HZ, format="FLAC")
    mp4 = source.with_name("really_mp4.mp3")
    run_ffmpeg("-i", source, "-f", "mp4", mp4)
    raw = write_wav(source.with_name("wav.raw"), chirp())
    assert [decode(path).decoder.split()[0] for path in (flac, mp4, raw)] == ["soundfile", "ffmpeg", "pcm"]


def test_flac_and_mp3_are_found_behind_an_id3_tag(source: Path) -> None:
    tag = b"ID3\x04\x00\x00" + bytes([0, 0, 7, 0x68]) + bytes(1000)
    for suffix in ("flac", "mp3"):
        plain = source.with_name(f"untagged.{suffix}")
        run_ffmpeg(
            "-i", source, "-map_metadata", "-1", "-id3v2_version", "0", plain
        ) if suffix == "mp3" else run_ffmpeg("-i", source, plain)
        tagged = source.with_name(f"tagged.{suffix}")
        tagged.write_bytes(tag + plain.read_bytes())
        np.testing.assert_array_equal(decode(tagged).samples, decode(plain).samples)


def test_the_digest_is_that_of_the_file_small_or_large(tmp_path: Path) -> None:
    for frames in (100, 700_000):
        path = write_wav(tmp_path / f"{frames}.wav", np.zeros(frames))
        assert decode(path).source_digest == blake3(path.read_bytes()).hexdigest()


def test_pcm_samples_are_exact(tmp_path: Path) -> None:
    values = np.random.default_rng(1).integers(-(2**15), 2**15, 5_000).astype(np.int16)
    path = tmp_path / "exact.wav"
    soundfile.write(path, values, RATE_HZ, subtype="PCM_16")
    np.testing.assert_array_equal(decode(path).samples, values.astype(np.float32) / 2**15)
