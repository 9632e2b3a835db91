"""Every preset on every signal beside the library that it names: the library itself where the tests have it installed,
and the golden file, which real libraries made.

In float64 audiofeat is its slow twin to 2e-5 dB (test_preset_twins.py), so its distance from a library is the
library's own, and that is the figure that stands in the golden file. In float32 it may be four times that, or 2e-3 dB:
of what lies within 60 dB of its frame's loudest bin, and of the rest, times its leeway (yardstick.py).
"""

from __future__ import annotations

import functools
from pathlib import Path

import pytest
from laying import Array
from preset_signals import preset_signals
from preset_twins import preset_twin
from yardsticks import preset_check, yardstick

from audiofeat.config import preset_names
from audiofeat.dsp.framing import Samples
from audiofeat.parity.check import Comparison, PresetCheck, Wanted, asked, reference_of
from audiofeat.parity.goldens import Golden, read_golden
from audiofeat.parity.libraries import LIBRARIES, Reference, library_of
from audiofeat.parity.run import decoded

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


class Float64(PresetCheck):
    """The slow twin, which is what the programs are in float64 (test_preset_twins.py) and needs no compiler."""

    def __init__(self, preset: str) -> None:
        super().__init__(preset, yardstick=yardstick(preset))
        self._preset = preset

    def rows_of(self, samples: Samples) -> Array:
        return preset_twin(self._preset, samples)


@functools.cache
def float64_check(preset: str) -> PresetCheck:
    return Float64(preset)


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


def compared(check: PresetCheck, preset: str, signal: str, wanted: Wanted) -> Comparison:
    clips = {signal: check.signals()[signal]}
    (comparison,) = check.compare(clips, wanted, own_distance_db=golden(preset).about.distance_db)
    return comparison


def assert_alike(comparison: Comparison, *, refused: bool) -> None:
    assert comparison.outcome == ("not compared" if refused else "pass"), comparison


# The signals that a library does not take. AST and Kaldi's three: no whole window; Seamless: no variance in one row;
# openSMILE: too few rows for deltas; NeMo: shorter than what is mirrored; CLAP: random parts of longer clips.
_REFUSED = {
    "ast": {"half_a_window"},
    "clap-fused": {"longer_than_filled_up"},
    "clap-laion": {"longer_than_filled_up"},
    "clap-unfused": {"longer_than_filled_up"},
    "dali-logmel": {"silence"},
    "htk-mfcc-0-d-a": {"half_a_window"},
    "nemo-legacy": {"half_a_window"},
    "opensmile-mfcc-0-d-a": {"half_a_window", "one_window", "one_sample_more"},
    "seamless-m4t": {"half_a_window", "one_window", "one_sample_more"},
    "tf-tutorial": {"half_a_window"},
    "torchaudio-kaldi-fbank80": {"half_a_window"},
    "torchaudio-kaldi-mfcc13": {"half_a_window"},
    "vggish": {"half_a_window"},
}


def is_refused(preset: str, signal: str) -> bool:
    return signal in _REFUSED.get(preset, ())


@pytest.mark.parametrize(("preset", "signal"), preset_signals())
def test_a_preset_gives_what_its_golden_file_holds(preset: str, signal: str) -> None:
    comparison = compared(preset_check(preset), preset, signal, golden(preset).wanted)
    assert_alike(comparison, refused=is_refused(preset, signal))


@pytest.mark.parametrize(("preset", "signal"), preset_signals(LIVE))
def test_a_preset_gives_what_its_library_gives(preset: str, signal: str) -> None:
    comparison = compared(preset_check(preset), preset, signal, asked(reference(preset)))
    assert_alike(comparison, refused=is_refused(preset, signal))


@pytest.mark.parametrize(("preset", "signal"), preset_signals())
def test_a_library_is_as_far_from_float64_as_its_golden_file_says(preset: str, signal: str) -> None:
    """So that a tolerance of four times that distance is no figure out of the air."""
    comparison = compared(float64_check(preset), preset, signal, golden(preset).wanted)
    assert bool(comparison.difference) != is_refused(preset, signal), comparison
    if comparison.difference is not None:
        assert comparison.difference.weighed_db <= golden(preset).about.distance_db[signal] + SINGLE_PRECISION_DB


