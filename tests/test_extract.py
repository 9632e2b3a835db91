"""`audiofeat extract` as a script sees it: what it prints, the exit codes, and what each option does."""

from __future__ import annotations

import fcntl
import json
import os
import pty
import re
import shutil
import struct
import subprocess
import sys
import termios
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeAlias
from urllib.parse import unquote

import pytest
from page_html import PageHtml
from running import PATIENCE_SECONDS, Finished, audiofeat, contents, differences, environment, write_clip

import audiofeat as package
from audiofeat.cli import main

LOGMEL = ("--config", "librosa-logmel")
Command: TypeAlias = Callable[..., Finished]
SampleRun: TypeAlias = tuple[Path, str, dict[str, Any]]


@pytest.fixture(scope="module")
def sample_run(sample_data: Path, tmp_path_factory: pytest.TempPathFactory) -> SampleRun:
    """The store of the sample data, with the summary and the metrics of the run that made it; a page lies beside it."""
    out = tmp_path_factory.mktemp("sample_run")
    told = ("--metrics", out / "run.json", "--report", out / "page.html")
    done = audiofeat("extract", sample_data, out / "store", *LOGMEL, *told, "--workers", "2")
    assert (done.code, done.err) == (3, "")
    return out / "store", done.out, json.loads((out / "run.json").read_text())


