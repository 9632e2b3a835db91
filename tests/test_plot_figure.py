"""What is drawn: axes, ranges, labels and the arrays of images; no test looks at dots."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from matplotlib import style

from audiofeat.plot.figure import FIRST_ROWS, figure_of
from audiofeat.plot.images import as_drawn
from audiofeat.plot.look import DARK, LIGHT
from audiofeat.plot.picture import picture_of
from audiofeat.plot.scales import ColumnScale, FrameTimes, numbered
from audiofeat.plot.shown import ShownClip, ShownFeature, Sound

RATE_HZ = 16_000
FEATURES = ["log_mel", "mfcc"]


@pytest.fixture(autouse=True)
def settings() -> Iterator[None]:
    with style.context(["default", LIGHT.settings()]):
        yield


def clip(title: str, *, seconds: float, level: float = 0.1) -> ShownClip:
    generator = np.random.default_rng(round(1000 * seconds))
    samples = (level * generator.uniform(-1, 1, round(seconds * RATE_HZ))).astype(np.float32)
    n_frames = round(seconds * 100)
    log_mel = generator.normal(20 * np.log10(level), 10, (n_frames, 40)).astype(np.float32)
    mfcc = generator.normal(0, 5, (n_frames, 13))
    features = {
        "log_mel": ShownFeature(log_mel, "dB", FrameTimes(0.0125, 0.01), ColumnScale("mel htk", 31.7, 2840.0)),
        "mfcc": ShownFeature(mfcc, "cepstrum of dB", FrameTimes(0.0125, 0.01), numbered(13, kind="coefficient")),
    }
    return ShownClip(title, seconds, Sound(samples, RATE_HZ), features)


def rows_of(clips: Sequence[ShownClip], features: Sequence[str] = FEATURES) -> list[list[Any]]:
    """The axes of a drawn figure, row by row, without its colour bars."""
    figure = figure_of(clips, features=features, look=LIGHT)
    axes = figure.axes[: len(clips) * (FIRST_ROWS + len(features))]
    return [axes[start : start + len(clips)] for start in range(0, len(axes), len(clips))]


def test_a_column_a_clip_and_a_row_a_feature() -> None:
    waveforms, spectra, spectrograms, log_mels, mfccs = rows_of([clip("a", seconds=0.5), clip("b", seconds=0.3)])
    assert [ax.get_title() for ax in waveforms] == ["a", "b"]
    assert [row[0].get_ylabel().split("\n")[0] for row in (waveforms, spectra, spectrograms, log_mels, mfccs)] == [
        "waveform",
        "spectrum",
        "spectrogram",
        *FEATURES,
    ]
    assert [row[0].get_ylabel().split("\n")[1] for row in (spectrograms, log_mels, mfccs)] == [
        "Hz",
        "Hz",
        "coefficient",
    ]
    assert [ax.get_ylabel() for row in (waveforms, spectra, log_mels) for ax in row[1:]] == ["", "", ""]


def test_a_feature_that_is_named_as_a_row_of_every_picture_is_told_apart() -> None:
    (*_, own, feature) = rows_of([clip("a", seconds=0.5)], features=["spectrogram"])
    assert [row[0].get_ylabel().split("\n")[0] for row in (own, feature)] == ["spectrogram", "feature spectrogram"]


def test_images_are_the_features_where_their_frames_lie() -> None:
    clips = [clip("a", seconds=0.5), clip("b", seconds=0.3)]
    *_, log_mels, mfccs = rows_of(clips)
    for name, row in (("log_mel", log_mels), ("mfcc", mfccs)):
        for ax, one in zip(row, clips, strict=True):
            (image,) = ax.images
            np.testing.assert_array_equal(image.get_array(), one.features[name].values.T)
            feature = one.features[name]
            wanted = [*feature.times.span(len(feature.values)), feature.columns.low, feature.columns.high]
            assert image.get_extent() == pytest.approx(wanted)
            assert image.origin == "lower"


def test_all_clips_share_axes_and_colours() -> None:
    quiet, loud = clip("quiet", seconds=0.5, level=0.01), clip("loud", seconds=0.8, level=0.5)
    rows = rows_of([quiet, loud])
    for row in rows:
        assert len({ax.get_xlim() for ax in row}) == 1
        assert len({ax.get_ylim() for ax in row}) == 1
    waveforms, spectra, *images = rows
    assert {row[0].get_xlim() for row in (waveforms, *images)} == {(0.0, 0.8)}
    assert waveforms[0].get_ylim() == pytest.approx((-0.525, 0.525), rel=0.01)
    assert spectra[0].get_xscale() == "log"
    assert spectra[0].get_xlim() == (20.0, 8_000.0)
    for row in images:
        assert len({ax.images[0].get_clim() for ax in row}) == 1
    values = np.concatenate([one.features["log_mel"].values.ravel() for one in (quiet, loud)])
    assert images[1][0].images[0].get_clim()[1] == values.max()


def test_levels_and_signed_values_have_maps_of_their_own() -> None:
    *_, log_mels, mfccs = rows_of([clip("a", seconds=0.2)])
    assert log_mels[0].images[0].get_cmap().name == "magma"
    assert mfccs[0].images[0].get_cmap().name == "PuOr"
    low, high = mfccs[0].images[0].get_clim()
    assert low == -high


def test_mel_axes_have_round_frequencies_and_only_the_ends_say_seconds() -> None:
    rows = rows_of([clip("a", seconds=0.2), clip("b", seconds=0.2)])
    names = [rows[3][0].yaxis.get_major_formatter()(place) for place in rows[3][0].get_yticks()]
    assert names == ["200", "500", "1k", "2k", "5k"]
    assert [row[0].get_xlabel() for row in rows] == ["seconds", "Hz", "", "", "seconds"]


def test_of_a_long_clip_frames_that_lie_on_one_dot_are_drawn_as_one(monkeypatch: pytest.MonkeyPatch) -> None:
    """Block by block, each its mean in decibels, over the same seconds; a short one is drawn as it is."""
    monkeypatch.setattr("audiofeat.plot.images._MOST_COLUMNS", 4)
    monkeypatch.setattr("audiofeat.plot.images._BLOCK_FRAMES", 5)
    values = np.array([[1.0, 10.0]] * 9 + [[100.0, 10.0]] * 2)
    long = ShownFeature(values, "power", FrameTimes(0.5, 1.0), numbered(2))
    drawn = as_drawn(long)
    np.testing.assert_allclose(drawn.values, [[0, 10], [0, 10], [0, 10], [20, 10]])
    assert drawn.times.span(len(drawn.values)) == (0.0, 12.0)
    short = as_drawn(replace(long, values=values[:4]))
    np.testing.assert_allclose(short.values, [[0, 10]] * 4)
    assert short.times == long.times


def test_a_bar_tells_the_unit_of_each_row_of_images() -> None:
    figure = figure_of([clip("a", seconds=0.2)], features=FEATURES, look=LIGHT)
    bars = figure.axes[FIRST_ROWS + len(FEATURES) :]
    assert [bar.get_ylabel() for bar in bars] == ["dB full scale", "dB", "cepstrum of dB"]


def test_what_is_not_there_is_said() -> None:
    whole = clip("a", seconds=0.2)
    silent = ShownClip("b", 0.2, None, {"log_mel": whole.features["log_mel"]}, "no sound: b.wav is gone")
    waveforms, spectra, spectrograms, _, mfccs = rows_of([whole, silent])
    for row in (waveforms, spectra, spectrograms):
        assert [text.get_text() for text in row[1].texts] == ["no sound: b.wav is gone"]
    assert [text.get_text() for text in mfccs[1].texts] == ["no mfcc"]  # of a file or of a store
    alone = rows_of([silent])
    for row in alone[:3]:
        assert not row[0].images
        assert len(row[0].get_yticks()) == 0


def test_a_clip_without_frames_or_samples_is_drawn() -> None:
    empty = ShownFeature(np.empty((0, 40), np.float32), "dB", FrameTimes(0.0, 0.01), numbered(40))
    nothing = ShownClip("a", 0.0, Sound(np.empty(0, np.float32), RATE_HZ), {"log_mel": empty})
    *_, log_mels = rows_of([nothing], ["log_mel"])
    assert [text.get_text() for text in log_mels[0].texts] == ["too short for a frame"]


def test_long_and_odd_names_stay_names() -> None:
    names = ["x" * 200 + "end", "$\\frac{a}$", "bytes \udcff", "line\nbreak"]
    waveforms, *_ = rows_of([clip(name, seconds=0.1) for name in names], ["log_mel"])
    titles = [ax.get_title() for ax in waveforms]
    assert titles[0].startswith("...")
    assert titles[0].endswith("end")
    assert titles[1:] == ["$\\frac{a}$", "bytes ?", "line?break"]
    assert not any(ax.title.get_parse_math() for ax in waveforms)


@pytest.mark.parametrize(("suffix", "begins"), [(".png", b"\x89PNG"), (".svg", b"<?xml"), (".PDF", b"%PDF")])
def test_equal_clips_give_equal_bytes(suffix: str, begins: bytes) -> None:
    clips = [clip("日本", seconds=0.1)]
    first, second = (picture_of(clips, features=[], look=DARK, suffix=suffix) for _ in range(2))
    assert first == second
    assert first.startswith(begins)
    assert b"Date" not in first or suffix != ".PDF"
