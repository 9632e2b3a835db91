"""What the run took that made the store: the store itself does not say, since its bytes do not depend on it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from audiofeat.config.wording import counted
from audiofeat.errors import ConfigError
from audiofeat.page.numbers import short
from audiofeat.report import duration_text, size_text

_STAGES = ("decode", "compute", "write", "copy")


def read_metrics(path: Path, *, digest: str) -> dict[str, Any]:
    """What ``extract --metrics`` wrote.

    Args:
        digest: the content digest of the store that it must be of.
    Raises:
        ConfigError: it is not such a file, or one of another store.
    """
    hint = "the file that `audiofeat extract --metrics FILE.json` wrote when it made this store"
    try:
        values = json.loads(path.read_bytes())
    except (OSError, ValueError, RecursionError) as error:
        raise ConfigError(f"--metrics {path}: it cannot be read: {error}", hint=hint) from error
    if not isinstance(values, dict) or not _is_complete(values):
        raise ConfigError(f"--metrics {path}: these are no figures of a run", hint=hint)
    if not values["digest"]:
        raise ConfigError(f"--metrics {path}: they are of a part of a run, which made no store", hint=hint)
    if values["digest"] != digest:
        raise ConfigError(
            f"--metrics {path}: the run's store has another content digest, {values['digest']}", hint=hint
        )
    return values


def run_facts(metrics: Mapping[str, Any]) -> tuple[tuple[str, str], ...]:
    """The figures that say how fast it went, and why not faster."""
    done = f"{counted(metrics['decoded'], 'clip')} decoded, {metrics['reused']:,} reused"
    if not metrics["decoded"]:
        return (("what", done), ("time", duration_text(metrics["wall_seconds"])))
    stages = {name: metrics[f"{name}_seconds"] for name in _STAGES}
    total = sum(stages.values()) or 1.0
    speed = f"{metrics['x_real_time']:,.0f} \N{MULTIPLICATION SIGN} real time"
    clips_a_second = metrics["decoded"] / (metrics["wall_seconds"] or 1.0)
    bound_by = metrics.get("bound_by") or {}
    return (
        ("what", done),
        ("time", f"{duration_text(metrics['wall_seconds'])}, start-up {duration_text(metrics['start_up_seconds'])}"),
        ("throughput", f"{speed}, {short(clips_a_second)} clips a second"),
        ("work", ", ".join(f"{name} {100 * seconds / total:.0f} %" for name, seconds in stages.items() if seconds)),
        ("on", f"{counted(metrics['workers'], 'lane')}, {counted(metrics['cores'], 'core')}, {metrics['device']}"),
        ("memory", f"at most {size_text(metrics['peak_rss_bytes'])}"),
        *((("bound by", f"{bound_by['part']}: {bound_by['advice']}"),) if bound_by else ()),
    )


def _is_complete(values: Mapping[str, Any]) -> bool:
    numbers = (
        "decoded",
        "reused",
        "wall_seconds",
        "start_up_seconds",
        "x_real_time",
        "workers",
        "cores",
        "peak_rss_bytes",
    )
    stages = (f"{name}_seconds" for name in _STAGES)
    bound_by = values.get("bound_by")
    is_told = bound_by is None or (isinstance(bound_by, dict) and {"part", "advice"} <= bound_by.keys())
    is_numeric = all(isinstance(values.get(name), int | float) for name in (*numbers, *stages))
    return is_told and is_numeric and isinstance(values.get("digest"), str) and isinstance(values.get("device"), str)
