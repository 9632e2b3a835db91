"""Pages of all kinds of stores, as HTML: what is told, what is escaped, what is left out; no browser is needed."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner
from page_html import PageHtml
from page_stores import page_store, remember_source, source_clip
from store_suite import ALL_TYPES, ODD_KEYS

from audiofeat.cli.manifest import manifest
from audiofeat.cli.verify import verify
from audiofeat.errors import ConfigError, DamageError, NoStoreError
from audiofeat.page.clips import MOST_KEY_LETTERS
from audiofeat.page.run import write_page
from audiofeat.records import FeatureSpec

HOSTILE = "</script><img src=x onerror=alert(1)>"
LOUD = {"peak": 1.0, "rms": 0.5, "clipped_share": 0.125}
SILENT = {"peak": 0.0, "rms": 0.0, "silent_share": 1.0}


def page_of(store: Path, **options: Any) -> PageHtml:
    out = store.parent / "page.html"
    write_page(store, out, **options)
    return PageHtml.of(out)


def with_digests(*keys: str, **values: Any) -> dict[str, dict[str, Any]]:
    """Clips that are no copies of each other."""
    return {key: {"source_digest": f"{number:064d}", **values} for number, key in enumerate(keys)}


@pytest.mark.parametrize("store_format", ["hdf5", "npy"])
def test_a_store_of_all_kinds_of_keys_and_numbers(tmp_path: Path, store_format: str) -> None:
    """Complex values and half floats too; the page is that of any other store of the same clips."""
    clips = with_digests(*ODD_KEYS)
    page_store(tmp_path / "store", clips, features=ALL_TYPES, store_format=store_format)
    page = page_of(tmp_path / "store")
    for key in ODD_KEYS:
        assert key in page.text or len(key) > MOST_KEY_LETTERS, key
    assert f"All {len(ODD_KEYS)} clips of the store" in page.text
    for spec in ALL_TYPES:
        assert f"{spec.name}\n{spec.dims} columns of {spec.dtype}, {spec.unit}" in page.text
    assert "complex: the figures are of the magnitudes" in page.text
    assert len(page.values("svg", "aria-label")) == 4 + len(ALL_TYPES)  # nothing is clipped
    pictures = [address for address in page.values("img", "src") if address.startswith("data:image/png;base64,")]
    assert len(pictures) == len(page.values("img", "alt")) == 1 + len(page.values("figure", "data-kinds"))


def test_headings_go_down_one_step_at_a_time_and_the_page_has_what_readers_need(tmp_path: Path) -> None:
    page_store(tmp_path / "store", with_digests("a", "b"), failures={"c": {}})
    page = page_of(tmp_path / "store")
    assert page.headings[0] == 1
    assert page.headings.count(1) == 1
    assert max(np.diff(page.headings)) == 1
    assert page.values("html", "lang") == ["en"]
    assert "width=device-width, initial-scale=1" in page.values("meta", "content")
    assert all(page.values("img", "alt"))
    assert set(page.values("th", "scope")) == {"col", "row"}


def test_what_comes_from_outside_is_text_and_nothing_else(tmp_path: Path) -> None:
    """Keys, messages, reasons, labels and the store's own name; what would turn the writing round is made visible."""
    store = tmp_path / "<b>name"
    page_store(
        store,
        with_digests(HOSTILE, "\u202egnp", "\u05e9\u05dc\u05d5\u05dd/\u200c\u0645", "long/" * 200),
        failures={f"{HOSTILE}2": {"reason": HOSTILE, "message": HOSTILE, "hint": HOSTILE}},
        meta={"says nothing": ["", None, "", None, ""], HOSTILE: [HOSTILE, 1, None, True, 0.5]},
    )
    page = page_of(store)
    assert not {"b", "i"} & {name for name, _ in page.elements}
    assert not [values for _, values in page.elements if any(name.startswith("on") for name in values)]
    assert all(address.startswith("data:") for address in page.values("img", "src"))
    assert len([name for name, _ in page.elements if name == "script"]) == 1
    assert page.text.count(HOSTILE) >= 8
    assert "<b>name" in page.text
    assert "says nothing" not in page.text
    assert "\\u202egnp" in page.text
    assert "\u05e9\u05dc\u05d5\u05dd/\u200c\u0645" in page.text
    assert f"{('long/' * 12)[:59]}…{('long/' * 12)}" in page.text


