"""A frontend as a Keras layer: waveforms to one feature, for a model from waveform to prediction.

Keras takes the mask from the first argument of a call, so a batch with lengths is one argument, a pair.
"""

from __future__ import annotations

from typing import Any

import keras
import tensorflow as tf

from audiofeat.serving.batches import check_lengths
from audiofeat.serving.counts import is_within
from audiofeat.serving.frontend import Frontend


@keras.saving.register_keras_serializable("audiofeat")
class FrontendLayer(keras.layers.Layer):  # type: ignore[misc]  # without types
    """One feature of a frontend: (clips, samples) -> (clips, rows, dims), zeros behind each clip's last row.

    ::

        layer = audiofeat.Frontend("kaldi-fbank80").keras_layer()
        rows = layer(waveform)
        rows = layer((waveform, lengths))  # what follows is told by Keras's mask which rows are a clip's own

    A ragged batch has its lengths in it. A model with this layer is saved and loaded as any other: the configuration
    is in the file.
    """

    def __init__(self, frontend: Frontend, feature: str, **settings: Any) -> None:
        """
        Args:
            settings: of any layer, such as ``name``.
        """
        super().__init__(trainable=False, dtype="float32", **settings)
        self.supports_jit = False  # how many rows there are depends on the lengths; the programs are compiled as it is
        self.supports_masking = True
        self._frontend = frontend
        self._feature = feature
        (self._spec,) = (spec for spec in frontend.features if spec.name == feature)

    def call(self, inputs: Any) -> tf.Tensor:
        """The feature's rows."""
        waveform, lengths = _waveform_and_lengths(inputs)
        return self._frontend(waveform, lengths)[self._feature]

    def compute_mask(self, inputs: Any, previous: Any = None) -> tf.Tensor | None:
        """Which rows are a clip's own, (clips, rows) bool; None where clips are as long as the batch is wide."""
        waveform, lengths = _waveform_and_lengths(inputs)
        if isinstance(waveform, tf.RaggedTensor):
            lengths, width = waveform.row_lengths(), waveform.bounding_shape(axis=1)
        elif lengths is None or isinstance(waveform, keras.KerasTensor):  # of symbols, masks are made when it runs
            return None
        else:
            width = tf.shape(waveform)[1]
        n_rows = self._frontend.rows_of(tf.minimum(tf.cast(lengths, tf.int64), tf.cast(width, tf.int64)))
        return is_within(n_rows, tf.reduce_max(tf.concat([n_rows, [0]], axis=0)))

    def compute_output_spec(self, inputs: Any) -> Any:
        """What a model is told of them before it runs."""
        waveform, lengths = _waveform_and_lengths(inputs)
        if lengths is not None:
            check_lengths(tf.as_dtype(lengths.dtype))
        return keras.KerasTensor((waveform.shape[0], None, self._spec.dims), dtype=self._spec.dtype)

    def get_config(self) -> dict[str, Any]:
        """All that :meth:`from_config` needs: the configuration as well, every setting spelled out."""
        return {"name": self.name, "feature": self._feature, "frontend": self._frontend.arguments}

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> FrontendLayer:
        """The layer that :meth:`get_config` was called of."""
        return cls(Frontend(**config["frontend"]), config["feature"], name=config["name"])


def _waveform_and_lengths(inputs: Any) -> tuple[Any, Any]:
    if isinstance(inputs, list | tuple):
        waveform, lengths = inputs
        return waveform, lengths
    return inputs, None
