"""Presets beside their libraries: verdicts, and libraries that are there or not."""

from __future__ import annotations

import ast
import os
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from laying import on_cpu
from preset_signals import signals
from yardsticks import preset_check

from audiofeat.config import preset_names
from audiofeat.dsp.framing import Samples
from audiofeat.dsp.row_blocks import Array
from audiofeat.parity import check as checking
from audiofeat.parity import libraries
from audiofeat.parity.check import asked, check, reference_of
from audiofeat.parity.excerpts import RefusedError, all_of
from audiofeat.parity.libraries import LIBRARIES, Library, Reference, library_of
from audiofeat.parity.signals import noise
from audiofeat.parity.verdicts import Comparison, Verdict
from audiofeat.parity.yardstick import Difference

PRESETS = frozenset(preset_names())
PRESET = "tf-tutorial"


# Verdicts.


def test_the_tolerance_is_four_times_the_librarys_own_distance_or_float32s() -> None:
    beside = preset_check(PRESET)
    clips = {"noise": lambda: noise(2_048), "other": lambda: noise(3_000)}

    def tolerances(**own_db: float) -> list[float]:
        found = beside.compare(clips, asked(beside.rows_of), own_distance_db=own_db)
        return [each.tolerance_db for each in found]

    assert tolerances(noise=1e-6) == [2e-3, 2e-3]
    assert tolerances(noise=0.01) == [0.04, 0.04]  # another clip: the worst of all
    assert tolerances(noise=1e-6, tone=0.01) == [2e-3, 0.04]


def test_other_frames_are_a_failure_and_other_numbers_too() -> None:
    beside = preset_check(PRESET)
    clips = {"noise": lambda: noise(4_096)}
    (shorter,) = beside.compare(clips, lambda _, samples: all_of(beside.rows_of(samples)[1:]), own_distance_db={})
    assert shorter.problem == "audiofeat gives (13, 13) (frames, dims), the library (12, 13)"
    (louder,) = beside.compare(clips, lambda _, samples: all_of(beside.rows_of(samples) + 1e-3), own_distance_db={})
    (same,) = beside.compare(clips, lambda _, samples: all_of(beside.rows_of(samples)), own_distance_db={})
    assert [shorter.outcome, louder.outcome, same.outcome] == ["FAIL", "FAIL", "pass"]
    assert louder.difference is not None
    assert louder.difference.max_db == pytest.approx(20 / np.log(10) * 1e-3, rel=1e-2)


def test_what_is_quiet_may_differ_by_its_leeway_and_no_more() -> None:
    """Of a tone, no row of cepstra is audible throughout; a library that gives something else is found out."""
    beside = preset_check("kaldi-mfcc13")
    clips = {"tone": beside.signals()["tone_440_hz"]}
    (tripled,) = beside.compare(clips, lambda _, samples: all_of(3 * beside.rows_of(samples) + 7), own_distance_db={})
    assert tripled.difference is not None
    assert not tripled.difference.has_audible
    assert tripled.outcome == "FAIL"


def refuses(samples: Samples) -> Array:
    raise RuntimeError("padding is longer\nthan the clip")


def leaves(samples: Samples) -> Array:
    sys.exit(5)


def gives_nan(samples: Samples) -> Array:
    rows = np.zeros((13, 13))
    rows[7, 7] = np.nan
    return rows


def gives_one_row(samples: Samples) -> Array:
    return np.zeros(13)


def declines(samples: Samples) -> Array:
    raise RefusedError("it is random")


@pytest.mark.parametrize(
    ("reference", "reason"),
    [
        (refuses, "RuntimeError: padding is longer"),
        (leaves, "SystemExit: 5"),
        (gives_nan, "it gives NaN"),
        (gives_one_row, "it gives no (frames, dims) of numbers"),
        (declines, "it is random"),
    ],
)
def test_a_library_that_refuses_a_clip_says_nothing_against_the_preset(reference: Reference, reason: str) -> None:
    (comparison,) = preset_check(PRESET).compare({"noise": lambda: noise(4_096)}, asked(reference), own_distance_db={})
    assert (comparison.refused, comparison.outcome) == (reason, "not compared")
    assert Verdict(PRESET, "x 1", True, "", (comparison,)).outcome == "not compared"


