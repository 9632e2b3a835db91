"""One clip: opened, recognised, checked, and decoded at the wanted rate, block by block."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Protocol

from audiofeat.decode.channels import Channels, channel_picker, wanted_channel
from audiofeat.decode.container import Container
from audiofeat.decode.ffmpeg import ffmpeg_version
from audiofeat.decode.ffmpeg_decoder import FfmpegDecoder
from audiofeat.decode.ffmpeg_group import EarlyClip
from audiofeat.decode.headers import promise, read_header
from audiofeat.decode.limits import Limits, max_frames, too_long
from audiofeat.decode.opening import SourceFile
from audiofeat.decode.pcm_decoder import VERSION as PCM_VERSION
from audiofeat.decode.pcm_decoder import PcmDecoder
from audiofeat.decode.samples import Resampler, Samples, check_finite
from audiofeat.decode.shared import Shared
from audiofeat.decode.sniff import sniff
from audiofeat.decode.soundfile_decoder import SoundfileDecoder, soundfile_version
from audiofeat.decode.span import WHOLE, Span
from audiofeat.errors import ClipError
from audiofeat.records import Excerpt, Member


class NativeDecoder(Protocol):
    """What both decoders are: the blocks of a span at the file's own rate and channels."""

    version: str
    sample_rate: int
    channels: int
    start_frame: int
    end_frame: int
    """Valid once the blocks have come."""
    may_be_non_finite: bool
    """Whether a sample may be NaN or infinite; those that were whole numbers cannot."""

    def blocks(self) -> Iterator[Samples]: ...
    def close(self) -> None: ...


class ClipAudio:
    """One clip's samples, decoded block by block as they are asked for."""

    __slots__ = (
        "_decoder",
        "_file",
        "_is_used",
        "_limits",
        "_pick",
        "_span",
        "channel",
        "channels",
        "decoder",
        "end_seconds",
        "fingerprint",
        "native_sample_rate",
        "opened_at_ns",
        "output_channels",
        "sample_rate",
        "source_digest",
        "source_frames",
        "start_seconds",
    )  # fmt: skip

    def __init__(
        self,
        file: SourceFile,
        decoder: NativeDecoder,
        *,
        digest: str,
        span: Span,
        channels: Channels,
        sample_rate: int | None,
        limits: Limits,
    ) -> None:
        self._file, self._decoder, self._span, self._limits = file, decoder, span, limits
        self._is_used = False
        self.source_digest = digest
        """BLAKE3 of the bytes of the file, or of the member of one, in hex."""
        self.fingerprint = file.fingerprint
        """Of the file on disk, also where the clip is a member of it."""
        self.opened_at_ns = file.opened_at_ns
        """When the file was opened, by the wall clock."""
        self.decoder = decoder.version
        """Name and version of what decodes it: part of what was computed."""
        self.native_sample_rate, self.channels = decoder.sample_rate, decoder.channels
        """The file's own rate in Hz, and how many channels it has."""
        self.sample_rate = sample_rate or decoder.sample_rate
        """Of the samples that iterating gives, Hz."""
        self._pick = channel_picker(channels, file_channels=self.channels)
        self.channel = wanted_channel(channels, file_channels=self.channels)
        """The one channel that is taken, counted from 0; None where they are mixed, or each is given."""
        self.output_channels = self.channels if channels == "each" else 1
        self.start_seconds: float | None = None
        self.end_seconds: float | None = None
        """Where in the file the samples lie; valid after the iteration, None where they are all of it."""
        self.source_frames = 0
        """Frames at the native rate that were decoded; 0 until the iteration has ended."""

    def __enter__(self) -> ClipAudio:
        return self

    def __exit__(self, kind: object, error: BaseException | None, traceback: object) -> None:
        """Close decoder and file. What is wrong with a clip is said together with what decoded it."""
        if isinstance(error, ClipError):
            error.decoder = self.decoder
        _close(self._file, self._decoder, error)

    @property
    def duration_seconds(self) -> float:
        """The length of what was decoded; valid after the iteration."""
        return self.source_frames / self.native_sample_rate

    def __iter__(self) -> Iterator[Samples]:
        """Blocks (n, output_channels) float32 at ``sample_rate`` Hz; once only.

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
            resampler = Resampler(
                native_sample_rate=native, sample_rate=self.sample_rate, channels=self.output_channels
            )
        most = max_frames(sample_rate=native, limits=self._limits)
        frames = 0
        for block in self._decoder.blocks():
            frames += len(block)
            if frames > most:
                raise too_long(seen_frames=frames, sample_rate=native, limits=self._limits, verb="holds at least")
            picked = self._pick(block)
            if self._decoder.may_be_non_finite:
                check_finite(picked, from_frame=self._decoder.start_frame + frames - len(block))
            if resampler is not None:
                picked = resampler.push(picked)
            if len(picked):
                yield picked
        if frames == 0:
            raise promise.no_samples("the decoder gave none")
        if resampler is not None:
            tail = resampler.finish()
            if len(tail):
                yield tail
        self._file.check_unchanged()
        self.source_frames = frames
        if self._span != WHOLE:
            self._say_where()

    def _say_where(self) -> None:
        """The span as it was asked for, its end no later than the file's."""
        asked, end_frame = self._span, self._decoder.end_frame
        is_cut = asked.end_seconds is None or asked.end_frame(self.native_sample_rate) != end_frame
        self.start_seconds = asked.start_seconds
        self.end_seconds = end_frame / self.native_sample_rate if is_cut else asked.end_seconds


