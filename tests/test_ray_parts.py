"""The Ray engine without Ray: addresses, tokens, devices, requests, and the process that a task keeps on its node."""

from __future__ import annotations

import ctypes
import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import psutil
import pytest
from engine_driver import job_in
from faults.small_run import run_small, write_source
from running import HOOKS, audiofeat, environment, write_clip

from audiofeat.engine import child, process, ray_engine, ray_session, ray_task
from audiofeat.engine.ray_address import Address, await_head, parse_address
from audiofeat.engine.ray_cluster import RayCluster
from audiofeat.engine.ray_facts import differences, facts_here
from audiofeat.engine.ray_nodes import Node, Place, Use
from audiofeat.engine.ray_worker import RayWorker, hands_on
from audiofeat.engine.workplace import ThisMachine
from audiofeat.errors import ConfigError, MissingToolError, StorageError
from audiofeat.store.checked_json import write_checked_json
from audiofeat.store.layout import StorePaths
from audiofeat.store.staging import make_folder
from audiofeat.tasks import ShardTask


def test_an_address_has_a_host_and_a_port() -> None:
    assert parse_address("10.0.0.5:6379") == Address("10.0.0.5", 6379)
    for wrong in ("10.0.0.5", ":6379", "head:port", "head:0", "head:70000"):
        with pytest.raises(ConfigError, match="is no HOST:PORT"):
            parse_address(wrong)
    with pytest.raises(ConfigError, match="cut off from its tasks"):
        parse_address("ray://10.0.0.5:10001")


def test_where_nobody_listens_is_found_out_before_ray_is_asked() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.2", 0))
        port = taken.getsockname()[1]
        with pytest.raises(MissingToolError, match=f"no Ray cluster answers at 127.0.0.2:{port}") as caught:
            await_head(Address("127.0.0.2", port), seconds=0.1)
        assert "firewall" in caught.value.hint
        taken.listen()
        await_head(Address("127.0.0.2", port), seconds=5)


def test_an_address_that_ray_rewrites_is_looked_for_there_too() -> None:
    with socket.socket() as head:
        head.bind(("127.0.0.1", 0))
        head.listen()
        address = Address("127.0.0.1", head.getsockname()[1])
        with pytest.raises(MissingToolError, match=r"Ray looks for it at 127\.0\.0\.9:"):
            await_head(address, outer_host="127.0.0.9", seconds=5)


