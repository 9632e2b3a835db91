"""One clip of every format that audiofeat reads: all are done, each by the decoder that is meant for it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from make_sample_data import FFMPEG_FORMATS, SNDFILE_FORMATS

import audiofeat
from audiofeat.reading.store import Store

BY_OTHERS = {
    "wav_s16.wav": "pcm",
    "m4a_aac.m4a": "ffmpeg",
    "m4a_alac.m4a": "ffmpeg",
    "aac_adts.aac": "ffmpeg",
    "wma.wma": "ffmpeg",
    "amr_nb.amr": "ffmpeg",
    "webm_opus.webm": "ffmpeg",
    "mp4_video.mp4": "ffmpeg",
    "mkv_video.mkv": "ffmpeg",
}
# Of the same 16-bit samples, kept without loss; the others are coarser, finer or lossy.
SAME_SAMPLES = ["aiff_s16.aiff", "au_s16.au", "caf_s16.caf", "w64_s16.w64"]
LOSSY = ["amr_nb.amr", "aac_adts.aac", "m4a_aac.m4a", "mp3.mp3", "ogg_vorbis.ogg", "opus.opus", "wma.wma"]


@pytest.fixture(scope="module")
def store(format_files: Path, tmp_path_factory: pytest.TempPathFactory) -> Store:
    path = tmp_path_factory.mktemp("formats") / "store"
    report = audiofeat.extract(format_files, path, "librosa-logmel", overrides=["select.keys=name"])
    assert report.failures == {}
    return audiofeat.open_store(path)


def manifest_rows(store: Store) -> dict[str, dict[str, Any]]:
    return {row["key"]: row for row in store.manifest.to_pylist()}


def test_every_format_is_done(store: Store) -> None:
    assert set(store) == SNDFILE_FORMATS.keys() | FFMPEG_FORMATS.keys()


def test_each_format_has_its_decoder(store: Store) -> None:
    decoders = {key: row["decoder"].split()[0] for key, row in manifest_rows(store).items()}
    assert decoders == {key: BY_OTHERS.get(key, "soundfile") for key in store}


def test_each_clip_is_one_and_a_half_seconds_of_mono(store: Store) -> None:
    for key, row in manifest_rows(store).items():
        assert row["channels"] == 1, key
        # Codecs without an edit list keep the padding of their encoder, or lose its last block.
        assert 1.45 < row["duration_seconds"] < 1.65, key


@pytest.mark.parametrize("key", SAME_SAMPLES)
def test_lossless_formats_have_equal_features(store: Store, key: str) -> None:
    np.testing.assert_array_equal(store[key]["log_mel"], store["wav_s16.wav"]["log_mel"])


@pytest.mark.parametrize("key", ["flac_s16.flac", "m4a_alac.m4a", "wav_s24.wav", "wav_f64.wav"])
def test_nearly_lossless_formats_have_nearly_equal_features(store: Store, key: str) -> None:
    # Each writer rounds the tone to 16 bits in its own way: by one step, 84 dB below the tone. Bands that hold the
    # tone differ by hundredths of a dB; those 80 dB down hold nothing but that step.
    loud = store["wav_s16.wav"]["log_mel"] > 0
    assert loud.any()
    np.testing.assert_allclose(store[key]["log_mel"][loud], store["wav_s16.wav"]["log_mel"][loud], atol=0.1)


@pytest.mark.parametrize("key", LOSSY)
def test_lossy_formats_hear_the_same_tone(store: Store, key: str) -> None:
    tone_band = int(store["wav_s16.wav"]["log_mel"][30].argmax())
    rows = store[key]["log_mel"][10:50]
    assert abs(int(np.median(rows.argmax(axis=1))) - tone_band) <= 1
    np.testing.assert_allclose(np.median(rows.max(axis=1)), store["wav_s16.wav"]["log_mel"][30].max(), atol=2.0)
