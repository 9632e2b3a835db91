"""Decoding in this process, with libsndfile through soundfile.

libsndfile reads our descriptor itself (no Python call-backs) and gives up the interpreter's lock while it decodes.
It raises exceptions of five families for bad audio; all of them are one kind of error here.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import soundfile

from audiofeat.decode.container import Container
from audiofeat.decode.headers import promise
from audiofeat.decode.limits import Limits, check_declared, check_format
from audiofeat.decode.opening import SourceFile
from audiofeat.decode.samples import BLOCK_FRAMES, Samples
from audiofeat.decode.span import WHOLE, Span
from audiofeat.errors import ClipError

# libsndfile's other codecs (NMS and VOX ADPCM, GSM, DWVW, ...) have known memory errors and no users here.
_SUBTYPES = frozenset((
    "PCM_S8", "PCM_U8", "PCM_16", "PCM_24", "PCM_32", "FLOAT", "DOUBLE", "ULAW", "ALAW", "IMA_ADPCM", "MS_ADPCM",
    "VORBIS", "OPUS", "MPEG_LAYER_I", "MPEG_LAYER_II", "MPEG_LAYER_III", "ALAC_16", "ALAC_20", "ALAC_24", "ALAC_32",
))  # fmt: skip

# What a decoder has to hear before its output is that of the whole file: MP3 takes bits of earlier frames, Opus
# predicts from what it gave. Other codecs start anew with each frame, and libsndfile sees to that.
_PREROLL_SECONDS = {"VORBIS": 1, "OPUS": 2, "MPEG_LAYER_III": 1}

_FAILURES = (RuntimeError, MemoryError, ValueError, TypeError)  # LibsndfileError is a RuntimeError
_SYSTEM_ERROR, _UNSUPPORTED_ENCODING = 2, 4  # SF_ERR_SYSTEM, SF_ERR_UNSUPPORTED_ENCODING in sndfile.h


def soundfile_version() -> str:
    """What a store records as the decoder of a clip that soundfile read."""
    return _VERSION


_VERSION = f"soundfile {soundfile.__version__} (libsndfile {soundfile.__libsndfile_version__})"


_FROM_INT16 = np.float32(1 / 32768)


class _OnePass(soundfile.SoundFile):  # type: ignore[misc]  # soundfile has no types
    """A SoundFile that reads straight on.

    Where a file can be sought in, soundfile seeks to the place it has just reached after every read. For MP3 that
    empties the bit reservoir: the frames behind each block's border came out wrong by up to 0.004.
    """

    def seekable(self) -> bool:
        return False


class SoundfileDecoder:
    """One file's blocks, read by libsndfile from an open descriptor at position 0."""

    def __init__(self, file: SourceFile, *, container: Container, limits: Limits, span: Span = WHOLE) -> None:
        """Open the file and check its header against the span and the limits.

        Raises:
            ClipError: ``input.corrupt``, ``input.unsupported-codec``, ``input.span-outside``, ``io.read`` or a
                ``limit.*``.
        """
        self.version = _VERSION
        try:
            sound = _OnePass(file.fd, closefd=False)
        except _FAILURES as error:
            raise _refused(error, done_frames=None) from error
        self._sound = sound
        try:
            self.sample_rate: int = sound.samplerate
            self.channels: int = sound.channels
            check_format(channels=self.channels, sample_rate=self.sample_rate, limits=limits)
            # Where our header check found no count, libsndfile has counted what there is.
            declared: int = container.declared_frames or sound.frames
            self.start_frame = span.start_frame(self.sample_rate)
            self.end_frame = span.end_within(declared, sample_rate=self.sample_rate)
            wanted = self.end_frame - self.start_frame
            if container.declared_frames is not None or container.is_open_ended:
                check_declared(wanted, sample_rate=self.sample_rate, limits=limits)
            preroll = _PREROLL_SECONDS.get(sound.subtype, 0) * self.sample_rate
            last_seek = self.start_frame if container.last_seek_frame is None else container.last_seek_frame
            self._seek_frame = max(min(self.start_frame, last_seek) - preroll, 0)
            self._dtype = np.int16 if sound.subtype == "PCM_16" else np.float32
            self.may_be_non_finite = self._dtype != np.int16
            if sound.subtype not in _SUBTYPES:
                raise ClipError(
                    "input.unsupported-codec",
                    f"codec {sound.subtype} is not decoded",
                    hint="convert the file to PCM or FLAC",
                )
        except BaseException:
            sound.close()
            raise

    def blocks(self) -> Iterator[Samples]:
        """Blocks (n, channels) float32 of the span, 65,536 frames each, the last one shorter.

        Raises:
            ClipError: ``input.corrupt``, or ``input.truncated`` when fewer frames come than the header declares.
        """
        if self._seek_frame:
            try:
                self._sound.seek(self._seek_frame)
            except _FAILURES as error:
                raise _refused(error, done_frames=self._seek_frame) from error
        for _ in self._stretch(self._seek_frame, self.start_frame):
            pass
        yield from self._stretch(self.start_frame, self.end_frame)

    def _stretch(self, frame: int, end_frame: int) -> Iterator[Samples]:
        """The blocks from ``frame``, at which the file stands, to ``end_frame``."""
        while frame < end_frame:
            # Never more than a block at once, whatever the header claims. ADPCM fills its last block with more than
            # was promised: that is left unread.
            wanted = min(BLOCK_FRAMES, end_frame - frame)
            try:
                block = self._read(wanted)
            except _FAILURES as error:
                raise _refused(error, done_frames=frame) from error
            frame += len(block)
            if len(block):
                yield block
            if len(block) < wanted:
                raise promise.truncated(declared=end_frame, held=frame)

    def _read(self, wanted: int) -> Samples:
        block: Samples = self._sound.read(out=np.empty((wanted, self.channels), self._dtype))
        # Sixteen-bit samples divided by a power of two are exact in float32: the same bits as libsndfile's own
        # conversion, which takes ninety times as long.
        return block if self._dtype == np.float32 else np.multiply(block, _FROM_INT16, dtype=np.float32)

    def close(self) -> None:
        self._sound.close()


def _refused(error: Exception, *, done_frames: int | None) -> ClipError:
    code = getattr(error, "code", None)
    # The text of soundfile itself, without its prefix, which holds the descriptor's number.
    text = getattr(error, "error_string", None) or str(error) or type(error).__name__
    where = "at the header" if done_frames is None else f"in the block from frame {done_frames}"
    if isinstance(error, MemoryError):
        return ClipError(
            "limit.memory",
            f"libsndfile stopped {where}: there was not enough memory",
            hint="run again with fewer workers, or leave it out",
        )
    if code == _SYSTEM_ERROR:
        return ClipError(
            "io.read", f"libsndfile could not read the file {where}: {text}", hint="check the disk, then run again"
        )
    reason = "input.unsupported-codec" if code == _UNSUPPORTED_ENCODING else "input.corrupt"
    return ClipError(reason, f"libsndfile stopped {where}: {text.rstrip('.')}", hint="fetch or make the file again")
