"""What must be true of a store at any instant, checked without the code that writes stores."""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from blake3 import blake3
from faults.children import in_child
from faults.small_run import run_small
from running import differences


def broken_promises(store: Path, *, promised: Iterable[str], must_be_whole: bool) -> Iterator[str]:
    """What is not as it was reported.

    Args:
        promised: names of the shards that have been reported finished.
        must_be_whole: whether there was a finished store before, or the end of the run was reported.
    """
    published = _published(store)
    if published is None and must_be_whole:
        yield "there is no whole store any more"
    there = {shard["name"] for shard in (published or {}).get("shards", [])}
    for path in sorted((store / ".state/commits").glob("[!.]*.json")):
        record = _record(path)
        shard = record and record["shard"]
        if shard:
            there.add(shard["name"])
            if _shard_digest(store / "shards" / shard["name"]) != shard["digest"]:
                yield f"shard {shard['name']} is not what its record says"
    for name in promised:
        if name not in there:
            yield f"shard {name} was reported finished, and no record tells of it"


def _published(store: Path) -> Mapping[str, Any] | None:
    """The state that ``store.json`` tells of, in its place or pending; None where not all that it names is there."""
    for folder in (store, store / ".state/pending"):
        try:
            description = json.loads((folder / "store.json").read_bytes())
        except (OSError, ValueError):
            continue
        parts = (("manifest.parquet", "manifest"), ("quarantine.jsonl", "quarantine"))
        if all(any(_is(place / name, description[what]) for place in {folder, store}) for name, what in parts) and all(
            _shard_digest(store / "shards" / shard["name"]) == shard["digest"] for shard in description["shards"]
        ):
            return dict(description)
    return None


def _is(path: Path, entry: Mapping[str, Any]) -> bool:
    return _digest(path) == entry["digest"]


def _record(path: Path) -> dict[str, Any] | None:
    """A commit record; None where it is damaged, and says so by its digest."""
    try:
        record = json.loads(path.read_bytes())
        said, values = record["digest"], record["values"]
    except (OSError, ValueError, KeyError):
        return None
    return dict(values) if said == blake3(json.dumps(values).encode()).hexdigest() else None


def _digest(path: Path) -> str:
    try:
        return str(blake3(path.read_bytes()).hexdigest())
    except OSError:
        return ""


def _shard_digest(path: Path) -> str:
    if not path.is_dir():
        return _digest(path)
    hasher = blake3()
    for file in sorted(file for file in path.rglob("*") if file.is_file()):
        content = file.read_bytes()
        hasher.update(f"{file.relative_to(path).as_posix()}\0{len(content)}\0{blake3(content).hexdigest()}\n".encode())
    return str(hasher.hexdigest())


def not_converged(store: Path, source: Path, expected: Path, store_format: str) -> Iterator[str]:
    """What another run over the same source does not bring in order."""
    ended = in_child(lambda: run_small(source, store, store_format))
    if ended.status != 0:
        yield f"the next run ended with {ended.status}: {ended.said[-1500:]}"
        return
    different = differences(store, expected)
    if different:
        yield f"the next run left other bytes in {', '.join(different)}"
    left = [*store.rglob("*.partial"), *(store / ".state").glob("tasks"), *(store / ".state").glob("pending")]
    if left:
        yield f"the next run left {', '.join(map(str, left))}"


def copy_of(store: Path, place: Path) -> Path:
    """A copy with its hard links, in place of what is there."""
    shutil.rmtree(place, ignore_errors=True)
    place.parent.mkdir(parents=True, exist_ok=True)
    if store.exists():
        shutil.copytree(store, place, symlinks=True)
        for link in place.glob("log_mel/**/*.npy"):
            for target in place.glob(f"shards/*/{link.relative_to(place).as_posix()}"):
                link.unlink()
                link.hardlink_to(target)
    return place


def name_of(*parts: object) -> str:
    """A short name for a place of its own."""
    return hashlib.sha1(repr(parts).encode(), usedforsecurity=False).hexdigest()[:12]
