"""Presets beside their libraries: verdicts, libraries that are there or not, and the command."""

from __future__ import annotations

import json
import os
from pathlib import Path

import numpy as np
import pytest
import soundfile
from click.testing import CliRunner, Result
from laying import on_cpu
from running import audiofeat

from audiofeat.cli.parity import parity
from audiofeat.config import preset_names
from audiofeat.device import gpu_is_visible
from audiofeat.dsp.framing import Samples
from audiofeat.dsp.row_blocks import Array
from audiofeat.errors import ConfigError, DifferentError, SourceError
from audiofeat.parity import check as checking
from audiofeat.parity.check import FLOAT32_DB, Comparison, PresetCheck, Verdict, asked, check, reference_of
from audiofeat.parity.goldens import all_of
from audiofeat.parity.libraries import LIBRARIES, Library, library_of
from audiofeat.parity.run import decoded, presets_and_audio
from audiofeat.parity.signals import SIGNALS, noise
from audiofeat.parity.yardstick import Difference

PRESET = "tf-tutorial"


# Verdicts.


def test_the_tolerance_is_four_times_the_librarys_own_distance_or_float32s() -> None:
    on_cpu()
    beside = PresetCheck(PRESET)
    clips = {"noise": lambda: noise(2_048), "other": lambda: noise(3_000)}

    def tolerances(**own_db: float) -> list[float]:
        found = beside.compare(clips, asked(beside.rows_of), own_distance_db=own_db)
        return [each.tolerance_db for each in found]

    assert tolerances(noise=1e-6) == [FLOAT32_DB, FLOAT32_DB]
    assert tolerances(noise=0.01) == [0.04, 0.04]  # another clip: the worst of all
    assert tolerances(noise=1e-6, tone=0.01) == [FLOAT32_DB, 0.04]


def test_other_frames_are_a_failure_and_other_numbers_too() -> None:
    on_cpu()
    beside = PresetCheck(PRESET)
    clips = {"noise": lambda: noise(4_096)}
    (shorter,) = beside.compare(clips, lambda _, samples: all_of(beside.rows_of(samples)[1:]), own_distance_db={})
    assert shorter.problem == "audiofeat gives (13, 13) (frames, dims), the library (12, 13)"
    (louder,) = beside.compare(clips, lambda _, samples: all_of(beside.rows_of(samples) + 1e-3), own_distance_db={})
    (same,) = beside.compare(clips, lambda _, samples: all_of(beside.rows_of(samples)), own_distance_db={})
    assert [shorter.passes, louder.passes, same.passes] == [False, False, True]
    assert louder.difference is not None
    assert louder.difference.max_db == pytest.approx(20 / np.log(10) * 1e-3, rel=1e-2)


def test_a_library_that_refuses_a_clip_says_nothing_against_the_preset() -> None:
    on_cpu()

    def refuses(samples: Samples) -> Array:
        raise RuntimeError("padding is longer\nthan the clip")

    (comparison,) = PresetCheck(PRESET).compare({"noise": lambda: noise(4_096)}, asked(refuses), own_distance_db={})
    assert comparison.refused == "RuntimeError: padding is longer"
    assert comparison.passes
    assert Verdict(PRESET, "x 1", True, "", (comparison,)).is_empty


def test_the_worst_comparison_is_that_which_is_furthest_beyond_its_tolerance() -> None:
    def one(clip: str, max_db: float, tolerance_db: float, problem: str = "") -> Comparison:
        return Comparison(clip, 1, tolerance_db, Difference(max_db, 0.0, 0.0, has_audible=True), problem=problem)

    within, beyond = one("within", 0.01, 0.04), one("beyond", 0.003, 0.002)
    assert Verdict(PRESET, "x 1", True, "", (within, beyond)).worst is beyond
    failed = Comparison("failed", 1, 0.002, problem="other frames")
    assert Verdict(PRESET, "x 1", True, "", (within, failed, beyond)).worst is failed


# Libraries.


def test_every_library_stands_for_presets_that_there_are() -> None:
    named = [preset for library in LIBRARIES for preset in library.presets]
    assert sorted(set(named)) == sorted(named)
    assert set(named) <= set(preset_names())


@pytest.mark.parametrize(
    "module",
    ["with_kaldi_native_fbank", "with_librosa", "with_python_speech_features", "with_tensorflow", "with_transformers"],
)
def test_a_librarys_calls_are_those_of_its_presets(module: str) -> None:
    on_cpu()
    libraries = [library for library in LIBRARIES if library.module == module]
    assert sorted(libraries[0].references()) == sorted(preset for library in libraries for preset in library.presets)


def test_a_library_that_is_not_there_is_told_with_the_command_that_installs_it() -> None:
    library = Library("no-such-package", "with_nothing", (PRESET,), beside=("numpy",))
    assert reference_of(PRESET, library) == (None, "not installed: pip install numpy no-such-package")


