"""The command line without standard streams, as cron and daemons start it, and with one that cannot be written."""

from __future__ import annotations

import shlex
import subprocess
import sys
from pathlib import Path

import pytest
from running import Finished, contents, environment, write_clip

FULL = """\
audiofeat: cannot write standard output: No space left on device
  try: make room, or send the output elsewhere
"""


def in_a_shell(*arguments: str | Path, streams: str) -> Finished:
    """Run the command line with ``streams`` redirected as a shell writes it."""
    command = shlex.join([sys.executable, "-m", "audiofeat", *map(str, arguments)])
    done = subprocess.run(
        ["sh", "-c", f"exec {command} {streams}"], capture_output=True, text=True, env=environment(), check=False
    )
    return Finished(done.returncode, done.stdout, done.stderr)


@pytest.mark.parametrize("arguments", [["presets"], ["presets", "whisper-80"], ["--help"], ["--version"]], ids=str)
def test_fault_12_a_full_disk_behind_standard_output_is_a_storage_error(arguments: list[str]) -> None:
    assert in_a_shell(*arguments, streams=">/dev/full") == (14, "", FULL)


def test_a_run_whose_summary_cannot_be_written_leaves_its_store_finished(tmp_path: Path) -> None:
    write_clip(tmp_path / "clips" / "take.wav", seed=1)
    done = in_a_shell("extract", tmp_path / "clips", tmp_path / "store", "-c", "kaldi-fbank80", streams=">/dev/full")
    assert (done.code, done.err) == (14, FULL)
    assert "store.json" in contents(tmp_path / "store")


@pytest.mark.parametrize("streams", ["<&-", "2>&-", "<&- >&- 2>&-"])
def test_a_store_is_made_with_standard_streams_closed(tmp_path: Path, streams: str) -> None:
    write_clip(tmp_path / "clips" / "take.wav", seed=1)
    done = in_a_shell("extract", tmp_path / "clips", tmp_path / "store", "-c", "kaldi-fbank80", streams=streams)
    assert (done.code, done.err) == (0, "")
    assert ("1 clip" in done.out) is (">&- 2>&-" not in streams)
    assert "store.json" in contents(tmp_path / "store")


def test_presets_are_compared_with_standard_error_closed() -> None:
    done = in_a_shell("parity", "psf-mfcc", streams="2>&-")
    assert (done.code, done.err) == (0, "")
    assert "pass" in done.out


def test_what_is_wrong_with_a_command_is_its_exit_code_where_nothing_can_be_said() -> None:
    assert in_a_shell("presets", "none-such", streams=">&- 2>&-") == (2, "", "")


def test_whoever_stops_reading_has_what_he_wanted() -> None:
    command = f"{sys.executable} -m audiofeat knobs | head -n 1; exit ${{PIPESTATUS[0]}}"
    done = subprocess.run(["bash", "-c", command], env=environment(), capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    assert len(done.stdout.splitlines()) == 1
