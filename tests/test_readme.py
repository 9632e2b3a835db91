"""The README says what is so: its tables against the code, its reading examples on real shards."""

from __future__ import annotations

import ast
import importlib
import importlib.util
import re
from pathlib import Path
from typing import Any

import click
import numpy as np
import numpy.typing as npt
import pytest
from click.testing import CliRunner
from readme import README, code_blocks, rows_of, section

from audiofeat import errors
from audiofeat.cli import cli
from audiofeat.cli.presets import presets
from audiofeat.config import load_config, preset_names, preset_note
from audiofeat.dsp.signal import prepared_samples
from audiofeat.dsp.tail import tail_rows
from audiofeat.errors import AudioFeatError, ClipError, Interrupted
from audiofeat.frontend.recipe import recipe_of
from audiofeat.parity.goldens import read_golden
from audiofeat.records import FeatureSpec
from audiofeat.source import AUDIO_SUFFIXES
from audiofeat.store.hdf5 import Hdf5Shards
from audiofeat.store.layout import FORMAT_VERSION, NUMBERS_VERSION, StorePaths
from audiofeat.store.npy import NpyShards
from audiofeat.store.publish import link_arrays
from audiofeat.store.rows import RowBudget, Rows
from audiofeat.store.shard_format import ShardClip

DIMS = 3
LOG_MEL = FeatureSpec("log_mel", DIMS, "float32", "dB", 100.0)
N_FRAMES = {"speech/low": 7, "tones/sine_440hz": 40, "tones/siren": 5}


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
    return {text for text in texts if re.fullmatch(r"(input|io|limit|decoder|select)\.[a-z]+(-[a-z]+)*", text)}


def exit_codes() -> set[int]:
    found = {0, 3, 20}  # no error, and outcomes that RunReport and Preview tell
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
    link_arrays(npy, [(key, "a") for key in keys], features=["log_mel"], possible=[])
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
    variables = run_example('shard["moments/log_mel"]')
    everything = np.concatenate(list(clip_values().values())).astype(np.float64)
    np.testing.assert_allclose(variables["mean"], everything.mean(axis=0), rtol=0, atol=1e-12)
    np.testing.assert_allclose(variables["deviation"], everything.std(axis=0), rtol=0, atol=1e-12)
    for shard in variables["shards"]:
        shard.close()


def test_every_python_example_compiles() -> None:
    blocks = code_blocks(README)
    assert len(blocks) >= 4
    for block in blocks:
        compile(block, "README.md", "exec")


def test_the_table_of_presets_is_what_the_command_prints() -> None:
    printed = CliRunner().invoke(presets, ["--markdown"])
    assert printed.exit_code == 0
    assert printed.output in section("Presets")


@pytest.mark.parametrize("name", preset_names())
def test_the_number_of_frames_of_a_preset_is_as_said(name: str) -> None:
    formula = preset_note(name, "Frames").partition(" for ")[0]
    recipe = recipe_of(load_config(name))
    (tail,) = recipe.tails.values()
    shortest = max(1, recipe.rule.shortest_clip_samples)
    lengths = [shortest + more for more in (0, 1, 159, 160, 161, 511, 512, 48_000)]
    frames = [tail_rows(tail, recipe.rule.n_frames(prepared_samples(length, recipe.signal))) for length in lengths]
    assert [eval(formula, {"N": length, "max": max}) for length in lengths] == frames


def test_the_table_of_comparisons_is_that_of_the_golden_files() -> None:
    """Figures vary with the processor; what was compared with what, and how strictly, does not."""
    rows = rows_of(section("Presets").partition("| Preset | Compared with |")[2])
    assert [row[0].strip("`") for row in rows] == preset_names()
    for name, (_, system, how, most, tolerance, _, outcome) in zip(preset_names(), rows, strict=True):
        about = read_golden(name).about
        allowed_db = [max(2e-3, 4 * own_db) for own_db in about.distance_db.values()]
        assert (system, outcome) == (about.system, "pass")
        assert how in ("live", "golden file")
        assert tolerance == f"{max(allowed_db):.1e} dB"
        assert float(most.removesuffix(" dB")) <= max(allowed_db)


def test_every_reason_code_has_a_line_and_no_line_is_of_another() -> None:
    table = [row[0].strip("`") for row in rows_of(section("What went wrong, and what to do"))]
    assert sorted(table) == sorted(reasons_in_the_code())


def test_the_reasons_that_are_tried_again_are_marked() -> None:
    table = rows_of(section("What went wrong, and what to do"))
    marked = {row[0].strip("`") for row in table if row[1] == "again"}
    assert marked == {reason for reason in reasons_in_the_code() if ClipError(reason, "").is_transient}


def test_every_exit_code_has_a_line() -> None:
    told = {int(code) for row in rows_of(section("Exit codes")) for code in row[0].split(", ")}
    assert told == exit_codes() | {129, 130, 143}


def test_every_command_is_told() -> None:
    assert re.findall(r"^### `audiofeat ([\w-]+)", section("Commands"), re.MULTILINE) == list(commands())


@pytest.mark.parametrize("name", commands())
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