@pytest.fixture
def complaint(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Command:
    """Run the command line in this process, for what ends before any work begins."""

    def run(*arguments: str | Path) -> Finished:
        monkeypatch.setattr(sys, "argv", ["audiofeat", *map(str, arguments)])
        with pytest.raises(SystemExit) as leave:
            main()
        return Finished(int(str(leave.value.code)), *capsys.readouterr())

    return run


@pytest.fixture(scope="module")
def one_clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("one_clip")
    write_clip(folder / "take.wav", seed=1)
    return folder


def test_the_summary_says_what_was_done(sample_run: SampleRun) -> None:
    store, summary, metrics = sample_run
    assert f"{store}: 14 clips" in summary
    assert re.search(r"decoded +14\b.*\(new 16\)", summary)
    assert "reused    0" in summary
    assert "failed    2 (input.not-audio 1, input.truncated 1)" in summary
    assert "left out  2 (hidden 1, not audio 1)" in summary
    assert "decode" in summary
    assert "compute" in summary
    assert "write" in summary
    assert f"bound by  {metrics['bound_by']['part']} " in summary
    assert f"digest    {metrics['digest']}" in summary
    assert f"{store}/quarantine.jsonl" in summary


def test_the_metrics_hold_the_run_in_figures(sample_run: SampleRun) -> None:
    store, _, metrics = sample_run
    assert metrics["clips"] == metrics["decoded"] == 14
    assert metrics["failures"] == {"input.not-audio": 1, "input.truncated": 1}
    assert (metrics["failed"], metrics["exit_code"]) == (2, 3)
    assert metrics["audio_seconds"] == pytest.approx(31.4, abs=0.1)
    assert (metrics["workers"], metrics["worker_deaths"]) == (2, 0)
    assert metrics["digest"] == package.open_store(store).digest
    for name in ("start_up", "busy", "wall", "decode", "compute", "write", "plan", "engine", "waiting", "cpu"):
        assert 0 < metrics[f"{name}_seconds"] < PATIENCE_SECONDS, name
    assert 50e6 < metrics["peak_rss_bytes"] < 4e9
    assert 0 < metrics["ffmpeg_audio_seconds"] < metrics["audio_seconds"]  # of M4A
    assert sum(metrics["bound_by"]["shares"].values()) == pytest.approx(1.0)


def test_the_page_shows_the_run_and_its_clips(sample_run: SampleRun, sample_data: Path) -> None:
    store, _, metrics = sample_run
    page = PageHtml.of(store.parent / "page.html")
    assert "14 clips decoded, 0 reused" in page.text
    assert f"{metrics['x_real_time']:,.0f} \N{MULTIPLICATION SIGN} real time" in page.text
    assert f"{metrics['bound_by']['part']}: " in page.text
    played = {unquote(address.partition("#")[0]) for address in page.values("audio", "src")}
    assert len(played) > 8
    assert all((store.parent / path).resolve().is_relative_to(sample_data.resolve()) for path in played)
    assert all((store.parent / path).is_file() for path in played)
    assert all(key in page.text for key in package.open_store(store))
    assert "input.not-audio" in page.text


def test_every_clip_is_in_the_manifest_or_in_the_quarantine(sample_run: SampleRun, sample_data: Path) -> None:
    store, _, _ = sample_run
    failed = [json.loads(line) for line in (store / "quarantine.jsonl").read_text().splitlines()]
    assert [(line["key"], line["reason"]) for line in failed] == [
        ("broken/cut_in_the_middle", "input.truncated"),
        ("broken/text_not_audio", "input.not-audio"),
    ]
    sources = package.open_store(store).manifest.column("source").to_pylist() + [line["source"] for line in failed]
    suffixes = {".wav", ".flac", ".mp3", ".ogg", ".m4a"}
    there = [path for path in sample_data.rglob("[!.]*") if path.suffix in suffixes]
    assert sorted(sources) == sorted(str(path.relative_to(sample_data)) for path in there)


def test_the_quarantine_names_no_place_of_this_machine(sample_run: SampleRun) -> None:
    store, _, _ = sample_run
    quarantine = (store / "quarantine.jsonl").read_text()
    assert quarantine
    assert str(store.parent.parent) not in quarantine
    assert "0x" not in quarantine


def test_quiet_prints_nothing(sample_run: SampleRun, sample_data: Path) -> None:
    store, _, _ = sample_run
    assert audiofeat("extract", sample_data, store, *LOGMEL, "--quiet") == (3, "", "")


def test_the_right_digest_is_accepted_and_a_wrong_one_ends_with_12(
    complaint: Command, sample_run: SampleRun, sample_data: Path
) -> None:
    store, _, metrics = sample_run
    right = str(metrics["digest"])
    assert complaint("extract", sample_data, store, *LOGMEL, "--expect-digest", right.upper()).code == 3
    wrong = "0" * len(right)
    done = complaint("extract", sample_data, store, *LOGMEL, "--expect-digest", wrong)
    assert done.code == 12
    assert wrong in done.err
    assert right in done.err


def test_info_tells_the_store(complaint: Command, sample_run: SampleRun) -> None:
    store, _, metrics = sample_run
    done = complaint("info", store)
    assert done.code == 0
    assert "log_mel" in done.out
    assert "128 x float32" in done.out
    assert "clips      14" in done.out
    assert "failures   2 (input.not-audio 1, input.truncated 1)" in done.out
    assert str(metrics["digest"]) in done.out
    told = json.loads(complaint("info", store, "--json").out)
    assert told["content_digest"] == metrics["digest"]


@pytest.mark.parametrize(("limit", "code"), [("1", 4), ("2", 3), ("5%", 4), ("12.5%", 3), ("0", 4)], ids=str)
def test_max_failures_stops_with_4(sample_data: Path, one_clip: Path, tmp_path: Path, limit: str, code: int) -> None:
    done = audiofeat("extract", sample_data, tmp_path / "store", *LOGMEL, "--max-failures", limit)
    assert done.code == code
    assert (f"of 16 clips failed, more than --max-failures {limit} allows" in done.err) is (code == 4)


def test_a_run_stopped_by_max_failures_goes_on_with_a_higher_limit(sample_data: Path, tmp_path: Path) -> None:
    stopped = audiofeat("extract", sample_data, tmp_path / "store", *LOGMEL, "--max-failures", "0")
    assert stopped.code == 4
    assert audiofeat("extract", sample_data, tmp_path / "store", *LOGMEL, "--max-failures", "2").code == 3
    assert len(package.open_store(tmp_path / "store")) == 14


def test_set_and_format_change_what_is_made(one_clip: Path, tmp_path: Path) -> None:
    options = ("--set", "mel.bands=23", "--set", "mfcc.n=7", "--set", "features.mfcc={}", "--format", "npy")
    done = audiofeat("extract", one_clip, tmp_path, *LOGMEL, *options)
    assert (done.code, done.err) == (0, "")
    store = package.open_store(tmp_path)
    assert {name: rows.shape[1] for name, rows in store["take"].items()} == {"log_mel": 23, "mfcc": 7}
    assert (tmp_path / "mfcc" / "take.npy").is_file()


def test_source_and_store_may_stand_in_the_file_relative_to_it(one_clip: Path, tmp_path: Path) -> None:
    shutil.copytree(one_clip, tmp_path / "recordings")
    job = tmp_path / "job.yaml"
    job.write_text("extends: librosa-logmel\nsource: recordings\nstore: {path: features, format: npy}\n")
    assert audiofeat("extract", "--config", job).code == 0
    assert list(package.open_store(tmp_path / "features")) == ["take"]


def test_links_are_followed_unless_refused(one_clip: Path, tmp_path: Path) -> None:
    source = tmp_path / "source"
    source.mkdir()
    shutil.copy2(one_clip / "take.wav", source / "own.wav")
    (source / "linked.wav").symlink_to(one_clip / "take.wav")
    (source / "round").symlink_to(source)
    assert audiofeat("extract", source, tmp_path / "all", *LOGMEL).code == 0
    assert list(package.open_store(tmp_path / "all")) == ["linked", "own"]
    done = audiofeat("extract", source, tmp_path / "own", *LOGMEL, "--no-follow")
    assert "links refused 2" in done.out
    assert list(package.open_store(tmp_path / "own")) == ["own"]


def test_row_98_no_recompute_refuses_and_leaves_the_store_alone(
    complaint: Command, sample_run: SampleRun, sample_data: Path
) -> None:
    store, _, _ = sample_run
    before = contents(store)
    done = complaint("extract", sample_data, store, *LOGMEL, "--no-recompute", "--set", "mel.bands=40")
    assert done.code == 2
    assert "mel.bands: 128 -> 40" in done.err
    assert contents(store) == before


def test_empty_mel_bands_are_warned_of(one_clip: Path, tmp_path: Path) -> None:
    done = audiofeat("extract", one_clip, tmp_path, *LOGMEL, "--set", "mel.bands=1000")
    assert done.code == 0
    assert "warning" in done.out
    assert "hold no FFT bin" in done.out
    quiet = audiofeat("extract", one_clip, tmp_path, *LOGMEL, "--set", "mel.bands=1000", "--quiet")
    assert (quiet.code, quiet.out) == (0, "")
    assert "hold no FFT bin" in quiet.err


def test_row_92_a_foreign_folder_is_not_touched(complaint: Command, one_clip: Path, tmp_path: Path) -> None:
    (tmp_path / "thesis.tex").write_text("years of work")
    done = complaint("extract", one_clip, tmp_path, *LOGMEL)
    assert done.code == 2
    assert "nothing in it was touched" in done.err
    assert [path.name for path in tmp_path.iterdir()] == ["thesis.tex"]


def test_fault_50_a_source_without_audio_ends_with_5_and_makes_no_store(complaint: Command, tmp_path: Path) -> None:
    (tmp_path / "source").mkdir()
    (tmp_path / "source/notes.txt").write_text("to do")
    done = complaint("extract", tmp_path / "source", tmp_path / "store", *LOGMEL)
    assert done.code == 5
    assert "no audio file" in done.err
    assert "1 others" in done.err
    assert not (tmp_path / "store").exists()


@pytest.mark.parametrize(
    ("names", "options", "message"),
    [
        (("a.wav", "a.flac"), (), r"a: a.flac, a.wav"),
        (("Take.wav", "take.wav"), ("--format", "npy"), r"Take.wav, take.wav"),
        (("a.wav", "a.npy/b.wav"), ("--format", "npy"), "a.npy/b.wav"),
    ],
    ids=["suffix", "case", "folder"],
)
def test_clips_that_want_one_key_are_refused(
    complaint: Command, tmp_path: Path, names: tuple[str, ...], options: tuple[str, ...], message: str
) -> None:
    for name in names:
        write_clip(tmp_path / "source" / name, seed=0)
    done = complaint("extract", tmp_path / "source", tmp_path / "store", *LOGMEL, *options)
    assert done.code == 2
    assert message in done.err
    assert "try:" in done.err
    assert not (tmp_path / "store").exists()


def test_keys_with_suffixes_resolve_a_collision(tmp_path: Path) -> None:
    for name in ("a.wav", "a.flac"):
        write_clip(tmp_path / "source" / name, seed=0)
    options = ("--set", "select.keys=name")
    assert audiofeat("extract", tmp_path / "source", tmp_path / "store", *LOGMEL, *options).code == 0
    store = package.open_store(tmp_path / "store")
    assert list(store) == ["a.flac", "a.wav"]
    assert (store["a.flac"]["log_mel"] == store["a.wav"]["log_mel"]).all()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (("--set", "mel.band=40", *LOGMEL), "mel.band   unknown key; did you mean 'bands'?"),
        (("--set", "mel.bands", *LOGMEL), "expected KEY=VALUE such as mel.bands=40"),
        (("--set", "mel.bands=many", *LOGMEL), "mel.bands   expected a whole number, got the text 'many'"),
        (("--set", "mel.fmax_hz=20000", *LOGMEL), "mel.fmax_hz"),
        (("--config", "librosa-logmell"), "did you mean 'librosa-logmel'?"),
        (("--config", "missing.yaml"), "missing.yaml: there is no such file"),
        (("--format", "zarr", *LOGMEL), "'zarr' is not one of 'hdf5', 'npy'"),
        (("--workers", "0", *LOGMEL), "0 is not in the range"),
        (("--device", "abacus", *LOGMEL), "'abacus' is no device"),
        (("--max-failures", "many", *LOGMEL), "neither a number of clips nor a share of them"),
        (("--max-failures", "101%", *LOGMEL), "neither a number of clips nor a share of them"),
        (("--max-failures", "", *LOGMEL), "neither a number of clips nor a share of them"),
        (("--expect-digest", "d1gest", *LOGMEL), "--expect-digest 'd1gest'"),
        (("--metrics", "/", *LOGMEL), "is a directory"),
        (("--colour", *LOGMEL), "No such option"),
        ((), "extract needs --config: a YAML file or the name of a preset"),
    ],
    ids=lambda value: " ".join(value[:2]) if isinstance(value, tuple) else "",
)
def test_a_mistake_in_an_option_is_explained(
    complaint: Command, one_clip: Path, tmp_path: Path, options: tuple[str, ...], message: str
) -> None:
    done = complaint("extract", one_clip, tmp_path / "store", *options)
    assert done.code == 2
    assert message in done.err
    assert done.out == ""
    assert not (tmp_path / "store").exists()


