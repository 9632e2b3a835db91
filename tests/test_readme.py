"""The README says what is so: its tables against the code, its reading examples on real shards."""

from __future__ import annotations

import ast
import importlib
import importlib.util
import json
import re
import types
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any, Literal, Union, get_args, get_origin

import click
import numpy as np
import numpy.typing as npt
import pytest
from pydantic import BaseModel
from pydantic.fields import FieldInfo

from audiofeat import errors
from audiofeat.cli import cli
from audiofeat.config import load_config, preset_names
from audiofeat.config.models import FEATURE_NAMES, Config
from audiofeat.errors import AudioFeatError, ClipError, Interrupted
from audiofeat.frontend.recipe import recipe_of
from audiofeat.records import FeatureSpec
from audiofeat.source import AUDIO_SUFFIXES
from audiofeat.store.hdf5 import Hdf5Shards
from audiofeat.store.layout import FORMAT_VERSION, NUMBERS_VERSION, StorePaths
from audiofeat.store.npy import NpyShards
from audiofeat.store.publish import link_arrays
from audiofeat.store.rows import RowBudget, Rows
from audiofeat.store.shard_format import ShardClip

README = (Path(__file__).resolve().parent.parent / "README.md").read_text("utf-8")
DIMS = 3
LOG_MEL = FeatureSpec("log_mel", DIMS, "float32", "dB", 100.0)
N_FRAMES = {"speech/low": 7, "tones/sine_440hz": 40, "tones/siren": 5}


def section(title: str) -> str:
    """The text below a heading of the second level, up to the next one."""
    return README.partition(f"\n## {title}\n")[2].partition("\n## ")[0]


def rows_of(text: str) -> list[list[str]]:
    """The cells of every table row but headings and rulers."""
    lines = [line for line in text.splitlines() if line.startswith("|") and not line.startswith("|---")]
    cells = [[cell.strip().replace("\\|", "|") for cell in re.split(r"(?<!\\)\|", line)[1:-1]] for line in lines]
    return [row for row in cells if row[0][:1] == "`" or row[0][:1].isdigit()]


def code_blocks(text: str) -> list[str]:
    return re.findall(r"```python\n(.*?)```", text, re.DOTALL)


def knobs() -> Iterator[tuple[str, FieldInfo]]:
    """Every key of the configuration that is no group, as ``--set`` names it."""
    for name, field in Config.model_fields.items():
        model = field.annotation
        if isinstance(model, type) and issubclass(model, BaseModel):
            yield from ((f"{name}.{key}", own) for key, own in model.model_fields.items())
        elif name != "features":
            yield name, field


def allowed_values(field: FieldInfo) -> str:
    """The table's words for what a key may be."""
    kind: Any = field.annotation
    limits = list(field.metadata)
    or_null = ""
    if get_origin(kind) in (Union, types.UnionType):
        kind, or_null = next(each for each in get_args(kind) if each is not types.NoneType), " or `null`"
    while get_origin(kind) is Annotated:
        kind, *more = get_args(kind)
        limits += more
    if get_origin(kind) is Literal:
        return " ".join(f"`{choice}`" for choice in get_args(kind)) + or_null
    if kind is bool:
        return "`true` `false`"
    if kind is str:
        return "path" + or_null
    bounds = {name: getattr(limit, name) for limit in limits for name in ("ge", "gt", "le") if hasattr(limit, name)}
    words = {int: "whole number", float: "number"}[kind]
    if {"ge", "le"} <= bounds.keys():
        words += f", {bounds['ge']:,} to {bounds['le']:,}"
    elif "ge" in bounds:
        words += f", at least {bounds['ge']:,}"
    elif "gt" in bounds:
        words += f", above {bounds['gt']:,}"
    return words + or_null


def unit_of(field: FieldInfo) -> str:
    extra = field.json_schema_extra
    return str(extra.get("unit", "")) if isinstance(extra, dict) else ""


def package_files() -> list[Path]:
    spec = importlib.util.find_spec("audiofeat")
    assert spec is not None
    assert spec.submodule_search_locations
    return sorted(Path(next(iter(spec.submodule_search_locations))).rglob("*.py"))


