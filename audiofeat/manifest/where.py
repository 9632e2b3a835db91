"""Which clips: a condition on the manifest's columns, such as ``duration > 10 and meta.label in ("yes", "no")``.

It is written as Python would have it and read by Python's own parser (:mod:`ast`), but never executed: each kind of
node that is allowed becomes functions of :mod:`pyarrow.compute`, which take whole batches of rows. There are
comparisons (chained too), ``and``, ``or``, ``not``, ``in``, + - * /, numbers, texts, True, False, None and columns.

A comparison with a value that is missing (null) is false, ``!=`` and ``not in`` too; ``x == None`` asks for those.
Arithmetic is in double precision, and a division by zero gives null.
"""

from __future__ import annotations

import ast
import warnings
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from audiofeat.config.wording import cut
from audiofeat.errors import ConfigError
from audiofeat.manifest import where_hints
from audiofeat.manifest.columns import column_named
from audiofeat.manifest.where_values import (
    ARITHMETIC,
    Evaluate,
    Kind,
    Term,
    aligned,
    among,
    arithmetic,
    as_one_type,
    joined,
    kind_of,
    not_in,
)

_DEEPEST = 100
_INT64 = range(-(2**63), 2**63)
_ORDERS: dict[type[ast.cmpop], Callable[..., Any]] = {
    ast.Lt: pc.less,
    ast.LtE: pc.less_equal,
    ast.Gt: pc.greater,
    ast.GtE: pc.greater_equal,
}
_EQUALITIES: dict[type[ast.cmpop], Callable[..., Any]] = {ast.Eq: pc.equal, ast.NotEq: pc.not_equal}
_NULL_TESTS: dict[type[ast.cmpop], Callable[..., Any]] = {
    ast.Eq: pc.is_null,
    ast.Is: pc.is_null,
    ast.NotEq: pc.is_valid,
    ast.IsNot: pc.is_valid,
}


@dataclass(frozen=True, slots=True)
class Where:
    """A condition that was understood; :func:`parse_where` makes it."""

    text: str
    columns: tuple[str, ...]
    """All that a batch must have."""
    _condition: Evaluate = field(repr=False)

    def mask(self, batch: pa.RecordBatch | pa.Table) -> pa.BooleanArray:
        """Whether each row is meant, without nulls: (rows,); of a table, a chunked array."""
        found = self._condition(batch)
        return pa.repeat(found, batch.num_rows) if isinstance(found, pa.Scalar) else found


def parse_where(text: str, schema: pa.Schema) -> Where:
    """Understand a condition on the columns of ``schema``.

    Columns are named as in the manifest, and without their unit where that leaves no doubt (``duration``);
    ``meta["two words"]`` is for what Python cannot read as ``meta.name``.

    Raises:
        ConfigError: it cannot be read, has something else in it than is allowed, names a column that is not there, or
            compares what cannot be compared. The message has the place.
    """
    text = " ".join(text.split("\r")).strip()  # the parser would end lines there, and places be counted wrongly
    reading = _Reading(text, schema)
    condition = reading.condition(_parsed(text))
    return Where(text, tuple(reading.columns), condition)


def _parsed(text: str) -> ast.expr:
    if not text:
        raise ConfigError("--where: there is no condition", hint='for instance "duration > 10"')
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # the parser's advice to programmers, such as on '\d'
            tree = ast.parse(text, mode="eval").body
    except SyntaxError as error:
        place = f", character {error.offset}" if error.offset else ""
        raise ConfigError(
            f"--where{place}: {cut(repr(text))}: {error.msg}", hint=where_hints.for_syntax(text)
        ) from error
    except (ValueError, MemoryError, RecursionError) as error:
        hint = "plain UTF-8, not too deeply nested"
        raise ConfigError(f"--where: {cut(repr(text))} cannot be read", hint=hint) from error
    level: list[ast.AST] = [tree]
    for _ in range(_DEEPEST):
        level = [child for node in level for child in ast.iter_child_nodes(node)]
        if not level:
            return tree
    raise ConfigError(
        f"--where: {cut(repr(text))} is nested more than {_DEEPEST} deep", hint="`in` instead of many `or`"
    )


