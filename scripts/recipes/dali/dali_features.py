"""The same four arrays by DALI's CPU operators; run by recipe.py with an interpreter that has DALI, and nothing else.

    python dali_features.py IN.npz OUT.npz

IN holds ``samples`` and ``window``, librosa's; OUT gets each array twice, the second time made with that window.
"""

from __future__ import annotations

import sys

import numpy as np
from nvidia.dali import fn
from nvidia.dali.pipeline import Pipeline


def main(source: str, target: str) -> None:
    given = np.load(source)
    arrays = {}
    for prefix, options in (("own ", {}), ("librosa's ", {"window_fn": given["window"].tolist()})):
        rows = features(given["samples"], **options)
        arrays |= {prefix + name: values for name, values in rows.items()}
    np.savez(target, **arrays)


def features(samples: np.ndarray, **options: list[float]) -> dict[str, np.ndarray]:
    """(n,) float32 -> each array, (columns, frames); options are for the spectrogram."""
    pipeline = Pipeline(batch_size=1, num_threads=1, device_id=None, prefetch_queue_depth=1)
    with pipeline:
        given = fn.external_source(name="samples")
        power = fn.spectrogram(given, nfft=2048, window_length=2048, window_step=512, **options)
        mel = fn.mel_filter_bank(power, sample_rate=22050, nfilter=128, freq_high=8000.0)
        decibels, mel_decibels = (fn.to_decibels(levels, multiplier=10.0, cutoff_db=-80.0) for levels in (power, mel))
        plain, liftered = (fn.mfcc(mel_decibels, n_mfcc=40, normalize=True, lifter=lifter) for lifter in (0.0, 22.0))
        pipeline.set_outputs(decibels, mel_decibels, plain, liftered)
    pipeline.build()
    pipeline.feed_input("samples", [samples])
    names = ("spectrogram", "mel, 128 bands", "mfcc, 40", "mfcc, 40, lifter 22")
    return {name: np.array(batch.at(0)) for name, batch in zip(names, pipeline.run(), strict=True)}


if __name__ == "__main__":
    main(*sys.argv[1:])
