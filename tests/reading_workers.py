"""Reads a store in worker processes, as PyTorch's DataLoader does; run as a script by test_reader_processes.py.

In a process of its own, since from Python 3.12 on a fork beside threads gives a warning, and here there are threads on
purpose: they read while the fork happens.

    reading_workers.py fork|spawn STORE N_THREADS      prints, for each worker, {key: sum of its values}
"""

from __future__ import annotations

import json
import multiprocessing
import sys
import threading
from multiprocessing.queues import SimpleQueue

import audiofeat
from audiofeat.reading.to_torch import TorchClips

N_WORKERS = 4


def work(clips: TorchClips, first: int, results: SimpleQueue[dict[str, float]]) -> None:
    """A worker's share, read twice: in turns with the others, and all of it."""
    for position in range(first, len(clips), N_WORKERS):
        clips[position]
    results.put({clips[position]["key"]: float(clips[position]["mfcc"].sum()) for position in range(len(clips))})


def main() -> None:
    method, root, n_threads = sys.argv[1], sys.argv[2], int(sys.argv[3])
    store = audiofeat.open_store(root)
    clips = store.to_torch("mfcc", meta=["label"])
    for position in range(len(clips)):
        clips[position]  # all shards are open when the workers start
    is_over = threading.Event()

    def read_on() -> None:
        while not is_over.is_set():
            for position in range(len(clips)):
                clips[position]

    threads = [threading.Thread(target=read_on) for _ in range(n_threads)]
    for thread in threads:
        thread.start()
    context = multiprocessing.get_context(method)
    results: SimpleQueue[dict[str, float]] = context.SimpleQueue()
    workers = [context.Process(target=work, args=(clips, first, results)) for first in range(N_WORKERS)]
    for worker in workers:
        worker.start()
    found = [results.get() for _ in workers]
    for worker in workers:
        worker.join()
    is_over.set()
    for thread in threads:
        thread.join()
    json.dump([found, [worker.exitcode for worker in workers]], sys.stdout)


if __name__ == "__main__":
    main()
