"""How a model learns from pairs of windows, and how it is judged behind each epoch."""

from __future__ import annotations

import math
from typing import Any

import keras
import numpy as np
from models import Plan
from windows import WINDOW_ROWS, Array, Recordings

Figures = dict[str, Any]

BATCH_WINDOWS = 2


class Pairs(keras.utils.PyDataset):
    """Batches of windows for training, read from the store when their turn comes; in another order each epoch."""

    def __init__(self, recordings: Recordings, *, seed: int) -> None:
        super().__init__()
        self._recordings = recordings
        self._random = np.random.default_rng(seed)
        self.on_epoch_end()

    def __len__(self) -> int:
        return math.ceil(len(self._order) / BATCH_WINDOWS)

    def __getitem__(self, batch: int) -> tuple[Array, Array]:
        return self._recordings.windows(self._order[batch * BATCH_WINDOWS :][:BATCH_WINDOWS])

    def on_epoch_end(self) -> None:
        self._order = self._random.permutation(self._recordings.parts["training"])


def train(plan: Plan, recordings: Recordings, *, n_epochs: int) -> tuple[keras.Model, list[Figures]]:
    """A trained model, and its figures for each part behind each epoch; the last ones are the test's."""
    keras.utils.set_random_seed(1)
    pairs = Pairs(recordings, seed=1)
    model = plan.make()
    rate = keras.optimizers.schedules.CosineDecay(plan.learning_rate, n_epochs * len(pairs))
    model.compile(keras.optimizers.Adam(rate), "mse", jit_compile=False)
    # One window begins where the last one ends, so each sample counts once.
    judged = {part: recordings.windows(numbers[::WINDOW_ROWS]) for part, numbers in recordings.parts.items()}
    rows: list[Figures] = []

    def judge(epoch: int, _: object) -> None:
        for part, (dry, wet) in judged.items():
            rows.append({"epoch": epoch + 1, "part": part, **compare(predict(model, dry), wet)})

    each_epoch = keras.callbacks.LambdaCallback(on_epoch_end=judge)
    model.fit(pairs, epochs=n_epochs, shuffle=False, verbose=0, callbacks=[each_epoch])  # Pairs shuffles
    return model, rows


def predict(model: keras.Model, dry: Array) -> Array:
    """(windows, samples) -> the same. A few at a time: a convolution makes fifty signals of each."""
    return np.concatenate([model.predict_on_batch(dry[start : start + 8]) for start in range(0, len(dry), 8)])


def compare(made: Array, reference: Array) -> Figures:
    """How far samples are from the reference. Silence has a ratio of 1."""
    error = made.astype(np.float64) - reference
    mse, deviation = float(np.mean(error**2)), float(np.std(reference, dtype=np.float64))
    return {
        "mse": mse,
        "rmse": mse**0.5,
        "error_deviation": float(error.std()),
        "deviation": float(np.std(made, dtype=np.float64)),
        "reference_deviation": deviation,
        "ratio": mse**0.5 / deviation,
    }
