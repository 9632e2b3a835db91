"""Rows 28 and 31 to 44: manifests, configurations and keys that are wrong end a run with code 2 before any work.

Through the command line, in this process: each test asks what a user would see, and that no store was begun.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from small_store import make_store, settings_for
from store_suite import random_arrays

from audiofeat import open_store
from audiofeat.cli import main

Refused = Callable[..., str]


@pytest.fixture
def refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Refused:
    """What is said of a source (by default one that is not there) and a configuration, both refused."""

    def run(*options: str, source: str = "nowhere", config: str = "kaldi-fbank80") -> str:
        monkeypatch.chdir(tmp_path)
        monkeypatch.setattr(sys, "argv", ["audiofeat", "extract", source, "store", "--config", config, *options])
        with pytest.raises(SystemExit) as left:
            main()
        assert left.value.code == 2
        assert not (tmp_path / "store").exists()
        said = capsys.readouterr().err
        assert "Traceback" not in said
        return said

    return run


@pytest.fixture
def manifest_refused(refused: Refused, tmp_path: Path) -> Refused:
    """What is said of a manifest of this content."""

    def run(content: str | bytes, name: str = "clips.csv") -> str:
        (tmp_path / name).write_bytes(content if isinstance(content, bytes) else content.encode())
        return refused(source=name)

    return run


@pytest.fixture
def config_refused(refused: Refused, tmp_path: Path) -> Refused:
    """What is said of a configuration of this text; the source is not there, which nobody finds out."""

    def run(text: str) -> str:
        (tmp_path / "job.yaml").write_text(text)
        said = refused(config="job.yaml")
        assert "nowhere" not in said
        return said

    return run


def test_row_28_two_files_that_differ_by_suffix_alone_are_told_to_keep_it(refused: Refused, tmp_path: Path) -> None:
    for name in ("x.wav", "x.flac"):
        (tmp_path / name).touch()
    said = refused(source=".")
    assert "x: x.flac, x.wav" in said
    assert "select.keys=name" in said


def test_row_26_27_names_that_a_file_system_may_take_for_one_are_refused_for_npy(
    refused: Refused, tmp_path: Path
) -> None:
    for name in ("A.wav", "a.wav", "\u00df.wav", "SS.wav", "\u00e9.wav", "e\u0301.wav"):
        (tmp_path / name).touch()
    said = refused("--format", "npy", source=".")
    assert "(3 found)" in said
    assert "--format hdf5" in said


def test_row_31_a_nul_in_a_key_is_refused_with_its_place(manifest_refused: Refused) -> None:
    said = manifest_refused('{"path": "a.wav", "key": "nul\\u0000x"}\n', "clips.jsonl")
    assert "line 1   key   'nul\\x00x'" in said
    assert "line 2   -   a NUL character" in manifest_refused(b"path,key\na.wav,nul\0x\n")


def test_row_32_keys_that_lead_elsewhere_are_refused(manifest_refused: Refused) -> None:
    """``C:\\x`` is none of them: here it is a name like any other, and an NPY file's name has its colon encoded."""
    keys = ("../../etc/x", "/etc/x", "a/../../x", "..", ".", "a//b", "a/", " ")
    said = manifest_refused("path,key\n" + "".join(f"a.wav,{key}\n" for key in keys))
    assert f"{len(keys)} problems" in said
    assert all(f"line {number}   key" in said for number in range(2, 2 + len(keys)))


@pytest.mark.parametrize("store_format", ["hdf5", "npy"])
def test_row_33_a_key_may_be_the_folder_of_another(tmp_path: Path, store_format: str) -> None:
    arrays = {key: random_arrays(3, seed=seed) for seed, key in enumerate(("a", "a/b", "a/b/c", "C:\\x"))}
    make_store(tmp_path / "store", settings_for(store_format=store_format), arrays)
    with open_store(tmp_path / "store", verify=True) as store:
        assert sorted(store) == sorted(arrays)
        for key, features in arrays.items():
            assert all((store[key][name] == values).all() for name, values in features.items())


def test_row_34_a_key_that_is_there_twice_is_refused_be_it_of_one_file(manifest_refused: Refused) -> None:
    """Not even one file twice is taken for one: which of two rows has the right label nobody knows."""
    said = manifest_refused("path,key,label\na.wav,k,yes\nb.wav,k,no\na.wav,k,yes\n")
    assert "line 3   key   'k': line 2 has the same key" in said
    assert "line 4   key   'k': line 2 has the same key" in said


