"""How a worker's Python process is started: by what command, in which environment.

Nothing heavy is imported here, so that a process can be started before this one has loaded its own modules.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Mapping
from typing import IO

from audiofeat.errors import MissingToolError
from audiofeat.frontend.xla_flags import xla_flags

# The run's own import path, so that a worker is the same audiofeat, whatever lies in the current folder.
_WORKER = "import sys; sys.path[:] = sys.argv[1:]; from audiofeat.engine.worker import main; main()"

# Set by the user for other programs, or for other versions: in a worker they would change numbers or files.
_DROPPED = {
    "FFREPORT",
    "HDF5_PLUGIN_PATH",
    "NVIDIA_TF32_OVERRIDE",
    "TF_ENABLE_ONEDNN_OPTS",
    "TF_XLA_FLAGS",
    "XLA_FLAGS",
}


def start_child(environment: Mapping[str, str], *, stderr: IO[bytes] | int) -> subprocess.Popen[bytes]:
    """A worker that waits for what it is told. Raises MissingToolError where the system gives no process."""
    try:
        return subprocess.Popen(
            [sys.executable, "-c", _WORKER, *map(os.path.abspath, sys.path)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=stderr,
            env=environment,
            start_new_session=True,  # Ctrl-C is the run's to handle
        )
    except OSError as error:
        raise MissingToolError(
            f"no process for a worker: {os.strerror(error.errno or 0)}",
            hint="end other programs, raise `ulimit -u`, or fewer --workers",
        ) from error


def worker_environment(environment: Mapping[str, str], *, device: str) -> dict[str, str]:
    """The environment of a worker: nothing in it may change a number, and TensorFlow starts light and quiet."""
    kept = {name: value for name, value in environment.items() if name not in _DROPPED}
    kept.update(
        # Without tf_keras, this spares the 2-3 seconds in which Keras is imported; nothing here uses it.
        TF_USE_LEGACY_KERAS="1",
        TF_CPP_MIN_LOG_LEVEL="3",
        OMP_NUM_THREADS="1",
        XLA_FLAGS=xla_flags(device),
        PYTHONUNBUFFERED="1",
    )
    if device == "cpu":
        kept["CUDA_VISIBLE_DEVICES"] = "-1"
    return kept
