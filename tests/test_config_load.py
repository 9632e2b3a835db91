"""Layers: files, presets, ``--set`` and arguments; which wins, where paths point, and how mistakes are listed."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from audiofeat.config import Config, load_config, preset_names, resolve_features
from audiofeat.errors import ConfigError

LOG_MEL: dict[str, Any] = {"features": {"log_mel": {}}}


def write(path: Path, text: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
    return path


def refusal(config: Any, **arguments: Any) -> str:
    with pytest.raises(ConfigError) as caught:
        load_config(config, **arguments)
    return str(caught.value)


def test_importing_the_config_imports_nothing_heavy() -> None:
    code = "import sys, audiofeat.config; print(sorted({'numpy', 'tensorflow', 'pyarrow', 'h5py'} & set(sys.modules)))"
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert run.stdout == "[]\n"


def test_the_nearer_layer_wins(tmp_path: Path) -> None:
    write(tmp_path / "base.yaml", "extends: kaldi-mfcc13\nmel: {bands: 30, fmin_hz: 30}\nlog: {gain: 2}\nstore: base\n")
    job = write(tmp_path / "job.yaml", "extends: base.yaml\nmel: {bands: 40}\nstore: {path: job, format: npy}\n")
    config = load_config(job, overrides=["log.gain=3", "log.gain=4"], store_format="hdf5")
    assert config.window.power == 0.85  # the preset
    assert config.mel.fmin_hz == 30  # the base
    assert config.mel.bands == 40  # the file
    assert config.log.gain == 4  # the last --set
    assert config.store.format == "hdf5"  # the argument
    assert config.compute.tape_slots == 2_048  # the default


def test_arguments_win_over_set(tmp_path: Path) -> None:
    overrides = ["source=a", "store=b", "store.format=npy"]
    config = load_config(LOG_MEL, overrides=overrides, source="c", store_path="d", store_format="hdf5")
    assert (config.source, config.store.path, config.store.format) == ("c", "d", "hdf5")
    config = load_config(LOG_MEL, overrides=overrides)
    assert (config.source, config.store.path, config.store.format) == ("a", "b", "npy")


def test_paths_are_relative_to_the_file_that_names_them(tmp_path: Path) -> None:
    write(tmp_path / "shared" / "base.yaml", "source: recordings\nstore: {path: out}\nfeatures: {mel: {}}\n")
    job = write(tmp_path / "jobs" / "job.yaml", "extends: ../shared/base.yaml\nstore: features\n")
    config = load_config(job)
    assert config.source is not None
    assert os.path.normpath(config.source) == str(tmp_path / "shared" / "recordings")
    assert config.store.path == str(tmp_path / "jobs" / "features")


def test_absolute_paths_and_paths_from_elsewhere_stay(tmp_path: Path) -> None:
    job = write(tmp_path / "job.yaml", "source: /data\nstore: ~/out\nfeatures: {mel: {}}\n")
    assert load_config(job).source == "/data"
    assert load_config(job).store.path == os.path.expanduser("~/out")
    assert load_config(job, overrides=["source=here"]).source == "here"
    assert load_config({**LOG_MEL, "source": Path("there")}).source == "there"


def test_a_plain_store_is_its_path() -> None:
    assert load_config({**LOG_MEL, "store": "out"}) == load_config({**LOG_MEL, "store": {"path": "out"}})


def test_a_group_without_keys_is_an_empty_one(tmp_path: Path) -> None:
    job = write(tmp_path / "job.yaml", "mel:\n  # bands: 40\nfeatures:\n  log_mel:\n  mfcc:\n    mel:\n")
    assert load_config(job) == load_config({"features": {"log_mel": {}, "mfcc": {}}})


def test_an_empty_file_with_set_is_enough(tmp_path: Path) -> None:
    job = write(tmp_path / "job.yaml", "# nothing yet\n")
    assert list(load_config(job, overrides=["features.mel={}"]).features) == ["mel"]


def test_none_is_the_defaults_alone() -> None:
    assert load_config(None, overrides=["features.log_mel={}"]) == load_config(LOG_MEL)


def test_set_reaches_into_a_features_own_settings() -> None:
    config = load_config(LOG_MEL, overrides=["features.mfcc.mel.bands=23", "features.mel={}", "mel.bands=64"])
    features = resolve_features(config)
    assert list(features) == ["log_mel", "mel", "mfcc"]
    assert [feature.mel.bands for feature in features.values()] == [64, 64, 23]


def test_a_feature_keeps_the_shared_settings_that_it_does_not_override() -> None:
    shared = {"mel": {"bands": 40, "fmin_hz": 20}, "log": {"kind": "db"}}
    config = load_config({**shared, "features": {"mfcc": {"mel": {"bands": 80}, "log": {"gain": 2.0}}}})
    mfcc = resolve_features(config)["mfcc"]
    assert (mfcc.mel.bands, mfcc.mel.fmin_hz, mfcc.log.kind, mfcc.log.gain) == (80, 20.0, "db", 2.0)


def test_a_file_that_names_features_says_which_there_are(tmp_path: Path) -> None:
    job = write(tmp_path / "job.yaml", "extends: kaldi-fbank80\nfeatures: {mfcc: {mel: {bands: 23}}}\n")
    assert list(load_config(job).features) == ["mfcc"]
    assert list(load_config(job, overrides=["features={mel: {}}"]).features) == ["mel"]


def test_a_feature_named_again_keeps_the_settings_of_the_base(tmp_path: Path) -> None:
    write(tmp_path / "base.yaml", "features: {mfcc: {mel: {bands: 23}}, mel: {}}\n")
    job = write(tmp_path / "job.yaml", "extends: base.yaml\nfeatures: {mfcc: {mfcc: {n: 20}}}\n")
    features = resolve_features(load_config(job))
    assert list(features) == ["mfcc"]
    assert (features["mfcc"].mel.bands, features["mfcc"].mfcc.n) == (23, 20)


@pytest.mark.parametrize(
    ("setting", "value"), [("mel.fmax_hz=7600", 7600.0), ("mel.fmax_hz=null", None), ("mel.fmax_hz=", None)]
)
def test_values_of_set_are_typed_as_in_yaml(setting: str, value: object) -> None:
    assert load_config("whisper-80", overrides=[setting]).mel.fmax_hz == value


@pytest.mark.parametrize(
    ("setting", "problem"),
    [
        ("mel.bands", "expected KEY=VALUE such as mel.bands=40"),
        ("=3", "expected KEY=VALUE"),
        ("mel..bands=3", "expected KEY=VALUE"),
        ("mel.bands='40'", "expected a whole number, got the text '40'"),
        ("mel.bands=4e1", "expected a whole number, got 40.0"),
        ("mel.bands=[", "not readable as YAML"),
        ("mel.fmax_hz=.inf", "expected a finite number"),
        ("mel={bands: 3, bands: 4}", "twice"),
        ("mel.bandz=3", "did you mean 'bands'?"),
        ("source=caf\udce9", "not UTF-8"),
        ("extends=whisper-80", "cannot be set here"),
        ("caf\udce9=1", "expected KEY=VALUE"),
        ("mel.bands.x=1", "expected a whole number, got a group of keys"),
        ("mel.x.y=1", "unknown key"),
    ],
)
def test_a_wrong_set_is_refused_as_such(setting: str, problem: str) -> None:
    message = refusal(LOG_MEL, overrides=[setting])
    assert message.startswith("config with --set: 1 problem\n  --set ")
    assert problem in message


def test_a_wrong_argument_is_refused_by_its_name() -> None:
    message = refusal(LOG_MEL, store_format="hdf")
    assert "  store_format   store.format   'hdf': one of hdf5, npy; did you mean 'hdf5'?" in message


def test_all_mistakes_are_listed_at_once_with_their_places(tmp_path: Path) -> None:
    write(tmp_path / "base.yaml", "frame:\n  hop_samples: 0\n")
    text = (
        "extends: base.yaml\n"
        "mel:\n"
        "  bandz: 3\n"
        "  fmax_hz: -1\n"
        "  bands: 12\n"
        "log: {floor: .nan}\n"
        "log: {}\n"
        "compute: !!python/name:os.system x\n"
        "limits: {min_sample_rate: 9000, max_sample_rate: 8000}\n"
        "features:\n"
        "  mfcc: {}\n"
    )
    job = write(tmp_path / "job.yaml", text)
    lines = refusal(job, overrides=["log.kind=lnn"]).splitlines()
    assert lines[0] == f"{job} with --set: 9 problems"
    assert [line.split()[:3] for line in lines[1:-2]] == [
        ["line", "3", "mel.bandz"],
        ["line", "4", "mel.fmax_hz"],
        ["line", "5", "mfcc.n"],
        ["line", "6", "log.floor"],
        ["line", "7", "log"],
        ["line", "8", "compute"],
        ["line", "9", "limits.min_sample_rate"],
    ]
    assert [line.split()[:4] for line in lines[-2:]] == [
        ["base.yaml", "line", "2", "frame.hop_samples"],
        ["--set", "log.kind", "'lnn':", "one"],
    ]


def test_a_rule_is_not_checked_against_a_value_that_is_wrong_itself() -> None:
    message = refusal({"mel": {"bands": 0}, "mfcc": {"n": 200}, "features": {"mfcc": {}}})
    assert message.startswith("config: 1 problem\n")
    assert "mel.bands" in message


def test_presets_and_files_are_told_apart(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert load_config("whisper-80").frame.n_fft == 400
    (tmp_path / "whisper-80").mkdir()  # a store of that name does not hide the preset
    assert load_config("whisper-80").frame.n_fft == 400
    write(tmp_path / "kaldi-fbank80", "features: {mel: {}}\n")  # a file does
    assert list(load_config("kaldi-fbank80").features) == ["mel"]


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("whisper80", ["neither a file nor a preset", "did you mean 'whisper-80'?"]),
        ("Kaldi-Fbank", ["did you mean 'kaldi-fbank80'?", "librosa-logmel"]),
        ("whisper-80.yaml", ["there is no such file", "did you mean 'whisper-80'?"]),
        ("./job", ["there is no such file"]),
        ("", ["neither a file nor a preset"]),
        ("a\0/b", ["cannot be read as a config"]),
    ],
)
def test_an_unknown_name_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, words: list[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    message = refusal(name)
    for word in words:
        assert word in message


def test_a_folder_is_no_config(tmp_path: Path) -> None:
    assert "cannot be read as a config: Is a directory" in refusal(tmp_path)


@pytest.mark.parametrize("text", ["- mel\n", "mel\n", "3\n"])
def test_a_file_that_is_no_mapping_is_refused(tmp_path: Path, text: str) -> None:
    assert "expected keys and values, got" in refusal(write(tmp_path / "job.yaml", text))


def test_a_circle_of_extends_is_refused(tmp_path: Path) -> None:
    write(tmp_path / "a.yaml", "extends: b.yaml\n")
    write(tmp_path / "b.yaml", "mel: {}\nextends: ./a.yaml\n")
    message = refusal(tmp_path / "a.yaml")
    assert "in a circle" in message
    assert "b.yaml: line 2: extends" in message
    assert "circle" in refusal(write(tmp_path / "self.yaml", "extends: self.yaml\n"))


def test_a_chain_of_extends_has_an_end(tmp_path: Path) -> None:
    write(tmp_path / "0.yaml", "features: {mel: {}}\nmel: {bands: 7}\n")
    for number in range(1, 10):
        write(tmp_path / f"{number}.yaml", f"extends: {number - 1}.yaml\n")
    assert load_config(tmp_path / "8.yaml").mel.bands == 7
    assert "more than 8 configs" in refusal(tmp_path / "9.yaml")


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("mel: {}\nextends: whisper\n", "line 2: extends: 'whisper' is neither a file nor a preset"),
        ("extends: missing.yaml\n", "line 1: extends: .*missing.yaml: there is no such file"),
        ("extends: [whisper-80]\n", "line 1: extends: expected the name of one preset or file, got a list"),
        ("extends: ''\n", "line 1: extends: expected the name"),
    ],
)
def test_a_wrong_extends_is_refused_with_its_line(tmp_path: Path, text: str, problem: str) -> None:
    with pytest.raises(ConfigError, match=f"job.yaml: {problem}"):
        load_config(write(tmp_path / "job.yaml", text))


def test_a_mapping_may_extend_too() -> None:
    config = load_config({"extends": "kaldi-fbank80", "mel": {"bands": 40}})
    assert (config.mel.bands, config.window.power) == (40, 0.85)
    assert "config: extends: 'kaldi' is neither" in refusal({"extends": "kaldi"})


def test_the_mapping_that_is_given_is_left_as_it_is() -> None:
    values = {"extends": "kaldi-mfcc13", "store": "out", "mel": None, "features": {"mfcc": None}}
    load_config(values, overrides=["features.mfcc.mel.bands=30"])
    assert values == {"extends": "kaldi-mfcc13", "store": "out", "mel": None, "features": {"mfcc": None}}


def test_a_mapping_that_holds_itself_is_refused() -> None:
    values: dict[str, Any] = {}
    values["mel"] = values
    assert "levels of nesting" in refusal(values)


def test_a_config_can_come_through_a_pipe(tmp_path: Path) -> None:
    pipe_out, pipe_in = os.pipe()
    with os.fdopen(pipe_in, "w") as writer:
        writer.write("features: {mel: {}}\n")
    try:
        assert list(load_config(f"/dev/fd/{pipe_out}").features) == ["mel"]
    finally:
        os.close(pipe_out)


KEYS = st.sampled_from(
    [*Config.model_fields, "bands", "n", "kind", "path", "n_fft", "extends", "mel", "x", "1", "? a", "*a"]
)
VALUES = st.sampled_from(
    [
        "",
        "1",
        "-1",
        "1e3",
        ".nan",
        "true",
        "no",
        "'x'",
        "{}",
        "[1]",
        "&a {}",
        "*a",
        "!t 1",
        "{mfcc: {}}",
        "{bands: 2}",
        '"\\e"',
    ]
)


@settings(max_examples=200, deadline=None)
@given(st.lists(st.tuples(st.sampled_from(["", "  "]), KEYS, VALUES), max_size=6))
def test_any_yaml_makes_a_config_or_a_config_error(tmp_path_factory: pytest.TempPathFactory, lines: list[Any]) -> None:
    text = "".join(f"{indent}{key}: {value}\n" for indent, key, value in lines)
    job = write(tmp_path_factory.getbasetemp() / "any" / "job.yaml", text)
    try:
        found: Config | ConfigError = load_config(job)
    except ConfigError as error:
        found = error
    assert isinstance(found, Config) or str(found).startswith(str(job))


@settings(max_examples=200, deadline=None)
@given(st.text(max_size=30), st.text(max_size=20))
def test_any_set_makes_a_config_or_a_config_error(key: str, value: str) -> None:
    try:
        found: Config | ConfigError = load_config("whisper-80", overrides=[f"{key}={value}", f"mel.{value}={key}"])
    except ConfigError as error:
        found = error
    assert isinstance(found, ConfigError)
    assert "--set" in str(found)


@pytest.mark.parametrize("name", ["whisper-80", "kaldi-mfcc13"])
def test_a_preset_takes_every_layer(name: str) -> None:
    assert name in preset_names()
    config = load_config(name, overrides=["mel.bands=24"], source="in", store_path="out", store_format="npy")
    assert (config.mel.bands, config.source, config.store.path, config.store.format) == (24, "in", "out", "npy")
