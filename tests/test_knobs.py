"""What is told of every knob: complete, true to the models, and found by name."""

from __future__ import annotations

import json
from typing import Any

import pytest
from click.testing import CliRunner, Result
from pydantic import BaseModel

from audiofeat.cli import cli
from audiofeat.config import FEATURE_NAMES, Config, load_config
from audiofeat.config.knobs import knob_groups, knobs, knobs_named, preset_settings
from audiofeat.config.values import values_of
from audiofeat.errors import ConfigError


def run(*arguments: str) -> Result:
    return CliRunner().invoke(cli, ["knobs", *arguments], catch_exceptions=False, env={"COLUMNS": "90"})


def names(*prefixes: str) -> list[str]:
    return [knob.name for knob in knobs_named(prefixes)]


def test_every_key_of_the_models_is_a_knob() -> None:
    expected = set()
    for name, field in Config.model_fields.items():
        model = field.annotation
        is_group = isinstance(model, type) and issubclass(model, BaseModel)
        expected |= {f"{name}.{key}" for key in model.model_fields} if is_group else {name}  # type: ignore[union-attr]
    assert {knob.name for knob in knobs()} == expected
    assert len(knobs()) == len(expected)


def test_a_default_is_what_the_config_holds() -> None:
    dumped = load_config({"features": {"mel": {}}}).model_dump(mode="json")
    for knob in knobs():
        if not knob.is_required:
            assert knob.default == (dumped[knob.group][knob.key] if knob.group else dumped[knob.key])


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("audio.sample_rate", "whole number from 1000 to 768000, or native"),
        ("audio.channels", "whole number from 0 to 1023, or mix, first, each"),
        ("audio.chunk_seconds", "number of at least 0.01, or null"),
        ("length.frames", "whole number from 1 to 2147483648, or null"),
        ("log.ref", "number above 0, or max"),
        ("log.gain", "number"),
        ("audio.peak", "number above 0 and up to 100000000, or null"),
        ("audio.scale", "number from 1e-09 to 1000000000"),
        ("window.values", "list of numbers, or null"),
        ("frame.drop_last", "true, false"),
        ("deltas.orders", "0, 1, 2"),
        ("manifest.key", "text"),
        ("cmvn.file", "path, or null"),
        ("store.shard_clips", "whole number of at least 1"),
        ("features", ", ".join(FEATURE_NAMES)),
    ],
)
def test_what_a_knob_may_hold_is_put_into_words(name: str, words: str) -> None:
    (knob,) = knobs_named([name])
    assert knob.values.words == words


def test_an_annotation_of_a_new_kind_is_not_guessed_at() -> None:
    class Strange(BaseModel):
        when: bytes

    with pytest.raises(TypeError, match="bytes"):
        values_of(Strange.model_fields["when"])


def test_knobs_are_found_by_group_name_beginning_and_key() -> None:
    assert names("preemphasis") == ["preemphasis.coeff", "preemphasis.scope", "preemphasis.first"]
    assert names("mel.fmin_hz") == ["mel.fmin_hz"]
    assert names("source") == ["source"]
    assert names("mel.f") == ["mel.fmin_hz", "mel.fmax_hz"]
    assert names("power") == ["window.power", "spectrum.power"]
    assert names("mel.bands", "source", "mel.bands") == ["source", "mel.bands"]
    assert names() == [knob.name for knob in knobs()]


@pytest.mark.parametrize(
    ("name", "meant"), [("mfccs", "'mfcc'"), ("mel.band_s", "'mel.bands'"), ("mel.fmin-hz", "'mel.fmin_hz'")]
)
def test_an_unknown_name_is_refused_with_the_nearest(name: str, meant: str) -> None:
    with pytest.raises(ConfigError, match=f"no knob and no group '{name}'; did you mean {meant}"):
        knobs_named([name])


def test_a_features_own_setting_is_the_shared_knob() -> None:
    assert names("features.mfcc.mel.bands") == ["mel.bands"]
    assert names("features.mfcc.deltas") == names("deltas")
    assert names("features.mfcc") == names("features") == ["features"]
    assert run("features.log_mel.deltas").output == run("deltas").output
    with pytest.raises(ConfigError, match=r"no knob and no group 'features\.mfccs\.deltas'"):
        knobs_named(["features.mfccs.deltas"])
    with pytest.raises(ConfigError, match=r"'features\.mfcc\.mel\.bandz'; did you mean 'mel\.bands'"):
        knobs_named(["features.mfcc.mel.bandz"])


def test_presets_are_listed_with_what_they_set() -> None:
    settings = preset_settings()
    assert settings["mel.bands"]["kaldi-mfcc13"] == 23
    assert settings["audio.sample_rate"]["whisper-80"] == 16_000
    assert settings["features"]["librosa-mfcc"] == "mfcc"
    assert settings["compute.precision"] == {}
    for knob in knobs():
        for preset, value in settings[knob.name].items():
            if knob.group:
                assert load_config(preset).model_dump(mode="json")[knob.group][knob.key] == value


def test_the_command_explains_a_knob() -> None:
    result = run("mel.fmin_hz", "log.ref")
    assert result.output == (
        "mel  The filter bank.\n"
        "  mel.fmin_hz  number of at least 0 [Hz]; default 0.0\n"
        "      Lower edge of the lowest band.\n"
        "      Presets: 20.0 (ast, kaldi-fbank80, kaldi-mfcc13 and 4 more), 50.0 (clap-laion,\n"
        "      panns), 80.0 (espnet-tts, speecht5, tf-tutorial), 125.0 (vggish, yamnet).\n"
        "\n"
        "log  The logarithm.\n"
        "  log.ref  number above 0, or max; default 1.0\n"
        "      What counts as 0 on the logarithm: this value, or the clip's own maximum (max).\n"
        "      Presets: max (dali-logmel).\n"
    )


def test_the_command_tells_all_in_lines_that_fit() -> None:
    lines = run().output.splitlines()
    assert max(map(len, lines)) <= 90
    told = [line.split()[0] for line in lines if line[:2] == "  " and line[2:3].strip()]
    assert told == [knob.name for knob in knobs()]
    assert [line.split()[0] for line in lines if line[:1].strip()] == [
        group.name for group in knob_groups() if group.name
    ]


def test_the_same_as_json() -> None:
    found = {each["name"]: each for each in json.loads(run("--json").output)}
    assert list(found) == [knob.name for knob in knobs()]
    rate: dict[str, Any] = found["audio.sample_rate"]
    assert rate.pop("presets")["librosa-mfcc"] == 22_050
    assert rate == {
        "name": "audio.sample_rate",
        "values": "whole number from 1000 to 768000, or native",
        "unit": "Hz",
        "default": 16_000,
        "required": False,
        "description": "Every clip is resampled to this rate; native keeps each file's own.",
    }


def test_no_preset_is_said_to_set_what_none_sets() -> None:
    assert "cmvn.file" not in {name for name, presets in preset_settings().items() if presets}


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["log_mel"], "'log_mel' is a feature, and no knob"),
        (["bandz"], "did you mean 'bands'?"),
        (["audio.x"], "audiofeat knobs audio lists all of audio"),
        ([""], "there is no knob and no group ''"),
        (["--json", "--markdown"], "--json and --markdown exclude each other"),
    ],
)
def test_what_knobs_does_not_know_leads_on(arguments: list[str], message: str) -> None:
    with pytest.raises(ConfigError) as caught:
        cli.main(["knobs", *arguments], standalone_mode=False)
    assert message in str(caught.value)
