"""What befalls a run from outside, end to end: kills, of which ``scripts/torture`` does many more, and environments."""

from __future__ import annotations

import fcntl
import os
import resource
import shlex
import subprocess
import sys
from pathlib import Path

import pytest
from faults import two_writers
from faults.kills import OPTIONS, torture, undisturbed
from running import audiofeat, differences, environment, write_clip

# What users, batch systems and other programs leave in an environment.
POISON = {
    "AUDIOFEAT_TEST_CLOCK_SECONDS": str(-365 * 86_400),
    "FFREPORT": "file=report.log:level=32",
    "HDF5_PLUGIN_PATH": "/nowhere",
    "HDF5_USE_FILE_LOCKING": "FALSE",
    "LANG": "",
    "LC_ALL": "C",
    "OMP_NUM_THREADS": "7",
    "PYTHONHASHSEED": "12345",
    "PYTHONOPTIMIZE": "1",
    "PYTHONWARNINGS": "error",
    "TF_ENABLE_ONEDNN_OPTS": "1",
    "TF_XLA_FLAGS": "--tf_xla_auto_jit=2",
    "TMPDIR": "/nowhere",
    "TZ": "Pacific/Kiritimati",
    "XLA_FLAGS": "--xla_cpu_enable_fast_math=true",
}


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("kills")


def test_fault_1_3_18_20_27_a_run_and_an_ffmpeg_killed_at_random_end_in_the_same_store(place: Path) -> None:
    figures = torture(place, kills=2, workers=1, victims=("run", "ffmpeg"))
    assert figures.violations == [], figures.name
    assert figures.tried > 0


def test_fault_12_28_38_46_47_a_poisoned_environment_changes_no_byte_and_nothing_else(
    place: Path, tmp_path: Path
) -> None:
    """All at once, with 32 descriptors, no home, standard streams closed, and a clock that jumps by a year."""
    clips, expected, _ = undisturbed(place)
    command = [sys.executable, "-m", "audiofeat", "extract", clips, tmp_path / "store", *OPTIONS, "--workers", "1"]
    script = f"ulimit -n 32; umask 077; exec {shlex.join(map(str, command))} <&- >&- 2>&-"
    variables = environment(**POISON)
    del variables["HOME"]
    here = tmp_path / "here"
    here.mkdir()
    done = subprocess.run(["sh", "-c", script], cwd=here, env=variables, check=False)
    assert done.returncode == 3
    assert differences(tmp_path / "store", expected) == []
    assert os.listdir(here) == []
    assert sorted(os.listdir(tmp_path)) == ["here", "store"]


def test_fault_30_the_second_run_on_a_store_ends_at_once_and_names_the_first(tmp_path: Path) -> None:
    """TensorFlow, which it finds broken, is not even looked at."""
    (tmp_path / "tensorflow.py").write_text("raise ImportError('broken')\n")
    clips = write_clip(tmp_path / "clips/a.wav", seed=0).parent
    (tmp_path / "store/.state").mkdir(parents=True)
    lock = tmp_path / "store/.state/lock"
    lock.write_text("process 1234 on elsewhere")
    with lock.open() as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        begun = resource.getrusage(resource.RUSAGE_CHILDREN)
        done = audiofeat("extract", clips, tmp_path / "store", *OPTIONS, PYTHONPATH=str(tmp_path))
        spent = resource.getrusage(resource.RUSAGE_CHILDREN)
    assert done.code == 11
    assert "being written by another run (process 1234 on elsewhere" in done.err
    assert spent.ru_utime - begun.ru_utime + spent.ru_stime - begun.ru_stime < 2.5  # a slow machine's second


def test_fault_32_34_two_runs_without_a_lock_do_no_damage(tmp_path: Path) -> None:
    figures = two_writers.race(tmp_path, rounds=8, kinds=[False])
    assert figures.violations == [], figures.name
    assert figures.tried == 8


def test_fault_28_too_few_descriptors_are_one_clear_error(place: Path, tmp_path: Path) -> None:
    command = [sys.executable, "-m", "audiofeat", "extract", place, tmp_path / "store", *OPTIONS]
    begun = resource.getrusage(resource.RUSAGE_CHILDREN).ru_utime
    done = subprocess.run(
        ["sh", "-c", f"ulimit -n 20; exec {shlex.join(map(str, command))}"],
        capture_output=True,
        text=True,
        env=environment(),
        check=False,
    )
    assert done.returncode == 13
    assert done.stderr == (
        "audiofeat: too few file descriptors (env.too-few-fds): a process may have 20 files open, and 24 are needed\n"
        "  try: ulimit -n 256\n"
    )
    assert resource.getrusage(resource.RUSAGE_CHILDREN).ru_utime - begun < 3
    assert not (tmp_path / "store").exists()
