"""``audiofeat diff``."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from audiofeat.cli.name_lists import names_in
from audiofeat.cli.screen import show
from audiofeat.config.wording import counted
from audiofeat.errors import DifferentError

if TYPE_CHECKING:
    from audiofeat.compare import Difference
    from audiofeat.compare.difference import Apart, FeatureDifference, Some

_INDENT = " " * 15


@click.command()
@click.argument("a", metavar="A", type=click.Path(path_type=Path))
@click.argument("b", metavar="B", type=click.Path(path_type=Path))
@click.option("--features", metavar="NAME,...", help="Compare these features only.  [default: all]")
@click.option(
    "--atol",
    type=float,
    default=0.0,
    metavar="DIFFERENCE",
    help="Values this far apart count as the same.  [default: every bit must be]",
)
@click.option("--json", "as_json", is_flag=True, help="Print all that was found as JSON.")
@click.option(
    "--most",
    type=click.IntRange(min=0),
    default=10,
    show_default=True,
    metavar="N",
    help="Name so many clips of each kind; all are counted.",
)
def diff(a: Path, b: Path, features: str | None, atol: float, as_json: bool, most: int) -> None:
    """Compare the stores A and B: clips, shapes, values, settings, versions, quarantine.

    Exit code 21 if keys, features, shapes or values differ; what else does is told as the reason. They may be of
    different formats. Only clips whose digests differ are read. NaN counts as equal to NaN.

    \b
    audiofeat diff features features-of-yesterday
    audiofeat diff on-cpu on-gpu --features log_mel --atol 1e-4
    """
    from audiofeat.compare import compare_stores

    found = compare_stores(a, b, features=names_in(features), atol=atol, most=most)
    if as_json:
        click.echo(json.dumps(found.to_json(), indent=2, allow_nan=False))
    else:
        for line in _report(found):
            show(line)
    if not found.is_same:
        raise DifferentError(f"{found.a} and {found.b} differ: {', '.join(_reasons(found))}")


def _report(found: Difference) -> Iterator[str]:
    for name, path, clips, digest in zip("AB", (found.a, found.b), found.clips, found.digests, strict=True):
        yield _line(name, f"{path}: {counted(clips, 'clip')}, digest {digest}")
    yield from _listed("only in A", found.only_a, str)
    yield from _listed("only in B", found.only_b, str)
    yield from _listed(
        "other shape", found.shapes, lambda clip: f"{clip.key}: {clip.feature} {clip.a} in A, {clip.b} in B"
    )
    for feature in found.features:
        yield _line(feature.name, _feature(feature, found))
    for name in found.features_only_a:
        yield _line(name, "only in A")
    for name in found.features_only_b:
        yield _line(name, "only in B")
    if found.n_different:
        yield _line(
            "values", f"{counted(found.n_different, 'clip')} {_differ(found.n_different, found.n_beyond, found.atol)}"
        )
        yield from (
            f"{_INDENT}{clip.key}: {clip.feature} {_distance(clip.apart)}{_place(clip.apart)}" for clip in found.worst
        )
    if found.n_other_source:
        yield _line("sources", f"of all that differ, {counted(found.n_other_source, 'clip')} of other source bytes")
    for name, lines in (("settings", found.settings), ("made with", found.made_with)):
        for number, line in enumerate(lines):
            yield _line("" if number else name, line)
    yield from _listed(
        "quarantine",
        found.quarantine,
        lambda clip: f"{clip.key}: {clip.a or 'not'} in A, {clip.b or 'not'} in B",
    )
    if found.is_same:
        is_exact = found.digests[0] == found.digests[1] or not found.atol
        chosen = "" if found.chosen_features is None else f" of {', '.join(found.chosen_features)}"
        yield _line("same", f"every bit{chosen}" if is_exact else f"within {found.atol:g}")


def _line(name: str, text: str) -> str:
    return f"{name:<14} {text}"


def _listed(name: str, some: Some[Any], text_of: Any) -> Iterator[str]:
    if some.count:
        yield _line(name, counted(some.count, "clip"))
        yield from (f"{_INDENT}{text_of(example)}" for example in some.first)
        if some.first and some.count > len(some.first):
            yield f"{_INDENT}and {some.count - len(some.first):,} more"


def _feature(feature: FeatureDifference, found: Difference) -> str:
    types = f"{feature.dtypes[0]} in A, {feature.dtypes[1]} in B; " if len(set(feature.dtypes)) > 1 else ""
    if feature.dims[0] != feature.dims[1]:
        return f"{types}{feature.dims[0]} columns in A, {feature.dims[1]} in B"
    if not found.n_common:
        return f"{types}no clip in both"
    if not feature.n_different:
        return f"{types}no value differs{' where shapes are the same' if found.shapes.count else ''}"
    place = "" if feature.apart.frame is None else f": {feature.key}{_place(feature.apart)}"
    return (
        f"{types}{counted(feature.n_different, 'clip')} {_differ(feature.n_different, feature.n_beyond, found.atol)}; "
        f"at most {_distance(feature.apart)}{place}"
    )


def _differ(n_different: int, n_beyond: int, atol: float) -> str:
    verb = "differs" if n_different == 1 else "differ"
    if atol:
        return f"{verb}, {n_beyond:,} by more than {atol:g}"
    return verb if n_beyond == n_different else f"{verb}, {n_different - n_beyond:,} only in how 0 or NaN is written"


def _distance(apart: Apart) -> str:
    return f"{apart.max_difference:.3g}" if math.isfinite(apart.max_difference) else "infinitely (NaN or infinity)"


def _place(apart: Apart) -> str:
    return "" if apart.frame is None else f", frame {apart.frame}, column {apart.column}"


def _reasons(found: Difference) -> Iterator[str]:
    """What decides that two stores are not the same, in few words."""
    for count, what in (
        (found.only_a.count, "only in A"),
        (found.only_b.count, "only in B"),
        (found.shapes.count, "of other shape"),
        (found.n_beyond if found.atol else found.n_different, "with other values"),
    ):
        if count:
            yield f"{counted(count, 'clip')} {what}"
    features = [*found.features_only_a, *found.features_only_b]
    if features:
        yield f"features of one only ({', '.join(features)})"
    if found.other_types and not found.atol:
        yield f"types of {', '.join(found.other_types)}"
