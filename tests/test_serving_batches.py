"""What may be handed to a frontend in a graph, and what is refused; one frontend for all of it."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from laying import config_of, on_cpu
from signals import noise

from audiofeat.config import load_config, preset_names
from audiofeat.dsp.signal import prepared_samples
from audiofeat.dsp.tail import tail_rows
from audiofeat.errors import ConfigError
from audiofeat.frontend.recipe import recipe_of

LENGTHS = (8_000, 399, 5_000)
CLIP = noise(8_000)


@functools.cache
def frontend(arithmetic: Any = "exact") -> Any:
    on_cpu()
    from audiofeat.serving.frontend import Frontend

    return Frontend(config_of({}, "log_mel"), arithmetic=arithmetic)


def batch() -> npt.NDArray[np.float32]:
    return np.stack([CLIP] * len(LENGTHS))


def rows_of(given: Any, lengths: Any = None) -> list[npt.NDArray[np.float32]]:
    """Each clip's own rows."""
    found = frontend()(given, lengths)
    return [rows[:count] for rows, count in zip(found["log_mel"].numpy(), found["frames"].numpy(), strict=True)]


def test_a_batch_comes_in_any_form_with_the_same_rows() -> None:
    import tensorflow as tf

    wanted = rows_of(batch(), LENGTHS)
    assert [len(rows) for rows in wanted] == [48, 0, 29]
    forms: list[tuple[Any, Any]] = [
        (tf.RaggedTensor.from_tensor(batch(), lengths=LENGTHS), None),
        (tf.constant(batch(), tf.float64), np.array(LENGTHS, np.uint16)),
        (batch().tolist(), tf.constant(LENGTHS, tf.int64)),
        (batch(), [2**40, 399, 5_000]),
        (batch(), [8_000, -7, 5_000]),
    ]
    for given, lengths in forms:
        for found, rows in zip(rows_of(given, lengths), wanted, strict=True):
            np.testing.assert_array_equal(found, rows)
    clips = tf.data.Dataset.from_generator(
        lambda: (CLIP[:length] for length in LENGTHS), output_signature=tf.TensorSpec([None], tf.float32)
    )
    singly = [one["log_mel"].numpy() for one in clips.map(frontend())]
    ragged = [rows for (found, counts) in clips.ragged_batch(2).map(_own) for rows in _cut(found, counts)]
    padded = clips.map(lambda clip: (clip, tf.size(clip))).padded_batch(2).map(_own)
    for rows, *others in zip(wanted, singly, ragged, [r for found in padded for r in _cut(*found)], strict=True):
        for other in others:
            np.testing.assert_array_equal(other, rows)


def _own(waveform: Any, lengths: Any = None) -> tuple[Any, Any]:
    found = frontend()(waveform, lengths)
    return found["log_mel"], found["frames"]


def _cut(rows: Any, counts: Any) -> list[Any]:
    return [each[:count] for each, count in zip(rows.numpy(), counts.numpy(), strict=True)]


def test_there_may_be_nothing() -> None:
    for shape in ((0, 500), (0, 0), (2, 0)):
        found = frontend()(np.zeros(shape, np.float32))
        assert (found["log_mel"].shape, found["frames"].numpy().tolist()) == ((shape[0], 0, 80), [0] * shape[0])
    assert frontend()(np.zeros(0, np.float32))["log_mel"].shape == (0, 80)
    assert frontend()(np.zeros((0, 500), np.float32), [])["frames"].shape == (0,)


def _ragged() -> Any:
    import tensorflow as tf

    return tf.RaggedTensor.from_tensor(batch(), lengths=LENGTHS)


def _of_no_shape() -> Any:
    import tensorflow as tf

    return tf.function(frontend(), autograph=False).get_concrete_function(tf.TensorSpec(None, tf.float32))


MISTAKES: dict[str, tuple[Callable[[], Any], str]] = {
    "int16": (lambda: frontend()((batch() * 32767).astype(np.int16)), "int16.*32768"),
    "channels": (lambda: frontend()(batch()[None]), r"\(1, 3, 8000\).*mix"),
    "a number": (lambda: frontend()(np.float32(0)), "one clip"),
    "too few lengths": (lambda: frontend()(batch(), [8_000]), r"\(1,\) beside"),
    "too many lengths": (lambda: frontend()(CLIP, [8_000, 8_000]), r"\(2,\) beside"),
    "one length": (lambda: frontend()(batch(), 8_000), r"\(\) beside"),
    "a column of lengths": (lambda: frontend()(batch(), [[8_000]] * 3), r"\(3, 1\) beside"),
    "shares for lengths": (lambda: frontend()(batch(), [1.0, 0.5, 0.1]), "float32.*whole numbers"),
    "two sorts of lengths": (lambda: frontend()(_ragged(), LENGTHS), "has its own"),
    "no shape": (_of_no_shape, "ensure_shape"),
}


