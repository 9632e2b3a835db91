"""How a run's lanes are shared out among processes, and the processes among GPUs.

::

    CPU                     each process has TensorFlow and one to four lanes
    GPU, few lanes to each  one process for each GPU, with TensorFlow and all its lanes
    GPU, many lanes         one process for each GPU that computes and does nothing else; each lane in a process of
                            its own, without TensorFlow, that hands its tapes to one of them (see ``device_process``)
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence

MOST_LANES = 4
"""In one process: threads meet the interpreter's lock, and beyond about four another process does more."""

_SHARDS_A_PROCESS = 4
"""So many shards must there be for each process: a lane of its own process is a quarter faster than one of two in the
same (measured on WAV), but a process takes whole shards, and an idle one at the end costs more than that."""

_MOST_SINGLE_LANES = 8
"""Beyond so many workers, two lanes share a process, and with it TensorFlow's half gigabyte of memory."""


def wants_device_processes(*, n_gpus: int, workers: int) -> bool:
    """Whether the lanes are too many for one process a GPU."""
    return n_gpus > 0 and workers > MOST_LANES * n_gpus


class Arrangement:
    """Which processes there are to be; told what there is, it says where the next one belongs."""

    def __init__(self, *, gpus: Sequence[str], workers: int, n_shards: int, most_processes: int | None = None) -> None:
        """
        Args:
            gpus: to compute on, by CUDA's names; none: the CPU.
            workers: lanes in all.
            most_processes: that compute for themselves on the CPU; None: as many as are good for the lanes.
        """
        self._gpus = gpus
        self.has_device_processes = wants_device_processes(n_gpus=len(gpus), workers=workers)
        if self.has_device_processes:
            processes, self.most_lanes = min(workers, n_shards), 1
        elif gpus:
            # A GPU is worth one CUDA context, and then all the lanes that there are for it.
            processes, self.most_lanes = min(len(gpus), workers, n_shards), -(-workers // len(gpus))
        else:
            fewest = -(-workers // MOST_LANES)
            most = workers if workers <= _MOST_SINGLE_LANES else -(-workers // 2)
            wanted = min(most, max(fewest, n_shards // _SHARDS_A_PROCESS), n_shards)
            processes, self.most_lanes = min(wanted, most_processes or wanted), MOST_LANES
        few, more = divmod(workers, max(1, processes))
        lanes = [few + (number < more) for number in range(max(1, processes))]
        is_capped = bool(gpus) or self.has_device_processes
        self.shares = [min(each, self.most_lanes) for each in lanes] if is_capped else lanes
        """Lanes for each process to start with: as even as can be."""

    def gpu_for_next(self, taken: Iterable[str | None]) -> str | None:
        """The GPU of another process, where those that there are have ``taken`` theirs; None: the CPU."""
        count = Counter(taken)
        return min(self._gpus, key=lambda name: count[name], default=None)
