#!/usr/bin/env python3
"""Train a small classifier of spoken digits on a store, and export frontend and classifier as one SavedModel.

    recipe.py FOLDER OUT     FOLDER holds files {digit}_{speaker}_{index}.wav, such as the Free Spoken Digit Dataset

How well it does for voices that it knows is told by the data set's own split: index 0 to 4 of each digit and speaker is
the test. How well for voices that it does not know: each speaker is left out in turn.

What is served is the model from waveform to probabilities. It is loaded in a process without audiofeat (``serve.py``),
and must give the answers that the classifier gives for the features in the store.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import keras
import numpy as np
import tensorflow as tf

import audiofeat
from audiofeat.errors import AudioFeatError

HERE = Path(__file__).resolve().parent
CONFIG = HERE / "digits.yaml"
N_DIGITS = 10


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path, help="of files {digit}_{speaker}_{index}.wav")
    parser.add_argument("out", type=Path, help="for the store, the model and figures.json")
    parser.add_argument("--epochs", type=int, default=10, help="passes over the training clips (%(default)s)")
    parser.add_argument("--official-only", action="store_true", help="do not leave out one speaker after another")
    arguments = parser.parse_args()

    audiofeat.extract(arguments.folder, arguments.out / "features", CONFIG)
    with audiofeat.open_store(arguments.out / "features") as store:
        figures = run(store, arguments)
    (arguments.out / "figures.json").write_text(json.dumps(figures, indent=2) + "\n", "utf-8")
    for name, value in figures.items():
        print(f"{name:32} {value:.4g}")


def run(store: Any, arguments: argparse.Namespace) -> dict[str, float]:
    """Every figure of the recipe by name."""
    figures: dict[str, float] = {}
    test = [key for key in store if index_of(key) < 5]
    classifier = trained(store, sorted(set(store) - set(test)), epochs=arguments.epochs)
    figures["accuracy, official split"] = accuracy(classifier, store, test)
    figures |= served(classifier, store, test, arguments)
    if not arguments.official_only:
        speakers = sorted({speaker_of(key) for key in store})
        for speaker in speakers:
            others = [key for key in store if speaker_of(key) != speaker]
            alone = [key for key in store if speaker_of(key) == speaker]
            name = f"accuracy without {speaker}"
            figures[name] = accuracy(trained(store, others, epochs=arguments.epochs), store, alone)
        figures["accuracy, unknown speakers"] = float(np.mean([figures[f"accuracy without {s}"] for s in speakers]))
    return figures


def trained(store: Any, keys: Sequence[str], *, epochs: int) -> keras.Model:
    """A classifier of features: (clips, rows, bands), zeros behind each clip's last row, to (clips, digits)."""
    (log_mel,) = store.features
    keras.utils.set_random_seed(1)
    model = keras.Sequential(
        [
            keras.Input([None, log_mel.dims]),
            # Rows of zeros are what fills up short clips, in the store's batches and the frontend's alike; everything
            # below passes the mask on or heeds it, so that no prediction depends on how long the others are.
            keras.layers.Masking(),
            keras.layers.GaussianNoise(0.3),
            keras.layers.Bidirectional(keras.layers.GRU(64)),
            keras.layers.Dropout(0.3),
            keras.layers.Dense(N_DIGITS, "softmax"),
        ]
    )
    model.compile(keras.optimizers.Adam(3e-3), "sparse_categorical_crossentropy", metrics=["accuracy"])
    model.fit(batches(store, keys, shuffle=True), epochs=epochs, shuffle=False, verbose=0)
    return model


def batches(store: Any, keys: Sequence[str], *, shuffle: bool = False, batch_size: int = 32) -> tf.data.Dataset:
    """Features and digits; clips of about one length stand together, so that little is filled up."""
    dataset = store.to_tf(
        "log_mel", keys=keys, batch_size=batch_size, bucket_clips=512, pad=0.0, shuffle=shuffle, seed=1
    )
    return dataset.map(lambda batch: (batch["log_mel"], digits_of(batch["key"])))


def digits_of(keys: tf.Tensor) -> tf.Tensor:
    return tf.strings.to_number(tf.strings.substr(keys, 0, 1), tf.int32)


def speaker_of(key: str) -> str:
    return key.split("_")[1]


def index_of(key: str) -> int:
    return int(key.split("_")[2])


def accuracy(model: keras.Model, store: Any, keys: Sequence[str]) -> float:
    return float(model.evaluate(batches(store, keys), verbose=0, return_dict=True)["accuracy"])


def served(classifier: keras.Model, store: Any, keys: Sequence[str], arguments: argparse.Namespace) -> dict[str, float]:
    """Export waveform to probabilities, let another process predict, and compare it with the features in the store."""
    waveform, lengths = keras.Input([None], name="waveform"), keras.Input([], dtype="int32", name="lengths")
    frontend = audiofeat.Frontend(CONFIG).keras_layer("log_mel")
    rows = frontend((waveform, lengths))
    for layer in classifier.layers:  # one by one: given to a model as a whole, Keras would warn of the mask
        rows = layer(rows)
    whole = keras.Model([waveform, lengths], rows)
    whole.export(arguments.out / "model", verbose=False)

    command = [sys.executable, HERE / "serve.py", arguments.out / "model"]
    files = [arguments.folder / f"{key}.wav" for key in keys]
    answers = subprocess.run([*command, *files], check=True, capture_output=True, text=True).stdout.splitlines()
    found = np.array([json.loads(answer)["probabilities"] for answer in answers])
    # The other process takes all clips in one batch, filled up to the longest; here they stand in batches of 32.
    features = store.to_tf("log_mel", keys=keys, batch_size=32, pad=0.0)
    wanted = classifier.predict(features.map(lambda batch: batch["log_mel"]), verbose=0)
    return {
        "served clips": len(found),
        "served with another answer": int((found.argmax(axis=1) != wanted.argmax(axis=1)).sum()),
        "served, largest difference": float(np.abs(found - wanted).max()),
    }


if __name__ == "__main__":
    try:
        main()
    except (AudioFeatError, subprocess.CalledProcessError) as error:
        sys.exit(str(error))