class _Reading:
    """One pass over the parsed condition, from its nodes to terms."""

    def __init__(self, text: str, schema: pa.Schema) -> None:
        self.columns: dict[str, None] = {}
        self._text, self._schema = text, schema

    def condition(self, node: ast.expr) -> Evaluate:
        """A term that must be a truth value; where it is null it is false."""
        term = self._term(node)
        if term.kind is not Kind.TRUTH:
            hint = where_hints.for_no_condition(self._part(node), term.kind)
            raise self._refusal(node, f"is {term.kind.value}, where a condition was wanted", hint=hint)
        return lambda batch: pc.fill_null(term.evaluate(batch), False)

    def _term(self, node: ast.expr) -> Term:
        match node:
            case ast.Constant(value=value):
                return self._constant(node, value)
            case ast.Name() | ast.Attribute() | ast.Subscript():
                return self._column(node)
            case ast.UnaryOp(op=ast.Not(), operand=operand):
                condition = self.condition(operand)
                return Term(Kind.TRUTH, lambda batch: pc.invert(condition(batch)))
            case ast.UnaryOp(op=ast.USub() | ast.UAdd() as sign, operand=operand):
                number = self._number(operand)
                if isinstance(sign, ast.UAdd):
                    return number
                return Term(Kind.NUMBER, lambda batch: pc.negate(number.evaluate(batch)), number.is_constant)
            case ast.BinOp(op=operator, left=left, right=right) if type(operator) in ARITHMETIC:
                return arithmetic(ARITHMETIC[type(operator)], self._number(left), self._number(right))
            case ast.BoolOp(op=operator, values=parts):
                join = pc.and_ if isinstance(operator, ast.And) else pc.or_
                return Term(Kind.TRUTH, joined(join, [self.condition(part) for part in parts]))
            case ast.Compare(left=left, ops=operators, comparators=rights):
                pairs = zip([left, *rights[:-1]], operators, rights, strict=True)
                return Term(Kind.TRUTH, joined(pc.and_, [self._compared(node, *pair) for pair in pairs]))
        raise self._refusal(node, "is not allowed", hint=f"allowed are {where_hints.ALLOWED}")

    def _constant(self, node: ast.expr, value: object) -> Term:
        match value:
            case None:
                kind, scalar = Kind.NOTHING, pa.scalar(None)
            case bool():
                kind, scalar = Kind.TRUTH, pa.scalar(value)
            case int() | float():
                kind, scalar = Kind.NUMBER, self._number_scalar(node, value)
            case str() if not any("\ud800" <= letter <= "\udfff" for letter in value):
                kind, scalar = Kind.TEXT, pa.scalar(value)
            case _:
                raise self._refusal(node, "is not allowed", hint=f"allowed are {where_hints.ALLOWED}")
        return Term(kind, lambda batch: scalar, is_constant=True)

    def _number_scalar(self, node: ast.expr, value: float) -> pa.Scalar:
        try:
            return pa.scalar(value if isinstance(value, int) and value in _INT64 else float(value))
        except OverflowError as error:
            raise self._refusal(node, "is larger than any number of a manifest") from error

    def _column(self, node: ast.expr) -> Term:
        spelled = self._spelled(node)
        try:
            name = column_named(spelled, self._schema.names)
        except ConfigError as error:
            hint = where_hints.for_unknown(spelled, hint=error.hint) if isinstance(node, ast.Name) else error.hint
            raise ConfigError(f"--where{self._place(node)}: {error.problem}", hint=hint) from error
        kind = kind_of(self._schema.field(name).type)
        if kind is None:
            raise self._refusal(node, f"is {self._schema.field(name).type}: neither number nor text nor truth value")
        self.columns[name] = None
        return Term(kind, lambda batch: as_one_type(batch.column(name)))

    def _spelled(self, node: ast.expr) -> str:
        match node:
            case ast.Name(id=name):
                return name
            case ast.Attribute(value=ast.Name() | ast.Attribute() as group, attr=name):
                return f"{self._spelled(group)}.{name}"
            case ast.Subscript(value=ast.Name(id="meta"), slice=ast.Constant(value=str(name))):
                return f"meta.{name}"
        raise self._refusal(
            node, "is no column", hint='columns are written as duration, meta.label or meta["two words"]'
        )

    def _number(self, node: ast.expr) -> Term:
        term = self._term(node)
        if term.kind is not Kind.NUMBER:
            raise self._refusal(node, f"is {term.kind.value}, where a number was wanted")
        return term

    def _compared(self, whole: ast.expr, left_node: ast.expr, operator: ast.cmpop, right_node: ast.expr) -> Evaluate:
        left = self._term(left_node)
        if isinstance(operator, ast.In | ast.NotIn):
            found = self._found_in(whole, left, self._part(left_node), right_node)
            return found if isinstance(operator, ast.In) else not_in(left, found)
        right = self._term(right_node)
        if Kind.NOTHING in (left.kind, right.kind) and type(operator) in _NULL_TESTS:
            term = left if right.kind is Kind.NOTHING else right
            test = _NULL_TESTS[type(operator)]
            return lambda batch: test(term.evaluate(batch))
        if isinstance(operator, ast.Is | ast.IsNot):
            raise self._refusal(whole, "asks with `is` for something else than None", hint="use ==")
        if left.kind is not right.kind:
            hint = where_hints.for_unlike(left.kind, right.kind)
            raise self._refusal(whole, f"compares {left.kind.value} with {right.kind.value}", hint=hint)
        if left.kind in (Kind.TRUTH, Kind.NOTHING) and type(operator) in _ORDERS:
            raise self._refusal(whole, f"asks which is larger of {left.kind.value} and another", hint="use == or !=")
        compare = (_ORDERS | _EQUALITIES)[type(operator)]
        return lambda batch: pc.fill_null(compare(*aligned(left.evaluate(batch), right.evaluate(batch))), False)

    def _found_in(self, whole: ast.expr, left: Term, left_part: str, node: ast.expr) -> Evaluate:
        if isinstance(node, ast.Tuple | ast.List | ast.Set):
            members = [(self._term(element), element) for element in node.elts]
            for member, element in members:
                if not member.is_constant:
                    raise self._refusal(element, "is no constant, as the members of a list must be")
                if member.kind not in (left.kind, Kind.NOTHING):
                    raise self._refusal(
                        whole,
                        f"looks for {left.kind.value} among {member.kind.value} and others",
                        hint=where_hints.for_unlike(left.kind, member.kind),
                    )
            return among(left, [member for member, _ in members])
        right = self._term(node)
        if (left.kind, right.kind) != (Kind.TEXT, Kind.TEXT) or not left.is_constant:
            raise self._refusal(whole, "is no use of `in`", hint=where_hints.for_in(left_part, node))
        part = left.evaluate(None).as_py()
        return lambda batch: pc.fill_null(pc.match_substring(right.evaluate(batch), part), False)

    def _refusal(self, node: ast.expr, problem: str, *, hint: str = "") -> ConfigError:
        return ConfigError(f"--where{self._place(node)}: {cut(repr(self._part(node)))} {problem}", hint=hint)

    def _part(self, node: ast.expr) -> str:
        return ast.get_source_segment(self._text, node) or self._text

    def _place(self, node: ast.expr) -> str:
        """Counted in characters from 1; the parser counts the bytes of a line."""
        lines = self._text.split("\n")
        before = sum(len(line) + 1 for line in lines[: node.lineno - 1])
        in_line = lines[node.lineno - 1].encode()[: node.col_offset].decode()
        return f", character {before + len(in_line) + 1}"
