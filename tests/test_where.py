"""Conditions on a manifest: what holds for which rows, as Python itself would have it, and every mistake told."""

from __future__ import annotations

import re
import time

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from audiofeat.errors import ConfigError
from audiofeat.manifest.columns import column_named
from audiofeat.manifest.where import parse_where

ROWS = pa.record_batch(
    {
        "key": ["a/take1", "b", "ü c"],
        "source": pa.array(["a.wav", "a.wav", "b.wav"]).dictionary_encode(),
        "start_seconds": [None, 1.0, 2.0],
        "duration_seconds": [1.0, 11.5, None],
        "frames": pa.array([1, 2, 3], pa.int64()),
        "sample_rate": pa.array([8_000, 16_000, None], pa.int32()),
        "peak": pa.array([0.5, 1.0, None], pa.float32()),
        "meta.label": ["yes", None, "no"],
        "meta.is_clean": [True, None, False],
        "meta.two words": ["x", "y", "z"],
        "meta.class": ["x", "y", "z"],
        "meta.id": pa.array([2**60 + 1, None, 2], pa.int64()),
        "meta.list": [[1], [2], [3]],
    }
)


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("duration > 10", [0, 1, 0]),
        ("duration_seconds <= 10", [1, 0, 0]),
        ("not duration > 10", [1, 0, 1]),
        ("duration > 10 and frames == 2 or key == 'a/take1'", [1, 1, 0]),
        ("1 < frames <= 2", [0, 1, 0]),
        ("3 > frames > 1 < 2", [0, 1, 0]),
        ("frames * 100 / 2 - 1 == 49", [1, 0, 0]),
        ("-frames < -1", [0, 1, 1]),
        ("+frames != 1", [0, 1, 1]),
        ("peak == 0.5", [1, 0, 0]),
        ("sample_rate > 1e4", [0, 1, 0]),
        ("frames < 99999999999999999999", [1, 1, 1]),
        ("meta.id == 1152921504606846977", [1, 0, 0]),
        ("key > 'b'", [0, 0, 1]),
        ("source == 'a.wav'", [1, 1, 0]),
        ("meta['two words'] == 'y' or meta[\"class\"] == 'x'", [1, 1, 0]),
        ("'take' in key", [1, 0, 0]),
        ("'take' not in key", [0, 1, 1]),
        ("'e' in meta.label", [1, 0, 0]),
        ("frames in (1, 2.5, 1 + 2)", [1, 0, 1]),
        ("frames not in [2]", [1, 0, 1]),
        ("frames in ()", [0, 0, 0]),
        ("key in {'b', 'c'}", [0, 1, 0]),
        ("meta.is_clean", [1, 0, 0]),
        ("not meta.is_clean", [0, 1, 1]),
        ("meta.is_clean == False", [0, 0, 1]),
        ("(frames > 2) == meta.is_clean", [0, 0, 0]),
        ("True", [1, 1, 1]),
        ("1 > 2", [0, 0, 0]),
        ("(frames\n > 1)", [0, 1, 1]),
    ],
)
def test_a_condition_holds_for_the_rows_that_it_names(text: str, wanted: list[int]) -> None:
    where = parse_where(text, ROWS.schema)
    mask = where.mask(ROWS)
    assert mask.type == pa.bool_()
    assert mask.to_pylist() == [bool(value) for value in wanted]
    assert where.mask(pa.table(ROWS)).to_pylist() == mask.to_pylist()
    assert len(where.mask(ROWS.slice(0, 0))) == 0


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("meta.label == 'yes'", [1, 0, 0]),
        ("meta.label != 'yes'", [0, 0, 1]),
        ("meta.label in ('yes', 'no')", [1, 0, 1]),
        ("meta.label not in ('yes',)", [0, 0, 1]),
        ("meta.label == meta.label", [1, 0, 1]),
        ("meta.label == None", [0, 1, 0]),
        ("None is not meta.label", [1, 0, 1]),
        ("meta.label in (None, 'no')", [0, 1, 1]),
        ("meta.label not in (None, 'no')", [1, 0, 0]),
        ("duration + 1 == None", [0, 0, 1]),
        ("frames / (frames - 1) < 2", [0, 0, 1]),
        ("frames / (frames - 1) == None", [1, 0, 0]),
        ("duration in (1 / 0, 1)", [1, 0, 0]),
    ],
)
def test_a_comparison_with_null_is_false_and_null_can_be_asked_for(text: str, wanted: list[int]) -> None:
    assert parse_where(text, ROWS.schema).mask(ROWS).to_pylist() == [bool(value) for value in wanted]


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("durtion > 10", "--where, character 1: 'durtion' is no column of the manifest; did you mean 'duration'?"),
        ("frames > 1 and meta.lable == 'a'", "--where, character 16: 'meta.lable' is no column"),
        ("'ü' == key and frames == 'a'", "--where, character 16: \"frames == 'a'\" compares a number with a text"),
        ("(\n key ==\n'ü') and (frames\n == 'a')", "--where, character 21: "),
        ("sample_rate > 'a'", "--where, character 1: \"sample_rate > 'a'\" compares a number with a text"),
        ("1 < frames < key", "compares a number with a text"),
        ("meta.is_clean == 1", "compares a truth value with a number"),
        ("meta.is_clean > False", "asks which is larger of a truth value and another"),
        ("None < frames", "compares None with a number"),
        ("duration", "'duration' is a number, where a condition was wanted"),
        ("frames > 1 and meta.label", "character 16: 'meta.label' is a text, where a condition was wanted"),
        ("key + 'a' == 'b'", "'key' is a text, where a number was wanted"),
        ("-key == 1", "character 2: 'key' is a text, where a number was wanted"),
        ("frames in key", "'frames in key' is no use of `in`"),
        ("key in meta.label", "is no use of `in`"),
        ("frames in (1, 'a')", "looks for a number among a text and others"),
        ("frames in (1, sample_rate)", "character 15: 'sample_rate' is no constant"),
        ("frames is 1", "asks with `is` for something else than None"),
        ("meta.list == 1", "'meta.list' is list<"),
        ("frames = 1", "'frames = 1': invalid syntax"),
        ("meta.class == 'x'", "invalid syntax"),
        ("duration >", "invalid syntax"),
        ("", "there is no condition"),
        ("  ", "there is no condition"),
        ("__import__('os').system('true')", "is not allowed"),
        ("key.upper() == 'A'", "'key.upper()' is not allowed"),
        ("[x for x in (1,)] == 1", "is not allowed"),
        ("(lambda: True)()", "is not allowed"),
        ("(frames := 2) > 1", "is not allowed"),
        ("frames if True else 1", "is not allowed"),
        ("f'{key}' == 'a'", "is not allowed"),
        ("frames ** 2 > 1", "'frames ** 2' is not allowed"),
        ("frames % 2 == 0", "'frames % 2' is not allowed"),
        ("key[0] == 'a'", "'key[0]' is no column"),
        ("meta[key] == 'a'", "is no column"),
        ("b'a' == key", "is not allowed"),
        ("1j == frames", "is not allowed"),
        ("'\\udc80' == key", "is not allowed"),
        ("key == '\udc80'", "cannot be read"),
        ("a\0b", "'a\\x00b'"),
        ("frames < 1" + 400 * "0", "is larger than any number of a manifest"),
        (200 * "not " + "True", "is nested more than 100 deep"),
        (20_000 * "not " + "True", "'not not not "),
        (1_000 * "(" + "1" + 1_000 * ")", "too many nested parentheses"),
    ],
    ids=lambda text: ascii(text[:40]),
)
def test_a_mistake_is_told_with_its_place(text: str, problem: str) -> None:
    with pytest.raises(ConfigError, match=re.escape(problem)):
        parse_where(text, ROWS.schema)


