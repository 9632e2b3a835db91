"""Rows 21 to 30: names that options, protocols, patterns, terminals and file systems take for something else.

Sound files all of them, half of them of a kind that ffmpeg reads: it is the one that takes names for something else.
"""

from __future__ import annotations

import os
import subprocess
import tempfile
from functools import cache
from pathlib import Path

from decode_inputs import FFMPEG
from faults.inputs.case import BadInput
from running import write_clip


@cache
def _aac() -> bytes:
    with tempfile.TemporaryDirectory() as folder:
        wav, aac = write_clip(Path(folder, "a.wav"), seed=1), Path(folder, "a.aac")
        subprocess.run([FFMPEG or "ffmpeg", "-nostdin", "-v", "error", "-i", wav, aac], check=True)
        return aac.read_bytes()


def _make_aac(path: Path) -> None:
    path.write_bytes(_aac())


@cache
def _pcm() -> bytes:
    with tempfile.TemporaryDirectory() as folder:
        return write_clip(Path(folder, "a.wav"), seed=1).read_bytes()


def _make_wav(path: Path) -> None:
    path.write_bytes(_pcm())


def _wav(row: int, name: str | bytes) -> BadInput:
    return BadInput(row, f"row{row}/{os.fsdecode(name)}", _make_wav, None, frames=8_000)


def _ffmpegs(row: int, name: str) -> BadInput:
    return BadInput(row, f"row{row}/{name}", _make_aac, None, needs="ffmpeg")


_OPTIONS = ("-i.wav", "--help.wav", "-version.wav", "-.wav")
_PROTOCOLS = (
    "a:b.wav",
    "concat:x.wav|y.wav",
    "pipe:0.wav",
    "data:audio,x.wav",
    "subfile,,start,0,end,0,,:x.wav",
    "http:/127.0.0.1:9/secret.wav",
)
_PATTERNS = ("%03d.wav", "*.wav", "?.wav", "[1].wav", "{a}.wav")
_ORDERS = ("line\nbreak.wav", "tab\tbed.wav", "\x1b[2Jcleared.wav", "turned\u202egnp.wav", "split\u2028here.wav")
_BLANKS = (" lead.wav", "trail .wav", "dot..wav", "CON.wav", "nul.wav", "back\\slash.wav")
_DEEP = "/".join(["d" * 200] * 17)  # with the folders above, nearly as long as paths may be

INPUTS: tuple[BadInput, ...] = (
    *(_wav(21, name) for name in _OPTIONS),
    *(_ffmpegs(22, name) for name in (*_PROTOCOLS, *_OPTIONS)),
    *(_ffmpegs(23, name) for name in _PATTERNS),
    *(_wav(24, name) for name in _ORDERS),
    BadInput(24, "row24/\x1b]0;\u202eempty.wav", lambda path: path.write_bytes(b""), "input.empty"),
    *(_wav(25, name) for name in (b"caf\xe9.wav", b"\xff\xfe.wav", b"\xed\xa0\x80.wav", "percent%E9.wav")),
    *(_wav(26, name) for name in ("\u00e9.wav", "e\u0301.wav")),
    *(_wav(27, name) for name in ("A.wav", "a.wav", "\u00df.wav", "SS.wav")),
    # Only where keys keep the suffix, as they do in this data set; else the run is refused (test_manifests_...).
    *(_wav(28, name) for name in ("x.wav", "x.WAV", "x.flac")),
    *(_wav(29, name) for name in _BLANKS),
    *(_wav(30, name) for name in ("n" * 251 + ".wav", "\u00e9" * 125 + ".wav", f"{_DEEP}/deep.wav")),
)
