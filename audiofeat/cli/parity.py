"""``audiofeat parity``."""

from __future__ import annotations

import json
import math
import sys
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

import click

from audiofeat.cli.device_option import device_option
from audiofeat.errors import DifferentError

if TYPE_CHECKING:
    from audiofeat.parity.verdicts import Comparison, Verdict
    from audiofeat.parity.yardstick import Difference

_HEADINGS = ("preset", "compared with", "clip", "frames", "max dB", "mean dB", "tolerance", "quiet dB", "")
_NUMBERS = range(3, 8)
"""The columns that hold numbers."""


@click.command()
@click.argument("names", nargs=-1, metavar="[PRESET]... [AUDIO]...")
@click.option("--each", is_flag=True, help="Show every clip, instead of each preset's worst.")
@click.option("--golden", is_flag=True, help="Compare with the golden files, also where the library is installed.")
@device_option("Where audiofeat computes.  [default: a GPU if TensorFlow sees one]", show_default=False)
@click.option("--json", "as_json", is_flag=True, help="Print all figures as JSON.")
def parity(names: tuple[str, ...], each: bool, golden: bool, device: str, as_json: bool) -> None:
    """Compare presets with the libraries that they name, on AUDIO files or on synthesised signals.

    Without PRESET: all of them. A library that is not installed is represented by its golden file, which holds what
    it gave for the synthesised signals. Exit code 21 if a preset differs by more than its tolerance, or in its shape.

    \b
    audiofeat parity whisper-80 librosa-mfcc
    audiofeat parity kaldi-fbank80 speech.wav music.mp3 --each

    max dB is the largest difference in what lies within 60 dB of its frame's loudest bin, quiet dB in the rest, where
    float32 leaves rounding errors. The tolerance holds for the former; for the rest it grows as bands get quieter.
    Clips are held in memory whole, some hundred megabytes a minute: cut long recordings.
    """
    from audiofeat.parity.run import presets_and_audio, run

    presets, audio = presets_and_audio(names)
    verdicts = []
    for verdict in run(presets, audio, device=device, golden_only=golden):
        verdicts.append(verdict)
        if sys.stderr.isatty():
            click.echo(f"\r{len(verdicts)} of {len(presets)} presets", err=True, nl=len(verdicts) == len(presets))
    if as_json:
        click.echo(json.dumps([_to_json(verdict) for verdict in verdicts], indent=2))
    else:
        for line in _report(verdicts, each=each, has_audio=bool(audio)):
            click.echo(line)
    failed = [verdict.preset for verdict in verdicts if verdict.outcome == "FAIL"]
    if failed:
        raise DifferentError(
            f"{len(failed)} of {len(verdicts)} presets differ from their library: {', '.join(failed)}",
            hint="audiofeat parity PRESET --each",
        )


def _report(verdicts: Sequence[Verdict], *, each: bool, has_audio: bool) -> Iterator[str]:
    rows = [
        _row(verdict, comparison)
        for verdict in verdicts
        for comparison in (verdict.comparisons if each else (verdict.worst,))
    ]
    yield from _table([_HEADINGS, *rows])
    missed = sum(comparison.outcome == "not compared" for verdict in verdicts for comparison in verdict.comparisons)
    if missed and not each:
        were, them = ("clip was", "it") if missed == 1 else ("clips were", "them")
        yield f"{missed} {were} not compared, since the library does not take {them}: --each names {them}"
    yield from _notes(verdicts)
    if has_audio and not all(verdict.is_live for verdict in verdicts):
        yield "golden files hold synthesised signals only: what stands beside one was not compared on your files"


def _notes(verdicts: Sequence[Verdict]) -> Iterator[str]:
    """Why a golden file stood for a library: each reason once, with its presets."""
    by_note: dict[str, list[str]] = {}
    for verdict in verdicts:
        if verdict.note:
            by_note.setdefault(verdict.note, []).append(verdict.preset)
    for note, presets in by_note.items():
        yield f"{_printable(note)}  ({', '.join(presets)})"


def _row(verdict: Verdict, comparison: Comparison) -> tuple[str, ...]:
    how = "" if verdict.is_live else " (golden file)"
    difference = comparison.difference
    most = mean = quiet = "-"
    if difference is not None:
        quiet = f"{difference.quiet_max_db:.1e}"
        if difference.has_audible:
            most, mean = f"{difference.max_db:.1e}", f"{difference.mean_db:.1e}"
    clip, n_frames, tolerance = _printable(comparison.clip), str(comparison.n_frames), f"{comparison.tolerance_db:.1e}"
    return (verdict.preset, verdict.system + how, clip, n_frames, most, mean, tolerance, quiet, _word(comparison))


def _word(comparison: Comparison) -> str:
    reason = comparison.problem or comparison.refused
    if comparison.outcome == "pass" and not comparison.n_frames:
        reason = "no frame on either side"
    return f"{comparison.outcome}: {_printable(reason)}" if reason else comparison.outcome


def _printable(text: str) -> str:
    """A file's name, or a library's words, without what would break the table's lines, or colour the terminal."""
    return "".join(letter if letter.isprintable() else "?" for letter in text)


def _table(rows: Sequence[tuple[str, ...]]) -> Iterator[str]:
    *widths, _ = (max(map(len, column)) for column in zip(*rows, strict=True))
    for row in rows:
        cells = [
            cell.rjust(width) if column in _NUMBERS else cell.ljust(width)
            for column, (cell, width) in enumerate(zip(row, widths, strict=False))
        ]
        yield "  ".join([*cells, row[-1]]).rstrip()


def _to_json(verdict: Verdict) -> dict[str, Any]:
    return {
        "preset": verdict.preset,
        "system": verdict.system,
        "live": verdict.is_live,
        "note": verdict.note or None,
        "outcome": verdict.outcome,
        "clips": [
            {
                "clip": comparison.clip,
                "frames": comparison.n_frames,
                **_figures(comparison.difference),
                "tolerance_db": comparison.tolerance_db,
                "outcome": comparison.outcome,
                "reason": comparison.problem or comparison.refused or _infinity(comparison.difference),
            }
            for comparison in verdict.comparisons
        ],
    }


def _infinity(difference: Difference | None) -> str | None:
    """JSON has no word for it."""
    return "infinitely far apart" if difference and not math.isfinite(difference.weighed_db) else None


def _figures(difference: Difference | None) -> dict[str, float | None]:
    """JSON has no infinity, which a number in the place of none would be."""
    figures: dict[str, float | None] = dict.fromkeys(("max_db", "mean_db", "quiet_max_db", "weighed_db"))
    if difference is not None:
        figures |= {"quiet_max_db": difference.quiet_max_db, "weighed_db": difference.weighed_db}
        if difference.has_audible:
            figures |= {"max_db": difference.max_db, "mean_db": difference.mean_db}
    return {name: figure if figure is None or math.isfinite(figure) else None for name, figure in figures.items()}
