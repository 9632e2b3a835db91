"""Rows of the manifest as text: CSV as RFC 4180 quotes it, and JSON lines.

CSV's lines end in a line feed, as Unix tools want them, and null is an empty cell, as sources are read too. JSON has
null where a number is NaN or infinite. Both are UTF-8; JSON has escapes for all that some program takes for the end of
a line, or a terminal for a command.
"""

from __future__ import annotations

import json
import re
from collections.abc import Sequence

import pyarrow as pa
import pyarrow.compute as pc

_TO_QUOTE = '[",\r\n]'
_TO_ESCAPE = re.compile("[\x7f-\x9f\u2028\u2029]")
"""What JSON itself leaves as it is; of the control characters before the blank it wants escapes."""


def csv_heading(columns: Sequence[str]) -> bytes:
    """The first line."""
    return csv_text(pa.record_batch([pa.array([name]) for name in columns], list(columns)))


def csv_text(rows: pa.RecordBatch) -> bytes:
    """A line a row."""
    cells = [_cells(column) for column in rows.columns]
    if len(cells) == 1:  # an empty line would be no row
        cells = [pc.if_else(pc.equal(cells[0], ""), '""', cells[0])]
    return _text(pc.binary_join_element_wise(*cells, ",").to_pylist())


def jsonl_text(rows: pa.RecordBatch) -> bytes:
    """An object a row."""
    names = rows.schema.names
    columns = [_json_values(column).to_pylist() for column in rows.columns]
    encode = json.JSONEncoder(allow_nan=False, ensure_ascii=False).encode
    lines = [encode(dict(zip(names, values, strict=True))) for values in zip(*columns, strict=True)]
    return _text([_TO_ESCAPE.sub(lambda found: f"\\u{ord(found[0]):04x}", line) for line in lines])


def _text(lines: Sequence[str]) -> bytes:
    return "".join(f"{line}\n" for line in lines).encode()


def _cells(column: pa.Array) -> pa.Array:
    texts = pc.fill_null(pc.cast(column, pa.string()), "")
    quoted = pc.binary_join_element_wise('"', pc.replace_substring(texts, '"', '""'), '"', "")
    return pc.if_else(pc.match_substring_regex(texts, _TO_QUOTE), quoted, texts)


def _json_values(column: pa.Array) -> pa.Array:
    if pa.types.is_float32(column.type):  # 0.1, where the nearest double would be told with seventeen digits
        column = pc.cast(pc.cast(column, pa.string()), pa.float64())
    return pc.if_else(pc.is_finite(column), column, None) if pa.types.is_floating(column.type) else column
