"""A clip inside a tar or a Parquet file is the clip that it would be as a file."""

from __future__ import annotations

import io
import tarfile
import threading
import time
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from decode_inputs import chirp, decode, refused, run_ffmpeg, write_wav

from audiofeat.decode import SourceFile, members
from audiofeat.decode.shared import Shared
from audiofeat.identity import fingerprint_of, identify
from audiofeat.memory import Memory
from audiofeat.records import Excerpt, Member


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """The same sound in formats of both decoders. Not to be written to."""
    folder = tmp_path_factory.mktemp("members")
    wav = write_wav(folder / "clip.wav", chirp(3.5))
    found = {"clip.wav": wav}
    for name in ("clip.flac", "clip.mp3", "clip.m4a"):
        found[name] = folder / name
        run_ffmpeg("-i", wav, *(["-aac_pns", "0"] if name == "clip.m4a" else []), found[name])
    return found


def tar_of(files: dict[str, Path], path: Path) -> dict[str, Member]:
    with tarfile.open(path, "w") as tar:
        for name, file in files.items():
            tar.add(file, name)
    with tarfile.open(path) as tar:
        return {info.name: Member(info.name, info.offset_data, info.size) for info in tar}


def parquet_of(values: list[bytes | None], path: Path, *, nested: bool = True, rows_a_group: int = 2) -> list[Member]:
    column: pa.Array = pa.array(values, pa.binary())
    if nested:
        names = pa.array([f"{row}.wav" for row in range(len(values))])
        column = pa.StructArray.from_arrays([column, names], ["bytes", "path"])
    pq.write_table(pa.table({"label": list(range(len(values))), "audio": column}), path, row_group_size=rows_a_group)
    name = "audio.bytes" if nested else "audio"
    return [Member(f"row-{row}", row, 1_000, name) for row in range(len(values))]


def test_a_member_of_a_tar_is_what_the_file_is(files: dict[str, Path], tmp_path: Path) -> None:
    tar = tmp_path / "shard.tar"
    for name, member in tar_of(files, tar).items():
        inside, outside = decode(tar, member=member), decode(files[name])
        np.testing.assert_array_equal(inside.samples, outside.samples)
        assert (inside.source_digest, inside.decoder) == (outside.source_digest, outside.decoder)


@pytest.mark.parametrize("nested", [False, True])
def test_a_cell_of_parquet_is_what_the_file_is(files: dict[str, Path], tmp_path: Path, nested: bool) -> None:
    table = tmp_path / "train.parquet"
    found = parquet_of([file.read_bytes() for file in files.values()], table, nested=nested)
    for file, member in zip(files.values(), found, strict=True):
        inside, outside = decode(table, member=member), decode(file)
        np.testing.assert_array_equal(inside.samples, outside.samples)
        assert (inside.source_digest, inside.decoder) == (outside.source_digest, outside.decoder)


def test_a_span_of_a_member_is_the_span_of_the_file(files: dict[str, Path], tmp_path: Path) -> None:
    tar = tmp_path / "shard.tar"
    shared = Shared()
    for name, member in tar_of(files, tar).items():
        excerpt = Excerpt(2.9, 3.3)
        inside = decode(tar, member=member, excerpt=excerpt, shared=shared)
        np.testing.assert_array_equal(inside.samples, decode(files[name], excerpt=excerpt).samples)
        assert inside.source_digest == decode(files[name]).source_digest