def reasons_in_the_code() -> set[str]:
    """Every text in the package that is a reason code and nothing else."""
    texts = (
        node.value
        for file in package_files()
        for node in ast.walk(ast.parse(file.read_text("utf-8")))
        if isinstance(node, ast.Constant) and isinstance(node.value, str)
    )
    return {text for text in texts if re.fullmatch(r"(input|io|limit|decoder)\.[a-z]+(-[a-z]+)*", text)}


def exit_codes() -> set[int]:
    found = {0, 3}  # no error, and an outcome that RunReport tells
    for kind in vars(errors).values():
        if isinstance(kind, type) and issubclass(kind, AudioFeatError):
            # A clip's error goes to the quarantine, and a signal has a code of its own.
            found |= set() if issubclass(kind, ClipError | Interrupted) else {kind.exit_code}
    return found


def commands() -> dict[str, click.Command]:
    context = click.Context(cli)
    found = {name: cli.get_command(context, name) for name in cli.list_commands(context)}
    return {name: command for name, command in found.items() if command is not None}


def clip_values() -> dict[str, npt.NDArray[np.float32]]:
    values = np.random.default_rng(7)
    return {key: values.normal(size=(frames, DIMS)).astype(np.float32) for key, frames in N_FRAMES.items()}


def shard_clips(folder: Path, keys: list[str]) -> list[ShardClip]:
    budget = RowBudget(folder)
    clips = []
    for key in keys:
        rows = Rows(DIMS, budget)
        rows.append(clip_values()[key])
        clips.append(ShardClip(key, {"log_mel": rows}))
    return clips


