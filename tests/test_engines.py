"""What every engine does with shards and with workers that die, and what a Ray cluster does when its nodes do.

The workers are stand-ins (``hooks/stand_in.py``), but in the last test; the cluster lies on loopback addresses.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import psutil
import pytest
from ray_lab import Lab, LabNode, ray_lab
from running import (
    age,
    audiofeat,
    children_of,
    commits,
    contents,
    environment,
    finish,
    left_over,
    start,
    wait_until,
    write_clip,
)

DRIVER = Path(__file__).parent / "engine_driver.py"
SETTINGS = ("--config", "kaldi-fbank80", "--set", "store.shard_clips=4", "--device", "cpu", "--quiet")


class Driver:
    """A process that runs shards, one run after another."""

    def __init__(self, engine: str, home: Path, stand_in: Path) -> None:
        variables = {"HOME": str(home), "AUDIOFEAT_TEST_STAND_IN": str(stand_in)}
        pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
        command = [sys.executable, str(DRIVER), engine]
        self.process = subprocess.Popen(command, text=True, env=environment(**variables), **pipes)

    def run(self, folder: Path, *slots: str, **options: Any) -> dict[str, Any]:
        self.begin(folder, *slots, **options)
        return self.end()

    def begin(self, folder: Path, *slots: str, **options: Any) -> None:
        assert self.process.stdin is not None
        for slot in slots:
            (folder / f"{slot}.wav").write_text(slot)
        print(json.dumps({"folder": str(folder), "slots": slots, **options}), file=self.process.stdin, flush=True)

    def end(self) -> dict[str, Any]:
        assert self.process.stdout is not None
        answer: dict[str, Any] = json.loads(self.process.stdout.readline())
        return answer

    def close(self) -> None:
        self.process.communicate(timeout=30)
        assert self.process.returncode == 0


@pytest.fixture(scope="module")
def lab() -> Iterator[Lab]:
    with ray_lab() as lab:
        lab.stand_in.touch()
        yield lab


@pytest.fixture(scope="module")
def nodes(lab: Lab) -> list[LabNode]:
    return [lab.add(), lab.add()]


@pytest.fixture(scope="module")
def on_ray(lab: Lab, nodes: list[LabNode]) -> Iterator[Driver]:
    driver = Driver(lab.address, lab.home, lab.stand_in)
    yield driver
    driver.close()


@pytest.fixture(scope="module")
def on_this_machine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Driver]:
    home = tmp_path_factory.mktemp("home")
    (home / "stand_in").touch()
    driver = Driver("local", home, home / "stand_in")
    yield driver
    driver.close()


@pytest.fixture(params=["local", "ray"])
def driver(request: pytest.FixtureRequest) -> Driver:
    found: Driver = request.getfixturevalue({"local": "on_this_machine", "ray": "on_ray"}[request.param])
    return found


def starts(folder: Path) -> Counter[str]:
    """How often each shard was begun."""
    path = folder / "starts"
    return Counter(line.split()[0] for line in path.read_text().splitlines()) if path.exists() else Counter()


def raylets(folder: Path) -> set[int]:
    """Under which nodes shards were begun."""
    return {int(line.split()[1]) for line in (folder / "starts").read_text().splitlines()}


def good(count: int) -> list[str]:
    return [f"{number:04}" for number in range(count)]


def reason_of(folder: Path, slot: str) -> str:
    (clip,) = json.loads((folder / f"store/.state/tasks/{slot}.json").read_text())["values"]["clips"]
    return str(clip["reuse"]["failures"][0]["reason"]) if clip["reuse"] else ""


@pytest.mark.parametrize("count", [0, 1, 12])
def test_each_shard_is_begun_once(driver: Driver, tmp_path: Path, count: int) -> None:
    report = driver.run(tmp_path, *good(count))
    assert report["tally"].get("clips_done", 0) == count
    assert (report["deaths"], report["warnings"]) == (0, [])
    assert starts(tmp_path) == dict.fromkeys(good(count), 1)


def test_a_worker_that_is_killed_costs_its_shard_an_attempt(driver: Driver, tmp_path: Path) -> None:
    report = driver.run(tmp_path, *good(4), "a-kill-1")
    assert (report["deaths"], report["tally"]["clips_done"]) == (1, 5)
    assert starts(tmp_path)["a-kill-1"] == 2
    assert reason_of(tmp_path, "a-kill-1") == ""


def test_a_clip_that_kills_twice_is_condemned_and_nothing_multiplies_that(driver: Driver, tmp_path: Path) -> None:
    """Its shard is begun three times: the two deaths, and once more for what else is in it."""
    report = driver.run(tmp_path, *good(4), "a-crash-2")
    assert (report["deaths"], report["tally"]["clips_failed"]) == (2, 1)
    assert report["examples"] == ["a-crash-2.wav: decoder.crashed"]
    assert starts(tmp_path)["a-crash-2"] == 3
    assert reason_of(tmp_path, "a-crash-2") == "decoder.crashed"


def test_workers_that_die_of_no_clip_end_the_run(driver: Driver, tmp_path: Path) -> None:
    report = driver.run(tmp_path, "a-start-99", "b-start-99")
    assert report["error"] == "AudioFeatError"
    assert "times in a row, the last by signal SIGKILL" in report["problem"]


def test_a_stopped_run_waits_a_while_for_what_has_begun_and_leaves_nothing(driver: Driver, tmp_path: Path) -> None:
    hanging = tmp_path / "a-hang-1"
    report = driver.run(tmp_path, hanging.name, stop_when=str(hanging), drain_seconds=0.5)
    assert report["error"] == "Interrupted"
    assert "again goes on where" in report["hint"]
    assert left_over(workers_of(tmp_path)) == []
    assert driver.run(tmp_path, *good(2))["tally"]["clips_done"] == 2


def workers_of(folder: Path) -> list[psutil.Process]:
    """Those that have a file of a run open."""
    found = []
    for process in psutil.process_iter():
        try:
            if any(str(folder) in file.path for file in process.open_files()):
                found.append(process)
        except (psutil.AccessDenied, psutil.NoSuchProcess):
            continue
    return found


def held(count: int) -> list[str]:
    """Shards that end when there is a file ``go``."""
    return [f"{number:04}-held-1" for number in range(count)]


def begun_on(folder: Path, node: LabNode) -> bool:
    return (folder / "starts").exists() and node.raylet.pid in raylets(folder)


def test_a_node_that_joins_late_gets_work_and_one_that_differs_does_not(
    lab: Lab, on_ray: Driver, tmp_path: Path
) -> None:
    on_ray.begin(tmp_path, *held(6))
    assert wait_until(lambda: starts(tmp_path).total() == 2, on_ray.process)
    other = lab.add(AUDIOFEAT_TEST_OTHER_DISK=str(tmp_path))
    node = lab.add()
    told = tmp_path / "warnings"
    assert wait_until(lambda: begun_on(tmp_path, node) and other.ip in told.read_text(), on_ray.process)
    (tmp_path / "go").touch()
    report = on_ray.end()
    assert report["tally"]["clips_done"] == 6
    (warning,) = report["warnings"]
    assert f"node {other.ip} of the Ray cluster is not used: the store {tmp_path}/store is another folder" in warning
    assert other.raylet.pid not in raylets(tmp_path)
    assert set(starts(tmp_path).values()) == {1}
    other.kill()
    node.kill()


def test_a_node_that_dies_costs_its_shard_an_attempt_and_no_clip_is_blamed(
    lab: Lab, on_ray: Driver, tmp_path: Path
) -> None:
    node = lab.add()
    on_ray.begin(tmp_path, *held(6))
    assert wait_until(lambda: begun_on(tmp_path, node) and starts(tmp_path).total() == 3, on_ray.process)
    node.kill()
    (tmp_path / "go").touch()
    report = on_ray.end()
    assert (report["tally"]["clips_done"], report["deaths"]) == (6, 0)
    assert starts(tmp_path).total() == 7
    (warning,) = report["warnings"]
    assert f"on {node.ip}, and was done again" in warning


def test_a_task_that_is_not_heard_of_is_called_back_and_anothers(lab: Lab, on_ray: Driver, tmp_path: Path) -> None:
    """Its processes are stopped, but not the raylet, which goes on to say that the node is well."""
    node = lab.add()
    on_ray.begin(tmp_path, *(f"{number:04}-slow-3" for number in range(9)), deadline_seconds=3.0)
    assert wait_until(lambda: begun_on(tmp_path, node), on_ray.process)
    frozen = node.tree()[1:]
    for process in frozen:
        process.suspend()
    try:
        report = on_ray.end()
    finally:
        for process in frozen:
            with suppress(psutil.NoSuchProcess):
                process.resume()
    assert report["tally"]["clips_done"] == 9
    assert max(starts(tmp_path).values()) >= 2
    assert f"a shard was lost by silence for 3 s on {node.ip}, and was done again" in report["warnings"]
    node.kill()


def test_what_nodes_differ_in_is_said_before_any_shard(lab: Lab, on_ray: Driver, tmp_path: Path) -> None:
    node = lab.add(AUDIOFEAT_TEST_SOUNDFILE="0.9.9", AUDIOFEAT_TEST_OTHER_DISK=str(tmp_path))
    report = on_ray.run(tmp_path, *good(2))
    assert report["error"] == "MissingToolError"
    assert f"1 of 3 nodes of the Ray cluster differ from this one:\n  {node.ip}: " in report["problem"]
    assert "store is another folder there: it must be on a file system that all nodes share" in report["problem"]
    assert "soundfile 0.9.9" in report["problem"]
    assert not starts(tmp_path)
    node.kill()


def test_the_bytes_are_those_of_one_machine_though_the_scheduling_process_was_killed(
    lab: Lab, nodes: list[LabNode], tmp_path: Path
) -> None:
    """With TensorFlow. The run that goes on does what is missing, and no more."""
    for number in range(16):
        write_clip(tmp_path / f"clips/{number}.wav", seed=number, seconds=0.3)
    (tmp_path / "clips/broken.wav").write_bytes(b"RIFF, but no more")
    age(tmp_path / "clips/broken.wav")
    store = tmp_path / "store"
    command = ("extract", tmp_path / "clips", store, *SETTINGS, "--engine", "ray", "--address", lab.address)
    lab.stand_in.unlink()
    try:
        with start(*command, HOME=str(lab.home)) as process:
            assert wait_until(lambda: bool(commits(store)), process)
            workers = workers_of(store)
            process.kill()
        assert left_over(workers) == []
        done = commits(store)
        assert not (store / "store.json").exists()
        again = audiofeat(*command, "--metrics", tmp_path / "metrics.json", HOME=str(lab.home))
    finally:
        lab.stand_in.touch()
    assert again.code == 3, again.err
    metrics = json.loads((tmp_path / "metrics.json").read_text())
    assert metrics["reused"] + metrics["decoded"] == 16
    assert metrics["reused"] >= len(done)
    assert (metrics["cpu_seconds"] > 0) == (metrics["decoded"] > 0)  # it may have been killed after its last shard
    assert audiofeat("extract", tmp_path / "clips", tmp_path / "local", *SETTINGS).code == 3
    assert contents(store) == contents(tmp_path / "local")


def test_a_signal_stops_a_cluster_of_the_runs_own_and_leaves_nothing(lab: Lab, tmp_path: Path) -> None:
    write_clip(tmp_path / "clips/one.wav", seed=0)
    command = ("extract", tmp_path / "clips", tmp_path / "store", *SETTINGS, "--engine", "ray", "--workers", "1")
    variables = {"HOME": str(tmp_path), "AUDIOFEAT_TEST_STAND_IN": str(lab.stand_in)}
    with start(*command, **variables) as process:
        assert wait_until(lambda: any("stand_in" in str(each.environ()) for each in workers_of(tmp_path)), process)
        tree = children_of(process)
        process.terminate()
        ended = finish(process)
    assert (ended.code, "stopped by SIGTERM" in ended.err) == (-15, True), ended.err
    assert left_over(tree) == []
    assert not (tmp_path / ".ray").exists()
    assert list(Path("/tmp").glob(f"audiofeat-ray-{process.pid}-*")) == []
