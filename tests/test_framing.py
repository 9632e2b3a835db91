"""Framing: how many frames a clip has, where they start, and what they see beyond its ends."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from audiofeat.dsp.framing import FrameRule, Samples, edge_indices, with_edges
from audiofeat.tape import tape_length


def rule_of(
    align: str, *, win: int = 400, hop: int = 160, n_fft: int = 512, pad: str = "zero", drop: bool = False
) -> FrameRule:
    return FrameRule(win_samples=win, hop_samples=hop, n_fft=n_fft, align=align, pad=pad, drop_last=drop)


@pytest.mark.parametrize(
    ("rule", "n_frames"),
    [
        (rule_of("left"), 98),
        (rule_of("hop_center"), 100),
        (rule_of("center", n_fft=400), 101),
        (rule_of("center", n_fft=400, drop=True), 100),
        (rule_of("same", win=1024, hop=256, n_fft=1024), 62),
        (rule_of("left", win=1024, hop=256, n_fft=1024), 59),
        (dataclasses.replace(rule_of("left"), tail="pad_last"), 99),
        (dataclasses.replace(rule_of("left"), tail="pad_hop"), 100),
        (dataclasses.replace(rule_of("left"), count_by="n_fft"), 97),
        (dataclasses.replace(rule_of("center", win=1024, hop=512, n_fft=1024), tail="extra"), 33),
    ],
    ids=[
        "snip",
        "Kaldi without snip",
        "centred",
        "Whisper",
        "HiFi-GAN",
        "tf.signal",
        "python_speech_features",
        "tf.signal with pad_end",
        "torch without centring",
        "Essentia",
    ],
)
def test_a_second_at_16_khz_has_the_frames_of_the_system(rule: FrameRule, n_frames: int) -> None:
    assert rule.n_frames(16_000) == n_frames


@st.composite
def rules(draw: st.DrawFn) -> FrameRule:
    n_fft = draw(st.integers(2, 24))
    align = draw(st.sampled_from(["left", "center", "hop_center", "same"]))
    is_left = align == "left"
    tail = draw(
        st.sampled_from({"left": ["drop", "pad_last", "pad_hop"], "center": ["drop", "extra"]}.get(align, ["drop"]))
    )
    return FrameRule(
        win_samples=draw(st.integers(1, n_fft)),
        hop_samples=draw(st.integers(1, n_fft if align == "same" else 2 * n_fft)),
        n_fft=n_fft,
        align=align,
        pad="zero" if is_left else draw(st.sampled_from(["zero", "reflect", "symmetric"])),
        drop_last=align == "center" and draw(st.booleans()),
        count_by=draw(st.sampled_from(["win", "n_fft"])) if is_left else "win",
        tail=tail,
    )


def padded(samples: Samples, rule: FrameRule, *, before: int, after: int) -> Samples:
    """As numpy.pad would have it; a single sample has nothing to reflect but itself."""
    if rule.pad == "zero" or not len(samples):
        return np.pad(samples, (before, after))
    out: Samples = np.pad(samples, (before, after), mode="reflect" if rule.pad == "reflect" else "symmetric")
    return out


@given(rules(), st.integers(0, 80), st.lists(st.integers(0, 80), max_size=6), st.sampled_from(["float32", "float64"]))
@settings(derandomize=True, deadline=None, max_examples=1000)
def test_edges_are_those_of_numpy_pad_in_blocks_of_any_size(
    rule: FrameRule, n_samples: int, cuts: list[int], dtype: str
) -> None:
    samples = np.arange(1, n_samples + 1, dtype=dtype)
    blocks = np.split(samples, sorted(min(cut, n_samples) for cut in cuts))
    laid = np.concatenate([np.zeros(0, dtype), *with_edges(iter(blocks), rule)])
    assert laid.dtype == dtype
    n_frames = rule.n_frames(n_samples)
    everything = padded(samples, rule, before=100, after=100)
    for frame in range(n_frames):
        start = frame * rule.hop_samples
        found = laid[start : start + rule.win_samples]
        origin = 100 + rule.first_start + start
        np.testing.assert_array_equal(found, everything[origin : origin + rule.win_samples], err_msg=f"frame {frame}")


@given(rules(), st.integers(0, 120))
@settings(derandomize=True, deadline=None, max_examples=500)
def test_a_tape_turns_when_and_only_when_its_frames_are_sure(rule: FrameRule, n_samples: int) -> None:
    """Once more than ``tape_length`` items have come, all its frames count as done: the clip must have them then.

    And if no more come, the clip must not have a frame beyond the tape's last.
    """
    laid = sum(len(block) for block in with_edges(iter([np.ones(n_samples, np.float32)]), rule))
    for slots in (1, 2, 5):
        turns = laid > tape_length(slots=slots, hop=rule.hop_samples, span=rule.span_samples)
        assert rule.n_frames(n_samples) >= slots if turns else rule.n_frames(n_samples) <= slots


@given(rules())
@settings(derandomize=True, deadline=None, max_examples=200)
def test_the_shortest_clip_is_the_shortest(rule: FrameRule) -> None:
    shortest = rule.shortest_clip_samples
    assert rule.n_frames(shortest) >= 1
    assert [rule.n_frames(n) for n in range(shortest)] == [0] * shortest


@given(rules(), st.integers(0, 200))
@settings(derandomize=True, deadline=None, max_examples=200)
def test_one_hop_more_is_one_frame_more(rule: FrameRule, n_samples: int) -> None:
    """From the second frame on: a first one may be due to a tail that is filled up."""
    more = rule.n_frames(n_samples + rule.hop_samples) - rule.n_frames(n_samples)
    assert more == 1 if rule.n_frames(n_samples) > 1 else more in (0, 1)


@pytest.mark.parametrize("pad", ["reflect", "symmetric"])
@pytest.mark.parametrize("n_samples", [1, 2, 3, 7])
def test_mirrors_go_on_for_ever_as_numpys_do(pad: str, n_samples: int) -> None:
    positions = np.arange(-30, n_samples + 30)
    samples = np.arange(n_samples)
    wanted = np.pad(samples, 30, mode="reflect" if pad == "reflect" else "symmetric")
    np.testing.assert_array_equal(samples[edge_indices(positions, n_samples, pad=pad)], wanted)


def test_where_windows_start_and_lie_in_the_fft_frame() -> None:
    assert (rule_of("left").first_start, rule_of("left").window_at) == (0, 0)
    assert (rule_of("center").first_start, rule_of("center").window_at) == (-200, 56)
    assert (rule_of("hop_center").first_start, rule_of("hop_center").window_at) == (-120, 0)
    assert (rule_of("same").first_start, rule_of("same").window_at) == (-120, 56)


def test_windows_lie_amid_the_fft_frame_that_is_counted() -> None:
    rule = dataclasses.replace(rule_of("left"), count_by="n_fft")
    assert (rule.first_start, rule.window_at, rule.shortest_clip_samples, rule.span_samples) == (56, 56, 512, 456)


def test_essentias_first_frame_begins_half_a_window_early() -> None:
    for win, start in ((400, -200), (401, -201)):
        assert dataclasses.replace(rule_of("center", win=win), tail="extra").first_start == start


def test_middles_are_where_the_names_say() -> None:
    assert rule_of("center").first_start + 200 == 0
    assert rule_of("hop_center").first_start + 200 == 80
    assert rule_of("same").first_start + 200 == 80


def test_no_samples_no_frames() -> None:
    for align in ("left", "center", "hop_center", "same"):
        assert rule_of(align).n_frames(0) == 0
        assert sum(len(block) for block in with_edges(iter([]), rule_of(align, pad="reflect"))) in (
            0,
            -rule_of(align).first_start,
        )
