"""The benchmark's own arithmetic, on made-up runs: slopes, ratios within a turn, tables, corpora."""

from __future__ import annotations

import itertools
from pathlib import Path

import bench_environments
import bench_peers
import bench_tables
import bench_turns
import pytest
import soundfile
from bench_corpus import BY_FFMPEG, FORMATS, Corpus, clips_of, recordings
from bench_runs import Figures, Way
from bench_turns import EXTRACT, Row, run_in_turns

WAV = Corpus("wav", "wav", Path("small"), Path("large"))


def way(*, seconds: tuple[float, float], cpu_seconds: tuple[float, float], audio: bool = True) -> Way:
    """Takes so long on the smaller corpus, of 100 s of audio, and on the larger one, of 300 s."""

    def figures(folder: Path, _: Path) -> Figures:
        number = int(folder == WAV.large)
        length = {"audio_seconds": (100.0, 300.0)[number]} if audio else {}
        ours = {f"{name}_seconds": 1.0 for name in ("wall", "start_up", "decode", "compute", "write")}
        ours |= {"peak_rss_bytes": 1e9, "bound_by": {"part": "decode"}}
        clips = {"clips": (10, 30)[number], "seconds": seconds[number], "cpu_seconds": cpu_seconds[number]}
        return {**length, **ours, **clips}

    return figures


@pytest.fixture
def rows() -> list[Row]:
    found = [
        Row(WAV, EXTRACT, way(seconds=(1.0, 2.0), cpu_seconds=(3.0, 7.0)), 2),
        Row(WAV, EXTRACT, way(seconds=(1.0, 3.0), cpu_seconds=(3.0, 7.0)), 1),
        Row(WAV, "dali", way(seconds=(0.5, 1.0), cpu_seconds=(1.0, 3.0), audio=False), 2),
    ]
    run_in_turns(found, runs=3, out=Path("out"))
    return found


def test_a_speed_is_the_slope_between_two_corpora(rows: list[Row]) -> None:
    assert [row.speeds for row in rows] == [[200.0] * 3, [100.0] * 3, [400.0] * 3]
    assert [row.cpu_seconds[0] for row in rows] == [0.02, 0.02, 0.01]


def test_ratios_are_ours_with_as_many_workers_over_the_others(rows: list[Row]) -> None:
    assert [row.ratios for row in rows] == [[], [], [0.5] * 3]
    assert rows[2].cpu_ratios == [2.0] * 3


def test_clips_are_counted_where_each_takes_next_to_no_time() -> None:
    short = Corpus("0.5 s wav", "wav", WAV.small, WAV.large, counts_clips=True)
    row = Row(short, EXTRACT, way(seconds=(1.0, 2.0), cpu_seconds=(1.0, 2.0)), 2)
    run_in_turns([row], runs=1, out=Path("out"))
    assert row.speeds == [20.0]
    assert "20 clips/s" in bench_tables.extract_table([row])


def test_the_turns_go_through_all_rows_before_the_next_begins() -> None:
    order: list[str] = []

    def noting(name: str) -> Way:
        plain = way(seconds=(1.0, 2.0), cpu_seconds=(1.0, 2.0))
        return lambda folder, out: order.append(f"{name} {folder}") or plain(folder, out)

    run_in_turns([Row(WAV, name, noting(name), 2) for name in "AB"], runs=2, out=Path("out"))
    assert order == ["A small", "A large", "B small", "B large"] * 2


def test_what_hardly_grows_is_tried_again_and_then_given_up() -> None:
    seconds = itertools.chain([1.0, 1.05], [1.0, 2.0])
    plain = way(seconds=(1.0, 2.0), cpu_seconds=(1.0, 2.0))
    row = Row(WAV, EXTRACT, lambda folder, out: {**plain(folder, out), "seconds": next(seconds)}, 2)
    run_in_turns([row], runs=1, out=Path("out"))
    assert row.speeds == [200.0]
    flat = Row(WAV, EXTRACT, way(seconds=(1.0, 1.1), cpu_seconds=(1.0, 2.0)), 2)
    with pytest.raises(SystemExit, match="--utterances"):
        run_in_turns([flat], runs=1, out=Path("out"))