@pytest.fixture
def folder_with_stores(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A working directory with the shards of ``demo/store`` (HDF5, two of them) and ``demo/npy``."""
    hdf5, npy = StorePaths(tmp_path / "demo" / "store"), StorePaths(tmp_path / "demo" / "npy")
    for paths in (hdf5, npy):
        paths.shards.mkdir(parents=True)
    keys = list(N_FRAMES)
    Hdf5Shards().write(hdf5.shards / "a.h5", shard_clips(tmp_path, keys[:1]), [LOG_MEL])
    Hdf5Shards().write(hdf5.shards / "b.h5", shard_clips(tmp_path, keys[1:]), [LOG_MEL])
    NpyShards().write(npy.shards / "a", shard_clips(tmp_path, keys), [LOG_MEL])
    link_arrays(npy, [(key, "a") for key in keys], features=["log_mel"], stale=[])
    monkeypatch.chdir(tmp_path)
    return tmp_path


def run_example(mark: str) -> dict[str, Any]:
    """Run the one example of the chapter on the store that contains ``mark``; its variables."""
    found = [block for block in code_blocks(section("The store")) if mark in block]
    assert len(found) == 1
    variables: dict[str, Any] = {}
    exec(compile(found[0], "README.md", "exec"), variables)
    return variables


@pytest.mark.usefixtures("folder_with_stores")
def test_the_h5py_example_reads_one_clip() -> None:
    variables = run_example('shard["index/key"]')
    np.testing.assert_array_equal(variables["log_mel"], clip_values()["tones/sine_440hz"])


@pytest.mark.usefixtures("folder_with_stores")
def test_the_numpy_example_reads_one_clip() -> None:
    variables = run_example("np.load")
    np.testing.assert_array_equal(variables["log_mel"], clip_values()["tones/sine_440hz"])
    np.testing.assert_array_equal(variables["middle"], clip_values()["tones/sine_440hz"][10:30])


@pytest.mark.usefixtures("folder_with_stores")
def test_the_example_of_band_statistics_agrees_with_all_rows_at_once() -> None:
    variables = run_example('shard["sums/log_mel"]')
    everything = np.concatenate(list(clip_values().values())).astype(np.float64)
    np.testing.assert_allclose(variables["mean"], everything.mean(axis=0), rtol=0, atol=1e-12)
    np.testing.assert_allclose(variables["deviation"], everything.std(axis=0), rtol=0, atol=1e-7)
    for shard in variables["shards"]:
        shard.close()


def test_every_python_example_compiles() -> None:
    blocks = code_blocks(README)
    assert len(blocks) >= 4
    for block in blocks:
        compile(block, "README.md", "exec")


def test_the_table_of_keys_is_that_of_the_models() -> None:
    table = [row[:4] for row in rows_of(section("Configuration"))]
    models = [
        [
            f"`{name}`",
            allowed_values(field),
            unit_of(field),
            f"`{field.default if isinstance(field.default, str) else json.dumps(field.default)}`",
        ]
        for name, field in knobs()
    ]
    assert table == models


def test_every_key_has_a_meaning() -> None:
    assert [row[0] for row in rows_of(section("Configuration")) if len(row) != 5 or not row[4].endswith(".")] == []


def test_the_configuration_example_is_one(tmp_path: Path) -> None:
    example = re.findall(r"```yaml\n(.*?)```", section("Configuration"), re.DOTALL)
    assert len(example) == 1
    (tmp_path / "job.yaml").write_text(example[0])
    config = load_config(tmp_path / "job.yaml")
    assert set(config.features) == {"log_mel", "mfcc", "spectrogram"}
    assert config.store.path == str(tmp_path / "features")


def test_every_feature_is_named() -> None:
    features = section("Configuration").partition("**Features** are")[2].partition("\n\n")[0]
    assert set(re.findall(r"`(\w+)`", features)) == set(FEATURE_NAMES)


def test_the_table_of_presets_is_that_of_the_presets() -> None:
    table = {row[0].strip("`"): row[2:5] for row in rows_of(section("Presets"))}
    shipped = {}
    for name in preset_names():
        config = load_config(name)
        (spec,) = recipe_of(config).feature_specs()
        shipped[name] = [f"`{spec.name}`", str(spec.dims), f"{config.audio.sample_rate} Hz"]
    assert table == shipped


@pytest.mark.parametrize("name", preset_names())
def test_the_number_of_frames_of_a_preset_is_as_said(name: str) -> None:
    (formula,) = (row[5].strip("`") for row in rows_of(section("Presets")) if row[0] == f"`{name}`")
    rule = recipe_of(load_config(name)).rule
    lengths = [rule.shortest_clip_samples + more for more in (0, 1, 159, 160, 161, 511, 512, 48_000)]
    assert [eval(formula, {"N": length}) for length in lengths] == [rule.n_frames(length) for length in lengths]


def test_every_reason_code_has_a_line_and_no_line_is_of_another() -> None:
    table = [row[0].strip("`") for row in rows_of(section("What went wrong, and what to do"))]
    assert sorted(table) == sorted(reasons_in_the_code())


def test_the_reasons_that_are_tried_again_are_marked() -> None:
    table = rows_of(section("What went wrong, and what to do"))
    marked = {row[0].strip("`") for row in table if row[1] == "again"}
    assert marked == {reason for reason in reasons_in_the_code() if ClipError(reason, "").is_transient}


def test_every_exit_code_has_a_line() -> None:
    told = {int(code) for row in rows_of(section("Exit codes")) for code in row[0].split(", ")}
    assert told == exit_codes() | {130, 143}


def test_every_command_is_told() -> None:
    assert re.findall(r"^### `audiofeat (\w+)", section("Commands"), re.MULTILINE) == list(commands())


@pytest.mark.parametrize("name", ["extract", "presets", "info", "doctor"])
def test_every_option_of_a_command_is_told(name: str) -> None:
    text = section("Commands").partition(f"### `audiofeat {name}")[2].partition("\n### ")[0]
    declared = {option for parameter in commands()[name].params for option in parameter.opts if option[:1] == "-"}
    told = set(re.findall(r"`(-{1,2}[a-z][a-z-]*)", text))
    assert declared <= told
    every = {option for command in commands().values() for parameter in command.params for option in parameter.opts}
    assert told <= every


def test_every_audio_suffix_is_listed() -> None:
    listed = " ".join(line[2:] for line in section("Sources and keys").splitlines() if line.startswith("> "))
    assert listed.split() == sorted(AUDIO_SUFFIXES)


def test_the_changelog_names_the_versions() -> None:
    assert f"format version {FORMAT_VERSION}; numbers version {NUMBERS_VERSION}" in section("Changelog")


def test_the_contents_lead_somewhere() -> None:
    anchors = {
        re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-")
        for heading in re.findall(r"^##+ (.*)$", README, re.MULTILINE)
    }
    assert sorted(set(re.findall(r"\]\(#([^)]*)\)", README)) - anchors) == []


def test_the_ranks_are_those_that_the_layer_test_holds() -> None:
    ranks = importlib.import_module("test_layers").RANKS
    told = {part: int(row[0]) for row in rows_of(section("Contributing")) for part in re.findall(r"`(\w+)`", row[1])}
    assert told == {part: rank for part, rank in ranks.items() if not part.startswith("__")}
