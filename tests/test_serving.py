"""A frontend inside a graph gives what the compiled programs of a worker give, and with them ``extract``.

Bit for bit wherever no step sums over a clip; XLA's flags are those of a worker (``laying.on_cpu``), as README asks.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from click.testing import CliRunner
from laying import config_of, features_of, on_cpu
from signals import noise

from audiofeat.cli import cli
from audiofeat.config import load_config
from audiofeat.dsp.framing import FrameRule
from audiofeat.dsp.signal import SignalSteps, prepared_samples
from audiofeat.errors import ConfigError
from audiofeat.frontend.program import Frontend as Programs
from audiofeat.frontend.recipe import recipe_of

LENGTHS = (5_000, 16_000, 0, 1, 23_456, 399, 400, 2_000, 12_345)
SAME_BITS: dict[str, dict[str, Any]] = {
    "all features": {"frame.align": "center", "frame.pad": "reflect", "spectrum.norm": "n_fft"},
    "kaldi": {
        "audio.scale": 32768.0,
        "frame.align": "hop_center",
        "frame.pad": "symmetric",
        "frame.remove_dc": True,
        "preemphasis.coeff": 0.97,
        "energy.column": "first",
    },
    "whole signal": {
        "audio.quantize": "int16",
        "audio.peak": 0.95,
        "length.pad_to_seconds": 0.6,
        "length.pad_step_seconds": 0.25,
        "length.pad_with": "repeat_whole",
        "length.cut_to_seconds": 1.2,
        "preemphasis.coeff": 0.97,
        "preemphasis.scope": "signal",
        "preemphasis.first": "extrapolate",
        "frame.tail": "pad_hop",
    },
    "deltas": {
        "log.kind": "db",
        "log.gain": 0.25,
        "log.offset": 4.0,
        "deltas.orders": 2,
        "frame.tail": "pad_last",
        "stack.left": 1,
        "stack.right": 2,
        "stack.stride": 3,
        "stack.edge": "zero",
    },
    "clip's maximum": {"log.kind": "db", "log.ref": "max", "log.range": 60.0, "deltas.orders": 2, "length.frames": 90},
}
SERVING = """\
import sys
import numpy as np
import tensorflow as tf
folder = sys.argv[1]
model = tf.saved_model.load(folder + "/model")
batch = tf.constant(np.load(folder + "/batch.npy"))
found = model.signatures["serving_default"](waveform=batch, lengths=tf.constant([5_000, 99_999]))
whole = model.signatures["whole"](waveform=batch[:1, :5_000])
none = model.signatures["whole"](waveform=batch[:0])
assert {name: rows.shape[0] for name, rows in none.items()} == dict.fromkeys(found, 0)
assert "audiofeat" not in sys.modules
tf.config.optimizer.set_experimental_options({"disable_meta_optimizer": True})
plain = tf.saved_model.load(folder + "/model").signatures["whole"](waveform=batch[:1, :5_000])
assert all(np.array_equal(rows, whole[name]) for name, rows in plain.items())
np.savez(folder + "/found.npz", **found, **{"whole " + name: rows for name, rows in whole.items()})
"""
DELTAS = {"log_mel": "savgol", "mfcc": "sequential", "spectrogram": "open_end"}
SLIDING = {"cmvn": {"over": "sliding", "window_frames": 40, "min_frames": 10}}
EVERY = ("waveform", "stft", "spectrogram", "mel", "log_mel", "mfcc")


def clips() -> list[npt.NDArray[np.float32]]:
    return [noise(length, seed=length) for length in LENGTHS]


def batch_of(arrays: list[npt.NDArray[np.float32]], *, filler: float = np.nan) -> npt.NDArray[np.float32]:
    batch = np.full((len(arrays), max(map(len, arrays))), filler, np.float32)
    for row, array in zip(batch, arrays, strict=True):
        row[: len(array)] = array
    return batch


def job_of(name: str) -> dict[str, Any]:
    """A case of ``SAME_BITS`` as a configuration."""
    job = config_of(SAME_BITS[name], *(EVERY if name == "all features" else EVERY[2:3] + EVERY[4:]))
    if name == "deltas":
        for feature, form in DELTAS.items():
            job["features"][feature] = {"deltas": {"form": form}}
        job["features"]["log_mel"]["deltas"]["edge"] = "interp"
    return job


def served_and_wanted(job: dict[str, Any]) -> list[tuple[dict[str, Any], dict[str, Any]]]:
    """Each clip's features from a graph, and from the compiled programs."""
    on_cpu()
    from audiofeat.serving.frontend import Frontend

    config = load_config(job)
    served = Frontend(config)
    given = clips()
    out = {name: value.numpy() for name, value in served(batch_of(given), [len(clip) for clip in given]).items()}
    counts = out.pop("frames")
    assert all(not values[number][count:].any() for values in out.values() for number, count in enumerate(counts))
    recipe = recipe_of(config)
    frames = [recipe.rule.n_frames(prepared_samples(len(clip), recipe.signal)) for clip in given]
    long_enough = [number for number, count in enumerate(frames) if count >= recipe.fewest_frames]
    assert np.flatnonzero(counts).tolist() == long_enough
    peak = config.audio.peak  # of a file, so that the programs do not do it
    loud = [given[n] * np.float32(peak / float(np.abs(given[n]).max())) if peak else given[n] for n in long_enough]
    wanted = features_of(Programs(recipe), loud)
    found = [{name: values[number][: counts[number]] for name, values in out.items()} for number in long_enough]
    return list(zip(found, wanted, strict=True))


