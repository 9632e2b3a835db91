"""YAML as people mean it, and nothing that surprises, runs code or explodes.

PyYAML parses; its YAML 1.1 guesses are not used. A plain scalar is null, a boolean (true, false), a decimal
number as in YAML 1.2's core schema (so that 1e-10 is a number), or else text: ``no``, ``012``, ``12:30:45`` and
dates stay text, and the models then say what they wanted. Tags that build objects, duplicate keys and
non-finite numbers are complaints; size, depth, nodes and aliases are limited, since a file of 400 bytes can
stand for gigabytes ("billion laughs").

Reference: YAML 1.2.2, section 10.3.2 (the core schema), less octal and hexadecimal numbers.
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass, field
from typing import Any

import yaml

from audiofeat.config.complaints import Complaint
from audiofeat.config.key_paths import KeyPath
from audiofeat.config.wording import cut
from audiofeat.errors import ConfigError

MAX_BYTES = 1_000_000
MAX_DEPTH = 32
MAX_NODES = 10_000
MAX_ALIASES = 64
MAX_DIGITS = 40
MAX_NUMBERS = MAX_BYTES // 2
"""In lists, where each number takes two bytes at least; more can only come of aliases."""

_INTEGER = re.compile(r"[-+]?(?:0|[1-9][0-9]*)")
_REAL = re.compile(r"[-+]?(?:(?:0|[1-9][0-9]*)(?:\.[0-9]*)?|\.[0-9]+)(?:[eE][-+]?[0-9]+)?")
_NOT_FINITE = re.compile(r"[-+]?\.(?:inf|Inf|INF)|\.(?:nan|NaN|NAN)")
_WORDS = {
    **dict.fromkeys(("", "~", "null", "Null", "NULL"), None),
    **dict.fromkeys(("true", "True", "TRUE"), True),
    **dict.fromkeys(("false", "False", "FALSE"), False),
}

_NEWLINE = "\n"
_PLAIN = "plain"
_TEXT = "tag:yaml.org,2002:str"
_TAGS = {yaml.ScalarNode: (_PLAIN, _TEXT), yaml.MappingNode: ("tag:yaml.org,2002:map",)}
_TAGS[yaml.SequenceNode] = ("tag:yaml.org,2002:seq",)

_REFUSED = object()


class TooComplexError(ConfigError):
    """The YAML is larger or more entangled than any config can be."""


@dataclass(slots=True)
class Document:
    """What a YAML text says, where it says so, and what is wrong with it short of being unreadable."""

    value: Any = None
    lines: dict[KeyPath, int] = field(default_factory=dict)
    """The line (from 1) of every key."""
    complaints: list[Complaint] = field(default_factory=list)


def parse_yaml(data: bytes, *, title: str) -> Document:
    """Read one YAML document.

    Raises:
        ConfigError: it is not UTF-8, not YAML, several documents, or too large, deep or entangled; the message
            begins with ``title`` and names the line.
    """
    if len(data) > MAX_BYTES:
        raise TooComplexError(f"{title}: larger than {MAX_BYTES:,} bytes, which no config is", hint="is it a manifest?")
    text = _decoded(data, title=title)
    try:
        root = _Loader(text, title=title).get_single_node()
    except TooComplexError:
        raise
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        line = f"line {mark.line + 1}: " if mark else ""
        problem = ", ".join(part for part in (error.context, error.problem) if part)
        raise ConfigError(f"{title}: {line}not readable as YAML: {problem}") from error
    except yaml.reader.ReaderError as error:
        line = f"line {text.count(_NEWLINE, 0, error.position) + 1}: "
        raise ConfigError(f"{title}: {line}a character that YAML does not allow") from error
    except (ValueError, OverflowError) as error:  # PyYAML lets chr() and int() fail on "\UFFFFFFFF" and %YAML 9...9
        raise ConfigError(f"{title}: not readable as YAML: a number in it is too large") from error
    return _Reading(title=title).document(root)


def _decoded(data: bytes, *, title: str) -> str:
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise ConfigError(f"{title}: line {line}: not UTF-8 text", hint="save the file as UTF-8") from error


class _Loader(yaml.SafeLoader):
    """A composer of nodes that counts what it makes and leaves the meaning of scalars to ``_Reading``."""

    def __init__(self, text: str, *, title: str) -> None:
        self._title = title
        self._depth = self._nodes = self._aliases = 0
        super().__init__(text)

    def compose_node(self, parent: yaml.Node | None, index: Any) -> yaml.Node | None:
        self._aliases += self.check_event(yaml.AliasEvent)
        self._depth += 1
        _check_limits(self._title, depth=self._depth, nodes=self._nodes + 1, aliases=self._aliases)
        node = super().compose_node(parent, index)
        self._depth -= 1
        self._nodes += not _is_number_in_list(node, parent)
        return node

    def resolve(self, kind: type[yaml.Node], value: Any, implicit: Any) -> str:
        """Plain scalars are told from quoted ones; PyYAML's own table of guesses is not asked."""
        is_plain = kind is yaml.ScalarNode and implicit[0]
        return _PLAIN if is_plain else _TAGS[kind][-1]


