"""A Ray cluster as the place where a run computes: connected to when it is first wanted."""

from __future__ import annotations

import time
from contextlib import ExitStack
from typing import Any

from audiofeat.device import parse_device, usable_cores
from audiofeat.engine.allowance import Allowance
from audiofeat.engine.messages import WorkerJob
from audiofeat.engine.ray_address import parse_address
from audiofeat.engine.ray_engine import RayEngine
from audiofeat.engine.ray_nodes import Use, nodes_of
from audiofeat.engine.ray_session import ray_session
from audiofeat.errors import ConfigError, MissingToolError
from audiofeat.store.layout import StorePaths

_MIXED_HINT = (
    "--device gpu for the nodes with a GPU alone, --device cpu for the processors of all, or --allow-mixed-devices"
)


class RayCluster:
    """A cluster that is connected to when it is first wanted. Use as a context manager.

    Args:
        address: ``HOST:PORT``; None: a cluster of our own, on this machine.
        workers: tasks at a time; None: as many as there are processors, or GPUs.
        allow_mixed: whether nodes with and without GPUs compute on what they have.
    Raises:
        ConfigError: ``address`` is none.
    """

    def __init__(self, address: str | None, *, workers: int | None, allow_mixed: bool) -> None:
        if address is not None:
            parse_address(address)
        self._address, self._workers, self._allow_mixed = address, workers, allow_mixed
        self._stack = ExitStack()
        self._connection: Any = None
        self.opening_seconds = 0.0

    def __enter__(self) -> RayCluster:
        return self

    def __exit__(self, *error: Any) -> None:
        self._stack.close()

    def choose_device(self, wanted: str, *, stored: str | None) -> str:
        """As :func:`audiofeat.device.choose_device`, of a cluster.

        Raises:
            ConfigError: one GPU of several is named, or the store was made on another kind.
            MissingToolError: there are nodes with and without GPUs, or no GPU, or no cluster.
        """
        device = parse_device(wanted)
        if device.numbers:
            raise ConfigError(f"--device {wanted} with --engine ray: Ray gives each task its GPU", hint="--device gpu")
        if device.kind == "cpu" or (device.kind == "auto" and stored == "cpu"):
            return "cpu"
        with_gpu = [bool(node.gpus) for node in nodes_of(self._ray)]
        if device.kind == "auto" and stored is None and not any(with_gpu):
            return "cpu"
        if not any(with_gpu):
            raise MissingToolError("no node of the Ray cluster has a GPU", hint="--device cpu, or ray start --num-gpus")
        if device.kind == "auto" and not all(with_gpu) and not self._allow_mixed:
            raise MissingToolError(
                f"{sum(with_gpu)} of {len(with_gpu)} nodes of the Ray cluster have a GPU, which gives other bits than "
                "a processor",
                hint=_MIXED_HINT,
            )
        return "gpu"

    def engine(self, job: WorkerJob, paths: StorePaths, allowance: Allowance) -> RayEngine:
        use = Use(job.device, is_mixed=self._allow_mixed)
        return RayEngine(self._ray, job, paths, use=use, most_tasks=self._workers)

    @property
    def lanes(self) -> int:
        return min(self._workers or self.cores, self.cores)

    @property
    def cores(self) -> int:
        return sum(node.cpus for node in nodes_of(self._ray)) or 1

    @property
    def _ray(self) -> Any:
        if self._connection is None:
            begun = time.monotonic()
            cores = max(self._workers or 1, usable_cores())
            self._connection = self._stack.enter_context(ray_session(self._address, cores=cores))
            self.opening_seconds = time.monotonic() - begun
        return self._connection
