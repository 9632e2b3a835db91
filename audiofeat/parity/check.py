"""One preset beside the library it names: the library itself where it is installed, else its golden file."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, TypeAlias

import numpy as np

from audiofeat.config import Config, load_config
from audiofeat.dsp.framing import Samples
from audiofeat.dsp.row_blocks import Array
from audiofeat.frontend.recipe import recipe_of
from audiofeat.one_clip import features_of_clip
from audiofeat.parity.goldens import Excerpt, RefusedError, all_of, read_golden
from audiofeat.parity.libraries import Library, Reference, library_of
from audiofeat.parity.signals import SIGNALS
from audiofeat.parity.yardstick import Difference, Yardstick

if TYPE_CHECKING:
    from audiofeat.frontend.program import Frontend

Clips: TypeAlias = Mapping[str, Callable[[], Samples]]
"""By name: gives the samples at the preset's rate."""

Wanted: TypeAlias = Callable[[str, Samples], Excerpt]
"""By a clip's name and samples: gives what the library makes of it, or raises RefusedError."""

FLOAT32_DB = 2e-3
"""The tolerance: this, or so many times what the library itself differs from float64, where that is more:"""
_TIMES_THE_LIBRARYS_OWN = 4.0


@dataclass(frozen=True, slots=True)
class Comparison:
    """One clip's features by a preset and by its library."""

    clip: str
    n_frames: int
    """As audiofeat has them."""
    tolerance_db: float
    difference: Difference | None = None
    """None where there is nothing to subtract."""
    problem: str = ""
    """Why not: another shape, which is a failure."""
    refused: str = ""
    """Why not: what the library said instead of giving features, which is none."""

    @property
    def passes(self) -> bool:
        """Whether nothing speaks against the preset."""
        return not self.problem and (self.difference is None or self.difference.max_db <= self.tolerance_db)


@dataclass(frozen=True, slots=True)
class Verdict:
    """A preset beside its library."""

    preset: str
    system: str
    """What it was compared with, and its version."""
    is_live: bool
    """False: with the golden file."""
    note: str
    """How to compare with the library itself, or why that was not done."""
    comparisons: tuple[Comparison, ...]

    @property
    def is_empty(self) -> bool:
        """Whether nothing could be compared."""
        return not any(each.difference or each.problem for each in self.comparisons)

    @property
    def passes(self) -> bool:
        """Whether nothing speaks against the preset."""
        return all(each.passes for each in self.comparisons)

    @property
    def worst(self) -> Comparison:
        """The one that is furthest off, as a share of its tolerance; a failure before all else."""
        return max(self.comparisons, key=_badness)


def _badness(comparison: Comparison) -> float:
    if comparison.problem:
        return float("inf")
    return comparison.difference.max_db / comparison.tolerance_db if comparison.difference else -1.0


class PresetCheck:
    """A preset with its compiled programs and its yardstick."""

    def __init__(self, preset: str, *, overrides: Sequence[str] = ()) -> None:
        """``overrides``: settings as for ``--set``, over the preset's own."""
        from audiofeat.frontend.program import Frontend

        self.preset = preset
        self.config: Config = load_config(preset, overrides=overrides)
        self._frontend: Frontend = Frontend(recipe_of(self.config))
        self._yardstick = Yardstick(preset)

    def signals(self) -> Clips:
        """The synthesised signals, at the preset's rate."""
        recipe = self._frontend.recipe
        rate_hz, win_samples = recipe.sample_rate_hz, recipe.rule.win_samples
        return {name: partial(make, rate_hz, win_samples) for name, make in SIGNALS.items()}

    def rows_of(self, samples: Samples) -> Array:
        """The preset's feature by audiofeat: samples (n,) -> (frames, dims)."""
        (rows,) = features_of_clip(self._frontend, samples).values()
        return rows

    def compare(self, clips: Clips, wanted: Wanted, *, own_distance_db: Mapping[str, float]) -> Iterator[Comparison]:
        """Put each clip's features beside what is wanted.

        Args:
            own_distance_db: of the library itself from float64 arithmetic, by clip; another clip may differ as much
                as the worst of them.
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
            if rows.shape != excerpt.shape:
                problem = f"audiofeat gives {rows.shape} (frames, dims), the library {excerpt.shape}"
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
    library = None if golden_only else library_of(preset)
    reference, note = reference_of(preset, library) if library else (None, "")
    wanted: Wanted
    if library is None or reference is None:
        system, wanted, chosen = golden.about.system, golden.wanted, beside.signals()
    else:
        system, wanted = f"{library.name} {library.version}", asked(reference)
        chosen = beside.signals() if clips is None else clips
    comparisons = beside.compare(chosen, wanted, own_distance_db=golden.about.distance_db)
    return Verdict(preset, system, reference is not None, note, tuple(comparisons))


def asked(reference: Reference) -> Wanted:
    """A library's own features of a clip; to raise an exception, or give NaN, is its way to refuse one."""

    def wanted(_name: str, samples: Samples) -> Excerpt:
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # the library's own, of short clips and empty bands
                rows = reference(samples)
        except RefusedError:
            raise
        except Exception as error:
            raise RefusedError(first_line(error)) from error
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
    except Exception as error:  # noqa: BLE001  # a broken installation of another's package is no defect of ours
        return None, f"{library.name} {library.version} cannot be imported: {first_line(error)}"
    if preset not in references:
        return None, f"{library.name} {library.version} is not the version that the preset names"
    return references[preset], ""


def first_line(error: Exception) -> str:
    text = str(error).strip().splitlines()
    return f"{type(error).__name__}: {text[0]}" if text else type(error).__name__
