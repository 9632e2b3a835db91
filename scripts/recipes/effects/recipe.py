#!/usr/bin/env python3
"""Learn an audio effect from recordings before it and behind it, with five models, and apply it to a piece.

python recipe.py OUT                    on recordings of its own: see make_data.py
python recipe.py OUT --data FOLDER      FOLDER/pre and FOLDER/post hold recordings of the same names and lengths
"""

from __future__ import annotations

import os

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")  # is read when TensorFlow is imported

import csv
import sys
import time
from collections.abc import Sequence
from pathlib import Path

import click
import keras
import numpy as np
import soundfile
from make_data import EFFECTS, RATE_HZ, make_data
from models import MODELS
from picture import draw
from training import Figures, compare, predict, train
from windows import Array, Recordings, overlap_added

import audiofeat
from audiofeat.errors import AudioFeatError

CONFIG = Path(__file__).resolve().parent / "effects.yaml"
COLUMNS = ("model", "weights", "epochs", "seconds", "MSE", "RMSE", "reference", "ratio", "joined", "theirs")


@click.command()
@click.argument("out", type=click.Path(path_type=Path, file_okay=False))
@click.option("--data", type=click.Path(path_type=Path, exists=True), help="Folder of pre and post.  [default: made]")
@click.option("--seconds", type=click.FloatRange(1.5), default=10, show_default=True, help="Of each recording made.")
@click.option("--effect", type=click.Choice(list(EFFECTS)), default="zero-phase", show_default=True, help="As made.")
@click.option("--test", default="piano", show_default=True, help="Recordings whose names begin so are for the test.")
@click.option("--model", "models", multiple=True, type=click.Choice(list(MODELS)), help="Repeatable.  [default: all]")
@click.option("--epochs", type=click.IntRange(1), help="Of every model.  [default: each one's own]")
def main(
    out: Path, data: Path | None, seconds: float, effect: str, test: str, models: Sequence[str], epochs: int | None
) -> None:
    """Learn an effect from pairs of recordings, and apply it to the test recordings.

    DATA/pre and DATA/post hold recordings of the same names and lengths, before the effect and behind it. Each channel
    is a recording of its own.

    OUT gets the store; table.md; figures.csv, those of each epoch; effects.png; and what each model makes of the test
    recordings, as wave files.
    """
    if data is None:
        data = out / "data"
        make_data(data, seconds=seconds, effect=effect)
    audiofeat.extract(data, out / "store", CONFIG, device="cpu")
    with audiofeat.open_store(out / "store") as store:
        recordings = Recordings(store, test=test)
        learn(recordings, {name: epochs or MODELS[name].epochs for name in models or MODELS}, out)


def learn(recordings: Recordings, epochs: dict[str, int], out: Path) -> None:
    """Train each model, apply it to the test recordings, and write down what came of it."""
    sides = (recordings.of(name) for name in recordings.tests)
    dry, reference = (np.concatenate([overlap_added(windows) for windows in side]) for side in zip(*sides, strict=True))
    table = [f"| {' | '.join(COLUMNS)} |", "|---" * len(COLUMNS) + "|"]
    rows, made = [], {}
    for name, n_epochs in epochs.items():
        start = time.monotonic()
        model, figures = train(MODELS[name], recordings, n_epochs=n_epochs)
        seconds = time.monotonic() - start
        rows += [{"model": name, **row} for row in figures]
        made[name] = apply(model, recordings, out / name)
        cells = f"{model.count_params():,}", f"{n_epochs}", f"{seconds:.0f}"
        table.append(row_of(name, cells, test=figures[-1], joined=compare(made[name], reference)))
        click.echo(table[-1])
    table += ["", f"The dry test recordings themselves have a ratio of {compare(dry, reference)['ratio']:.2g}."]
    click.echo("\n".join(["", *table]))
    (out / "table.md").write_text("\n".join([*table, ""]))
    with (out / "figures.csv").open("w", newline="") as file:
        writer = csv.DictWriter(file, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)
    draw(rows, dry, reference, made, out / "effects.png")


def row_of(name: str, cells: Sequence[str], *, test: Figures, joined: Figures) -> str:
    """Of the table; ``joined`` compares whole recordings, where windows do not end."""
    found = f"{test['mse']:.2g}", f"{test['rmse']:.2g}", f"{test['reference_deviation']:.3f}", f"{test['ratio']:.2g}"
    return f"| {' | '.join([name, *cells, *found, format(joined['ratio'], '.2g'), MODELS[name].theirs])} |"


def apply(model: keras.Model, recordings: Recordings, folder: Path) -> Array:
    """Write what a model makes of each test recording; returned one behind the other."""
    wholes = [overlap_added(predict(model, recordings.of(name)[0])) for name in recordings.tests]
    for name, samples in zip(recordings.tests, wholes, strict=True):
        path = folder / f"{name}.wav"
        path.parent.mkdir(parents=True, exist_ok=True)
        soundfile.write(path, samples, RATE_HZ, subtype="PCM_16")
    return np.concatenate(wholes)


if __name__ == "__main__":
    try:
        main()
    except AudioFeatError as error:
        sys.exit(str(error))
