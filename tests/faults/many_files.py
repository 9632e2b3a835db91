"""Ten thousand files in one run: its processes have no more files open at the end than before, and leave no zombie."""

from __future__ import annotations

import os
import shutil
import time
from collections import Counter, defaultdict
from contextlib import suppress
from pathlib import Path

import psutil
from faults.figures import Figures
from make_sample_data import make_formats
from running import PATIENCE_SECONDS, start, write_clip

_EVERY = 50
"""One of so many files is for ffmpeg."""
_ABREAST = 16
"""What two lanes may have open more at one moment than at another: a file, and both ends of the pipes to ffmpeg."""
_LOOKS = 20
"""A child that has ended is a zombie until its parent looks; one that is seen so often, a second long, is left."""


def torture(folder: Path, *, files: int = 10_000) -> Figures:
    """One run over so many links to two files, watched twenty times a second."""
    figures = Figures(f"open files and zombies over {files:,} clips", tried=files)
    begun = time.monotonic()
    clips = _links(folder, files)
    open_files: dict[str, list[int]] = defaultdict(list)
    zombies: Counter[str] = Counter()
    command = ("extract", clips, folder / "store", "--config", "kaldi-fbank80", "--workers", "2", "--quiet")
    with start(*command) as process:
        while process.poll() is None and time.monotonic() - begun < 30 * PATIENCE_SECONDS:
            with suppress(psutil.Error):
                this = psutil.Process(process.pid)
                for member in (this, *this.children(recursive=True)):
                    _look_at(member, open_files, zombies)
            time.sleep(0.05)
        process.kill()
        process.communicate()
    if process.returncode:
        figures.violations.append(f"exit code {process.returncode}")
    for name, counts in open_files.items():
        middle = len(counts) // 2
        if len(counts) < _LOOKS:
            continue  # on its way to becoming ffmpeg
        before, after = max(counts[:middle]), max(counts[middle:])
        if after > before + _ABREAST:
            figures.violations.append(f"{name} had {before} files open in its first half and {after} in its second")
    figures.violations += [f"{name} stayed a zombie" for name, looks in zombies.items() if looks > _LOOKS]
    figures.seconds = time.monotonic() - begun
    return figures


def _look_at(member: psutil.Process, open_files: dict[str, list[int]], zombies: Counter[str]) -> None:
    with suppress(psutil.Error):
        name = f"{member.name()} {member.pid}"
        if member.status() == psutil.STATUS_ZOMBIE:
            zombies[name] += 1
        elif "ffmpeg" not in name:
            open_files[name].append(member.num_fds())


def _links(folder: Path, files: int) -> Path:
    """A folder of hard links: most to a short WAV file, some to a clip that only ffmpeg reads."""
    wav = write_clip(folder / "one.wav", seed=0, seconds=0.1)
    make_formats(folder / "formats")
    aac = shutil.copy(next((folder / "formats").rglob("*.m4a")), folder / "one.m4a")
    for number in range(files):
        origin = aac if number % _EVERY == 0 else wav
        link = folder / f"clips/{number // 1000}/{number:05}{Path(origin).suffix}"
        link.parent.mkdir(parents=True, exist_ok=True)
        os.link(origin, link)
    return folder / "clips"
