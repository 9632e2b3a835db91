"""A decoder that hangs for ever: it holds up neither the end of a run nor that of a worker, and outlives neither."""

from __future__ import annotations

import shutil
import signal
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path

import psutil
import pytest
from running import children_of, environment, finish, left_over, start, wait_until

from audiofeat.decode import find_ffmpeg
from audiofeat.decode.ffmpeg import FROM_START_TO_END
from audiofeat.decode.ffmpeg_process import FfmpegProcess
from audiofeat.errors import ClipError

# Answers as ffmpeg does, and hangs on files of one name.
_HANGS = """\
#!/bin/sh
for argument; do case "$argument" in file:/dev/fd/*) name=$(readlink "/proc/$$/fd/${argument##*/}");; esac; done
case "$name" in */hang*) exec sleep 600;; esac
exec FFMPEG "$@"
"""
_ENDING_SECONDS = 7.0


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory, format_files: Path) -> Path:
    folder = tmp_path_factory.mktemp("hanging")
    script = folder / "ffmpeg"
    script.write_text(_HANGS.replace("FFMPEG", str(find_ffmpeg())))
    script.chmod(0o755)
    (folder / "clips").mkdir()
    aac = next(format_files.rglob("*.m4a"))
    for name in ("hang", "other"):
        shutil.copy(aac, folder / f"clips/{name}.m4a")
    return folder


def test_fault_6_22_51_the_first_signal_ends_a_run_whose_decoder_hangs(place: Path, tmp_path: Path) -> None:
    command = ("extract", place / "clips", tmp_path / "store", "--config", "kaldi-fbank80", "--workers", "1")
    with start(*command, AUDIOFEAT_FFMPEG=str(place / "ffmpeg")) as process:

        def hangs() -> bool:
            with suppress(psutil.NoSuchProcess):
                return any("sleep" in child.name() for child in children_of(process))
            return False

        assert wait_until(hangs, process)
        children = children_of(process)
        begun = time.monotonic()
        process.send_signal(signal.SIGHUP)
        done = finish(process)
    assert time.monotonic() - begun < _ENDING_SECONDS
    assert done.code == -signal.SIGHUP
    assert "stopped by SIGHUP" in done.err
    assert "goes on where this one stopped" in done.err
    assert left_over(children) == []
    assert not list(tmp_path.rglob("*.partial"))
    assert not list(tmp_path.rglob("quarantine.jsonl"))


def test_fault_18_a_worker_whose_run_is_gone_takes_its_hanging_decoder_along() -> None:
    code = """
import os, subprocess, sys
child = subprocess.Popen(["sleep", "600"])
print(child.pid, flush=True)
sys.stdin.read()
from audiofeat.engine.worker import _end_with_decoders
_end_with_decoders()
"""
    with subprocess.Popen(
        [sys.executable, "-c", code],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        start_new_session=True,
        env=environment(),
    ) as worker:
        assert worker.stdout is not None
        decoder = psutil.Process(int(worker.stdout.readline()))
        worker.communicate()
    assert worker.returncode == -signal.SIGKILL
    assert left_over([decoder]) == []


@pytest.mark.parametrize("is_stopped_meanwhile", [False, True])
def test_fault_8_22_time_in_which_this_process_was_stopped_is_not_the_decoders(
    place: Path, monkeypatch: pytest.MonkeyPatch, is_stopped_meanwhile: bool
) -> None:
    """A poll that took ten minutes means that nobody was there to poll."""
    from audiofeat.decode import ffmpeg_process

    clock = iter(range(0, 10**9, 600)) if is_stopped_meanwhile else None
    monkeypatch.setattr(ffmpeg_process, "_PATIENCE_SECONDS", 5.0 if is_stopped_meanwhile else 0.05)
    with open(place / "clips/hang.m4a", "rb") as file:
        decoder = FfmpegProcess(file.fileno(), demuxer="mov", cut=FROM_START_TO_END, ffmpeg=str(place / "ffmpeg"))
        try:
            if clock is not None:
                monkeypatch.setattr(ffmpeg_process.time, "monotonic", lambda: float(next(clock)))
                decoder._wait()
                monkeypatch.undo()
            else:
                with pytest.raises(ClipError, match="nothing within the time allowed"):
                    decoder.fill(memoryview(bytearray(8)))
        finally:
            decoder.close()
