"""The compiled programs: their numbers are those of the libraries that the presets name, and every bit stays put.

Six presets run over each signal against their hand-written slow twins in reference.py, in float64 and in float32 (all
presets: test_preset_twins.py; the libraries themselves: test_parity_matrix.py). Numbers beside a tolerance are the
worst that was measured. What is compared in float32 lies over room noise: signals.over_room_noise says why.
"""

from __future__ import annotations

import threading

import numpy as np
import pytest
from comparing import assert_close
from kaldi_and_psf import kaldi_rows
from laying import Array, Layer, features_of, frontend_of, only_feature
from reference import REFERENCES
from signals import SIGNALS, noise, over_room_noise, tone

from audiofeat.dsp.framing import Samples
from audiofeat.frontend.program import Frontend

PRESETS = list(REFERENCES)
FLOAT64 = 1e-7  # 2.1e-9: the noiseless chirp through kaldi-fbank80, 140 dB below the frame's loudest band
FLOAT32 = {
    "librosa-logmel": 2e-3,  # dB: 3.0e-4 from the twin and from librosa
    "librosa-mfcc": 1e-3,  # 1.4e-4, 1.4e-4
    "kaldi-fbank80": 2e-3,  # ln: 4.4e-4, and 1.9e-4 from kaldi_native_fbank, which is float32 itself
    "kaldi-mfcc13": 1e-3,  # 1.3e-4, 2.1e-4
    "whisper-80": 2e-4,  # 3.3e-5, 3.3e-5
    "tf-tutorial": 2e-4,  # 2.2e-5, 3.1e-5
}
# A band of one bin, through which the chirp's loud side lobes pass with alternating signs: what is left of them is
# rounding error. 1.4e-2 from the twin, 2.1e-2 from kaldi_native_fbank.
FLOAT32_CHIRP = {"kaldi-fbank80": 1e-1, "kaldi-mfcc13": 4e-2}


def float32_tolerance(preset: str, signal: str) -> float:
    return FLOAT32_CHIRP.get(preset, FLOAT32[preset]) if signal == "chirp" else FLOAT32[preset]


def signal_for(frontend: Frontend, signal: str) -> Samples:
    return SIGNALS[signal](frontend.recipe.sample_rate_hz, frontend.recipe.rule.win_samples)


def rows_of(frontend: Frontend, samples: Samples) -> Array:
    return only_feature(features_of(frontend, [samples])[0])


@pytest.mark.parametrize("signal", SIGNALS)
@pytest.mark.parametrize("preset", PRESETS)
def test_in_float64_a_preset_is_its_slow_twin(preset: str, signal: str) -> None:
    frontend = frontend_of(preset, "compute.precision=float64")
    samples = signal_for(frontend, signal)
    found = rows_of(frontend, samples)
    assert found.dtype == np.float64
    assert_close(found, REFERENCES[preset](samples), FLOAT64)


@pytest.mark.parametrize("signal", SIGNALS)
@pytest.mark.parametrize("preset", PRESETS)
def test_in_float32_a_preset_is_its_slow_twin_but_for_rounding(preset: str, signal: str) -> None:
    frontend = frontend_of(preset)
    samples = over_room_noise(signal_for(frontend, signal))
    found = rows_of(frontend, samples)
    assert found.dtype == np.float32
    assert_close(found, REFERENCES[preset](samples), float32_tolerance(preset, signal))


@pytest.mark.parametrize("preset", PRESETS)
def test_silence_is_exact_in_float32(preset: str) -> None:
    frontend = frontend_of(preset)
    samples = signal_for(frontend, "silence")
    # The log floor's rounding, 7.6e-6 dB; the MFCC sum it over all bands, 1.2e-4.
    assert_close(rows_of(frontend, samples), REFERENCES[preset](samples), 3e-4)


@pytest.mark.parametrize("n_samples", [79, 80, 81, 160, 399, 400, 401, 16_000, 16_079, 16_080])
def test_frames_amid_their_hop_are_kaldis_without_snip_edges(n_samples: int) -> None:
    frontend = frontend_of("kaldi-fbank80", "frame.align=hop_center", "frame.pad=symmetric")
    samples = noise(n_samples)
    # 1.2e-4 in ln, both in float32.
    wanted = kaldi_rows(samples, "fbank", dims=80, num_bins=80, snip_edges=False)
    assert_close(rows_of(frontend, samples), wanted, 1e-3)


