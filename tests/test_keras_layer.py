"""A model that begins with a frontend: built, trained, saved, loaded and exported as any other."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from laying import config_of, on_cpu
from signals import noise

from audiofeat.errors import ConfigError

LENGTHS = np.array([16_000, 9_000, 4_000], np.int32)
BATCH = noise(48_000).reshape(3, 16_000)
JOB = config_of({"stack.left": 1, "stack.stride": 2}, "log_mel")
LOADING = """\
import sys
import numpy as np
import keras
from audiofeat import FrontendLayer
with np.load("given.npz") as given:
    found = keras.models.load_model("model.keras").predict([given["batch"], given["lengths"]], verbose=0)
    np.testing.assert_array_equal(found, given["predicted"])
"""


@pytest.fixture(scope="module")
def model() -> Any:
    """From waveforms and lengths to three probabilities, by a layer that is told which rows count."""
    on_cpu()
    import keras

    from audiofeat import Frontend

    keras.utils.set_random_seed(3)
    waveform, lengths = keras.Input([None], name="waveform"), keras.Input([], dtype="int32", name="lengths")
    rows = Frontend(JOB).keras_layer()((waveform, lengths))
    assert rows.shape == (None, None, 160)
    model = keras.Model([waveform, lengths], keras.layers.Dense(3, "softmax")(keras.layers.GRU(4)(rows)))
    model.compile("adam", "sparse_categorical_crossentropy")
    return model


def test_what_follows_sees_a_clips_own_rows_only(model: Any) -> None:
    together = model.predict([BATCH, LENGTHS], verbose=0)
    for number, length in enumerate(LENGTHS):
        alone = model.predict([BATCH[number : number + 1, :length], LENGTHS[number : number + 1]], verbose=0)
        np.testing.assert_allclose(alone[0], together[number], rtol=0, atol=1e-6)
    assert model.predict_on_batch([BATCH[:0], LENGTHS[:0]]).shape == (0, 3)


def test_the_mask_is_that_of_the_rows() -> None:
    on_cpu()
    import tensorflow as tf

    from audiofeat import Frontend

    frontend = Frontend(JOB)
    layer = frontend.keras_layer()
    counts = frontend(BATCH, LENGTHS)["frames"].numpy()
    assert counts.tolist() == [49, 27, 12]
    too_long = np.array([99_999, 9_000, 4_000])
    for given in ((BATCH, LENGTHS), (BATCH, too_long), tf.RaggedTensor.from_tensor(BATCH, lengths=LENGTHS)):
        rows = layer(given)
        mask = layer.compute_mask(given).numpy()
        assert rows.shape[:2] == mask.shape
        np.testing.assert_array_equal(mask, np.arange(49) < counts[:, None])
    assert layer.compute_mask(BATCH) is None


@pytest.mark.filterwarnings("ignore:__array__ implementation")  # of Keras and NumPy, when weights are written
def test_a_model_is_trained_saved_and_loaded(model: Any, tmp_path: Path) -> None:
    import keras
    import tensorflow as tf

    pairs = tf.data.Dataset.from_tensors(((BATCH, LENGTHS), np.arange(3))).repeat(2)
    before = model.predict([BATCH, LENGTHS], verbose=0)
    model.fit(pairs, shuffle=False, verbose=0)
    model.fit([BATCH, LENGTHS], np.arange(3), batch_size=2, verbose=0)
    after = model.predict([BATCH, LENGTHS], verbose=0)
    assert (after != before).all()
    model.save(tmp_path / "model.keras")
    for again in (keras.models.load_model(tmp_path / "model.keras"), keras.models.clone_model(model)):
        again.set_weights(model.get_weights())
        np.testing.assert_array_equal(again.predict([BATCH, LENGTHS], verbose=0), after)
    model.export(tmp_path / "served", verbose=False)
    served = tf.saved_model.load(tmp_path / "served")
    np.testing.assert_allclose(served.serve([BATCH, LENGTHS]), after, rtol=0, atol=1e-6)
    np.savez(tmp_path / "given.npz", batch=BATCH, lengths=LENGTHS, predicted=after)
    subprocess.run([sys.executable, "-c", LOADING], cwd=tmp_path, capture_output=True, check=True)


def test_a_frontend_begins_a_sequential_model() -> None:
    on_cpu()
    import keras

    from audiofeat import Frontend

    model = keras.Sequential(
        [
            keras.Input([None]),
            Frontend(JOB).keras_layer("log_mel"),
            keras.layers.Conv1D(4, 3),  # knows no masks: without lengths there is none, and no warning
            keras.layers.GlobalAveragePooling1D(),
            keras.layers.Dense(2),
        ]
    )
    model.compile("adam", "mse")
    model.fit(BATCH, np.zeros((3, 2)), verbose=0)
    for width in (16_000, 5_000):
        assert model.predict(BATCH[:, :width], verbose=0).shape == (3, 2)


def test_a_wrong_feature_or_length_is_told() -> None:
    on_cpu()
    import keras

    from audiofeat import Frontend

    frontend = Frontend(config_of({}, "log_mel", "mfcc"))
    with pytest.raises(ConfigError, match="none was named"):
        frontend.keras_layer()
    with pytest.raises(ConfigError, match="'mel' is none of them"):
        frontend.keras_layer("mel")
    with pytest.raises(ConfigError, match="float32; wanted are whole numbers"):
        frontend.keras_layer("mfcc")((keras.Input([None]), keras.Input([])))