def test_a_library_that_cannot_be_imported_is_told() -> None:
    reference, note = reference_of(PRESET, Library("numpy", "with_nothing", (PRESET,)))
    assert reference is None
    assert note.startswith(f"numpy {np.__version__} cannot be imported: ModuleNotFoundError: ")


def test_a_system_that_is_no_package_is_compared_by_its_golden_file() -> None:
    on_cpu()
    assert library_of("hifigan") is None
    verdict = check("hifigan", clips={"mine": lambda: noise(22_050)})
    assert not verdict.is_live
    assert verdict.passes
    assert [each.clip for each in verdict.comparisons] == list(SIGNALS)


# The command.


@pytest.fixture
def own_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """TensorFlow is set up for the test's process once; the command leaves that as it is."""
    monkeypatch.setattr("audiofeat.parity.run.compute_here", lambda device: on_cpu())


def run(*arguments: str) -> Result:
    return CliRunner().invoke(parity, arguments, standalone_mode=False)


@pytest.mark.usefixtures("own_environment")
def test_a_preset_that_is_as_its_library_passes() -> None:
    result = run(PRESET, "librosa-logmel", "--device", "cpu")
    assert result.exception is None
    heading, *rows = result.output.splitlines()
    assert heading.split()[:3] == ["preset", "compared", "with"]
    assert [row.split()[0] for row in rows] == [PRESET, "librosa-logmel"]
    assert all(row.endswith("  pass") for row in rows)
    assert "librosa 0.11.0  " in rows[1]


@pytest.mark.usefixtures("own_environment")
def test_one_that_is_not_ends_with_21(monkeypatch: pytest.MonkeyPatch) -> None:
    genuine = PresetCheck.rows_of
    monkeypatch.setattr(checking.PresetCheck, "rows_of", lambda self, samples: genuine(self, samples) + 0.01)
    result = run(PRESET, "--each", "--golden")
    assert isinstance(result.exception, DifferentError)
    assert result.exception.exit_code == 21
    assert str(result.exception).startswith(f"1 of 1 presets differ from their library: {PRESET}")
    assert len(result.output.splitlines()) == 1 + len(SIGNALS)
    assert "(golden file)" in result.output
    assert "FAIL" in result.output


@pytest.mark.usefixtures("own_environment")
def test_somebodys_own_file_is_compared_on(tmp_path: Path) -> None:
    path = tmp_path / "mine.wav"
    soundfile.write(path, noise(44_100), 44_100)
    result = run("librosa-logmel", "hifigan", str(path), "--json")
    assert result.exception is None
    live, golden = json.loads(result.output)
    assert [clip["clip"] for clip in live["clips"]] == [str(path)]
    assert live["clips"][0]["frames"] == 1 + 22_050 // 512
    assert live["passes"]
    assert [clip["clip"] for clip in golden["clips"]] == list(SIGNALS)


def test_the_command_says_its_table_and_nothing_else() -> None:
    """In a process of its own: TensorFlow and the libraries talk while they are imported."""
    finished = audiofeat("parity", PRESET, "whisper-80", "--device", "cpu")
    assert finished.code == 0
    assert finished.err == ""
    assert len(finished.out.splitlines()) == 3


@pytest.mark.gpu
@pytest.mark.skipif(not gpu_is_visible(os.environ), reason="TensorFlow sees no GPU")
def test_on_a_gpu_every_preset_is_as_its_golden_file() -> None:
    finished = audiofeat("parity", "--golden", "--device", "gpu")
    assert finished.code == 0, finished.out + finished.err


def test_presets_and_files_are_told_apart(tmp_path: Path) -> None:
    path = tmp_path / "a.wav"
    path.touch()
    assert presets_and_audio([str(path), PRESET, PRESET]) == ([PRESET], [path])
    assert presets_and_audio([str(path)]) == (preset_names(), [path])


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("tf-tutorials", "'tf-tutorials' is neither a preset nor a file; did you mean 'tf-tutorial'"),
        ("none.wav", "'none.wav' is neither a preset nor a file"),
        ("/", "/ is a folder: name files"),
    ],
)
def test_what_is_neither_is_refused(name: str, message: str) -> None:
    with pytest.raises(ConfigError) as error:
        presets_and_audio([name])
    assert message in str(error.value)


def test_a_file_that_cannot_be_decoded_ends_it_before_anything_is_computed(tmp_path: Path) -> None:
    path = tmp_path / "text.wav"
    path.write_text("no audio")
    with pytest.raises(SourceError, match=r"text\.wav: input\.not-audio"):
        decoded(path, sample_rate_hz=None)
    result = run(PRESET, str(path))
    assert isinstance(result.exception, SourceError)
