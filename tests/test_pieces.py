"""Cutting a stream of blocks: every sample comes once, in order, whatever the blocks were."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from audiofeat.pieces import chunks_of


@given(
    sizes=st.lists(st.integers(1, 20), max_size=12),
    chunk_samples=st.integers(1, 30),
)
@settings(derandomize=True, deadline=None, max_examples=200)
def test_chunks_are_the_stream_cut_at_multiples(sizes: list[int], chunk_samples: int) -> None:
    signal = np.arange(sum(sizes), dtype=np.float32)
    borders = np.cumsum([0, *sizes])
    blocks = [signal[start:stop] for start, stop in itertools.pairwise(borders)]
    chunks = [np.concatenate(list(chunk)) for chunk in chunks_of(blocks, chunk_samples)]
    assert [len(chunk) for chunk in chunks] == [
        min(chunk_samples, len(signal) - start) for start in range(0, len(signal), chunk_samples)
    ]
    assert not chunks or np.array_equal(np.concatenate(chunks), signal)


def test_a_block_is_let_go_of_before_the_next_is_made() -> None:
    alive: list[int] = []

    def blocks() -> object:
        for number in range(5):
            alive.append(number)
            yield np.full(10, number, np.float32)

    taken = [len(alive) for chunk in chunks_of(blocks(), 2**63) for _ in chunk]  # type: ignore[arg-type]
    assert taken == [1, 2, 3, 4, 5]


@pytest.mark.parametrize("chunk_samples", [1, 7, 2**63])
def test_no_samples_no_chunks(chunk_samples: int) -> None:
    assert list(chunks_of([], chunk_samples)) == []