def test_centred_frames_with_hifigans_edges_are_the_padded_signals_frames() -> None:
    frontend = frontend_of(
        "tf-tutorial",
        "frame.align=same",
        "frame.pad=reflect",
        "features={spectrogram: {}}",
        "compute.precision=float64",
    )
    samples = noise(5_000)
    padded = np.pad(samples.astype(np.float64), (1024 - 256) // 2, mode="reflect")
    frames = np.lib.stride_tricks.sliding_window_view(padded, 1024)[::256] * np.hanning(1025)[:-1]
    assert_close(rows_of(frontend, samples), np.abs(np.fft.rfft(frames)) ** 2, 1e-9)


@pytest.mark.parametrize(
    ("output", "wanted"),
    [
        ("magnitude", lambda magnitude: magnitude),
        ("power", lambda magnitude: magnitude**2),
        ("ln", lambda magnitude: np.log(np.maximum(magnitude**2, 1e-10))),
        ("db", lambda magnitude: 20 * np.log10(np.maximum(magnitude, 1e-5))),
    ],
)
def test_a_spectrogram_is_written_as_asked(output: str, wanted: object) -> None:
    frontend = frontend_of(
        "tf-tutorial",
        "features={spectrogram: {}}",
        "spectrum.power=2",
        f"spectrum.output={output}",
        "log.guard=max",
        "log.floor=1.0e-10",
        "compute.precision=float64",
    )
    samples = noise(4_096)
    frames = np.lib.stride_tricks.sliding_window_view(samples.astype(np.float64), 1024)[::256] * np.hanning(1025)[:-1]
    assert callable(wanted)
    assert_close(rows_of(frontend, samples), wanted(np.abs(np.fft.rfft(frames))), 1e-9)


def test_a_tone_is_loudest_in_the_bin_of_its_frequency() -> None:
    frontend = frontend_of("tf-tutorial", "features={spectrogram: {}}", "compute.precision=float64")
    rows = rows_of(frontend, tone(16_000))
    assert set(rows.argmax(axis=1)) == {round(440 * 1024 / 16_000)}


def test_features_made_together_have_the_bits_of_each_made_alone() -> None:
    together = frontend_of(
        "kaldi-mfcc13", "features={mfcc: {}, log_mel: {}, mel: {}, spectrogram: {}}", "log.range=60.0"
    )
    samples = noise(30_000)
    all_features = features_of(together, [samples])[0]
    assert list(all_features) == ["log_mel", "mel", "mfcc", "spectrogram"]
    for name, rows in all_features.items():
        alone = frontend_of("kaldi-mfcc13", f"features={{{name}: {{}}}}", "log.range=60.0")
        np.testing.assert_array_equal(rows, rows_of(alone, samples), err_msg=name)


def test_the_energy_of_a_frame_reaches_c0_past_the_clip_program() -> None:
    """With a range, the cepstrum waits for the end of the clip; the energy that replaces its c0 must wait too."""
    samples = over_room_noise(tone(16_000))
    limited = rows_of(frontend_of("kaldi-mfcc13", "log.range=6.0"), samples)
    unlimited = rows_of(frontend_of("kaldi-mfcc13"), samples)
    np.testing.assert_array_equal(limited[:, 0], unlimited[:, 0])
    assert np.abs(limited[:, 1:] - unlimited[:, 1:]).max() > 1


def test_a_recipe_that_needs_no_whole_clip_has_one_program() -> None:
    frontend = frontend_of("kaldi-fbank80")
    assert not frontend.has_clip_program
    with pytest.raises(ValueError, match="no step that needs the whole clip"):
        frontend.clip_program(np.zeros((frontend.slots, 0), np.float32), np.zeros((frontend.slots, 0), np.float32))


# The bits of a clip: the same wherever it lies, whatever lies beside it, however the tape is cut.

# Between the last two, XLA adds up a tf.reduce_sum over Kaldi's frames in another order: more than 2^20 values.
TAPES = [256, 512, 2048, 4096]


def tape_of(preset: str, slots: int) -> Frontend:
    return frontend_of(preset, f"compute.tape_slots={slots}")


def clip_for(frontend: Frontend) -> Samples:
    return over_room_noise(SIGNALS["chirp"](frontend.recipe.sample_rate_hz, 0))


def alone(preset: str, samples: Samples) -> Array:
    return rows_of(tape_of(preset, 2048), samples)


@pytest.mark.parametrize("slots", TAPES)
@pytest.mark.parametrize("preset", PRESETS)
def test_a_clip_has_the_same_bits_at_any_place_beside_any_neighbours_on_any_tape(preset: str, slots: int) -> None:
    frontend = tape_of(preset, slots)
    clip = clip_for(frontend)
    generator = np.random.default_rng(slots)
    lengths = generator.integers(1, 3 * len(clip), 24)
    neighbours = [noise(int(n), seed=int(n), level=float(10 ** generator.uniform(-6, 0))) for n in lengths]
    laid = [samples for neighbour in neighbours for samples in (neighbour, clip)]
    found = [only_feature(features) for features in features_of(frontend, laid)[1::2]]
    wanted = alone(preset, clip)
    assert len(found) == 24
    for number, rows in enumerate(found):
        np.testing.assert_array_equal(rows, wanted, err_msg=f"place {number}")


@pytest.mark.parametrize("block_samples", [61, 160, 1_000, 22_051, 1 << 20])
@pytest.mark.parametrize("preset", PRESETS)
def test_a_clip_has_the_same_bits_in_blocks_of_any_size(preset: str, block_samples: int) -> None:
    frontend = tape_of(preset, 256)
    clip = clip_for(frontend)
    for features in features_of(frontend, [noise(12_345), clip, clip], block_samples=block_samples)[1:]:
        np.testing.assert_array_equal(only_feature(features), alone(preset, clip))


@pytest.mark.parametrize("preset", PRESETS)
def test_a_clip_that_goes_on_over_several_tapes_has_the_bits_of_one_long_tape(preset: str) -> None:
    short, long = tape_of(preset, 256), tape_of(preset, 4096)
    clip = noise(1_000 * short.recipe.rule.hop_samples + 77)
    layer = Layer(short)
    found = layer.features_of([noise(5_000), clip, noise(5_000)], block_samples=9_999)[1]
    assert layer.tapes >= 4
    np.testing.assert_array_equal(only_feature(found), rows_of(long, clip))


@pytest.mark.parametrize("preset", PRESETS)
def test_a_broken_clip_leaves_no_trace_on_its_successor(preset: str) -> None:
    """What an abandoned clip laid stays on the tape, behind and in the gaps between the next clips."""
    frontend = tape_of(preset, 256)
    clip = clip_for(frontend)
    layer = Layer(frontend)
    for value in (np.nan, np.inf, np.finfo(np.float32).max):
        layer.abandon(np.full(frontend.length - 1, value, np.float32))
        for features in layer.features_of([clip, clip]):
            np.testing.assert_array_equal(only_feature(features), alone(preset, clip))


@pytest.mark.parametrize("preset", ["kaldi-mfcc13", "librosa-mfcc"])
def test_a_clip_has_the_same_bits_from_two_threads_at_once(preset: str) -> None:
    frontend = tape_of(preset, 512)
    clip = clip_for(frontend)
    wanted = alone(preset, clip)
    start = threading.Barrier(2)
    found: dict[int, list[Array]] = {}

    def lane(number: int) -> None:
        start.wait()
        others = [noise(4_000 + 997 * turn, seed=number) for turn in range(10)]
        laid = features_of(frontend, [samples for other in others for samples in (other, clip)])
        found[number] = [only_feature(features) for features in laid[1::2]]

    threads = [threading.Thread(target=lane, args=(number,)) for number in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(found) == [0, 1]
    for rows in (*found[0], *found[1]):
        np.testing.assert_array_equal(rows, wanted)


def test_float64_has_the_same_bits_on_any_tape() -> None:
    frontends = [
        frontend_of("librosa-mfcc", "compute.precision=float64", f"compute.tape_slots={n}") for n in (256, 2048)
    ]
    clip = clip_for(frontends[0])
    wanted = rows_of(frontends[1], clip)
    for features in features_of(frontends[0], [noise(40_000), clip, noise(333), clip])[1::2]:
        np.testing.assert_array_equal(only_feature(features), wanted)
