"""A store as ``tf.data.Dataset``.

Which clips make a batch is decided beforehand (:mod:`audiofeat.reading.batches`); one thread then reads clip by clip
while the batches before are used.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa

from audiofeat.errors import ConfigError
from audiofeat.reading.batches import Batches
from audiofeat.reading.clip_items import ClipItems
from audiofeat.reading.padding import padded

if TYPE_CHECKING:
    import tensorflow as tf


def dataset_of(
    items: ClipItems,
    *,
    batch_size: int | None = None,
    batch_frames: int | None = None,
    pad: float | None = None,
    shuffle: bool = False,
    seed: int = 0,
    bucket_clips: int | None = None,
) -> tf.data.Dataset:
    """Clips, or batches of them, as dicts of ``key``, ``frames``, the features and ``meta.*``.

    Args:
        batch_size, batch_frames, shuffle, seed, bucket_clips: as for :class:`Batches`; the n-th iteration is the n-th
            pass. With neither of the first two, each element is a clip.
        pad: fills up the clips of a batch, which is then dense; None: it is ragged.
    Shape:
        of a clip: each feature (frames, dims), all else scalars. Of a batch: each feature (clips, frames, dims), all
        else (clips,). Where a clip has no ``meta`` value, an empty text or NaN stands.
    Raises:
        ConfigError: arguments that do not go together; a clip without a whole number or truth value.
    """
    is_batched = batch_size is not None or batch_frames is not None
    if not is_batched and (pad is not None or bucket_clips is not None):
        raise ConfigError("pad and bucket_clips are for batches", hint="give batch_size or batch_frames too")
    passes = Batches(
        items.frame_counts,
        batch_size=batch_size if is_batched else max(1, len(items)),
        batch_frames=batch_frames,
        is_padded=pad is not None,
        shuffle=shuffle,
        seed=seed,
        bucket_clips=bucket_clips,
    )
    if not is_batched:
        return _clips(items, passes)
    has_fixed_number = batch_size is not None or not shuffle
    return _batches(items, passes, pad=pad, n_batches=len(passes) if has_fixed_number else None)


def _clips(items: ClipItems, passes: Batches) -> tf.data.Dataset:
    import tensorflow as tf

    filled = _without_nulls(items)

    def elements() -> Iterator[dict[str, Any]]:
        for positions in passes:
            yield from (filled(items[position]) for position in positions)

    rows = {spec.name: tf.TensorSpec((None, spec.dims), spec.dtype) for spec in items.features}
    return _dataset(elements, {**_scalars(items, ()), **rows}, len(items))


def _batches(items: ClipItems, passes: Batches, *, pad: float | None, n_batches: int | None) -> tf.data.Dataset:
    import tensorflow as tf

    filled = _without_nulls(items)

    def elements() -> Iterator[dict[str, Any]]:
        for positions in passes:
            clips = [filled(items[position]) for position in positions]
            batch: dict[str, Any] = {name: [clip[name] for clip in clips] for name in ("key", "frames", *items.meta)}
            for spec in items.features:
                arrays = [clip[spec.name] for clip in clips]
                batch[spec.name] = np.concatenate(arrays) if pad is None else padded(arrays, value=pad)
            yield batch

    def ragged(batch: dict[str, Any]) -> dict[str, Any]:
        lengths = batch["frames"]
        cut = {
            spec.name: tf.RaggedTensor.from_row_lengths(batch[spec.name], lengths, validate=False)
            for spec in items.features
        }
        return {**batch, **cut}

    # A ragged batch travels as one array of all its rows, and is cut once it is TensorFlow's.
    shape = (None,) if pad is None else (None, None)
    rows = {spec.name: tf.TensorSpec((*shape, spec.dims), spec.dtype) for spec in items.features}
    dataset = _dataset(elements, {**_scalars(items, (None,)), **rows}, n_batches)
    return dataset.map(ragged) if pad is None else dataset


def _scalars(items: ClipItems, shape: tuple[None, ...]) -> dict[str, Any]:
    """What a clip has one value of."""
    import tensorflow as tf

    meta = {name: tf.TensorSpec(shape, _tf_type(column)) for name, column in items.meta.items()}
    return {"key": tf.TensorSpec(shape, tf.string), "frames": tf.TensorSpec(shape, tf.int64), **meta}


def _dataset(
    elements: Callable[[], Iterator[dict[str, Any]]], signature: dict[str, Any], n_elements: int | None
) -> tf.data.Dataset:
    import tensorflow as tf

    dataset = tf.data.Dataset.from_generator(elements, output_signature=signature).prefetch(tf.data.AUTOTUNE)
    return dataset if n_elements is None else dataset.apply(tf.data.experimental.assert_cardinality(n_elements))


def _tf_type(column: pa.Array) -> tf.DType:
    import tensorflow as tf

    if pa.types.is_boolean(column.type):
        return tf.bool
    if pa.types.is_integer(column.type):
        return tf.int64
    return tf.float64 if pa.types.is_floating(column.type) else tf.string


def _without_nulls(items: ClipItems) -> Callable[[dict[str, Any]], dict[str, Any]]:
    """What puts an empty text, or NaN, where a clip has no value.

    Raises:
        ConfigError: some clips have none in a column of whole numbers or truth values.
    """
    stand_ins = {}
    for name, column in items.meta.items():
        n_missing = column.take(pa.array(items.numbers)).null_count
        if n_missing and (pa.types.is_boolean(column.type) or pa.types.is_integer(column.type)):
            raise ConfigError(
                f"{n_missing} of {len(items)} clips have no {name}, and TensorFlow has no word for that",
                hint="choose the clips that have one (keys=...)",
            )
        stand_ins[name] = float("nan") if pa.types.is_floating(column.type) else ""

    def filled(clip: dict[str, Any]) -> dict[str, Any]:
        missing = {name: stand_in for name, stand_in in stand_ins.items() if clip[name] is None}
        return {**clip, **missing}

    return filled