def test_the_policy_allows_this_style_and_this_script_and_no_network(tmp_path: Path) -> None:
    page_store(tmp_path / "store", with_digests("a"))
    page = page_of(tmp_path / "store")
    (policy,) = page.values("meta", "content")[:1]
    rules = dict(rule.strip().partition(" ")[::2] for rule in policy.split(";"))
    assert rules["default-src"] == "'none'"
    assert rules["media-src"] == "'self' file:"
    assert re.fullmatch(r"'sha256-[\w+/]{43}='", rules["script-src"])
    assert not [name for name, values in page.elements if "style" in values]
    links = {values.get("href", values.get("src", "#")) for _, values in page.elements}
    assert {link.partition(":")[0] for link in links if not link.startswith("#")} == {"data"}


def test_equal_stores_have_equal_pages(tmp_path: Path) -> None:
    pages = []
    for place in ("one", "two"):
        source = tmp_path / place / "source"
        clips = {key: source_clip(source, key) for key in ("a", "b")}
        remember_source(page_store(tmp_path / place / "store", clips), source)
        pages.append(tmp_path / place / "page.html")
        write_page(tmp_path / place / "store", pages[-1])
    assert pages[0].read_bytes() == pages[1].read_bytes()
    assert str(tmp_path) not in pages[0].read_text()


def test_a_store_without_clips(tmp_path: Path) -> None:
    page_store(tmp_path / "store", {}, failures={"a": {}, "b": {}})
    page = page_of(tmp_path / "store")
    assert page.text.count("The store holds no clips.") == 2
    assert page.text.count("no clips") >= 5
    assert "no frames" in page.text
    assert page.text.count("input.truncated") >= 3


def test_one_clip(tmp_path: Path) -> None:
    page_store(tmp_path / "store", with_digests("only"))
    page = page_of(tmp_path / "store")
    assert "All 1 clip of the store" in page.text
    assert not re.search(r"^1 clips", page.text, re.MULTILINE)
    assert "random, shortest, longest, loudest, quietest, most silent" in page.text
    assert "Nothing failed." in page.text
    assert "No two clips are made of the same bytes" in page.text


def test_silence_is_told_and_sorted_below_all(tmp_path: Path) -> None:
    clips = with_digests("a", "b", "c")
    clips["a"] |= SILENT
    clips["b"] |= LOUD
    page_store(tmp_path / "store", clips)
    page = page_of(tmp_path / "store")
    assert "1 of 3 clips: digital silence" in page.text
    assert "2 of 3 clips: no sample clipped" in page.text
    assert "-inf" in page.values("td", "data-value")
    assert "\N{MINUS SIGN}\N{INFINITY} dB, 0 % clipped, 100 % silent" in page.text
    assert "\N{MINUS SIGN}6.02 dB, 12.5 % clipped" in page.text


def test_a_failed_clip_says_what_to_do(tmp_path: Path) -> None:
    failures = {
        "a": {"reason": "input.empty", "message": "0 bytes", "hint": "fetch it again"},
        "b": {"reason": "io.read", "message": "no answer"},
        "c": {"reason": "select.too-short", "message": "0.1 s", "hint": ""},
        "d": {"reason": "io.read", "message": "no answer"},
    }
    page_store(tmp_path / "store", with_digests("e"), failures=failures)
    text = re.sub(r"\s+", " ", page_of(tmp_path / "store").text)
    assert "io.read 2 2 failed input.empty 1 1 failed select.too-short 1 1 left out, as the configuration says" in text
    assert "fetch it again" in text
    assert text.count("audiofeat retry STORE") == 3  # where nothing better is known
    assert "failed 3" in text