def open_clip(
    path: str,
    *,
    member: Member | None = None,
    excerpt: Excerpt | None = None,
    channels: Channels = "mix",
    sample_rate: int | None,
    limits: Limits,
    ffmpeg: str | None,
    shared: Shared | None = None,
    early: EarlyClip | None = None,
) -> ClipAudio:
    """Open one audio file, or a member of one, and get ready to decode it, or an excerpt of it; for use in a ``with``.

    ``path`` is as ``os.fsdecode`` spells it; ``sample_rate`` is in Hz, None is the file's own; ``ffmpeg`` is the
    program for what soundfile cannot read, if there is one. A channel that ``excerpt`` names goes before ``channels``.
    ``early`` is the very file, opened and decoded whole before; it is closed with this.

    Raises:
        ClipError: with a reason code and a message that names what was found, never the path.
    """
    file = early.file if early else SourceFile(path, member=member, shared=shared, max_bytes=limits.max_bytes)
    written = early.written if early else None
    decoder: NativeDecoder | None = None
    try:
        # What is found out of a whole file is worth remembering where only a part of it is the clip.
        known = shared if excerpt is not None else None
        container = early.container if early else _container(file, known)
        span = Span(excerpt.start_seconds or 0.0, excerpt.end_seconds) if excerpt else WHOLE
        if container.pcm is not None:
            decoder = PcmDecoder(file, pcm=container.pcm, limits=limits, span=span)
        elif container.decoder == "soundfile":
            decoder = SoundfileDecoder(file, container=container, limits=limits, span=span)
        else:
            decoder = FfmpegDecoder(file, container=container, limits=limits, ffmpeg=ffmpeg, span=span, written=written)
        return ClipAudio(
            file,
            decoder,
            digest=known.digests.get(file.identity, file.digest) if known else file.digest(),
            span=span,
            channels=channels if excerpt is None or excerpt.channel is None else excerpt.channel,
            sample_rate=sample_rate,
            limits=limits,
        )
    except BaseException as error:
        _close(file, decoder, error)
        raise


def _close(file: SourceFile, decoder: NativeDecoder | None, error: BaseException | None) -> None:
    """Close both. Raises ClipError where something is wrong with a file that somebody has written to meanwhile."""
    try:
        if isinstance(error, ClipError):
            file.check_unchanged()  # it may be no more than that
    finally:
        try:
            if decoder is not None:
                decoder.close()
        finally:
            file.close()


def _container(file: SourceFile, known: Shared | None) -> Container:
    return known.headers.get(file.identity, lambda: _recognised(file)) if known else _recognised(file)


def _recognised(file: SourceFile) -> Container:
    return read_header(file, sniff(file))


def decoder_versions(ffmpeg: str | None) -> dict[str, str]:
    """The decoders at hand: the same words as ``ClipAudio.decoder``, by name.

    Raises:
        MissingToolError: ``ffmpeg`` cannot be run.
    """
    versions = {"pcm": PCM_VERSION, "soundfile": soundfile_version()}
    if ffmpeg is not None:
        versions["ffmpeg"] = ffmpeg_version(ffmpeg)
    return versions
