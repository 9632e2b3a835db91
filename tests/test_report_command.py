"""``audiofeat report``, and ``extract --report``: what is refused before anything is done, and what is written."""

from __future__ import annotations

import importlib.util
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from unittest.mock import patch

import pytest
from click.testing import CliRunner, Result
from faults.small_run import small_engine, write_source
from page_html import PageHtml
from page_stores import page_store
from running import audiofeat

from audiofeat.cli.extract import extract
from audiofeat.cli.report import report
from audiofeat.engine.standby import Standby
from audiofeat.errors import ConfigError, MissingToolError, StorageError
from audiofeat.reading.info import StoreInfo

TWO = {"a": {}, "b": {}}


@pytest.fixture
def source(tmp_path: Path) -> Iterator[Path]:
    """A folder of three files that stand for clips, and one that fails; runs go with the small engine."""
    write_source(tmp_path / "source", clips=["a", "b", "c", "bad"])
    with small_engine(), patch.object(Standby, "start", lambda *_, **__: None):
        yield tmp_path / "source"


def run_extract(source: Path, *options: str | Path) -> Result:
    arguments = [source, source.parent / "store", "-c", "kaldi-fbank80", "--device", "cpu", *options]
    return CliRunner().invoke(extract, [str(argument) for argument in arguments])


def test_the_command_writes_a_page_and_says_so(tmp_path: Path) -> None:
    """Without TensorFlow, and a file that was there is replaced."""
    page_store(tmp_path / "store", TWO, failures={"c": {}})
    out = tmp_path / "page.html"
    out.write_text("an older one")
    code = "import sys\nfrom audiofeat.cli import main\ntry: main()\nfinally: print('tensorflow' in sys.modules)"
    command = [sys.executable, "-c", code, "report", str(tmp_path / "store"), "-o", str(out)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert done.stderr == ""
    assert done.stdout.startswith(f"{out}: 2 clips, 1 failed, ")
    assert done.stdout.endswith("\nFalse\n")
    assert "All 2 clips" in PageHtml.of(out).text
    missing = audiofeat("report", tmp_path / "nowhere", "-o", out)
    assert missing.code == 10
    assert "All 2 clips" in PageHtml.of(out).text


def test_by_default_the_page_is_in_the_working_directory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    page_store(tmp_path / "store", TWO)
    monkeypatch.chdir(tmp_path)
    assert CliRunner().invoke(report, ["store"]).exit_code == 0
    assert "All 2 clips" in PageHtml.of(tmp_path / "report.html").text


@pytest.mark.parametrize(
    ("out", "message"),
    [
        ("-", r"- ends in none of \.html, \.htm"),
        ("page.png", r"in none of \.html"),
        ("nowhere/page.html", "there is no folder"),
        ("folder.html", "is a folder"),
    ],
)
def test_a_target_is_checked_before_all_else(tmp_path: Path, source: Path, out: str, message: str) -> None:
    """By ``extract`` before it starts."""
    (tmp_path / "folder.html").mkdir()
    target = "-" if out == "-" else str(tmp_path / out)
    for result in (CliRunner().invoke(report, [str(tmp_path), "-o", target]), run_extract(source, "--report", target)):
        assert isinstance(result.exception, ConfigError)
        assert result.exception.problem
        with pytest.raises(ConfigError, match=message):
            raise result.exception
    assert not (tmp_path / "store").exists()


@pytest.mark.parametrize("package", ["jinja2", "matplotlib"])
def test_without_what_draws_it_is_said_how_to_get_it(
    tmp_path: Path, source: Path, monkeypatch: pytest.MonkeyPatch, package: str
) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None if name == package else name)
    out = str(tmp_path / "page.html")
    for result in (CliRunner().invoke(report, [str(tmp_path), "-o", out]), run_extract(source, "--report", out)):
        with pytest.raises(MissingToolError, match=rf"needs {package}.*\n.*pip install 'audiofeat\[report\]'"):
            raise result.exception or AssertionError
    assert not (tmp_path / "store").exists()


@pytest.mark.parametrize("store_format", ["hdf5", "npy"])
def test_extract_writes_a_page_of_what_it_has_made(tmp_path: Path, source: Path, store_format: str) -> None:
    """With what the run took, players of the files that it read, and what to do about those that failed."""
    out = tmp_path / "page.html"
    result = run_extract(source, "--report", out, "--format", store_format)
    assert result.exit_code == 3
    page = PageHtml.of(out)
    assert "0 clips decoded, 0 reused" in page.text  # the small engine does not count
    assert sorted(page.values("audio", "src")) == ["source/a.wav", "source/b.wav", "source/c.wav"]
    assert "input.truncated" in page.text
    assert "audiofeat retry STORE" in page.text
    again = run_extract(source, "--report", out, "--format", store_format)
    assert again.exit_code == 3
    assert "0 clips decoded, 3 reused" in PageHtml.of(out).text


