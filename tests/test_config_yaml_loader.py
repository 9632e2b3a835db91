"""YAML's traps, one by one: what is text, what is a number, what is refused, and on which line."""

from __future__ import annotations

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from audiofeat.config.yaml_loader import (
    MAX_ALIASES,
    MAX_BYTES,
    MAX_DEPTH,
    MAX_NODES,
    Document,
    TooComplexError,
    parse_yaml,
)
from audiofeat.errors import ConfigError


def parse(text: str) -> Document:
    return parse_yaml(text.encode(), title="job.yaml")


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("true", True),
        ("false", False),
        ("null", None),
        ("~", None),
        ("", None),
        ("12", 12),
        ("-3", -3),
        ("0", 0),
        ("0.97", 0.97),
        ("1e-10", 1e-10),
        ("1.0e-6", 1e-6),
        ("1e3", 1000.0),
        (".5", 0.5),
        ("8000.", 8000.0),
    ],
)
def test_plain_scalars_are_what_they_look_like(text: str, value: object) -> None:
    found = parse(f"key: {text}").value["key"]
    assert found == value
    assert type(found) is type(value)


@pytest.mark.parametrize(
    "text",
    [
        "yes",
        "no",
        "on",
        "off",
        "y",
        "n",
        "012",
        "0x1F",
        "0o17",
        "12:30:45",
        "2024-05-01",
        "1_000",
        "+",
        ".",
        "1e",
        "hann",
    ],
)
def test_what_yaml_1_1_would_guess_stays_text(text: str) -> None:
    assert parse(f"key: {text}").value == {"key": text}


@pytest.mark.parametrize("text", ["'true'", '"12"', "!!str 12", "'~'"])
def test_quoted_scalars_are_text(text: str) -> None:
    assert isinstance(parse(f"key: {text}").value["key"], str)


@pytest.mark.parametrize("text", [".nan", ".NaN", ".inf", "-.inf", "+.Inf", "1e999", "-1e400"])
def test_numbers_that_are_not_finite_are_refused(text: str) -> None:
    document = parse(f"one: 1\nkey: {text}")
    assert document.value == {"one": 1}
    assert [(each.path, each.place) for each in document.complaints] == [(("key",), "line 2")]
    assert "finite" in document.complaints[0].text


def test_endless_digits_are_not_turned_into_a_float() -> None:
    document = parse("key: " + "9" * 5_000)
    assert document.value == {}
    assert "digits" in document.complaints[0].text


@pytest.mark.parametrize(
    "text",
    ["!!python/object/apply:os.system [ls]", "!!python/name:os.system ''", "!mine 3", "!!int '3'", "!!binary aGk="],
)
def test_tags_that_build_objects_are_refused(text: str) -> None:
    document = parse(f"key: {text}")
    assert document.value == {}
    assert "unsafe or unknown" in document.complaints[0].text


def test_a_key_written_twice_is_refused_with_both_lines() -> None:
    document = parse("mel:\n  bands: 80\n  fmin_hz: 20\n  bands: 40\n")
    assert document.value == {"mel": {"bands": 80, "fmin_hz": 20}}
    assert "lines 2 and 4" in document.complaints[0].text


@pytest.mark.parametrize("text", ["1: a", "true: a", "null: a", "[a]: b", "? {a: b}\n: c"])
def test_keys_that_are_not_text_are_refused(text: str) -> None:
    assert "a key must be text" in parse(text).complaints[0].text


def test_half_a_character_is_refused() -> None:
    assert "surrogate" in parse('key: "\\uD800"').complaints[0].text


def test_every_key_has_its_line() -> None:
    document = parse("# a comment\nmel:\n  bands: 80\n\nfeatures:\n  mfcc: {mel: {bands: 23}}\n")
    assert document.lines == {
        ("mel",): 2,
        ("mel", "bands"): 3,
        ("features",): 5,
        ("features", "mfcc"): 6,
        ("features", "mfcc", "mel"): 6,
        ("features", "mfcc", "mel", "bands"): 6,
    }


def test_an_alias_stands_for_its_anchor() -> None:
    assert parse("a: &x {n: 1}\nb: *x").value == {"a": {"n": 1}, "b": {"n": 1}}


