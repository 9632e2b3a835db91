"""``--memory``: what is read, what it allows, and that a run keeps to it, with the same bytes as without."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from running import audiofeat, differences

from audiofeat.config import Config, load_config
from audiofeat.engine.allowance import Allowance, allot, least_bytes, parse_memory
from audiofeat.errors import ConfigError
from audiofeat.store.rows import PROCESS_BYTES

OWN_BYTES = 130_000_000


@pytest.fixture(scope="module")
def config() -> Config:
    return load_config("kaldi-fbank80")


@pytest.mark.parametrize(
    ("text", "size_bytes"),
    [
        ("2GB", 2 * 10**9),
        ("1.5 gib", 3 * 2**29),
        ("512MiB", 2**29),
        ("1200m", 1_200_000_000),
        ("0.5T", 5 * 10**11),
        ("1000000000", 10**9),
    ],
)
def test_sizes_are_read_with_the_usual_units(text: str, size_bytes: int) -> None:
    assert parse_memory(text) == size_bytes


@pytest.mark.parametrize("text", ["", "much", "-1GB", "2 G B", "1,5GB", "1e9", "i", "5iB", "٢GB"])
def test_what_is_no_size_is_refused(text: str) -> None:
    with pytest.raises(ConfigError, match="is no size"):
        parse_memory(text)


def allowed(memory: str, config: Config, *, workers: int = 2, n_clips: int = 1000) -> Allowance:
    return allot(parse_memory(memory), config, workers=workers, device="cpu", own_bytes=OWN_BYTES, n_clips=n_clips)


def test_what_is_decoded_before_its_turn_counts_too(config: Config) -> None:
    """A lane that may hold sixteen files and what they give would have to be given 256 MB."""
    assert 16 * 10 * 16_000 * 8 < allowed("1GB", config).early_bytes < 30e6


def test_lanes_come_first_then_processes_then_rows(config: Config) -> None:
    got = [allowed(memory, config) for memory in ("1GB", "1.1GB", "2GB", "8GB")]
    assert [(each.lanes, each.processes) for each in got] == [(1, 1), (2, 1), (2, 2), (2, 2)]
    assert got[-1].row_bytes == PROCESS_BYTES
    assert all(each.row_bytes >= 25e6 for each in got)
    many = allowed("2.5GB", config, workers=64)
    assert many.processes is not None
    assert many.processes * 4 >= many.lanes > 4


def test_without_a_bound_nothing_is_held_back(config: Config) -> None:
    assert allot(None, config, workers=16, device="gpu", own_bytes=0, n_clips=1) == Allowance(16, None, PROCESS_BYTES)


def test_too_little_is_refused_with_what_would_do(config: Config) -> None:
    least = least_bytes(config, own_bytes=OWN_BYTES, n_clips=1000)
    assert 0.9e9 < least < 1e9
    with pytest.raises(ConfigError, match=r"at least 9\d\d MB") as refused:
        allowed(str(least - 1), config)
    assert allowed(refused.value.hint.split()[1], config).lanes == 1
    with pytest.raises(ConfigError, match="CPU alone"):
        allot(2 * 10**9, config, workers=1, device="gpu", own_bytes=OWN_BYTES, n_clips=1)


def test_a_run_keeps_to_it_and_its_bytes_do_not_know(clips: Path, tmp_path: Path) -> None:
    """Its one shard has some 400 MB of rows."""
    for number in range(20):
        (tmp_path / f"clips/{number}").mkdir(parents=True)
        for clip in sorted(clips.rglob("*.wav")):
            (tmp_path / f"clips/{number}" / f"{clip.parent.name}-{clip.name}").hardlink_to(clip)
    (tmp_path / "job.yaml").write_text("{extends: kaldi-fbank80, frame: {hop_samples: 16}, features: {stft: {}}}")
    free, bound = tmp_path / "free", tmp_path / "bound"
    free_bytes = peak_bytes_of(tmp_path, free)
    bound_bytes = peak_bytes_of(tmp_path, bound, "--memory", "1.2GB")
    assert differences(free, bound) == []
    assert bound_bytes <= 1.2e9 < free_bytes


def test_the_memory_of_whoever_starts_a_program_is_not_its_own() -> None:
    """As ``ru_maxrss`` would have it: a notebook that holds a data set could start no run within 2 GB."""
    held = np.ones(300_000_000, np.uint8)
    program = "from audiofeat.peak_memory import peak_rss_bytes; print(peak_rss_bytes())"
    found = subprocess.run([sys.executable, "-c", program], stdout=subprocess.PIPE, check=True).stdout
    assert 5e6 < int(found) < held.nbytes


def peak_bytes_of(folder: Path, store: Path, *options: str) -> int:
    """Of a run from the command line: this process may hold TensorFlow, which would count."""
    job = ("extract", folder / "clips", store, "--config", folder / "job.yaml", "--workers", "2", "--device", "cpu")
    done = audiofeat(*job, "--metrics", folder / "metrics.json", *options)
    assert done.code == 0, done.err
    peak_bytes: int = json.loads((folder / "metrics.json").read_text())["peak_rss_bytes"]
    return peak_bytes
