"""Every kind of change, in the kinds of store where it matters: a fresh start's bytes, at the planned price."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from running import audiofeat, contents, differences, write_clip, write_clips

FORMATS = ["hdf5", "npy"]
TAKE = "speaker0/take3.wav"
KINDS = ("new", "changed", "stale config", "tried again")


class Change(NamedTuple):
    """Something that happens between two runs, and what it should cost."""

    apply: Callable[[Path], Any]
    decoded: int
    reason: str = ""
    options: tuple[str, ...] = ()
    variables: tuple[tuple[str, str], ...] = ()


CHANGES = {
    "add": Change(lambda source: write_clip(source / "speaker1/more.wav", seed=100), 1, "new"),
    "change": Change(lambda source: write_clip(source / TAKE, seed=99, seconds=0.7), 1, "changed"),
    "rename": Change(lambda source: os.rename(source / TAKE, source / "speaker0/retake.wav"), 1, "new"),
    "delete": Change(lambda source: (source / TAKE).unlink(), 0),
    "touch": Change(lambda source: os.utime(source / TAKE), 0),
    "new config": Change(lambda source: None, 20, "settings changed (", ("--set", "window.type=hamming")),
    "added feature": Change(lambda source: None, 20, "feature stft added", ("--set", "features.stft={}")),
    "upgraded decoder": Change(
        lambda source: None, 20, "decoder changed (was soundfile", (), (("AUDIOFEAT_TEST_SOUNDFILE", "99.0"),)
    ),
}


@pytest.fixture(scope="module")
def clips(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """As elsewhere, but for soundfile to read: so that one decoder can be upgraded."""
    return write_clips(tmp_path_factory.mktemp("clips"), count=20, subtype="PCM_24")


@pytest.fixture(scope="module")
def finished(clips: Path, job: Path, tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Path]:
    """Finished stores of the twenty clips, by format."""
    stores = {name: tmp_path_factory.mktemp(name) / "store" for name in FORMATS}
    for name, path in stores.items():
        assert audiofeat("extract", clips, path, "--config", job, "--format", name, "--workers", "2").code == 0
    return stores.__getitem__


# What NPY does otherwise is which files stay: settings and decoders change the same in both.
@pytest.mark.parametrize(
    ("name", "store_format"),
    [(name, "hdf5") for name in CHANGES] + [(name, "npy") for name in ("add", "change", "delete", "added feature")],
)
def test_a_change_costs_what_was_planned_and_gives_the_bytes_of_a_fresh_start(
    clips: Path, job: Path, finished: Callable[[str], Path], tmp_path: Path, name: str, store_format: str
) -> None:
    change = CHANGES[name]
    source = shutil.copytree(clips, tmp_path / "source")
    store = shutil.copytree(finished(store_format), tmp_path / "store")
    change.apply(source)
    before = contents(store)

    arguments = ["--config", str(job), "--format", store_format, *change.options]
    planned = audiofeat("plan", source, store, *arguments, "--json", **dict(change.variables))
    plan = json.loads(planned.out)
    assert contents(store) == before, "a plan writes nothing"
    assert plan["has_work"] is (name != "touch")
    assert planned.code == (20 if plan["has_work"] else 0)
    reasons = [line["reason"] for line in plan["lines"] if line["kind"] in KINDS]
    assert [reason.startswith(change.reason) for reason in reasons] == [True] * (change.decoded > 0)

    metrics = tmp_path / "metrics.json"
    more = ["--workers", "2", "--quiet"]
    done = audiofeat("extract", source, store, *arguments, *more, "--metrics", metrics, **dict(change.variables))
    assert (done.code, done.err) == (0, "")
    assert json.loads(metrics.read_text())["decoded"] == plan["clips_to_decode"] == change.decoded
    assert audiofeat("plan", source, store, *arguments, **dict(change.variables)).code == 0

    scratch = tmp_path / "scratch"
    assert audiofeat("extract", source, scratch, *arguments, *more, **dict(change.variables)).code == 0
    assert differences(store, scratch) == []
