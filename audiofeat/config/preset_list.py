"""The ready configs that ship with audiofeat: each gives one feature with the numbers of the library it names."""

from __future__ import annotations

import re
from importlib.resources import files

from audiofeat.config.wording import did_you_mean
from audiofeat.errors import ConfigError

_SUFFIX = ".yaml"
_SUBJECTS = ("Frames", "Not reproduced")
_NOTE = re.compile(rf"\b(?P<subject>{'|'.join(_SUBJECTS)}): (?P<note>.*?)(?=(?:{'|'.join(_SUBJECTS)}): |$)")


def preset_names() -> list[str]:
    """Every preset's name, sorted."""
    names = (entry.name for entry in (files("audiofeat.config") / "presets").iterdir())
    return sorted(name.removesuffix(_SUFFIX) for name in names if name.endswith(_SUFFIX))


def preset_text(name: str) -> str:
    """The preset's YAML as shipped.

    Raises:
        ConfigError: there is no preset of this name.
    """
    names = preset_names()
    if name not in names:
        raise ConfigError(
            f"{name!r} is neither a file nor a preset{did_you_mean(name, names)}  (presets: {', '.join(names)})",
            hint="a config file's name ends in .yaml or .yml, or has a slash in it",
        )
    return (files("audiofeat.config") / "presets" / (name + _SUFFIX)).read_text(encoding="utf-8")


def preset_summary(name: str) -> str:
    """The preset's first line: which library, which version, which feature."""
    return preset_text(name).partition("\n")[0].lstrip("# ")


def preset_note(name: str, subject: str) -> str:
    """What the preset's head says of a subject, such as ``Frames`` or ``Not reproduced``.

    Raises:
        KeyError: it says nothing of it.
    """
    head = " ".join(line.lstrip("# ") for line in _head(name))
    return {match["subject"]: match["note"].rstrip(". ") for match in _NOTE.finditer(head)}[subject]


def _head(name: str) -> list[str]:
    return preset_text(name).partition("\n\n")[0].splitlines()
