"""What the parts of a condition are worth, batch by batch: kinds of values, and the functions that join them.

Numbers are int64 or float64, texts strings; a part without a column in it is a scalar, which stands for every row.
"""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from enum import Enum
from typing import Any, TypeAlias

import pyarrow as pa
import pyarrow.compute as pc

ARITHMETIC: dict[type[ast.operator], Callable[..., Any]] = {
    ast.Add: pc.add,
    ast.Sub: pc.subtract,
    ast.Mult: pc.multiply,
    ast.Div: lambda left, right: pc.divide(left, pc.if_else(pc.equal(right, 0.0), None, right)),
}

Values: TypeAlias = Any
"""A pyarrow array with a value for each row, or a scalar for all of them."""
Evaluate: TypeAlias = Callable[[Any], Values]


class Kind(Enum):
    """What can be compared with its like; the value is how messages say it."""

    NUMBER = "a number"
    TEXT = "a text"
    TRUTH = "a truth value"
    NOTHING = "None"


@dataclass(frozen=True, slots=True)
class Term:
    """A part of the condition: what kind of value it has, and how it is worked out. Numbers are int64 or float64."""

    kind: Kind
    evaluate: Evaluate
    is_constant: bool = False


def kind_of(column_type: pa.DataType) -> Kind | None:
    """The kind of a column's values; None where a condition cannot ask for them."""
    if pa.types.is_dictionary(column_type):
        return kind_of(column_type.value_type)
    if pa.types.is_integer(column_type) or pa.types.is_floating(column_type):
        return Kind.NUMBER
    if pa.types.is_boolean(column_type):
        return Kind.TRUTH
    return Kind.TEXT if pa.types.is_string(column_type) or pa.types.is_large_string(column_type) else None


def as_one_type(values: Values) -> Values:
    """A column in the one type that numbers, or texts, have here."""
    if pa.types.is_dictionary(values.type):
        values = pc.cast(values, values.type.value_type)
    if pa.types.is_integer(values.type):
        return pc.cast(values, pa.float64() if values.type == pa.uint64() else pa.int64(), safe=False)
    if pa.types.is_floating(values.type):
        return pc.cast(values, pa.float64())
    return pc.cast(values, pa.string()) if pa.types.is_large_string(values.type) else values


def _double(values: Values) -> Values:
    return pc.cast(values, pa.float64(), safe=False)  # a whole number beyond 2 ** 53 is rounded


def aligned(left: Values, right: Values) -> tuple[Values, Values]:
    """Both in one type."""
    return (left, right) if left.type == right.type else (_double(left), _double(right))


def arithmetic(operate: Callable[..., Any], left: Term, right: Term) -> Term:
    """Two numbers joined by one of :data:`ARITHMETIC`, in double precision."""
    return Term(
        Kind.NUMBER,
        lambda batch: operate(_double(left.evaluate(batch)), _double(right.evaluate(batch))),
        is_constant=left.is_constant and right.is_constant,
    )


def among(left: Term, members: Sequence[Term]) -> Evaluate:
    """Whether values are among constants of their kind, or null where None is one of the constants."""
    has_none = any(member.kind is Kind.NOTHING for member in members)
    scalars = [scalar for member in members if (scalar := member.evaluate(None)).is_valid]
    if len({scalar.type for scalar in scalars}) > 1:  # whole numbers and others
        scalars = [_double(scalar) for scalar in scalars]
    known = pa.array([scalar.as_py() for scalar in scalars])

    def found(batch: Any) -> Values:
        values = left.evaluate(batch)
        hits = _is_in(*aligned(values, known)) if scalars else pc.and_(pc.is_null(values), False)
        return pc.or_(hits, pc.is_null(values)) if has_none else hits

    return found


def _is_in(values: Values, known: pa.Array) -> Values:
    if pa.types.is_floating(values.type):  # to pc.is_in, 0 and -0 are two values, until 0 is added
        values, known = pc.add(values, 0.0), pc.add(known, 0.0)
    return pc.is_in(values, known)


def not_in(left: Term, found: Evaluate) -> Evaluate:
    """The opposite of ``found``, but for nulls: a comparison with those is false."""
    return lambda batch: pc.and_not(pc.is_valid(left.evaluate(batch)), found(batch))


def joined(join: Callable[..., Any], parts: Iterable[Evaluate]) -> Evaluate:
    """All ``parts``, each a condition, with ``join`` between them."""
    first, *others = parts

    def evaluate(batch: Any) -> Values:
        values = first(batch)
        for other in others:
            values = join(values, other(batch))
        return values

    return evaluate
