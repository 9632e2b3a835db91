"""Windows, filterbanks and cosine transforms in every setting: against the slow twin, and live against the libraries.

Sizes are odd where they can be; frequencies are such that no corner lies on a bin, where rounding would decide.
"""

from __future__ import annotations

import itertools
from typing import Any

import librosa
import numpy as np
import pytest
import tensorflow as tf
import twins
from filterbank_twin import triangles
from laying import on_cpu
from python_speech_features.base import get_filterbanks  # type: ignore[import-untyped]

from audiofeat.dsp.cepstrum import cepstral_matrix
from audiofeat.dsp.filterbank import empty_bands, mel_filterbank
from audiofeat.dsp.windows import window

SAMPLINGS = ["periodic", "symmetric", "half_sample", "periodic_if_even"]


# Windows


@pytest.mark.parametrize("sampling", SAMPLINGS)
@pytest.mark.parametrize(
    ("kind", "coefficient", "power"),
    [
        ("hann", None, 1.0),
        ("hann", None, 0.85),
        ("hamming", None, 1.0),
        ("hamming", 0.53836, 1.0),
        ("hamming", 0.3, 1.0),
        ("blackman", None, 1.0),
        ("blackman", 0.4266, 2.0),
        ("sine", None, 1.0),
        ("sine", None, 0.5),
    ],
)
def test_a_window_is_its_slow_twin(kind: str, coefficient: float | None, power: float, sampling: str) -> None:
    for length in (1, 2, 3, 24, 25, 400):
        knobs = {
            "frame.win_samples": length,
            "window.type": kind,
            "window.sampling": sampling,
            "window.coefficient": coefficient,
            "window.power": power,
        }
        found = window(length, kind=kind, sampling=sampling, coefficient=coefficient, power=power)
        np.testing.assert_allclose(found, twins.taper({**twins.KNOBS, **knobs}), atol=1e-8 if power < 1 else 1e-15)


def test_a_window_below_zero_keeps_its_sign_under_a_power() -> None:
    plain = window(25, kind="hamming", coefficient=0.3)
    assert plain.min() < -0.1
    powered = window(25, kind="hamming", coefficient=0.3, power=0.85)
    np.testing.assert_allclose(powered, np.sign(plain) * np.abs(plain) ** 0.85, atol=1e-15)


def test_a_coefficient_needs_a_window_that_has_one() -> None:
    with pytest.raises(ValueError, match="a sine window has no coefficient; hamming and blackman have one"):
        window(5, kind="sine", coefficient=0.5)


def test_an_unknown_sampling_is_refused() -> None:
    with pytest.raises(
        ValueError, match="window sampling 'middle': one of periodic, symmetric, half_sample, periodic_if"
    ):
        window(5, kind="hann", sampling="middle")


@pytest.mark.parametrize("length", [2, 25, 400])
def test_tf_signals_hamming_is_periodic_for_even_lengths_only(length: int) -> None:
    on_cpu()
    wanted = tf.signal.hamming_window(length, dtype=tf.float64).numpy()
    np.testing.assert_allclose(window(length, kind="hamming", sampling="periodic_if_even"), wanted, atol=1e-15)


# Filterbanks

SIZES = [(16_000, 512, 80, 20.0, 7_600.0), (11_025, 301, 7, 133.0, 5_001.0), (11_025, 256, 256, 0.0, 5_000.0)]
SIZES += [(8_000, 129, 1, 60.0, 3_333.0)]
SHAPES = [
    (scale, sides, norm, "exact", "all")
    for scale, sides, norm in itertools.product(
        ["htk", "slaney"],
        ["mel", "hz", "bin_floor", "hz_left"],
        ["none", "slaney", "unit_sum", "unit_l2", "unit_max"],
    )
]
SHAPES += [
    ("htk", sides, norm, grid, edge_bins)
    for sides, norm, grid, edge_bins in itertools.product(
        ["mel", "hz", "hz_left"], ["none", "unit_sum"], ["exact", "half_int"], ["all", "htk", "tf_op"]
    )
]