@pytest.mark.parametrize(
    ("text", "hint"),
    [
        ("key > 3", "texts stand in quotes, numbers do not"),
        ('duration > "10"', "texts stand in quotes, numbers do not"),
        ("frames in (1, '2')", "texts stand in quotes, numbers do not"),
        ("meta.is_clean == 1", "== True or == False"),
        ("frames < None", "== None or != None asks whether there is a value"),
        ("duration", "a comparison, such as duration > 10"),
        ("frames > 1 and meta.label", 'a comparison, such as meta.label == "yes"'),
        ("duration = 3", "== asks whether two things are equal"),
        ("key = 'a=b' and frames >= 1", "== asks whether two things are equal"),
        (r"key = '\d'", "== asks whether two things are equal"),
        ("duration = ", "allowed are comparisons"),
        ("frames > 1 AND key == '='", "allowed are comparisons"),
        ("meta.label == speech", '"speech" if it is a text; else one of key, source'),
        ("meta.label == null", "None, as Python writes it"),
        ("meta.is_clean == TRUE", "True, as Python writes it"),
        ("key in ('x')", "key in ['x'] looks in a list of one"),
        ("frames in (3)", "frames in [3] looks in a list of one"),
        ("key in meta.label", 'meta.label in ("yes", "no") looks in a list'),
    ],
)
def test_a_mistake_is_told_with_what_to_try(text: str, hint: str) -> None:
    with pytest.raises(ConfigError) as caught:
        parse_where(text, ROWS.schema)
    assert caught.value.hint.startswith(hint)


