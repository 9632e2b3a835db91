"""What is shown of a file: decoded and computed as ``extract`` does, in this process and in memory.

One file may be several clips, where the configuration wants channels apart or cuts it in chunks. Dither is that of a
clip without a key.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from audiofeat.config import FEATURE_NAMES, Config, load_config, with_features
from audiofeat.decode import ClipAudio, find_ffmpeg, open_clip
from audiofeat.dsp.levels import Levels
from audiofeat.dsp.signal import gain_within
from audiofeat.errors import ClipError, MissingToolError, SourceError
from audiofeat.frontend.recipe import Recipe, recipe_of
from audiofeat.one_clip import features_of_clip
from audiofeat.pieces import Piece, pieces_of
from audiofeat.plot.scales import column_scale, frame_times
from audiofeat.plot.shown import ShownClip, ShownFeature, Sound
from audiofeat.reading.feature_names import check_feature_names
from audiofeat.store.rows import RowBudget
from audiofeat.unfit import check_samples

if TYPE_CHECKING:
    from audiofeat.frontend.program import Frontend

_ALL_MEMORY_BYTES = 1 << 62


@dataclass(frozen=True, slots=True, eq=False)
class DecodedClip:
    """A clip of a file before its features are computed."""

    title: str
    sound: Sound
    recipe: Recipe


def config_for(name: str, *, overrides: Sequence[str], features: Sequence[str] | None) -> Config:
    """The configuration that files are computed with.

    Args:
        features: those that are wanted; one that the configuration does not have is computed with its shared settings.
            None: the configuration's own.
    Raises:
        ConfigError: it is wrong, or there is no such feature.
    """
    config = load_config(name, overrides=overrides)
    if features is None:
        return config
    check_feature_names(features, known=FEATURE_NAMES)
    added = [f"features.{feature}={{}}" for feature in features if feature not in config.features]
    if added:
        config = load_config(name, overrides=[*overrides, *added])
    return with_features(config, [feature for feature in FEATURE_NAMES if feature in features])


def decoded_clips(path: Path, config: Config, *, title: str) -> list[DecodedClip]:
    """The clips that ``extract`` would make of a file, as samples, under a title that says which part each is.

    Raises:
        SourceError: it would put the file in quarantine.
    """
    rate, limits = config.audio.sample_rate, config.limits
    try:
        with open_clip(
            os.fspath(path),
            channels=config.audio.channels,
            sample_rate=None if rate == "native" else rate,
            limits=limits,
            ffmpeg=find_ffmpeg(),
        ) as audio:
            recipe = recipe_of(config, sample_rate_hz=audio.sample_rate)
            budget = RowBudget(Path(), process_bytes=_ALL_MEMORY_BYTES, clip_bytes=_ALL_MEMORY_BYTES)
            return [
                DecodedClip(_part_title(title, piece, audio), _sound(piece, audio, recipe), recipe)
                for piece in pieces_of(audio, config.audio, budget=budget)
            ]
    except ClipError as error:
        raise SourceError(f"{path}: {error.reason}, {error.problem}", hint=error.hint) from error


class Computer:
    """Computes features, with the programs of each recipe compiled once."""

    def __init__(self) -> None:
        self._frontends: dict[int, Frontend] = {}

    def shown(self, clip: DecodedClip) -> ShownClip:
        """A clip with its features. Raises MissingToolError where TensorFlow cannot be used."""
        recipe, sound = clip.recipe, clip.sound
        rows = features_of_clip(self._frontend(recipe), sound.samples)
        features = {
            spec.name: ShownFeature(
                rows[spec.name],
                spec.unit,
                frame_times(spec, recipe, n_frames=len(rows[spec.name]), seconds=sound.seconds),
                column_scale(spec, recipe),
            )
            for spec in recipe.feature_specs()
        }
        return ShownClip(clip.title, sound.seconds, sound, features)

    def _frontend(self, recipe: Recipe) -> Frontend:
        if not self._frontends:
            _prepare_this_process()
        found = self._frontends.get(recipe.sample_rate_hz)
        if found is None:
            from audiofeat.frontend.program import Frontend

            found = self._frontends[recipe.sample_rate_hz] = Frontend(recipe)
        return found


def _prepare_this_process() -> None:
    from audiofeat.parity.run import compute_here

    try:
        compute_here("cpu")  # for a few clips a GPU would take longer to start
    except ImportError as error:
        raise MissingToolError(f"TensorFlow cannot be used: {error}", hint="audiofeat doctor") from error


def _sound(piece: Piece, audio: ClipAudio, recipe: Recipe) -> Sound:
    levels = Levels()
    samples = np.concatenate([np.empty(0, np.float32), *levels.watch(piece.blocks)]) * np.float32(
        gain_within(piece.gain, np.float32)
    )
    check_samples(levels, scale=recipe.scale)
    return Sound(samples, audio.sample_rate)


def _part_title(title: str, piece: Piece, audio: ClipAudio) -> str:
    start = f" from {piece.start_sample / audio.sample_rate:g} s" if piece.start_sample else ""
    channel = "" if audio.output_channels == 1 else f" channel {piece.channel}"
    return f"{title}{channel}{start}"