def test_of_many_failures_the_rest_is_told_of_a_reason_that_has_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And the command that the page names finds them all."""
    monkeypatch.setattr("audiofeat.page.quarantine._MOST_OF_A_REASON", 3)
    monkeypatch.setattr("audiofeat.page.quarantine._MOST_LINES", 5)
    failures = {f"{n}": {"reason": "io.read" if n < 3 else "select.too-short"} for n in range(7)}
    paths = page_store(tmp_path / "store", {}, failures=failures)
    text = page_of(paths.root).text
    command = next(line for line in text.splitlines() if line.startswith("grep"))
    assert "select.too-short" in command
    done = subprocess.run(command.replace("STORE", str(paths.root)), shell=True, capture_output=True, check=True)
    assert len(done.stdout.splitlines()) == 4
    assert re.search(r"select.too-short 4 2 ", re.sub(r"\s+", " ", text))


def test_copies_are_found_by_bytes_and_span(tmp_path: Path) -> None:
    span = {"start_seconds": 1.0, "end_seconds": 2.0}
    clips = {"a": {}, "b": {}, "c": {"source_digest": "c" * 64}, "d": span, "e": span, "f": {**span, "channel": 1}}
    page_store(tmp_path / "store", clips)
    text = re.sub(r"\s+", " ", page_of(tmp_path / "store").text)
    assert "4 clips are made of the same bytes, span and channel as others, in 2 groups." in text
    assert "2 a, b" in text
    assert "2 d, e" in text


def test_of_many_clips_those_that_stand_out_are_listed_and_the_rest_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And the commands that the page names for the rest list what it says."""
    monkeypatch.setattr("audiofeat.page.rows.MOST_ROWS", 39)
    monkeypatch.setattr("audiofeat.page.rows._OF_EACH", 5)
    clips = with_digests(*(f"{number:02d}" for number in range(40)))
    for number, clip in enumerate(clips.values()):
        clip["rms"] = 0.1 + (number * 7 % 40) / 100
    clips["07"]["clipped_share"] = 0.5
    spec = FeatureSpec("energy", 1, "float32", "ln power", 100.0)
    arrays = {key: {"energy": np.full((1 + int(key) % 3, 1), -5.0, np.float32)} for key in clips}
    page_store(tmp_path / "store", clips, features=[spec], arrays=arrays)
    page = page_of(tmp_path / "store")
    assert "of 40 clips are here, those that stand out most" in page.text
    told = re.findall(r'(\d+) audiofeat manifest STORE --where "(.*?)"', page.text)
    assert [where.rpartition(" ")[0] for _, where in told] == [
        "duration_seconds <=",
        "duration_seconds >=",
        "rms >=",
        "rms <=",
        "clipped_share >=",
        "silent_share >=",
    ]
    for count, where in told:
        listed = CliRunner().invoke(manifest, [str(tmp_path / "store"), "--columns", "key", "--where", where])
        assert len(listed.output.splitlines()) == 1 + int(count), where
    kinds = [each for each in page.values("tr", "data-kinds") if each]
    assert sum("loudest" in each.split("|") for each in kinds) == 5
    assert sum("most clipped" in each.split("|") for each in kinds) == 1
    assert "1 column of float32, ln power, 100 frames/s" in page.text
    assert "every column holds one value throughout" in page.text


def test_what_a_run_took_is_told_where_it_is_known(tmp_path: Path) -> None:
    paths = page_store(tmp_path / "store", with_digests("a"))
    assert "What the run took is not in a store." in page_of(paths.root).text
    seconds = {f"{name}_seconds": 1.0 for name in ("decode", "compute", "write", "copy", "start_up")}
    numbers = {"decoded": 20, "reused": 3, "workers": 2, "cores": 2, "peak_rss_bytes": 3e8, "x_real_time": 1234.5}
    metrics = {"digest": "", "device": "cpu", "wall_seconds": 10.0, **seconds, **numbers, "bound_by": None}
    text = page_of(paths.root, metrics=metrics).text
    assert "20 clips decoded, 3 reused" in text
    alone = page_of(paths.root, metrics={**metrics, "decoded": 1, "workers": 1, "cores": 1}).text
    assert "1 clip decoded" in alone
    assert "1 lane, 1 core, cpu" in alone
    assert "1,234 × real time, 2 clips a second" in text


def test_a_store_that_cannot_be_read(tmp_path: Path) -> None:
    paths = page_store(tmp_path / "store", with_digests("a"), failures={"b": {}})
    out = tmp_path / "page.html"
    with pytest.raises(NoStoreError):
        write_page(tmp_path / "nowhere", out)
    for path in (paths.quarantine, paths.manifest, *paths.shards.iterdir()):
        kept = path.read_bytes()
        path.write_bytes(kept[:-20])
        with pytest.raises(DamageError, match="audiofeat repair"):
            write_page(paths.root, out)
        path.write_bytes(kept)
    assert not out.exists()
    write_page(paths.root, out)
    assert [path.name for path in tmp_path.iterdir() if path.name.startswith(".")] == []


def test_a_page_lies_beside_a_store_or_right_in_it_but_not_among_its_shards(tmp_path: Path) -> None:
    paths = page_store(tmp_path / "store", with_digests("a"), store_format="npy")
    write_page(paths.root, paths.root / "report.html")
    checked = CliRunner().invoke(verify, [str(paths.root)])
    assert (checked.exit_code, "report.html" in checked.output) == (0, False)
    for folder in (paths.shards, paths.root / "log_mel", paths.state):
        with pytest.raises(ConfigError, match="among the files of the store"):
            write_page(paths.root, folder / "report.html")
    shutil.rmtree(paths.state)
    assert "does not remember its source" in page_of(paths.root).text
