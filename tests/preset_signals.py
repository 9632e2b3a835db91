"""Every preset with every signal that it is compared on, for tests to be run over."""

from __future__ import annotations

from collections.abc import Iterable
from functools import cache

import pytest
from _pytest.mark.structures import ParameterSet

from audiofeat.config import load_config, preset_names
from audiofeat.frontend.recipe import recipe_of
from audiofeat.parity.signals import Clips, signals_of


@cache
def signals(preset: str) -> Clips:
    """The signals of a preset by name; each is made when it is called."""
    return signals_of(recipe_of(load_config(preset)))


def preset_signals(presets: Iterable[str] | None = None) -> list[ParameterSet]:
    """Arguments (preset, signal), with ids such as ``whisper-80-chirp``."""
    return [
        pytest.param(preset, signal, id=f"{preset}-{signal}")
        for preset in presets or preset_names()
        for signal in signals(preset)
    ]
