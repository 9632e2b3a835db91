"""The ready configs that ship with audiofeat: each gives one feature with the numbers of the library it names."""

from __future__ import annotations

from importlib.resources import files

from audiofeat.config.wording import did_you_mean
from audiofeat.errors import ConfigError

_SUFFIX = ".yaml"


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
