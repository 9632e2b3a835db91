"""``audiofeat init``: what it prints loads as what it was begun from, as it is and with every setting uncommented."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from audiofeat.cli import cli
from audiofeat.config import Config, digest_of, load_config, preset_names, preset_text, stored_config
from audiofeat.config.knobs import knobs
from audiofeat.config.starter import WIDTH, starter_text
from audiofeat.config.yaml_loader import parse_yaml
from audiofeat.config.yaml_text import yaml_text
from audiofeat.errors import ConfigError

BEGINNINGS = [None, *preset_names()]


def run(*arguments: str) -> Result:
    return CliRunner().invoke(cli, ["init", *arguments], catch_exceptions=False)


def begun_from(preset: str | None) -> Config:
    return load_config(preset or {"features": {"log_mel": {}}})


def uncommented(text: str) -> str:
    return re.sub(r"^( *)#(\w)", r"\1\2", text, flags=re.MULTILINE)


@pytest.mark.parametrize("preset", BEGINNINGS)
def test_what_is_printed_is_the_preset(preset: str | None, tmp_path: Path) -> None:
    result = run(*([preset] if preset else []))
    (tmp_path / "job.yaml").write_text(result.output)
    config = load_config(tmp_path / "job.yaml")
    assert config == begun_from(preset)
    assert digest_of(stored_config(config)) == digest_of(stored_config(begun_from(preset)))


@pytest.mark.parametrize("preset", BEGINNINGS)
def test_every_commented_setting_is_the_default_that_holds(preset: str | None, tmp_path: Path) -> None:
    (tmp_path / "job.yaml").write_text(uncommented(starter_text(preset)))
    config = load_config(tmp_path / "job.yaml")
    assert (config.source, config.store.path) == (str(tmp_path / "recordings"), str(tmp_path / "features"))
    assert config.model_dump(exclude={"source": True, "store": {"path"}}) == begun_from(preset).model_dump(
        exclude={"source": True, "store": {"path"}}
    )


@pytest.mark.parametrize("preset", BEGINNINGS)
def test_every_knob_is_there_once_with_its_words(preset: str | None) -> None:
    text = starter_text(preset)
    document = parse_yaml(uncommented(text).encode(), title="all")
    assert document.complaints == []
    for knob in knobs():
        assert tuple(knob.name.split(".")) in document.lines
        if not knob.is_required:
            unit = f"{knob.unit}; " if knob.unit else ""
            line = f"# ({unit}{knob.values.words}; default {yaml_text(knob.default)})"
            assert line in re.sub(r"\n *# ", " ", text) or line in text
    header = preset_text(preset).splitlines() if preset else []
    assert max(len(line) for line in text.splitlines() if line not in header) <= WIDTH


def test_settings_of_the_preset_stand_uncommented() -> None:
    text = starter_text("kaldi-mfcc13")
    assert "\n  bands: 23\n" in text
    assert "\n  sample_rate: 16000\n" in text  # the preset says so, though it is the default
    assert "\n  #precision: float32\n" in text
    assert "\n# Kaldi (f400766): compute-mfcc-feats with its defaults" in text
    assert text.endswith("\nfeatures:\n" + text.partition("\nfeatures:\n")[2])
    assert text.endswith("\n  mfcc: {}\n")


def test_an_unknown_preset_is_refused_with_the_nearest() -> None:
    with pytest.raises(ConfigError, match="there is no preset 'kaldi-mfcc'; did you mean 'kaldi-mfcc13'"):
        run("kaldi-mfcc")
    with pytest.raises(ConfigError) as caught:
        run("nosuch")
    assert caught.value.problem == f"there is no preset 'nosuch'  (presets: {', '.join(preset_names())})"
    with pytest.raises(ConfigError, match="the same for every preset"):
        run("kaldi-mfcc13", "--schema")


def test_the_schema_is_json() -> None:
    assert json.loads(run("--schema").output)["$schema"] == "https://json-schema.org/draft/2020-12/schema"
    assert "# yaml-language-server: $schema=audiofeat.schema.json\n" in run().output


@pytest.mark.parametrize(
    "value",
    [
        None,
        True,
        1,
        -1.5,
        1e-10,
        32768.0,
        "mix",
        "none",
        "null",
        "true",
        "1e3",
        "",
        "a b",
        "a: b",
        "#x",
        "~",
        [1, 2.5],
        {},
        {"mel": {"bands": 40}, "x": [None, "no", "é\n"]},
        "path/to.wav",
        "-",
        ".5",
        "_",
    ],
)
def test_values_are_written_so_that_they_are_read_back(value: object) -> None:
    document = parse_yaml(f"key: {yaml_text(value)}".encode(), title="all")
    assert document.complaints == []
    assert document.value == {"key": value}
    assert "\n" not in yaml_text(value)
