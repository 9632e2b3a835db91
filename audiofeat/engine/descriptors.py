"""How many files a run must be able to have open, made sure of before any work: not found out clip by clip."""

from __future__ import annotations

import resource
from contextlib import suppress

from audiofeat.errors import MissingToolError

_OF_A_PROCESS = 16
"""A worker's own: standard streams, its pipes, its log; a shard that is written; what TensorFlow opens."""
_OF_A_LANE = 8
"""A clip's file and its copy, and both ends of all pipes while ffmpeg is started."""
_OF_A_WORKER = 2
"""Of the run's own process: the pipes to each worker."""


def check_descriptors(*, lanes: int, processes: int) -> None:
    """Make sure of the file descriptors that ``processes`` workers take, of which the largest has ``lanes``.

    A soft limit is raised as far as need be; workers inherit it.

    Raises:
        MissingToolError: the hard limit is too low.
    """
    wanted = _OF_A_PROCESS + max(_OF_A_LANE * lanes, _OF_A_WORKER * processes)
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft == resource.RLIM_INFINITY or soft >= wanted:
        return
    with suppress(ValueError, OSError):
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
        return
    fewer = ", or fewer --workers" if lanes > 1 else ""
    raise MissingToolError(
        f"too few file descriptors (env.too-few-fds): a process may have {soft} files open, and {wanted} are needed",
        hint=f"ulimit -n {max(256, wanted)}{fewer}",
    )
