"""Products and sums in an order of our own: what they are, that nothing is left out, and that they round no worse."""

from __future__ import annotations

import numpy as np
import pytest
import tensorflow as tf
from laying import Array, on_cpu

from audiofeat.dsp.cepstrum import cepstral_matrix
from audiofeat.dsp.filterbank import mel_filterbank
from audiofeat.frontend.products import VECTOR, Matrix, column_blocks, product, row_sums

FLOAT32_STEP = 2.0**-24
MELS = {
    "80 of 257": mel_filterbank(sample_rate_hz=16_000, n_fft=512, bands=80, fmin_hz=20.0, fmax_hz=8_000.0),
    "23 of 257": mel_filterbank(sample_rate_hz=16_000, n_fft=512, bands=23, fmin_hz=20.0, fmax_hz=8_000.0),
    "128 of 1025": mel_filterbank(sample_rate_hz=22_050, n_fft=2_048, bands=128, fmin_hz=0.0, fmax_hz=11_025.0),
    "300 of 513, some empty": mel_filterbank(
        sample_rate_hz=8_000, n_fft=1_024, bands=300, fmin_hz=0.0, fmax_hz=4_000.0
    ),
    "5 of 2049": mel_filterbank(sample_rate_hz=48_000, n_fft=4_096, bands=5, fmin_hz=0.0, fmax_hz=24_000.0),
    "1 of 257": mel_filterbank(sample_rate_hz=16_000, n_fft=512, bands=1, fmin_hz=20.0, fmax_hz=8_000.0),
}
MATRICES = {
    **MELS,
    "DCT 20 of 128": cepstral_matrix(bands=128, n=20),
    "DCT 13 of 23": cepstral_matrix(bands=23, n=13, lifter=22.0),
    "DCT 1 of 1": cepstral_matrix(bands=1, n=1),
    "zeros": np.zeros((9, 3)),
}


def powers(rows: int, columns: int) -> Array:
    """Positive values over eight orders of magnitude, as a spectrum's are."""
    return (10.0 ** np.random.default_rng(columns).uniform(-6, 2, (rows, columns))).astype(np.float32)


def compiled_product(values: Array, matrix: Matrix) -> Array:
    on_cpu()
    return np.asarray(tf.function(lambda x: product(x, matrix), jit_compile=True)(tf.constant(values)))


def compiled_row_sums(values: Array) -> Array:
    on_cpu()
    return np.asarray(tf.function(row_sums, jit_compile=True)(tf.constant(values)))


@pytest.mark.parametrize("matrix", MATRICES.values(), ids=MATRICES)
def test_a_product_is_the_matrix_product(matrix: Matrix) -> None:
    values = powers(37, len(matrix))
    wanted = values.astype(np.float64) @ matrix
    found = compiled_product(values, matrix)
    assert found.shape == wanted.shape
    # 12.5 steps of the sum of magnitudes where a band is 1,000 bins wide, as in NumPy's own product; else 6.
    bound = 16 * FLOAT32_STEP * (values.astype(np.float64) @ np.abs(matrix))
    assert (np.abs(found - wanted) <= bound).all()


@pytest.mark.parametrize("matrix", [MELS["80 of 257"], MATRICES["DCT 20 of 128"]], ids=["mel", "DCT"])
def test_a_row_has_the_same_product_among_any_rows(matrix: Matrix) -> None:
    values = powers(301, len(matrix))
    wanted = compiled_product(values, matrix)
    for rows in (2, 8, 11, 300):
        np.testing.assert_array_equal(compiled_product(values[:rows], matrix), wanted[:rows])


@pytest.mark.parametrize("matrix", MATRICES.values(), ids=MATRICES)
def test_blocks_hold_every_weight_once(matrix: Matrix) -> None:
    rebuilt = np.zeros_like(matrix)
    done = 0
    for start, stop, width in column_blocks(matrix):
        assert done % VECTOR == 0
        assert stop > start
        rebuilt[start:stop, done : done + width] += matrix[start:stop, done : done + width]
        done += width
    assert done == matrix.shape[1]
    np.testing.assert_array_equal(rebuilt, matrix)


def test_a_filterbank_is_cut_to_a_fifth_and_into_few_blocks() -> None:
    for matrix in (MELS["80 of 257"], MELS["128 of 1025"]):
        blocks = list(column_blocks(matrix))
        assert len(blocks) <= 12
        assert sum((stop - start) * width for start, stop, width in blocks) < matrix.size / 5


@pytest.mark.parametrize("columns", [1, 2, 15, 16, 17, 400, 1_025, 2_048])
def test_row_sums_round_by_few_steps(columns: int) -> None:
    values = powers(19, columns)
    wanted = values.astype(np.float64).sum(axis=1, keepdims=True)
    found = compiled_row_sums(values)
    assert found.shape == (19, 1)
    assert (np.abs(found - wanted) <= 8 * FLOAT32_STEP * wanted).all()


def test_a_sum_of_what_is_the_same_is_hardly_rounded() -> None:
    """As in silence, where a long chain of equal summands would be off by as many steps."""
    matrix = cepstral_matrix(bands=128, n=20)
    found = compiled_product(np.full((3, 128), -100.0, np.float32), matrix)
    assert np.abs(found[:, 0] + 100.0 * np.sqrt(128)).max() <= 2.5e-4
