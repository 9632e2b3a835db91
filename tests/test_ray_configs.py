"""The examples of configs/cluster that start a Ray cluster: as far as they can be tried without one."""

from __future__ import annotations

import re
import shlex
import subprocess
from pathlib import Path
from typing import Any

import click
import pytest
import yaml

from audiofeat.cli.extract import extract

CLUSTER = Path(__file__).resolve().parent.parent / "configs/cluster"
EXAMPLES = ("ray-slurm.sbatch", "ray-kubernetes.yaml", "ray-two-hosts.sh")


def command_of(text: str) -> list[str]:
    """The words of the one command that extracts."""
    joined = text.replace("\\\n", " ")
    (line,) = [line for line in joined.splitlines() if "audiofeat extract" in line and not line.startswith("#")]
    return shlex.split(line[line.index("audiofeat extract") :].rstrip("& "))[2:]


@pytest.mark.parametrize("name", EXAMPLES)
def test_the_command_of_an_example_is_one(name: str) -> None:
    words = command_of((CLUSTER / name).read_text())
    context = click.Context(extract)
    options: dict[str, Any] = extract.make_parser(context).parse_args(words)[0]
    assert (options["engine"], options["source"] != "", options["address"] != "") == ("ray", True, True)
    assert re.search(r"\$", options["address"])


@pytest.mark.parametrize("name", [name for name in EXAMPLES if not name.endswith(".yaml")])
def test_a_script_can_be_read(name: str) -> None:
    subprocess.run(["bash", "-n", CLUSTER / name], check=True)


def test_all_pods_are_alike() -> None:
    cluster = yaml.safe_load((CLUSTER / "ray-kubernetes.yaml").read_text())["spec"]["rayClusterSpec"]
    (workers,) = cluster["workerGroupSpecs"]
    assert workers["template"]["spec"] == cluster["headGroupSpec"]["template"]["spec"]