def test_row_35_text_that_is_not_utf_8_is_refused_with_line_and_column(manifest_refused: Refused) -> None:
    """What spreadsheets put around it, a byte order mark and their own line ends, is fine: see test_manifests."""
    assert "line 3   -   byte 0xFC at 9 of the line" in manifest_refused("path,w\na,\nb.wav,grün\n".encode("latin-1"))
    assert "the file is UTF-16" in manifest_refused("path\na.wav\n".encode("utf-16"))
    assert "line 2   -   a NUL character" in manifest_refused(b"path\na\0.wav\n")


def test_row_36_37_all_wrong_rows_are_listed_twenty_of_them_in_full(manifest_refused: Refused) -> None:
    wrong = ("a.wav,1\n", "a.wav,2,1\n", "a.wav,-1,1\n", "a.wav,nan,1\n", "a.wav,1,1\n", "a.wav,,0\n")
    said = manifest_refused("path,start,end\n" + "".join(wrong * 10))
    assert "60 problems" in said
    assert "line 2    -       2 cells, where the header has 3" in said
    assert "line 3    end     '1': must be greater than start, which is 2" in said
    assert "line 5    start   'nan': must be finite" in said
    assert "line 21" in said
    assert "... and 40 more" in said


def test_row_38_a_key_written_twice_is_refused_with_both_lines(config_refused: Refused) -> None:
    assert "lines 2 and 3" in config_refused("mel:\n  bands: 80\n  bands: 40\nfeatures: {mel: }\n")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("frame: {remove_dc: no}", "expected true or false, got the text 'no'"),
        ("mel: {bands: 012}", "expected a whole number, got the text '012'"),
        ("audio: {sample_rate: 12:30:45}", "'12:30:45': a whole number"),
        ("mel: {bands: 1e3}", "expected a whole number, got 1000.0"),
        ("mel: {fmin_hz: .nan}", "finite"),
        ("mel: {fmin_hz: 2024-05-01}", "expected a number, got the text '2024-05-01'"),
    ],
)
def test_row_39_no_value_is_guessed_into_another_type(config_refused: Refused, text: str, said: str) -> None:
    assert said in config_refused(f"{text}\nfeatures: {{mel: }}\n")


def test_row_40_a_config_that_grows_when_it_is_read_is_refused(config_refused: Refused) -> None:
    """Aliases as such are fine, a few of them: what they may grow to has a limit."""
    lines = ["l0: &l0 [x, x, x, x, x, x]"]
    lines += [f"l{n}: &l{n} [{', '.join([f'*l{n - 1}'] * 6)}]" for n in range(1, 9)]
    assert "more than" in config_refused("\n".join(lines))
    assert "levels of nesting" in config_refused("[" * 3_000)
    assert "larger than" in config_refused("#" * 1_048_577)


def test_row_41_a_tag_that_builds_objects_is_refused(config_refused: Refused) -> None:
    said = config_refused("source: !!python/object/apply:os.system [touch pwned]\nfeatures: {mel: }\n")
    assert "unsafe or unknown" in said


def test_row_42_an_unknown_option_is_told_its_nearest_name(config_refused: Refused, refused: Refused) -> None:
    assert "did you mean 'bands'?" in config_refused("mel: {bandz: 40}\nfeatures: {mel: }\n")
    assert "did you mean 'bands'?" in refused("--set", "mel.bandz=40")
    assert "--workers" in refused("--worker", "2")


def test_row_43_what_json_does_not_know_is_refused(manifest_refused: Refused) -> None:
    deep = f'{{"path": "a.wav", "x": {"[" * 100_000}{"]" * 100_000}}}'
    lines = ('{"path": "a.wav", "x": NaN}', '{"path": "a.wav", "x": 1e999}', '{"path": "a", "path": "b"}', deep)
    said = manifest_refused("\n".join(lines), "clips.jsonl")
    assert "line 1   -   NaN is not JSON" in said
    assert "line 2   x   a number too large for 64 bits" in said
    assert "line 3   -   the key 'path' is there twice" in said
    assert "line 4   -   nested too deeply" in said


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("frame: {n_fft: 0}", "frame.n_fft"),
        ("frame: {win_samples: 400, hop_samples: 0}", "frame.hop_samples"),
        ("mel: {fmax_hz: 9000}", "mel.fmax_hz"),
        ("mel: {bands: 0}", "mel.bands"),
        ("mfcc: {n: 90}\nmel: {bands: 40}", "mfcc.n"),
    ],
)
def test_row_44_what_cannot_be_computed_is_refused_by_its_rule(config_refused: Refused, text: str, said: str) -> None:
    assert said in config_refused(f"audio: {{sample_rate: 16000}}\n{text}\nfeatures: {{mfcc: }}\n")
