"""A worker is started before its run knows of work, loads TensorFlow once there is some, and ends if there is none."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from running import audiofeat, environment

from audiofeat import job as job_module
from audiofeat.config import load_config
from audiofeat.engine.standby import Standby
from audiofeat.errors import AudioFeatError
from audiofeat.job import open_job
from audiofeat.run_options import RunOptions
from audiofeat.source.peek import holds_audio

# Tells, in place of starting a process, what this one has loaded so far.
_TELL = """
import sys
from audiofeat.engine import standby

def tell(environment, *, stderr):
    heavy = {"numpy", "pydantic", "yaml", "pyarrow", "h5py", "soundfile", "tensorflow"}
    print("started with", sorted(heavy & set(sys.modules)))
    sys.exit()

standby.start_child = tell
from audiofeat.cli import main
main()
"""
_TENSORFLOW = "import os\nopen(os.environ['IMPORTED'], 'w').close()\nraise ImportError('none')\n"


def told(*arguments: str | Path) -> str:
    command = [sys.executable, "-c", _TELL, "extract", *map(str, arguments), "--config", "kaldi-fbank80"]
    return subprocess.run(command, env=environment(), capture_output=True, text=True, check=False).stdout


def test_a_worker_is_started_before_anything_heavy_is_loaded(tmp_path: Path) -> None:
    assert told(tmp_path / "missing", tmp_path / "new") == "started with []\n"


def test_none_is_started_where_the_last_run_left_all_done_or_for_a_gpu(tmp_path: Path) -> None:
    (tmp_path / "done/.state").mkdir(parents=True)
    (tmp_path / "done/.state/unchanged.json").touch()
    with Standby() as standby:
        standby.start(tmp_path / "done", device="auto")
        standby.start(tmp_path / "new", device="gpu")
        standby.start(None, device="cpu")
        assert standby.take(device="cpu") is None
    assert told(tmp_path / "missing", tmp_path / "done") == ""


def test_one_that_nobody_wants_ends_without_a_word(tmp_path: Path) -> None:
    with Standby() as standby:
        standby.start(tmp_path / "new", device="cpu")
        child = standby.take(device="cpu")
        assert standby.take(device="cpu") is None
    assert child is not None
    out, _ = child.communicate(timeout=30)
    assert (child.returncode, out) == (0, b"")


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        (["clips", "new", "--set", "mel.bans=40"], 2),
        (["clips", "taken"], 2),
        (["clips", "new", "--workers", "none"], 2),
        (["nothing", "new"], 5),
        (["missing", "new"], 2),
    ],
    ids=["config", "store", "usage", "no audio", "no source"],
)
def test_what_is_refused_never_imports_tensorflow(clips: Path, tmp_path: Path, arguments: list[str], code: int) -> None:
    (tmp_path / "tensorflow.py").write_text(_TENSORFLOW)
    (tmp_path / "nothing").mkdir()
    (tmp_path / "taken").mkdir()
    (tmp_path / "taken/thesis.txt").touch()
    source, store, *options = arguments
    source_path = clips if source == "clips" else tmp_path / source
    variables = {"PYTHONPATH": str(tmp_path), "IMPORTED": str(tmp_path / "imported")}
    command = ("extract", source_path, tmp_path / store, "--config", "kaldi-fbank80", *options)
    assert audiofeat(*command, **variables).code == code
    assert not (tmp_path / "imported").exists()


@pytest.mark.parametrize(("store", "is_told"), [("new", True), ("there", False)])
def test_tensorflow_loads_while_a_folder_is_scanned_for_a_new_store(
    clips: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, store: str, is_told: bool
) -> None:
    (tmp_path / "there").mkdir()
    events = []
    listing_of = job_module.listing_of
    monkeypatch.setattr(job_module, "listing_of", noting(events, "listed", listing_of))
    config = load_config("kaldi-fbank80", source=str(clips), store_path=str(tmp_path / store))
    open_job(config, RunOptions(), on_work=lambda: events.append("told"))
    assert events == ["told", "listed"][not is_told :]


def noting(events: list[str], name: str, function: Callable[..., object]) -> Callable[..., object]:
    def noted(*arguments: object) -> object:
        events.append(name)
        return function(*arguments)

    return noted


def test_a_folder_surely_holds_audio_once_one_file_is_seen(tmp_path: Path) -> None:
    (tmp_path / "a/b").mkdir(parents=True)
    (tmp_path / "a/notes.txt").touch()
    (tmp_path / "a/.hidden.wav").touch()
    assert not holds_audio(str(tmp_path))
    (tmp_path / "a/b/one.flac").touch()
    assert holds_audio(str(tmp_path))
    assert not holds_audio(str(tmp_path / "a/b/one.flac"))
    assert not holds_audio(str(tmp_path / "missing"))


def test_a_refused_source_is_refused_all_the_same(tmp_path: Path) -> None:
    events: list[str] = []
    config = load_config("kaldi-fbank80", source=str(tmp_path / "missing"), store_path=str(tmp_path / "new"))
    with pytest.raises(AudioFeatError, match="does not exist"):
        open_job(config, RunOptions(), on_work=lambda: events.append("told"))
    assert events == []
