"""Verification beside the source: files that have changed, clips computed again, frames that fit durations."""

from __future__ import annotations

import itertools
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile
from click.testing import CliRunner
from damage import flip
from lanes import clip_at, config_of, run_lane
from running import write_clips

from audiofeat import extract
from audiofeat.cli import cli
from audiofeat.errors import ConfigError, SourceError
from audiofeat.records import ClipRow
from audiofeat.store.checked_json import read_checked_json, write_checked_json
from audiofeat.store.description import encode_description, read_description
from audiofeat.store.layout import StorePaths
from audiofeat.store.manifest import encode_manifest, read_manifest
from audiofeat.verify import verify_store
from audiofeat.verify.frames import FrameCounts
from audiofeat.verify.sample import Sample


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a source and its store. Not to be written to."""
    folder = tmp_path_factory.mktemp("finished")
    source = write_clips(folder / "source", count=12)
    (source / "broken.wav").write_bytes(b"RIFF")
    extract(source, folder / "store", "kaldi-fbank80", overrides=["store.shard_clips=4"], workers=2)
    return folder


@pytest.fixture
def folder(finished: Path, tmp_path: Path) -> Path:
    return shutil.copytree(finished, tmp_path / "here", copy_function=shutil.copy2)


def files_of(folder: Path) -> list[Path]:
    return sorted(path for path in (folder / "source").rglob("*.wav") if path.stem != "broken")


def test_an_unchanged_source(folder: Path) -> None:
    report = verify_store(folder / "store", source=folder / "source")
    assert report.problems == report.source_problems == report.notes == ()
    assert report.sources_checked == 12
    assert verify_store(folder / "store").sources_checked is None


def test_a_source_that_has_changed_is_told_and_no_damage(folder: Path) -> None:
    changed, missing, irregular, *_ = files_of(folder)
    with open(changed, "ab") as file:
        file.write(b"\0")
    missing.unlink()
    irregular.unlink()
    irregular.mkdir()
    soundfile.write(folder / "source/more.wav", np.zeros(8_000), 16_000)
    report = verify_store(folder / "store", source=folder / "source")
    assert report.problems == ()
    assert report.exit_code == 0
    names = [path.relative_to(folder / "source").as_posix() for path in (changed, missing, irregular)]
    assert {(problem.kind, problem.place) for problem in report.source_problems} == {
        ("source.changed", names[0]),
        ("source.missing", names[1]),
        ("source.missing", names[2]),
    }


def test_what_lies_in_a_closed_folder_is_not_missing(folder: Path) -> None:
    """Nor what a link leads to that leads nowhere just now, be it all that there is."""
    (folder / "source").rename(folder / "away")
    (folder / "source").mkdir()
    for place in (folder / "away").iterdir():
        (folder / "source" / place.name).symlink_to(folder / "nowhere")
    report = verify_store(folder / "store", source=folder / "source")
    kinds = {problem.place: problem.kind for problem in report.source_problems}
    in_folders = [name for name in kinds if "/" in name]
    assert in_folders
    assert len(kinds) == 12
    assert all(kinds[name] == "source.unreadable" for name in in_folders)


def test_a_source_that_is_gone(folder: Path) -> None:
    for file in files_of(folder):
        file.unlink()
    (folder / "source/broken.wav").unlink()
    report = verify_store(folder / "store", source=folder / "source")
    assert [problem.kind for problem in report.source_problems] == ["source.missing"] * 12
    with pytest.raises(SourceError):
        verify_store(folder / "store", source=folder / "nowhere")
    (folder / "source").rename(folder / "elsewhere")
    (folder / "elsewhere/more.wav").write_bytes(b"RIFF")
    note = read_checked_json(StorePaths(folder / "store").source) or {}
    note["source"] = str(folder / "source")
    write_checked_json(StorePaths(folder / "store").source, note)
    with pytest.raises(SourceError, match="not there any more") as caught:
        verify_store(folder / "store", sample=2)
    assert caught.value.hint == "--source with the place where it is now"
    done = CliRunner().invoke(cli, ["verify", str(folder / "store"), "--sample=2", f"--source={folder}/elsewhere"])
    assert done.exit_code == 0
    assert "  sample    0 of 2 clips computed again (2 not in the source, changed or unreadable)" in done.output


def test_a_sample_is_computed_again_and_compared_bit_by_bit(folder: Path) -> None:
    """Of three, one is not what the manifest says, and of two the source is not what it was."""
    store, source = folder / "store", folder / "source"
    report = verify_store(store, sample="25%")
    assert report.problems == report.source_problems == report.notes == ()
    assert report.sampled == 3

    paths = StorePaths(store)
    table = read_manifest(paths.manifest)
    keys = table.column("key").to_pylist()
    odd, changed, missing = sample = Sample(count=3).of(keys)
    digests = [("0" * 64 if key == odd else digest) for key, digest in zip(keys, _digests(table), strict=True)]
    _rewrite(paths, table, digests)
    with open(source / f"{changed}.wav", "ab") as file:
        file.write(b"\0")
    (source / f"{missing}.wav").unlink()
    report = verify_store(store, sample=3, source=source)
    assert {problem.keys for problem in report.problems if problem.kind == "sample"} == {(odd,)}
    assert {problem.keys for problem in report.source_problems} == {(changed,), (missing,)}
    assert {problem.kind for problem in report.source_problems} == {"source.changed", "source.missing"}
    assert len(report.source_problems) == 2
    assert (report.sampled, report.sample_size) == (1, 3)
    assert set(sample) == {odd, changed, missing}


def test_a_sample_is_always_the_same_and_grows() -> None:
    keys = [f"clip{number}" for number in range(1_000)]
    samples = [set(Sample(count=count).of(keys)) for count in (1, 10, 100, 5_000)]
    assert [len(sample) for sample in samples] == [1, 10, 100, 1_000]
    assert all(small < large for small, large in itertools.pairwise(samples))
    assert samples[1] == set(Sample.parse("1%").of(reversed(keys)))
    assert Sample.parse("0.01%").of(keys) == sorted(samples[0])
    assert Sample.parse("5").of([]) == []


def test_a_sample_of_a_store_that_does_not_remember_its_source(folder: Path) -> None:
    shutil.rmtree(folder / "store/.state")
    with pytest.raises(ConfigError, match="does not remember its source"):
        verify_store(folder / "store", sample=1)


def test_without_store_json_nobody_knows_the_source_and_the_damage_is_told(folder: Path) -> None:
    flip(folder / "store/store.json", 8)
    report = verify_store(folder / "store", source=folder / "source", sample=1)
    assert [problem.kind for problem in report.problems] == ["store_json"]
    assert report.sources_checked is report.sampled is None


@pytest.mark.parametrize("text", ["", "0", "-1", "1.5", "0%", "101%", "nan%", "some"])
def test_a_sample_that_makes_no_sense(tmp_path: Path, text: str) -> None:
    with pytest.raises(
        ConfigError, match=r"neither a number of clips, 1 or more, nor a share of them, above 0 and up to 100 %"
    ):
        verify_store(tmp_path, sample=text)


@pytest.mark.parametrize(
    ("settings", "rates"),
    [
        ((), (16_000, 8_000, 44_100)),
        (("audio.sample_rate=native", "length.pad_to_seconds=0.7"), (16_000, 8_000, 44_100)),
        (("audio.chunk_seconds=0.3", "audio.trim_db=40", "stack.right=2", "stack.stride=3"), (16_000, 11_025)),
        (("length.cut_to_seconds=0.5", "frame.align=center", "deltas.orders=2"), (22_050, 16_000)),
        (("length.frames=50", "audio.channels=each"), (16_000, 48_000)),
    ],
)
def test_frames_fit_the_durations_of_all_that_is_computed(
    tmp_path: Path, settings: tuple[str, ...], rates: tuple[int, ...]
) -> None:
    generator = np.random.default_rng(5)
    clips = []
    for rate in rates:
        for number, n_samples in enumerate((1_500, 4_001, 12_345, int(0.999 * rate))):
            name = f"{rate}_{number}.wav"
            samples = generator.uniform(-0.3, 0.3, (n_samples, 2))
            samples[: n_samples // 4] *= 1e-4
            soundfile.write(tmp_path / name, samples, rate)
            clips.append(clip_at(tmp_path, name))
    config = config_of({"features": {"log_mel": {"mel": {"bands": 20}}}}, *settings)
    counts = FrameCounts(config)
    rows = list(run_lane(tmp_path, clips, config, scratch=tmp_path / "store").rows.values())
    assert len(rows) >= len(clips)
    assert [counts.complaint(row) for row in rows] == [""] * len(rows)
    wrong = [counts.complaint(replace(row, frames=row.frames + 2)) for row in rows]
    assert all("frames, where" in text for text in wrong)


def test_one_sample_is_allowed_for_where_resampling_rounds_and_nowhere_else() -> None:
    counts = FrameCounts(config_of("kaldi-fbank80"))
    for n_samples, frames in ((399, 0), (400, 1), (559, 1), (560, 2)):
        assert not counts.complaint(_row(n_samples / 16_000, 16_000, frames))
        assert counts.complaint(_row(n_samples / 16_000, 16_000, frames + 1))
    assert not counts.complaint(_row(559 / 16_000, 48_000, 2))
    assert counts.complaint(_row(558 / 16_000, 48_000, 2))


def _row(duration_seconds: float, sample_rate: int, frames: int) -> ClipRow:
    values: dict[str, Any] = dict.fromkeys(ClipRow.__dataclass_fields__, "")
    return ClipRow(**values | {"duration_seconds": duration_seconds, "sample_rate": sample_rate, "frames": frames})


def _digests(table: Any) -> list[str]:
    digests: list[str] = table.column("feature_digest").to_pylist()
    return digests


def _rewrite(paths: StorePaths, table: Any, digests: list[str]) -> None:
    """Another column of digests in the manifest, and a ``store.json`` that vouches for it."""
    import pyarrow as pa
    from blake3 import blake3

    index = table.column_names.index("feature_digest")
    content = encode_manifest(table.set_column(index, table.schema.field(index), pa.array(digests)))
    paths.manifest.write_bytes(content)
    values = read_description(paths.store_json)
    values["manifest"] = {"size_bytes": len(content), "digest": blake3(content).hexdigest()}
    paths.store_json.write_bytes(encode_description(values))
