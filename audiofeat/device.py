"""What a run computes on: kind of device, which GPUs, and cores.

A store records the kind alone, never which GPU it was. TensorFlow is asked what it sees in a process of its own, and
only where that decides something: an unchanged rerun does not wait for it.
"""

from __future__ import annotations

import functools
import os
import re
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from audiofeat.errors import ConfigError, MissingToolError

DEVICE_WORDS = "auto, cpu, gpu (all there are), gpu:1, gpu:0,2"

_WANTED = re.compile(r"auto|cpu|gpu(?::(?P<numbers>\d+(?:,\d+)*))?")
_DRIVERS = ("/dev/nvidiactl", "/dev/dxg", "/dev/kfd")
_PROBE = "import tensorflow as tf; print(len(tf.config.list_physical_devices('GPU')))"
_HINT = "--device cpu, or `audiofeat doctor`"


@dataclass(frozen=True, slots=True)
class WantedDevice:
    """What ``--device`` asks for."""

    kind: str
    """``auto``, ``cpu`` or ``gpu``."""
    numbers: tuple[int, ...] = ()
    """Of GPUs, as TensorFlow counts those that it sees; none: all of them."""


def parse_device(text: str) -> WantedDevice:
    """Read ``auto``, ``cpu``, ``gpu``, ``gpu:1`` or ``gpu:0,2``.

    Raises:
        ConfigError: it is none of them.
    """
    found = _WANTED.fullmatch(text)
    if found is None:
        raise ConfigError(f"{text!r} is no device", hint=f"--device with one of {DEVICE_WORDS}")
    numbers = found["numbers"]
    return WantedDevice(
        text.partition(":")[0], tuple(dict.fromkeys(map(int, numbers.split(",")))) if numbers is not None else ()
    )


def choose_device(wanted: str, *, stored: str | None) -> str:
    """The kind of device, ``cpu`` or ``gpu``.

    Args:
        wanted: what ``--device`` says.
        stored: the kind that an existing store was made on. ``auto`` keeps it, since another kind gives other bits.
    Raises:
        ConfigError: ``auto`` would have to leave the store's kind, or ``wanted`` is no device.
        MissingToolError: a GPU is wanted, and none can be there.
    """
    kind = parse_device(wanted).kind
    if kind == "cpu" or (kind == "auto" and stored == "cpu"):
        return "cpu"
    may_have_gpu = has_driver(os.environ)
    if kind == "gpu" and not may_have_gpu:
        raise MissingToolError(f"--device {wanted}, but there is no GPU, or no driver of one", hint=_HINT)
    if kind == "auto" and stored == "gpu" and not may_have_gpu:
        raise ConfigError(
            "the store was made on a GPU and there is none here; a CPU gives other bits",
            hint="a machine with a GPU; `audiofeat extract --device cpu` makes the store again on the CPU",
        )
    # Whether TensorFlow can use it decides nothing where it must be a GPU: choose_gpus asks, if there is work.
    if kind == "gpu" or stored == "gpu":
        return "gpu"
    return "gpu" if gpu_is_visible(os.environ) else "cpu"


def choose_gpus(wanted: str) -> tuple[str, ...]:
    """The GPUs to compute on, each by the name that makes it the only one that a process sees.

    Raises:
        ConfigError: ``wanted`` is no device.
        MissingToolError: TensorFlow sees none, or not those that are wanted.
    """
    numbers = parse_device(wanted).numbers
    seen = visible_gpus(os.environ)
    if not seen:
        raise MissingToolError("TensorFlow sees no GPU", hint=_HINT)
    missing = [number for number in numbers if number >= len(seen)]
    if missing:
        from audiofeat.config.wording import counted  # not above: whoever asks for a driver needs no configuration

        raise MissingToolError(
            f"--device {wanted}: there is no GPU {missing[0]}; TensorFlow sees {counted(len(seen), 'GPU')}, "
            f"numbered from 0{f' to {len(seen) - 1}' if len(seen) > 1 else ''}",
            hint=f"--device gpu:{len(seen) - 1}, or --device gpu for all; CUDA_VISIBLE_DEVICES may hide some",
        )
    return tuple(seen[number] for number in numbers) if numbers else seen


def gpu_is_visible(environment: Mapping[str, str]) -> bool:
    """Whether TensorFlow would see a GPU."""
    return bool(visible_gpus(environment))


def visible_gpus(environment: Mapping[str, str]) -> tuple[str, ...]:
    """The GPUs that TensorFlow would see, by CUDA's names for them. It is asked only where a driver is loaded."""
    if not has_driver(environment):
        return ()
    count = _count(tuple(sorted(environment.items())))
    named = [name.strip() for name in environment.get("CUDA_VISIBLE_DEVICES", "").split(",") if name.strip()]
    return tuple(named[:count] if named else map(str, range(count)))


def one_gpu(environment: Mapping[str, str], name: str) -> dict[str, str]:
    """What to add to an environment so that a process sees one GPU, by a name out of :func:`visible_gpus`."""
    only = {"CUDA_VISIBLE_DEVICES": name}
    # Else CUDA counts the fastest first: numbers should be those that nvidia-smi shows.
    return only if "CUDA_VISIBLE_DEVICES" in environment else {"CUDA_DEVICE_ORDER": "PCI_BUS_ID", **only}


@functools.cache
def _count(environment: tuple[tuple[str, str], ...]) -> int:
    quiet = {**dict(environment), "TF_CPP_MIN_LOG_LEVEL": "3", "TF_USE_LEGACY_KERAS": "1"}
    answer = subprocess.run([sys.executable, "-c", _PROBE], env=quiet, capture_output=True, text=True, check=False)
    found = answer.stdout.strip()
    return int(found) if answer.returncode == 0 and found.isdigit() else 0


def has_driver(environment: Mapping[str, str]) -> bool:
    """Whether there may be a GPU: a driver is loaded, and ``environment`` hides nothing. Told at once."""
    is_hidden = environment.get("CUDA_VISIBLE_DEVICES", "0").strip() in ("", "-1")
    return not is_hidden and any(Path(driver).exists() for driver in _DRIVERS)


def usable_cores() -> int:
    """Processor cores that this process may run on."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1  # macOS knows no affinity
