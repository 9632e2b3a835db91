"""A worker that speaks the protocol and computes nothing: it takes a thirtieth of a second to start.

What befalls it is in the name of the shard that it is given: NAME-WHAT-TIMES. Before it is done, the shard kills,
freezes or ends so many workers; with ``start`` before they have a clip. ``slow`` takes so many tenths of a second;
``held`` ends when there is a file ``go`` in the source's folder.
In the source's folder, ``starts`` has a line for each attempt, with the raylet under which it was made.
"""

from __future__ import annotations

import json
import os
import signal
import sys
import time
from typing import Any, TextIO


def say(**message: Any) -> None:
    sys.stdout.write(json.dumps(message) + "\n")
    sys.stdout.flush()


def befall(slot: str, *, finished: int, source: str, hands: TextIO) -> None:
    _, what, times = slot.split("-")
    if what != "start":
        hands.seek(0)
        hands.write((slot + " 0").ljust(64))
        hands.flush()
    if what == "slow":
        time.sleep(int(times) / 10)
        return
    if what == "held":
        while not os.path.exists(os.path.join(source, "go")):
            time.sleep(0.02)
        return
    deaths = os.path.join(source, slot)
    before = os.path.getsize(deaths) if os.path.exists(deaths) else 0
    if before == int(times):
        return
    with open(deaths, "a") as file:
        file.write("x")
    if what == "hang":
        say(tally={}, examples=[], warnings=[])
        time.sleep(600)
    half_done = {"clips_done": finished + 5, "audio_seconds": finished + 5.0, "ffmpeg_audio_seconds": 5.0}
    say(tally=half_done, examples=[], warnings=[])
    os.kill(os.getpid(), {"frozen": signal.SIGSTOP, "crash": signal.SIGSEGV}.get(what, signal.SIGKILL))


def main() -> None:
    job = json.loads(sys.stdin.readline())
    with open(job["hands"], "w") as hands:
        work(source=job["source"], hands=hands, commits=os.path.join(job["store"], ".state/commits"))
    say(bye={"peak_rss_bytes": 0})
    os._exit(0)


def work(*, source: str, hands: TextIO, commits: str) -> None:
    os.makedirs(commits, exist_ok=True)
    starts = os.path.join(source, "starts")
    say(ready=0.0, worked_seconds=0.0)
    for finished, line in enumerate(sys.stdin):
        slot = json.loads(line).get("shard")
        if slot is None:
            return
        with open(starts, "a") as file:
            file.write(f"{slot} {os.environ.get('RAY_RAYLET_PID', '')}\n")
        if "-" in slot:
            befall(slot, finished=finished, source=source, hands=hands)
        with open(os.path.join(commits, f"{slot}.json"), "w"):
            pass
        say(tally={"clips_done": finished + 1, "audio_seconds": finished + 1}, examples=[], warnings=[])
        say(done=slot, counts={"clips_done": 1, "clips_failed": 0, "audio_seconds": 1.0, "ffmpeg_audio_seconds": 0.0})
