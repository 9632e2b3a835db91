"""``configs/cluster``: each example's own commands, with stand-ins for what a cluster has and this machine lacks."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from conftest import PROJECT
from faults.small_run import small_engine, write_source
from running import contents

from audiofeat import pipeline
from audiofeat.config import load_config
from audiofeat.run_options import RunOptions

CLUSTER = PROJECT / "configs/cluster"
CONFIG = "librosa-logmel"
CLIPS = [f"{letter}/{number}" for letter in "abc" for number in range(12)]


class Cluster:
    """A folder that all machines share, and programs that are first in the PATH."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.programs = folder / "a shared folder", folder / "programs"
        self.programs.mkdir(parents=True)
        self.source = write_source(self.folder / "recordings", clips=CLIPS)
        self.store = self.folder / "features"
        self.config = self.folder / "job.yaml"
        self.config.write_text(f"extends: {CONFIG}\nstore: {{shard_clips: 2}}\n")
        tests = PROJECT / "tests"
        self.add("audiofeat", f'exec "{sys.executable}" "{tests}/small_command.py" "$@"')
        self.environment = {
            **os.environ,
            "PATH": f"{self.programs}{os.pathsep}{os.environ['PATH']}",
            "PYTHONPATH": os.pathsep.join([str(tests), *filter(None, [os.environ.get("PYTHONPATH")])]),
            "CUDA_VISIBLE_DEVICES": "-1",
        }

    def add(self, name: str, body: str) -> None:
        program = self.programs / name
        program.write_text(f"#!/usr/bin/env bash\n{body}\n")
        program.chmod(0o755)

    def run(self, *command: str | Path, **variables: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            list(map(str, command)),
            cwd=self.folder,
            env={**self.environment, **variables},
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )

    def expected(self, config: Path | str) -> dict[str, bytes]:
        """The store as one run makes it."""
        whole = self.folder.parent / "whole"
        with small_engine():
            settings = load_config(config, source=str(self.source), store_path=str(whole))
            pipeline.run(settings, RunOptions(device="cpu"))
        return contents(whole)


@pytest.fixture
def cluster(tmp_path: Path) -> Cluster:
    return Cluster(tmp_path)


def test_slurm(cluster: Cluster) -> None:
    script = CLUSTER / "slurm.sbatch"
    options = dict(re.findall(r"^#SBATCH --([a-z-]+)=?(.*)$", script.read_text(), re.MULTILINE))
    assert options["array"].startswith("0-")
    assert options["signal"].startswith("B:TERM@")
    assert "requeue" in options
    cluster.add("sbatch", f'printf "%s\\n" "$@" > "{cluster.folder}/submitted"')
    job = {"SOURCE": "recordings", "STORE": "features", "CONFIG": "./job.yaml", "SLURM_CPUS_PER_TASK": "2"}
    array = {"SLURM_ARRAY_JOB_ID": "77", "SLURM_ARRAY_TASK_COUNT": "3"}
    for number in ("2", "0", "1"):
        done = cluster.run("bash", script, SLURM_ARRAY_TASK_ID=number, **array, **job)
        assert done.returncode == 0, done.stderr
        assert f"part {int(number) + 1}/3" in done.stdout
        assert (cluster.folder / "submitted").exists() is (number != "2"), "by the first task"
    dependency, flag, command = (cluster.folder / "submitted").read_text().splitlines()
    assert (dependency, flag) == ("--dependency=afterany:77", "--wrap")
    (cluster.folder / "submitted").unlink()
    cluster.run("bash", script, SLURM_ARRAY_TASK_ID="0", SLURM_RESTART_COUNT="1", **array, **job)
    assert not (cluster.folder / "submitted").exists(), "not again by a task that was put back"
    done = cluster.run("sh", "-c", command)
    assert done.returncode == 0, done.stderr
    assert contents(cluster.store) == cluster.expected(cluster.config)


def test_kubernetes(cluster: Cluster) -> None:
    text = (CLUSTER / "kubernetes.yaml").read_text()
    parts, commit = yaml.safe_load_all(text)
    assert [job["metadata"]["labels"]["step"] for job in (parts, commit)] == re.findall("-l step=([a-z]+)", text)
    assert f"job/{parts['metadata']['name']}" in text
    assert parts["spec"]["completionMode"] == "Indexed"
    (container,), (last,) = (job["spec"]["template"]["spec"]["containers"] for job in (parts, commit))
    count = parts["spec"]["completions"]
    assert f"/{count}" in container["args"][0], "as many parts as there are indexes"

    def command(container: dict[str, list[str]]) -> list[str]:
        here = [argument.replace("/data/", "./").replace(f"/{count}", "/2") for argument in container["args"]]
        return [*container["command"], *here]

    for index in ("0", "1"):
        done = cluster.run(*command(container), JOB_COMPLETION_INDEX=index)
        assert done.returncode == 0, done.stderr
    done = cluster.run(*command(last))
    assert done.returncode == 0, done.stderr
    assert contents(cluster.store) == cluster.expected(CONFIG)


def test_two_hosts(cluster: Cluster) -> None:
    cluster.add("ssh", f'[ "$1" = -n ]; echo "$2" >> "{cluster.programs}/hosts"; cd /; exec sh -c "$3"')
    script = CLUSTER / "two-hosts.sh"
    done = cluster.run(script, "recordings", "features", "./job.yaml", "host-a", "host-b")
    assert done.returncode == 0, done.stderr
    assert sorted((cluster.programs / "hosts").read_text().split()) == ["host-a", "host-b"]
    assert contents(cluster.store) == cluster.expected(cluster.config)
    store = cluster.store.rename(cluster.folder / "before")
    cluster.add("ssh", '[ "$2" = host-a ] && exit 255; exec sh -c "$3"')
    done = cluster.run(script, "recordings", "features", "./job.yaml", "host-a", "host-b")
    assert done.returncode == 20
    assert ": part 1/2 (" in done.stderr
    cluster.add("ssh", 'exec sh -c "$3"')
    assert cluster.run(script, "recordings", "features", "./job.yaml", "host-a", "host-b").returncode == 0
    assert contents(cluster.store) == contents(store)
