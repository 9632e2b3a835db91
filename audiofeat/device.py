"""What a run computes on: kind of device and cores, told without importing TensorFlow where that can be."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

from audiofeat.errors import ConfigError, MissingToolError

_PROBE = "import tensorflow as tf; print(len(tf.config.list_physical_devices('GPU')))"


def choose_device(wanted: str, *, stored: str | None) -> str:
    """``cpu`` or ``gpu``.

    Args:
        wanted: ``auto``, ``cpu`` or ``gpu``.
        stored: the kind that an existing store was made on. ``auto`` keeps it, since another kind gives other bits.
    Raises:
        ConfigError: ``auto`` would have to leave the store's kind.
        MissingToolError: a GPU is wanted and TensorFlow sees none.
    """
    if wanted == "cpu" or (wanted == "auto" and stored == "cpu"):
        return "cpu"
    has_gpu = gpu_is_visible(os.environ)
    if wanted == "gpu" and not has_gpu:
        raise MissingToolError("--device gpu, but TensorFlow sees no GPU", hint="--device cpu, or `audiofeat doctor`")
    if wanted == "auto" and stored == "gpu" and not has_gpu:
        raise ConfigError(
            "the store was made on a GPU and there is none here; a CPU gives other bits",
            hint="a machine with a GPU; `audiofeat extract --device cpu` makes the store again on the CPU",
        )
    return "gpu" if has_gpu else "cpu"


def gpu_is_visible(environment: Mapping[str, str]) -> bool:
    """Whether TensorFlow would see a GPU. It is asked, in a process of its own, only where a driver is loaded."""
    if not has_driver(environment):
        return False
    quiet = {**environment, "TF_CPP_MIN_LOG_LEVEL": "3", "TF_USE_LEGACY_KERAS": "1"}
    answer = subprocess.run([sys.executable, "-c", _PROBE], env=quiet, capture_output=True, text=True, check=False)
    return answer.returncode == 0 and answer.stdout.strip() not in ("", "0")


def has_driver(environment: Mapping[str, str]) -> bool:
    """Whether there may be a GPU: a driver is loaded, and ``environment`` hides nothing. Told at once."""
    is_hidden = environment.get("CUDA_VISIBLE_DEVICES", "0").strip() in ("", "-1")
    return not is_hidden and any(Path(f"/dev/{driver}").exists() for driver in ("nvidiactl", "dxg", "kfd"))


def usable_cores() -> int:
    """Processor cores that this process may run on."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1  # macOS knows no affinity
