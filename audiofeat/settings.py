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

GPU_TAPE_SLOTS = 65_536
"""On a GPU, where the configuration says nothing. A program there is a dozen kernels, each some microseconds to start,
and two copies, some more: beside the milliseconds in which 42 MB of samples (at a hop of 160) come over the bus, these
do not count; beside those of a tape that suits a processor's cache they would be most of the time."""


@dataclass(frozen=True, slots=True)
class Settings:
    """A configuration on a device with certain versions."""

    config: Config
    device: str
    """The kind, ``cpu`` or ``gpu``."""
    versions: Mapping[str, str]

    @property
    def stored(self) -> dict[str, Any]:
        """The configuration as ``store.json`` holds it."""
        return self._with_tape(stored_config(self.config))

    @property
    def tape_slots(self) -> int:
        """The length of the tapes."""
        compute = self.config.compute
        is_given = "tape_slots" in compute.model_fields_set
        return GPU_TAPE_SLOTS if self.device == "gpu" and not is_given else compute.tape_slots

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
        return {**self._with_tape(numbers), "device": self.device, "versions": dict(self.versions)}

    def _with_tape(self, values: Mapping[str, Any]) -> dict[str, Any]:
        """On the CPU the tape's length changes no value, as tests hold; of GPUs that has not been shown."""
        if self.device == "cpu":
            return dict(values)
        return {**values, "compute": {**values["compute"], "tape_slots": self.tape_slots}}

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
