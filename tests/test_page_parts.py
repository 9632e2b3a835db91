"""What a page is made of: numbers, axes, histograms, bands, pictures, and the clips that are chosen."""

from __future__ import annotations

import base64
import io
import re
import struct
import zlib
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from matplotlib.image import imread
from page_stores import page_store
from store_suite import random_arrays

from audiofeat.page import pictures as drawing
from audiofeat.page.axis import Axis
from audiofeat.page.bands import bands_of
from audiofeat.page.clips import Clips
from audiofeat.page.extremes import KINDS, RANDOM, chosen
from audiofeat.page.histograms import Histogram, histogram_of
from audiofeat.page.numbers import cut, round_step, short
from audiofeat.page.pictures import MOST_HEIGHT, MOST_WIDTH, drawn_feature, pictures_of
from audiofeat.page.png import png_address
from audiofeat.page.run import write_page
from audiofeat.plot.scales import ColumnScale, numbered
from audiofeat.reading.store import Store
from audiofeat.records import FeatureSpec
from audiofeat.stats import Statistics

STYLE = Path(drawing.__file__).parent / "templates" / "style.css"


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0.0, "0"),
        (-0.0, "0"),
        (0.25, "0.25"),
        (-12.345, "-12.3"),
        (999.4, "999"),
        (999.7, "1,000"),
        (12_345.6, "12,346"),
        (250_000.0, "250k"),
        (1.5e6, "1.5M"),
        (3e9, "3G"),
        (1e-4, "1.00e-04"),
        (-np.inf, "-\N{INFINITY}"),
    ],
)
def test_numbers_are_short(value: float, text: str) -> None:
    assert short(value).replace("\N{MINUS SIGN}", "-") == text


def test_a_text_that_is_too_long_keeps_both_ends() -> None:
    assert cut("abc", most=3) == "abc"
    assert cut("0123456789", most=7) == "012…789"
    assert cut("a\x1b[2Jb", most=20) == "a\\x1b[2Jb"


@pytest.mark.parametrize("low", [-1e6, -3.7, 0.0, 1e-9, 12.0])
@pytest.mark.parametrize("span", [1e-9, 0.3, 7.0, 99.0, 1e12])
def test_ticks_are_few_and_on_the_axis(low: float, span: float) -> None:
    for most in (2, 4, 6):
        assert span / round_step(span, most=most) <= most + 1e-9
        ticks = Axis(low, low + span).ticks(most=most)
        assert len(ticks) <= most + 1
        assert all(-1e-6 <= tick.place <= 1 + 1e-6 for tick in ticks)


@pytest.mark.parametrize(
    ("low", "high", "texts"),
    [
        (0.1, 9.0, ["0.1", "0.2", "0.5", "1", "2", "5"]),
        (0.1, 3e4, ["0.1", "1", "10", "100", "1,000", "10,000"]),
        (1e-8, 1e8, ["1.00e-08", "1.00e-05", "0.01", "10", "10,000", "10M"]),
    ],
)
def test_a_logarithmic_axis_has_round_ticks(low: float, high: float, texts: list[str]) -> None:
    ticks = Axis(low, high, is_logarithmic=True).ticks()
    assert [tick.text.replace("\N{MINUS SIGN}", "-") for tick in ticks] == texts


def histogram(values: list[float], **options: Any) -> Histogram:
    return histogram_of(np.array(values, np.float64), title="Length", unit="s", **options)


def test_every_clip_is_in_a_bar_or_in_a_note() -> None:
    found = histogram([-np.inf, 0.0, 0.0, 1.0, 2.0, 3.0, 4.0], off_axis="silent", at_zero="none")
    assert found.notes == ("1 of 7 clips: silent", "2 of 7 clips: none")
    assert sum(int(bar.text.rpartition(" ")[2]) for bar in found.bars) == 4
    assert dict(found.figures)["mean"] == "2.5"
    assert (found.bars[0].start, found.bars[-1].stop) == (0.0, 1.0)
    assert max(bar.height for bar in found.bars) == 1.0


def test_lengths_of_many_orders_are_logarithmic_and_few_clips_have_few_bars() -> None:
    lengths = [0.1] * 900 + [36_000.0]
    found = histogram(lengths)
    assert [bar.text.rpartition(" ")[2] for bar in found.bars] == ["900", "1"]
    assert found.ticks[0].text == "0.1"
    assert len(histogram([1.0, 2.0]).bars) == 2
    assert len(histogram([1.0, np.nextafter(1.0, 2.0)] * 400).bars) == 2
    assert histogram([]).notes == ("no clips",)


def heights(found: Histogram) -> list[str]:
    return [bar.text.rpartition(" ")[2] for bar in found.bars]


