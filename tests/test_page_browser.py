"""A page in Chromium: it complains of nothing, fits any window, is filtered and sorted, and plays."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from browser import Browser, chromium, needs_browser
from page_stores import page_store, remember_source, source_clip

from audiofeat.page.run import write_page
from audiofeat.records import FeatureSpec
from audiofeat.store.layout import StorePaths

pytestmark = needs_browser

HOSTILE = "x</script><img src=y onerror=document.title='owned'>"
FEATURES = (
    FeatureSpec("log_mel", 80, "float32", "ln power", 100.0),
    FeatureSpec("mfcc", 13, "float32", "cepstrum of ln power", 100.0),
    FeatureSpec("spectrogram", 257, "float32", "power", 100.0),
)
SPAN = "anna/part"


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with chromium() as found:
        yield found


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> StorePaths:
    """Twenty clips: most have files, two are spans of one file, one has a key that would be a script."""
    root = tmp_path_factory.mktemp("page")
    source = root / "source 100%"
    clips: dict[str, dict[str, Any]] = {}
    for number in range(16):
        key = f"speaker{number % 4}/take {number}#ü"
        told = source_clip(source, key, seed=number, seconds=0.3 + number / 10)
        clips[key] = {**told, "rms": 0.9 / (1 + number), "clipped_share": (0.5 if number == 3 else 0.0)}
    long = source_clip(source, "anna/whole", seconds=4.0)
    clips[SPAN] = {**long, "start_seconds": 1.5, "end_seconds": 3.25, "rms": 0.95}
    clips[f"{SPAN}2"] = {**long, "start_seconds": 1.5, "end_seconds": 3.25, "rms": 0.96}
    clips[HOSTILE] = {**long, "rms": 0.0, "silent_share": 1.0}
    clips["שלום/" * 40] = {"source_digest": "e" * 64}
    for key, clip in clips.items():
        clip["source"] = clip.get("source", "gone.wav").replace("%", "%25")
        clip.setdefault("duration_seconds", 0.2 + len(key) / 50)
    failures = {
        f"broken/{number:02d}": {"reason": "input.empty" if number % 3 else "io.read", "hint": "fetch it again"}
        for number in range(12)
    }
    failures[f"{HOSTILE}2"] = {"message": HOSTILE * 4, "reason": "input.corrupt"}
    arrays = {
        key: {
            spec.name: _values(spec, n_frames=20 + 5 * number, seed=number, level=np.log(clip.get("rms", 0.1) + 1e-4))
            for spec in FEATURES
        }
        for number, (key, clip) in enumerate(sorted(clips.items()))
    }
    labels = [f"label {number % 3}" for number in range(len(clips) + len(failures))]
    features = "features={log_mel: {}, mfcc: {}, spectrogram: {}}"
    paths = page_store(
        root / "store", clips, features, features=FEATURES, arrays=arrays, failures=failures, meta={"label": labels}
    )
    remember_source(paths, source)
    return paths


def _values(spec: FeatureSpec, *, n_frames: int, seed: int, level: float) -> Any:
    values = np.random.default_rng(seed).standard_normal((n_frames, spec.dims))
    shaped = values + 6.0 + level - np.linspace(0.0, 8.0, spec.dims)
    return (np.exp(shaped) if spec.unit == "power" else shaped).astype(spec.dtype)


@pytest.fixture(scope="module")
def page(store: StorePaths) -> Path:
    out = store.root.parent / "report.html"
    write_page(store.root, out)
    return out


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("width", [1280, 768, 390])
def test_it_fits_the_window_and_nothing_lies_on_anything(browser: Browser, page: Path, width: int, theme: str) -> None:
    browser.open(page, width=width, theme=theme)
    assert browser.complaints() == []
    assert browser.driver.title == "store: audiofeat report"
    assert browser.too_wide() == []
    assert browser.overlaps() == []
    widths = browser.run("return [...document.images].map((image) => image.naturalWidth)")
    assert len(widths) > 10
    assert min(widths) > 0
    paper = browser.run("return getComputedStyle(document.body).backgroundColor")
    assert paper == {"light": "rgb(255, 255, 255)", "dark": "rgb(22, 24, 29)"}[theme]


def test_what_is_no_text_of_ours_runs_nothing(browser: Browser, page: Path) -> None:
    browser.open(page)
    assert HOSTILE in browser.find("#clips")[0].get_property("textContent")
    assert browser.run("return [...document.images].every((image) => image.src.startsWith('data:'))")
    browser.run(
        "const more = document.createElement('script'); more.text = 'document.title = 1'; document.body.append(more)"
    )
    browser.run("document.body.append(Object.assign(new Image(), { src: 'http://127.0.0.1:9/x.png' }))")
    assert browser.driver.title == "store: audiofeat report"
    refused = " ".join(browser.complaints())
    assert "script-src" in refused
    assert "img-src" in refused


def test_lists_are_filtered_by_words_and_by_kind(browser: Browser, page: Path) -> None:
    browser.open(page)
    rows = browser.find("#clips [data-item]")
    (search,), (output,) = browser.find("#clips input"), browser.find("#clips output")
    assert output.text == "20 of 20 rows"
    search.send_keys("SPEAKER1 take")
    assert output.text == "4 of 20 rows"
    assert sum(row.is_displayed() for row in rows) == 4
    search.send_keys(" nothing")
    assert output.text == "0 of 20 rows"
    (select,), (output,) = browser.find("#gallery select"), browser.find("#gallery output")
    select.send_keys("most clipped")
    assert output.text.startswith("1 of ")
    (card,) = (card for card in browser.find("#gallery figure") if card.is_displayed())
    assert "12.5 %" not in card.text
    assert "50 % clipped" in card.text
    (select,), (output,) = browser.find("#quarantine select"), browser.find("#quarantine output")
    select.send_keys("io.read")
    assert output.text == "4 of 13 rows"


def test_tables_are_sorted_from_the_keyboard(browser: Browser, page: Path) -> None:
    """Numbers as numbers, with digital silence below all, and the other way round when asked again."""
    browser.open(page)

    def column(number: int) -> list[str]:
        rows = "[...document.querySelector('#clips [data-sortable] tbody').rows]"
        cells: list[str] = browser.run(f"return {rows}.map((row) => row.cells[{number}].textContent)")
        return cells

    (level,) = (head for head in browser.find("#clips thead button") if head.text.startswith("level"))
    level.send_keys("\ue007")
    assert column(3)[0] == "\N{MINUS SIGN}\N{INFINITY}"
    levels = [float(text.replace("\N{MINUS SIGN}", "-")) for text in column(3)[1:]]
    assert levels == sorted(levels)
    assert browser.find("#clips [aria-sort=ascending]")[0].text.startswith("level")
    level.send_keys(" ")
    assert column(3)[-1] == "\N{MINUS SIGN}\N{INFINITY}"
    (key,) = (head for head in browser.find("#clips thead button") if head.text.startswith("key"))
    key.click()
    takes = [text.partition("#")[0] for text in column(0) if "speaker1" in text]
    assert takes == [f"speaker1/take {number}" for number in (1, 5, 9, 13)]


def test_a_clip_is_played_and_a_span_from_where_it_begins(browser: Browser, page: Path) -> None:
    browser.open(page)
    audios = browser.find("audio")
    assert len(audios) >= 8
    whole = next(audio for audio in audios if "take" in audio.get_attribute("src"))
    played = browser.play(whole)
    assert isinstance(played, float)
    assert played > 0.0
    span = next(audio for audio in audios if audio.get_attribute("src").endswith("whole.wav#t=1.5,3.25"))
    played = browser.play(span)
    assert isinstance(played, float)
    assert 1.5 < played <= 3.3
    assert browser.complaints() == []
    assert not [note for note in browser.find("[data-fault]") if note.is_displayed()]


def test_a_page_that_was_taken_elsewhere_says_that_it_cannot_play(browser: Browser, page: Path, tmp_path: Path) -> None:
    shutil.copy(page, tmp_path / "moved.html")
    browser.open(tmp_path / "moved.html")
    assert str(browser.play(browser.find("audio")[0])).startswith("error 4")
    assert len([note for note in browser.find("[data-fault]") if note.is_displayed()]) == 1


def test_without_its_script_a_page_shows_everything(browser: Browser, page: Path, tmp_path: Path) -> None:
    text = page.read_text("utf-8")
    start, end = text.index("<script>"), text.index("</script>", text.index("for (const audio"))
    (tmp_path / "bare.html").write_text(text[:start] + text[end + len("</script>") :], "utf-8")
    browser.open(tmp_path / "bare.html")
    assert not any(tools.is_displayed() for tools in browser.find(".tools"))
    assert all(row.is_displayed() for row in browser.find("#clips [data-item]"))