@pytest.mark.parametrize(
    ("name", "meant"),
    [("dur", "duration"), ("id", "meta.id"), ("meta.two", "meta.two words"), ("durtion", "duration"), ("sec", None)],
)
def test_the_beginning_of_a_columns_name_is_enough_to_be_understood_in_a_message(name: str, meant: str | None) -> None:
    with pytest.raises(ConfigError) as caught:
        column_named(name, ROWS.schema.names)
    assert caught.value.problem.partition("; ")[2] == (f"did you mean {meant!r}?" if meant else "")


def test_a_name_without_its_unit_must_be_the_only_one() -> None:
    schema = pa.schema([pa.field("start", pa.int64()), pa.field("start_seconds", pa.float64())])
    assert parse_where("start > 1", schema).columns == ("start",)
    with pytest.raises(ConfigError, match="'end' is no column"):
        parse_where("end > 1", schema)


def test_only_the_columns_that_are_asked_for_are_wanted() -> None:
    where = parse_where("duration > 1 and meta.label == 'yes' and duration < 5", ROWS.schema)
    assert where.columns == ("duration_seconds", "meta.label")
    assert where.mask(ROWS.select(list(where.columns))).to_pylist() == [False, False, False]
    assert parse_where("1 < 2", ROWS.schema).columns == ()


numbers = st.one_of(
    st.sampled_from(["x", "y", "n"]),
    st.integers(-1_000, 1_000).map(str),
    st.floats(allow_nan=False, allow_infinity=False).map(repr),
)
calculations = st.recursive(
    numbers,
    lambda inner: st.one_of(
        st.tuples(inner, st.sampled_from(["+", "-", "*"]), inner).map(" ".join).map("({})".format),
        st.tuples(inner, st.integers(1, 9)).map(lambda parts: f"({parts[0]} / {parts[1]})"),
        inner.map("(-{})".format),
    ),
    max_leaves=4,
)
orders = st.sampled_from(["<", "<=", ">", ">=", "==", "!="])
comparisons = st.one_of(
    st.tuples(calculations, orders, calculations).map(" ".join),
    st.tuples(calculations, orders, calculations, orders, calculations).map(" ".join),
    st.tuples(calculations, st.sampled_from(["in", "not in"]), st.lists(numbers.filter(lambda t: t not in "xyn"))).map(
        lambda parts: f"{parts[0]} {parts[1]} [{', '.join(parts[2])}]"
    ),
)
conditions = st.recursive(
    comparisons,
    lambda inner: st.one_of(
        st.tuples(inner, st.sampled_from(["and", "or"]), inner).map(" ".join).map("({})".format),
        inner.map("(not {})".format),
    ),
    max_leaves=6,
)
rows = st.lists(st.tuples(st.floats(), st.floats(width=32), st.integers(-1_000, 1_000)), min_size=1, max_size=5)


@settings(max_examples=300, deadline=None)
@given(conditions, rows)
@example("x in [0]", [(-0.0, 0.0, 0)])
@example("x == -x", [(float("nan"), 0.0, 0), (-0.0, 0.0, 0)])
def test_a_condition_on_numbers_is_what_python_itself_makes_of_it(
    condition: str, values: list[tuple[float, float, int]]
) -> None:
    x, y, n = zip(*values, strict=True)
    batch = pa.record_batch({"x": pa.array(x), "y": pa.array(np.array(y, np.float32)), "n": pa.array(n, pa.int32())})
    wanted = [bool(eval(condition, {}, dict(zip("xyn", row, strict=True)))) for row in values]
    assert parse_where(condition, batch.schema).mask(batch).to_pylist() == wanted


def test_a_million_rows_are_judged_at_once() -> None:
    batch = pa.record_batch({"duration_seconds": np.arange(1_000_000.0), "key": pa.repeat("a/b", 1_000_000)})
    where = parse_where("10 < duration < 20 and key in ('a/b', 'c') or 'x' in key", batch.schema)
    began = time.perf_counter()
    assert sum(where.mask(batch).to_pylist()) == 9
    assert time.perf_counter() - began < 5
