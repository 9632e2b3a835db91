"""Clips through the tape and the compiled programs, as a lane runs them, but without files, shards and threads."""

from __future__ import annotations

import functools
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from audiofeat.config import load_config
from audiofeat.dsp.framing import Samples, with_edges
from audiofeat.frontend.program import Frontend, use_device
from audiofeat.frontend.recipe import recipe_of
from audiofeat.tape import Segment, Tape

Array = npt.NDArray[Any]


@dataclass(eq=False)
class _Clip:
    features: dict[str, list[Array]]
    pending: list[Array] = field(default_factory=list)
    maxima: list[float] = field(default_factory=list)


@functools.cache
def _on_cpu() -> None:
    """TensorFlow takes its threads and devices once a process."""
    use_device("cpu")


@functools.cache
def frontend_of(preset: str, *overrides: str) -> Frontend:
    """The compiled programs of a preset; each is compiled once a test run."""
    _on_cpu()
    return Frontend(recipe_of(load_config(preset, overrides=overrides)))


class Layer:
    """A tape of each kind in front of the programs of one frontend, as each lane has."""

    def __init__(self, frontend: Frontend) -> None:
        self._frontend = frontend
        self._recipe = frontend.recipe
        self.tapes = 0
        rule = self._recipe.rule
        self._samples: Tape[_Clip] = Tape(
            self._run_frames, slots=frontend.slots, hop=rule.hop_samples, span=rule.span_samples
        )
        self._rows: Tape[_Clip] = Tape(
            self._run_rows,
            slots=frontend.slots,
            hop=1,
            span=1,
            item_shape=(frontend.pending.width,),
            dtype=frontend.row_dtype,
        )

    def features_of(self, clips: Iterable[Samples], *, block_samples: int = 65_536) -> list[dict[str, Array]]:
        """The features of each clip by name, (frames, dims), all clips being laid in the order given."""
        laid = [self._lay(clip, block_samples) for clip in clips]
        self._samples.flush()
        self._rows.flush()
        return [{name: np.concatenate(pieces) for name, pieces in clip.features.items()} for clip in laid]

    def abandon(self, samples: Samples) -> None:
        """Lay a clip and then drop it, as a lane does when a clip turns out to be bad."""
        self._samples.begin(self._new_clip())
        self._samples.write(samples)
        self._samples.abandon()

    def _new_clip(self) -> _Clip:
        specs = self._recipe.feature_specs()
        empty = {spec.name: [np.zeros((0, spec.dims), self._frontend.row_dtype)] for spec in specs}
        return _Clip(empty, maxima=[-np.inf] * len(self._recipe.pending.maxima))

    def _lay(self, samples: Samples, block_samples: int) -> _Clip:
        clip = self._new_clip()
        starts = range(0, len(samples), block_samples)
        self._samples.begin(clip)
        for block in with_edges((samples[start : start + block_samples] for start in starts), self._recipe.rule):
            self._samples.write(block)
        self._samples.end(self._recipe.rule.n_frames(len(samples)))
        return clip

    def _run_frames(self, tape: Array, segments: Sequence[Segment[_Clip]]) -> None:
        self.tapes += 1
        finished, pending = self._frontend.frame_program(tape)
        for segment in segments:
            clip = segment.owner
            rows = slice(segment.slot, segment.slot + segment.count)
            for name, columns in finished.items():
                clip.features[name].append(columns[rows])
            if pending is not None:
                clip.pending.append(pending[rows])
                for number, columns in enumerate(self._recipe.pending.maxima):
                    clip.maxima[number] = max([clip.maxima[number], *pending[rows, columns].max(axis=1, initial=-np.inf)])
                if segment.is_last:
                    self._rows.begin(clip)
                    self._rows.write(np.concatenate(clip.pending))
                    self._rows.end(sum(map(len, clip.pending)))

    def _run_rows(self, tape: Array, segments: Sequence[Segment[_Clip]]) -> None:
        statistics = np.zeros((len(tape), len(self._recipe.pending.maxima)), tape.dtype)
        for segment in segments:
            statistics[segment.slot : segment.slot + segment.count] = segment.owner.maxima
        for name, columns in self._frontend.clip_program(tape, statistics).items():
            for segment in segments:
                segment.owner.features[name].append(columns[segment.slot : segment.slot + segment.count])


def features_of(frontend: Frontend, clips: Iterable[Samples], *, block_samples: int = 65_536) -> list[dict[str, Array]]:
    """The features of each clip by name, laid one after another on fresh tapes."""
    return Layer(frontend).features_of(clips, block_samples=block_samples)


def only_feature(features: dict[str, Array]) -> Array:
    """The rows of the one feature that a preset gives."""
    (rows,) = features.values()
    return rows
