"""Fuzz targets that take audio: the header check alone, and decoding from the first byte to the last sample."""

from __future__ import annotations

import time
import tracemalloc
from pathlib import Path

import numpy as np
from decode_inputs import Bounds, wav_bytes
from faults.fuzz_target import Target, expect
from make_sample_data import make_formats

from audiofeat.decode import SourceFile, find_ffmpeg, open_clip
from audiofeat.decode.headers import read_header
from audiofeat.decode.sniff import sniff
from audiofeat.errors import ClipError

_MOST_BYTES = 64 << 20
_MOST_SECONDS = 0.05
_SPARSE_BYTES = 1 << 30
_MEASURED_OF = 32
_LIMITS = Bounds(max_seconds=30.0)


def seeds(formats: Path) -> tuple[bytes, ...]:
    """One file of each format, made there where there are none yet, and WAV files that take turns of their own."""
    if not formats.exists():
        make_formats(formats)
    return (
        *(path.read_bytes() for path in sorted(formats.iterdir())),
        wav_bytes(channels=2, bits=24),
        wav_bytes(tag=0xFFFE),
        wav_bytes(before_data=b"LIST\x04\0\0\0abcd", data_size=0),
        wav_bytes(data_size=0xFFFFFFFF),
    )


def headers(folder: Path, formats: Path, *, is_sparse: bool = False) -> Target:
    """Sniffing and the header check: a ClipError or a sound promise, in 50 ms and 64 MB.

    ``is_sparse`` gives each file a gigabyte of zeros behind, which takes no room and is there to be stumbled over.
    """
    path = folder / "input"
    numbers = iter(range(1 << 62))

    def check(data: bytes) -> None:
        with open(path, "wb") as file:
            file.write(data)
            if is_sparse:
                file.truncate(_SPARSE_BYTES)
        is_measured = next(numbers) % _MEASURED_OF == 0  # counting every allocation takes time
        if is_measured:
            tracemalloc.start()
        try:
            begun = time.thread_time()
            _look_at(path)
            seconds = time.thread_time() - begun
            if is_measured:
                _, most_bytes = tracemalloc.get_traced_memory()
                expect(that=most_bytes < _MOST_BYTES, says=f"the header check took {most_bytes:,} bytes")
            else:
                # Once more before it counts: another program may have been in the way.
                if seconds >= _MOST_SECONDS:
                    begun = time.thread_time()
                    _look_at(path)
                    seconds = time.thread_time() - begun
                expect(that=seconds < _MOST_SECONDS, says=f"the header check took {seconds * 1000:.0f} ms")
        finally:
            tracemalloc.stop()

    return Target("sparse" if is_sparse else "headers", seeds(formats), check)


def _look_at(path: Path) -> None:
    file = SourceFile(str(path))
    try:
        found = read_header(file, sniff(file))
    except ClipError as error:
        is_known = error.reason.startswith("input.") or error.reason in ("limit.channels", "limit.sample-rate")
        expect(that=is_known, says=f"{error.reason} for what lies in the file")
        return
    finally:
        file.close()
    for name in ("declared_frames", "last_seek_frame", "clock_hz", "clock_frames"):
        value = getattr(found, name)
        expect(that=value is None or (type(value) is int and value >= 0), says=f"{name} is {value!r}")


def decoding(folder: Path, formats: Path) -> Target:
    """The whole way from bytes to samples: a ClipError, or blocks of the shape, type and number that are promised.

    Whether samples are NaN is judged behind it, where levels are.
    """
    path, ffmpeg = folder / "input", find_ffmpeg()

    def check(data: bytes) -> None:
        path.write_bytes(data)
        try:
            with open_clip(str(path), channels="each", sample_rate=None, limits=_LIMITS, ffmpeg=ffmpeg) as clip:
                frames = 0
                for block in clip:
                    expect(that=block.dtype == np.float32, says=f"samples of type {block.dtype}")
                    expect(that=block.shape[1:] == (clip.channels,), says=f"a block of shape {block.shape}")
                    frames += len(block)
                expect(that=frames == clip.source_frames > 0, says=f"{frames} frames, {clip.source_frames} said")
                expect(
                    that=_LIMITS.min_sample_rate <= clip.native_sample_rate <= _LIMITS.max_sample_rate,
                    says=f"{clip.native_sample_rate} Hz",
                )
                expect(that=clip.channels <= _LIMITS.max_channels, says=f"{clip.channels} channels")
                expect(that=clip.duration_seconds <= _LIMITS.max_seconds, says=f"{clip.duration_seconds} s")
        except ClipError as error:
            is_ours = error.reason.startswith(("input.", "limit.", "decoder."))
            expect(that=is_ours and error.reason != "decoder.missing", says=f"{error.reason}: {error.problem}")

    return Target("decode", seeds(formats), check)
