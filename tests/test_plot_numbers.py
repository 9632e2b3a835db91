"""The numbers of a picture, before anything is drawn: seconds, Hz, levels and the range of shades."""

from __future__ import annotations

import numpy as np
import pytest

from audiofeat.config import load_config
from audiofeat.dsp.filterbank import hz_to_mel
from audiofeat.frontend.recipe import Recipe, recipe_of
from audiofeat.plot.scales import (
    FrameTimes,
    column_scale,
    common_scale,
    frame_times,
    hz_text,
    numbered,
    round_ticks,
)
from audiofeat.plot.shades import image_of, shades_of
from audiofeat.plot.shown import Sound
from audiofeat.plot.spectra import spectra_of
from audiofeat.records import FeatureSpec

RATE_HZ = 16_000


def only_feature(preset: str, *overrides: str) -> tuple[FeatureSpec, Recipe]:
    recipe = recipe_of(load_config(preset, overrides=overrides))
    (spec,) = recipe.feature_specs()
    return spec, recipe


def times_of(preset: str, *overrides: str) -> FrameTimes:
    spec, recipe = only_feature(preset, *overrides)
    return frame_times(spec, recipe, n_frames=10, seconds=1.0)


def test_centred_frames_begin_with_the_clip() -> None:
    assert times_of("librosa-logmel") == FrameTimes(0.0, 512 / 22_050)


def test_frames_at_the_left_have_their_middle_half_a_window_later() -> None:
    assert times_of("kaldi-fbank80") == FrameTimes(0.0125, 0.01)


def test_stacked_frames_are_further_apart() -> None:
    assert times_of("kaldi-fbank80", "stack.right=2", "stack.stride=3").step_seconds == pytest.approx(0.03)


def test_an_image_of_frames_reaches_half_a_step_beyond_their_middles() -> None:
    assert FrameTimes(0.5, 0.2).span(4) == pytest.approx((0.4, 1.2))


def test_without_a_recipe_frames_follow_the_frame_rate_or_fill_the_clip() -> None:
    assert frame_times(FeatureSpec("x", 3, "float32", "", 50.0), None, n_frames=9, seconds=9.0) == FrameTimes(
        0.01, 0.02
    )
    assert frame_times(FeatureSpec("x", 3, "float32", "", None), None, n_frames=4, seconds=2.0) == FrameTimes(0.25, 0.5)


@pytest.mark.parametrize(("preset", "scale"), [("librosa-logmel", "slaney"), ("kaldi-fbank80", "htk")])
def test_the_middle_of_each_mel_band_is_where_its_triangle_has_its_tip(preset: str, scale: str) -> None:
    spec, recipe = only_feature(preset)
    config = load_config(preset)
    columns = column_scale(spec, recipe)
    assert columns.kind == f"mel {scale}"
    low, high = (hz_to_mel(hz, scale=scale) for hz in (config.mel.fmin_hz, config.mel.fmax_hz or RATE_HZ / 2))
    if preset == "librosa-logmel":
        high = hz_to_mel(22_050 / 2, scale=scale)
    tips = np.linspace(low, high, spec.dims + 2)[1:-1]
    edges = np.linspace(columns.low, columns.high, spec.dims + 1)
    np.testing.assert_allclose((edges[1:] + edges[:-1]) / 2, tips, rtol=1e-12)


def test_what_is_not_one_kind_of_column_is_counted() -> None:
    for overrides in (["deltas.orders=2"], ["stack.right=1"], ["energy.column=first"]):
        spec, recipe = only_feature("kaldi-fbank80", *overrides)
        assert column_scale(spec, recipe) == numbered(spec.dims)
    spec, _ = only_feature("kaldi-fbank80")
    assert column_scale(spec, None) == numbered(80)


def test_cepstra_are_counted_by_their_coefficients_and_bins_are_frequencies() -> None:
    cepstra = column_scale(*only_feature("librosa-mfcc"))
    assert (cepstra.kind, cepstra.low, cepstra.high) == ("coefficient", -0.5, 19.5)
    bins = column_scale(*only_feature("librosa-stft"))
    width_hz = 22_050 / 2_048
    assert (bins.kind, bins.low, bins.high) == ("hz", -width_hz / 2, pytest.approx(22_050 / 2 + width_hz / 2))


def test_scales_of_two_kinds_become_columns() -> None:
    mel, other = column_scale(*only_feature("kaldi-fbank80")), column_scale(*only_feature("librosa-logmel"))
    assert common_scale([mel, mel], dims=[80, 80]) == [mel, mel]
    assert common_scale([mel, other], dims=[80, 128]) == [numbered(80), numbered(128)]


