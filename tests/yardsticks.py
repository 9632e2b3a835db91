"""Presets' yardsticks, one a preset and process: most of what one takes is to compile its programs."""

from __future__ import annotations

import functools

from laying import on_cpu

from audiofeat.parity.check import PresetCheck
from audiofeat.parity.yardstick import Yardstick


@functools.cache
def yardstick(preset: str) -> Yardstick:
    on_cpu()
    return Yardstick(preset)


@functools.cache
def preset_check(preset: str) -> PresetCheck:
    return PresetCheck(preset, yardstick=yardstick(preset))
