"""A frontend as a Keras layer: waveforms to one feature, for a model from waveform to prediction."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import keras
import tensorflow as tf

if TYPE_CHECKING:
    from audiofeat.serving.frontend import Frontend


class FrontendLayer(keras.layers.Layer):  # type: ignore[misc]  # without types
    """One feature of a frontend: (clips, samples) -> (clips, rows, dims), zeros behind each clip's last row."""

    def __init__(self, frontend: Frontend, feature: str, **settings: Any) -> None:
        """
        Args:
            settings: of any layer, such as ``name``.
        """
        super().__init__(trainable=False, dtype="float32", **settings)
        self.supports_jit = False  # how many rows there are depends on the lengths; the programs are compiled as it is
        self._frontend = frontend
        self._feature = feature
        (self._spec,) = (spec for spec in frontend.features if spec.name == feature)

    def call(self, waveform: tf.Tensor, lengths: tf.Tensor | None = None) -> tf.Tensor:
        """The feature's rows."""
        return self._frontend(waveform, lengths)[self._feature]

    def compute_output_spec(self, waveform: Any, lengths: Any = None) -> Any:
        """What a model is told of them before it runs."""
        return keras.KerasTensor((waveform.shape[0], None, self._spec.dims), dtype=self._spec.dtype)
