"""Windows, filterbanks and cosine transforms: against NumPy, librosa, tf.signal and the slow twin."""

from __future__ import annotations

import math
from collections.abc import Callable

import librosa
import numpy as np
import pytest
import reference
import tensorflow as tf
from laying import on_cpu

from audiofeat.dsp import chain as steps
from audiofeat.dsp.cepstrum import cepstral_matrix
from audiofeat.dsp.filterbank import empty_bands, hz_to_mel, mel_filterbank, mel_to_hz
from audiofeat.dsp.windows import window

LENGTHS = [2, 3, 25, 400, 401, 1024]


# Windows


@pytest.mark.parametrize("length", LENGTHS)
@pytest.mark.parametrize(("kind", "numpys"), [("hann", np.hanning), ("hamming", np.hamming), ("blackman", np.blackman)])
def test_symmetric_and_periodic_windows_are_numpys(kind: str, numpys: Callable[[int], np.ndarray], length: int) -> None:
    symmetric, periodic = window(length, kind=kind, sampling="symmetric"), window(length, kind=kind)
    np.testing.assert_allclose(symmetric, np.maximum(numpys(length), 0.0), atol=1e-15)
    np.testing.assert_allclose(periodic, np.maximum(numpys(length + 1)[:-1], 0.0), atol=1e-15)


@pytest.mark.parametrize("length", LENGTHS)
def test_tf_signals_hann_is_periodic_for_even_lengths_only(length: int) -> None:
    on_cpu()
    wanted = tf.signal.hann_window(length, dtype=tf.float64).numpy()
    np.testing.assert_allclose(window(length, kind="hann", sampling="periodic_if_even"), wanted, atol=1e-15)


def test_half_sample_windows_are_symmetric_and_never_zero() -> None:
    values = window(400, kind="hann", sampling="half_sample")
    np.testing.assert_allclose(values, values[::-1], atol=1e-15)
    np.testing.assert_allclose(values, [math.sin(math.pi * (n + 0.5) / 400) ** 2 for n in range(400)], atol=1e-15)
    assert values.min() > 0


def test_povey_is_a_power_of_hann() -> None:
    povey = window(400, kind="hann", sampling="symmetric", power=0.85)
    np.testing.assert_allclose(povey, np.hanning(400) ** 0.85, atol=1e-15)


@pytest.mark.parametrize("sampling", ["periodic", "symmetric", "periodic_if_even", "half_sample"])
def test_a_window_of_one_sample_is_one(sampling: str) -> None:
    assert window(1, kind="hann", sampling=sampling).tolist() == [1.0]


def test_a_rectangle_is_all_ones() -> None:
    assert window(5, kind="rect", power=0.5).tolist() == [1.0] * 5


def test_an_unknown_window_is_refused() -> None:
    with pytest.raises(ValueError, match="window kind 'kaiser': one of rect, sine, hann, hamming, blackman"):
        window(5, kind="kaiser")


# Filterbanks


@pytest.mark.parametrize("scale", ["htk", "slaney"])
@pytest.mark.parametrize("norm", ["none", "slaney"])
@pytest.mark.parametrize(("rate_hz", "n_fft", "bands", "fmin_hz", "fmax_hz"), [
    (22050, 2048, 128, 0.0, 11025.0),
    (16000, 400, 80, 0.0, 8000.0),
    (16000, 512, 23, 20.0, 7600.0),
    (8000, 255, 10, 300.0, 3400.0),
])  # fmt: skip
def test_sides_straight_in_hz_are_librosas(
    rate_hz: int, n_fft: int, bands: int, fmin_hz: float, fmax_hz: float, scale: str, norm: str
) -> None:
    found = mel_filterbank(
        sample_rate_hz=rate_hz, n_fft=n_fft, bands=bands, fmin_hz=fmin_hz, fmax_hz=fmax_hz,
        scale=scale, sides="hz", norm=norm,
    )  # fmt: skip
    wanted = librosa.filters.mel(
        sr=rate_hz, n_fft=n_fft, n_mels=bands, fmin=fmin_hz, fmax=fmax_hz,
        htk=scale == "htk", norm="slaney" if norm == "slaney" else None, dtype=np.float64,
    )  # fmt: skip
    np.testing.assert_allclose(found, wanted.T, atol=1e-12 if scale == "slaney" else 1e-4)  # HTK's 2595 is rounded


def test_sides_straight_in_mel_are_tf_signals() -> None:
    found = mel_filterbank(sample_rate_hz=16000, n_fft=1024, bands=80, fmin_hz=80.0, fmax_hz=7600.0)
    on_cpu()
    wanted = tf.signal.linear_to_mel_weight_matrix(80, 513, 16000, 80.0, 7600.0, dtype=tf.float64).numpy()
    np.testing.assert_allclose(found, wanted, atol=1e-12)