def test_a_byte_order_mark_is_no_character() -> None:
    assert parse_yaml(b"\xef\xbb\xbfkey: 1", title="job.yaml").value == {"key": 1}


BOMB = "\n".join(
    ["l0: &l0 [x, x, x, x, x, x]"] + [f"l{n}: &l{n} [{', '.join([f'*l{n - 1}'] * 6)}]" for n in range(1, 9)]
)


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        (BOMB, "values"),
        ("a: &a [*a]", "levels of nesting"),
        ("[" * (MAX_DEPTH + 1), "levels of nesting"),
        ("- " * 3_000, "levels of nesting"),
        ("a: &a 1\nb: [" + "*a, " * (MAX_ALIASES + 1) + "]", "aliases"),
        ("[" + "a, " * MAX_NODES + "]", "values"),
        ("#" * (MAX_BYTES + 1), "larger than"),
    ],
    ids=["bomb", "endless", "deep", "deep-block", "aliases", "nodes", "bytes"],
)
def test_what_no_config_can_be_is_refused(text: str, problem: str) -> None:
    with pytest.raises(TooComplexError, match=problem):
        parse(text)


def test_a_list_may_hold_more_numbers_than_a_config_has_values() -> None:
    document = parse("window:\n  values: [" + "0.5, " * (MAX_NODES + 1) + "1]\n")
    assert document.complaints == []
    assert document.value["window"]["values"] == [0.5] * (MAX_NODES + 1) + [1]


@pytest.mark.parametrize("item", ["'1'", "{}", "[]", "1_0", ".inf"])
def test_what_is_no_number_counts_in_a_list_too(item: str) -> None:
    with pytest.raises(TooComplexError, match="more than 10,000 values"):
        parse("a: [" + f"{item}, " * MAX_NODES + "]")


def test_numbers_that_aliases_multiply_have_a_limit() -> None:
    long = "a: &a [" + "1, " * 20_000 + "]\n"
    assert len(parse(long + "b: [" + "*a, " * 20 + "]").value["b"][19]) == 20_000
    with pytest.raises(TooComplexError, match="more than 500,000 numbers"):
        parse(long + "b: [" + "*a, " * 25 + "]")


def test_what_is_just_within_the_limits_is_read() -> None:
    assert parse("a: &a 1\nb: [" + ", ".join(["*a"] * MAX_ALIASES) + "]").value["b"] == [1] * MAX_ALIASES
    assert parse("[" * MAX_DEPTH + "]" * MAX_DEPTH).complaints == []


@pytest.mark.parametrize(
    ("data", "problem"),
    [
        (b"a: 1\nb: \xff\n", "line 2: not UTF-8"),
        ("a: 1".encode("utf-16"), "line 1: not UTF-8"),
        (b"a: 1\n---\nb: 2\n", "line 2: .*another document"),
        (b"a: 1\nb: c: d\n", "line 2: "),
        (b"a: 1\n\nb: \x00", "line 3: a character"),
        (b"a: [1, 2", "line 1: "),
        (b"a: *missing", "line 1: .*undefined alias"),
        (b'"\\UFFFFFFFF"', "too large"),
        (b"%YAML 1." + b"9" * 5_000 + b"\n---\na", "too large"),
    ],
)
def test_what_cannot_be_read_is_refused_with_its_line(data: bytes, problem: str) -> None:
    with pytest.raises(ConfigError, match=f"^job.yaml: .*{problem}"):
        parse_yaml(data, title="job.yaml")


@settings(max_examples=300, deadline=None)
@given(st.text(st.sampled_from("ab1.:-?[]{}&*!|>'\"%@#,~ \t\n\\xU\x00\u2028é"), max_size=40))
@example("&a [*a]")
def test_any_text_is_read_or_refused(text: str) -> None:
    try:
        document = parse(text)
    except ConfigError as error:
        problem = error.problem
    else:
        problem = "job.yaml: none"
        assert all(each.place.startswith("line ") for each in document.complaints)
    assert problem.startswith("job.yaml: ")


@settings(max_examples=100, deadline=None)
@given(st.binary(max_size=60))
def test_any_bytes_are_read_or_refused(data: bytes) -> None:
    try:
        problem = str(parse_yaml(data, title="job.yaml").complaints)
    except ConfigError as error:
        problem = error.problem
    assert problem.startswith(("job.yaml: ", "["))
