"""A Ray cluster on this machine's loopback addresses, and what may happen to its nodes.

As a script it is the process that holds the nodes, so that Ray stays out of the tests' own: it reads requests for
nodes, a line of JSON each, and answers with the address of the head and the raylet's process.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil
from running import environment, is_zombie, left_over

_HEALTH = {
    "RAY_health_check_initial_delay_ms": "0",
    "RAY_health_check_period_ms": "500",
    "RAY_health_check_timeout_ms": "500",
    "RAY_health_check_failure_threshold": "3",
}
_STORE_BYTES = 80 << 20


@dataclass(frozen=True)
class LabNode:
    """A node, by its raylet."""

    ip: str
    raylet: psutil.Process

    def tree(self) -> list[psutil.Process]:
        """Its processes: the raylet first, then what it has started."""
        return [self.raylet, *self.raylet.children(recursive=True)]

    def kill(self) -> None:
        """As when its machine loses power."""
        tree = self.tree()
        for process in tree:
            with suppress(psutil.NoSuchProcess):
                process.kill()
        while not all(map(is_zombie, tree)):  # the raylet stays one: who started it does not wait for it
            time.sleep(0.02)


class Lab:
    """The cluster, as tests see it."""

    def __init__(self, process: subprocess.Popen[str], folder: Path) -> None:
        self._process = process
        self._numbers = iter(range(3, 200))
        self.stand_in = folder / "stand_in"
        """While it is there, workers are stand-ins."""
        self.home = folder
        self.address = str(self._ask(ip="127.0.0.2", cpus=0)["address"])

    def add(self, *, cpus: int = 1, gpus: int = 0, **variables: str) -> LabNode:
        """Another node, with ``variables`` added to its environment."""
        ip = f"127.0.0.{next(self._numbers)}"
        answer = self._ask(ip=ip, cpus=cpus, gpus=gpus, variables=variables)
        return LabNode(ip, psutil.Process(answer["raylet"]))

    def _ask(self, **request: Any) -> dict[str, Any]:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        print(json.dumps(request), file=self._process.stdin, flush=True)
        line = self._process.stdout.readline()
        assert line, "the process that holds the cluster has died"
        answer: dict[str, Any] = json.loads(line)
        return answer


@contextmanager
def ray_lab() -> Iterator[Lab]:
    """A cluster with a head that does no work and no other node yet. In the end no process of it is left."""
    folder = Path(tempfile.mkdtemp(prefix="af-lab-", dir="/tmp"))
    variables = {"HOME": str(folder), "AUDIOFEAT_TEST_STAND_IN": str(folder / "stand_in"), "RAY_AUTH_MODE": "disabled"}
    command = [sys.executable, __file__, str(folder)]
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.DEVNULL}
    process = subprocess.Popen(command, text=True, env=environment(**_HEALTH, **variables), **pipes)
    try:
        yield Lab(process, folder)
    finally:
        tree = psutil.Process(process.pid).children(recursive=True)
        process.communicate(timeout=30)  # closes its input, which is the end of it
        left = left_over(tree)
        for each in left:
            each.kill()
        shutil.rmtree(folder, ignore_errors=True)
        assert left == []


def main() -> None:
    out = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    from ray.cluster_utils import Cluster

    cluster = Cluster()
    for line in sys.stdin:
        request = json.loads(line)
        node = cluster.add_node(
            num_cpus=request["cpus"],
            num_gpus=request.get("gpus", 0),
            node_ip_address=request["ip"],
            object_store_memory=_STORE_BYTES,
            include_dashboard=False,
            temp_dir=sys.argv[1],
            env_vars=request.get("variables", {}),
        )
        raylet = node.all_processes["raylet"][0].process.pid
        print(json.dumps({"address": cluster.address, "raylet": raylet}), file=out, flush=True)
    cluster.shutdown()


if __name__ == "__main__":
    main()
