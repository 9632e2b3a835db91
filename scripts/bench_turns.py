"""Speeds as slopes, measured in turns.

Each row runs on a smaller and a larger corpus; its speed is the slope between the two, so that start-up, and what
hides behind it, drops out. All rows run in turn (A B C A B C ...), so that what else the machine does falls on all of
them; ratios are taken within a turn.
"""

from __future__ import annotations

import statistics
import sys
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from bench_corpus import Corpus
from bench_runs import Figures, Way

EXTRACT = "`audiofeat extract`"
_ATTEMPTS = 3
_LEAST_GROWTH = 1.2
"""Where three times the work takes less than this times the time, the slope is noise."""


@dataclass(slots=True)
class Row:
    """One row of the table: a speed for each turn, and the runs that gave it."""

    corpus: Corpus
    what: str
    way: Way
    workers: int
    speeds: list[float] = field(default_factory=list)
    """Of each turn: units of work a second."""
    cpu_seconds: list[float] = field(default_factory=list)
    """Of each turn: processor time, of all threads and processes, for a unit of work."""
    ratios: list[float] = field(default_factory=list)
    """Of each turn: the speed of ``audiofeat extract`` with as many workers over this row's."""
    cpu_ratios: list[float] = field(default_factory=list)
    """The same of processor time; steadier than ``ratios`` on a busy machine."""
    pairs: list[tuple[Figures, Figures]] = field(default_factory=list)
    """Of each turn: the smaller and the larger run."""

    @property
    def is_ours(self) -> bool:
        return self.what == EXTRACT

    @property
    def unit(self) -> str:
        return "clips" if self.corpus.counts_clips else "audio_seconds"


def run_in_turns(rows: Sequence[Row], *, runs: int, out: Path) -> None:
    """Fill all rows in. Of a corpus, those of audiofeat come first: they say how long its audio is."""
    lengths: dict[Path, float] = {}
    for turn in range(runs):
        for row in rows:
            label = f"turn {turn + 1} of {runs}: {row.corpus.name}, {row.what}, {row.workers}"
            _tell(label)
            pair = _pair(row, out=out)
            for folder, figures in zip((row.corpus.small, row.corpus.large), pair, strict=True):
                figures.setdefault("audio_seconds", lengths.get(folder, 0.0))
                lengths.setdefault(folder, figures["audio_seconds"])
            small, large = pair
            work = large[row.unit] - small[row.unit]
            row.pairs.append(pair)
            row.speeds.append(work / (large["seconds"] - small["seconds"]))
            row.cpu_seconds.append((large["cpu_seconds"] - small["cpu_seconds"]) / work)
        for row in rows:
            ours = _ours_beside(row, rows)
            if ours is not None:
                row.ratios.append(ours.speeds[-1] / row.speeds[-1])
                row.cpu_ratios.append(ours.cpu_seconds[-1] / row.cpu_seconds[-1])
    _tell("")


def _tell(text: str) -> None:
    """On a terminal, in place of what was told before."""
    if sys.stderr.isatty():
        print(f"\r{text:<78}\r", end="", file=sys.stderr, flush=True)


def median_ratio(over: Sequence[float], under: Sequence[float]) -> float:
    """Of figures taken in the same turns."""
    return statistics.median(a / b for a, b in zip(over, under, strict=True))


def _ours_beside(row: Row, rows: Sequence[Row]) -> Row | None:
    if row.is_ours:
        return None
    beside = (other for other in rows if other.is_ours and other.corpus is row.corpus and other.workers == row.workers)
    return next(beside, None)


def _pair(row: Row, *, out: Path) -> tuple[Figures, Figures]:
    """Run a row on the smaller and the larger corpus."""
    for _ in range(_ATTEMPTS):
        small, large = row.way(row.corpus.small, out), row.way(row.corpus.large, out)
        if large["seconds"] >= _LEAST_GROWTH * small["seconds"] and large["cpu_seconds"] > small["cpu_seconds"]:
            return small, large
    raise SystemExit(
        f"{row.corpus.name}, {row.what}: a larger corpus took hardly longer, {_ATTEMPTS} times in a row; the machine "
        "is too busy for so small a one: try --utterances 2000"
    )
