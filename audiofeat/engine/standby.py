"""A worker process that is started before anybody knows whether there is work for it.

Starting Python and importing what a lane needs takes a worker as long as its run takes to read its configuration and
to scan and plan; so both go on side by side. TensorFlow it does not touch until it is told to: the run says so once
it is certain that something will be computed. A worker that nobody takes ends without a word.
"""

from __future__ import annotations

import os
import resource
import subprocess
from contextlib import suppress
from pathlib import Path

from audiofeat.engine.child import start_child, worker_environment
from audiofeat.errors import MissingToolError

_LOAD = b'{"load": true}\n'


class Standby:
    """At most one process on standby, for a run on the CPU. Use as a context manager: on leaving, none is left."""

    def __init__(self) -> None:
        self._child: subprocess.Popen[bytes] | None = None
        self._limits = (0, 0)
        self._was_told = False

    def __enter__(self) -> Standby:
        return self

    def __exit__(self, *error: object) -> None:
        self._end()

    def start(self, store: str | os.PathLike[str] | None, *, device: str) -> None:
        """Start the process, unless it is unlikely to be wanted: for a GPU, or where the last run left all done.

        Args:
            store: the place of the store, as far as it is known; None: nothing is started.
            device: what ``--device`` says.
        """
        is_likely = store is not None and not (Path(store) / ".state/unchanged.json").exists()
        if self._child is not None or not is_likely or device.startswith("gpu"):
            return
        self._limits = resource.getrlimit(resource.RLIMIT_NOFILE)
        with suppress(MissingToolError):  # then the run says so, when it starts one
            self._child = start_child(worker_environment(os.environ, device="cpu"), stderr=subprocess.DEVNULL)

    def load(self) -> None:
        """Tell the process, once, to load TensorFlow."""
        if self._child is None or self._child.stdin is None or self._was_told:
            return
        self._was_told = True
        with suppress(BrokenPipeError):
            self._child.stdin.write(_LOAD)
            self._child.stdin.flush()

    def take(self, *, device: str) -> subprocess.Popen[bytes] | None:
        """Hand the process over to whoever wants one for ``device``; None where there is none that would do."""
        child = self._child
        # It has the limits from before.
        would_do = device == "cpu" and self._limits == resource.getrlimit(resource.RLIMIT_NOFILE)
        if child is None or child.poll() is not None or not would_do:
            self._end()
            return None
        self._child = None
        return child

    def _end(self) -> None:
        if self._child is not None:
            self._child.kill()
            self._child.communicate()  # closes the pipes and waits
            self._child = None
