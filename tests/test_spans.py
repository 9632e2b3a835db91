"""A span of a file is the slice of the whole: the same bits without loss, within 1e-4 with, wherever it lies."""

from __future__ import annotations

import itertools
import struct
from pathlib import Path

import numpy as np
import pytest
import soundfile
import soxr
from decode_inputs import FFMPEG, Bounds, Decoded, chirp, decode, refused, run_ffmpeg, write_wav

from audiofeat.decode import Shared, ffmpeg_decoder, open_clip
from audiofeat.decode.ffmpeg import Cut
from audiofeat.decode.ffmpeg_decoder import FfmpegDecoder
from audiofeat.decode.ffmpeg_process import FfmpegProcess
from audiofeat.decode.span import Span
from audiofeat.records import Excerpt

SECONDS = 12
# ffmpeg's AAC encoder replaces noise by a note to the decoder to draw some (PNS): no two decodings then draw the same.
AAC = ["-aac_pns", "0"]
VIDEO = ["-f", "lavfi", "-i", f"testsrc=duration={SECONDS}:size=64x64:rate=10", "-c:v", "mpeg4"]

# name, options for ffmpeg's encoder, number of places, the largest difference
SOUGHT = [
    ("s16.wav", ["-c:a", "pcm_s16le"], 50, 0.0),
    ("s24.wav", ["-c:a", "pcm_s24le"], 50, 0.0),
    ("f32.wav", ["-c:a", "pcm_f32le"], 50, 0.0),
    ("chirp.aiff", [], 50, 0.0),
    ("chirp.au", [], 50, 0.0),
    ("chirp.caf", [], 50, 0.0),
    ("chirp.w64", [], 50, 0.0),
    ("ima_adpcm.wav", ["-c:a", "adpcm_ima_wav"], 50, 0.0),
    ("chirp.flac", [], 50, 0.0),
    ("vorbis.ogg", ["-c:a", "libvorbis"], 50, 1e-4),
    ("small_pages.ogg", ["-c:a", "libvorbis", "-page_duration", "20000"], 50, 1e-4),
    ("long_pages.ogg", ["-c:a", "libvorbis", "-ac", "1", "-ar", "8000", "-q:a", "0"], 50, 1e-4),
    ("chirp.opus", ["-c:a", "libopus"], 50, 1e-4),
    ("speech.opus", ["-c:a", "libopus", "-ac", "1", "-b:a", "16k"], 50, 1e-4),
    ("cbr.mp3", ["-b:a", "128k"], 50, 1e-4),
    ("vbr.mp3", ["-q:a", "4"], 50, 1e-4),
    ("low.mp3", ["-ar", "22050", "-b:a", "40k"], 50, 1e-4),
    ("aac.m4a", AAC, 50, 1e-4),
    ("alac.m4a", ["-c:a", "alac"], 6, 0.0),
    ("no_edit_list.m4a", [*AAC, "-use_editlist", "0"], 6, 1e-4),
    ("video.mp4", [*VIDEO, *AAC], 6, 1e-4),
    ("opus.mp4", ["-c:a", "libopus"], 6, 1e-4),
]
DECODED_FROM_THE_START = [
    ("fragments.mp4", [*AAC, "-movflags", "frag_keyframe+empty_moov"]),
    ("no_xing.mp3", ["-write_xing", "0"]),
    ("adts.aac", AAC),
    ("chirp.wma", []),
    ("chirp.amr", ["-ar", "8000", "-ac", "1"]),
    ("chirp.webm", ["-c:a", "libopus"]),
    ("chirp.mkv", ["-c:a", "flac"]),
    ("chirp.ts", AAC),
    ("chirp.avi", VIDEO),
    ("chirp.mpg", [*VIDEO, "-f", "vob"]),
    ("flac.ogg", ["-c:a", "flac"]),
]


def two_voices() -> np.ndarray:
    """Stereo at 44.1 kHz: sweeps under noise that comes and goes, so that every moment is its own."""
    sweep = chirp(SECONDS, sample_rate=44_100)
    noise = np.random.default_rng(2).normal(size=(len(sweep), 2)) * 0.1
    beat = np.sin(np.arange(len(sweep)) / 7_000) > 0
    return np.stack([sweep, sweep[::-1]], axis=1) * 0.6 + noise * beat[:, np.newaxis]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("spans")
    write_wav(folder / "source.wav", two_voices(), sample_rate=44_100, subtype="FLOAT")
    return folder


def encoded(folder: Path, name: str, options: list[str]) -> Path:
    path = folder / name
    if not path.exists():
        run_ffmpeg("-i", folder / "source.wav", *options, path)
    return path


