"""openSMILE 3.0, by the opensmile package 2.6: the same components as its ``config/mfcc/MFCC12_0_D_A.conf``.

The package does not ship that file, so a configuration of the same meaning is written here: each component reads what
another has written, and has the settings that are not openSMILE's defaults.
"""

from __future__ import annotations

import ctypes
import os
import tempfile
import warnings
from collections.abc import Callable, Mapping
from importlib.metadata import files
from pathlib import Path
from types import MappingProxyType

import numpy as np

from audiofeat.dsp.framing import Samples
from audiofeat.dsp.row_blocks import Array
from audiofeat.parity.excerpts import RefusedError


def _bind_to_its_own_fft() -> None:
    """Load openSMILE's library with its own functions before TensorFlow's.

    Both have Ooura's ``rdft``, openSMILE of float and TensorFlow of double, and TensorFlow's is visible to all: taken
    for the other, it writes beyond the end of openSMILE's arrays.
    """
    for file in files("opensmile") or ():
        if file.name == "libSMILEapi.so":
            ctypes.CDLL(str(file.locate()), mode=os.RTLD_NOW | os.RTLD_DEEPBIND)


_bind_to_its_own_fft()
from opensmile import Smile  # noqa: E402  # which loads the library

_SAMPLE_RATE_HZ = 16_000
_FEWEST_FRAMES = 4
_INT16_SCALE = 32_768.0

_COMPONENTS: tuple[tuple[str, str, str, Mapping[str, object]], ...] = (
    ("framed", "cFramer", "wave", {"frameStep": 0.01}),
    ("emphasized", "cVectorPreemphasis", "framed", {}),
    ("tapered", "cWindower", "emphasized", {"winFunc": "ham"}),
    ("spectrum", "cTransformFFT", "tapered", {"zeroPadSymmetric": 0}),
    ("magnitude", "cFFTmagphase", "spectrum", {}),
    ("bands", "cMelspec", "magnitude", {"usePower": 1, "lofreq": 0}),
    ("cepstra", "cMfcc", "bands", {"firstMfcc": 0}),
    ("slopes", "cDeltaRegression", "cepstra", {}),
    ("curvatures", "cDeltaRegression", "slopes", {}),
    ("lld", "cVectorConcat", "cepstra;slopes;curvatures", {}),
)
"""Of each its name, which is also that of what it writes, its type, what it reads and its settings.

``wave`` comes from the package's own source, and ``lld`` is what its own sink takes.
"""


def _config() -> str:
    """The components in openSMILE's language, between the package's source and sink."""
    manager = "[componentInstances:cComponentManager]"
    lines = [manager, "instance[dataMemory].type = cDataMemory", r"\{\cm[source{?}:source include config]}"]
    for name, kind, reads, settings in _COMPONENTS:
        lines += [manager, f"instance[{name}].type = {kind}"]
        lines += [f"[{name}:{kind}]", f"reader.dmLevel = {reads}", f"writer.dmLevel = {name}"]
        lines += [f"{key} = {value}" for key, value in settings.items()]
    return "\n".join([*lines, r"\{\cm[sink{?}:include external sink]}", ""])


def _mfcc_0_d_a(samples: Samples) -> Array:
    """(n,) -> (frames, 39).

    Raises:
        RefusedError: samples that are not those of 16-bit audio.
        UserWarning: no frame.
        ValueError: so few frames that openSMILE takes zeros for rows beyond the end, where it else repeats the last.
    """
    if not np.array_equal(
        samples, np.clip(np.trunc(samples * _INT16_SCALE), -_INT16_SCALE, _INT16_SCALE - 1) / _INT16_SCALE
    ):
        raise RefusedError("it cuts samples to 16 bits, and those of this clip are others")
    with tempfile.TemporaryDirectory() as folder:
        config = Path(folder, "mfcc_0_d_a.conf")
        config.write_text(_config(), encoding="ascii")
        smile = Smile(str(config), feature_level="lld")
        with warnings.catch_warnings():
            warnings.simplefilter("error", UserWarning)  # for a clip without a frame it makes one of NaN
            rows: Array = smile(samples, _SAMPLE_RATE_HZ)
    frames = np.ascontiguousarray(rows[0].T)
    if len(frames) < _FEWEST_FRAMES:
        raise ValueError(f"{len(frames)} frames; openSMILE's deltas need {_FEWEST_FRAMES}")
    return frames


REFERENCES: Mapping[str, Callable[[Samples], Array]] = MappingProxyType({"opensmile-mfcc-0-d-a": _mfcc_0_d_a})
