"""Fuzz targets that take what people write: manifests, configurations, names of files."""

from __future__ import annotations

import io
import json
import os
import tarfile
from collections.abc import Callable
from pathlib import Path
from urllib.parse import unquote_to_bytes

from faults.fuzz_target import Target, expect

from audiofeat.config import Config, Manifest, load_config, preset_names, preset_text
from audiofeat.errors import ConfigError, SourceError
from audiofeat.source import key_of, list_source, source_text
from audiofeat.store.npy import npy_path

_TABLE = (
    b'path,key,start,end,channel,speaker\na.wav,one,0.5,1.5,0,ann\nb/c.wav,two,,,,"b, ob"\n',
    b"path\na.wav\n\nb.wav\n",
    b"\xef\xbb\xbfpath,start,end\r\na.wav,1,2\r\n",
)
_OBJECTS = (
    b'{"path": "a.wav", "key": "k", "start": 0.5, "end": 1.5, "channel": 0, "label": true}\n{"path": "b.wav"}\n',
    b'{"path": "\\u00fc.wav", "n": 12345678901234567890, "x": null}\n\n{"path": "c.wav", "n": 1.5}\n',
)
_RECORDINGS = (b"rec1 a.wav\nrec2 b/c d.wav\n", b"r1 a.wav\r\nr2 sox b.wav -t wav - |\n")
_CONFIGS = (
    b"preset: kaldi-fbank80\nmel: {bands: 40}\nfeatures:\n  log_mel: {}\n  mfcc: {log: {kind: db, range: 80.0}}\n",
    b"extends: whisper\nstore: {format: npy, path: x}\nlimits: {max_seconds: 1e3}\n",
    b"a: &a [1, 2]\nb: *a\nwindow: {kind: !!float 1}\n",
)


def _tars() -> tuple[bytes, ...]:
    out = []
    for kind in (tarfile.USTAR_FORMAT, tarfile.GNU_FORMAT, tarfile.PAX_FORMAT):
        sink = io.BytesIO()
        with tarfile.open(fileobj=sink, mode="w", format=kind) as tar:
            for name in ("a.wav", "b/" + "long/" * 25 + "c.flac", "b/\u00fc.mp3", "a.json"):
                entry = tarfile.TarInfo(name)
                content = json.dumps({"label": name}).encode()
                entry.size = len(content)
                tar.addfile(entry, io.BytesIO(content))
            link = tarfile.TarInfo("l.wav")
            link.type, link.linkname = tarfile.SYMTYPE, "a.wav"
            tar.addfile(link)
        out.append(sink.getvalue()[: 16 << 10])
    return tuple(out)


def _parquets() -> tuple[bytes, ...]:
    import pyarrow as pa
    import pyarrow.parquet as pq

    audio = pa.struct([("bytes", pa.binary()), ("path", pa.string())])
    tables = (
        pa.table({"key": ["a", "b"], "path": ["a.wav", "b.wav"], "n": [1, 2]}),
        pa.table({"audio": pa.array([{"bytes": b"RIFF", "path": "a.wav"}, {"bytes": b"x", "path": None}], audio)}),
    )
    out = []
    for table in tables:
        sink = io.BytesIO()
        pq.write_table(table, sink)
        out.append(sink.getvalue())
    return tuple(out)


_SOURCES: dict[str, tuple[str, Callable[[], tuple[bytes, ...]]]] = {
    "csv": ("clips.csv", lambda: _TABLE),
    "jsonl": ("clips.jsonl", lambda: _OBJECTS),
    "scp": ("wav.scp", lambda: _RECORDINGS),
    "segments": ("segments", lambda: (b"u1 rec1 0.0 1.5\nu2 rec2 0.25 -1\n", b"u1 rec1 0 1 0\n")),
    "tar": ("clips.tar", _tars),
    "parquet": ("clips.parquet", _parquets),
}
SOURCE_NAMES = tuple(_SOURCES)


