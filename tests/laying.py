"""Clips over a deck's tapes and through the compiled programs, as a lane lays them, but without files and shards."""

from __future__ import annotations

import functools
import json
from collections.abc import Iterable, Mapping
from typing import Any

import numpy.typing as npt

from audiofeat.config import load_config
from audiofeat.deck import Features
from audiofeat.dsp.framing import Samples
from audiofeat.frontend.program import Frontend, use_device
from audiofeat.frontend.recipe import recipe_of
from audiofeat.one_clip import BLOCK_SAMPLES, all_rows, deck_in_memory, lay

Array = npt.NDArray[Any]


@functools.cache
def on_cpu() -> None:
    """TensorFlow takes its threads and devices once a process."""
    use_device("cpu")


@functools.cache
def frontend_of(preset: str, *overrides: str) -> Frontend:
    """The compiled programs of a preset; each is compiled once a test run."""
    on_cpu()
    return Frontend(recipe_of(load_config(preset, overrides=overrides)))


def config_of(knobs: Mapping[str, Any], *features: str) -> dict[str, Any]:
    """A configuration of features with settings by dotted name."""
    config: dict[str, Any] = {"features": {name: {} for name in features}}
    for name, value in knobs.items():
        group, key = name.split(".")
        config.setdefault(group, {})[key] = value
    return config


def frontend_with(knobs: Mapping[str, Any], *features: str, precision: str = "float64") -> Frontend:
    """The compiled programs of features with settings by dotted name; each is compiled once a test run."""
    knobs = {**knobs, "compute.precision": precision, "compute.tape_slots": 256}
    return _frontend_with(json.dumps(config_of(knobs, *features)))


@functools.cache
def _frontend_with(config: str) -> Frontend:
    on_cpu()
    return Frontend(recipe_of(load_config(json.loads(config))))


class Layer:
    """A deck in front of one frontend's programs."""

    def __init__(self, frontend: Frontend) -> None:
        self.tapes = 0
        self._frontend = frontend
        self._deck = deck_in_memory(self._programs, frontend.recipe)

    def features_of(self, clips: Iterable[Samples], *, block_samples: int = BLOCK_SAMPLES) -> list[dict[str, Array]]:
        """The features of each clip by name, (frames, dims), all clips being laid in the order given."""
        out: list[dict[str, Array]] = []
        for number, clip in enumerate(clips):
            out.append({})

            def done(features: Features, number: int = number) -> None:
                out[number] = all_rows(features)

            lay(self._deck, clip, self._frontend.recipe, done=done, block_samples=block_samples)
        self._deck.flush()
        return out

    def abandon(self, samples: Samples) -> None:
        """Lay a clip and then drop it, as a lane does when a clip turns out to be bad."""
        self._deck.begin()
        self._deck.write(samples)
        self._deck.abandon()

    def _programs(self) -> Frontend:
        self.tapes += 1
        return self._frontend


def features_of(
    frontend: Frontend, clips: Iterable[Samples], *, block_samples: int = BLOCK_SAMPLES
) -> list[dict[str, Array]]:
    """The features of each clip by name, laid one after another on fresh tapes."""
    return Layer(frontend).features_of(clips, block_samples=block_samples)


def only_feature(features: dict[str, Array]) -> Array:
    """The rows of the one feature that a preset gives."""
    (rows,) = features.values()
    return rows