@pytest.mark.parametrize(
    ("source", "message"),
    [("nowhere", "does not exist"), ("take.wav", "is one audio file"), ("", "must not be empty")],
    ids=["missing", "file", "empty"],
)
def test_a_mistake_in_the_source_is_explained(
    complaint: Command, one_clip: Path, tmp_path: Path, source: str, message: str
) -> None:
    done = complaint("extract", os.fspath(one_clip / source) if source else "", tmp_path / "store", *LOGMEL)
    assert done.code == 2
    assert message in done.err
    assert not (tmp_path / "store").exists()


def test_a_missing_store_argument_is_explained(complaint: Command, one_clip: Path) -> None:
    done = complaint("extract", one_clip, *LOGMEL)
    assert done.code == 2
    assert "STORE (store.path in the configuration) is named neither" in done.err


def test_metrics_that_cannot_be_written_are_noticed_before_the_work(
    complaint: Command, one_clip: Path, tmp_path: Path
) -> None:
    done = complaint("extract", one_clip, tmp_path / "store", *LOGMEL, "--metrics", tmp_path / "nowhere" / "run.json")
    assert done.code == 2
    assert "nowhere" in done.err
    assert not (tmp_path / "store").exists()


def test_info_without_a_store_ends_with_10(complaint: Command, tmp_path: Path) -> None:
    done = complaint("info", tmp_path)
    assert done.code == 10
    assert "not a store" in done.err


