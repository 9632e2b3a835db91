"""JSON Lines manifests: one object a line, as NeMo, ESPnet and lhotse write them."""

from __future__ import annotations

import os
from contextlib import closing
from typing import Any

from audiofeat.config import Manifest
from audiofeat.records import MetaValue
from audiofeat.source.listing import Listing, MetaNames, sort_clips
from audiofeat.source.manifests.clips import ClipBuilder
from audiofeat.source.manifests.columns import check_names, check_roles, lookalikes, no_path_column, roles
from audiofeat.source.manifests.json_values import NoObjectError, json_object, meta_value
from audiofeat.source.manifests.lines import text_lines
from audiofeat.source.problems import NO_COLUMN, Problems


def list_json_lines(path: str, *, manifest: Manifest, keep_suffix: bool) -> Listing:
    """List the clips of a JSON Lines file. Keys without a role are meta values; an object that lacks one has None.

    Raises:
        SourceError: names every line and key that breaks a rule.
    """
    problems = Problems(path)
    root = os.path.dirname(path) or "."
    meta = MetaNames()
    names: dict[str, None] = {}
    builder = ClipBuilder(root=root, manifest=manifest, keep_suffix=keep_suffix, problems=problems)
    with closing(text_lines(path, problems=problems)) as lines:
        for number, line in enumerate(lines, start=1):
            place = f"line {number}"
            values = None if line.isspace() else _object(line, place=place, problems=problems)
            if values is not None:
                _note_names(values, names, place=place, problems=problems)
                _add_object(values, builder, place=place, manifest=manifest, meta=meta, problems=problems)
    if names:
        check_roles(list(names), manifest, place="all lines", problems=problems)
    problems.refuse_if_any()
    meta.fill_up(builder.clips)
    warnings = lookalikes(list(names), manifest) + builder.warnings()
    clips = sort_clips(builder.clips)
    return Listing(root=root, clips=clips, kind="manifest", meta_names=meta.names, warnings=warnings)


def _add_object(
    values: dict[str, Any],
    builder: ClipBuilder,
    *,
    place: str,
    manifest: Manifest,
    meta: MetaNames,
    problems: Problems,
) -> None:
    if manifest.path in values:
        columns = roles(manifest)
        others = _meta(values, own=set(columns.values()), place=place, problems=problems)
        cells = {role: values.get(name) for role, name in columns.items()}
        builder.add_file(place, meta=meta.arrange(others), **cells)
        return
    text = no_path_column(list(values), manifest)
    if not builder.clips and not problems.count:  # not one line's mistake: all of them call it something else
        problems.stop(place, manifest.path, text)
    problems.add(place, manifest.path, text)


def _note_names(values: dict[str, Any], names: dict[str, None], *, place: str, problems: Problems) -> None:
    """Check the keys that no line before had."""
    if values.keys() - names.keys():
        new = [name for name in values if name not in names]
        check_names(new, place=place, problems=problems)
        names.update(dict.fromkeys(new))


def _object(line: str, *, place: str, problems: Problems) -> dict[str, Any] | None:
    try:
        return json_object(line)
    except NoObjectError as error:
        problems.add(place, NO_COLUMN, f"{error}; one object a line is wanted")
    except ValueError as error:
        if line.strip() in ("[", "{"):
            problems.stop(place, NO_COLUMN, "one value over several lines; one object a line is wanted (jq -c '.[]')")
        problems.add(place, NO_COLUMN, str(error))
    return None


def _meta(values: dict[str, Any], *, own: set[str], place: str, problems: Problems) -> dict[str, MetaValue]:
    others: dict[str, MetaValue] = {}
    for name, value in values.items():
        if name not in own:
            try:
                others[name] = meta_value(value)
            except ValueError as error:
                problems.add(place, name, str(error))
    return others
