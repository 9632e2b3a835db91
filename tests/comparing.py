"""A feature's rows made by the programs and by their slow twins, and how close numbers have to be."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from laying import Array, config_of, features_of, frontend_with
from preset_twins import config_twin

from audiofeat.dsp.framing import Samples

RATES_HZ = [8_000, 11_025, 12_000, 16_000, 22_050, 24_000, 32_000, 44_100, 48_000, 88_200, 96_000]
"""Every usual sample rate."""


def rows_of(samples: Samples, knobs: Mapping[str, Any], feature: str, *, precision: str = "float64") -> Array:
    """The programs' rows of one feature, with settings by dotted name: (n,) -> (frames, dims)."""
    return features_of(frontend_with(knobs, feature, precision=precision), [samples])[0][feature]


def twin_of(samples: Samples, knobs: Mapping[str, Any], feature: str) -> Array:
    """The slow twin's rows of the same."""
    return config_twin(config_of(knobs, feature), samples)


def assert_close(found: Array, wanted: Array, tolerance: float) -> None:
    """Of one shape, numbers all of them, and nowhere further apart than this."""
    assert found.shape == wanted.shape
    assert np.isfinite(found).all()
    np.testing.assert_allclose(found, wanted, rtol=0, atol=tolerance)


def assert_close_to_scale(found: Array, wanted: Array, tolerance: float) -> None:
    """As ``assert_close``, within this share of the largest value, or of 1."""
    assert_close(found, wanted, tolerance * max(1.0, float(np.abs(wanted).max(initial=0.0))))
