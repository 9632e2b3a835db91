"""Which reader lists a source: folders are scanned, and files told by their suffix."""

from __future__ import annotations

import os
import stat

from audiofeat.config import Manifest
from audiofeat.errors import SourceError
from audiofeat.source.audio_names import is_audio
from audiofeat.source.keys import source_text
from audiofeat.source.listing import Listing
from audiofeat.source.manifests.columns import check_no_roles
from audiofeat.source.problems import Problems
from audiofeat.source.scan import scan_folder

_ACCEPTED = "a folder of audio, .csv, .tsv, .jsonl, .ndjson, .json (an object a line), .scp (Kaldi), .parquet or .tar"
_COMPRESSED = (".gz", ".tgz", ".zip", ".bz2", ".tbz2", ".xz", ".txz", ".zst", ".7z", ".rar")


def list_source(source: str, *, manifest: Manifest, keep_suffix: bool, follow_links: bool = True) -> Listing:
    """List the clips of a folder, a manifest or a container.

    Args:
        source: its path. A manifest's own paths are relative to the folder it lies in.
        manifest: what the columns of a manifest are called; a source without columns is refused where one is named.
        keep_suffix: whether keys made from file names keep their suffix.
        follow_links: whether a folder's links are followed; a manifest means whatever it names.

    Raises:
        SourceError: it does not exist, is of no known kind, cannot be read, or breaks a rule.
    """
    try:
        mode = os.stat(source).st_mode
    except OSError:
        return scan_folder(source)  # which says what is wrong with it
    if stat.S_ISDIR(mode):
        _refuse_columns(source, manifest, place="folder", why="a folder has no columns")
        return scan_folder(source, follow_links=follow_links, keep_suffix=keep_suffix)
    if not stat.S_ISREG(mode):
        raise SourceError(f"the source {source_text(source)!r} is neither a folder nor a regular file", hint=_ACCEPTED)
    # Each reader is imported where it is wanted: most runs, and all workers, want none.
    match os.path.splitext(source)[1].lower():
        case ".csv":
            from audiofeat.source.manifests.delimited import list_delimited

            return list_delimited(source, dialect="excel", manifest=manifest, keep_suffix=keep_suffix)
        case ".tsv":
            from audiofeat.source.manifests.delimited import list_delimited

            return list_delimited(source, dialect="excel-tab", manifest=manifest, keep_suffix=keep_suffix)
        case ".jsonl" | ".ndjson" | ".json":
            from audiofeat.source.manifests.json_lines import list_json_lines

            return list_json_lines(source, manifest=manifest, keep_suffix=keep_suffix)
        case ".scp":
            from audiofeat.source.manifests.kaldi import list_kaldi

            _refuse_columns(source, manifest, place="file", why="Kaldi's wav.scp has no columns")
            return list_kaldi(source, keep_suffix=keep_suffix)
        case ".parquet":
            from audiofeat.source.manifests.parquet import list_parquet

            return list_parquet(source, manifest=manifest, keep_suffix=keep_suffix)
        case ".tar":
            from audiofeat.source.tar import list_tar

            _refuse_columns(source, manifest, place="file", why="a tar file has no columns")
            return list_tar(source, keep_suffix=keep_suffix)
    raise _unknown_kind(source)


def _refuse_columns(source: str, manifest: Manifest, *, place: str, why: str) -> None:
    problems = Problems(source)
    check_no_roles(manifest, place=place, why=why, problems=problems)
    problems.refuse_if_any()


def _unknown_kind(source: str) -> SourceError:
    name = source_text(source)
    if source.lower().endswith(_COMPRESSED):
        return SourceError(
            f"the source {name!r} is compressed",
            hint="unpack it, or pack it again as a plain .tar",
        )
    if is_audio(os.path.basename(source)):
        folder = source_text(os.path.dirname(source)) or "."
        return SourceError(
            f"the source {name!r} is one audio file",
            hint=f"name its folder, {folder!r}, or pipe its name into --files-from -",
        )
    return SourceError(f"the source {name!r} is of no kind that is read here", hint=f"name {_ACCEPTED}")
