"""Clips that ffmpeg decodes several at a time: the samples and the failures are as one by one, the starts are fewer."""

from __future__ import annotations

import gc
import os
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import psutil
import pytest
from decode_inputs import FFMPEG, RATE_HZ, Bounds, chirp, decode, run_ffmpeg, write_wav
from lanes import clip_at, config_of, run_lane

from audiofeat import ahead
from audiofeat.ahead import Ahead
from audiofeat.decode import EarlyClip, Shared, decode_together, ffmpeg_group, ffmpeg_process, open_clip
from audiofeat.decode.limits import Limits
from audiofeat.engine.feed import ShardFeed
from audiofeat.engine.lane_feed import LaneFeed
from audiofeat.errors import ClipError
from audiofeat.records import Member
from audiofeat.shard import ShardWork
from audiofeat.tasks import ClipTask, ShardTask

VIDEO = ("-f", "lavfi", "-i", "testsrc2=size=64x48:rate=5:duration=0.6", "-c:v", "mpeg4")
ENCODED = {
    "a.m4a": ("-c:a", "aac"),
    "b.wma": ("-c:a", "wmav2"),
    "c.mkv": ("-c:a", "libopus"),
    "d.aac": ("-c:a", "aac", "-f", "adts"),
    "e.ts": ("-c:a", "mp2", *VIDEO[4:]),
    "f.mp4": ("-c:a", "alac", "-ar", "44100", *VIDEO[4:]),
    "g.avi": ("-c:a", "pcm_s16le", "-ac", "2", *VIDEO[4:]),
    "h.mp4": ("-c:a", "aac", "-ac", "2", "-ar", "48000"),
    "i.flv": ("-c:a", "aac", "-ar", "22050"),
    "j.m4a": ("-c:a", "aac", "-movflags", "frag_keyframe+empty_moov"),
}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One file of each kind that ffmpeg decodes."""
    folder = tmp_path_factory.mktemp("kinds")
    wav = write_wav(folder.parent / "source.wav", chirp(0.7))
    for name, options in ENCODED.items():
        run_ffmpeg("-i", wav, *(VIDEO[:4] if "-c:v" in options else ()), *options, folder / name)
    return folder


@pytest.fixture
def starts(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """How many files each ffmpeg was given that has been started."""
    found: list[int] = []
    start = ffmpeg_process._start

    def counted(*arguments: object, **options: object) -> object:
        fds = options["fds"]
        assert isinstance(fds, tuple)
        found.append(max(1, len(fds) // 2))
        return start(*arguments, **options)  # type: ignore[arg-type]  # handed on as they came

    monkeypatch.setattr(ffmpeg_process, "_start", counted)
    return found


@pytest.fixture
def nothing_left_over() -> Iterator[None]:
    gc.collect()
    before = set(os.listdir("/proc/self/fd"))
    yield
    assert set(os.listdir("/proc/self/fd")) == before
    assert psutil.Process().children(recursive=True) == []


def together(*paths: Path, limits: Limits | None = None) -> dict[int, EarlyClip]:
    return decode_together(
        [(str(path), None) for path in paths], limits=limits or Bounds(), ffmpeg=FFMPEG, shared=Shared()
    )


@pytest.mark.usefixtures("nothing_left_over")
def test_every_format_gives_the_same_samples_as_alone(folder: Path, starts: list[int]) -> None:
    paths = sorted(folder.iterdir())
    found = together(*paths)
    assert starts == [len(paths)] == [len(found)]
    for path, early in zip(paths, found.values(), strict=True):
        alone = decode(path, sample_rate=None, channels="each")
        with open_clip(
            str(path), channels="each", sample_rate=None, limits=Bounds(), ffmpeg=FFMPEG, early=early
        ) as clip:
            np.testing.assert_array_equal(np.concatenate(list(clip)), alone.samples, err_msg=path.name)
            assert (clip.decoder, clip.source_digest) == (alone.decoder, alone.source_digest)
            assert (clip.native_sample_rate, clip.channels) == (alone.native_sample_rate, alone.channels)
            assert clip.source_frames == alone.source_frames > 0
    assert starts == [len(paths), *[1] * len(paths)]


@pytest.mark.usefixtures("nothing_left_over")
def test_one_that_changes_its_channels_half_way_spoils_the_group_rather_than_lose_samples(
    folder: Path, tmp_path: Path
) -> None:
    """The filter that makes large frames would forget what it holds when ffmpeg makes the filters anew."""
    wav = folder.parent / "source.wav"
    content = b"".join(run_ffmpeg("-i", wav, "-ac", n, "-c:a", "mp2", "-f", "mp2", "pipe:1") for n in ("1", "2"))
    (tmp_path / "two.mp2").write_bytes(content)
    run_ffmpeg("-f", "mp3", "-i", tmp_path / "two.mp2", "-c", "copy", tmp_path / "two.mkv")
    assert decode(tmp_path / "two.mkv").source_frames > 1.3 * RATE_HZ
    with pytest.raises(ClipError):
        together(folder / "a.m4a", tmp_path / "two.mkv")


@pytest.mark.usefixtures("nothing_left_over")
def test_what_is_no_case_for_a_group_is_left_alone(folder: Path, tmp_path: Path, starts: list[int]) -> None:
    text = tmp_path / "text.m4a"
    text.write_text("no audio")
    wav = write_wav(tmp_path / "good.wav", chirp(0.1))
    large = tmp_path / "large.m4a"
    large.write_bytes((folder / "a.m4a").read_bytes() + bytes(ffmpeg_group._MAX_BYTES))
    assert together(folder / "a.m4a", text, wav, large, tmp_path / "missing.m4a") == {}
    assert together(folder / "a.m4a", folder / "h.mp4", limits=Bounds(max_bytes=100)) == {}
    assert starts == []


@pytest.mark.usefixtures("nothing_left_over")
def test_a_group_takes_no_more_memory_than_it_may(folder: Path, starts: list[int]) -> None:
    """The longest by its header alone is left out; of one that does not tell, a piece too much ends the group."""
    told, silent = folder / "h.mp4", folder / "b.wma"  # 269 kB of samples as the header has it; 45 kB
    clips: list[tuple[str, Member | None]] = [(str(path), None) for path in (*[told] * 4, *[silent] * 2)]
    job = {"limits": Bounds(), "ffmpeg": FFMPEG, "shared": Shared()}
    for most_bytes, places in ((10_000_000, [0, 1, 2, 3, 4, 5]), (1_000_000, [0, 1, 2])):
        found = decode_together(clips, most_bytes=most_bytes, **job)  # type: ignore[arg-type]  # of several types
        assert sorted(found) == places
        held = sum(os.fstat(early.written._fd).st_size + early.file.size_bytes for early in found.values())
        assert held <= most_bytes
        for early in found.values():
            early.close()
    assert starts == [6, 3]
    with pytest.raises(ClipError, match="SIGXFSZ"):
        decode_together(clips[4:], most_bytes=60_000, **job)  # type: ignore[arg-type]  # of several types


@pytest.mark.usefixtures("nothing_left_over")
def test_a_file_that_changes_before_its_turn_is_noticed(folder: Path, tmp_path: Path) -> None:
    path = tmp_path / "a.m4a"
    path.write_bytes((folder / "a.m4a").read_bytes())
    early = together(path, folder / "h.mp4")
    path.write_bytes(path.read_bytes()[:3_000])
    early[1].close()
    with (
        pytest.raises(ClipError, match="changed while it was read"),
        open_clip(str(path), sample_rate=None, limits=Bounds(), ffmpeg=FFMPEG, early=early[0]) as clip,
    ):
        list(clip)


@pytest.mark.usefixtures("nothing_left_over")
@pytest.mark.parametrize(
    ("behaviour", "reason"),
    [("exec sleep 60", "limit.time"), ("exit 0", "input.no-samples"), ("kill -KILL $$", "decoder.killed")],
)
def test_however_ffmpeg_ends_the_group_ends_with_it(
    folder: Path, tmp_path: Path, behaviour: str, reason: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    program = tmp_path / "ffmpeg"
    program.write_text(f'#!/bin/sh\nif [ "$1" = -version ]; then echo ffmpeg version 0.1; exit; fi\n{behaviour}\n')
    program.chmod(0o755)
    monkeypatch.setattr(ffmpeg_process, "_PATIENCE_SECONDS", 0.3)
    clips: list[tuple[str, Member | None]] = [(str(folder / "a.m4a"), None)] * 3
    with pytest.raises(ClipError) as caught:
        decode_together(clips, limits=Bounds(), ffmpeg=str(program), shared=Shared())
    assert caught.value.reason == reason


def test_a_group_is_bounded_from_outside(folder: Path, tmp_path: Path) -> None:
    program = tmp_path / "ffmpeg"
    asked = "sleep 0.3; echo $(ulimit -v) $(ulimit -n) $(ulimit -f) >&2; exit 1"
    program.write_text(f'#!/bin/sh\nif [ "$1" = -version ]; then echo ffmpeg version 0.1; exit; fi\n{asked}\n')
    program.chmod(0o755)
    clips: list[tuple[str, Member | None]] = [(str(folder / "a.m4a"), None), (str(folder / "h.mp4"), None)]
    with pytest.raises(ClipError, match=f"4194304 28 {ffmpeg_group._MAX_BYTES // 512}"):
        decode_together(clips, limits=Bounds(), ffmpeg=str(program), shared=Shared())


def test_good_and_bad_files_end_as_they_do_one_by_one(
    folder: Path, tmp_path: Path, starts: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    root = tmp_path / "clips"
    root.mkdir()
    good = (folder / "a.m4a").read_bytes()
    for number in range(60):
        (root / f"{number:03d}.m4a").write_bytes(good)
    bad = {"029x.m4a": good[:-700], "031x.m4a": good[:300], "032x.m4a": b"no audio", "056x.wma": b"", "057.wav": b""}
    for name, content in bad.items():
        (root / name).write_bytes(content)
    write_wav(root / "058x.wav", chirp(0.5))
    clips = [clip_at(root, path.name) for path in sorted(root.iterdir())]
    config = config_of("kaldi-fbank80")

    found = run_lane(root, clips, config, scratch=tmp_path / "grouped")
    grouped_starts = list(starts)
    starts.clear()
    monkeypatch.setattr(ahead, "MOST_FILES", 1)
    expected = run_lane(root, clips, config, scratch=tmp_path / "single")

    assert set(starts) == {1}
    # The three before the last each cost their group, and its files then a process each.
    assert len(grouped_starts) < 0.7 * len(starts)
    assert found.rows == expected.rows
    assert found.failures == expected.failures
    assert len(found.rows) == 61
    for key, features in expected.features.items():
        for name, rows in features.items():
            np.testing.assert_array_equal(found.features[key][name], rows)


def test_sixty_four_good_files_are_five_starts(folder: Path, tmp_path: Path, starts: list[int]) -> None:
    content = (folder / "a.m4a").read_bytes()
    for number in range(64):
        (tmp_path / f"{number:03d}.m4a").write_bytes(content)
    clips = [clip_at(tmp_path, path.name) for path in sorted(tmp_path.iterdir())]
    found = run_lane(tmp_path, clips, config_of("kaldi-fbank80"), scratch=tmp_path / "store")
    assert len(found.rows) == 64
    assert starts == [1, 16, 16, 16, 15]


def shard_of(n_clips: int, slot: str = "0" * 12) -> ShardWork:
    return ShardWork(ShardTask(slot, tuple(ClipTask(f"{n:02d}", f"{n:02d}.m4a") for n in range(n_clips))))


def test_a_lane_reserves_clips_of_one_shard_and_leaves_the_others_theirs() -> None:
    feed = ShardFeed(lanes=2)
    first, second = shard_of(10), shard_of(10, "1" * 12)
    feed.add(first)
    feed.add(second)
    lane, other, careful = LaneFeed(feed), LaneFeed(feed), LaneFeed(feed, may_look_ahead=False)
    assert lane.next(wait=False) == (first, 0)
    assert lane.ahead(first, most=5) == [1, 2, 3, 4, 5]
    assert lane.ahead(first, most=5) == ()
    assert other.next(wait=False) == (first, 6)
    assert careful.ahead(first, most=5) == ()
    assert other.ahead(first, most=15) == [7, 8, 9]
    assert [lane.next(wait=False) for _ in range(6)] == [*((first, n) for n in range(1, 6)), (second, 0)]
    assert lane.ahead(second, most=15) == [1, 2, 3, 4]
    assert other.ahead(second, most=15) == ()


def test_groups_shrink_where_files_are_bad_and_grow_again(monkeypatch: pytest.MonkeyPatch) -> None:
    """Half of the files from 20 to 60 are bad."""
    feed = ShardFeed()
    feed.add(shard_of(100))
    lane = LaneFeed(feed)
    sizes: list[int] = []
    bad = {number for number in range(20, 60) if number % 2}

    def decoded(clips: list[tuple[str, None]], **_: object) -> dict[int, EarlyClip]:
        sizes.append(len(clips))
        if any(int(path[-6:-4]) in bad for path, _ in clips):
            raise ClipError("input.corrupt", "damaged")
        return {}

    monkeypatch.setattr(ahead, "decode_together", decoded)
    early = Ahead(lane, root="", config=config_of("kaldi-fbank80"), ffmpeg=None, shared=Shared())
    early.note("ffmpeg 9")
    while (item := lane.next(wait=False)) is not None:
        assert early.take(*item) is None
        if item[1] not in bad:
            early.note("ffmpeg 9")
    assert (sizes[0], min(sizes)) == (16, 2)
    assert sizes[-2] > 4
    assert sum(sizes) < 110
