"""The store as a state machine: sources change, runs die, two write at once, bits flip; and no lie is read.

Beside the store stands what it has to hold, as dicts of arrays. Three things always hold: what a reader gets is of one
of the states that were published, or an error; a run converges to the bytes of a store made from scratch; and
``verify`` finds something exactly where the store is not as it was written.
"""

from __future__ import annotations

import random
import shutil
import tempfile
import time
from contextlib import suppress
from pathlib import Path

import numpy as np
from damage import flip
from faults.figures import Figures
from faults.mishap import cut_power, mishap
from faults.toy_run import CONFIGS, ToyRun, rows_of_file
from hypothesis import HealthCheck, Phase, seed, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    rule,
    run_state_machine_as_test,
)
from running import contents, differences

from audiofeat.errors import AudioFeatError, LockedError, StorageError
from audiofeat.reading.store import Store
from audiofeat.store.layout import StorePaths
from audiofeat.store.lock import store_lock
from audiofeat.store.publish import roll_forward
from audiofeat.store.shard_format import Array
from audiofeat.verify import verify_store

_KEYS = ("a", "b/c", "b/d", "e", "\u00fc", "z 1")
_State = dict[str, Array]
_OPERATIONS = st.integers(0, 90)


class StoreMachine(RuleBasedStateMachine):
    """The rules; see the module."""

    def __init__(self) -> None:
        super().__init__()
        self.folder = Path(tempfile.mkdtemp(prefix="audiofeat-machine-"))
        self.source, self.store = self.folder / "source", self.folder / "store"
        self.source.mkdir()
        self.config, self.store_format = CONFIGS[0], "hdf5"
        self.n_writes = 0
        self.states: list[_State] = []
        """All that were, or may have been, published."""
        self.is_clean = self.is_damaged = False
        """Whether the last run ended well and nobody has touched the store since."""
        self.readers: list[tuple[Store, _State]] = []
        self.scratch: dict[object, Path] = {}

    @initialize(store_format=st.sampled_from(["hdf5", "npy"]))
    def begin(self, store_format: str) -> None:
        self.store_format = store_format
        self._write("a", is_bad=False)

    def teardown(self) -> None:
        for store, _ in self.readers:
            store.close()
        shutil.rmtree(self.folder, ignore_errors=True)

    # What becomes of the source.

    @rule(key=st.sampled_from(_KEYS), is_bad=st.sampled_from([False, False, False, True]))
    def add_or_change(self, key: str, is_bad: bool) -> None:
        self._write(key, is_bad=is_bad)

    @rule(key=st.sampled_from(_KEYS[1:]))
    def remove(self, key: str) -> None:
        (self.source / f"{key}.wav").unlink(missing_ok=True)

    @rule(config=st.sampled_from(CONFIGS))
    def change_config(self, config: str) -> None:
        self.config = config

    # Runs.

    @rule(is_backwards=st.booleans())
    def run(self, is_backwards: bool) -> None:
        self._run(is_backwards=is_backwards)

    @rule(number=_OPERATIONS, is_power_cut=st.booleans(), is_fresh=st.booleans())
    def die(self, number: int, is_power_cut: bool, is_fresh: bool) -> None:
        """A run ends at an operation on files, where it has so many; ``is_fresh``: one that has a change to publish."""
        if is_fresh:
            self._run()
            self._write("a", is_bad=False)
        was_clean = self.is_clean
        before = contents(self.store) if was_clean else {}
        self.states.append(self._wanted())
        with mishap(number) as happening:
            self._command()()
        if happening.is_dead:
            self.is_clean = False
            if is_power_cut:
                cut_power(self.store, happening.unsynced)
            if was_clean:
                self._expect_old_or_new(before)
        elif self.is_damaged:
            self._repair()
        else:
            self._note_finished()

    @rule(number=_OPERATIONS)
    def two_writers(self, number: int) -> None:
        """In the midst of a run another one has its turn, on a file system where locks do nothing."""
        self.states.append(self._wanted())
        other = self._command(has_lock=False, is_backwards=True)
        with mishap(number, other), suppress(StorageError):
            self._command(has_lock=False)()
        self.is_clean = False

    @rule()
    def second_writer_is_refused(self) -> None:
        before = contents(self.store) if self.store.exists() else {}
        with store_lock(StorePaths(self.store)):
            try:
                self._command()()
            except LockedError:
                pass
            else:
                raise AssertionError("two hold the lock")
        assert contents(self.store) == before

    # Damage, and what finds it.

    @rule(luck=st.integers(0, 1 << 32), is_deletion=st.booleans())
    def damage(self, luck: int, is_deletion: bool) -> None:
        """A file goes, or one of its bits flips. Runs may come before somebody verifies."""
        chance = random.Random(luck)  # not hypothesis's own: how often it is asked depends on the files
        if not self.is_clean:
            self._run()
        shards, state = self.store / "shards", self.store / ".state"
        # NPY's links are other names of the same arrays, and a store is complete without them.
        of_content = [*self.store.iterdir(), *shards.rglob("*")]
        files = of_content if chance.random() < 0.7 else list(state.iterdir())
        path = chance.choice(sorted(path for path in files if path.is_file() and path.name != "lock"))
        if is_deletion or not path.stat().st_size:
            path.unlink()
        else:
            flip(path, chance.randrange(8 * path.stat().st_size))
        self.is_clean = False
        self.is_damaged = path in of_content
        if self.is_damaged and (self.store / "store.json").exists():
            assert verify_store(self.store, workers=1).problems, f"{path.relative_to(self.store)} was damaged unnoticed"

    @rule()
    def verify(self) -> None:
        if not self.is_clean:
            self._run()
        problems = verify_store(self.store, workers=1).problems
        assert not problems, problems

    @rule()
    def open_reader(self) -> None:
        with suppress(AudioFeatError):
            store = Store(self.store)
            keys = set(store)
            state = next((state for state in self.states if state.keys() == keys), None)
            assert state is not None, f"a store of {sorted(keys)}"
            self.readers.append((store, state))

    @invariant()
    def nothing_wrong_is_read(self) -> None:
        self._read()
        for store, _ in self.readers:
            for key in store:
                # After later runs its shards may be gone; what it still gives is of some state, and whole.
                with suppress(AudioFeatError, OSError, KeyError):
                    self._expect_known(key, store[key]["log_mel"])

    def _read(self) -> None:
        with suppress(AudioFeatError), Store(self.store, verify=True) as store:
            for key in store:
                with suppress(AudioFeatError):
                    self._expect_known(key, store[key]["log_mel"])

    def _expect_known(self, key: str, rows: Array) -> None:
        known = [state[key] for state in self.states if key in state]
        assert any(np.array_equal(rows, each) for each in known), f"{key!r} was never so"

    def _write(self, key: str, *, is_bad: bool) -> None:
        """Each file ever written has a size of its own: what tells one from another then is no matter of clocks."""
        self.n_writes += 1
        path = self.source / f"{key}.wav"
        path.parent.mkdir(exist_ok=True)
        path.write_bytes((b"bad" if is_bad else b"good") + bytes([self.n_writes % 251]) * self.n_writes)

    def _command(self, **options: object) -> ToyRun:
        return ToyRun(self.source, self.store, self.config, self.store_format, **options)  # type: ignore[arg-type]  # options of several types

    def _wanted(self) -> _State:
        files = {path: path.read_bytes() for path in self.source.rglob("*.wav")}
        return {
            path.relative_to(self.source).with_suffix("").as_posix(): rows_of_file(content, self.config)
            for path, content in files.items()
            if not content.startswith(b"bad")
        }

    def _run(self, **options: object) -> None:
        self.states.append(self._wanted())
        self._command(**options)()
        if self.is_damaged:
            self._repair()
        self._note_finished()

    def _expect_old_or_new(self, before: dict[str, bytes]) -> None:
        """What was published stands, or what was to be: that takes no work but the last of three renames."""
        roll_forward(StorePaths(self.store))
        found = verify_store(self.store, workers=1).problems
        assert not [problem for problem in found if problem.kind != "link"], found
        parts = ("store.json", "manifest.parquet", "quarantine.jsonl")
        now, after = contents(self.store), contents(self._from_scratch())
        assert any(all(now[part] == state[part] for part in parts) for state in (before, after))

    def _repair(self) -> None:
        """What a run copied it has checked; what it let stand ``verify`` finds, and another run makes again."""
        self._read()
        found = verify_store(self.store, workers=1)
        is_whole = not differences(self.store, self._from_scratch())
        assert is_whole == (not found.problems), (
            f"{found.problems} of a store that is {'' if is_whole else 'not '}whole"
        )
        self._command(damaged_clips=found.damaged_clips, damaged_shards=found.damaged_shards)()
        self.is_damaged = False

    def _note_finished(self) -> None:
        self.is_clean = True
        differing = differences(self.store, self._from_scratch())
        assert not differing, differing
        with Store(self.store, verify=True) as store:
            wanted = self.states[-1]
            assert set(store) == wanted.keys()
            assert all(np.array_equal(store[key]["log_mel"], wanted[key]) for key in store)

    def _from_scratch(self) -> Path:
        files = {path.name: path.read_bytes() for path in self.source.rglob("*.wav")}
        kind = (self.config, tuple(sorted(files.items())))
        if kind not in self.scratch:
            self.scratch[kind] = self.folder / f"scratch{len(self.scratch)}"
            ToyRun(self.source, self.scratch[kind], self.config, self.store_format)()
        return self.scratch[kind]


def torture(folder: Path, *, scale: float = 1.0, examples: int = 500, steps: int = 40, first_seed: int = 0) -> Figures:
    """Play the machine so many times; what fails is told with the seed, and with the steps that lead there."""
    folder.mkdir(parents=True, exist_ok=True)
    figures = Figures("stores as a state machine (examples)")
    begun = time.monotonic()
    batch = 50
    for number in range(first_seed, first_seed + max(1, round(scale * examples / batch))):
        found = _play(number, examples=batch, steps=steps)
        figures.tried += batch
        if found:
            figures.violations.append(f"seed {number}: {found}")
    figures.seconds = time.monotonic() - begun
    return figures


def _play(number: int, *, examples: int, steps: int) -> str:
    options = settings(
        max_examples=examples, stateful_step_count=steps, deadline=None, database=None, derandomize=False,
        suppress_health_check=list(HealthCheck), phases=(Phase.generate, Phase.shrink), print_blob=False,
    )  # fmt: skip
    try:
        run_state_machine_as_test(seed(number)(StoreMachine), settings=options)
    except Exception as error:  # noqa: BLE001 - whatever comes out is what is looked for
        return f"{type(error).__name__}: {error} {' / '.join(getattr(error, '__notes__', ()))}"
    return ""
