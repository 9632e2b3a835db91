"""One preset beside the library it names: the library itself where it is installed, else its golden file."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, TypeAlias

import numpy as np

from audiofeat.config import Config, load_config
from audiofeat.dsp.framing import Samples
from audiofeat.dsp.row_blocks import Array
from audiofeat.frontend.recipe import recipe_of
from audiofeat.one_clip import features_of_clip
from audiofeat.parity.excerpts import Excerpt, RefusedError, all_of
from audiofeat.parity.goldens import read_golden
from audiofeat.parity.libraries import Library, Reference, library_of
from audiofeat.parity.signals import Clips, signals_of
from audiofeat.parity.silence import silence
from audiofeat.parity.verdicts import Comparison, Verdict
from audiofeat.parity.yardstick import Yardstick

if TYPE_CHECKING:
    from audiofeat.frontend.program import Frontend

Wanted: TypeAlias = Callable[[str, Samples], Excerpt]
"""By a clip's name and samples: gives what the library makes of it, or raises RefusedError."""

FLOAT32_DB = 2e-3
"""The tolerance: this, or so many times what the library itself differs from float64, where that is more:"""
_TIMES_THE_LIBRARYS_OWN = 4.0


class PresetCheck:
    """A preset with its compiled programs and its yardstick."""

    def __init__(self, preset: str, *, overrides: Sequence[str] = (), yardstick: Yardstick | None = None) -> None:
        """``overrides``: settings as for ``--set``, over the preset's own; ``yardstick``: one to share."""
        from audiofeat.frontend.program import Frontend

        self.config: Config = load_config(preset, overrides=overrides)
        self._frontend: Frontend = Frontend(recipe_of(self.config))
        self._yardstick = yardstick or Yardstick(preset)

    def signals(self) -> Clips:
        """The synthesised signals, at the preset's rate."""
        return signals_of(self._frontend.recipe)

    def rows_of(self, samples: Samples) -> Array:
        """The preset's feature by audiofeat: samples (n,) -> (frames, dims)."""
        (rows,) = features_of_clip(self._frontend, samples).values()
        return rows

    def compare(self, clips: Clips, wanted: Wanted, *, own_distance_db: Mapping[str, float]) -> Iterator[Comparison]:
        """Put each clip's features beside what is wanted.

        Args:
            own_distance_db: of the library itself from float64 arithmetic, leeway taken off, by clip; another clip
                may differ as much as the worst of them.
        """
        for name, samples_of in clips.items():
            samples = samples_of()
            rows = self.rows_of(samples)
            own_db = own_distance_db.get(name, max(own_distance_db.values(), default=0.0))
            tolerance_db = max(FLOAT32_DB, _TIMES_THE_LIBRARYS_OWN * own_db)
            try:
                excerpt = wanted(name, samples)
            except RefusedError as error:
                yield Comparison(name, len(rows), tolerance_db, refused=str(error))
                continue
            problem = _not_comparable(rows, excerpt)
            if problem:
                yield Comparison(name, len(rows), tolerance_db, problem=problem)
                continue
            scale = self._yardstick.scale_of(samples).part(excerpt)
            yield Comparison(name, len(rows), tolerance_db, scale.difference(excerpt.of(rows), excerpt.values))


def check(preset: str, *, clips: Clips | None = None, golden_only: bool = False) -> Verdict:
    """Put a preset beside its library, or beside the golden file where the library is not there.

    Args:
        clips: to compare on; default: the synthesised signals, and where only the golden file is at hand, always
            those, which it holds the numbers of.
        golden_only: leave an installed library aside.
    """
    beside, golden = PresetCheck(preset), read_golden(preset)
    own_distance_db = golden.about.distance_db

    def verdict(system: str, chosen: Clips, wanted: Wanted, *, note: str, is_live: bool) -> Verdict:
        found = tuple(beside.compare(chosen, wanted, own_distance_db=own_distance_db))
        return Verdict(preset, system, is_live, note, found)

    library = None if golden_only else library_of(preset)
    reference, note = reference_of(preset, library) if library else (None, "")
    if library is None and not golden_only:
        note = "no package that could be installed"
    if library is not None and reference is not None:
        live = verdict(library.found, clips or beside.signals(), asked(reference), note="", is_live=True)
        if clips is not None or live.outcome != "not compared":
            return live
        note = f"{library.found} takes none of the signals: {live.worst.refused}"
    return verdict(golden.about.system, beside.signals(), golden.wanted, note=note, is_live=False)


def _not_comparable(rows: Array, excerpt: Excerpt) -> str:
    """What keeps rows from being subtracted from a library's; empty where nothing does."""
    if rows.shape != excerpt.shape:
        return f"audiofeat gives {rows.shape} (frames, dims), the library {excerpt.shape}"
    if np.iscomplexobj(rows) != np.iscomplexobj(excerpt.values):
        return f"audiofeat gives {rows.dtype}, the library {excerpt.values.dtype}"
    return ""


def asked(reference: Reference) -> Wanted:
    """A library's own features of a clip; to raise an exception, or give NaN, is its way to refuse one."""

    def wanted(_name: str, samples: Samples) -> Excerpt:
        try:
            with silence(), warnings.catch_warnings():
                warnings.simplefilter("ignore")  # the library's own, of short clips and empty bands
                rows = np.asarray(reference(samples))
        except RefusedError:
            raise
        except (Exception, SystemExit) as error:
            raise RefusedError(_first_line(error)) from error
        if rows.ndim != 2 or rows.dtype.kind not in "fc":
            raise RefusedError("it gives no (frames, dims) of numbers")
        if np.isnan(rows).any():
            raise RefusedError("it gives NaN")
        return all_of(rows)

    return wanted


def reference_of(preset: str, library: Library) -> tuple[Reference | None, str]:
    """The library's call for a preset; or None, and why."""
    if library.version is None:
        return None, f"not installed: {library.install}"
    try:
        references = library.references()
    except (Exception, SystemExit) as error:  # noqa: BLE001  # another package's broken installation is not ours
        return None, f"{library.found} cannot be imported: {_first_line(error)}"
    if preset not in references:
        return None, f"{library.found} is not the version that the preset names: {library.install}"
    return references[preset], ""


def _first_line(error: BaseException) -> str:
    text = str(error).strip().splitlines()
    return f"{type(error).__name__}: {text[0]}" if text else type(error).__name__