@pytest.mark.parametrize("name", MISTAKES)
def test_a_mistake_is_told(name: str) -> None:
    call, message = MISTAKES[name]
    with pytest.raises(ConfigError, match=f"(?s){message}"):
        call()


def test_as_many_lengths_as_clips_are_wanted_where_a_graph_learns_it_of_no_shape() -> None:
    import tensorflow as tf

    @tf.function(input_signature=[tf.TensorSpec([None, None]), tf.TensorSpec([None], tf.int32)], autograph=False)
    def served(waveform: Any, lengths: Any) -> Any:
        return frontend()(waveform, lengths)

    with pytest.raises(tf.errors.InvalidArgumentError, match="one for each clip"):
        served(batch(), [8_000])


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"arithmetic": "fast"}, "no arithmetic 'fast'.*exact, xla, plain"),
        ({"sample_rate_hz": 0}, "above 0"),
        ({"sample_rate_hz": 16000.5}, "whole number"),
        ({"sample_rate_hz": 30}, "hold nothing above"),
    ],
)
def test_a_wrong_argument_is_told(settings: dict[str, Any], message: str) -> None:
    from audiofeat.serving.frontend import Frontend

    job = config_of({"audio.sample_rate": "native", "mel.fmin_hz": 20.0}, "log_mel")
    with pytest.raises(ConfigError, match=f"(?s){message}"):
        Frontend(job, **settings)


@pytest.mark.parametrize(("arithmetic", "form"), [("exact", "sequential"), ("plain", "open_end")])
def test_rows_that_are_counted_are_those_that_come(arithmetic: Any, form: str) -> None:
    on_cpu()
    from audiofeat.serving.frontend import Frontend

    knobs = {"frame.align": "center", "frame.pad": "reflect", "stack.right": 1, "stack.stride": 2}
    knobs |= {"deltas.orders": 2, "deltas.form": form}
    fills_up = Frontend(config_of({**knobs, "length.frames": 12}, "log_mel"), arithmetic=arithmetic)
    for lengths in ([8_000, 0, 1], [0, 0, 0], [399, 8_000, 2_000]):
        found = fills_up(batch(), lengths)
        assert fills_up.rows_of(lengths).numpy().tolist() == found["frames"].numpy().tolist()
        assert found["log_mel"].shape == (3, 12, 480)


def test_gradients_reach_the_waveform_through_plain_arithmetic_only() -> None:
    import tensorflow as tf

    def gradient(arithmetic: str) -> Any:
        waveform = tf.constant(CLIP[:2_000])
        with tf.GradientTape() as tape:
            tape.watch(waveform)
            total = tf.reduce_sum(frontend(arithmetic)(waveform)["log_mel"])
        return tape.gradient(total, waveform)

    assert np.abs(gradient("plain")).max() > 0.1
    assert gradient("exact") is None  # a zero would be taken for one


def test_arguments_make_the_same_frontend() -> None:
    import json

    from audiofeat.serving.frontend import Frontend

    job = config_of({"audio.sample_rate": "native", "deltas.orders": 1, "audio.peak": 0.5}, "log_mel", "mfcc")
    first = Frontend(job, sample_rate_hz=8_000)
    again = Frontend(**json.loads(json.dumps(first.arguments)))
    assert again.arguments == first.arguments
    assert again.sample_rate_hz == 8_000
    for name, values in first(CLIP).items():
        np.testing.assert_array_equal(again(CLIP)[name], values, err_msg=name)


@pytest.mark.parametrize("preset", preset_names())
def test_rows_are_counted_without_computing_them(preset: str) -> None:
    on_cpu()
    from audiofeat.serving.counts import frame_counts, prepared_counts
    from audiofeat.serving.tails import tail_counts

    recipe = recipe_of(load_config(preset))
    (tail,) = recipe.tails.values()
    shortest = max(1, recipe.rule.shortest_clip_samples)
    lengths = np.array([shortest, shortest + 1, 9_999, 70_000], np.int32)
    found = tail_counts(tail, frame_counts(prepared_counts(lengths, recipe.signal), recipe.rule))
    wanted = [tail_rows(tail, recipe.rule.n_frames(prepared_samples(int(n), recipe.signal))) for n in lengths]
    assert found.numpy().tolist() == wanted