def columns(table: str) -> set[int]:
    return {line.replace("`", "").count("|") for line in table.splitlines() if line.startswith("|")}


def test_the_tables_show_every_row_with_its_spread(rows: list[Row]) -> None:
    told = bench_tables.extract_table(rows)
    assert "| wav | dali | 2 | 400 x | 400 x | 400 x | 0.50 x | 2.00 x |" in told
    assert "| wav | 1 | 1.00 s |" in bench_tables.split_table(rows)
    start_up = bench_tables.start_up_table({"import": [2.0, 1.0, 4.0], "extract": [3.0, 1.5, 4.0]})
    assert "| 2.00 s | 1.00 s | 4.00 s |" in start_up
    assert "1.50 times" in start_up
    features = bench_tables.features_table({"log-mel": [1.0, 1.0, 2.0], "all": [1.2, 1.3, 2.2]})
    assert "1.20 times" in features
    plan = bench_tables.plan_table({1_000: [{"seconds": 1.0, "peak_bytes": 8e7}, {"seconds": 2.0, "peak_bytes": 9e7}]})
    assert "| 1,000 files | 1.50 s | 1.00 s | 2.00 s | 90 MB |" in plan
    tables = (told, bench_tables.split_table(rows), start_up, features, plan, bench_tables.compute_table({1: [0.5]}))
    assert [len(columns(table)) for table in tables] == [1] * len(tables)


def test_without_a_gpu_its_cells_are_empty() -> None:
    empty = bench_tables.gpu_table(None, ["wav"])
    assert columns(empty) == {5}
    assert empty.splitlines()[2:] == [
        f"| {what} |  |  |  |"
        for what in (
            *bench_tables.GPU_CELLS.values(),
            "`audiofeat extract --device gpu`, wav",
            "of that time the GPU waits for tapes, wav",
        )
    ]
    run = {"x_real_time": [3e4], "gpu_waits": [0.25]}
    full = bench_tables.gpu_table(
        {"name": "one", "stage": [5.0], "bus": [6.0], "memory": [2e3], "runs": {"wav": run}}, ["wav"]
    )
    assert [line.split(" | ")[1].strip() for line in full.splitlines()[2:]] == [
        "5.0 GB/s",
        "6.0 GB/s",
        "2,000.0 GB/s",
        "30,000 x",
        "25%",
    ]


def test_each_peer_has_a_program_packages_and_formats() -> None:
    peers = bench_peers.PEERS.keys()
    assert peers == bench_environments.PACKAGES.keys() == bench_environments.FORMATS.keys()
    for formats in bench_environments.FORMATS.values():
        assert set(formats) <= set(FORMATS) - set(BY_FFMPEG)


def test_a_corpus_holds_the_smaller_one_and_is_made_once(tmp_path: Path) -> None:
    corpus = clips_of(tmp_path, seconds=0.5, n_small=2)
    files = sorted(corpus.large.rglob("*.wav"))
    assert (len(files), len(list(corpus.small.rglob("*.wav")))) == (6, 2)
    assert {soundfile.info(file).frames for file in files} == {8_000}
    assert corpus.counts_clips
    made_at = files[0].stat().st_mtime_ns
    assert clips_of(tmp_path, seconds=0.5, n_small=2) == corpus
    assert files[0].stat().st_mtime_ns == made_at


def test_recordings_are_taken_where_both_folders_have_the_format(tmp_path: Path) -> None:
    for folder in ("small/wav", "large/wav", "large/flac"):
        (tmp_path / folder).mkdir(parents=True)
    found = {name: recordings(tmp_path / "small", tmp_path / "large", audio_format=name) for name in ("wav", "flac")}
    assert found == {"wav": Corpus("wav", "wav", tmp_path / "small" / "wav", tmp_path / "large" / "wav"), "flac": None}


def test_the_ratio_is_the_median_of_the_turns() -> None:
    assert bench_turns.median_ratio([2.0, 30.0, 4.0], [1.0, 3.0, 4.0]) == 2.0