def span_of(path: Path, start: int, end: int, *, whole: Decoded, shared: Shared) -> Decoded:
    rate = whole.native_sample_rate
    excerpt = Excerpt(start / rate, end / rate)
    return decode(path, sample_rate=None, channels="each", excerpt=excerpt, shared=shared)


def worst_difference(path: Path, *, places: int) -> float:
    """The largest difference from the slice, at random places and at the first and last frame.

    With more than three places also elsewhere within the first and last 100 ms.
    """
    whole = decode(path, sample_rate=None, channels="each")
    frames, edge = whole.source_frames, whole.native_sample_rate // 10
    rng = np.random.default_rng(places)
    near_ends = [edge // 2, edge, frames - edge, frames - edge // 2] if places > 3 else []
    starts = [*rng.integers(0, frames, places), 0, *near_ends, frames - 1]
    shared = Shared()
    worst = 0.0
    for start in map(int, starts):
        end = min(start + int(rng.integers(1, whole.native_sample_rate)), frames)
        span = span_of(path, start, end, whole=whole, shared=shared)
        assert len(span.samples) == span.source_frames == end - start
        worst = max(worst, float(np.abs(span.samples - whole.samples[start:end]).max()))
    return worst


@pytest.mark.parametrize(("name", "options", "places", "most"), SOUGHT, ids=[row[0] for row in SOUGHT])
def test_a_span_is_the_slice_of_the_whole(
    folder: Path, name: str, options: list[str], places: int, most: float
) -> None:
    assert worst_difference(encoded(folder, name, options), places=places) <= most


@pytest.mark.parametrize(("name", "options"), DECODED_FROM_THE_START, ids=[row[0] for row in DECODED_FROM_THE_START])
def test_where_a_seek_would_not_be_exact_decoding_begins_with_the_file(
    folder: Path, name: str, options: list[str]
) -> None:
    assert worst_difference(encoded(folder, name, options), places=2) == 0.0


@pytest.mark.parametrize("name", ["s16.wav", "chirp.flac", "vbr.mp3", "aac.m4a"])
def test_a_span_is_cut_out_then_mixed_then_resampled(folder: Path, name: str) -> None:
    path = encoded(folder, name, AAC if name == "aac.m4a" else [])
    whole = decode(path, sample_rate=None, channels="each").samples
    expected = soxr.resample(whole[3 * 44_100 : 5 * 44_100].mean(axis=1), 44_100, 16_000, quality="HQ")
    span = decode(path, excerpt=Excerpt(3.0, 5.0)).samples
    assert len(span) == 2 * 16_000
    np.testing.assert_allclose(span, expected, atol=1e-4 if name in ("vbr.mp3", "aac.m4a") else 1e-6)


@pytest.mark.parametrize("name", ["s16.wav", "chirp.flac"])
def test_a_span_of_many_blocks_has_the_bits_of_a_file_that_holds_it_alone(folder: Path, name: str) -> None:
    path = encoded(folder, name, [])
    native, rate = soundfile.read(path, dtype="int32", start=44_100, stop=5 * 44_100)
    alone = folder / "alone.wav"
    soundfile.write(alone, native, rate, subtype="PCM_32")
    np.testing.assert_array_equal(decode(path, excerpt=Excerpt(1.0, 5.0)).samples, decode(alone).samples)


def test_neighbouring_spans_join_without_a_seam(folder: Path) -> None:
    path = encoded(folder, "chirp.flac", [])
    borders = [0.0, 0.1, 1 / 3, 1.00001, 2.5, 12.0]
    pieces = [
        decode(path, sample_rate=None, excerpt=Excerpt(start, end)).samples
        for start, end in itertools.pairwise(borders)
    ]
    np.testing.assert_array_equal(np.concatenate(pieces), decode(path, sample_rate=None).samples)


def test_half_a_sample_is_rounded_up() -> None:
    assert [Span(seconds).start_frame(8) for seconds in (0.0, 0.06, 0.0625, 0.18, 0.1875)] == [0, 0, 1, 1, 2]
    assert Span(0.0, 0.7).end_frame(22_050) == 15_435


@pytest.mark.parametrize("name", ["s16.wav", "vorbis.ogg", "aac.m4a", "adts.aac"])
@pytest.mark.parametrize(
    ("excerpt", "where"),
    [
        (Excerpt(1.25, 2.0), (1.25, 2.0)),
        (Excerpt(11.0), (11.0, None)),
        (Excerpt(None, 0.5), (0.0, 0.5)),
        (Excerpt(11.5, 12.4), (11.5, None)),
    ],
    ids=str,
)
def test_where_a_span_lies_is_told(
    folder: Path, name: str, excerpt: Excerpt, where: tuple[float, float | None]
) -> None:
    path = encoded(folder, name, {"vorbis.ogg": ["-c:a", "libvorbis"]}.get(name, AAC if "a" in name[:2] else []))
    whole = decode(path, sample_rate=None)
    span = decode(path, sample_rate=None, excerpt=excerpt)
    end = whole.source_frames / whole.native_sample_rate if where[1] is None else where[1]
    assert span.where == (where[0], end)
    assert span.source_frames == pytest.approx((end - where[0]) * whole.native_sample_rate, abs=0.6)
    assert whole.where == (None, None)


@pytest.mark.parametrize("name", ["s16.wav", "chirp.flac", "vorbis.ogg", "cbr.mp3", "aac.m4a", "chirp.webm"])
def test_a_span_outside_the_file_is_refused(folder: Path, name: str) -> None:
    options = {"vorbis.ogg": ["-c:a", "libvorbis"], "aac.m4a": AAC, "chirp.webm": ["-c:a", "libopus"]}
    path = encoded(folder, name, options.get(name, []))
    for excerpt, found in (
        (Excerpt(20.0, 21.0), "the span 20-21 s begins behind the file's end at 12"),
        (Excerpt(12.5), "the span from 12.5 s on begins behind the file's end at 12"),
        (Excerpt(11.0, 13.0), "the span 11-13 s ends more than 0.5 s behind the file's end at 12"),
    ):
        error = refused(path, excerpt=excerpt)
        assert error.reason == "input.span-outside"
        assert error.problem.startswith(found)


def test_a_span_shorter_than_a_sample_is_refused(folder: Path) -> None:
    for path in (encoded(folder, "s16.wav", []), encoded(folder, "aac.m4a", AAC)):
        error = refused(path, excerpt=Excerpt(5.0, 5.000001))
        assert error.reason == "input.no-samples"
        assert "holds no sample at 44100 Hz" in error.problem


@pytest.mark.parametrize("name", ["s16.wav", "aac.m4a"])
def test_the_longest_duration_is_that_of_the_span(folder: Path, name: str) -> None:
    path = encoded(folder, name, AAC if name == "aac.m4a" else [])
    limits = Bounds(max_seconds=2.0)
    assert decode(path, excerpt=Excerpt(8.0, 10.0), limits=limits).source_frames == 2 * 44_100
    assert refused(path, excerpt=Excerpt(7.0, 10.0), limits=limits).reason == "limit.duration"
    assert refused(path, limits=limits).reason == "limit.duration"


def test_a_cut_wav_is_refused_though_the_span_is_there_and_a_cut_flac_only_behind_it(folder: Path) -> None:
    for name in ("s16.wav", "chirp.flac"):
        content = encoded(folder, name, []).read_bytes()
        (folder / f"cut_{name}").write_bytes(content[: len(content) // 2])
    assert refused(folder / "cut_s16.wav", excerpt=Excerpt(1.0, 2.0)).reason == "input.truncated"
    assert decode(folder / "cut_chirp.flac", excerpt=Excerpt(1.0, 2.0)).source_frames == 44_100
    assert refused(folder / "cut_chirp.flac", excerpt=Excerpt(10.0, 11.0)).reason == "input.corrupt"


def test_damage_counts_where_ffmpeg_decodes_it_and_not_behind_the_span(folder: Path) -> None:
    content = bytearray(encoded(folder, "chirp.mkv", ["-c:a", "flac"]).read_bytes())
    content[len(content) * 3 // 4] ^= 0x55
    damaged = folder / "damaged.mkv"
    damaged.write_bytes(content)
    assert decode(damaged, excerpt=Excerpt(1.0, 2.0)).source_frames == 44_100
    assert refused(damaged, excerpt=Excerpt(11.0, 12.0)).reason == "input.corrupt"


def with_delay(path: Path, *, media_time: int, tagged: int | None) -> bytes:
    """An M4A with another start in its edit list, and with iTunes's note of the encoder's delay."""
    content = path.read_bytes()
    at = content.index(b"elst") + 16
    content = content[:at] + struct.pack(">I", media_time) + content[at + 4 :]
    if tagged is None:
        return content
    moov = content.rindex(b"moov")
    text = f" 00000000 {tagged:08X} 000001CA 00000000003F31F6 00000000 00000000".encode()
    note = box(b"mean", bytes(4), b"com.apple.iTunes") + box(b"name", bytes(4), b"iTunSMPB")
    note = box(b"----", note, box(b"data", struct.pack(">II", 1, 0), text))
    meta = box(b"meta", bytes(4), box(b"hdlr", bytes(8), b"mdirappl", bytes(9)), box(b"ilst", note))
    body = content[moov + 4 :].replace(b"udta", b"free")
    return content[: moov - 4] + box(b"moov", body, box(b"udta", meta))


def box(kind: bytes, *parts: bytes) -> bytes:
    body = b"".join(parts)
    return struct.pack(">I4s", 8 + len(body), kind) + body


@pytest.mark.parametrize(
    ("media_time", "tagged", "is_sought"),
    [(0, None, True), (1_024, None, True), (2_112, None, True), (2_112, 2_112, True), (1_024, 2_112, False)],
)
def test_an_encoders_delay_shifts_no_span(folder: Path, media_time: int, tagged: int | None, is_sought: bool) -> None:
    path = folder / "delay.m4a"
    path.write_bytes(with_delay(encoded(folder, "aac.m4a", AAC), media_time=media_time, tagged=tagged))
    assert worst_difference(path, places=3) <= 1e-4
    assert (received_bytes(path, 10.0, 11.0) < 5 * 44_100 * 8) is is_sought


def received_bytes(path: Path, start: float, end: float) -> int:
    """How many bytes ffmpeg gave for a span."""
    with open_clip(str(path), excerpt=Excerpt(start, end), sample_rate=None, limits=Bounds(), ffmpeg=FFMPEG) as clip:
        list(clip)
        assert isinstance(clip._decoder, FfmpegDecoder)
        return clip._decoder._process.received_bytes


def test_a_second_of_a_long_m4a_is_no_more_work_than_a_second(tmp_path: Path) -> None:
    path = tmp_path / "long.m4a"
    noise = "anoisesrc=amplitude=0.1:seed=3:sample_rate=8000:duration=600"
    run_ffmpeg("-f", "lavfi", "-i", noise, *AAC, "-b:a", "12k", path)
    assert received_bytes(path, 500.3, 501.3) <= 5 * 8_000 * 4 + 64
    span = decode(path, sample_rate=None, excerpt=Excerpt(500.3, 501.3)).samples
    whole = decode(path, sample_rate=None).samples
    np.testing.assert_allclose(span, whole[4_002_400:4_010_400], atol=1e-4)


def count_starts(monkeypatch: pytest.MonkeyPatch) -> list[Cut]:
    """Where each ffmpeg that is started from now on begins."""
    cuts: list[Cut] = []

    def noted(fd: int, *, cut: Cut, **options: object) -> FfmpegProcess:
        cuts.append(cut)
        return FfmpegProcess(fd, cut=cut, **options)

    monkeypatch.setattr(ffmpeg_decoder, "FfmpegProcess", noted)
    return cuts


def test_behind_the_end_that_an_m4a_states_nothing_is_decoded(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = encoded(folder, "aac.m4a", AAC)
    cuts = count_starts(monkeypatch)
    error = refused(path, excerpt=Excerpt(20.0, 21.0))
    assert error.problem == "the span 20-21 s begins behind the file's end at 12 s"
    assert [cut.seek_seconds for cut in cuts] == [18]


def test_an_m4a_that_is_cut_before_the_span_is_decoded_to_tell(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = folder / "cut.m4a"
    run_ffmpeg("-i", encoded(folder, "aac.m4a", AAC), "-c", "copy", "-movflags", "faststart", path)
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    cuts = count_starts(monkeypatch)
    assert refused(path, excerpt=Excerpt(10.0, 11.0)).reason == "input.truncated"
    assert [cut.seek_seconds for cut in cuts] == [8, 0]


def test_the_digest_is_that_of_the_whole_file_and_read_once(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = encoded(folder, "s16.wav", [])
    shared = Shared()
    digests = [decode(path, excerpt=Excerpt(place, place + 0.1), shared=shared).source_digest for place in (0.0, 5.0)]
    assert set(digests) == {decode(path).source_digest}
    monkeypatch.setattr("audiofeat.decode.opening.blake3", lambda _: pytest.fail("the file was hashed again"))
    assert decode(path, excerpt=Excerpt(9.0, 9.5), shared=shared).source_digest == digests[0]


def test_a_file_written_anew_has_a_new_digest(tmp_path: Path) -> None:
    shared = Shared()
    excerpt = Excerpt(0.0, 0.1)
    first = decode(write_wav(tmp_path / "a.wav", chirp()), excerpt=excerpt, shared=shared)
    (tmp_path / "a.wav").unlink()
    second = decode(write_wav(tmp_path / "a.wav", -chirp(0.5)), excerpt=excerpt, shared=shared)
    assert first.source_digest != second.source_digest
    np.testing.assert_array_equal(second.samples, decode(tmp_path / "a.wav").samples[:1_600])
