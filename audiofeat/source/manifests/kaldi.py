"""Kaldi's data folders: ``wav.scp``, and ``segments``, ``utt2spk`` and ``text`` where they lie beside it.

https://kaldi-asr.org/doc/data_prep.html says what the files hold. Kaldi runs a line that ends in a pipe as a shell
command; here nothing from a data file is ever executed.
"""

from __future__ import annotations

import os
import re
from collections.abc import Container, Iterator, Mapping
from dataclasses import dataclass

from audiofeat.config import Manifest
from audiofeat.source.listing import Listing, sort_clips
from audiofeat.source.manifests.clips import ClipBuilder
from audiofeat.source.manifests.lines import text_lines
from audiofeat.source.problems import NO_COLUMN, Problems, quoted

_BLANKS = re.compile("[ \t]+")  # str.split() would also split at blanks of other scripts, which a transcript may hold
_ARCHIVE_OFFSET = re.compile(r":\d+(\[.*\])?$")
_META_FILES = {"utt2spk": "speaker", "text": "text"}


@dataclass(frozen=True, slots=True)
class _Utterance:
    """A line of ``wav.scp``, or of ``segments`` with what it takes from there."""

    place: str
    file: str | None
    """None where the line was refused already."""
    recording: str
    start: str | None = None
    end: str | None = None


def list_kaldi(path: str, *, keep_suffix: bool) -> Listing:
    """List the clips of a ``wav.scp``: its recordings, or the ``segments`` of them where that file is there.

    Keys are the ids of the recordings or segments; ``utt2spk`` becomes the meta value ``speaker``, ``text`` ``text``.

    Raises:
        SourceError: names every line that breaks a rule; shell pipes and offsets into archives do.
    """
    problems = Problems(path)
    root = os.path.dirname(path) or "."
    utterances = recordings = _recordings(path, problems=problems)
    warnings = []
    segments_path = os.path.join(root, "segments")
    if os.path.isfile(segments_path):
        utterances = _segments(segments_path, recordings, problems=problems)
        unused = len(recordings.keys() - {utterance.recording for utterance in utterances.values()})
        if unused:
            warnings.append(f"{unused:,} of {len(recordings):,} recordings are left out: no segment names them")
    meta = _meta(root, keys=utterances, problems=problems)
    builder = ClipBuilder(root=root, manifest=Manifest(), keep_suffix=keep_suffix, problems=problems)
    for key, utterance in utterances.items():
        if utterance.file is not None:
            builder.add_file(
                utterance.place,
                path=utterance.file,
                key=key,
                start=utterance.start,
                end=utterance.end,
                meta=tuple([values.get(key) for values in meta.values()]),
            )
    problems.refuse_if_any()
    warnings += builder.warnings()
    clips = sort_clips(builder.clips)
    return Listing(root=root, clips=clips, kind="manifest", meta_names=tuple(meta), warnings=warnings)


def _recordings(path: str, *, problems: Problems) -> dict[str, _Utterance]:
    recordings: dict[str, _Utterance] = {}
    for place, key, rest in _entries(path, problems=problems):
        if _is_new(key, place=place, known=recordings, problems=problems):
            fault = _not_a_file(rest)
            if fault:
                problems.add(place, "path", fault)
            recordings[key] = _Utterance(place, None if fault else rest, key)
    return recordings


def _not_a_file(name: str) -> str:
    if not name:
        return "empty; a line is an id and the path of a file"
    if name.endswith("|") or name.startswith("|"):
        return f"{quoted(name)}: a shell pipe; nothing from a data file is ever executed: run it, and name its output"
    if name == "-":
        return f"{quoted(name)}: the standard input; name a file"
    if _ARCHIVE_OFFSET.search(name):
        return f"{quoted(name)}: an offset into a Kaldi archive; name an audio file"
    return ""


def _segments(path: str, recordings: Mapping[str, _Utterance], *, problems: Problems) -> dict[str, _Utterance]:
    segments: dict[str, _Utterance] = {}
    for place, key, rest in _entries(path, problems=problems, file="segments"):
        fields = _BLANKS.split(rest) if rest else []
        if len(fields) == 4:
            problems.add(
                place, "channel", f"{quoted(fields[3])}: a segment of one channel is not read from here; use CSV"
            )
        elif len(fields) != 3:
            problems.add(
                place, NO_COLUMN, f"{len(fields) + 1} fields, where 4 are wanted: segment, recording, start, end"
            )
        elif fields[0] not in recordings:
            problems.add(place, "recording", f"{quoted(fields[0])}: no line of the wav.scp has this id")
        elif _is_new(key, place=place, known=segments, problems=problems):
            recording, start, end = fields
            file = recordings[recording].file
            segments[key] = _Utterance(place, file, recording, start, None if _is_minus_one(end) else end)
    return segments


def _is_minus_one(end: str) -> bool:
    """Kaldi's word for the end of the recording (extract-segments.cc)."""
    return re.fullmatch(r"-1(\.0*)?", end) is not None


def _meta(root: str, *, keys: Container[str], problems: Problems) -> dict[str, dict[str, str]]:
    """By the name of a meta value, by key: what the files beside the wav.scp say of the clips that there are."""
    meta: dict[str, dict[str, str]] = {}
    for file, name in _META_FILES.items():
        path = os.path.join(root, file)
        if not os.path.isfile(path):
            continue
        values = meta[name] = {}
        for place, key, rest in _entries(path, problems=problems, file=file):
            if file == "utt2spk" and (not rest or _BLANKS.search(rest)):
                problems.add(place, NO_COLUMN, "two fields are wanted: utterance, speaker")
            elif _is_new(key, place=place, known=values, problems=problems) and key in keys:
                values[key] = rest
    return meta


def _entries(path: str, *, problems: Problems, file: str = "") -> Iterator[tuple[str, str, str]]:
    """Of each line that is not blank: its place, its first field, and what follows."""
    where = f"{file} line".lstrip()
    for number, line in enumerate(text_lines(path, problems=problems, file=file), start=1):
        text = line.strip(" \t\r\n")
        if text:
            key, *rest = _BLANKS.split(text, maxsplit=1)
            yield f"{where} {number}", key, rest[0] if rest else ""


def _is_new(key: str, *, place: str, known: Mapping[str, _Utterance | str], problems: Problems) -> bool:
    first = known.get(key)
    if first is not None:
        twice = f"{first.place} has the same id" if isinstance(first, _Utterance) else "this id is there twice"
        problems.add(place, "key", f"{quoted(key)}: {twice}")
    return first is None
