"""Bits turned in shards of finished stores, and ``audiofeat repair``: what was hit is decoded again, no more."""

from __future__ import annotations

import random
import re
import time
from pathlib import Path

from damage import flip
from faults.figures import Figures
from faults.flips import PACKINGS
from running import audiofeat, contents, write_clips

from audiofeat.verify import verify_store


def torture(folder: Path) -> Figures:
    """Eight repairs of each kind of shard."""
    figures = Figures("repairs of flipped bits by the command line")
    begun = time.monotonic()
    source = write_clips(folder / "source", count=16)
    for number, packing in enumerate(PACKINGS):
        repair_flips(figures, source, folder / str(number), packing, repairs=8)
    figures.seconds = time.monotonic() - begun
    return figures


def repair_flips(figures: Figures, source: Path, store: Path, packing: str, *, repairs: int) -> None:
    """Add to ``figures`` what became of so many repairs of a store of ``source``, each of one to three bits."""
    options = [part for override in (*PACKINGS[packing], "store.shard_clips=2") for part in ("--set", override)]
    made = audiofeat("extract", source, store, "--config", "kaldi-fbank80", "--quiet", *options)
    if made.code != 0:
        figures.violations.append(f"{packing}: no store was made: {made.err}")
        return
    before = contents(store)
    generator = random.Random(packing)
    files = sorted(file for file in (store / "shards").rglob("*") if file.is_file())
    for _ in range(repairs):
        harms = []
        for file in generator.sample(files, generator.randint(1, 3)):
            harms.append((file, generator.randrange(8 * file.stat().st_size)))
            flip(*harms[-1])
        figures.tried += 1
        what = f"{packing}: {', '.join(f'{file.name} bit {bit}' for file, bit in harms)}"
        damaged = len(verify_store(store).damaged_clips)
        done = audiofeat("repair", store)
        decoded = re.search(r"decoded +(\d+) of", done.out)
        n_decoded = int(decoded.group(1)) if decoded else 0
        if done.code != 0 or n_decoded != damaged:
            figures.violations.append(f"{what}: exit code {done.code}, {n_decoded} decoded of {damaged}: {done.err}")
        if contents(store) != before:
            figures.violations.append(f"{what}: not the bytes of before")
            return
