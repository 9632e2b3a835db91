"""``audiofeat plot``: files and clips of stores by name, and all that may be wrong with a name."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from typing import Any
from unittest import mock

import numpy as np
import pytest
import small_store
from blake3 import blake3
from running import audiofeat, write_clip
from small_store import make_store, settings_for, small_arrays

from audiofeat.errors import AudioFeatError, ConfigError, MissingToolError, SourceError
from audiofeat.plot.of_file import Computer, config_for, decoded_clips
from audiofeat.plot.of_store import ClipsOfStore
from audiofeat.plot.picture import check_target
from audiofeat.plot.run import MOST_CLIPS, named, plot, shown_clips
from audiofeat.records import ClipRow
from audiofeat.store.checked_json import write_checked_json

KEYS = ["folder/000", "folder/001", "folder/002"]


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A store of three clips, and the files that it was made of: one as it was, one other by now, one gone."""
    root = tmp_path_factory.mktemp("plot")
    digests = {}
    for number, key in enumerate(KEYS):
        path = write_clip(root / "source" / f"{key}.wav", seed=number, seconds=0.1 * (number + 1))
        digests[key] = blake3(path.read_bytes()).hexdigest()

    def row(**values: Any) -> ClipRow:
        return ClipRow(**{**values, "source_digest": digests[values["key"]]})

    with mock.patch.object(small_store, "ClipRow", row):
        paths = make_store(root / "store", settings_for(), small_arrays(3))
    note = {"source": str(root / "source"), "config": settings_for().stored, "follow_links": True}
    write_checked_json(paths.source, note)
    write_clip(root / "source" / f"{KEYS[1]}.wav", seed=9)
    (root / "source" / f"{KEYS[2]}.wav").unlink()
    return root


def test_a_clip_of_a_store_has_its_features_and_the_sound_that_they_were_made_of(made: Path) -> None:
    clips = ClipsOfStore(str(made / "store"), features=None)
    shown = clips.shown(KEYS[0], title="a")
    assert shown.sound is not None
    assert (len(shown.sound.samples), shown.sound.sample_rate_hz) == (1_600, 16_000)
    for name, values in small_arrays(3)[KEYS[0]].items():
        np.testing.assert_array_equal(shown.features[name].values, values)
    assert clips.features == ["log_mel", "mfcc"]


def test_where_the_sound_is_another_or_gone_it_is_said(made: Path) -> None:
    clips = ClipsOfStore(str(made / "store"), features=["mfcc"])
    changed, gone = (clips.shown(key, title=key) for key in KEYS[1:])
    assert changed.sound is None
    assert changed.no_sound == "no sound: folder/001.wav has changed since the store was made"
    assert gone.no_sound.startswith("no sound: folder/002.wav is not in ")
    assert list(gone.features) == ["mfcc"]


def test_a_store_that_remembers_no_source_says_so(tmp_path: Path) -> None:
    make_store(tmp_path / "store", settings_for(), small_arrays(1))
    shown = ClipsOfStore(str(tmp_path / "store"), features=None).shown(KEYS[0], title="a")
    assert "does not remember its source" in shown.no_sound


def test_of_a_clip_in_quarantine_it_is_said_why(tmp_path: Path) -> None:
    make_store(tmp_path / "store", settings_for(), small_arrays(1), failing=["bad"])
    with pytest.raises(ConfigError, match=r"could not do 'bad': input\.truncated, cut off"):
        plot([f"{tmp_path / 'store'}:bad"], tmp_path / "x.png")


def test_a_picture_of_a_store_needs_no_tensorflow(made: Path) -> None:
    out = made / "two.svg"
    with mock.patch.object(Computer, "shown", side_effect=AssertionError):
        names = [f"{made / 'store'}:{key}" for key in KEYS[:2]]
        assert plot(names, out, features=["mfcc"]) == 2
    assert out.read_bytes().startswith(b"<?xml")


