"""``export-frontend`` writes all or nothing, and says why; nothing is computed here."""

from __future__ import annotations

import json
import os
import signal
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from laying import config_of, on_cpu

from audiofeat.cli import cli
from audiofeat.config import load_config
from audiofeat.errors import ConfigError, Interrupted, StorageError

CONFIG = load_config(config_of({}, "log_mel"))


@pytest.fixture(autouse=True)
def _no_model_is_written(monkeypatch: pytest.MonkeyPatch) -> None:
    on_cpu()
    monkeypatch.setattr("audiofeat.serving.export._write_saved_model", _a_file)
    monkeypatch.setattr("audiofeat.frontend.program.use_device", lambda device: None)  # once a process


def _a_file(frontend: Any, folder: Path) -> None:
    (folder / "saved_model.pb").write_bytes(b"model")


def export(folder: Path, **settings: Any) -> None:
    from audiofeat.serving.export import export_frontend

    export_frontend(CONFIG, folder, **{"to": "savedmodel", **settings})


def test_a_folder_that_is_free_is_filled(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "empty")
    for name, place in (("link", "empty"), ("new/deep", "new/deep")):
        export(tmp_path / name)
        assert json.loads((tmp_path / place / "frontend.json").read_text())["sample_rate_hz"] == 16_000
        assert (tmp_path / place).stat().st_mode & 0o777 == 0o777 & ~_umask()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["empty", "link", "new"]


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask


def test_what_is_in_the_way_stays_and_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").write_text("mine")
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "mine").touch()
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    for name in ("file", "full"):
        with pytest.raises(ConfigError, match=f"{name} exists and is not an empty folder"):
            export(tmp_path / name)
    with pytest.raises(ConfigError, match="where you stand"):
        export(Path())
    with pytest.raises(StorageError, match="file"):
        export(tmp_path / "file" / "below")
    assert sorted(path.name for path in tmp_path.rglob("*")) == ["file", "full", "here", "mine"]


def test_whatever_goes_wrong_nothing_is_left(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import tensorflow as tf

    failures: list[tuple[BaseException, type[BaseException]]] = [
        (OSError(28, "No space left on device"), StorageError),
        (tf.errors.ResourceExhaustedError(None, None, "No space left on device"), StorageError),
        (KeyboardInterrupt(), KeyboardInterrupt),
    ]
    for failure, told in failures:

        def half(frontend: Any, folder: Path, failure: BaseException = failure) -> None:
            _a_file(frontend, folder)
            raise failure

        monkeypatch.setattr("audiofeat.serving.export._write_saved_model", half)
        with pytest.raises(told, match="No space left" if told is StorageError else None):
            export(tmp_path / "model")
        assert list(tmp_path.iterdir()) == []


def test_a_signal_ends_it_before_the_model_appears(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def stopped(frontend: Any, folder: Path) -> None:
        _a_file(frontend, folder)
        os.kill(os.getpid(), signal.SIGTERM)

    monkeypatch.setattr("audiofeat.serving.export._write_saved_model", stopped)
    command = ["export-frontend", "kaldi-fbank80", "--to", "savedmodel", "-o", str(tmp_path / "model")]
    done = CliRunner().invoke(cli, command)
    assert isinstance(done.exception, Interrupted)
    assert done.exception.signal_number == signal.SIGTERM
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"to": "tflite", "arithmetic": "xla"}, "TFLite has only its own"),
        ({"sample_rate_hz": 8_000}, "does not resample"),
    ],
)
def test_settings_that_do_not_go_together_are_refused(tmp_path: Path, settings: Any, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        export(tmp_path / "model", **settings)
    assert list(tmp_path.iterdir()) == []
