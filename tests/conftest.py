"""What several test files share: sample data, made once a run, and recordings, where there are any."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from exports import odd_store
from make_sample_data import make_formats, make_sample_data
from planned import Source
from running import write_clips

from audiofeat import choice as choosing
from audiofeat.device import gpu_is_visible
from audiofeat.records import Member

PROJECT = Path(__file__).resolve().parent.parent
JOB = """\
mel: {bands: 40}
mfcc: {n: 13}
features:
  mel: {}
  log_mel: {log: {kind: db, range: 80.0}}
  mfcc: {log: {kind: db, range: 80.0}}
store: {shard_clips: 8}
"""


NO_GPU = pytest.StashKey[int]()
"""How many tests were left out because there is none."""


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    on_gpu = [item for item in items if item.get_closest_marker("gpu")]
    if on_gpu and not gpu_is_visible(os.environ):
        items[:] = [item for item in items if not item.get_closest_marker("gpu")]
        config.hook.pytest_deselected(items=on_gpu)
        config.stash[NO_GPU] = len(on_gpu)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    if NO_GPU in config.stash:
        count = config.stash[NO_GPU]
        terminalreporter.line(f"DESELECTED {count} tests marked gpu: TensorFlow sees no GPU on this machine")


@pytest.fixture(scope="session")
def sample_data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder that scripts/make_sample_data.py makes: 14 good clips and two broken ones. Not to be written to."""
    out = tmp_path_factory.mktemp("sample_data")
    make_sample_data(out)
    return out


@pytest.fixture(scope="session")
def format_files(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One file of each format that audiofeat reads, all of the same tone. Not to be written to."""
    out = tmp_path_factory.mktemp("formats")
    make_formats(out)
    return out


@pytest.fixture(scope="session")
def real_data() -> Path:
    """Recordings that the project does not ship, in the folders ``fsdd`` and ``yes_no``."""
    folder = Path(os.environ.get("AUDIOFEAT_REAL_DATA", PROJECT.parent / "shared" / "data"))
    if not folder.is_dir():
        pytest.skip(f"no recordings in {folder}; AUDIOFEAT_REAL_DATA names another folder")
    return folder


@pytest.fixture(scope="session")
def tensorflow_on_cpu() -> None:
    """TensorFlow as a worker has it: who uses it first decides for all tests of this process."""
    from laying import on_cpu

    on_cpu()


@pytest.fixture(scope="session")
def clips(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Twenty short clips of noise in two folders. Not to be written to."""
    return write_clips(tmp_path_factory.mktemp("clips"), count=20)


@pytest.fixture(scope="session")
def job(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A configuration with a feature that is complete frame by frame, and two that wait for the whole clip."""
    path = tmp_path_factory.mktemp("job") / "job.yaml"
    path.write_text(JOB)
    return path


@pytest.fixture(scope="session")
def odd_stores(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folders ``hdf5`` and ``npy``: stores of clips with odd keys and all types of number. Not to be written to."""
    out = tmp_path_factory.mktemp("odd_stores")
    for store_format in ("hdf5", "npy"):
        odd_store(out / store_format, store_format=store_format)
    return out


@pytest.fixture
def source(tmp_path: Path) -> Source:
    """A folder of three files."""
    source = Source(tmp_path)
    for key in ("a", "b", "c"):
        source.add(key, content=key.encode())
    return source


@pytest.fixture
def no_file_is_read(monkeypatch: pytest.MonkeyPatch) -> None:
    """Planning must not need the bytes of any file."""

    def refuse(path: str, member: Member | None = None, **_: object) -> str:
        raise AssertionError(f"{path} was read")

    monkeypatch.setattr(choosing, "identify", refuse)
