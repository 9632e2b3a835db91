"""A picture as the bytes of a file: equal clips give equal bytes, with one version of matplotlib.

So the file says neither when it was made nor by what, and nobody's matplotlibrc has a say.
"""

from __future__ import annotations

import importlib.util
import io
import warnings
from collections.abc import Sequence
from pathlib import Path

from audiofeat.errors import ConfigError, MissingToolError
from audiofeat.plot.figure import figure_of
from audiofeat.plot.look import Look
from audiofeat.plot.shown import ShownClip

_METADATA: dict[str, dict[str, None]] = {
    ".png": {"Software": None},
    ".svg": {"Date": None},
    ".pdf": {"CreationDate": None},
}
_DOTS_PER_INCH = 120


def check_target(path: Path) -> None:
    """See that there can be a picture at ``path``, before anything is computed.

    Raises:
        ConfigError: its suffix is none that is known, or it has no folder, or is one.
        MissingToolError: matplotlib is not installed.
    """
    if path.suffix.lower() not in _METADATA:
        raise ConfigError(f"{path} ends in none of {', '.join(_METADATA)}", hint="the suffix says what is written")
    if path.is_dir():
        raise ConfigError(f"{path} is a folder", hint="name a file in it")
    if not path.absolute().parent.is_dir():
        raise ConfigError(f"{path}: there is no folder {path.parent}", hint="make it first")
    if importlib.util.find_spec("matplotlib") is None:
        raise MissingToolError("plot needs matplotlib, which is not installed", hint="pip install 'audiofeat[report]'")


def picture_of(clips: Sequence[ShownClip], *, features: Sequence[str], look: Look, suffix: str) -> bytes:
    """The bytes of a PNG, SVG or PDF, as the ``suffix`` says."""
    from matplotlib import style

    content = io.BytesIO()
    with style.context(["default", look.settings()]), warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="Glyph .* missing from")  # a box stands for it
        figure = figure_of(clips, features=features, look=look)
        kind = suffix.lower()
        figure.savefig(content, format=kind[1:], metadata=_METADATA[kind], dpi=_DOTS_PER_INCH)
    return content.getvalue()
