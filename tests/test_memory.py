"""A long recording needs no more memory than a short one, with and without a step that waits for the whole clip."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import soundfile

import audiofeat

pytestmark = pytest.mark.slow

SPREAD_BYTES = 150e6
SECOND_SAMPLES = 16_000


def write_minutes(path: Path, *, minutes: int) -> None:
    """A WAV file of noise, one minute over and over."""
    minute = np.random.default_rng(0).integers(-8_000, 8_000, 60 * SECOND_SAMPLES, np.int16)
    with soundfile.SoundFile(path, "w", SECOND_SAMPLES, 1, "PCM_16") as file:
        for _ in range(minutes):
            file.write(minute)


@pytest.fixture(scope="module")
def recordings(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two folders: ``short`` holds a recording of five minutes, ``long`` one of an hour."""
    folder = tmp_path_factory.mktemp("recordings")
    for name, minutes in (("short", 5), ("long", 60)):
        (folder / name).mkdir()
        write_minutes(folder / name / "recording.wav", minutes=minutes)
    return folder


# Each step and each kind of store once: they do not meet.
@pytest.mark.parametrize(
    ("preset", "store_format"),
    [("librosa-logmel", "npy"), ("kaldi-fbank80", "hdf5")],
    ids=["whole-clip step", "frame by frame"],
)
def test_row_83_an_hour_needs_the_memory_of_five_minutes(
    recordings: Path, tmp_path: Path, preset: str, store_format: str
) -> None:
    peaks = {}
    for name in ("short", "long"):
        # At 16 kHz and 10 ms a frame an hour has 115 MB of features: beyond what a clip may hold in memory.
        overrides = ["audio.sample_rate=16000", "frame.hop_samples=160"]
        report = audiofeat.extract(
            recordings / name, tmp_path / name, preset, overrides=overrides, store_format=store_format, workers=1
        )
        assert (report.clips, report.failures) == (1, {})
        peaks[name] = report.peak_rss_bytes
    assert len(audiofeat.open_store(tmp_path / "long").read("recording", "log_mel", 359_000, 359_900)) == 900
    assert peaks["long"] - peaks["short"] < SPREAD_BYTES
    assert not list((tmp_path / "long/.state").rglob("spool/*"))
