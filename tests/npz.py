"""Files of arrays by name, as users make them with numpy.savez."""

from __future__ import annotations

import os
from collections.abc import Mapping

import numpy as np
import numpy.typing as npt


def save_arrays(path: str | os.PathLike[str], arrays: Mapping[str, npt.ArrayLike]) -> None:
    """Write an .npz file of ``arrays``, whose names may have dots."""
    np.savez(path, **arrays)  # type: ignore[arg-type]  # numpy's types take any keyword for its own allow_pickle