def test_a_filterbank_is_its_slow_twin() -> None:
    found = mel_filterbank(sample_rate_hz=16000, n_fft=512, bands=80, fmin_hz=20.0, fmax_hz=8000.0)
    wanted = reference.triangles(
        rate_hz=16000, n_fft=512, bands=80, low_hz=20, high_hz=8000,
        scale=reference.KALDI, sides_in_hz=False, unit_area=False,
    )  # fmt: skip
    np.testing.assert_allclose(found, wanted, atol=1e-13)


@pytest.mark.parametrize("scale", ["htk", "slaney"])
def test_the_mel_scales_go_there_and_back(scale: str) -> None:
    frequencies = [0.0, 1.0, 999.9, 1000.0, 1000.1, 8000.0, 22050.0]
    assert [mel_to_hz(hz_to_mel(hz, scale=scale), scale=scale) for hz in frequencies] == pytest.approx(frequencies)
    mels = [hz_to_mel(hz, scale=scale) for hz in frequencies]
    assert mels == sorted(mels)


def test_a_thousand_hz_are_a_thousand_htk_mel_and_fifteen_of_slaneys() -> None:
    assert hz_to_mel(1000.0, scale="htk") == pytest.approx(1000.0, abs=0.02)
    assert hz_to_mel(1000.0, scale="slaney") == pytest.approx(15.0)


def test_kaldis_empty_band_is_found() -> None:
    """128 bands at 512 points: Kaldi aborts on band 3, AST models live with it."""
    weights = mel_filterbank(sample_rate_hz=16000, n_fft=512, bands=128, fmin_hz=20.0, fmax_hz=8000.0)
    assert empty_bands(weights) == [3]
    assert empty_bands(mel_filterbank(sample_rate_hz=16000, n_fft=512, bands=80, fmin_hz=20.0, fmax_hz=8000.0)) == []


# Cosine transforms


def test_the_orthonormal_transform_is_orthonormal() -> None:
    matrix = cepstral_matrix(bands=40, n=40)
    np.testing.assert_allclose(matrix.T @ matrix, np.eye(40), atol=1e-13)


@pytest.mark.parametrize(
    ("dct", "scale_of"),
    [
        ("ortho", reference.orthonormal(23)),
        ("htk", lambda k: math.sqrt(2 / 23)),
        ("x2", lambda k: 2.0),
        ("x1", lambda k: 1.0),
    ],
)
def test_every_scale_is_the_slow_twins(dct: str, scale_of: Callable[[int], float]) -> None:
    rows = np.random.default_rng(3).standard_normal((5, 23))
    wanted = reference.dct(rows, n=13, scale_of=scale_of)
    np.testing.assert_allclose(rows @ cepstral_matrix(bands=23, n=13, dct=dct), wanted, atol=1e-13)


def test_librosas_lifter_counts_from_one() -> None:
    rows = np.random.default_rng(4).standard_normal((7, 40))
    wanted = librosa.feature.mfcc(S=rows.T, n_mfcc=13, lifter=22).T
    found = rows @ cepstral_matrix(bands=40, n=13, lifter=22.0, lifter_base=1)
    np.testing.assert_allclose(found, wanted, atol=1e-12)


def test_kaldis_lifter_leaves_c0_alone() -> None:
    plain, liftered = cepstral_matrix(bands=23, n=13), cepstral_matrix(bands=23, n=13, lifter=22.0)
    np.testing.assert_array_equal(liftered[:, 0], plain[:, 0])
    np.testing.assert_allclose(liftered[:, 11], 12.0 * plain[:, 11])


# Chains


def test_a_chain_is_cut_before_the_first_step_that_needs_the_clip() -> None:
    start = (steps.Spectrum(2), steps.Mel(80, 0.0, 8000.0, "htk", "mel", "none"), steps.Log(1.0, "max", 1e-10))
    assert steps.frame_part((*start, steps.Range(80.0), steps.Cepstrum(80, 13, "ortho", 0.0, 0))) == start
    assert steps.frame_part((*start, steps.Cepstrum(80, 13, "ortho", 0.0, 0))) == (
        *start,
        steps.Cepstrum(80, 13, "ortho", 0.0, 0),
    )


def test_the_columns_of_a_chain() -> None:
    spectrum, mel = steps.Spectrum(1), steps.Mel(23, 0.0, 8000.0, "htk", "mel", "none")
    cepstrum, without_c0 = (steps.Cepstrum(23, 13, "ortho", 0.0, 0, c0) for c0 in ("last", "drop"))
    energy = steps.LogEnergy("raw_frame", 1.0)
    chains: list[tuple[int, steps.Chain]] = [
        (400, (steps.Waveform(),)),
        (257, (steps.Stft("none"),)),
        (257, (spectrum,)),
        (23, (spectrum, mel, steps.Log(1.0, "max", 1.0))),
        (24, (spectrum, mel, steps.Log(1.0, "max", 1.0), steps.EnergyColumn(energy, "last"))),
        (13, (spectrum, mel, cepstrum, steps.EnergyForC0(energy))),
        (12, (spectrum, mel, without_c0)),
        (1, (energy,)),
    ]
    for wanted, chain in chains:
        assert steps.dims(chain, n_fft=512, win_samples=400) == wanted