def sources(name: str, folder: Path) -> Target:
    """A manifest or container: refused with a SourceError, or clips with sorted keys that can be written down."""
    file_name, make_seeds = _SOURCES[name]
    path = source = folder / file_name
    if name == "segments":
        source = folder / "wav.scp"
        source.write_bytes(_RECORDINGS[0])

    def check(data: bytes) -> None:
        path.write_bytes(data)
        try:
            listing = list_source(str(source), manifest=Manifest(), keep_suffix=False)
        except SourceError as error:
            str(error).encode("utf-8")
            return
        finally:
            if name == "segments":
                path.unlink()
        keys = [clip.key for clip in listing.clips]
        expect(that=keys == sorted(keys), says="the clips are not sorted")
        for clip in listing.clips:
            expect(that=0 < len(clip.key.encode("utf-8")) <= 4096, says=f"the key {clip.key!r}")
            expect(that="\0" not in clip.path, says=f"the path {clip.path!r}")
            expect(that=len(clip.meta) == len(listing.meta_names), says=f"{len(clip.meta)} meta values")
            json.dumps(clip.meta, allow_nan=False)
            if clip.excerpt is not None and clip.excerpt.end_seconds is not None:
                start = clip.excerpt.start_seconds or 0.0
                expect(that=0 <= start < clip.excerpt.end_seconds, says=str(clip.excerpt))
            if clip.member is not None and name == "tar":
                end = clip.member.offset + clip.member.size_bytes
                expect(that=0 <= clip.member.offset <= end <= len(data), says=f"{clip.member} of {len(data)} bytes")

    return Target(name, make_seeds(), check)


def configs(folder: Path) -> Target:
    """A configuration: refused with a ConfigError, or one that is loaded again from what it says."""
    path = folder / "job.yaml"
    texts = [preset_text(name).encode() for name in preset_names()][:4]

    def check(data: bytes) -> None:
        path.write_bytes(data)
        try:
            config = load_config(str(path))
        except ConfigError as error:
            str(error).encode("utf-8")
            return
        expect(that=isinstance(config, Config), says=f"a {type(config).__name__}")
        json.dumps(config.model_dump(mode="json"), allow_nan=False)

    return Target("config", (*_CONFIGS, *texts), check)


_NAMES = (
    b"take.wav",
    b"a b/c%.flac",
    "\u00fc/\u65e5\u672c.mp3".encode(),
    b"caf\xe9.wav",
    b"..wav",
    b"CON.wav",
    b"x" * 250,
)
_REFUSED_BY_WINDOWS = set('<>:"\\|?*')


def keys() -> Target:
    """A file's name as its key: it comes back from it, is text wherever it goes, and is safe as an NPY file's path."""

    def check(data: bytes) -> None:
        name = b"/".join(part for part in data.replace(b"\0", b"")[:4000].split(b"/") if part not in (b"", b".", b".."))
        if not name:
            return
        path = os.fsdecode(name)
        key = key_of(path, keep_suffix=True)
        expect(that=unquote_to_bytes(key) == name, says=f"{name!r} does not come back from {key!r}")
        expect(that=source_text(path) == key, says="the key is not the name's text")
        expect(that=name.startswith(unquote_to_bytes(key_of(path, keep_suffix=False))), says="the stem is another")
        expect(that=json.loads(json.dumps(key)) == key, says="not the same out of JSON")
        expect(that=key.encode("utf-8").decode("utf-8") == key and "\0" not in key, says="not the same out of HDF5")
        check_npy_path(key)

    return Target("keys", _NAMES, check)


def check_npy_path(key: str) -> None:
    """Raises AssertionError where the path leads elsewhere, or some file system would not take it."""
    path = npy_path("log_mel", key)
    parts = Path(path).parts
    expect(that=parts[0] == "log_mel" and len(parts) > 1, says=f"{path} is not below its feature's folder")
    expect(that=os.path.normpath(path) == str(path), says=f"{path} is not where it says")
    for part in parts:
        expect(that=len(os.fsencode(part)) <= 255, says=f"{len(os.fsencode(part))} bytes of one name")
        expect(that=not _REFUSED_BY_WINDOWS & set(part), says=f"{part!r} is no name on Windows")
        expect(that=part[-1] not in ". ", says=f"{part!r} ends in what Windows drops")
