"""Rows 45 to 86, each file by itself: the reason, the figures in the message, and the frames of those that are sound.

``test_one_data_set`` gives the same files to the command line, all at once.
"""

from __future__ import annotations

import time
from pathlib import Path

import pytest
from decode_inputs import decode, refused
from faults.inputs import containers, content
from faults.inputs.case import BadInput

# What is found when features are to be made, or by the size alone, is no matter of decoding.
_LATER = ("input.too-short", "limit.bytes")
_INPUTS = [case for case in (*containers.INPUTS, *content.INPUTS) if case.reason not in _LATER]


@pytest.mark.parametrize("case", _INPUTS, ids=[case.name for case in _INPUTS])
def test_row_45_to_86_a_file_is_refused_with_its_figures_or_read_whole(tmp_path: Path, case: BadInput) -> None:
    path = tmp_path / case.name
    path.parent.mkdir()
    case.make(path)
    started = time.monotonic()
    if case.reason is None:
        decoded = decode(path)
        assert case.frames in (None, decoded.source_frames)
    else:
        error = refused(path)
        assert error.reason == case.reason, error
        assert [words for words in case.says if words not in error.problem] == [], error
        assert error.hint
    assert time.monotonic() - started < 10.0  # whatever it claims; the machine may be busy


def test_no_row_from_45_to_84_was_left_out() -> None:
    assert {case.row for case in (*containers.INPUTS, *content.INPUTS)} == {*range(45, 85), 86}
