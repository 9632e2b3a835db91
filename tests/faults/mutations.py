"""Lines of the package taken out, to see whether the sweeps notice."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from faults.disk import Call
from faults.figures import Figures

if TYPE_CHECKING:
    from faults.scenes import Scene

Mutation = Callable[[Call, Callable[[], Any]], Any]

MAY_GO = (
    "write_fingerprints",
    "write_checked_json < _remember",
    "write_checked_json < remember_source",
    "write_checked_json < run",  # tasks
    "fsync in store_lock",
    "make_folder < store_lock",  # the folder that it makes is durable again with the one of the shards beside it
)
"""Parts of the sites that no power cut shows to be needed: notes whose loss costs work, not results."""


def unchanged(call: Call, make: Callable[[], Any]) -> Any:
    """The call as the package makes it."""
    return make()


def without_fsync_at(site: str) -> Mutation:
    """One fsync left out: that of the functions that :attr:`Call.site` names, or the first few of them."""

    def mutation(call: Call, make: Callable[[], Any]) -> Any:
        return None if call.name == "fsync" and call.site.startswith(site) else make()

    return mutation


def copying_for_renaming(call: Call, make: Callable[[], Any]) -> Any:
    """A new name by a copy into the place, as a program without renames would do it."""
    if call.name != "rename" or os.path.isdir(call.path):
        return make()
    with open(call.path, "rb") as file:
        content = file.read()
    with open(call.target, "wb") as file:
        file.write(content)
    os.unlink(call.path)
    return None


def torture(folder: Path, *, scale: float = 1.0) -> list[Figures]:
    """All that may be left out, and must not be."""
    from faults.missing_guards import torture as without_guards
    from faults.scenes import scenes

    all_scenes = scenes(folder / "scenes")
    return [without_guards(folder, all_scenes), without_fsyncs(folder, all_scenes, scale=scale)]


def without_fsyncs(folder: Path, scenes: Sequence[Scene], *, scale: float = 1.0) -> Figures:
    """Each fsync of a run left out in turn: a power cut must show it, unless the line is one of :data:`MAY_GO`."""
    from faults.sweep_calls import calls_of
    from faults.sweep_power import cut_power

    figures = Figures("an fsync left out, to be noticed by the power cuts")
    begun = time.monotonic()
    noticed: dict[str, bool] = {}
    for scene in scenes:
        for site in sorted({site for call, site in calls_of(scene, folder / "counted") if call.name == "fsync"}):
            for seed in range(max(3, round(12 * scale))):
                if not noticed.get(site) and not any(part in site for part in MAY_GO):
                    found = Figures(site)
                    cut_power(scene, folder, found, states=20, mutation=without_fsync_at(site), seed=seed)
                    noticed[site] = bool(found.violations)
    figures.tried = len(noticed)
    figures.violations = [f"nobody misses the {site}" for site, was in noticed.items() if not was]
    figures.seconds = time.monotonic() - begun
    return figures
