"""``configs/ci``: the job that regenerates a store and compares its digest, run as a CI machine would run it."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from conftest import PROJECT
from running import environment

from audiofeat import open_store


@pytest.fixture
def checkout(sample_data: Path, tmp_path: Path) -> Path:
    """The job beside the sample data, and audiofeat on the PATH."""
    shutil.copytree(PROJECT / "configs", tmp_path / "configs")
    shutil.copytree(sample_data, tmp_path / "demo/source")
    (tmp_path / "bin").mkdir()
    command = tmp_path / "bin/audiofeat"
    command.write_text(f'#!/bin/sh\nexec "{sys.executable}" -m audiofeat "$@"\n')
    command.chmod(0o755)
    return tmp_path


def regenerate(checkout: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    path = os.pathsep.join([str(checkout / "bin"), os.environ["PATH"]])
    command = [str(checkout / "configs/ci/regenerate"), *arguments]
    return subprocess.run(command, capture_output=True, text=True, env=environment(PATH=path), check=False)


def test_the_job_is_green_while_the_numbers_stay_and_red_when_they_change(checkout: Path) -> None:
    done = regenerate(checkout)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "4 of 4 clips to decode" in done.stdout
    digest = open_store(checkout / "demo/ci").digest
    assert digest in done.stdout

    shutil.rmtree(checkout / "demo/ci/.state")  # as in a fresh checkout with the store from a cache
    done = regenerate(checkout, digest)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "nothing to do" in done.stdout

    job = checkout / "configs/ci/job.yaml"
    job.write_text(job.read_text().replace("n: 20", "n: 19"))
    done = regenerate(checkout, digest)
    assert done.returncode == 12
    assert digest in done.stderr
