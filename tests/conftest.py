"""What several test files share: sample data, made once a run, and recordings, where there are any."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from make_sample_data import make_formats, make_sample_data

PROJECT = Path(__file__).resolve().parent.parent


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