def test_what_a_library_writes_while_it_computes_is_not_heard(capfd: pytest.CaptureFixture[str]) -> None:
    def talks(samples: Samples) -> Array:
        os.write(1, b"[I] PADDING: 0")
        os.write(2, b"warning")
        return np.zeros((1, 1))

    asked(talks)("noise", noise(10))
    os.write(1, b"heard\n")
    assert capfd.readouterr() == ("heard\n", "")


def test_a_verdict_is_that_of_its_worst_comparison() -> None:
    def one(clip: str, weighed_db: float, tolerance_db: float) -> Comparison:
        return Comparison(clip, 1, tolerance_db, Difference(0.0, 0.0, 0.0, weighed_db, has_audible=True))

    within, beyond = one("within", 0.01, 0.04), one("beyond", 0.003, 0.002)
    failed, refused = Comparison("failed", 1, 0.002, problem="other"), Comparison("refused", 1, 0.002, refused="no")
    verdicts = [
        Verdict(PRESET, "x 1", True, "", comparisons)
        for comparisons in ((within, beyond), (within, failed, beyond), (refused, within), (refused,))
    ]
    assert [verdict.worst.clip for verdict in verdicts] == ["beyond", "failed", "within", "refused"]
    assert [verdict.outcome for verdict in verdicts] == ["FAIL", "FAIL", "pass", "not compared"]


def test_a_library_that_takes_no_signal_at_all_is_represented_by_its_golden_file(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    on_cpu()
    monkeypatch.setattr(checking, "reference_of", lambda preset, library: (refuses, ""))
    verdict = check(PRESET)
    assert not verdict.is_live
    assert verdict.outcome == "pass"
    assert verdict.note.endswith("takes none of the signals: RuntimeError: padding is longer")
    assert check(PRESET, clips={"mine": lambda: noise(4_096)}).outcome == "not compared"


# Libraries.


def modules_of_the_package() -> dict[str, list[str]]:
    """The presets that each ``with_*.py`` has calls for, read off its source: most of the libraries are not here."""
    found = {}
    for path in Path(libraries.__file__).parent.glob("with_*.py"):
        tables = (node for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, ast.Dict))
        keys = [constant for table in tables for key in table.keys for constant in ast.walk(key or ast.Pass())]
        found[path.stem] = sorted({key.value for key in keys if isinstance(key, ast.Constant) and key.value in PRESETS})
    return found


def test_every_librarys_calls_are_those_of_its_presets() -> None:
    named: dict[str, list[str]] = {}
    for library in LIBRARIES:
        named.setdefault(library.module, []).extend(library.presets)
    assert modules_of_the_package() == {module: sorted(presets) for module, presets in named.items()}


@pytest.mark.parametrize(
    "module",
    ["with_kaldi_native_fbank", "with_librosa", "with_python_speech_features", "with_tensorflow", "with_transformers"],
)
def test_a_librarys_calls_are_found_where_it_is_installed(module: str) -> None:
    on_cpu()
    chosen = [library for library in LIBRARIES if library.module == module]
    assert sorted(chosen[0].references()) == sorted(preset for library in chosen for preset in library.presets)


def test_a_library_that_is_not_there_is_told_with_the_command_that_installs_it() -> None:
    library = Library("no-such-package", "with_nothing", (PRESET,), beside=("numpy",))
    assert reference_of(PRESET, library) == (None, "not installed: pip install numpy no-such-package")
    assert reference_of(PRESET, replace(library, name="numpy", beside=("no-such-package",)))[0] is None


def test_a_library_that_cannot_be_imported_is_told() -> None:
    reference, note = reference_of(PRESET, Library("numpy", "with_nothing", (PRESET,)))
    assert reference is None
    assert note.startswith(f"numpy {np.__version__} cannot be imported: ModuleNotFoundError: ")


def test_another_version_than_the_presets_is_told() -> None:
    library = Library("librosa", "with_librosa", (PRESET,), requirement="'librosa<0.1'")
    assert reference_of(PRESET, library) == (
        None,
        "librosa 0.11.0 is not the version that the preset names: pip install 'librosa<0.1'",
    )


def test_a_system_that_is_no_package_is_compared_by_its_golden_file() -> None:
    on_cpu()
    assert library_of("hifigan") is None
    verdict = check("hifigan", clips={"mine": lambda: noise(22_050)})
    assert not verdict.is_live
    assert verdict.outcome == "pass"
    assert [each.clip for each in verdict.comparisons] == list(signals("hifigan"))