@pytest.mark.parametrize(("rate_hz", "n_fft", "bands", "fmin_hz", "fmax_hz"), SIZES)
def test_a_filterbank_is_its_slow_twin(rate_hz: int, n_fft: int, bands: int, fmin_hz: float, fmax_hz: float) -> None:
    for shape in SHAPES:
        scale, sides, norm, grid, edge_bins = shape
        knobs = {
            "audio.sample_rate": rate_hz, "frame.n_fft": n_fft,
            "mel.bands": bands, "mel.fmin_hz": fmin_hz, "mel.fmax_hz": fmax_hz,
            "mel.scale": scale, "mel.sides": sides, "mel.norm": norm, "mel.grid": grid, "mel.edge_bins": edge_bins,
        }  # fmt: skip
        found = mel_filterbank(
            sample_rate_hz=rate_hz, n_fft=n_fft, bands=bands, fmin_hz=fmin_hz, fmax_hz=fmax_hz,
            scale=scale, sides=sides, norm=norm, grid=grid, edge_bins=edge_bins,
        )  # fmt: skip
        np.testing.assert_allclose(found, triangles({**twins.KNOBS, **knobs}), atol=1e-11, err_msg=str(shape))


def test_norms_leave_a_band_without_bins_at_zero() -> None:
    for norm in ("unit_sum", "unit_l2", "unit_max"):
        weights = mel_filterbank(sample_rate_hz=16000, n_fft=512, bands=128, fmin_hz=20.0, fmax_hz=8000.0, norm=norm)
        assert empty_bands(weights) == [3]
        assert np.isfinite(weights).all()


@pytest.mark.parametrize(("norm", "librosas"), [("unit_sum", 1), ("unit_l2", 2), ("unit_max", np.inf)])
@pytest.mark.parametrize("htk", [True, False])
def test_unit_norms_are_librosas_numbers(norm: str, librosas: float, htk: bool) -> None:
    found = mel_filterbank(
        sample_rate_hz=11025, n_fft=512, bands=20, fmin_hz=0.0, fmax_hz=5512.5,
        scale="htk" if htk else "slaney", sides="hz", norm=norm,
    )  # fmt: skip
    wanted = librosa.filters.mel(sr=11025, n_fft=512, n_mels=20, htk=htk, norm=librosas, dtype=np.float64).T
    np.testing.assert_allclose(found, wanted, atol=1e-4 if htk else 1e-12)  # HTK's 2595 is rounded


@pytest.mark.parametrize(
    ("rate_hz", "n_fft", "bands", "fmin_hz", "fmax_hz"),
    [
        (16_000, 512, 26, 0.0, None),
        (11_025, 512, 26, 0.0, None),
        (16_000, 512, 256, 20.0, 7_600.0),
        (8_000, 200, 1, 50.0, 3e3),
    ],
)
def test_sides_between_bins_are_those_of_python_speech_features(
    rate_hz: int, n_fft: int, bands: int, fmin_hz: float, fmax_hz: float | None
) -> None:
    found = mel_filterbank(
        sample_rate_hz=rate_hz, n_fft=n_fft, bands=bands, fmin_hz=fmin_hz, fmax_hz=fmax_hz or rate_hz / 2,
        sides="bin_floor",
    )  # fmt: skip
    wanted = get_filterbanks(nfilt=bands, nfft=n_fft, samplerate=rate_hz, lowfreq=fmin_hz, highfreq=fmax_hz)
    np.testing.assert_array_equal(found, wanted.T)


def test_a_band_whose_corners_all_fall_on_one_bin_is_empty() -> None:
    weights = mel_filterbank(sample_rate_hz=16000, n_fft=512, bands=80, fmin_hz=0.0, fmax_hz=8000.0, sides="bin_floor")
    assert empty_bands(weights) == [2]


# Cosine transforms


@pytest.mark.parametrize(("c0", "order"), [("first", [0, 1, 2, 3]), ("last", [1, 2, 3, 0]), ("drop", [1, 2, 3])])
def test_coefficient_0_comes_first_or_last_or_not_at_all(c0: str, order: list[int]) -> None:
    settings: dict[str, Any] = {"bands": 7, "n": 4, "dct": "htk", "lifter": 22.0}
    np.testing.assert_array_equal(cepstral_matrix(**settings, c0=c0), cepstral_matrix(**settings)[:, order])