# The largest figure of all signals, its leeway taken off, by golden file: of the library beside float64, and of float32
# beside the library.
FIGURES_DB = {
    "ast": (1.3e-03, 3.9e-04),
    "bigvgan-24khz-100band": (9.0e-04, 5.3e-04),
    "bigvgan-44khz-128band": (9.2e-04, 6.4e-04),
    "clap-fused": (4.0e-06, 1.4e-04),
    "clap-laion": (2.3e-04, 2.2e-04),
    "clap-unfused": (3.9e-06, 1.4e-04),
    "dali-logmel": (2.8e-04, 2.9e-04),
    "espnet-asr": (2.3e-04, 2.7e-04),
    "espnet-tts": (5.8e-04, 7.3e-04),
    "essentia-mfcc": (2.8e-04, 3.1e-04),
    "hifigan": (5.2e-04, 4.4e-04),
    "htk-mfcc-0-d-a": (1.8e-03, 1.3e-03),
    "kaldi-fbank80": (4.7e-04, 3.2e-04),
    "kaldi-mfcc13": (1.9e-03, 1.6e-03),
    "librosa-logmel": (3.4e-07, 1.7e-04),
    "librosa-mfcc": (2.4e-07, 3.7e-04),
    "librosa-stft": (1.3e-12, 3.3e-04),
    "nemo-2025": (1.4e-04, 1.9e-04),
    "nemo-legacy": (1.3e-04, 1.2e-04),
    "opensmile-mfcc-0-d-a": (1.7e-03, 2.4e-03),
    "panns": (3.2e-04, 3.1e-04),
    "psf-logfbank": (1.5e-14, 2.1e-05),
    "psf-mfcc": (5.7e-12, 1.8e-04),
    "seamless-m4t": (2.6e-05, 2.9e-04),
    "speech-commands": (6.5e-05, 2.7e-04),
    "speechbrain-fbank40": (4.4e-04, 1.7e-04),
    "speechbrain-mfcc": (2.1e-04, 2.1e-04),
    "speecht5": (4.8e-06, 4.9e-04),
    "tacotron2": (4.9e-04, 4.7e-04),
    "tf-tutorial": (4.0e-04, 5.2e-04),
    "torchaudio-kaldi-fbank80": (1.0e-03, 2.6e-04),
    "torchaudio-kaldi-mfcc13": (8.2e-04, 9.4e-04),
    "torchaudio-melspec": (1.3e-03, 1.3e-03),
    "torchaudio-mfcc": (1.2e-03, 1.3e-03),
    "vggish": (1.9e-12, 2.1e-04),
    "whisper-128": (5.1e-06, 1.5e-04),
    "whisper-128-30s": (5.1e-06, 1.5e-04),
    "whisper-80": (4.8e-06, 1.1e-04),
    "whisper-80-30s": (4.8e-06, 1.1e-04),
    "yamnet": (4.4e-04, 2.6e-04),
}
OTHER_PROCESSORS = 4.0
"""Other vector instructions round otherwise; the figures are of AVX-512."""


@pytest.mark.parametrize("preset", preset_names())
def test_the_figures_are_those_that_were_measured(preset: str) -> None:
    own_db, float32_db = FIGURES_DB[preset]
    about = golden(preset).about
    assert max(about.distance_db.values()) == pytest.approx(own_db, rel=0.1)
    check = preset_check(preset)
    found = check.compare(check.signals(), golden(preset).wanted, own_distance_db=about.distance_db)
    assert max(each.difference.weighed_db for each in found if each.difference) <= OTHER_PROCESSORS * float32_db


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
        ("hifigan", "spectrum.guard=none"),
        ("nemo-2025", "frame.pad=reflect"),
        ("opensmile-mfcc-0-d-a", "deltas.form=sequential"),
        ("psf-mfcc", "frame.tail=drop"),
        ("librosa-stft", "window.sampling=symmetric"),
        ("seamless-m4t", "stack.edge=replicate"),
        ("speech-commands", "mel.edge_bins=all"),
        ("speechbrain-fbank40", "mel.sides=hz"),
        ("speechbrain-mfcc", "deltas.form=open_end"),
        ("tacotron2", "log.guard=replace_zero"),
        ("torchaudio-kaldi-mfcc13", "log.guard=replace_zero"),
        ("torchaudio-melspec", "mel.sides=mel"),
        ("vggish", "mel.sides=hz"),
        ("whisper-80", "log.guard=replace_zero"),
        ("whisper-80", "window.sampling=symmetric"),
        ("whisper-80-30s", "length.cut_to_seconds=null"),
        ("yamnet", "length.pad_step_seconds=null"),
    ],
)
def test_a_wrong_setting_is_found_out(preset: str, wrong: str) -> None:
    """The least of them, torchaudio-melspec's, is off by 0.04 dB; a symmetric window for a periodic one by 0.8."""
    check = PresetCheck(preset, overrides=[wrong], yardstick=yardstick(preset))
    found = check.compare(check.signals(), golden(preset).wanted, own_distance_db=golden(preset).about.distance_db)
    assert any(comparison.outcome == "FAIL" for comparison in found)


@pytest.mark.real_data
@pytest.mark.parametrize("preset", LIVE)
@pytest.mark.parametrize("recording", ["fsdd/0_george_0.wav", "yes_no/yes_loud.wav"])
def test_a_preset_gives_what_its_library_gives_on_real_speech(preset: str, recording: str, real_data: Path) -> None:
    check = preset_check(preset)
    samples = decoded(real_data / recording, sample_rate_hz=int(check.config.audio.sample_rate))
    own = golden(preset).about.distance_db
    (comparison,) = check.compare({recording: lambda: samples}, asked(reference(preset)), own_distance_db=own)
    assert_alike(comparison, refused=False)
