"""Lanes without TensorFlow and a process that computes for them, tried on the CPU: bytes, deaths and orphans."""

from __future__ import annotations

import io
import json
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import psutil
import pytest
from running import children_of, commits, contents, environment, is_zombie, left_over, wait_until

from audiofeat import api
from audiofeat.config import load_config
from audiofeat.engine import arrangement, child, device_process
from audiofeat.engine.device_process import DeviceServer
from audiofeat.engine.loop import EngineReport
from audiofeat.engine.tape_link import CLIPS, FRAMES, PENDING, STATISTICS, TAPE, TapeLayout
from audiofeat.errors import AudioFeatError, MissingToolError
from audiofeat.frontend.recipe import recipe_of
from audiofeat.pipeline import run
from audiofeat.run_options import RunOptions

SETTINGS = ("store.shard_clips=2", "compute.tape_slots=256")


@pytest.fixture
def with_device_processes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(arrangement, "wants_device_processes", lambda **_: True)


@pytest.fixture(scope="module")
def wanted(clips: Path, job: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    """The store as processes make it that compute for themselves."""
    store = tmp_path_factory.mktemp("wanted") / "store"
    api.extract(clips, store, job, overrides=SETTINGS, workers=2, device="cpu")
    return contents(store)


class Watcher:
    """Looks at the processes of a run, and does something to them, once."""

    def __init__(self, act: Callable[[list[psutil.Process]], bool]) -> None:
        """``act`` gets the run's processes, again and again until it says that it has done what it came for."""
        self.is_done = False
        self.last: EngineReport | None = None
        self._act = act

    def planned(self, plan: object) -> None: ...

    def changed(self, report: EngineReport) -> None:
        self.last = report
        if not self.is_done:
            self.is_done = self._act(psutil.Process().children())

    def ended(self) -> None: ...


def slow_down(monkeypatch: pytest.MonkeyPatch) -> None:
    """Have the hooks in workers, and a run last long enough for something to happen in its midst."""
    for name, value in environment(AUDIOFEAT_TEST_FSYNC_SECONDS="0.02").items():
        monkeypatch.setenv(name, value)


def computing(processes: list[psutil.Process]) -> list[psutil.Process]:
    return [process for process in processes if not is_zombie(process) and "device_process" in str(process.cmdline())]


def has_tensorflow(process: psutil.Process) -> bool:
    try:
        return any("libtensorflow" in place.path for place in process.memory_maps())
    except psutil.NoSuchProcess:  # or a zombie
        return False


def extract(clips: Path, job: Path, store: Path, watcher: Watcher, *, workers: int = 3) -> None:
    config = load_config(str(job), overrides=SETTINGS, source=str(clips), store_path=str(store))
    run(config, RunOptions(workers=workers, device="cpu"), watcher=watcher)


@pytest.mark.usefixtures("with_device_processes")
def test_a_process_that_computes_for_three_lanes_makes_the_same_bytes(
    clips: Path, job: Path, tmp_path: Path, wanted: dict[str, bytes]
) -> None:
    seen: list[tuple[int, int]] = []

    def look(processes: list[psutil.Process]) -> bool:
        with_tensorflow = [process for process in processes if has_tensorflow(process)]
        seen.append((len(processes), len(with_tensorflow)))
        assert with_tensorflow in ([], computing(processes))
        return False

    watcher = Watcher(look)
    extract(clips, job, tmp_path / "store", watcher)
    assert contents(tmp_path / "store") == wanted
    assert max(seen) == (4, 1)
    assert watcher.last is not None
    tally = watcher.last.tally
    assert 0 < tally["device_busy_seconds"] <= tally["device_seconds"]
    assert psutil.Process().children() == []


@pytest.mark.usefixtures("with_device_processes")
def test_a_lane_that_dies_and_then_what_computed_for_it_are_replaced_and_no_clip_is_blamed(
    clips: Path, job: Path, tmp_path: Path, wanted: dict[str, bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    slow_down(monkeypatch)
    store = tmp_path / "store"
    struck_at: list[int] = []

    def strike(processes: list[psutil.Process]) -> bool:
        if len(commits(store)) > max(struck_at, default=0):
            device = computing(processes)
            lanes = [process for process in processes if process not in device and not is_zombie(process)]
            struck_at.append(len(commits(store)))
            for process in (lanes, device)[len(struck_at) - 1]:
                process.send_signal(signal.SIGSEGV)
        return len(struck_at) == 2

    watcher = Watcher(strike)
    extract(clips, job, store, watcher, workers=1)
    assert struck_at[1] < len(list((store / "shards").iterdir()))
    assert contents(store) == wanted
    assert watcher.last is not None
    assert watcher.last.deaths == 2


def test_no_process_outlives_a_run_that_is_killed(clips: Path, job: Path, tmp_path: Path) -> None:
    program = (
        "import sys; from audiofeat import api; from audiofeat.engine import arrangement\n"
        "arrangement.wants_device_processes = lambda **_: True\n"
        "api.extract(*sys.argv[1:], overrides=['store.shard_clips=4'], workers=1, device='cpu')"
    )
    arguments = [sys.executable, "-c", program, str(clips), str(tmp_path / "store"), str(job)]
    with subprocess.Popen(arguments, text=True, env=environment()) as process:
        assert wait_until(lambda: len(children_of(process)) == 2, process)
        children = children_of(process)
        process.kill()
    assert left_over(children) == []


@pytest.mark.usefixtures("with_device_processes")
def test_one_that_always_dies_ends_the_run_and_leaves_no_process(
    clips: Path, job: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(child, "_DEVICE", "import sys; sys.stdin.buffer.readline(); sys.exit(3)")
    with pytest.raises(AudioFeatError, match="computes died 4 times in a row, the last by exit status 3"):
        extract(clips, job, tmp_path / "store", Watcher(lambda _: True))
    assert psutil.Process().children() == []


@pytest.mark.usefixtures("with_device_processes")
def test_its_own_complaint_is_the_runs(clips: Path, job: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As when a worker on a GPU finds that it sees none."""
    complaint = '{"fault": {"exit_code": 13, "problem": "TensorFlow sees no GPU", "hint": "--device cpu"}}'
    monkeypatch.setattr(
        child, "_DEVICE", f"import sys; sys.stdin.buffer.readline(); print('{complaint}', flush=True); sys.stdin.read()"
    )
    with pytest.raises(MissingToolError, match="TensorFlow sees no GPU") as caught:
        extract(clips, job, tmp_path / "store", Watcher(lambda _: True))
    assert caught.value.hint == "--device cpu"
    assert psutil.Process().children() == []


def test_a_link_for_which_it_has_no_descriptor_ends_the_run_and_leaves_no_lane_waiting(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Linux hands over the request, and lets go of those that the process may not have."""
    monkeypatch.setattr(device_process, "load_tensorflow", lambda *_, **__: None)
    out = io.BytesIO()
    server = DeviceServer(load_config("kaldi-fbank80"), out)
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    with ours, theirs, open(os.devnull) as link:
        socket.send_fds(ours, [b"{}"], [link.fileno()])
        server.run("cpu", theirs, lanes=1)
    fault = json.loads(out.getvalue().splitlines()[-1])["fault"]
    assert fault["exit_code"] == 13
    assert "env.too-few-fds" in fault["problem"]


def test_it_ends_with_its_pipe() -> None:
    environment = child.worker_environment(os.environ, device="cpu")
    started = child.start_child(environment, stderr=subprocess.DEVNULL, computes_only=True)
    tree = [psutil.Process(started.pid)]
    assert started.stdin is not None
    assert started.stdout is not None
    started.stdin.close()
    assert left_over(tree) == []
    started.stdout.close()
    started.wait()


@pytest.mark.parametrize(
    "features", ["{log_mel: {}}", "{mel: {}, mfcc: {}}", "{stft: {}, mfcc: {deltas: {orders: 2}}}"]
)
def test_no_two_arrays_of_a_link_overlap(features: str) -> None:
    config = load_config("librosa-mfcc", overrides=[f"features={features}", "compute.tape_slots=256"])
    layout = TapeLayout(recipe_of(config))
    memory = os.memfd_create("test")
    os.ftruncate(memory, layout.size_bytes)
    cells = layout.cells(memory)
    os.close(memory)
    arrays = [array for program in cells.values() for cell in program for array in cell.values()]
    for number, array in enumerate(arrays):
        array.view(f"V{array.itemsize}")[...] = bytes([number + 1]) * array.itemsize
    for number, array in enumerate(arrays):
        assert set(array.tobytes()) <= {number + 1}
    assert TAPE in cells[FRAMES][0]
    assert (PENDING in cells[FRAMES][0]) == layout.has_clip_program
    assert STATISTICS in cells[CLIPS][0]
