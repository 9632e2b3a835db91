"""``audiofeat parity`` as it is used: its tables, its words, its exit codes."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import soundfile
from click.testing import CliRunner, Result
from laying import on_cpu
from preset_signals import signals
from running import audiofeat

from audiofeat.cli.parity import parity
from audiofeat.config import preset_names
from audiofeat.errors import ConfigError, DifferentError, SourceError
from audiofeat.parity import check as checking
from audiofeat.parity.check import PresetCheck
from audiofeat.parity.run import decoded, presets_and_audio
from audiofeat.parity.signals import noise

PRESET = "tf-tutorial"


@pytest.fixture
def own_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """TensorFlow is set up for the test's process once; the command leaves that as it is."""
    monkeypatch.setattr("audiofeat.parity.run.compute_here", lambda device, gpu: on_cpu())


def run(*arguments: str) -> Result:
    return CliRunner().invoke(parity, arguments, standalone_mode=False)


@pytest.mark.usefixtures("own_environment")
def test_a_preset_that_is_as_its_library_passes() -> None:
    result = run(PRESET, "librosa-logmel", "--device", "cpu")
    assert result.exception is None
    heading, *rows = result.output.splitlines()[:3]
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
    assert len(result.output.splitlines()) == 1 + len(signals(PRESET))
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
    assert live["outcome"] == "pass"
    assert [clip["clip"] for clip in golden["clips"]] == list(signals("hifigan"))


def test_the_command_says_its_table_and_nothing_else() -> None:
    """In a process of its own: TensorFlow and the libraries talk while they are imported."""
    finished = audiofeat("parity", PRESET, "whisper-80", "--device", "cpu")
    assert finished.code == 0
    assert finished.err == ""
    assert [line.split()[0] for line in finished.out.splitlines()] == ["preset", PRESET, "whisper-80", "1"]


@pytest.mark.gpu
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
        ("https://example.org//a.wav", "'https://example.org//a.wav' is neither a preset nor a file"),
        ("/dev/null", "/dev/null is no regular file"),
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


@pytest.mark.parametrize("sample", [np.nan, np.inf, 1e30])
def test_samples_that_extract_would_refuse_are_refused(sample: float, tmp_path: Path) -> None:
    samples = noise(1_000)
    samples[500] = sample
    soundfile.write(tmp_path / "a.wav", samples, 16_000, subtype="FLOAT")
    with pytest.raises(SourceError, match=r"a\.wav: input\.non-finite"):
        decoded(tmp_path / "a.wav", sample_rate_hz=16_000)


@pytest.mark.usefixtures("own_environment")
def test_what_was_not_compared_is_counted_and_why(tmp_path: Path) -> None:
    path = tmp_path / "a\x1b[31m\nb.wav"
    soundfile.write(path, noise(500), 16_000)
    result = run("seamless-m4t", "hifigan", str(path))
    assert result.exception is None
    _, seamless, hifigan, *notes = result.output.splitlines()
    assert "a?[31m?b.wav" in seamless
    assert "not compared: FloatingPointError" in seamless
    assert "golden file" in hifigan
    assert notes[0] == "1 clip was not compared, since the library does not take it: --each names it"
    assert "hifigan" in notes[1]
    assert notes[-1].startswith("golden files hold synthesised signals only")
