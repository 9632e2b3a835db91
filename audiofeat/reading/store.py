"""A finished store, opened for reading and for training.

::

    store = audiofeat.open_store("features")
    store["speaker1/utterance7"]["log_mel"]                 # (frames, dims) float32
    store.read("speaker1/utterance7", "log_mel", 100, 140)  # forty frames, without reading the rest
    store.to_tf("log_mel", batch_frames=20_000, shuffle=True)
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from audiofeat.reading.clip_items import ClipItems
from audiofeat.reading.patches import Patches
from audiofeat.reading.reader import Reader

if TYPE_CHECKING:
    import tensorflow as tf

    from audiofeat.reading.to_torch import TorchClips


class Store(Reader):
    """A store as a mapping from key to ``{feature: (frames, dims) array}``; :func:`audiofeat.open_store` opens it.

    What :class:`Reader` is, and its clips in the portions that models take.
    """

    def patches(
        self,
        feature: str,
        *,
        length: int,
        step: int | None = None,
        pad: float | None = None,
        keys: Iterable[str] | None = None,
    ) -> Patches:
        """A sequence of (length, dims) pieces of all clips; see :class:`audiofeat.reading.patches.Patches`."""
        return Patches(self, feature, length=length, step=step, pad=pad, keys=keys)

    def to_torch(
        self,
        features: str | Sequence[str] | None = None,
        *,
        keys: Iterable[str] | None = None,
        meta: Sequence[str] = (),
        pad: float = 0.0,
    ) -> TorchClips:
        """A map-style dataset for PyTorch; see :class:`audiofeat.reading.to_torch.TorchClips`."""
        from audiofeat.reading.to_torch import TorchClips

        return TorchClips(self, features, keys=keys, meta=meta, pad=pad)

    def to_tf(
        self,
        features: str | Sequence[str] | None = None,
        *,
        keys: Iterable[str] | None = None,
        meta: Sequence[str] = (),
        batch_size: int | None = None,
        batch_frames: int | None = None,
        pad: float | None = None,
        shuffle: bool = False,
        seed: int = 0,
        bucket_clips: int | None = None,
    ) -> tf.data.Dataset:
        """A ``tf.data.Dataset`` of dicts; see :func:`audiofeat.reading.to_tf.dataset_of`."""
        from audiofeat.reading.to_tf import dataset_of

        items = ClipItems(self, features, keys=keys, meta=meta)
        cut = {"batch_size": batch_size, "batch_frames": batch_frames, "bucket_clips": bucket_clips}
        return dataset_of(items, pad=pad, shuffle=shuffle, seed=seed, **cut)
