"""One clip: opened, recognised, checked, and decoded to mono at the wanted rate, block by block."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Protocol

from audiofeat.decode.ffmpeg import ffmpeg_version
from audiofeat.decode.ffmpeg_decoder import FfmpegDecoder
from audiofeat.decode.headers import promise, read_header
from audiofeat.decode.limits import Limits, max_frames, too_long
from audiofeat.decode.opening import SourceFile
from audiofeat.decode.samples import Resampler, Samples, to_mono
from audiofeat.decode.sniff import sniff
from audiofeat.decode.soundfile_decoder import SoundfileDecoder, soundfile_version


class NativeDecoder(Protocol):
    """What both decoders are: blocks at the file's own rate and channels."""

    version: str
    sample_rate: int
    channels: int

    def blocks(self) -> Iterator[Samples]: ...
    def close(self) -> None: ...


class ClipAudio:
    """One clip's mono samples, decoded block by block as they are asked for."""

    __slots__ = (
        "_decoder",
        "_file",
        "_is_used",
        "_limits",
        "channels",
        "ctime_ns",
        "decoder",
        "inode",
        "native_sample_rate",
        "sample_rate",
        "size_bytes",
        "source_digest",
        "source_frames",
    )  # fmt: skip

    def __init__(self, file: SourceFile, decoder: NativeDecoder, *, sample_rate: int, limits: Limits) -> None:
        self._file, self._decoder, self._limits = file, decoder, limits
        self._is_used = False
        self.source_digest = file.digest()
        """BLAKE3 of the file's bytes, hex."""
        self.size_bytes, self.ctime_ns, self.inode = file.size_bytes, file.ctime_ns, file.inode
        self.decoder = decoder.version
        """Name and version of what decodes it: part of what was computed."""
        self.native_sample_rate, self.channels = decoder.sample_rate, decoder.channels
        self.sample_rate = sample_rate
        """Of the samples that iterating gives, Hz."""
        self.source_frames = 0
        """Frames at the native rate that were decoded; 0 until the iteration has ended."""

    @property
    def duration_seconds(self) -> float:
        """The length of what was decoded; valid after the iteration."""
        return self.source_frames / self.native_sample_rate

    def __iter__(self) -> Iterator[Samples]:
        """Blocks (n,) float32, mono, at ``sample_rate`` Hz; once only.

        What was given counts only if the iteration ends without an error: damage may show at the very end.

        Raises:
            ClipError: the clip cannot be decoded whole, holds nothing, is too long, or changed meanwhile.
        """
        if self._is_used:
            raise RuntimeError("a clip's samples can be iterated over once; open the clip again")
        self._is_used = True
        native = self.native_sample_rate
        resampler = None
        if native != self.sample_rate:
            resampler = Resampler(native_sample_rate=native, sample_rate=self.sample_rate)
        most = max_frames(sample_rate=native, limits=self._limits)
        frames = 0
        for block in self._decoder.blocks():
            frames += len(block)
            if frames > most:
                raise too_long(seen_frames=frames, sample_rate=native, limits=self._limits, verb="holds at least")
            mono = to_mono(block)
            if resampler is not None:
                mono = resampler.push(mono)
            if mono.size:
                yield mono
        if frames == 0:
            raise promise.no_samples("the decoder gave none")
        if resampler is not None:
            tail = resampler.finish()
            if tail.size:
                yield tail
        self._file.check_unchanged()
        self.source_frames = frames


@contextmanager
def open_clip(path: str, *, sample_rate: int, limits: Limits, ffmpeg: str | None) -> Iterator[ClipAudio]:
    """Open one audio file and get ready to decode it to mono at ``sample_rate`` Hz.

    ``path`` is as ``os.fsdecode`` spells it; ``ffmpeg`` is the program for what soundfile cannot read, if there is one.

    Raises:
        ClipError: with a reason code and a message that names what was found, never the path.
    """
    file = SourceFile(path)
    try:
        container = read_header(file, sniff(file))
        decoder: NativeDecoder
        if container.decoder == "soundfile":
            decoder = SoundfileDecoder(file, container=container, limits=limits)
        else:
            decoder = FfmpegDecoder(file, container=container, limits=limits, ffmpeg=ffmpeg)
        try:
            yield ClipAudio(file, decoder, sample_rate=sample_rate, limits=limits)
        finally:
            decoder.close()
    finally:
        file.close()


def decoder_versions(ffmpeg: str | None) -> dict[str, str]:
    """The decoders at hand: the same words as ``ClipAudio.decoder``, by name.

    Raises:
        MissingToolError: ``ffmpeg`` cannot be run.
    """
    versions = {"soundfile": soundfile_version()}
    if ffmpeg is not None:
        versions["ffmpeg"] = ffmpeg_version(ffmpeg)
    return versions
