"""From what somebody names to a picture: files are computed, clips of stores are read, and all are drawn at once."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from audiofeat.errors import ConfigError
from audiofeat.plot.look import DARK, LIGHT
from audiofeat.plot.of_file import Computer, DecodedClip, config_for, decoded_clips
from audiofeat.plot.of_store import ClipsOfStore
from audiofeat.plot.picture import check_target, picture_of
from audiofeat.plot.shown import ShownClip
from audiofeat.store.staging import write_file

MOST_CLIPS = 16
"""More than that nobody can look at beside each other."""

_CONFIG = "librosa-logmel"


@dataclass(frozen=True, slots=True)
class Named:
    """What a name is of: a file, or the clip of a store."""

    text: str
    path: str
    key: str | None
    """None for a file."""


def plot(
    names: Sequence[str],
    out: Path,
    *,
    config: str | None = None,
    overrides: Sequence[str] = (),
    features: Sequence[str] | None = None,
    is_dark: bool = False,
) -> int:
    """Draw clips beside each other, and write the picture to ``out``.

    Args:
        names: of files, or ``STORE:KEY``.
        config, overrides: a preset's name or a YAML file, and settings over it, for the files; None: librosa-logmel.
        features: in the order in which they are drawn; None: all that the stores and the configuration have.
    Returns:
        the number of clips in it.
    Raises:
        ConfigError: nothing goes by a name; there are too many clips, or there is no such feature; there are settings
            and no file.
        SourceError: a file cannot be decoded.
        NoStoreError, DamageError: a store cannot be read.
        MissingToolError: matplotlib, or for files TensorFlow, is not there.
        StorageError: the picture cannot be written.
    """
    check_target(out)
    clips = shown_clips([named(name) for name in names], config=config, overrides=overrides, features=features)
    rows = (
        list(features) if features is not None else list(dict.fromkeys(name for one in clips for name in one.features))
    )
    picture = picture_of(clips, features=rows, look=DARK if is_dark else LIGHT, suffix=out.suffix)
    write_file(out, picture)
    return len(clips)


def named(text: str) -> Named:
    """Tell files from clips of stores; a file goes first, and of a text with many colons the shortest folder.

    Raises:
        ConfigError: it is neither.
    """
    if os.path.isfile(text):
        return Named(text, text, None)
    for place, letter in enumerate(text):
        if letter == ":" and os.path.isdir(text[:place]):
            return Named(text, text[:place], text[place + 1 :])
    if os.path.isdir(text):
        raise ConfigError(f"{text} is a folder", hint=f"{text}:KEY for a clip of a store, or name files in it")
    if os.path.exists(text):
        raise ConfigError(f"{text} is no regular file", hint="write it to a file first")
    raise ConfigError(f"{text!r} is neither a file nor STORE:KEY", hint="check the path of the file, or of the store")


def shown_clips(
    names: Sequence[Named], *, config: str | None, overrides: Sequence[str], features: Sequence[str] | None
) -> list[ShownClip]:
    """All that is to be drawn, in order. Raises as :func:`plot`; what costs least is found out first."""
    _check_number(len(names))
    if (config is not None or overrides) and all(name.key is not None for name in names):
        raise ConfigError(
            "--config and --set are for files, and no file is named: a store's features are as they are",
            hint="leave them out, or name the file itself",
        )
    paths = dict.fromkeys(name.path for name in names if name.key is not None)
    stores = {path: ClipsOfStore(path, features=features) for path in paths}
    for name in names:
        if name.key is not None:
            stores[name.path].check(name.key)
    decoded: dict[str, list[DecodedClip]] = {}
    if any(name.key is None for name in names):
        settings = config_for(config or _CONFIG, overrides=overrides, features=features)
        for path, title in _titles([name.path for name in names if name.key is None]).items():
            decoded[path] = decoded_clips(Path(path), settings, title=title)
    _check_number(sum(len(decoded.get(name.path, [])) if name.key is None else 1 for name in names))
    computer = Computer()
    found: list[ShownClip] = []
    for name in names:
        if name.key is None:
            found += [computer.shown(clip) for clip in decoded[name.path]]
        else:
            found.append(stores[name.path].shown(name.key, title=name.key if len(stores) == 1 else name.text))
    return found


def _titles(paths: Sequence[str]) -> dict[str, str]:
    """Each file's path below the folder that all are in: what tells them apart."""
    whole = {path: os.path.abspath(path) for path in paths}
    folder = os.path.commonpath([os.path.dirname(path) for path in whole.values()])
    return {path: os.path.relpath(place, folder) for path, place in whole.items()}


def _check_number(n_clips: int) -> None:
    if n_clips > MOST_CLIPS:
        raise ConfigError(
            f"{n_clips} clips, and a picture has room for {MOST_CLIPS}", hint="several pictures of fewer clips each"
        )