def _is_number_in_list(node: yaml.Node | None, parent: yaml.Node | None) -> bool:
    """A window or a mean has thousands of them."""
    if not (isinstance(parent, yaml.SequenceNode) and isinstance(node, yaml.ScalarNode) and node.tag == _PLAIN):
        return False
    return bool(_INTEGER.fullmatch(node.value) or _REAL.fullmatch(node.value))


def _check_limits(title: str, *, depth: int = 0, nodes: int = 0, aliases: int = 0, numbers: int = 0) -> None:
    for found, limit, what in (
        (depth, MAX_DEPTH, "levels of nesting"),
        (nodes, MAX_NODES, "values"),
        (aliases, MAX_ALIASES, "aliases"),
        (numbers, MAX_NUMBERS, "numbers"),
    ):
        if found > limit:
            raise TooComplexError(f"{title}: more than {limit:,} {what}, which no config has")


class _Reading:
    """One walk over the nodes, aliases followed, that turns them into plain values."""

    def __init__(self, *, title: str) -> None:
        self._title, self._out = title, Document()
        self._nodes = self._numbers = 0

    def document(self, root: yaml.Node | None) -> Document:
        value = None if root is None else self._value(root, (), depth=1)
        self._out.value = None if value is _REFUSED else value
        return self._out

    def _value(self, node: yaml.Node, path: KeyPath, *, depth: int, parent: yaml.Node | None = None) -> Any:
        is_number = _is_number_in_list(node, parent)
        self._numbers += is_number
        self._nodes += not is_number
        _check_limits(self._title, depth=depth, nodes=self._nodes, numbers=self._numbers)
        if node.tag not in _TAGS[type(node)]:
            return self._refuse(
                node, path, f"the tag {cut(repr(node.tag))} is unsafe or unknown here; write a plain value"
            )
        if isinstance(node, yaml.MappingNode):
            return self._group(node, path, depth=depth)
        if isinstance(node, yaml.ScalarNode):
            return self._scalar(node, path)
        items = [self._value(item, path, depth=depth + 1, parent=node) for item in node.value]
        return [item for item in items if item is not _REFUSED]

    def _group(self, node: yaml.MappingNode, path: KeyPath, *, depth: int) -> dict[str, Any]:
        values: dict[str, Any] = {}
        first_lines: dict[str, int] = {}
        for key_node, value_node in node.value:
            key = self._key(key_node, path)
            if key is None:
                continue
            here, line = (*path, key), key_node.start_mark.line + 1
            if key in first_lines:
                text = f"the key is here twice, in lines {first_lines[key]} and {line}; keep one"
                self._refuse(key_node, here, text)
                continue
            first_lines[key] = self._out.lines[here] = line
            value = self._value(value_node, here, depth=depth + 1)
            if value is not _REFUSED:
                values[key] = value
        return values

    def _key(self, node: yaml.Node, path: KeyPath) -> str | None:
        if isinstance(node, yaml.ScalarNode) and node.tag in _TAGS[yaml.ScalarNode]:
            value = self._scalar(node, path)
            if isinstance(value, str):
                return value
            if value is _REFUSED:
                return None
        self._refuse(node, path, "a key must be text; quote it if it is meant")
        return None

    def _scalar(self, node: yaml.ScalarNode, path: KeyPath) -> Any:
        text: str = node.value
        if any("\ud800" <= character <= "\udfff" for character in text):
            return self._refuse(node, path, "half a character (a lone surrogate), which is not text")
        if node.tag != _PLAIN:
            return text
        if text in _WORDS:
            return _WORDS[text]
        if _INTEGER.fullmatch(text):
            too_long = len(text) > MAX_DIGITS
            return (
                self._refuse(node, path, f"more than {MAX_DIGITS} digits; quote it if it is text")
                if too_long
                else int(text)
            )
        if _REAL.fullmatch(text) and math.isfinite(float(text)):
            return float(text)
        if _REAL.fullmatch(text) or _NOT_FINITE.fullmatch(text):
            return self._refuse(node, path, f"{text[:MAX_DIGITS]}: expected a finite number")
        return text

    def _refuse(self, node: yaml.Node, path: KeyPath, text: str) -> object:
        self._out.complaints.append(Complaint(path, text, place=f"line {node.start_mark.line + 1}"))
        return _REFUSED
