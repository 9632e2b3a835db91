"""A source's own columns in the manifest: one type each, and never a reason to compute."""

from __future__ import annotations

from pathlib import Path

import pyarrow as pa
import pytest
from small_store import make_store, settings_for, small_arrays

from audiofeat.records import MetaValue
from audiofeat.store.layout import StorePaths
from audiofeat.store.manifest import SCHEMA, encode_manifest, read_manifest, rows_of, with_meta


def manifest_with(tmp_path: Path, names: list[str], values: list[tuple[MetaValue, ...]]) -> pa.Table:
    make_store(tmp_path, settings_for(), small_arrays(len(values)))
    table = read_manifest(StorePaths(tmp_path).manifest)
    keys = table.column("key").to_pylist()
    return with_meta(table, names, dict(zip(keys, values, strict=True)))


@pytest.mark.parametrize(
    ("values", "kind", "stored"),
    [
        (["a", None, "b"], "string", ["a", None, "b"]),
        ([1, 2, None], "int64", [1, 2, None]),
        ([1, 2.5, None], "double", [1.0, 2.5, None]),
        ([True, None, False], "bool", [True, None, False]),
        ([1, "007", None], "string", ["1", "007", None]),
        ([1, True, 2.5], "string", ["1", "true", "2.5"]),
        ([2**70, 1, None], "double", [2.0**70, 1.0, None]),
        ([10**400, 1], "string", [str(10**400), "1"]),
        ([None, None, None], "string", [None, None, None]),
    ],
)
def test_a_column_has_one_type(tmp_path: Path, values: list[MetaValue], kind: str, stored: list[MetaValue]) -> None:
    column = manifest_with(tmp_path, ["word"], [(value,) for value in values]).column("meta.word")
    assert (str(column.type), column.to_pylist()) == (kind, stored)


def test_meta_stands_behind_the_other_columns_and_does_not_reach_the_rows(tmp_path: Path) -> None:
    table = manifest_with(tmp_path, ["b", "a"], [("x", 1), ("y", 2)])
    assert table.column_names == [*SCHEMA.names, "meta.b", "meta.a"]
    (tmp_path / "copy.parquet").write_bytes(encode_manifest(table))
    again = read_manifest(tmp_path / "copy.parquet")
    assert again.column("meta.a").to_pylist() == [1, 2]
    assert [row.key for _, row in rows_of(again)] == again.column("key").to_pylist()


def test_a_manifest_of_format_version_1_is_read(tmp_path: Path) -> None:
    table = manifest_with(tmp_path, [], [(), ()]).drop_columns(["parent", "excerpt"])
    assert [(row.parent, row.excerpt, row.clip_key == row.key) for _, row in rows_of(table)] == [(None, None, True)] * 2
