"""The sample data is the same every time, and the pinned versions cover what the project asks for."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest
from conftest import PROJECT
from make_sample_data import FFMPEG_FORMATS, SNDFILE_FORMATS, make_formats, make_sample_data


def contents(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_the_sample_data_is_the_same_every_time(sample_data: Path, tmp_path: Path) -> None:
    make_sample_data(tmp_path)
    before, now = contents(sample_data), contents(tmp_path)
    assert len(now) == 18
    assert [name for name in now if now[name] != before.get(name)] == []


def test_the_format_files_are_the_same_every_time(format_files: Path, tmp_path: Path) -> None:
    make_formats(tmp_path)
    before, now = contents(format_files), contents(tmp_path)
    assert now.keys() == SNDFILE_FORMATS.keys() | FFMPEG_FORMATS.keys()
    assert [name for name in now if now[name] != before.get(name)] == []


def test_every_requirement_is_pinned() -> None:
    pins = (PROJECT / "scripts/constraints.txt").read_text().splitlines()
    pinned = {canonical(line.split("==")[0]) for line in pins if "==" in line and not line.startswith("#")}
    requirement = r'"([A-Za-z][\w.-]*)(?:\[[\w-]+\])?>=[\d.]+"'  # tomllib came with Python 3.11
    asked = {canonical(name) for name in re.findall(requirement, (PROJECT / "pyproject.toml").read_text())}
    asked.remove("setuptools")  # builds the package, in an environment of its own
    assert asked > {"tensorflow", "librosa", "ruff"}
    assert sorted(asked - pinned) == []


def canonical(name: str) -> str:
    """PEP 503: names that differ by case and punctuation are one project."""
    return re.sub(r"[-_.]+", "-", name.lower())


@pytest.mark.parametrize("script", ["scripts/demo", "scripts/test", "scripts/check", "scripts/_venv.sh", ".ci/run"])
def test_the_shell_scripts_parse(script: str) -> None:
    done = subprocess.run(["bash", "-n", PROJECT / script], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