def test_a_locked_store_ends_with_11(complaint: Command, one_clip: Path, tmp_path: Path) -> None:
    (tmp_path / ".state").mkdir()
    with open(tmp_path / ".state" / "lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        done = complaint("extract", one_clip, tmp_path, *LOGMEL)
    assert done.code == 11
    assert "is being written by another run" in done.err


def test_fault_48_a_missing_gpu_ends_with_13(one_clip: Path, tmp_path: Path) -> None:
    done = audiofeat("extract", one_clip, tmp_path, *LOGMEL, "--device", "gpu", CUDA_VISIBLE_DEVICES="-1")
    assert done.code == 13
    assert "no GPU" in done.err


def test_fault_25_a_missing_ffmpeg_ends_with_13(one_clip: Path, tmp_path: Path) -> None:
    done = audiofeat("extract", one_clip, tmp_path, *LOGMEL, AUDIOFEAT_FFMPEG="/nowhere/ffmpeg")
    assert done.code == 13
    assert "/nowhere/ffmpeg" in done.err


def test_fault_48_a_broken_tensorflow_ends_with_13(one_clip: Path, tmp_path: Path) -> None:
    (tmp_path / "tensorflow.py").write_text("raise ImportError('libfoo.so.1: cannot open shared object file')\n")
    done = audiofeat("extract", one_clip, tmp_path / "store", *LOGMEL, PYTHONPATH=os.fspath(tmp_path))
    assert done.code == 13
    assert "libfoo.so.1" in done.err
    assert "doctor" in done.err


def test_a_store_that_cannot_be_made_ends_with_14(one_clip: Path, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    done = audiofeat("extract", one_clip, tmp_path / "file" / "store", *LOGMEL)
    assert done.code == 14
    assert "Not a directory" in done.err


@pytest.mark.parametrize("store_format", ["hdf5", "npy"])
def test_fault_13_a_disk_that_takes_no_more_ends_with_14_and_the_run_can_go_on(
    one_clip: Path, clips: Path, tmp_path: Path, store_format: str
) -> None:
    command = [sys.executable, "-m", "audiofeat", "extract", clips, tmp_path / "store", *LOGMEL]
    limited = ["bash", "-c", 'ulimit -f 16; exec "$@"', "limited", *map(str, command), "--format", store_format]
    done = subprocess.run(limited, capture_output=True, text=True, env=environment(), check=False)
    assert done.returncode == 14
    assert "File too large" in done.stderr
    assert "Traceback" not in done.stderr
    assert not (tmp_path / "store/store.json").exists()
    assert audiofeat(*map(str, command[3:]), "--format", store_format).code == 0
    assert audiofeat("extract", clips, tmp_path / "scratch", *LOGMEL, "--format", store_format).code == 0
    assert differences(tmp_path / "store", tmp_path / "scratch") == []


def test_a_defect_ends_with_1_and_names_the_log(clips: Path, tmp_path: Path) -> None:
    done = audiofeat("extract", clips, tmp_path / "store", *LOGMEL, AUDIOFEAT_TEST_FAIL_ON="take3.wav")
    assert done.code == 1
    assert "nobody foresaw" in done.err
    log = Path(done.err.split("log is ")[1].strip())
    assert "RuntimeError" in log.read_text()
    assert not (tmp_path / "store/store.json").exists()


def test_a_terminal_sees_a_bar(one_clip: Path, tmp_path: Path) -> None:
    terminal, far_end = pty.openpty()
    fcntl.ioctl(far_end, termios.TIOCSWINSZ, struct.pack("4H", 24, 80, 0, 0))
    command = [sys.executable, "-m", "audiofeat", "extract", one_clip, tmp_path / "store", *LOGMEL]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=far_end, env=environment())
    os.close(far_end)
    shown = b""
    try:
        while block := os.read(terminal, 4096):
            shown += block
    except OSError:  # how Linux says that the last writer has left
        pass
    out, _ = process.communicate(timeout=PATIENCE_SECONDS)
    os.close(terminal)
    assert process.returncode == 0
    assert b"0/1" in shown
    assert b"clips" in shown
    assert b"1 clip" in out


def test_no_terminal_sees_no_bar(sample_run: SampleRun) -> None:
    _, summary, _ = sample_run  # its standard error was empty: see the fixture
    assert "\r" not in summary
    assert "it/s" not in summary


def test_help_is_quick_and_lists_the_commands() -> None:
    done = audiofeat("--help")
    assert done.code == 0
    for command in ("extract", "presets", "info", "doctor"):
        assert command in done.out


def test_presets_are_listed_and_printed(complaint: Command, tmp_path: Path) -> None:
    listed = complaint("presets")
    assert listed.code == 0
    assert "librosa-logmel" in listed.out
    (tmp_path / "mine.yaml").write_text(complaint("presets", "librosa-logmel").out)
    assert "n_fft: 2048" in (tmp_path / "mine.yaml").read_text()
    wrong = complaint("presets", "librosa-logmell")
    assert wrong.code == 2
    assert "did you mean 'librosa-logmel'?" in wrong.err


def test_the_doctor_finds_this_machine_well(tmp_path: Path) -> None:
    done = audiofeat("doctor", "--path", tmp_path)
    assert (done.code, done.err) == (0, "")
    assert "TensorFlow" in done.out
    assert "ffmpeg" in done.out
