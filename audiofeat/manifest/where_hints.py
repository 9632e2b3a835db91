"""What to try where a condition cannot be understood: most who write one know SQL or a shell better than Python."""

from __future__ import annotations

import ast
import re
import warnings
from contextlib import suppress

from audiofeat.manifest.where_values import Kind

ALLOWED = "comparisons, and, or, not, in (...), + - * /, numbers, texts, True, False, None, and columns"

_WORDS = {"null": "None", "none": "None", "true": "True", "false": "False"}
_LONE_EQUALS = re.compile(r"(?<![=<>!:])=(?!=)")
_EXAMPLES = {Kind.NUMBER: "{} > 10", Kind.TEXT: '{} == "yes"', Kind.NOTHING: "meta.label == {}"}


def for_syntax(text: str) -> str:
    """For a condition that is no expression of Python's."""
    mended = _LONE_EQUALS.sub("==", text)
    if mended != text:
        with suppress(SyntaxError, ValueError, MemoryError, RecursionError), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            ast.parse(mended, mode="eval")
            return "== asks whether two things are equal"
    return f"allowed are {ALLOWED}"


def for_unknown(word: str, *, hint: str) -> str:
    """For a bare word that is no column."""
    if word.lower() in _WORDS:
        return f"{_WORDS[word.lower()]}, as Python writes it"
    return f'"{word}" if it is a text; else {hint}'


def for_no_condition(part: str, kind: Kind) -> str:
    """For a value where a condition was wanted."""
    return f"a comparison, such as {_EXAMPLES[kind].format(part)}"


def for_unlike(*kinds: Kind) -> str:
    """For a comparison of two kinds."""
    if Kind.NOTHING in kinds:
        return "== None or != None asks whether there is a value"
    if Kind.TRUTH in kinds:
        return "== True or == False"
    return "texts stand in quotes, numbers do not"


def for_in(left: str, right: ast.expr) -> str:
    """For a use of ``in`` that is none: ``("yes")`` is no list, but ``("yes",)`` is one."""
    if isinstance(right, ast.Constant) and isinstance(right.value, str | int | float):
        return f"{left} in [{right.value!r}] looks in a list of one"
    return """meta.label in ("yes", "no") looks in a list, "take" in key for a part of a text"""
