"""What is shown of a store's clip: its features as they are stored, and the sound that they were made of.

The sound is looked for where the store remembers that its clips came from, and has to be of the very bytes; where it
is not to be had, it is said why.
"""

from __future__ import annotations

import difflib
import os
from bisect import bisect_left
from collections.abc import Mapping, Sequence
from functools import cached_property
from typing import Any

import numpy as np

from audiofeat.config import Config, load_config
from audiofeat.decode import find_ffmpeg, open_clip
from audiofeat.errors import AudioFeatError, ClipError, ConfigError
from audiofeat.frontend.recipe import Recipe, recipe_of
from audiofeat.job import listing_of
from audiofeat.known import read_quarantine
from audiofeat.plot.scales import column_scale, frame_times
from audiofeat.plot.shown import ShownClip, ShownFeature, Sound
from audiofeat.reading.feature_names import check_feature_names
from audiofeat.reading.info import StoreInfo
from audiofeat.reading.store import Store
from audiofeat.records import Clip, Excerpt
from audiofeat.remembered import remembered_job
from audiofeat.run_options import RunOptions

_MOST_ALIKE = 3
_NEIGHBOURS = 10_000
_LIKENESS = 0.5


class ClipsOfStore:
    """The clips of a store that are to be shown."""

    def __init__(self, path: str, *, features: Sequence[str] | None) -> None:
        """
        Args:
            features: names; None: all that the store has.
        Raises:
            NoStoreError, DamageError: there is no store that can be read.
            ConfigError: it has no such feature.
        """
        self._path = path
        self._store = Store(path)
        known = [spec.name for spec in self._store.features]
        if features is not None:
            check_feature_names(features, known=known)
        self.features = known if features is None else list(features)

    def check(self, key: str) -> None:
        """See that there is a clip. Raises ConfigError, with why it failed, or the keys that are most like it."""
        if key not in self._store:
            failed = next((each for each in read_quarantine(self._store.paths) if each.key == key), None)
            if failed is not None:
                raise ConfigError(
                    f"{self._path} could not do {key!r}: {failed.reason}, {failed.message}", hint=failed.hint
                )
            alike = _alike(key, list(self._store))
            near = f"; near it are {', '.join(map(repr, alike))}" if alike else ""
            raise ConfigError(
                f"{self._path} has no clip {key!r}{near}", hint="`audiofeat manifest STORE` prints those that there are"
            )

    def shown(self, key: str, *, title: str) -> ShownClip:
        """A clip that there is. Raises DamageError."""
        index = self._store.index_of(key)
        row: dict[str, Any] = self._store.manifest.slice(index, 1).to_pylist()[0]
        recipe = stored_recipe(self._store, sample_rate_hz=row["sample_rate"])
        arrays = self._store.clip_at(index, self.features)
        features = {}
        for name, values in arrays.items():
            spec = self._store.feature(name)
            times = frame_times(spec, recipe, n_frames=len(values), seconds=row["duration_seconds"])
            features[name] = ShownFeature(values, spec.unit, times, column_scale(spec, recipe))
        try:
            sound, why_not = self._sound(row), ""
        except ClipError as error:
            sound, why_not = None, f"no sound: {row['source']}: {error.reason}, {error.problem}"
        except AudioFeatError as error:
            sound, why_not = None, f"no sound: {error.problem}"
        return ShownClip(title, row["duration_seconds"], sound, features, why_not)

    @cached_property
    def _source(self) -> tuple[Config, str, Mapping[str, Clip]]:
        """The configuration, the folder that paths are relative to, and the source's clips. Raises AudioFeatError."""
        config, options = remembered_job(self._path, RunOptions())
        listing = listing_of(config.source or os.curdir, config, options)
        return config, listing.root, {clip.key: clip for clip in listing.clips}

    def _sound(self, row: Mapping[str, Any]) -> Sound:
        """The samples of the clip of a row. Raises AudioFeatError where they are not to be had."""
        config, root, clips = self._source
        clip = clips.get(row.get("parent") or row["key"])
        if clip is None:
            raise ConfigError(f"{row['source']} is not in {config.source} any more")
        excerpt = Excerpt(row["start_seconds"], row["end_seconds"], row["channel"])
        rate = config.audio.sample_rate
        with open_clip(
            os.path.join(root, clip.path),
            member=clip.member,
            excerpt=None if excerpt == Excerpt() else excerpt,
            channels="mix",
            sample_rate=None if rate == "native" else rate,
            limits=config.limits,
            ffmpeg=find_ffmpeg(),
        ) as audio:
            if audio.source_digest != row["source_digest"]:
                raise ConfigError(f"{row['source']} has changed since the store was made")
            return Sound(np.concatenate([block[:, 0] for block in audio]), audio.sample_rate)


def stored_recipe(store: StoreInfo, *, sample_rate_hz: int | None) -> Recipe | None:
    """What the features of a store were made by; None where this version does not understand their configuration.

    Args:
        sample_rate_hz: of the clip, in case that clips keep their own; None: then there is no one recipe.
    """
    try:
        return recipe_of(load_config(store.config), sample_rate_hz=sample_rate_hz)
    except (ClipError, ValueError):
        return None


def _alike(key: str, keys: Sequence[str]) -> list[str]:
    """Keys that somebody may have meant; of a large store only those that stand near it in order are looked at."""
    place = bisect_left(keys, key)
    near = keys[max(0, place - _NEIGHBOURS) : place + _NEIGHBOURS]
    return difflib.get_close_matches(key, near, n=_MOST_ALIKE, cutoff=_LIKENESS)
