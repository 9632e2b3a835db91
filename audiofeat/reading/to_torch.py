"""A store as PyTorch's map-style dataset, without PyTorch: only :meth:`TorchClips.collate` imports it.

::

    clips = store.to_torch("log_mel", meta=["label"])
    loader = DataLoader(clips, batch_size=32, shuffle=True, num_workers=4, collate_fn=clips.collate)
    loader = DataLoader(clips, batch_sampler=clips.batches(batch_frames=20_000, bucket_clips=2_000, shuffle=True),
                        num_workers=4, collate_fn=clips.collate)
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from audiofeat.reading.batches import Batches
from audiofeat.reading.clip_items import ClipItems
from audiofeat.reading.padding import padded

if TYPE_CHECKING:
    from audiofeat.reading.reader import Reader


class TorchClips(ClipItems):
    """A map-style dataset of clips, as :class:`ClipItems` gives them: arrays are NumPy's."""

    def __init__(
        self,
        store: Reader,
        features: str | Sequence[str] | None = None,
        *,
        keys: Iterable[str] | None = None,
        meta: Sequence[str] = (),
        pad: float = 0.0,
    ) -> None:
        """``pad`` fills up clips that are shorter than the longest of their batch; the rest as :class:`ClipItems`."""
        super().__init__(store, features, keys=keys, meta=meta)
        self._pad = pad

    def batches(
        self,
        *,
        batch_size: int | None = None,
        batch_frames: int | None = None,
        shuffle: bool = False,
        seed: int = 0,
        bucket_clips: int | None = None,
    ) -> Batches:
        """A batch sampler, by number of clips or of padded frames; see :class:`Batches`."""
        return Batches(
            self.frame_counts,
            batch_size=batch_size,
            batch_frames=batch_frames,
            shuffle=shuffle,
            seed=seed,
            bucket_clips=bucket_clips,
        )

    def collate(self, items: Sequence[dict[str, Any]]) -> dict[str, Any]:
        """One batch of several clips.

        Shape:
            each feature a tensor (clips, longest, dims), ``frames`` a tensor (clips,) int64; ``key`` and ``meta.*``
            are lists.
        """
        import torch

        batch = self.stacked(items)
        return {
            name: torch.from_numpy(value) if isinstance(value, np.ndarray) else value for name, value in batch.items()
        }

    def stacked(self, items: Sequence[dict[str, Any]]) -> dict[str, Any]:
        """As :meth:`collate`, with NumPy's arrays in place of tensors."""
        batch: dict[str, Any] = {name: [item[name] for item in items] for name in ("key", *self.meta)}
        batch["frames"] = np.array([item["frames"] for item in items], np.int64)
        for spec in self.features:
            batch[spec.name] = padded([item[spec.name] for item in items], value=self._pad)
        return batch