@pytest.mark.parametrize("name", SAME_BITS)
def test_a_graph_gives_the_bits_of_the_programs(name: str) -> None:
    pairs = served_and_wanted(job_of(name))
    assert len(pairs) >= 5
    for found, wanted in pairs:
        assert found.keys() == wanted.keys()
        for feature, values in wanted.items():
            assert found[feature].dtype == values.dtype
            np.testing.assert_array_equal(found[feature], values, err_msg=feature)


def test_sums_over_a_clip_agree_to_1e_5() -> None:
    job = config_of({"cmvn.mode": "meanvar", "cmvn.over": "clip"}, *EVERY[2:])
    job["features"]["spectrogram"] = SLIDING
    job["features"]["mel"] = {"cmvn": {"mode": "mean", "over": "sliding"}}
    job["features"]["log_mel"] = {"cmvn": {"over": "clip_all", "ddof": 1, "eps_at": "var_add"}}
    for found, wanted in served_and_wanted(job):
        for feature, values in wanted.items():
            np.testing.assert_allclose(found[feature], values, rtol=1e-5, atol=1e-5, err_msg=feature)


def test_xla_gives_the_same_bits_where_it_is_told_what_a_worker_is() -> None:
    on_cpu()
    from audiofeat.serving.frontend import Frontend

    given = batch_of(clips(), filler=0.0)
    job = job_of("clip's maximum")
    exact, compiled = (Frontend(job, arithmetic=way)(given, LENGTHS) for way in ("exact", "xla"))
    for feature, values in exact.items():
        np.testing.assert_array_equal(values, compiled[feature], err_msg=feature)


def test_lengths_are_those_of_the_rules() -> None:
    from audiofeat.serving.counts import frame_counts, prepared_counts

    rules = [
        FrameRule(400, 160, 512),
        FrameRule(400, 160, 512, align="center", drop_last=True),
        FrameRule(100, 160, 128, align="hop_center"),
        FrameRule(1024, 256, 1024, align="same"),
        FrameRule(401, 160, 512, tail="pad_last"),
        FrameRule(400, 160, 512, align="center", tail="extra"),
        FrameRule(400, 160, 512, count_by="n_fft"),
    ]
    lengths = np.array([*range(2_500), 100_000, 99_999], np.int32)
    for rule in rules:
        assert frame_counts(lengths, rule).numpy().tolist() == [rule.n_frames(int(n)) for n in lengths]
    for steps in (
        SignalSteps(),
        SignalSteps(pad_to_samples=700, pad_step_samples=300, cut_to_samples=1_300),
        SignalSteps(pad_to_samples=700),
    ):
        wanted = [prepared_samples(int(n), steps) for n in lengths]
        assert prepared_counts(lengths, steps).numpy().tolist() == wanted


def test_nothing_of_a_batch_reaches_a_clip() -> None:
    on_cpu()
    from audiofeat.serving.frontend import Frontend

    frontend = Frontend(config_of(SAME_BITS["clip's maximum"], "log_mel"))
    broken = np.full(9_000, np.nan, np.float32)
    alone = frontend(noise(3_000))
    beside = frontend(batch_of([broken, noise(3_000), noise(20_000)], filler=np.inf), [9_000, 3_000, 20_000])
    count = int(alone["frames"])
    assert count > 0
    assert beside["frames"][1] == count
    np.testing.assert_array_equal(beside["log_mel"][1, :count], alone["log_mel"][:count])
    empty = frontend(np.zeros((0, 500), np.float32))
    assert empty["log_mel"].shape[0] == 0


@pytest.mark.parametrize(
    ("setting", "message"),
    [
        ("audio.sample_rate=native", "native"),
        ("audio.chunk_seconds=1", "several clips of one"),
        ("audio.trim_db=40", "cuts silence"),
        ("audio.dither=1", "clip's key"),
    ],
)
def test_what_samples_alone_do_not_tell_is_refused(setting: str, message: str) -> None:
    from audiofeat.serving.fit import check_fit

    with pytest.raises(ConfigError, match=message):
        check_fit(load_config("librosa-logmel", overrides=[setting]))


