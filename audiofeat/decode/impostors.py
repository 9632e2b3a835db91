"""Files that are named like audio and are something else: say what they are, because that tells what to do.

Playlists are the dangerous ones. An HLS or DASH manifest named ``x.mp3`` makes a decoder that trusts its own probing
open *other* files (observed with ffmpeg 5.1 and 9.0); here they are refused before any decoder starts.
"""

from __future__ import annotations

import re

from audiofeat.errors import ClipError

_PLAYLISTS = (
    (rb"#EXTM3U|#EXTINF|#EXT-X-", "an HLS or M3U playlist"),
    (rb"(<\?xml[^>]*>\s*)?(<!--.*?-->\s*)*<MPD\b", "a DASH manifest"),
    (rb"(<\?xml[^>]*>\s*)?(<!--.*?-->\s*)*<playlist\b", "an XSPF playlist"),
    (rb"(<\?xml[^>]*>\s*)?<(asx|smil|SmoothStreamingMedia)\b", "a streaming playlist"),
    (rb"ffconcat version", "an ffmpeg concat script"),
    (rb"v=0\r?\n", "an SDP session description"),
    (rb"\[(playlist|reference)\]", "a PLS playlist"),
    (rb"(REM .*\r?\n)*(PERFORMER |TITLE |FILE \")", "a CUE sheet"),
)
_PLAYLIST = [(re.compile(pattern, re.IGNORECASE | re.DOTALL), name) for pattern, name in _PLAYLISTS]

_MAGIC = (
    (b"PK\x03\x04", "a ZIP archive"),
    (b"7z\xbc\xaf\x27\x1c", "a 7z archive"),
    (b"Rar!\x1a\x07", "a RAR archive"),
    (b"\x1f\x8b", "a gzip file"),
    (b"BZh", "a bzip2 file"),
    (b"\xfd7zXZ\x00", "an xz file"),
    (b"\x28\xb5\x2f\xfd", "a Zstandard file"),
    (b"%PDF", "a PDF document"),
    (b"\x89PNG", "a PNG picture"),
    (b"\xff\xd8\xff", "a JPEG picture"),
    (b"GIF8", "a GIF picture"),
    (b"\x93NUMPY", "a NumPy array"),
    (b"\x89HDF\r\n", "an HDF5 file"),
    (b"\x7fELF", "a program"),
    (b"\x00\x05\x16\x07", "macOS AppleDouble metadata"),
)
_QUOTED_BYTES = 32


def refusal(head: bytes) -> ClipError:
    """What a file that is no known audio container is instead, by its first bytes.

    The reason is ``input.lfs-pointer``, ``input.playlist``, ``input.not-audio`` or ``input.unknown-format``.
    """
    text = head[:4096].removeprefix(b"\xef\xbb\xbf").lstrip()
    if text.startswith(b"version https://git-lfs.github.com/spec/"):
        return ClipError("input.lfs-pointer", "a git-lfs pointer, not the audio itself", hint="run git lfs pull")
    for pattern, name in _PLAYLIST:
        if pattern.match(text):
            return ClipError(
                "input.playlist",
                f"{name}: it would make the decoder open other files; refused",
                hint="list the files it names instead",
            )
    if found := _not_audio(head, text):
        return ClipError(
            "input.not-audio",
            f"{found}, not audio; it begins with {quote(head)}",
            hint="fetch the file again, or leave it out",
        )
    return ClipError(
        "input.unknown-format",
        f"no audio format is known that begins with {quote(head)}",
        hint="convert it to WAV or FLAC, or leave it out",
    )


def _not_audio(head: bytes, text: bytes) -> str | None:
    for magic, archive in _MAGIC:
        if head.startswith(magic):
            return archive
    if head[257:262] == b"ustar":
        return "a tar archive"
    if re.match(rb"<(!doctype html|html|head|body)\b", text, re.IGNORECASE):
        return "an HTML page"
    if text[:1] == b"<" and _is_text(head):
        return "an XML document"
    if text[:1] in (b"{", b"[") and _is_text(head):
        return "JSON text"
    return "text" if _is_text(head) else None


def _is_text(head: bytes) -> bool:
    # Decoding in the middle of a character is no sign of binary data: drop up to three bytes of a cut sequence.
    sample = head[:512]
    for cut in range(4):
        try:
            text = sample[: len(sample) - cut].decode("utf-8")
        except UnicodeDecodeError:
            continue
        return bool(text) and all(character.isprintable() or character in "\r\n\t\f" for character in text)
    return False


def quote(head: bytes) -> str:
    """The first few bytes in quotation marks, with those that are no printable ASCII escaped."""
    return repr(head[:_QUOTED_BYTES])[1:]
