"""The jobs in ``configs/``: each loads, and finds its source where the demo puts it."""

from __future__ import annotations

import csv
import os
from pathlib import Path

import pytest
from conftest import PROJECT

from audiofeat.config import load_config, resolve_features
from audiofeat.source import list_source

FILES = [*sorted((PROJECT / "configs").glob("*.yaml")), PROJECT / "configs" / "ci" / "job.yaml"]
DEMO = PROJECT / "demo"


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_a_job_reads_and_writes_in_the_demo_folder(path: Path) -> None:
    config = load_config(path)
    assert config.source is not None
    assert config.store.path is not None
    assert os.path.normpath(config.store.path) == str(DEMO / ("ci" if path.parent.name == "ci" else path.stem))
    sources = [str(DEMO / "source"), str(path.with_suffix(".csv")), str(path.with_name("clips.csv"))]
    assert os.path.normpath(config.source) in sources
    assert f"--config {path.relative_to(PROJECT)}" in path.read_text("utf-8")


def test_each_job_shows_something_else() -> None:
    configs = {path.stem: load_config(path) for path in FILES}
    assert list(configs) == ["asr-mfcc-deltas", "music-mfcc", "speech-logmel", "job"]
    shown = {name: set(resolve_features(config)) for name, config in configs.items()}
    assert shown["music-mfcc"] == {"spectrogram", "log_mel", "mfcc"}
    assert configs["job"].store.format == "npy"
    mfcc = resolve_features(configs["asr-mfcc-deltas"])["mfcc"]
    assert (mfcc.deltas.orders, mfcc.deltas.form, mfcc.cmvn.mode) == (2, "composed", "mean")


def test_the_manifest_names_files_of_the_sample_data_and_keeps_its_other_columns(sample_data: Path) -> None:
    path = PROJECT / "configs" / "asr-mfcc-deltas.csv"
    with path.open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    for row in rows:
        assert (sample_data / row["path"].removeprefix("../demo/source/")).is_file()
    config = load_config(path.with_suffix(".yaml"))
    listing = list_source(str(path), manifest=config.manifest, keep_suffix=False)
    assert [clip.key for clip in listing.clips] == sorted(row["utterance"] for row in rows)
    assert listing.meta_names == ("speaker", "text")
