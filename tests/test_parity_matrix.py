"""Every preset on every signal beside the library that it names: the library itself where the tests have it installed,
and the golden file, which real libraries made.

In float64 audiofeat is its slow twin to 2e-5 dB (test_preset_twins.py), so its distance from a library is the
library's own, and that is the figure that stands in the golden file. In float32 it may be four times that, or 2e-3 dB.
All this of what lies within 60 dB of its frame's loudest band; of the rest, the figures are only kept finite.
"""

from __future__ import annotations

import functools
import math
from pathlib import Path

import pytest
from laying import on_cpu

from audiofeat.config import preset_names
from audiofeat.parity.check import FLOAT32_DB, Comparison, PresetCheck, Wanted, asked, reference_of
from audiofeat.parity.goldens import Golden, read_golden
from audiofeat.parity.libraries import LIBRARIES, Reference, library_of
from audiofeat.parity.run import decoded
from audiofeat.parity.signals import SIGNALS

INSTALLED = ("librosa", "kaldi-native-fbank", "python_speech_features", "transformers", "tensorflow")
"""What the tests run live; all light, all without torch."""
LIVE = sorted(
    preset
    for library in LIBRARIES
    if library.name in INSTALLED and "torch" not in library.beside
    for preset in library.presets
)
SINGLE_PRECISION_DB = 1e-4
"""What golden files lose by being in single precision: of a c0 of -1,131, half its last bit is 6e-5."""


@functools.cache
def preset_check(preset: str, precision: str) -> PresetCheck:
    on_cpu()
    return PresetCheck(preset, overrides=[f"compute.precision={precision}"])


@functools.cache
def golden(preset: str) -> Golden:
    return read_golden(preset)


@functools.cache
def reference(preset: str) -> Reference:
    library = library_of(preset)
    assert library is not None
    found, note = reference_of(preset, library)
    assert found is not None, note
    return found


def compared(preset: str, signal: str, wanted: Wanted, *, precision: str = "float32") -> Comparison:
    check = preset_check(preset, precision)
    clips = {signal: check.signals()[signal]}
    (comparison,) = check.compare(clips, wanted, own_distance_db=golden(preset).about.distance_db)
    return comparison


def assert_alike(comparison: Comparison, *, refused: bool) -> None:
    assert not comparison.problem
    assert bool(comparison.refused) == refused, comparison.refused
    assert comparison.passes, comparison
    if comparison.difference is not None:
        assert math.isfinite(comparison.difference.quiet_max_db)


@pytest.mark.parametrize("signal", SIGNALS)
@pytest.mark.parametrize("preset", preset_names())
def test_a_preset_gives_what_its_golden_file_holds(preset: str, signal: str) -> None:
    comparison = compared(preset, signal, golden(preset).wanted)
    assert_alike(comparison, refused=signal in golden(preset).about.refused)


@pytest.mark.parametrize("signal", SIGNALS)
@pytest.mark.parametrize("preset", LIVE)
def test_a_preset_gives_what_its_library_gives(preset: str, signal: str) -> None:
    comparison = compared(preset, signal, asked(reference(preset)))
    assert_alike(comparison, refused=signal in golden(preset).about.refused)


@pytest.mark.parametrize("signal", SIGNALS)
@pytest.mark.parametrize("preset", preset_names())
def test_a_library_is_as_far_from_float64_as_its_golden_file_says(preset: str, signal: str) -> None:
    """So that a tolerance of four times that distance is no figure out of the air."""
    comparison = compared(preset, signal, golden(preset).wanted, precision="float64")
    assert not comparison.problem
    if comparison.difference is not None:
        assert comparison.difference.max_db <= golden(preset).about.distance_db[signal] + SINGLE_PRECISION_DB


@pytest.mark.parametrize("preset", preset_names())
def test_no_library_is_far_from_float64(preset: str) -> None:
    """A wrong setting is off by more: a symmetric window for a periodic one by 0.1 dB."""
    assert max(golden(preset).about.distance_db.values()) <= FLOAT32_DB


@pytest.mark.parametrize(
    ("preset", "wrong"),
    [
        ("clap-laion", "audio.quantize=none"),
        ("dali-logmel", "window.sampling=periodic"),
        ("espnet-tts", "spectrum.guard=none"),
        ("essentia-mfcc", "mel.norm=none"),
        ("htk-mfcc-0-d-a", "deltas.form=composed"),
        ("kaldi-fbank80", "window.sampling=periodic"),
        ("kaldi-mfcc13", "mfcc.lifter_base=1"),
        ("librosa-logmel", "frame.pad=reflect"),
        ("nemo-2025", "cmvn.ddof=0"),
        ("nemo-2025", "frame.pad=reflect"),
        ("opensmile-mfcc-0-d-a", "deltas.form=sequential"),
        ("psf-mfcc", "frame.tail=drop"),
        ("speech-commands", "mel.edge_bins=all"),
        ("speechbrain-fbank40", "mel.sides=hz"),
        ("torchaudio-melspec", "mel.sides=mel"),
        ("vggish", "mel.sides=hz"),
        ("whisper-80", "window.sampling=symmetric"),
    ],
)
def test_a_wrong_setting_is_found_out(preset: str, wrong: str) -> None:
    """The least of them, torchaudio-melspec's, is off by 0.02 dB; a symmetric window for a periodic one by 0.8."""
    on_cpu()
    check = PresetCheck(preset, overrides=[wrong])
    found = check.compare(check.signals(), golden(preset).wanted, own_distance_db=golden(preset).about.distance_db)
    assert not all(comparison.passes for comparison in found)


@pytest.mark.real_data
@pytest.mark.parametrize("preset", LIVE)
@pytest.mark.parametrize("recording", ["fsdd/0_george_0.wav", "yes_no/yes_loud.wav"])
def test_a_preset_gives_what_its_library_gives_on_real_speech(preset: str, recording: str, real_data: Path) -> None:
    check = preset_check(preset, "float32")
    samples = decoded(real_data / recording, sample_rate_hz=int(check.config.audio.sample_rate))
    own = golden(preset).about.distance_db
    (comparison,) = check.compare({recording: lambda: samples}, asked(reference(preset)), own_distance_db=own)
    assert_alike(comparison, refused=False)
