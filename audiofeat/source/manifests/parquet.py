"""Parquet files: a table of paths, or of the audio's own bytes.

Bytes are never read while listing, but for row groups in which some rows have bytes and others a path alone: their
statistics do not say which.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import Any

from audiofeat.config import Manifest
from audiofeat.errors import SourceError
from audiofeat.records import Member
from audiofeat.source.listing import Listing, sort_clips
from audiofeat.source.manifests.clips import ClipBuilder
from audiofeat.source.manifests.columns import check_names, check_roles, lookalikes, meta_columns
from audiofeat.source.manifests.parquet_audio import AudioColumn, audio_structs, find_audio
from audiofeat.source.manifests.parquet_meta import holds_bytes, meta_values
from audiofeat.source.problems import NO_COLUMN, Problems, quoted_name, unreadable

_BATCH_ROWS = 8_192
_HEADER = "schema"
_ROLES = ("key", "start", "end", "channel")
_LEAST_DIGITS = 6
# What a damaged file makes of pyarrow besides its own errors: text that is no UTF-8, columns that are not there.
_DAMAGE = (ValueError, LookupError, ArithmeticError, RuntimeError)


def list_parquet(path: str, *, manifest: Manifest, keep_suffix: bool) -> Listing:
    """List the rows of a Parquet file. Columns without a role are meta values; columns of bytes are none.

    A row with bytes is named by the path beside them, else by its number; one without is the file at its path.

    Raises:
        SourceError: it is no Parquet file; or names every row and column that breaks a rule.
    """
    import pyarrow

    problems = Problems(path)
    try:
        return _list(path, manifest=manifest, keep_suffix=keep_suffix, problems=problems)
    except SourceError:
        raise
    except (pyarrow.ArrowException, OSError, *_DAMAGE) as error:
        if isinstance(error, OSError) and error.errno is not None:
            raise unreadable(path, error) from error
        reason = str(error).partition("\n")[0]
        problems.stop("file", NO_COLUMN, f"cannot be read as Parquet: {reason}")


def _list(path: str, *, manifest: Manifest, keep_suffix: bool, problems: Problems) -> Listing:
    import pyarrow.parquet

    root = os.path.dirname(path) or "."
    with pyarrow.parquet.ParquetFile(path) as file:
        schema = file.schema_arrow
        check_names(schema.names, place=_HEADER, problems=problems)
        check_roles(schema.names, manifest, place=_HEADER, problems=problems)
        audio = find_audio(schema, manifest, place=_HEADER, problems=problems)
        problems.refuse_if_any()
        meta_names = tuple(
            name
            for name in meta_columns(schema.names, manifest)
            if name != audio.name and not holds_bytes(schema.field(name).type)
        )
        named = manifest.model_copy(update={"path": audio.paths or audio.name})  # as messages should call it
        builder = ClipBuilder(root=root, manifest=named, keep_suffix=keep_suffix, problems=problems)
        _add_rows(file, builder, path=path, audio=audio, manifest=manifest, meta_names=meta_names, problems=problems)
        problems.refuse_if_any()
        warnings = lookalikes(schema.names, named) + _unread(schema, audio) + builder.warnings()
    clips = sort_clips(builder.clips)
    return Listing(root=root, clips=clips, kind="manifest", meta_names=meta_names, warnings=warnings)


def _add_rows(
    file: Any,
    builder: ClipBuilder,
    *,
    path: str,
    audio: AudioColumn,
    manifest: Manifest,
    meta_names: tuple[str, ...],
    problems: Problems,
) -> None:
    total_rows = file.metadata.num_rows
    digits = max(_LEAST_DIGITS, len(str(total_rows - 1)))  # so that the rows' keys sort as the rows do
    mean_bytes = os.path.getsize(path) // max(1, total_rows)
    rows = _rows(file, audio=audio, manifest=manifest, meta_names=meta_names)
    for row, (has_bytes, name, cells, meta) in enumerate(rows):
        place = f"row {row}"
        if has_bytes:
            member = Member(name=f"{row:0{digits}d}", offset=row, size_bytes=mean_bytes, column=audio.data)
            builder.add_member(place, container=os.path.basename(path), member=member, name=name, meta=meta, **cells)
        elif name or audio.data is None:
            builder.add_file(place, path=name, meta=meta, **cells)
        else:
            problems.add(place, audio.data, "null, and no path beside it")


def _rows(
    file: Any, *, audio: AudioColumn, manifest: Manifest, meta_names: tuple[str, ...]
) -> Iterator[tuple[bool, str | None, dict[str, Any], tuple[Any, ...]]]:
    """Of each row: whether it has bytes, its path, its cells by role, its meta values."""
    names = file.schema_arrow.names
    column_of = {role: name for role in _ROLES if (name := getattr(manifest, role)) in names}
    columns = [*filter(None, [audio.paths]), *column_of.values(), *meta_names]
    for group in range(file.num_row_groups):
        has_bytes = audio.rows_with_bytes(file, group)
        for batch in file.iter_batches(batch_size=_BATCH_ROWS, row_groups=[group], columns=columns):
            paths = audio.paths_of(batch)
            cells = {role: batch.column(name).to_pylist() for role, name in column_of.items()}
            meta = [meta_values(batch.column(name)) for name in meta_names]
            for at in range(batch.num_rows):
                by_role = {role: values[at] for role, values in cells.items()}
                yield next(has_bytes), paths[at], by_role, tuple([values[at] for values in meta])


def _unread(schema: Any, audio: AudioColumn) -> list[str]:
    """Warnings for columns of audio beside the paths, which are there more by design than by chance."""
    if audio.data is not None:
        return []
    return [
        f"paths are read from the column {audio.name!r}; the column {name!r} holds audio itself: "
        f"--set manifest.path={quoted_name(name)} reads that"
        for name in audio_structs(schema)
    ]
