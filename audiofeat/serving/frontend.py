"""The frontend of a configuration as a module: in ``tf.data``, in front of a model, or exported."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import tensorflow as tf

from audiofeat.config import Config, load_config, stored_config
from audiofeat.errors import ClipError, ConfigError
from audiofeat.frontend.constants import check_norms
from audiofeat.frontend.recipe import recipe_of
from audiofeat.records import FeatureSpec
from audiofeat.serving.arithmetic import Arithmetic, check_arithmetic
from audiofeat.serving.batches import as_batch, counted
from audiofeat.serving.counts import frame_counts, is_within, prepared_counts
from audiofeat.serving.fit import check_fit, check_rate
from audiofeat.serving.inverse import InverseStft
from audiofeat.serving.laying import laid
from audiofeat.serving.programs import programs_of
from audiofeat.serving.signals import prepared
from audiofeat.serving.tails import tail_counts, with_tail

if TYPE_CHECKING:
    from audiofeat.serving.keras_layer import FrontendLayer

FRAMES = "frames"
"""Among a batch's features, each clip's number of rows."""


class Frontend(tf.Module):  # type: ignore[misc]  # without types
    """The features of waveforms, by the programs and rules of ``extract``.

    ::

        frontend = audiofeat.Frontend("librosa-logmel")
        frontend(batch, lengths)["log_mel"]  # (clips, rows, 128)

    It takes one channel at :attr:`sample_rate_hz`; decoding, mixing, resampling and the choice of clips are not its
    matter. A clip that ``extract`` would quarantine for being too short has no rows; NaN in a clip stays in that clip.
    Gradients reach the waveform through ``plain`` arithmetic only; through the others there are none.
    """

    def __init__(
        self,
        config: str | os.PathLike[str] | Mapping[str, Any] | Config,
        *,
        overrides: Sequence[str] = (),
        sample_rate_hz: int | None = None,
        arithmetic: Arithmetic = "exact",
    ) -> None:
        """
        Args:
            config: a preset's name, a YAML file, a mapping of the same structure, or what ``load_config`` gave.
            overrides: ``"mel.bands=40"`` and the like.
            sample_rate_hz: of the waveforms, where ``audio.sample_rate`` is ``native``.
            arithmetic: ``exact``, ``xla`` or ``plain``: see :mod:`audiofeat.serving.arithmetic`.
        Raises:
            ConfigError: the configuration or an argument is wrong, or asks for what samples alone do not tell.
        """
        super().__init__()
        check_arithmetic(arithmetic)
        check_rate(sample_rate_hz)
        settings = config if isinstance(config, Config) else load_config(config, overrides=overrides)
        if isinstance(config, Config) and overrides:
            raise ConfigError("overrides change a configuration while it is loaded", hint="load_config(overrides=...)")
        check_fit(settings, sample_rate_hz=sample_rate_hz)
        try:
            self._recipe = recipe_of(settings, sample_rate_hz=sample_rate_hz)
        except ClipError as error:  # a rate that is too low for the bands, which extract would find in a file
            raise ConfigError(error.problem, hint=error.hint) from error
        check_norms(self._recipe)
        self._config = settings
        self._arithmetic = arithmetic
        self._is_smooth = arithmetic == "plain"
        self._real = tf.float32 if arithmetic == "plain" else tf.float64
        self._programs = programs_of(self._recipe, arithmetic)
        self._of_batch = tf.function(
            self._features,
            input_signature=[tf.TensorSpec([None, None], tf.float32), tf.TensorSpec([None], tf.int32)],
            autograph=False,
        )

    @property
    def sample_rate_hz(self) -> int:
        """Of the waveforms that it takes."""
        return self._recipe.sample_rate_hz

    @property
    def features(self) -> tuple[FeatureSpec, ...]:
        """What it gives, as a store describes it, sorted by name."""
        return self._recipe.feature_specs()

    @property
    def arguments(self) -> dict[str, Any]:
        """JSON-ready, every setting spelled out: ``Frontend(**frontend.arguments)`` is the same one."""
        rate = self.sample_rate_hz if self._recipe.is_native_rate else None
        return {"config": stored_config(self._config), "sample_rate_hz": rate, "arithmetic": self._arithmetic}

    def __call__(self, waveform: Any, lengths: Any = None) -> dict[str, tf.Tensor]:
        """Compute all features.

        Args:
            waveform: samples in -1..1, ragged or not; what lies behind a clip's length is ignored.
            lengths: of each clip in samples; None: ragged clips have their own, others are as long as the batch is
                wide.
        Returns:
            each feature by name, zeros behind each clip's last row; and under ``frames`` each clip's number of rows.

        Shape:
            (clips, samples) float32, (clips,) -> (clips, rows, dims) and (clips,) int32; of a single clip, (samples,)
            -> (rows, dims) and ().
        Raises:
            ConfigError: a type or a shape that is none of these.
        """
        batch = as_batch(waveform, lengths)
        samples = batch.waveform if self._is_smooth else tf.stop_gradient(batch.waveform)
        found: dict[str, tf.Tensor] = self._of_batch(samples, batch.counts)
        return {name: values[0] for name, values in found.items()} if batch.is_single else found

    def rows_of(self, lengths: Any) -> tf.Tensor:
        """The number of rows of clips of so many samples: (clips,) -> (clips,) int32.

        Raises:
            ConfigError: the lengths are no whole numbers.
        """
        recipe = self._recipe
        tail = recipe.tails[self.features[0].name]  # all tails leave as many rows
        return tail_counts(tail, self._frames_of(prepared_counts(counted(lengths), recipe.signal)))

    def keras_layer(self, feature: str | None = None) -> FrontendLayer:
        """A Keras layer that gives one feature, for a model that begins with waveforms.

        Args:
            feature: None: the only one.
        Raises:
            ConfigError: there is no such feature, or there are several and none was named.
        """
        from audiofeat.serving.keras_layer import FrontendLayer

        names = [spec.name for spec in self.features]
        if feature is None and len(names) == 1:
            feature = names[0]
        if feature is None or feature not in names:
            found = "none was named" if feature is None else f"{feature!r} is none of them"
            raise ConfigError(f"a layer gives one feature of {', '.join(names)}, and {found}", hint="name one")
        return FrontendLayer(self, feature)

    def inverse_stft(self, stft: Any, length: int | None = None) -> tf.Tensor:
        """The waveform that a feature ``stft`` was made of, by overlap-add.

        Samples that no window, or next to nothing of one, has seen come out as 0: with ``frame.align: left`` and a
        window that begins at 0, the first few.

        Args:
            stft: rows of the feature, without any that were filled up.
            length: samples wanted; None: all that lie before the last frame's end.

        Shape:
            (..., frames, n_fft // 2 + 1) complex -> (..., samples), float32 of complex64 and float64 of complex128.
        Raises:
            ConfigError: the configuration's frames do not hold all of the signal: the message says what they lack.
        """
        return InverseStft(self._recipe)(stft, length)

    def _features(self, waveform: tf.Tensor, counts: tf.Tensor) -> dict[str, tf.Tensor]:
        recipe = self._recipe
        signal = tf.cast(waveform, tf.as_dtype(recipe.precision))
        peak = self._config.audio.peak
        signal, n_samples = prepared(signal, counts, recipe.signal, peak=peak, real=self._real)
        frames = self._frames_of(n_samples)
        rows = self._programs.features(laid(signal, n_samples, frames, recipe.rule))
        out = {}
        for spec in self.features:
            values, n_rows = with_tail(recipe.tails[spec.name], rows[spec.name], frames, real=self._real)
            kept = tf.where(is_within(n_rows, tf.shape(values)[1])[:, :, None], values, tf.zeros([], values.dtype))
            out[spec.name] = tf.cast(kept, spec.dtype)
        return {**out, FRAMES: n_rows}

    def _frames_of(self, n_samples: tf.Tensor) -> tf.Tensor:
        frames = frame_counts(n_samples, self._recipe.rule)
        return tf.where(frames >= self._recipe.fewest_frames, frames, 0)