@pytest.mark.parametrize(
    ("key", "features", "message"),
    [
        ("folder/00", None, r"no clip 'folder/00'; near it are 'folder/00\d'"),
        ("zzz", None, r"no clip 'zzz'\n  try: `audiofeat manifest STORE`"),
        (KEYS[0], ["logmel"], r"no feature 'logmel'; did you mean 'log_mel'\?\n  try: some of log_mel, mfcc"),
    ],
)
def test_what_a_store_does_not_have(made: Path, key: str, features: list[str] | None, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        plot([f"{made / 'store'}:{key}"], made / "x.png", features=features)
    assert not (made / "x.png").exists()


@pytest.mark.parametrize("settings", [{"config": "kaldi-fbank80"}, {"overrides": ["mel.bands=40"]}])
def test_settings_change_nothing_of_a_store_and_are_refused_without_a_file(
    made: Path, settings: dict[str, Any]
) -> None:
    with pytest.raises(ConfigError, match=r"no file is named: a store's features are as they are\n  try: leave"):
        plot([f"{made / 'store'}:{KEYS[0]}"], made / "x.png", **settings)


def test_names_are_told_apart(made: Path, tmp_path: Path) -> None:
    store = str(made / "store")
    assert (named(f"{store}:a:b").path, named(f"{store}:a:b").key) == (store, "a:b")
    (tmp_path / "a:b.wav").touch()
    assert named(str(tmp_path / "a:b.wav")).key is None
    for text, message in ((store, "is a folder"), ("/nowhere/a.wav", "neither a file nor STORE:KEY")):
        with pytest.raises(ConfigError, match=message):
            named(text)


@pytest.mark.parametrize(
    ("name", "message"),
    [("x.jpg", r"in none of \.png, \.svg, \.pdf"), ("nowhere/x.png", "no folder"), ("d.png", "is a folder")],
)
def test_a_target_is_checked_before_all_else(tmp_path: Path, name: str, message: str) -> None:
    (tmp_path / "d.png").mkdir()
    with pytest.raises(ConfigError, match=message):
        plot(["/nowhere"], tmp_path / name)


def test_without_matplotlib_it_is_said_how_to_get_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda _: None)
    with pytest.raises(MissingToolError, match=r"pip install 'audiofeat\[report\]'"):
        check_target(tmp_path / "x.png")
    assert MissingToolError.exit_code == 13


def test_too_many_clips_are_refused(made: Path) -> None:
    with pytest.raises(ConfigError, match=f"17 clips, and a picture has room for {MOST_CLIPS}"):
        plot([f"{made / 'store'}:{KEYS[0]}"] * 17, made / "x.png")


def test_a_file_is_as_many_clips_as_extract_makes_of_it(tmp_path: Path) -> None:
    path = write_clip(tmp_path / "a.wav", seed=1, seconds=1.0)
    config = config_for("kaldi-fbank80", overrides=["audio.chunk_seconds=0.4", "audio.peak=0.25"], features=None)
    clips = decoded_clips(path, config, title="noise")
    assert [clip.title for clip in clips] == [f"noise{start}" for start in ("", " from 0.4 s", " from 0.8 s")]
    assert [len(clip.sound.samples) for clip in clips] == [6_400, 6_400, 3_200]
    assert max(float(np.abs(clip.sound.samples).max()) for clip in clips) == pytest.approx(0.25)
    assert np.concatenate([clip.sound.samples for clip in clips]).dtype == np.float32


def test_files_are_titled_by_what_tells_them_apart(tmp_path: Path) -> None:
    paths = [write_clip(tmp_path / name, seed=1, seconds=0.1) for name in ("a/x.wav", "b/x.wav")]

    def titles(*chosen: Path) -> list[str]:
        names = [named(str(path)) for path in chosen]
        with mock.patch.object(Computer, "shown", lambda _, clip: clip):
            return [clip.title for clip in shown_clips(names, config="kaldi-fbank80", overrides=[], features=None)]

    assert titles(*paths, paths[0]) == ["a/x.wav", "b/x.wav", "a/x.wav"]
    assert titles(paths[1]) == ["x.wav"]


def test_features_that_a_configuration_lacks_are_added_to_it() -> None:
    config = config_for("librosa-logmel", overrides=["mel.bands=40"], features=["mfcc", "log_mel"])
    assert set(config.features) == {"log_mel", "mfcc"}
    assert config.mel.bands == 40
    assert set(config_for("librosa-logmel", overrides=[], features=["mfcc"]).features) == {"mfcc"}
    with pytest.raises(ConfigError, match=r"no feature 'mfc'; did you mean 'mfcc'\?"):
        config_for("librosa-logmel", overrides=[], features=["mfc"])


def test_a_file_that_extract_would_refuse_is_refused(tmp_path: Path) -> None:
    (tmp_path / "a.wav").write_text("no audio")
    with pytest.raises(SourceError, match=r"a\.wav: input\.\S+, "):
        shown_clips([named(str(tmp_path / "a.wav"))], config="librosa-logmel", overrides=[], features=None)


def test_the_command_draws_files_and_clips_of_stores_together(made: Path, tmp_path: Path) -> None:
    """Also that a picture is replaced, and that nothing of the picture is told to somebody who only asks for it."""
    path = write_clip(tmp_path / "a.wav", seed=1)
    out = tmp_path / "out.png"
    out.write_text("an older one")
    names = [str(path), f"{made / 'store'}:{KEYS[0]}"]
    done = audiofeat("plot", *names, "--feature", "log_mel", "-c", "kaldi-fbank80", "--dark", "-o", out)
    assert (done.code, done.err) == (0, "")
    assert done.out.startswith(f"{out}: 2 clips, ")
    assert out.read_bytes().startswith(b"\x89PNG")


def test_a_picture_that_cannot_be_written_is_a_storage_error(made: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("audiofeat.store.staging.commit", refuse)
    with pytest.raises(AudioFeatError) as caught:
        plot([f"{made / 'store'}:{KEYS[0]}"], made / "full.png")
    assert caught.value.exit_code == 14
