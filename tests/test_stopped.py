"""Ctrl-C in a command that has nothing to finish: one line, and the death that a shell's loop looks for."""

from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path

import pytest
from running import environment, finish
from small_store import make_store, settings_for

# Runs the command line, with one function that says when it is called, and then takes for ever.
_SLOW = """
import sys, time
from importlib import import_module

def takes_for_ever(*arguments, **options):
    print("begun", flush=True)
    time.sleep(600)

module, name, *arguments = sys.argv[1:]
setattr(import_module(module), name, takes_for_ever)
sys.argv[1:] = arguments
import_module("audiofeat.cli").main()
"""
_COMMANDS = {
    "plan": ("audiofeat.preview", "preview", "plan", "source", "store", "--config", "kaldi-fbank80"),
    "diff": ("audiofeat.compare", "compare_stores", "diff", "store", "other"),
    "manifest": ("audiofeat.manifest.batches", "open_manifest", "manifest", "store"),
    "stats": ("audiofeat.stats", "store_statistics", "stats", "store"),
    "verify": ("audiofeat.verify", "verify_store", "verify", "store"),
    "repair": ("audiofeat.verify", "verify_store", "repair", "store"),
}


@pytest.mark.parametrize("command", _COMMANDS)
def test_it_says_so_and_dies_of_the_signal(command: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    make_store(tmp_path / "store", settings_for(), {}, failing=["broken"])
    monkeypatch.chdir(tmp_path)
    with subprocess.Popen(
        [sys.executable, "-c", _SLOW, *_COMMANDS[command]],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=environment(),
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "begun\n"
        process.send_signal(signal.SIGINT)
        done = finish(process)
    assert (done.code, done.out, done.err) == (-signal.SIGINT, "", "audiofeat: stopped\n")
