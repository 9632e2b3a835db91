"""Files that make a decoder open others: playlists and manifests, named for what they are or like audio.

What they lead to is called ``secret.m4a`` and lies beside them, so that each of them works where it is made.
"""

from __future__ import annotations

import struct
from collections.abc import Callable
from pathlib import Path

from faults.inputs.seeds import box, encoded

SECRET = "secret.m4a"


def hls(secret: Path) -> str:
    """An HLS playlist, whose segment is named as a URL."""
    return (
        f"#EXTM3U\n#EXT-X-TARGETDURATION:10\n#EXT-X-MEDIA-SEQUENCE:0\n#EXTINF:1.0,\nfile://{secret}\n#EXT-X-ENDLIST\n"
    )


def dash(secret: Path) -> str:
    """A DASH manifest of one representation, which is a whole file."""
    return (
        '<?xml version="1.0"?><MPD xmlns="urn:mpeg:dash:schema:mpd:2011" type="static" '
        'profiles="urn:mpeg:dash:profile:isoff-on-demand:2011" '
        'mediaPresentationDuration="PT1S"><Period><AdaptationSet mimeType="audio/mp4"><Representation id="0" '
        f'bandwidth="64000"><BaseURL>file://{secret}</BaseURL></Representation></AdaptationSet></Period></MPD>'
    )


def concat(secret: Path) -> str:
    """ffmpeg's own list of files; a plain name beside it counts as safe there."""
    return f"ffconcat version 1.0\nfile {secret.name}\n"


def sdp(_: Path) -> str:
    """A session that a decoder would listen for."""
    return "v=0\r\no=- 0 0 IN IP4 127.0.0.1\r\ns=x\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\nm=audio 18080 RTP/AVP 0\r\n"


def xspf(secret: Path) -> str:
    return (
        '<?xml version="1.0"?><playlist version="1" xmlns="http://xspf.org/ns/0/"><trackList><track>'
        f"<location>file://{secret}</location></track></trackList></playlist>"
    )


def cue(secret: Path) -> str:
    return f'FILE "{secret.name}" WAVE\n  TRACK 01 AUDIO\n    INDEX 01 00:00:00\n'


def m3u(secret: Path) -> str:
    return f"#EXTM3U\n#EXTINF:1,A title\n{secret.name}\n"


def _at(text: Callable[[Path], str]) -> Callable[[Path], None]:
    def make(path: Path) -> None:
        path.write_text(text(path.with_name(SECRET)), newline="")

    return make


NAMED_LIKE_AUDIO = (
    ("hls.mp3", _at(hls), "HLS"),
    ("hls_wav.wav", _at(hls), "HLS"),
    ("dash.mp3", _at(dash), "DASH"),
    ("concat.wav", _at(concat), "concat"),
    ("session.wav", _at(sdp), "SDP"),
    ("list.ogg", _at(xspf), "XSPF"),
    ("sheet.flac", _at(cue), "CUE"),
    ("m3u.mp3", _at(m3u), "M3U"),
)
"""Name, what makes it, and what the refusal calls it."""

HONESTLY_NAMED = (
    ("list.m3u8", _at(hls), "HLS"),
    ("manifest.mpd", _at(dash), "DASH"),
    ("list.ffconcat", _at(concat), "concat"),
    ("session.sdp", _at(sdp), "SDP"),
    ("list.xspf", _at(xspf), "XSPF"),
)


def mov_elsewhere(path: Path) -> None:
    """A MOV whose samples lie in another file, named by an alias and by its path."""
    name = str(path.with_name(SECRET)).encode()[-60:]
    alias = bytes(150) + struct.pack(">hH", 2, len(name)) + name + bytes(len(name) % 2) + struct.pack(">hH", -1, 0)
    old = box(b"url ", b"\0\0\0\x01")
    new = box(b"alis", b"\0\0\0\0" + alias)
    path.write_bytes(_replaced(encoded("mov", "-c:a", "pcm_s16le"), old, new))


def _replaced(content: bytes, old: bytes, new: bytes) -> bytes:
    """A box replaced by a longer one in the first track that has it; the boxes around it grow with it."""
    place = content.index(old, content.index(b"soun"))
    grown = bytearray(content)
    for kind in (b"moov", b"trak", b"mdia", b"minf", b"dinf", b"dref"):
        start = content.rindex(kind, 0, place) - 4
        size = int.from_bytes(grown[start : start + 4], "big") + len(new) - len(old)
        grown[start : start + 4] = size.to_bytes(4, "big")
    return bytes(grown[:place]) + new + bytes(grown[place + len(old) :])