def test_a_page_in_the_folder_of_a_store_harms_nothing(tmp_path: Path, source: Path) -> None:
    """Neither the next runs nor the digest take notice of it."""
    store = tmp_path / "store"
    run_extract(source)
    digest, description = StoreInfo(store).digest, (store / "store.json").read_bytes()
    result = run_extract(source, "--report", store / "report.html", "--expect-digest", digest)
    assert result.exit_code == 3
    (source / "e.wav").write_bytes((source / "a.wav").read_bytes())
    run_extract(source)
    (source / "e.wav").unlink()
    assert run_extract(source, "--expect-digest", digest).exit_code == 3
    assert (store / "store.json").read_bytes() == description
    assert (store / "report.html").exists()


def test_a_page_may_go_right_into_a_store_that_is_not_made_yet(tmp_path: Path, source: Path) -> None:
    assert run_extract(source, "--report", tmp_path / "store" / "report.html").exit_code == 3
    assert "input.truncated" in PageHtml.of(tmp_path / "store" / "report.html").text


def test_a_run_is_told_of_though_its_page_cannot_be_written(tmp_path: Path, source: Path) -> None:
    """The store is as it would be."""

    def refuse(*_: object, **__: object) -> None:
        raise StorageError("cannot write it")

    with patch("audiofeat.page.run.write_page", refuse):
        result = run_extract(source, "--report", tmp_path / "page.html")
    assert isinstance(result.exception, StorageError)
    assert "failed    1 (input.truncated 1)" in result.stdout
    assert StoreInfo(tmp_path / "store").digest in result.stdout


@pytest.mark.parametrize("option", ["--report", "--metrics"])
def test_a_folder_that_nothing_can_be_written_in_is_found_before_a_run(
    tmp_path: Path, source: Path, monkeypatch: pytest.MonkeyPatch, option: str
) -> None:
    """The last clip may be hours away. Root may write anywhere, so the answer is pretended."""
    closed, access = tmp_path / "closed", os.access
    closed.mkdir()
    monkeypatch.setattr(os, "access", lambda path, mode: path != closed and access(path, mode))
    result = run_extract(source, option, closed / "a.html")
    with pytest.raises(StorageError, match="nothing can be written in "):
        raise result.exception or AssertionError
    assert not (tmp_path / "store").exists()


def test_page_and_figures_are_two_files(tmp_path: Path, source: Path) -> None:
    result = run_extract(source, "--report", tmp_path / "a.html", "--metrics", tmp_path / "." / "a.html")
    with pytest.raises(ConfigError, match="are one file"):
        raise result.exception or AssertionError
    assert not (tmp_path / "store").exists()


def test_a_part_has_no_page(tmp_path: Path, source: Path) -> None:
    result = run_extract(source, "--part", "1/2", "--report", tmp_path / "page.html")
    with pytest.raises(ConfigError, match=r"--report with --part.*\n.*audiofeat commit STORE, then audiofeat report"):
        raise result.exception or AssertionError
    assert not (tmp_path / "store").exists()


def test_the_figures_of_a_run_may_be_had_from_its_metrics(tmp_path: Path, source: Path) -> None:
    store, metrics, pages = tmp_path / "store", tmp_path / "run.json", [tmp_path / "a.html", tmp_path / "b.html"]
    run_extract(source, "--metrics", metrics, "--report", pages[0])
    arguments = [str(store), "-o", str(pages[1]), "--metrics", str(metrics)]
    assert CliRunner().invoke(report, arguments).exit_code == 0
    assert pages[0].read_bytes() == pages[1].read_bytes()
    values = json.loads(metrics.read_bytes())
    for wrong, message in (
        ({**values, "digest": "0" * 64}, "another content digest"),
        ({**values, "digest": ""}, "of a part of a run"),
        ({**values, "bound_by": {"part": "decode"}}, "no figures of a run"),
        ({**values, "wall_seconds": None}, "no figures of a run"),
        ([], "no figures of a run"),
        (None, "cannot be read"),
    ):
        metrics.write_text("{" if wrong is None else json.dumps(wrong))
        result = CliRunner().invoke(report, arguments)
        with pytest.raises(ConfigError, match=message):
            raise result.exception or AssertionError


def test_a_page_that_cannot_be_written_leaves_the_old_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise OSError(28, "No space left on device")

    page_store(tmp_path / "store", TWO)
    out = tmp_path / "page.html"
    out.write_text("an older one")
    monkeypatch.setattr("audiofeat.store.staging.commit", refuse)
    result = CliRunner().invoke(report, [str(tmp_path / "store"), "-o", str(out)])
    assert isinstance(result.exception, StorageError)
    assert out.read_text() == "an older one"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["page.html", "store"]
