"""What ``--device`` may say, and which GPUs that is: with a driver and an answer of TensorFlow's made up."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path

import pytest
from small_store import settings_for

from audiofeat import api, device
from audiofeat.config import load_config
from audiofeat.device import WantedDevice, choose_device, choose_gpus, one_gpu, parse_device, visible_gpus
from audiofeat.engine.arrangement import Arrangement
from audiofeat.engine.child import worker_environment
from audiofeat.errors import ConfigError, MissingToolError
from audiofeat.settings import GPU_TAPE_SLOTS


class Machine:
    """One with a driver of GPUs."""

    n_gpus = 4
    questions = 0

    def count(self, environment: tuple[tuple[str, str], ...]) -> int:
        """What TensorFlow answers."""
        self.questions += 1
        named = dict(environment).get("CUDA_VISIBLE_DEVICES")
        return self.n_gpus if named is None else min(self.n_gpus, len(named.split(",")))


@pytest.fixture
def machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Machine:
    machine = Machine()
    driver = tmp_path / "nvidiactl"
    driver.touch()
    monkeypatch.setattr(device, "_DRIVERS", (str(driver),))
    monkeypatch.setattr(device, "_count", machine.count)
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    return machine


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("auto", WantedDevice("auto")),
        ("cpu", WantedDevice("cpu")),
        ("gpu", WantedDevice("gpu")),
        ("gpu:1", WantedDevice("gpu", (1,))),
        ("gpu:2,0,2", WantedDevice("gpu", (2, 0))),
    ],
)
def test_a_device_is_a_kind_and_perhaps_numbers(text: str, wanted: WantedDevice) -> None:
    assert parse_device(text) == wanted


@pytest.mark.parametrize(
    "text", ["", "GPU", "gpu:", "gpu:a", "gpu:-1", "gpu:0,", "gpu:0-2", "cpu:0", "auto:1", "gpu 1"]
)
def test_what_is_no_device_is_refused_with_those_that_are(text: str) -> None:
    with pytest.raises(ConfigError, match="is no device") as caught:
        parse_device(text)
    assert "gpu:0,2" in str(caught.value)


def test_the_python_interface_refuses_it_before_the_source_is_listed(tmp_path: Path) -> None:
    (tmp_path / "source").mkdir()  # empty, which would be the next complaint
    with pytest.raises(ConfigError, match="is no device"):
        api.extract(tmp_path / "source", tmp_path / "store", device="gpu:x")


@pytest.mark.parametrize(
    ("wanted", "hidden_by", "gpus"),
    [
        ("gpu", None, ("0", "1", "2", "3")),
        ("auto", None, ("0", "1", "2", "3")),
        ("gpu:1", None, ("1",)),
        ("gpu:3,0", None, ("3", "0")),
        ("gpu", "2,3", ("2", "3")),
        ("gpu:1", "2,3", ("3",)),
        ("gpu:0", "GPU-5f2e, GPU-77aa", ("GPU-5f2e",)),
    ],
)
def test_numbers_count_the_gpus_that_tensorflow_sees(
    machine: Machine, monkeypatch: pytest.MonkeyPatch, wanted: str, hidden_by: str | None, gpus: tuple[str, ...]
) -> None:
    if hidden_by is not None:
        monkeypatch.setenv("CUDA_VISIBLE_DEVICES", hidden_by)
    assert choose_gpus(wanted) == gpus


@pytest.mark.usefixtures("machine")
def test_a_gpu_that_is_not_there_ends_with_13_and_says_which_are() -> None:
    with pytest.raises(MissingToolError, match="no GPU 4; TensorFlow sees 4 GPUs, numbered from 0 to 3") as caught:
        choose_gpus("gpu:1,4")
    assert caught.value.exit_code == 13
    assert "gpu:3" in caught.value.hint


def test_a_driver_alone_is_no_gpu(machine: Machine) -> None:
    machine.n_gpus = 0
    assert choose_device("auto", stored=None) == "cpu"
    with pytest.raises(MissingToolError, match="TensorFlow sees no GPU"):
        choose_gpus("gpu")


def test_tensorflow_is_asked_only_where_it_decides(machine: Machine) -> None:
    assert choose_device("gpu:1", stored=None) == "gpu"
    assert choose_device("auto", stored="gpu") == "gpu"
    assert choose_device("auto", stored="cpu") == choose_device("cpu", stored="gpu") == "cpu"
    assert machine.questions == 0
    assert choose_device("auto", stored=None) == "gpu"
    assert machine.questions == 1


@pytest.mark.parametrize("hidden_by", ["", "-1"])
def test_hidden_gpus_are_none(machine: Machine, monkeypatch: pytest.MonkeyPatch, hidden_by: str) -> None:
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", hidden_by)
    assert visible_gpus(os.environ) == ()
    assert machine.questions == 0
    with pytest.raises(MissingToolError, match="--device gpu:1, but there is no GPU"):
        choose_device("gpu:1", stored=None)


def test_a_process_sees_its_gpu_alone_and_its_numbers_are_those_of_nvidia_smi() -> None:
    assert one_gpu({}, "2") == {"CUDA_VISIBLE_DEVICES": "2", "CUDA_DEVICE_ORDER": "PCI_BUS_ID"}
    # Numbers that the user wrote are meant in the order in which the user's own programs count.
    assert one_gpu({"CUDA_VISIBLE_DEVICES": "2,3"}, "3") == {"CUDA_VISIBLE_DEVICES": "3"}
    environment = worker_environment(
        {"TF_FORCE_GPU_ALLOW_GROWTH": "false", "NVIDIA_TF32_OVERRIDE": "1"}, device="gpu", gpu="1"
    )
    assert environment["CUDA_VISIBLE_DEVICES"] == "1"
    assert environment["TF_FORCE_GPU_ALLOW_GROWTH"] == "true"
    assert environment["NVIDIA_TF32_OVERRIDE"] == "0"
    assert worker_environment({}, device="cpu")["CUDA_VISIBLE_DEVICES"] == "-1"


@pytest.mark.parametrize(
    ("gpus", "workers", "n_shards", "shares", "own"),
    [
        ((), 2, 100, [1, 1], False),
        ((), 16, 100, [2] * 8, False),
        (("0",), 4, 100, [4], False),
        (("0",), 16, 100, [1] * 16, True),
        (("0",), 16, 3, [1] * 3, True),
        (("0", "1"), 8, 100, [4, 4], False),
        (("0", "1"), 7, 100, [4, 3], False),
        (("0", "1"), 1, 100, [1], False),
        (("0", "1", "2", "3"), 48, 100, [1] * 48, True),
    ],
)
def test_lanes_are_shared_out(gpus: tuple[str, ...], workers: int, n_shards: int, shares: list[int], own: bool) -> None:
    arrangement = Arrangement(gpus=gpus, workers=workers, n_shards=n_shards)
    assert (arrangement.shares, arrangement.has_device_processes) == (shares, own)


def test_each_further_process_goes_to_the_gpu_with_the_fewest() -> None:
    arrangement = Arrangement(gpus=("0", "1"), workers=8, n_shards=100)
    assert arrangement.gpu_for_next([]) == "0"
    assert arrangement.gpu_for_next(["0"]) == "1"
    assert arrangement.gpu_for_next(["1"]) == "0"  # of the one on GPU 0, which has died
    assert Arrangement(gpus=(), workers=8, n_shards=100).gpu_for_next([None, None]) is None


def test_a_gpus_tape_is_long_unless_told_and_is_part_of_what_was_computed() -> None:
    on_cpu, told = settings_for(), settings_for("compute.tape_slots=4096")
    on_gpu, told_on_gpu = replace(on_cpu, device="gpu"), replace(told, device="gpu")
    assert (on_cpu.tape_slots, told.tape_slots) == (2_048, 4_096)
    assert (on_gpu.tape_slots, told_on_gpu.tape_slots) == (GPU_TAPE_SLOTS, 4_096)
    assert on_cpu.digest == told.digest
    assert on_gpu.digest != told_on_gpu.digest
    assert "tape_slots" not in on_cpu.stored["compute"]
    # A store that remembers its configuration is made again on tapes of the same length.
    again = replace(told_on_gpu, config=load_config(told_on_gpu.stored))
    assert again.digest == told_on_gpu.digest
