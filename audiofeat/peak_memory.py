"""The most memory that this process has had resident.

Linux hands ``ru_maxrss`` down to whatever a process executes: a run that a large program starts would be charged with
that program's memory, and refused for it under ``--memory``. What the kernel keeps of this program alone is asked for.
"""

from __future__ import annotations

import resource
import sys

_STATUS = "/proc/self/status"


def peak_rss_bytes() -> int:
    """Of this process since it began to run what it runs."""
    try:
        with open(_STATUS, encoding="ascii", errors="replace") as status:
            found = next((int(line.split()[1]) for line in status if line.startswith("VmHWM:")), None)
    except OSError:  # no Linux
        found = None
    if found is not None:
        return found * 1024
    unit_bytes = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit_bytes
