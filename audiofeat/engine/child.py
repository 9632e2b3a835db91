"""How a process of the engine's is started: by what command, in which environment.

Nothing heavy is imported here, so that a process can be started before this one has loaded its own modules.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from typing import IO

from audiofeat.device import one_gpu
from audiofeat.errors import MissingToolError
from audiofeat.frontend.xla_flags import xla_flags

# The run's own import path, so that a worker is the same audiofeat, whatever lies in the current folder.
_START = "import sys; sys.path[:] = sys.argv[1:]; from audiofeat.engine.{} import main; main()"
_WORKER = _START.format("worker")
_DEVICE = _START.format("device_process")

# Set by the user for other programs, or for other versions: in a worker they would change numbers or files.
_DROPPED = {
    "FFREPORT",
    "HDF5_PLUGIN_PATH",
    "NVIDIA_TF32_OVERRIDE",
    "TF_ENABLE_ONEDNN_OPTS",
    "TF_XLA_FLAGS",
    "XLA_FLAGS",
}

_KEPT_BYTES = 256 << 20


def start_child(
    environment: Mapping[str, str], *, stderr: IO[bytes] | int, computes_only: bool = False, door: int | None = None
) -> subprocess.Popen[bytes]:
    """A worker that waits for what it is told, or the process that ``computes_only``.

    Args:
        door: a descriptor that it inherits.
    Raises:
        MissingToolError: the system gives no process.
    """
    try:
        return subprocess.Popen(
            [sys.executable, "-c", _DEVICE if computes_only else _WORKER, *map(os.path.abspath, sys.path)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=stderr,
            env=environment,
            start_new_session=True,  # Ctrl-C is the run's to handle
            pass_fds=_some(door),
        )
    except OSError as error:
        raise MissingToolError(
            f"no process for a worker: {os.strerror(error.errno or 0)}",
            hint="end other programs, raise `ulimit -u`, or fewer --workers",
        ) from error


def worker_environment(environment: Mapping[str, str], *, device: str, gpu: str | None = None) -> dict[str, str]:
    """The environment of a worker: nothing in it may change a number, and TensorFlow starts light and quiet.

    Args:
        device: the kind, ``cpu`` or ``gpu``.
        gpu: the only one that it sees, by CUDA's name for it; None: all that ``environment`` lets it see.
    """
    kept = {name: value for name, value in environment.items() if name not in _DROPPED}
    kept.update(
        # Without tf_keras, this spares the 2-3 seconds in which Keras is imported; nothing here uses it.
        TF_USE_LEGACY_KERAS="1",
        TF_CPP_MIN_LOG_LEVEL="3",
        OMP_NUM_THREADS="1",
        XLA_FLAGS=xla_flags(device),
        PYTHONUNBUFFERED="1",
        # Of glibc: what is let go of is kept for the next clip. To give it back and fault it in again, page by page,
        # took two thirds of the time of deltas, and 2 % of a run.
        MALLOC_MMAP_THRESHOLD_=str(_KEPT_BYTES),
        MALLOC_TRIM_THRESHOLD_=str(_KEPT_BYTES),
    )
    if device == "cpu":
        kept["CUDA_VISIBLE_DEVICES"] = "-1"
    else:
        # The user's own may say otherwise. Memory is taken as it is needed: others may compute on the same GPU.
        kept.update(NVIDIA_TF32_OVERRIDE="0", TF_FORCE_GPU_ALLOW_GROWTH="true")
    if gpu is not None:
        kept.update(one_gpu(environment, gpu))
    return kept


def _some(door: int | None) -> Sequence[int]:
    return () if door is None else (door,)
