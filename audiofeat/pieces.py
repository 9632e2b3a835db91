"""What one clip of the source is cut into: its channels, without silent ends, in chunks of a fixed length.

::

    decoded blocks (n, channels) ─▶ signals, one a channel ─▶ pieces, one a chunk ─▶ clips of the store

Where nothing needs the whole clip, its blocks go straight through. Where something does (several channels, silent
ends, a peak), they wait in memory or spooled, like rows.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import NamedTuple

import numpy as np

from audiofeat.config import Audio
from audiofeat.decode import ClipAudio
from audiofeat.dsp.framing import Samples
from audiofeat.dsp.trim import peak_of, trim_bounds
from audiofeat.errors import ClipError
from audiofeat.store.rows import RowBudget, Rows


class Signal(NamedTuple):
    """One channel of a clip, or the mix of all."""

    channel: int | None
    """None for the mix."""
    start_sample: int
    """Where it begins in what was decoded: behind the silence that was cut off."""
    gain: float
    blocks: Iterable[Samples]
    """(n,) float32, to be iterated over once, before the next signal is asked for."""


class Piece(NamedTuple):
    """A stretch of a signal."""

    channel: int | None
    start_sample: int
    gain: float
    blocks: Iterator[Samples]
    """(n,) float32, to be exhausted before the next piece is asked for."""
    is_rest: bool
    """Whether it is not the first of its signal, so that there is no harm in its being too short for a frame."""


def pieces_of(audio: ClipAudio, settings: Audio, *, budget: RowBudget) -> Iterator[Piece]:
    """Cut a clip into pieces while it is decoded.

    Raises:
        ClipError: from decoding.
        StorageError: from spooling.
    """
    for signal in _signals(audio, settings, budget=budget):
        channel, start_sample, gain = signal.channel, signal.start_sample, signal.gain
        if settings.chunk_seconds is None:
            yield Piece(channel, start_sample, gain, iter(signal.blocks), is_rest=False)
            continue
        chunk_samples = max(1, round(settings.chunk_seconds * audio.sample_rate))
        is_rest = False
        for blocks in chunks_of(signal.blocks, chunk_samples):
            yield Piece(channel, start_sample, gain, blocks, is_rest=is_rest)
            start_sample, is_rest = start_sample + chunk_samples, True
        if not is_rest:  # resampling may leave nothing of a single sample
            yield Piece(channel, start_sample, gain, iter(()), is_rest=False)


def non_finite() -> ClipError:
    """For samples of which no features can be made."""
    return ClipError(
        "input.non-finite", "some samples are NaN or infinite", hint="write the file again from its source"
    )


def chunks_of(blocks: Iterable[Samples], chunk_samples: int) -> Iterator[Iterator[Samples]]:
    """Cut a stream of blocks into streams of ``chunk_samples`` each, the last one shorter; none that is empty."""
    source = iter(blocks)
    waiting = next(source, None)

    def chunk() -> Iterator[Samples]:
        nonlocal waiting
        missing = chunk_samples
        while waiting is not None and missing:
            block = waiting
            if len(block) > missing:
                waiting = block[missing:]
                yield block[:missing]
                return
            missing -= len(block)
            waiting = None  # not kept while the consumer works on it
            yield block
            waiting = next(source, None)

    while waiting is not None:
        yield chunk()


def _signals(audio: ClipAudio, settings: Audio, *, budget: RowBudget) -> Iterator[Signal]:
    if audio.output_channels == 1 and settings.trim_db is None and settings.peak is None:
        yield Signal(_channel(audio, settings, 0), 0, 1.0, (block[:, 0] for block in audio))
        return
    spool = Rows(audio.output_channels, budget, is_digested=False)
    try:
        for block in audio:
            if not np.isfinite(block).all():
                raise non_finite()
            spool.append(block)
        for column in range(audio.output_channels):
            yield _signal(spool, column, settings, channel=_channel(audio, settings, column))
    finally:
        spool.release()


def _channel(audio: ClipAudio, settings: Audio, column: int) -> int | None:
    return column if settings.channels == "each" and audio.channel is None else audio.channel


def _signal(spool: Rows, column: int, settings: Audio, *, channel: int | None) -> Signal:
    def blocks() -> Iterator[Samples]:
        return (np.ascontiguousarray(block[:, column]) for block in spool.blocks())

    start, stop = 0, spool.n_rows
    if settings.trim_db is not None:
        start, stop = trim_bounds(blocks, n_samples=spool.n_rows, top_db=settings.trim_db)
    gain = 1.0
    if settings.peak is not None:
        peak = peak_of(lambda: _stretch(blocks(), start, stop))
        gain = settings.peak / peak if peak else 1.0
    return Signal(channel, start, gain, _stretch(blocks(), start, stop))


def _stretch(blocks: Iterable[Samples], start: int, stop: int) -> Iterator[Samples]:
    """Samples ``start`` to ``stop`` of a stream of blocks."""
    position = 0
    for block in blocks:
        part = block[max(0, start - position) : max(0, stop - position)]
        position += len(block)
        if len(part):
            yield part