def test_ticks_of_a_mel_axis_are_round_and_apart() -> None:
    low, high = hz_to_mel(20.0, scale="htk"), hz_to_mel(8_000.0, scale="htk")
    ticks = round_ticks("mel htk", low, high)
    assert ticks is not None
    assert [name for _, name in ticks] == ["200", "500", "1k", "2k", "5k"]
    assert dict(ticks)[hz_to_mel(1_000.0, scale="htk")] == "1k"
    assert round_ticks("hz", 0.0, 8_000.0) is None


def test_frequencies_in_words() -> None:
    assert [hz_text(hz) for hz in (0.0, 62.5, 1_000.0, 2_500.0)] == ["0", "62.5", "1k", "2.5k"]


def test_a_sine_has_its_level_at_its_frequency_throughout() -> None:
    """0.5 is 6.02 dB below full scale; 1 kHz lies in the middle of bin 64 of 1024 at 16 kHz."""
    sine = 0.5 * np.sin(2 * np.pi * 1_000 * np.arange(RATE_HZ) / RATE_HZ).astype(np.float32)
    spectra = spectra_of(Sound(sine, RATE_HZ))
    assert spectra.bins_hz[spectra.spectrum_db.argmax()] == 1_000.0
    np.testing.assert_allclose(spectra.spectrogram_db[4:-4].max(axis=1), -6.0206, atol=1e-3)
    start, stop = spectra.times.span(len(spectra.spectrogram_db))
    assert start <= 0.0
    assert stop >= 1.0 - spectra.times.step_seconds


@pytest.mark.parametrize("n_samples", [0, 1, 300])
def test_short_clips_have_spectra_too(n_samples: int) -> None:
    spectra = spectra_of(Sound(np.zeros(n_samples, np.float32), RATE_HZ))
    assert spectra.spectrogram_db.shape[1] == len(spectra.bins_hz) == 513
    assert spectra.spectrum_db.max() == -120.0


def test_of_a_long_clip_frames_are_put_together() -> None:
    """A click in the middle stays where it is, and no frame is left out."""
    samples = np.zeros(100 * RATE_HZ, np.float32)
    samples[50 * RATE_HZ] = 1.0
    spectra = spectra_of(Sound(samples, RATE_HZ))
    assert len(spectra.spectrogram_db) <= 2_000
    start, stop = spectra.times.span(len(spectra.spectrogram_db))
    assert (start, stop) == pytest.approx((0.0, 100.0), abs=0.1)
    loud = spectra.spectrogram_db[:, 100].argmax()
    assert start + (loud + 0.5) * spectra.times.step_seconds == pytest.approx(50.0, abs=0.1)


def test_levels_reach_eighty_decibels_down_in_any_unit() -> None:
    image = np.array([[-200.0, 3.0]])
    assert (shades_of([image], "dB").low, shades_of([image], "dB").high) == (-77.0, 3.0)
    assert shades_of([image], "ln power").low == pytest.approx(3.0 - 8 * np.log(10))
    assert shades_of([image], "log10 magnitude").low == pytest.approx(3.0 - 4)
    assert shades_of([image], "log10 power * 0.25 + 1").low == -200.0
    assert shades_of([image], "dB").beyond == "min"


def test_what_swings_around_zero_has_a_range_on_both_sides() -> None:
    cepstra = shades_of([np.array([[-100.0, *range(-9, 9)]])], "cepstrum of dB")
    assert cepstra.is_signed
    assert cepstra.high == -cepstra.low < 20.0
    assert cepstra.beyond == "min"


def test_power_is_shown_in_decibels_and_all_else_as_it_is() -> None:
    np.testing.assert_allclose(image_of(np.array([[0.0, 1.0, 100.0]]), "power"), [[-300.0, 0.0, 20.0]])
    np.testing.assert_allclose(image_of(np.array([[3j, -3.0]]), "complex amplitude"), [[9.542425, 9.542425]])
    values = np.array([[1.0]], np.float32)
    assert image_of(values, "dB") is values


def test_where_there_is_nothing_there_is_a_range_all_the_same() -> None:
    for image in (np.empty((0, 3)), np.full((2, 2), np.nan), np.full((2, 2), 7.0)):
        for unit in ("dB", "cepstrum of dB"):
            shades = shades_of([image], unit)
            assert np.isfinite([shades.low, shades.high]).all()
            assert shades.low < shades.high
