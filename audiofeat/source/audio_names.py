"""Which files are audio, by their names alone, and which are hidden or debris."""

from __future__ import annotations

# A file with one of these suffixes is a clip; the decoder then goes by its bytes alone. A suffix that names audio which
# cannot be decoded is still better here, where the clip ends in the quarantine, than left out without a word.
_PCM_AND_LOSSLESS = """
    wav wave bwf w64 rf64 flac aif aiff aifc aiffc caf au snd sph nist voc svx 8svx paf ircam alac ape wv tta tak
"""
_LOSSY = """
    mp1 mp2 mp3 mpga ogg oga opus spx aac adts m4a m4b m4p m4r wma amr awb ac3 eac3 dts mpc ra gsm
"""
_MAY_HOLD_VIDEO = """
    mp4 m4v mov qt 3gp 3g2 asf wmv webm weba mka mkv ogv ogx avi flv f4v f4a ts mts m2ts mpg mpeg m2v vob rm rmvb
"""
AUDIO_SUFFIXES = frozenset(f"{_PCM_AND_LOSSLESS} {_LOSSY} {_MAY_HOLD_VIDEO}".split())
_DEBRIS_NAMES = frozenset({"thumbs.db", "desktop.ini"})
_DEBRIS_PREFIXES = (".", "~$")
_DEBRIS_SUFFIXES = (".part", ".partial", ".crdownload", ".download", ".tmp", "~")  # downloads and edits under way


def is_audio(name: str) -> bool:
    """Whether the file name ``name`` (no folders) ends in an audio suffix, and has something before it."""
    stem, _, suffix = name.rpartition(".")
    return bool(stem) and suffix.lower() in AUDIO_SUFFIXES


def is_hidden(name: str) -> bool:
    """Whether ``name``, of a file or a folder, is a dot file's, an unfinished download's or a desktop's."""
    lower = name.lower()
    return lower.startswith(_DEBRIS_PREFIXES) or lower.endswith(_DEBRIS_SUFFIXES) or lower in _DEBRIS_NAMES