def test_what_tflite_cannot_do_is_refused() -> None:
    from audiofeat.serving.fit import check_fit_for_tflite

    with pytest.raises(ConfigError, match="powers of two"):
        check_fit_for_tflite(load_config("whisper-80"))
    with pytest.raises(ConfigError, match="float32 only"):
        check_fit_for_tflite(load_config("librosa-logmel", overrides=["compute.precision=float64"]))
    with pytest.raises(ConfigError, match="complex"):
        check_fit_for_tflite(load_config({"features": {"stft": {}}}))


@pytest.mark.parametrize("align", ["left", "center", "hop_center"])
def test_an_stft_leads_back_to_the_waveform(align: str) -> None:
    on_cpu()
    from audiofeat.serving.frontend import Frontend

    knobs = {"frame.align": align, "audio.scale": 32768.0, "spectrum.norm": "window_energy"}
    frontend = Frontend(config_of(knobs, "stft"))
    samples = noise(16_160)
    back = frontend.inverse_stft(frontend(samples)["stft"], len(samples)).numpy()
    assert back.shape == samples.shape
    start, stop = (16, 15_900) if align == "left" else (0, 16_000)
    np.testing.assert_allclose(back[start:stop], samples[start:stop], atol=1e-5)


@pytest.mark.parametrize(
    ("setting", "message"),
    [
        ("frame.hop_samples=400", "next to zero"),
        ("frame.remove_dc=true", "mean"),
        ("preemphasis.coeff=0.97", "not undone"),
        ("features={log_mel: {}}", "no feature stft"),
        ("stack.stride=2", "stacked"),
    ],
)
def test_there_is_no_way_back_and_it_says_why(setting: str, message: str) -> None:
    from audiofeat.serving.inverse import InverseStft

    config = load_config({"features": {"stft": {}}}, overrides=[setting])
    with pytest.raises(ConfigError, match=message):
        InverseStft(recipe_of(config))


def test_a_saved_model_has_the_bits_in_a_process_that_knows_nothing_of_us(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    on_cpu()
    monkeypatch.setattr("audiofeat.frontend.program.use_device", lambda device: None)  # once a process
    job = job_of("kaldi")
    (tmp_path / "job.yaml").write_text(json.dumps(job))
    model = tmp_path / "model"
    command = ["export-frontend", str(tmp_path / "job.yaml"), "--to", "savedmodel", "-o", str(model)]
    done = CliRunner().invoke(cli, command)
    assert (done.exit_code, done.exception) == (0, None)
    assert "16000 Hz" in done.output
    (wanted,) = features_of(Programs(recipe_of(load_config(job))), [noise(5_000)])
    np.save(tmp_path / "batch.npy", batch_of([noise(5_000), noise(16_000)]))
    environment = {name: value for name, value in os.environ.items() if name not in ("XLA_FLAGS", "PYTHONPATH")}
    subprocess.run([sys.executable, "-c", SERVING, tmp_path], check=True, env=environment, capture_output=True)
    with np.load(tmp_path / "found.npz") as found:
        assert sorted(found) == sorted([*wanted, "frames", *(f"whole {name}" for name in [*wanted, "frames"])])
        assert found["frames"].tolist() == [len(wanted["mfcc"]), 100]
        for name, values in wanted.items():
            np.testing.assert_array_equal(found[name][0, : found["frames"][0]], values, err_msg=name)
            np.testing.assert_array_equal(found[f"whole {name}"][0], values, err_msg=name)
    described = json.loads((model / "frontend.json").read_text())
    assert described["features"]["mfcc"]["dims"] == wanted["mfcc"].shape[1]
    again = CliRunner().invoke(cli, command)
    assert isinstance(again.exception, ConfigError)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["batch.npy", "found.npz", "job.yaml", "model"]


@pytest.mark.filterwarnings("ignore:.*tf.lite.Interpreter is deprecated")
def test_tflite_agrees_to_a_thousandth(tmp_path: Path) -> None:
    on_cpu()
    import tensorflow as tf

    from audiofeat.serving.export import export_frontend
    from audiofeat.serving.frontend import Frontend

    knobs = {**SAME_BITS["kaldi"], "length.frames": 110, "audio.peak": 0.5, "deltas.orders": 2}
    config = load_config(config_of({**knobs, "deltas.form": "open_end"}, "log_mel", "mfcc"))
    export_frontend(config, tmp_path / "lite", to="tflite")
    interpreter = tf.lite.Interpreter(str(tmp_path / "lite/frontend.tflite"))
    run = interpreter.get_signature_runner()
    exact = Frontend(config)
    for n_samples in (16_000, 1, 20_000):
        samples = noise(n_samples)
        found = run(waveform=samples[None])
        for name, values in exact(samples).items():
            np.testing.assert_allclose(found[name][0], values, atol=1e-3, rtol=1e-4, err_msg=name)