def test_tokens(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    own: dict[str, str] = {}
    ray_session._make_environment(own, is_own=True)
    assert (own["RAY_AUTH_MODE"], len(own["RAY_AUTH_TOKEN"])) == ("token", 64)
    assert (own["RAY_USAGE_STATS_ENABLED"], own["RAY_ENABLE_UV_RUN_RUNTIME_ENV"]) == ("0", "0")
    asked = {"RAY_AUTH_MODE": "token"}
    ray_session._make_environment(asked, is_own=True)
    assert len(asked["RAY_AUTH_TOKEN"]) == 64  # else Ray would make one, and leave it in the home folder
    joined: dict[str, str] = {}
    ray_session._make_environment(joined, is_own=False)
    assert "RAY_AUTH_MODE" not in joined
    (tmp_path / ".ray").mkdir()
    (tmp_path / ".ray/auth_token").touch()
    ray_session._make_environment(joined, is_own=False)
    assert joined["RAY_AUTH_MODE"] == "token"
    chosen = {"RAY_AUTH_MODE": "disabled"}
    ray_session._make_environment(chosen, is_own=True)
    assert chosen["RAY_AUTH_MODE"] == "disabled"
    assert "RAY_AUTH_TOKEN" not in chosen


def test_what_a_killed_run_left_of_its_cluster_goes_with_the_next(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ray_session.tempfile, "gettempdir", lambda: str(tmp_path))
    monkeypatch.setattr(ray_session, "_LONGEST_FOLDER", 1_000)
    dead, alive = tmp_path / "audiofeat-ray-4194999-abc", tmp_path / "audiofeat-ray-1-abc"
    dead.mkdir()
    alive.mkdir()
    with ray_session._own_folder() as folder:
        assert folder.is_dir()
        assert (dead.exists(), alive.exists()) == (False, True)
    assert not folder.exists()


class Starting:
    """Ray, as far as somebody starts it: it takes SIGTERM for itself, and the signal comes meanwhile."""

    exceptions = SimpleNamespace(RayError=RuntimeError)

    def __init__(self, heard: list[int]) -> None:
        self._heard = heard
        self.threads: list[threading.Thread] = []

    def init(self, **arguments: Any) -> None:
        self.threads.append(threading.current_thread())
        if threading.current_thread() is threading.main_thread():
            signal.signal(signal.SIGTERM, lambda *_: sys.exit(15))
        ctypes.CDLL(None).signal(signal.SIGTERM, 1)  # as Ray's library does, behind Python's back; 1: SIG_IGN
        deadline = time.monotonic() + 10
        while not self._heard and time.monotonic() < deadline:
            os.kill(os.getpid(), signal.SIGTERM)
            time.sleep(0.02)

    def shutdown(self) -> None:
        assert self.threads[0].is_alive()  # else the system would have ended what it had started


def test_a_signal_while_ray_starts_is_the_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    heard: list[int] = []
    ray = Starting(heard)
    monkeypatch.setattr(ray_session, "_imported", lambda: ray)
    monkeypatch.setattr(ray_session, "_make_environment", lambda *_, **__: None)
    monkeypatch.setattr(ray_session.tempfile, "gettempdir", lambda: str(tmp_path))
    monkeypatch.setattr(ray_session, "_LONGEST_FOLDER", 1_000)
    before = signal.signal(signal.SIGTERM, lambda number, _: heard.append(number))
    try:
        with ray_session.ray_session(None, cores=1):
            assert set(heard) == {signal.SIGTERM}
    finally:
        signal.signal(signal.SIGTERM, before)
    assert list(tmp_path.iterdir()) == []


def test_the_time_in_which_a_cluster_starts_is_not_called_planning(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ThisMachine, "opening_seconds", 1_000.0)
    report = run_small(write_source(tmp_path / "source", clips=["a"]), tmp_path / "store", "hdf5")
    assert report.plan_seconds < 0 < 1_000 < report.engine_seconds


class Nodes:
    """Ray, as far as somebody asks it for nodes."""

    def __init__(self, *gpus: int) -> None:
        self._gpus = gpus

    def nodes(self) -> list[dict[str, Any]]:
        head = {"NodeID": "h", "NodeManagerAddress": "10.0.0.1", "Alive": True, "Resources": {"memory": 1e9}}
        gone = {"NodeID": "g", "NodeManagerAddress": "10.0.0.2", "Alive": False, "Resources": {}}
        workers = [
            {**head, "NodeID": str(number), "Resources": {"CPU": 8.0, "GPU": float(gpus)}}
            for number, gpus in enumerate(self._gpus)
        ]
        return [head, gone, *workers]


def cluster_of(*gpus: int, allow_mixed: bool = False) -> RayCluster:
    cluster = RayCluster(None, workers=None, allow_mixed=allow_mixed)
    cluster._connection = Nodes(*gpus)
    return cluster


@pytest.mark.parametrize(
    ("gpus", "wanted", "stored", "chosen"),
    [
        ((0, 0), "auto", None, "cpu"),
        ((1, 2), "auto", None, "gpu"),
        ((1, 2), "auto", "cpu", "cpu"),
        ((0, 2), "cpu", None, "cpu"),
        ((0, 2), "gpu", None, "gpu"),  # on the nodes that have one
    ],
)
def test_the_device_is_what_the_nodes_have(gpus: tuple[int, ...], wanted: str, stored: str | None, chosen: str) -> None:
    assert cluster_of(*gpus).choose_device(wanted, stored=stored) == chosen


def test_mixed_nodes_are_refused_unless_asked_for() -> None:
    with pytest.raises(MissingToolError, match="1 of 2 nodes of the Ray cluster have a GPU") as caught:
        cluster_of(0, 2).choose_device("auto", stored=None)
    assert "--allow-mixed-devices" in caught.value.hint
    assert cluster_of(0, 2, allow_mixed=True).choose_device("auto", stored=None) == "gpu"
    for wanted, stored in (("gpu", None), ("auto", "gpu")):
        with pytest.raises(MissingToolError, match="no node of the Ray cluster has a GPU"):
            cluster_of(0).choose_device(wanted, stored=stored)
    with pytest.raises(ConfigError, match="Ray gives each task its GPU"):
        cluster_of(1).choose_device("gpu:0", stored=None)


def test_what_tasks_have_on_a_node() -> None:
    with_gpus, without = Node("a", "a", cpus=16, gpus=2), Node("b", "b", cpus=3, gpus=0)
    assert Use("cpu", is_mixed=False).place_on(with_gpus) == Place("cpu", lanes=1, tasks=16)
    assert Use("gpu", is_mixed=False).place_on(with_gpus) == Place("gpu", lanes=4, tasks=2)
    assert Use("gpu", is_mixed=False).place_on(without) is None
    assert Use("gpu", is_mixed=True).place_on(without) == Place("cpu", lanes=1, tasks=3)


def test_nodes_are_compared_by_what_changes_bytes(tmp_path: Path) -> None:
    here = facts_here(source=str(tmp_path), job=str(tmp_path))
    assert list(differences(here, here, store="S", source="D")) == []
    there = {
        **here,
        "has_store": False,
        "has_source": False,
        "versions": {**here["versions"], "tensorflow": "2.17.0", "soxr": None},
    }
    store, source, soxr, tensorflow = differences(here, there, store="S", source="D")
    assert "S is another folder there" in store
    assert source == "the source D is not there"
    assert soxr.startswith("soxr is missing, here ")
    assert tensorflow.startswith("tensorflow 2.17.0, here ")
    assert list(differences(here, {"broken": "ModuleNotFoundError: blake3"}, store="S", source="D")) == [
        "audiofeat does not run there (ModuleNotFoundError: blake3)"
    ]


class Desk:
    """Takes what is asked of tasks."""

    def __init__(self) -> None:
        self.requests: list[str] = []

    def submit(self, worker: RayWorker, request: str) -> None:
        self.requests.append(request)

    def deadline_of(self, slot: str) -> float:
        return 600.0

    def may_use(self, node: Node) -> bool:
        return True

    def doubt(self, node: Node) -> None:
        """It has done nothing."""


@pytest.fixture
def on_node(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A folder in which a task finds its job, and a stand-in for a worker."""
    monkeypatch.setattr(child, "_WORKER", (HOOKS / "stand_in.py").read_text() + "\nmain()\n")
    monkeypatch.setattr(ray_task, "_RESIDENCE", ray_task.Residence())
    paths = StorePaths(tmp_path / "store")
    for folder in (paths.tasks, paths.logs):
        make_folder(folder)
    write_checked_json(paths.tasks / "ray-job.json", job_in(tmp_path).to_json())
    yield tmp_path
    if ray_task._RESIDENCE._process is not None:
        ray_task._RESIDENCE._process.kill()


def do(folder: Path, slot: str, *, desk: Desk | None = None, is_careful: bool = False) -> dict[str, Any]:
    """What a task answers to the request that its seat makes."""
    paths = StorePaths(folder / "store")
    desk = desk or Desk()
    worker = RayWorker(
        Node("a", "a", 1, 0), Place("cpu", 1, 1), desk=desk, job=paths.tasks / "ray-job.json", logs=paths.logs,
        is_careful=is_careful,
    )  # fmt: skip
    worker.give(ShardTask(slot, ()))
    answer: dict[str, Any] = json.loads(ray_task.do_shard(desk.requests[-1]))
    return answer


def test_a_task_keeps_its_worker_from_shard_to_shard(on_node: Path) -> None:
    before = psutil.Process().children()
    first = do(on_node, "0001")
    (worker,) = set(psutil.Process().children()) - set(before)
    second = do(on_node, "0002")
    assert (first["state"], second["state"]) == ("done", "done")
    assert first["tally"]["clips_done"] == second["tally"]["clips_done"] == 1  # what each took, not the sum
    assert "ready" in first
    assert "ready" not in second
    assert worker.is_running()
    do(on_node, "0003", is_careful=True)  # of another kind
    assert worker not in psutil.Process().children()


def test_a_task_says_what_its_worker_died_of(on_node: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    before = psutil.Process().children()
    died = do(on_node, "a-crash-1")
    assert (died["state"], died["end"], died["was_killed"]) == ("died", "signal SIGSEGV", False)
    assert died["in_hand"] == [["a-crash-1", 0]]
    assert do(on_node, "a-crash-1")["state"] == "done"  # by another one
    monkeypatch.setattr(process, "_SILENCE_SECONDS", 0.3)
    frozen = do(on_node, "b-frozen-1")
    assert (frozen["state"], frozen["is_frozen"]) == ("died", True)
    assert psutil.Process().children() == before


def test_a_task_whose_job_is_not_there_says_so(on_node: Path) -> None:
    (on_node / "store/.state/tasks/ray-job.json").unlink()
    answer = do(on_node, "0001")
    assert (answer["state"], answer["fault"]["exit_code"]) == ("fault", 13)


def test_what_goes_through_ray_is_small(on_node: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    desk = Desk()
    text = "x" * 10_000
    monkeypatch.setattr(child, "_WORKER", child._WORKER.replace("examples=[]", f"examples=[{text!r}] * 99"))
    answer = do(on_node, "0001", desk=desk)
    assert len(desk.requests[0]) - len(str(on_node)) < 500  # the path of a store may have a few hundred more
    assert len(json.dumps(answer)) < 10_000


def test_what_was_in_hand_at_a_loss_is_told_by_the_shared_files_once(tmp_path: Path) -> None:
    (tmp_path / "ray-a-1-1.hands").write_bytes(b"0001 7".ljust(64) + b"0002 3".ljust(64))
    (tmp_path / "worker-1.hands").write_bytes(b"0001 8".ljust(64))
    assert hands_on(tmp_path, {"0001"}) == [("0001", 7)]
    assert hands_on(tmp_path, {"0001"}) == []


def test_what_a_node_has_finished_must_come_in_sight(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Over a network file system, a rename may be seen late."""
    paths = StorePaths(tmp_path / "store")
    make_folder(paths.commits)
    engine = ray_engine.RayEngine(Nodes(), job_in(tmp_path), paths, use=Use("cpu", is_mixed=False))
    engine._unseen = {"0001", "0002"}
    assert engine.close()
    paths.commit("0001").touch()
    assert engine.close()
    monkeypatch.setattr(ray_engine, "_UNSEEN_SECONDS", -1.0)
    with pytest.raises(StorageError, match="1 shard that nodes have finished cannot be seen here"):
        engine.close()
    paths.commit("0002").touch()
    assert not engine.close()


@pytest.mark.parametrize(
    ("options", "code", "told"),
    [
        (["--engine", "ray"], 13, "pip install 'audiofeat[ray]'"),
        (["--engine", "ray", "--memory", "2GB"], 2, "--workers bounds the tasks at a time"),
        (["--engine", "ray", "--device", "gpu:1"], 2, "Ray gives each task its GPU"),
        (["--engine", "ray", "--address", "head"], 2, "is no HOST:PORT"),
        (["--address", "head:6379"], 2, "--engine ray"),
        (["--allow-mixed-devices"], 2, "--engine ray"),
    ],
)
def test_what_cannot_be_is_refused(tmp_path: Path, options: list[str], code: int, told: str) -> None:
    (tmp_path / "ray.py").write_text("raise ImportError('not here')\n")
    write_clip(tmp_path / "clips/one.wav", seed=0)
    command = ("extract", tmp_path / "clips", tmp_path / "store", "--config", "kaldi-fbank80", *options)
    done = audiofeat(*command, PYTHONPATH=str(tmp_path))
    assert (done.code, told in done.err) == (code, True), done.err


def test_ray_is_not_loaded_where_it_is_not_asked_for() -> None:
    program = "import sys, audiofeat.api, audiofeat.pipeline, audiofeat.engine.worker; print('ray' in sys.modules)"
    command = [sys.executable, "-c", program]
    done = subprocess.run(command, env=environment(), capture_output=True, text=True, check=True)
    assert done.stdout == "False\n"
