"""All that decides a store's bytes besides the sources: the configuration, the device, and the libraries' versions."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from importlib import metadata
from typing import Any

from audiofeat.config import Config, choice_digest, digest_of, feature_numbers, numbers_config, stored_config
from audiofeat.errors import MissingToolError
from audiofeat.store.layout import NUMBERS_VERSION
from audiofeat.tasks import Stamp

# Decoders are not among them: each clip names its own, so that a new ffmpeg leaves FLAC files alone.
_NUMBER_PACKAGES = ("tensorflow", "soxr")


@dataclass(frozen=True, slots=True)
class Settings:
    """A configuration on a device with certain versions."""

    config: Config
    device: str
    """``cpu`` or ``gpu``."""
    versions: Mapping[str, str]

    @property
    def stored(self) -> dict[str, Any]:
        """The configuration as ``store.json`` holds it."""
        return stored_config(self.config)

    @property
    def numbers(self) -> dict[str, Any]:
        """What can change a feature's value: two runs with equal numbers may share rows."""
        return self._here(numbers_config(self.config))

    @property
    def stamp(self) -> Stamp:
        """What a shard that is made with these settings is marked with."""
        return Stamp(
            numbers_digest=digest_of(self.numbers),
            feature_digests={
                name: digest_of(self._here(feature_numbers(self.config, name))) for name in sorted(self.config.features)
            },
            choice_digest=choice_digest(self.config),
        )

    def _here(self, numbers: Mapping[str, Any]) -> dict[str, Any]:
        return {**numbers, "device": self.device, "versions": dict(self.versions)}

    @property
    def digest(self) -> str:
        """Over everything here: an equal one, over the same sources, means equal bytes."""
        return digest_of({"numbers": self.numbers, "stored": self.stored})


def settings_of(config: Config, *, device: str) -> Settings:
    """The settings of a run in this environment.

    Raises:
        MissingToolError: a library whose version changes numbers is not installed.
    """
    versions = {"audiofeat_numbers": str(NUMBERS_VERSION)}
    # Dither draws on NumPy's normal noise, whose stream NumPy may change.
    packages = (*_NUMBER_PACKAGES, "numpy") if config.audio.dither else _NUMBER_PACKAGES
    for package in packages:
        try:
            versions[package] = metadata.version(package)
        except metadata.PackageNotFoundError as error:
            raise MissingToolError(f"{package} is not installed", hint=f"pip install {package}") from error
    return Settings(config=config, device=device, versions=versions)
