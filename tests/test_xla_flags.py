"""Who compiles programs tells XLA the same, whatever was in the environment."""

from __future__ import annotations

import os
import platform
from importlib import metadata

import pytest
from laying import on_cpu

from audiofeat.engine.child import worker_environment
from audiofeat.frontend.xla_flags import xla_flags


@pytest.fixture
def on_x86(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(platform, "machine", lambda: "x86_64")


def test_a_users_flags_reach_no_worker() -> None:
    environment = worker_environment({"XLA_FLAGS": "--xla_cpu_enable_fast_math=true", "HOME": "/home"}, device="cpu")
    assert environment["XLA_FLAGS"] == xla_flags("cpu")
    assert environment["HOME"] == "/home"


def test_programs_in_this_process_have_the_flags_of_a_worker() -> None:
    on_cpu()
    assert os.environ["XLA_FLAGS"] == xla_flags("cpu")


@pytest.mark.usefixtures("on_x86")
@pytest.mark.parametrize(
    ("version", "knows"), [("2.17.1", False), ("2.18.1", False), ("2.19.0", True), ("3.0.0", True)]
)
def test_a_flag_that_an_older_tensorflow_would_die_of_is_left_out(
    monkeypatch: pytest.MonkeyPatch, version: str, knows: bool
) -> None:
    monkeypatch.setattr(metadata, "version", lambda package: version)
    assert ("--xla_cpu_max_isa=AVX" in xla_flags("cpu").split()) == knows


def test_another_kind_of_processor_is_not_told_of_avx(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(platform, "machine", lambda: "aarch64")
    assert "AVX" not in xla_flags("cpu")


def test_a_gpu_is_not_autotuned() -> None:
    assert xla_flags("gpu") == "--xla_gpu_autotune_level=0"