def test_a_bar_of_counts_has_as_many_of_them_as_it_is_wide() -> None:
    """As many clips of 3 to 36 frames each: no bar is empty, and none is of two counts beside such of one."""
    few = histogram([float(count) for count in range(3, 37) for _ in range(300)], is_count=True)
    assert heights(few) == ["300"] * 34
    assert few.bars[0].text == "3 s: 300"
    many = histogram([float(count) for count in range(100, 400) for _ in range(30)], is_count=True)
    assert set(heights(many)[:-1]) == {"240"}
    assert many.bars[0].text == "100 to 107 s: 240"
    assert (many.bars[0].start, many.bars[-1].stop) == (0.0, 1.0)
    wide = histogram([float(count) for count in range(1, 2001)], is_count=True)
    assert sum(int(height) for height in heights(wide)) == 2000
    assert wide.bars[0].text == "1 s: 1"
    assert wide.bars[-1].text.startswith(f"{wide.bars[-1].text.split()[0]} to 2,000 s")


def test_equal_values_are_one_bar_in_the_middle_that_tells_no_other_value() -> None:
    """A clip is not up to 110 % silent."""
    found = histogram([100.0] * 3)
    (bar,) = found.bars
    assert (bar.start + bar.stop) / 2 == 0.5
    assert bar.text == "100 s: 3"
    assert [(tick.place, tick.text) for tick in found.ticks] == [(0.5, "100")]


def statistics(mean: list[float], variance: list[float], *, n_frames: int = 10) -> Statistics:
    return Statistics(n_frames, np.array(mean, np.float64), np.array(variance, np.float64))


def test_bands_show_the_mean_and_a_deviation_on_both_sides() -> None:
    spec = FeatureSpec("log_mel", 3, "float32", "dB", 100.0)
    found = bands_of(spec, statistics([0.0, 10.0, 20.0], [4.0, 0.0, 4.0]), ColumnScale("mel htk", 300.0, 2_800.0))
    assert [x for x, _ in found.line] == [1 / 6, 0.5, 5 / 6]
    assert [x for x, _ in found.outline] == [1 / 6, 0.5, 5 / 6, 5 / 6, 0.5, 1 / 6]
    above, below = found.outline[0][1], found.outline[-1][1]
    assert above > found.line[0][1] > below > 0.0
    assert found.label == "Hz"
    assert {"500", "1k"} <= {tick.text for tick in found.ticks}
    assert found.notes == ("constant: column 1, counted from 0",)


def test_bands_of_odd_features() -> None:
    wide = FeatureSpec("stft", 2_000, "complex64", "complex amplitude", None)
    found = bands_of(wide, statistics([1.0] * 2_000, [1.0] * 2_000), numbered(2_000))
    assert len(found.line) == 500
    assert found.notes == ("complex: the figures are of the magnitudes", "one column of 4 is drawn")
    assert "each clip's own frame rate" in found.about
    one = bands_of(FeatureSpec("x", 1, "float64", "dB", 1.0), statistics([-5.0], [4.0]), numbered(1))
    assert (one.line, one.figures) == ((), (("mean", "\N{MINUS SIGN}5"), ("deviation", "2")))
    flat = bands_of(FeatureSpec("x", 2, "float64", "dB", 1.0), statistics([1e9, 1e9], [0.0, 0.0]), numbered(2))
    assert all(0.0 < y < 1.0 for _, y in flat.line)
    none = bands_of(wide, statistics([0.0] * 2_000, [0.0] * 2_000, n_frames=0), numbered(2_000))
    assert none.notes == ("no frames",)


def decoded(address: str) -> npt.NDArray[np.uint8]:
    """The dots of a picture, read as the standard says."""
    content = base64.b64decode(address.removeprefix("data:image/png;base64,"))
    chunks, place = {}, 8
    while place < len(content):
        (size,) = struct.unpack_from(">I", content, place)
        kind, data = content[place + 4 : place + 8], content[place + 8 : place + 8 + size]
        assert struct.unpack_from(">I", content, place + 8 + size) == (zlib.crc32(kind + data),)
        chunks[kind] = data
        place += 12 + size
    width, height = struct.unpack_from(">2I", chunks[b"IHDR"])
    rows = np.frombuffer(zlib.decompress(chunks[b"IDAT"]), np.uint8).reshape(height, 1 + width)
    assert not rows[:, 0].any()
    return rows[:, 1:]


def test_a_picture_is_what_any_reader_of_png_finds() -> None:
    dots = np.random.default_rng(3).integers(0, 256, (5, 9), np.uint8)
    colours = np.random.default_rng(4).integers(0, 256, (256, 3), np.uint8)
    address = png_address(dots, colours)
    np.testing.assert_array_equal(decoded(address), dots)
    found = imread(io.BytesIO(base64.b64decode(address.partition(",")[2])))
    np.testing.assert_allclose(found[..., :3] * 255, colours[dots], atol=1e-3)


def one_clip(root: Path, values: npt.NDArray[Any], spec: FeatureSpec) -> Store:
    paths = page_store(root, {"a": {}}, features=[spec], arrays={"a": {spec.name: values}})
    return Store(paths.root)


