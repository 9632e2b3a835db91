"""All fuzz targets by name. Each is made when it is wanted, in a folder of its own."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path

from faults import fuzz_audio, fuzz_state, fuzz_texts
from faults.fuzz_target import Target

TARGETS: dict[str, Callable[[Path, Path], Target]] = {
    "headers": fuzz_audio.headers,
    "sparse": partial(fuzz_audio.headers, is_sparse=True),
    "decode": fuzz_audio.decoding,
    **{
        name: partial(lambda name, folder, _: fuzz_texts.sources(name, folder), name)
        for name in fuzz_texts.SOURCE_NAMES
    },
    "config": lambda folder, _: fuzz_texts.configs(folder),
    "keys": lambda _, __: fuzz_texts.keys(),
    "commits": lambda folder, _: fuzz_state.commits(folder),
    "description": lambda folder, _: fuzz_state.descriptions(folder),
    "manifest": lambda folder, _: fuzz_state.manifests(folder),
    "quarantine": lambda folder, _: fuzz_state.quarantines(folder),
    "unchanged": lambda folder, _: fuzz_state.unchanged(folder),
    "source": lambda folder, _: fuzz_state.remembered(folder),
    "files": lambda folder, _: fuzz_state.listed_files(folder),
    "fingerprints": lambda folder, _: fuzz_state.fingerprints(folder),
}
"""By name: what makes it, given an empty folder and one of a file of each audio format (filled if it is not there)."""
