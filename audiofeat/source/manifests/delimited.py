"""CSV and TSV manifests: a header line, then one clip a row (RFC 4180; Python's csv dialects excel and excel-tab)."""

from __future__ import annotations

import csv
import os
from collections.abc import Iterable, Iterator
from contextlib import closing
from typing import Literal

from audiofeat.config import Manifest
from audiofeat.source.listing import Listing, sort_clips
from audiofeat.source.manifests.clips import ClipBuilder
from audiofeat.source.manifests.columns import check_names, check_roles, lookalikes, meta_columns, no_path_column, roles
from audiofeat.source.manifests.lines import text_lines
from audiofeat.source.problems import NO_COLUMN, Problems

_SHARED_TEXTS = 50_000


def list_delimited(
    path: str, *, dialect: Literal["excel", "excel-tab"], manifest: Manifest, keep_suffix: bool
) -> Listing:
    """List the clips of a CSV or TSV file. Columns without a role are meta values, as text; an empty cell is None.

    Raises:
        SourceError: names every row and column that breaks a rule.
    """
    problems = Problems(path)
    root = os.path.dirname(path) or "."
    builder = ClipBuilder(root=root, manifest=manifest, keep_suffix=keep_suffix, problems=problems)
    with closing(text_lines(path, problems=problems)) as lines:
        rows = _rows(lines, dialect=dialect, problems=problems)
        _, names = next(rows, (1, []))
        _check_header(names, manifest, dialect=dialect, problems=problems)
        meta_names = meta_columns(names, manifest)
        _add_rows(rows, builder, names=names, manifest=manifest, meta_names=meta_names, problems=problems)
    problems.refuse_if_any()
    warnings = lookalikes(names, manifest) + builder.warnings()
    clips = sort_clips(builder.clips)
    return Listing(root=root, clips=clips, kind="manifest", meta_names=meta_names, warnings=warnings)


def _add_rows(
    rows: Iterator[tuple[int, list[str]]],
    builder: ClipBuilder,
    *,
    names: list[str],
    manifest: Manifest,
    meta_names: tuple[str, ...],
    problems: Problems,
) -> None:
    cells_of = {role: names.index(name) for role, name in roles(manifest).items() if name in names}
    meta_cells = [names.index(name) for name in meta_names]
    texts = _SharedTexts()
    for line, cells in rows:
        if len(cells) != len(names):
            problems.add(f"line {line}", NO_COLUMN, f"{len(cells)} cells, where the header has {len(names)}")
            continue
        builder.add_file(
            f"line {line}",
            meta=tuple([texts.shared(cells[number]) for number in meta_cells]),
            **{role: cells[number] for role, number in cells_of.items()},
        )


class _SharedTexts:
    """One object for all cells of one text: a speaker has many clips."""

    def __init__(self) -> None:
        self._known: dict[str, str] = {}

    def shared(self, text: str) -> str | None:
        if not text:
            return None
        known = self._known.get(text)
        if known is not None:
            return known
        if len(self._known) < _SHARED_TEXTS:  # transcripts are all different: remembering them would only cost
            self._known[text] = text
        return text


def _rows(lines: Iterable[str], *, dialect: str, problems: Problems) -> Iterator[tuple[int, list[str]]]:
    """Each row that is not blank, with the number of the line that it begins on."""
    reader = csv.reader(lines, dialect, strict=True)
    while True:
        line = reader.line_num + 1
        try:
            cells = next(reader, None)
        except csv.Error as error:
            problems.stop(f"line {line}", NO_COLUMN, _syntax(error))
        if cells is None:
            return
        if cells:
            yield line, cells


def _syntax(error: csv.Error) -> str:
    text = str(error)
    if "field larger" in text:
        return f"a cell of more than {csv.field_size_limit():,} characters; is a quote left open?"
    if "unexpected end" in text:
        return "a quote is opened and never closed"
    if "new-line" in text:
        return "a carriage return inside a line; save the file with Unix or Windows line ends"
    return "something follows a closing quote; a quote inside a quoted cell is written twice"


def _check_header(names: list[str], manifest: Manifest, *, dialect: str, problems: Problems) -> None:
    """Refuse a header that the rows cannot be read by."""
    if not names:
        problems.stop("line 1", NO_COLUMN, "the file is empty; its first line must name the columns")
    check_names(names, place="line 1", problems=problems)
    check_roles(names, manifest, place="line 1", problems=problems)
    if manifest.path not in names:
        problems.add(
            "line 1", manifest.path, _other_separator(names, dialect=dialect) or no_path_column(names, manifest)
        )
    problems.refuse_if_any()


def _other_separator(names: list[str], *, dialect: str) -> str:
    """What to say where the one column there seems to be is several, separated by something else."""
    if len(names) == 1:
        if dialect == "excel" and "\t" in names[0]:
            return "no such column: tabs separate the columns, so call the file .tsv"
        for separator, word in ((",", "commas"), (";", "semicolons")):
            if separator in names[0]:
                wanted = "commas" if dialect == "excel" else "tabs"
                return f"no such column: {word} separate the columns, where {wanted} must"
    return ""
