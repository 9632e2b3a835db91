"""The same store on every x86-64 processor: made here, and in an emulated Haswell, which has AVX2 and no AVX-512.

Emulated are the run's workers, which decode, resample, compute and write: they are started by a script that goes
through the emulator. What the run itself does is to plan and to publish.
Before XLA was told to emit its products itself, 4 of 5 values of ``mfcc`` differed.
"""

from __future__ import annotations

import os
import platform
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import soundfile
from running import age, differences, environment

import audiofeat

EMULATOR = "qemu-x86_64"
MODEL = "Haswell"
JOB = """\
audio: {sample_rate: 16000, channels: each, dither: 0.00001}
frame: {remove_dc: true}
preemphasis: {coeff: 0.97}
mel: {bands: 23}
log: {kind: db, range: 60.0}
features:
  stft: {spectrum: {norm: n_fft}}
  spectrogram: {spectrum: {output: magnitude}, cmvn: {mode: meanvar}}
  log_mel: {mel: {bands: 40, norm: slaney}, energy: {column: last}}
  mfcc: {mfcc: {n: 13, lifter: 22.0, c0: energy}, deltas: {orders: 2}}
"""
FEATURES_SEEN = """\
try:
    from numpy._core._multiarray_umath import __cpu_features__ as seen
except ImportError:  # NumPy 1
    from numpy.core._multiarray_umath import __cpu_features__ as seen
print(*(name for name in ("AVX2", "FMA3", "AVX512F") if seen[name]))
"""
RUN = """\
import sys
sys.executable = sys.argv[1]
import audiofeat
audiofeat.extract(*sys.argv[2:5], workers=1, device="cpu")
"""

pytestmark = [
    pytest.mark.qemu,
    pytest.mark.skipif(platform.machine() != "x86_64", reason="the same bits are promised among x86-64 processors"),
    pytest.mark.skipif(shutil.which(EMULATOR) is None, reason=f"{EMULATOR} is not installed (Debian: qemu-user)"),
]


@pytest.fixture(scope="module")
def emulated_python(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A script that is Python in the emulator; it notes each of its starts beside itself."""
    script = tmp_path_factory.mktemp("emulated") / "python"
    script.write_text(
        f'#!/bin/sh\necho >> "$0.starts"\nexec {shutil.which(EMULATOR)} -cpu {MODEL} "{sys.executable}" "$@"\n'
    )
    script.chmod(0o755)
    return script


@pytest.fixture(scope="module")
def recordings(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """WAV at the job's rate, and FLAC in stereo to be resampled: tones that glide, over noise."""
    folder = tmp_path_factory.mktemp("recordings")
    for name, rate_hz, channels, subtype in (
        ("voice.wav", 16_000, 1, "PCM_16"),
        ("music.flac", 44_100, 2, "PCM_24"),
        ("float.wav", 22_050, 1, "FLOAT"),
    ):
        noise = np.random.default_rng(rate_hz).standard_normal((rate_hz, channels))
        phase = np.cumsum(np.linspace(100.0, rate_hz / 3, rate_hz)) * (2 * np.pi / rate_hz)
        soundfile.write(folder / name, 0.01 * noise + 0.3 * np.sin(phase)[:, None], rate_hz, subtype=subtype)
        age(folder / name)
    return folder


def run(*command: str | Path) -> str:
    done = subprocess.run(
        [*map(str, command)], env=environment(), capture_output=True, text=True, timeout=300, check=False
    )
    assert done.returncode == 0, done.stderr[-2000:]
    return done.stdout


def test_the_emulated_processor_has_avx2_and_no_avx512(emulated_python: Path) -> None:
    assert run(emulated_python, "-c", FEATURES_SEEN).split() == ["AVX2", "FMA3"]


def test_another_processor_makes_the_same_store(emulated_python: Path, recordings: Path, tmp_path: Path) -> None:
    job = tmp_path / "job.yaml"
    job.write_text(JOB)
    here, there = tmp_path / "here", tmp_path / "there"
    audiofeat.extract(recordings, here, job, workers=1, device="cpu")
    starts = Path(f"{emulated_python}.starts")
    starts.unlink(missing_ok=True)
    run(sys.executable, "-c", RUN, emulated_python, recordings, there, job)
    assert len(starts.read_text().splitlines()) == 1, "its worker"
    assert len(audiofeat.open_store(here)) == 4
    assert os.listdir(here / "shards") == os.listdir(there / "shards")
    assert differences(here, there) == []
