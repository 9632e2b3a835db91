#!/usr/bin/env python3
"""Say which digit is spoken in WAV files: a JSON line each.

    serve.py MODEL WAV...    MODEL: the folder that recipe.py exported

This is all that a server needs: TensorFlow and that folder. The features are computed inside the model, by the graph
of audiofeat's frontend; audiofeat need not be installed.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path

import tensorflow as tf


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model", type=Path, help="the folder that recipe.py exported")
    parser.add_argument("files", nargs="+", help="mono WAV files at the rate of the model")
    arguments = parser.parse_args()
    if not (arguments.model / "saved_model.pb").is_file():
        parser.error(f"{arguments.model} holds no model: recipe.py exports one")

    model = tf.saved_model.load(arguments.model)
    clips = [tf.audio.decode_wav(tf.io.read_file(file), desired_channels=1).audio[:, 0] for file in arguments.files]
    waveform = tf.ragged.stack(clips).to_tensor()
    lengths = tf.constant([len(clip) for clip in clips], tf.int32)
    probabilities = model.serve([waveform, lengths]).numpy()
    for file, each in zip(arguments.files, probabilities.tolist(), strict=True):
        print(json.dumps({"file": file, "digit": max(range(len(each)), key=each.__getitem__), "probabilities": each}))


if __name__ == "__main__":
    main()
