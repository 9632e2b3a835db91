"""From a store to the file of its page."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from audiofeat.errors import ConfigError
from audiofeat.page.overview import overview_of
from audiofeat.page.render import html_of
from audiofeat.page.the_run import read_metrics
from audiofeat.plot.picture import check_target
from audiofeat.reading.store import Store
from audiofeat.store.staging import write_file


@dataclass(frozen=True, slots=True)
class Written:
    """What a page holds."""

    n_clips: int
    n_failed: int
    size_bytes: int


def check_page_target(path: Path, *, store: Path | None, command: str = "report") -> None:
    """See that there can be a page about a store at ``path``.

    Args:
        store: made already or not; None where it is not known yet.
    Raises:
        ConfigError: its name does not end in ``.html``, it has no folder, or is one, or lies among the store's shards.
        MissingToolError: jinja2 or matplotlib is not installed.
    """
    check_target(path, command=command, suffixes=(".html", ".htm"), needs=("jinja2", "matplotlib"), makes=store)
    if store is not None and store.resolve() in path.absolute().parent.resolve().parents:
        raise ConfigError(f"{path} lies among the files of the store", hint=f"put it beside {store}, or right into it")


def write_page(
    store: Path, out: Path, *, metrics: Mapping[str, Any] | None = None, metrics_file: Path | None = None
) -> Written:
    """Write the page of a finished store; a file of that name is replaced, as a whole or not at all.

    Args:
        metrics: the figures of the run that made the store, for what the store does not say.
        metrics_file: where they are, in place of them.
    Raises:
        ConfigError: the page cannot be there; the metrics are not the store's.
        NoStoreError, DamageError: there is no finished store, or it cannot be read.
        MissingToolError: jinja2 or matplotlib is not installed.
        StorageError: the disk refuses.
    """
    check_page_target(out, store=store)
    with Store(store) as opened:
        if metrics_file is not None:
            metrics = read_metrics(metrics_file, digest=opened.digest)
        page = overview_of(opened, page_folder=out.absolute().parent, metrics=metrics)
    content = html_of(page)
    write_file(out, content)
    return Written(page.clips.n_clips, page.quarantine.n_failed, len(content))
