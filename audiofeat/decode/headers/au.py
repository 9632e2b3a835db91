"""Sun/NeXT AU: six 32-bit words, and the samples.

Source: the ``audio(5)`` page of SunOS; big-endian by definition, little-endian (``dns.``) by DEC's habit.
"""

from __future__ import annotations

from struct import Struct

from audiofeat.decode.container import Container
from audiofeat.decode.headers import promise
from audiofeat.decode.opening import SourceFile
from audiofeat.errors import ClipError

_BYTES_A_SAMPLE = {1: 1, 2: 1, 3: 2, 4: 3, 5: 4, 6: 4, 7: 8, 27: 1}
_UNKNOWN_SIZE = 0xFFFFFFFF


def read(file: SourceFile, container: Container) -> Container:
    """Check an AU header. Raises ClipError as ``headers.read_header`` says."""
    words = Struct((">" if file.head.startswith(b".snd") else "<") + "5I")
    if len(file.head) < 24:
        raise promise.bad_header(f"a file of {file.size_bytes} bytes; the header alone has 24")
    offset, size, encoding, sample_rate, channels = words.unpack_from(file.head, 4)
    if encoding not in _BYTES_A_SAMPLE:
        raise ClipError(
            "input.unsupported-codec", f"AU encoding {encoding} has no decoder here", hint="convert the file to PCM"
        )
    if offset < 24:
        raise promise.bad_header(f"samples begin at byte {offset}, inside the header")
    promise.check_channels_and_rate(channels=channels, sample_rate=sample_rate)

    frame_bytes = channels * _BYTES_A_SAMPLE[encoding]
    held = max(file.size_bytes - offset, 0) // frame_bytes
    if held == 0:
        raise promise.no_samples("nothing follows the header")
    if size == _UNKNOWN_SIZE:
        return container._replace(is_open_ended=True)
    if size // frame_bytes == 0:
        raise promise.no_samples(f"the header declares {size} bytes of samples")
    if held < size // frame_bytes:
        raise promise.truncated(declared=size // frame_bytes, held=held)
    return container._replace(declared_frames=size // frame_bytes)
