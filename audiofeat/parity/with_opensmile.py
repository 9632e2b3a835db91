"""openSMILE 3.0, by the opensmile package 2.6: the components of its ``config/mfcc/MFCC12_0_D_A.conf``.

The package does not ship that file, so that its components stand here, between the package's own source and sink. What
is left out of a component is at openSMILE's default, as it is there.
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

_MFCC12_0_D_A = r"""
[componentInstances:cComponentManager]
instance[dataMemory].type = cDataMemory
\{\cm[source{?}:source include config]}
[componentInstances:cComponentManager]
instance[frame].type = cFramer
instance[pe].type = cVectorPreemphasis
instance[win].type = cWindower
instance[fft].type = cTransformFFT
instance[fftmag].type = cFFTmagphase
instance[melspec].type = cMelspec
instance[mfcc].type = cMfcc
instance[delta].type = cDeltaRegression
instance[accel].type = cDeltaRegression
instance[lldconcat].type = cVectorConcat
[frame:cFramer]
reader.dmLevel = wave
writer.dmLevel = frames
noPostEOIprocessing = 1
frameSize = 0.025
frameStep = 0.010
frameMode = fixed
frameCenterSpecial = left
[pe:cVectorPreemphasis]
reader.dmLevel = frames
writer.dmLevel = framespe
k = 0.97
de = 0
[win:cWindower]
reader.dmLevel = framespe
writer.dmLevel = winframes
winFunc = ham
gain = 1.0
offset = 0
[fft:cTransformFFT]
reader.dmLevel = winframes
writer.dmLevel = fft
zeroPadSymmetric = 0
[fftmag:cFFTmagphase]
reader.dmLevel = fft
writer.dmLevel = fftmag
magnitude = 1
phase = 0
[melspec:cMelspec]
reader.dmLevel = fftmag
writer.dmLevel = melspec
htkcompatible = 1
nBands = 26
usePower = 1
lofreq = 0
hifreq = 8000
specScale = mel
[mfcc:cMfcc]
reader.dmLevel = melspec
writer.dmLevel = ft0
firstMfcc = 0
lastMfcc = 12
cepLifter = 22.0
htkcompatible = 1
[delta:cDeltaRegression]
reader.dmLevel = ft0
writer.dmLevel = ft0de
noPostEOIprocessing = 0
deltawin = 2
blocksize = 1
[accel:cDeltaRegression]
reader.dmLevel = ft0de
writer.dmLevel = ft0dede
noPostEOIprocessing = 0
deltawin = 2
blocksize = 1
[lldconcat:cVectorConcat]
reader.dmLevel = ft0;ft0de;ft0dede
writer.dmLevel = lld
includeSingleElementFields = 1
\{\cm[sink{?}:include external sink]}
"""


def _mfcc_0_d_a(samples: Samples) -> Array:
    """(n,) -> (frames, 39).

    Raises:
        UserWarning: no frame.
        ValueError: so few frames that openSMILE takes zeros for rows beyond the end, where it else repeats the last.
    """
    with tempfile.TemporaryDirectory() as folder:
        config = Path(folder, "MFCC12_0_D_A.conf")
        config.write_text(_MFCC12_0_D_A, encoding="ascii")
        smile = Smile(str(config), feature_level="lld")
        with warnings.catch_warnings():
            warnings.simplefilter("error", UserWarning)  # for a clip without a frame it makes one of NaN
            rows: Array = smile(samples, _SAMPLE_RATE_HZ)
    frames = np.ascontiguousarray(rows[0].T)
    if len(frames) < _FEWEST_FRAMES:
        raise ValueError(f"{len(frames)} frames; openSMILE's deltas need {_FEWEST_FRAMES}")
    return frames


REFERENCES: Mapping[str, Callable[[Samples], Array]] = MappingProxyType({"opensmile-mfcc-0-d-a": _mfcc_0_d_a})