def test_a_large_member_lies_in_a_nameless_file(
    files: dict[str, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tar = tmp_path / "shard.tar"
    found = tar_of(files, tar)
    monkeypatch.setattr(members, "_MAX_BYTES_IN_MEMORY", 1_000)
    monkeypatch.setattr(members.os, "memfd_create", lambda *_: pytest.fail("it was kept in memory"))
    for name in ("clip.wav", "clip.m4a"):
        np.testing.assert_array_equal(decode(tar, member=found[name]).samples, decode(files[name]).samples)


def test_a_full_disk_is_no_fault_of_the_member(
    files: dict[str, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> int:
        raise OSError(28, "No space left on device")

    tar = tmp_path / "shard.tar"
    member = tar_of(files, tar)["clip.wav"]
    monkeypatch.setattr(members.os, "write", full)
    error = refused(tar, member=member)
    assert (error.reason, error.is_transient) == ("io.space", True)


def test_a_tar_that_ends_early_is_refused(files: dict[str, Path], tmp_path: Path) -> None:
    tar = tmp_path / "shard.tar"
    member = tar_of(files, tar)["clip.m4a"]
    end = member.offset + member.size_bytes
    tar.write_bytes(tar.read_bytes()[: end - 100])
    error = refused(tar, member=member)
    assert error.reason == "input.truncated"
    assert error.problem == f"the member ends at byte {end} of the tar, which has {end - 100}"


def test_what_is_no_audio_inside_is_refused_as_outside(tmp_path: Path) -> None:
    names = {"a.wav": b"", "b.wav": b"<html>404</html>", "c.wav": bytes(100)}
    tar = tmp_path / "shard.tar"
    with tarfile.open(tar, "w") as archive:
        for name, content in names.items():
            info = tarfile.TarInfo(name)
            info.size = len(content)
            archive.addfile(info, io.BytesIO(content))
    with tarfile.open(tar) as archive:
        found = {info.name: Member(info.name, info.offset_data, info.size) for info in archive}
    reasons = {name: refused(tar, member=member).reason for name, member in found.items()}
    assert reasons == {"a.wav": "input.empty", "b.wav": "input.not-audio", "c.wav": "input.unknown-format"}


@pytest.mark.parametrize("nested", [False, True])
def test_a_null_is_an_empty_file(tmp_path: Path, nested: bool) -> None:
    table = tmp_path / "a.parquet"
    for member in parquet_of([None, b""], table, nested=nested):
        assert refused(table, member=member).reason == "input.empty"


def test_a_struct_that_is_null_is_an_empty_file(tmp_path: Path) -> None:
    kind = pa.struct([("bytes", pa.binary()), ("path", pa.string())])
    table = tmp_path / "a.parquet"
    pq.write_table(pa.table({"audio": pa.array([None, {"bytes": bytes(9), "path": ""}], kind)}), table)
    assert refused(table, member=Member("0", 0, 1, "audio.bytes")).reason == "input.empty"
    assert refused(table, member=Member("1", 1, 1, "audio.bytes")).reason == "input.unknown-format"


@pytest.mark.parametrize(
    ("member", "found"),
    [
        (Member("9", 9, 1, "audio.bytes"), "row 9 is wanted, counted from 0; the Parquet file has 3 rows"),
        (Member("0", 0, 1, "sound"), "the Parquet file has no column 'sound'"),
        (Member("0", 0, 1, "audio"), "the Parquet file has no column 'audio'"),
        (Member("0", 0, 1, "label"), "column 'label' holds int64 values; bytes are wanted"),
    ],
    ids=lambda value: str(value)[:20],
)
def test_a_parquet_file_that_is_no_longer_what_it_was_is_refused(tmp_path: Path, member: Member, found: str) -> None:
    table = tmp_path / "a.parquet"
    parquet_of([b"a", b"b", b"c"], table)
    error = refused(table, member=member)
    assert (error.reason, error.problem) == ("io.changed", found)


def test_what_is_no_parquet_file_is_refused(tmp_path: Path) -> None:
    table = tmp_path / "a.parquet"
    parquet_of([b"a" * 4_000], table)
    whole = table.read_bytes()
    for content in (b"no parquet at all", whole[:-20], whole[: len(whole) // 2], b"PAR1" + bytes(100) + b"PAR1"):
        table.write_bytes(content)
        assert refused(table, member=Member("0", 0, 1, "audio.bytes")).reason == "input.corrupt"


def test_a_container_that_changes_meanwhile_is_refused(files: dict[str, Path], tmp_path: Path) -> None:
    tar = tmp_path / "shard.tar"
    member = tar_of(files, tar)["clip.wav"]
    file = SourceFile(str(tar), member=member)
    try:
        file.check_unchanged()
        with tar.open("ab") as end:
            end.write(b"more")
        with pytest.raises(Exception, match="changed while it was read"):
            file.check_unchanged()
    finally:
        file.close()


def test_identity_is_of_the_member_and_fingerprint_of_its_container(files: dict[str, Path], tmp_path: Path) -> None:
    tar, table = tmp_path / "shard.tar", tmp_path / "a.parquet"
    wav = files["clip.wav"]
    inside = {str(tar): tar_of(files, tar)["clip.wav"], str(table): parquet_of([wav.read_bytes()], table)[0]}
    alone = identify(str(wav))
    assert alone is not None
    for path, member in inside.items():
        assert identify(path, member) == (alone[0], fingerprint_of(path, member))
    assert identify(str(tar), Member("x", 10**9, 10)) is None


def test_an_empty_file_has_an_identity(tmp_path: Path) -> None:
    empty = tmp_path / "empty.wav"
    empty.touch()
    known = identify(str(empty))
    assert known is not None
    assert known[0] == "af1349b9f5f9a1a6a0404dea36dcc9499bcb25c9adc112b7cc9a93cae41f3262"
    assert known[1] == fingerprint_of(str(empty))


def test_memory_forgets_the_oldest() -> None:
    memory: Memory[str] = Memory(most=2)
    made = []

    def value(key: str) -> str:
        return memory.get(key, lambda: made.append(key) or key)

    assert [value(key) for key in "abacab"] == list("abacab")
    assert made == ["a", "b", "c", "b"]


def test_one_thread_makes_a_value_while_others_wait() -> None:
    memory: Memory[str] = Memory(most=10)
    made = []

    def make() -> str:
        made.append(threading.get_ident())
        time.sleep(0.05)
        return "value"

    found: list[str] = []
    threads = [threading.Thread(target=lambda: found.append(memory.get("key", make))) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == ["value"] * 8
    assert len(made) == 1


def test_what_could_not_be_made_is_tried_again() -> None:
    memory: Memory[str] = Memory(most=10)

    def broken() -> str:
        raise OSError(5, "Input/output error")

    with pytest.raises(OSError, match="Input/output"):
        memory.get("key", broken)
    assert memory.get("key", lambda: "value") == "value"