@pytest.mark.parametrize("read_bytes", [drawing._READ_BYTES, 1])
def test_a_long_and_wide_clip_is_a_small_picture_that_still_shows_its_loudest_dot(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, read_bytes: int
) -> None:
    """Of a very long one, of which only a part is read, only what lies in that part."""
    monkeypatch.setattr(drawing, "_READ_BYTES", read_bytes)
    spec = FeatureSpec("spectrogram", 300, "float32", "power", 100.0)
    values = np.full((1_280, 300), 1e-3, np.float32)
    values[1_000, 0] = 1.0  # at the bottom, where the 400th of 512 columns begins
    values[1_001, 299] = 1.0
    with one_clip(tmp_path / "store", values, spec) as store:
        dots = decoded(pictures_of(store, [0], spec).addresses[0])
    assert dots.shape == (MOST_HEIGHT, MOST_WIDTH)
    assert (dots[-1, 400], dots[0, 400]) == (255, 255 if read_bytes > 1 else 0)
    assert np.count_nonzero(dots) == (2 if read_bytes > 1 else 1)


def test_what_swings_around_zero_shows_its_mean(tmp_path: Path) -> None:
    spec = FeatureSpec("mfcc", 2, "float32", "cepstrum of dB", 100.0)
    values = np.tile(np.array([[-3.0, 1.0], [3.0, 1.0]], np.float32), (MOST_WIDTH, 1))
    with one_clip(tmp_path / "store", values, spec) as store:
        pictures = pictures_of(store, [0], spec)
    dots = decoded(pictures.addresses[0])
    assert pictures.low == -pictures.high
    assert set(dots[1].tolist()) == {128}
    assert set(dots[0].tolist()) == {255}


def test_a_waveform_is_an_outline(tmp_path: Path) -> None:
    spec = FeatureSpec("waveform", 50, "float32", "amplitude", 100.0)
    values = np.zeros((20, 50), np.float32)
    values[10:] = np.linspace(-0.5, 0.5, 50)
    with one_clip(tmp_path / "store", values, spec) as store:
        dots = decoded(pictures_of(store, [0], spec).addresses[0])
    assert dots.shape == (MOST_HEIGHT, 20)
    assert len(set(dots[:, 0].tolist())) == 1
    assert dots[0, 15] > dots[0, 0] > dots[-1, 15]


def test_the_feature_that_is_drawn_is_most_like_a_spectrogram() -> None:
    def spec(name: str) -> FeatureSpec:
        return FeatureSpec(name, 1, "float32", "dB", 1.0)

    assert drawn_feature([spec("waveform"), spec("mfcc"), spec("mel")]).name == "mel"
    assert drawn_feature([spec("something")]).name == "something"


def test_the_clips_that_stand_out_follow_from_the_manifest_alone(tmp_path: Path) -> None:
    """Of equal ones the first; clips without a clipped sample are not among the most clipped."""
    levels = [0.3, 0.1, 0.1, 0.9, 0.0]
    paths = page_store(tmp_path / "store", {f"{n}": {"rms": rms} for n, rms in enumerate(levels)})
    clips = Clips.of(Store(paths.root).manifest)
    kinds = {kind.name: kind for kind in KINDS}
    assert kinds["loudest"].best(clips, most=2) == [3, 0]
    assert kinds["quietest"].best(clips, most=2) == [4, 1]
    assert kinds["most clipped"].best(clips, most=2) == []
    first, second = (chosen(clips, of_each=1, n_random=2) for _ in range(2))
    assert first == second
    assert sum(RANDOM in names for names in first.values()) == 2
    assert first[3] == tuple(name for name in (RANDOM, "loudest") if name in first[3])


def luminance(colour: str) -> float:
    """Relative, as WCAG 2 defines it."""
    shares = [int(colour[place : place + 2], 16) / 255 for place in (1, 3, 5)]
    red, green, blue = (share / 12.92 if share <= 0.04045 else ((share + 0.055) / 1.055) ** 2.4 for share in shares)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def test_text_stands_out_from_its_ground_in_the_light_and_in_the_dark() -> None:
    """4.5 to 1, as WCAG 2 wants it (AA); for charts 3 to 1."""
    themes = re.findall(r":root \{(.*?)\}", STYLE.read_text(), re.DOTALL)
    assert len(themes) == 2
    for theme in themes:
        light = {name: luminance(colour) for name, colour in re.findall(r"--(\w+): (#\w{6})", theme)}
        for ink, least in (("ink", 4.5), ("faint", 4.5), ("line", 4.5)):
            for paper in ("paper", "card"):
                above, below = sorted((light[ink], light[paper]), reverse=True)
                assert (above + 0.05) / (below + 0.05) >= least, (theme, ink, paper)


def test_features_of_a_gallery_are_read_once_a_clip(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """However large the store: only what is drawn is read, and of it one feature."""
    count = 60
    clips = {f"{n:03d}": {"source_digest": f"{n:064d}", "rms": 0.1 + n / 100} for n in range(count)}
    paths = page_store(tmp_path / "store", clips, arrays={key: random_arrays(3, seed=1) for key in clips})
    read: list[tuple[int, str]] = []
    read_at = Store.read_at
    monkeypatch.setattr(Store, "read_at", lambda store, *args: read.append(args[:2]) or read_at(store, *args))
    write_page(paths.root, tmp_path / "page.html")
    assert len(read) == len(set(read)) <= 8 + 4 * len(KINDS)
    assert {name for _, name in read} == {"log_mel"}
