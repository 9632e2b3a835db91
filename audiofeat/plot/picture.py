"""A picture as the bytes of a file: equal clips give equal bytes, with one version of matplotlib.

So the file says neither when it was made nor by what, and nobody's matplotlibrc has a say.
"""

from __future__ import annotations

import importlib.util
import io
import warnings
from collections.abc import Collection, Sequence
from pathlib import Path

from audiofeat.errors import ConfigError, MissingToolError
from audiofeat.plot.figure import figure_of
from audiofeat.plot.look import Look
from audiofeat.plot.shown import ShownClip
from audiofeat.store.staging import check_place

_METADATA: dict[str, dict[str, None]] = {
    ".png": {"Software": None},
    ".svg": {"Date": None},
    ".pdf": {"CreationDate": None},
}
_DOTS_PER_INCH = 120


def check_target(
    path: Path,
    *,
    command: str = "plot",
    suffixes: Collection[str] = _METADATA.keys(),
    needs: Sequence[str] = ("matplotlib",),
    makes: Path | None = None,
) -> None:
    """See that a command can write a picture, or a page of pictures, to ``path``, before anything is computed.

    Args:
        needs: packages.
        makes: a folder that will be there by then.
    Raises:
        ConfigError: its suffix is none that is known, or it has no folder, or is one.
        StorageError: nothing can be written there.
        MissingToolError: a package is not installed.
    """
    if path.suffix.lower() not in suffixes:
        raise ConfigError(f"{path} ends in none of {', '.join(suffixes)}", hint="the suffix says what is written")
    if path.is_dir():
        raise ConfigError(f"{path} is a folder", hint="name a file in it")
    if makes is None or makes.exists() or path.absolute().parent.resolve() != makes.resolve():
        check_place(path)
    for package in needs:
        if importlib.util.find_spec(package) is None:
            problem = f"{command} needs {package}, which is not installed"
            raise MissingToolError(problem, hint="pip install 'audiofeat[report]'")


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
