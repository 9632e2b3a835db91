"""Power cuts at any instant of a run: states of the disk that one may leave, and what the next run makes of them."""

from __future__ import annotations

import pickle
import random
import shutil
import time
from pathlib import Path

from faults.checking import broken_promises, not_converged
from faults.children import in_child
from faults.disk import watched
from faults.figures import Figures
from faults.mutations import Mutation, unchanged
from faults.scenes import Scene, scenes
from faults.small_run import run_small
from faults.tape_of_disk import Tape

SEED = 1


def record(scene: Scene, folder: Path, *, mutation: Mutation = unchanged) -> Tape:
    """The scene's run on tape."""
    store, saved = scene.begin(folder / "recorded"), folder / "tape"

    def run() -> None:
        tape = Tape.of(store)
        with watched(store, tape.hook(mutation)):
            run_small(scene.source, store, scene.store_format, reported=lambda slot: tape.say(slot or "finished"))
        tape.save(saved)

    ended = in_child(run)
    if ended.status != 0:
        raise AssertionError(ended.said)
    tape: Tape = pickle.loads(saved.read_bytes())
    return tape


def cut_power(
    scene: Scene, folder: Path, figures: Figures, *, states: int, mutation: Mutation = unchanged, seed: int = SEED
) -> None:
    """Look at so many states, at instants spread over the run; all of them again are those of an equal ``seed``."""
    tape = record(scene, folder, mutation=mutation)
    chance = random.Random(seed)
    shards = scene.shards()
    for number in range(states):
        stop = len(tape.steps) - round(number * len(tape.steps) / states)
        store = folder / "store"
        shutil.rmtree(store, ignore_errors=True)
        tape.after_power_cut(store, stop=stop, chance=chance)
        figures.tried += 1
        said = tape.said_before(stop)
        promised = [shards[word] for word in said if word in shards]
        must_be_whole = scene.was_finished or "finished" in said
        found = [
            *broken_promises(store, promised=promised, must_be_whole=must_be_whole),
            *not_converged(store, scene.source, scene.expected, scene.store_format),
        ]
        where = (
            f"{scene.name}: power cut before step {stop} of {len(tape.steps)}, state {number} of {states}, seed {seed}"
        )
        figures.violations += [f"{where}: {what}" for what in found]


def torture(folder: Path, *, scale: float = 1.0) -> Figures:
    """Two states for each step of each scene, or as many as the scale says."""
    figures = Figures("a power cut at any instant of a run")
    begun = time.monotonic()
    for scene in scenes(folder / "scenes"):
        cut_power(scene, folder, figures, states=max(1, round(500 * scale)))
    figures.seconds = time.monotonic() - begun
    return figures
