"""Wrong manifests: every problem at once, each with its place, its column, what was found and the rule.

The messages are written out in full, to be judged by reading them.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from audiofeat.config import Manifest
from audiofeat.errors import SourceError
from audiofeat.source import list_source


def refusal(file: Path, content: str | bytes, **columns: str) -> str:
    """What the refusal of a file with this content says, without the folder that it lies in."""
    file.write_bytes(content if isinstance(content, bytes) else content.encode())
    with pytest.raises(SourceError) as caught:
        list_source(str(file), manifest=Manifest(**columns), keep_suffix=False)
    assert caught.value.exit_code == 2
    return str(caught.value).replace(f"{file.parent}/", "")


TEXTS: dict[str, tuple[str, str | bytes, str]] = {
    "all of it at once": (
        "clips.csv",
        "path,start,end,channel\na.wav,3.5,1.2,\nb.wav,,,left\nc.wav,-1,0,-1\na.wav,1,2,0\n,x,nan,1.5\n../d.wav,1,2\n",
        """\
clips.csv: 10 problems
  line 2   end       '1.2': must be greater than start, which is 3.5
  line 3   channel   'left': not a number; channels count from 0
  line 4   start     '-1': must be at least 0
  line 4   end       '0': must be greater than 0
  line 4   channel   '-1': must be at least 0
  line 6   path      empty; every row needs the path of its file
  line 6   start     'x': not a number; seconds are wanted, such as 12.5
  line 6   end       'nan': must be finite
  line 6   channel   '1.5': not a whole number; channels count from 0
  line 7   -         3 cells, where the header has 4""",
    ),
    "an empty file": (
        "clips.csv",
        "",
        """\
clips.csv: 1 problem
  line 1   -   the file is empty; its first line must name the columns""",
    ),
    "no column of paths": (
        "clips.csv",
        "pth,label\na.wav,cat\n",
        """\
clips.csv: 1 problem
  line 1   path   no such column; did you mean 'pth'?  (columns: pth, label); --set manifest.path=NAME names another""",
    ),
    "NeMo's name for it": (
        "clips.jsonl",
        '{"audio_filepath": "a.wav", "duration": 1.5, "text": "yes"}\n',
        """\
clips.jsonl: 1 problem
  line 1   path   no such column; did you mean 'audio_filepath'?  (columns: audio_filepath, duration, text); \
--set manifest.path=NAME names another""",
    ),
    "no header": (
        "clips.csv",
        "a.wav,cat\nb.wav,dog\n",
        """\
clips.csv: 1 problem
  line 1   path   no such column; the first line must name the columns  (columns: a.wav, cat); \
--set manifest.path=NAME names another""",
    ),
    "tabs in a .csv": (
        "clips.csv",
        "path\tlabel\na.wav\tcat\n",
        """\
clips.csv: 1 problem
  line 1   path   no such column: tabs separate the columns, so call the file .tsv""",
    ),
    "semicolons": (
        "clips.csv",
        "path;label\na.wav;cat\n",
        """\
clips.csv: 1 problem
  line 1   path   no such column: semicolons separate the columns, where commas must""",
    ),
    "columns twice, without a name, or in spaces": (
        "clips.csv",
        "path,label,, start,label\n",
        """\
clips.csv: 3 problems
  line 1   -          column 3 has no name
  line 1   ' start'   a column's name must not begin or end with spaces
  line 1   label      two columns have this name, 2 and 5""",
    ),
    "paths": (
        "clips.csv",
        "path\nhttps://example.org/a.wav\n/data/a.wav\n../a.wav\nx/../../a.wav\n.\n",
        """\
clips.csv: 5 problems
  line 2   path   'https://example.org/a.wav': a URL; fetch it first
  line 3   path   '/data/a.wav': an absolute path needs a key (column 'key')
  line 4   path   '../a.wav': a path that leads out of the manifest's folder needs a key (column 'key')
  line 5   path   'x/../../a.wav': a path that leads out of the manifest's folder needs a key (column 'key')
  line 6   path   '.': this names the manifest's own folder""",
    ),
    "keys": (
        "clips.csv",
        "path,key\na.wav,/a\na.wav,a//b\na.wav,a/../b\na.wav,./a\na.wav,a/\na.wav,.\na.wav, \u3000\na.wav, a \n",
        """\
clips.csv: 7 problems
  line 2   key   '/a': a key must not begin with a slash
  line 3   key   'a//b': a key must not have empty parts, '.' or '..' between its slashes
  line 4   key   'a/../b': a key must not have empty parts, '.' or '..' between its slashes
  line 5   key   './a': a key must not have empty parts, '.' or '..' between its slashes
  line 6   key   'a/': a key must not have empty parts, '.' or '..' between its slashes
  line 7   key   '.': a key must not have empty parts, '.' or '..' between its slashes
  line 8   key   ' \\u3000': a key must not be blank; an empty cell names the clip after its file""",
    ),
    "keys that are there twice, in words": (
        "clips.csv",
        "path,key\na.wav,x\nb.wav,x\nx.wav,\na.wav,y\n,x\nc.wav,x\n",
        """\
clips.csv: 4 problems
  line 3   key    'x': line 2 has the same key
  line 4   key    'x': line 2 has the same key
  line 6   path   empty; every row needs the path of its file
  line 7   key    'x': line 2 has the same key
  try: give each row a key of its own, in the column 'key' (manifest.key)""",
    ),
    "keys that are there twice, of files": (
        "clips.csv",
        'path,text\na.wav,"one\nwith a second line"\na.mp3,two\n./a.wav,\n',
        """\
clips.csv: 2 problems
  line 4   key   'a': line 2 has the same key
  line 5   key   'a': line 2 has the same key
  try: give each row a key of its own, in the column 'key' (manifest.key); \
for files that differ by suffix alone, --set select.keys=name is enough""",
    ),
    "keys that are there twice, of spans": (
        "clips.jsonl",
        '{"path": "src/m.wav", "end": 1}\n\n{"path": "src/m.wav", "end": 2}\n{"path": "src/m.wav", "end": 1.0001}\n',
        """\
clips.jsonl: 1 problem
  line 4   key   'src/m@0-1000': line 1 has the same key
  try: give each row a key of its own, in the column 'key' (manifest.key); \
for files that differ by suffix alone, --set select.keys=name is enough""",
    ),
    "numbers": (
        "clips.tsv",
        (
            "path\tstart\tend\tchannel\n"
            "a\t1,5\t\t\nb\t00:01\t\t\nc\t1_0\t\t\nd\tinf\t\t\ne\t\t2e9\t\nf\t\t\t1024\ng\t\t\tnan\nh\t2\t2.0\t\n"
        ),
        """\
clips.tsv: 8 problems
  line 2   start     '1,5': a decimal comma; write 1.5
  line 3   start     '00:01': not a number; seconds are wanted, such as 12.5
  line 4   start     '1_0': not a number; seconds are wanted, such as 12.5
  line 5   start     'inf': must be finite
  line 6   end       '2e9': must be at most 1,000,000,000 seconds
  line 7   channel   '1024': must be at most 1,023
  line 8   channel   'nan': not a whole number; channels count from 0
  line 9   end       '2.0': must be greater than start, which is 2""",
    ),
    "a quote left open": (
        "clips.csv",
        'path,text\na.wav,fine\nb.wav,"he said\nc.wav,fine\n',
        """\
clips.csv: 1 problem
  line 3   -   a quote is opened and never closed""",
    ),
    "a quote left open in a long file": (
        "clips.csv",
        'path,text\nb.wav,"he said\n' + "c.wav,fine\n" * 20_000,
        """\
clips.csv: 1 problem
  line 2   -   a cell of more than 131,072 characters; is a quote left open?""",
    ),
    "quotes inside quotes": (
        "clips.csv",
        'path,text\n"a\nb.wav",fine\nb.wav,"he "really" said"\n',
        """\
clips.csv: 1 problem
  line 4   -   something follows a closing quote; a quote inside a quoted cell is written twice""",
    ),
    "line ends of old Macs": (
        "clips.csv",
        "path,text\ra.wav,fine\r",
        """\
clips.csv: 1 problem
  line 1   -   a carriage return inside a line; save the file with Unix or Windows line ends""",
    ),
    "UTF-16": (
        "clips.csv",
        "path\na.wav\n".encode("utf-16"),
        """\
clips.csv: 1 problem
  line 1   -   the file is UTF-16; save it as UTF-8 (iconv -t UTF-8)""",
    ),
    "UTF-16 without a byte order mark": (
        "clips.tsv",
        "path\na.wav\n".encode("utf-16-le"),
        """\
clips.tsv: 1 problem
  line 1   -   a NUL character; a text file in UTF-16? save it as UTF-8 (iconv -t UTF-8)""",
    ),
    "Latin-1": (
        "clips.csv",
        "path,word\na.wav,ok\nb.wav,grün\n".encode("latin-1"),
        """\
clips.csv: 1 problem
  line 3   -   byte 0xFC at 9 of the line is not UTF-8; save it as UTF-8 (iconv -t UTF-8); \
file names outside of it can be given by --files-from""",
    ),
    "no text at all": (
        "clips.csv",
        b"\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR",
        """\
clips.csv: 1 problem
  line 1   -   byte 0x89 at 1 of the line is not UTF-8; save it as UTF-8 (iconv -t UTF-8); \
file names outside of it can be given by --files-from""",
    ),
    "a path with a NUL": (
        "wav.scp",
        b"utt1 a\0b.wav\n",
        """\
wav.scp: 1 problem
  line 1   -   a NUL character; a text file in UTF-16? save it as UTF-8 (iconv -t UTF-8)""",
    ),
    "one endless line": (
        "clips.csv",
        b"path\n" + b"a" * 10_000_000,
        """\
clips.csv: 1 problem
  line 2   -   a line of more than 1,048,576 bytes""",
    ),
    "a path and a key longer than paths may be": (
        "clips.csv",
        f"path,key\n{'a' * 5_000}.wav,\nb.wav,{'ü' * 2_500}\n",
        f"""\
clips.csv: 2 problems
  line 2   key   '{"a" * 56}...: makes a key of more than 4,096 bytes
  line 3   key   '{"ü" * 56}...: makes a key of more than 4,096 bytes""",
    ),
    "JSON that is none": (
        "clips.jsonl",
        (
            '{"path": "a.wav"\n'
            '{"path": "a.wav", "x": NaN}\n'
            '["a.wav"]\n'
            '"a.wav"\n'
            "null\n"
            '{"path": "a.wav", "path": "b.wav"}\n'
            f'{{"path": "a.wav", "x": {"[" * 100_000}{"]" * 100_000}}}\n'
            f'{{"path": "a.wav", "x": {"9" * 5_000}}}\n'
        ),
        """\
clips.jsonl: 8 problems
  line 1   -   not JSON: Expecting ',' delimiter at character 18
  line 2   -   NaN is not JSON; null stands for a missing value
  line 3   -   expected an object, {...}, got a list; one object a line is wanted
  line 4   -   expected an object, {...}, got a text; one object a line is wanted
  line 5   -   expected an object, {...}, got null; one object a line is wanted
  line 6   -   the key 'path' is there twice
  line 7   -   nested too deeply
  line 8   -   a whole number of 5,000 digits""",
    ),
    "JSON over several lines": (
        "clips.json",
        '[\n  {"path": "a.wav"}\n]\n',
        """\
clips.json: 1 problem
  line 1   -   one value over several lines; one object a line is wanted (jq -c '.[]')""",
    ),
    "JSON values": (
        "clips.jsonl",
        (
            '{"path": 5}\n'
            '{"path": null}\n'
            '{"path": "a\\u0000b.wav"}\n'
            '{"path": "\\ud800.wav"}\n'
            '{"path": "a.wav", "key": 1.5, "start": true, "end": "1", "channel": [0]}\n'
            '{"path": "a.wav", "start": 1e999}\n'
            '{"path": "a.wav", "x": 1e999, "y": "\\udc80", "z": ["\\ud800"]}\n'
            '{"path": "b.wav", "": 1, " x": 2}\n'
            '{"file": "a.wav"}\n'
        ),
        """\
clips.jsonl: 14 problems
  line 1   path      5: a path must be text
  line 2   path      empty; every row needs the path of its file
  line 3   path      'a\\x00b.wav': a path cannot hold a NUL character
  line 4   path      '\\ud800.wav': holds half a surrogate pair, which is no character
  line 5   key       1.5: a key must be text
  line 5   start     the truth value true: not a number; seconds are wanted, such as 12.5
  line 5   channel   a list: not a number; channels count from 0
  line 6   start     inf: must be finite
  line 7   x         a number too large for 64 bits
  line 7   y         holds half a surrogate pair, which is no character
  line 7   z         holds half a surrogate pair, which is no character
  line 8   -         column 1 has no name
  line 8   ' x'      a column's name must not begin or end with spaces
  line 9   path      no such column; did you mean 'file'?  (columns: file); --set manifest.path=NAME names another""",
    ),
    "Kaldi": (
        "wav.scp",
        (
            "u1 sph2pipe -f wav a.sph |\nu2 feats.ark:123\nu3\nu4 -\nu5 a.wav\nu5 b.wav\n"
            "u6 http://example.org/a.wav\n/u7 a.wav\n"
        ),
        """\
wav.scp: 7 problems
  line 1   path   'sph2pipe -f wav a.sph |': a shell pipe; nothing from a data file is ever executed: \
run it, and name its output
  line 2   path   'feats.ark:123': an offset into a Kaldi archive; name an audio file
  line 3   path   empty; a line is an id and the path of a file
  line 4   path   '-': the standard input; name a file
  line 6   key    'u5': line 5 has the same id
  line 7   path   'http://example.org/a.wav': a URL; fetch it first
  line 8   key    '/u7': a key must not begin with a slash""",
    ),
}


@pytest.mark.parametrize(("name", "content", "message"), TEXTS.values(), ids=TEXTS)
def test_a_wrong_manifest_is_refused_in_these_words(
    tmp_path: Path, name: str, content: str | bytes, message: str
) -> None:
    assert refusal(tmp_path / name, content) == message


def test_a_wrong_segments_file_is_refused_in_these_words(tmp_path: Path) -> None:
    (tmp_path / "segments").write_text(
        "s1 r1 0\ns2 r1 0 1 A\ns3 r9 0 1\ns4 r2 3 2\ns5 r2 0 -2\ns6 r2 a b\ns7 r2 0 1\ns7 r2 1 2\n"
    )
    (tmp_path / "utt2spk").write_text("s7 anna bert\ns4\n")
    assert (
        refusal(tmp_path / "wav.scp", "r1 cat a.wav|\nr2 b.wav\n")
        == """\
wav.scp: 11 problems
  line 1            path        'cat a.wav|': a shell pipe; nothing from a data file is ever executed: \
run it, and name its output
  segments line 1   -           3 fields, where 4 are wanted: segment, recording, start, end
  segments line 2   channel     'A': a segment of one channel is not read from here; use CSV
  segments line 3   recording   'r9': no line of the wav.scp has this id
  segments line 8   key         's7': segments line 7 has the same id
  utt2spk line 1    -           two fields are wanted: utterance, speaker
  utt2spk line 2    -           two fields are wanted: utterance, speaker
  segments line 4   end         '2': must be greater than start, which is 3
  segments line 5   end         '-2': must be at least 0
  segments line 6   start       'a': not a number; seconds are wanted, such as 12.5
  segments line 6   end         'b': not a number; seconds are wanted, such as 12.5"""
    )


def test_twenty_problems_are_shown_and_all_are_counted(tmp_path: Path) -> None:
    text = refusal(tmp_path / "clips.csv", "path\n" + "/a.wav\n" * 1_234)
    lines = text.splitlines()
    assert lines[0] == "clips.csv: 1,234 problems"
    assert lines[20] == "  line 21   path   '/a.wav': an absolute path needs a key (column 'key')"
    assert lines[21:] == ["  ... and 1,214 more"]


@pytest.mark.parametrize(
    ("name", "content", "place"),
    [("clips.csv", "path\na.wav\n", "line 1   "), ("clips.jsonl", '{"path": "a.wav"}\n', "all lines   ")],
)
def test_a_configured_column_must_be_there(tmp_path: Path, name: str, content: str, place: str) -> None:
    message = f"{name}: 1 problem\n  {place}begin   no such column, but manifest.start names it  (columns: path)"
    assert refusal(tmp_path / name, content, start="begin") == message


def test_rows_with_one_key_are_told_to_use_the_configured_column(tmp_path: Path) -> None:
    assert refusal(tmp_path / "clips.csv", "path,utt\na.wav,x\nb.wav,x\n", key="utt") == (
        "clips.csv: 1 problem\n  line 3   utt   'x': line 2 has the same key\n"
        "  try: give each row a key of its own, in the column 'utt' (manifest.key)"
    )


def test_each_repetition_of_a_key_is_a_problem(tmp_path: Path) -> None:
    text = refusal(tmp_path / "clips.csv", "path\n" + "a.wav\n" * 50_000)
    assert text.startswith("clips.csv: 49,999 problems\n  line 3    key   'a': line 2 has the same key\n")


def test_columns_of_a_source_without_any_are_refused(tmp_path: Path) -> None:
    assert refusal(tmp_path / "wav.scp", "u1 a.wav\n", start="begin", path="wav") == (
        "wav.scp: 2 problems\n"
        "  file   wav     no such column, but manifest.path names it: Kaldi's wav.scp has no columns\n"
        "  file   begin   no such column, but manifest.start names it: Kaldi's wav.scp has no columns"
    )
    assert refusal(tmp_path / "a.tar", bytes(1_024), start="begin") == (
        "a.tar: 1 problem\n  file   begin   no such column, but manifest.start names it: a tar file has no columns"
    )
    with pytest.raises(SourceError, match=r"folder   begin   no such column, .*: a folder has no columns"):
        list_source(str(tmp_path), manifest=Manifest(start="begin"), keep_suffix=False)


def test_many_columns_are_not_all_listed(tmp_path: Path) -> None:
    columns = [f"c{number}" for number in range(30)]
    assert refusal(tmp_path / "clips.csv", ",".join(columns)) == (
        "clips.csv: 1 problem\n  line 1   path   no such column  (columns: c0, c1, c2, c3, c4, c5, c6, c7, c8, c9, "
        "c10, c11, and 18 more); --set manifest.path=NAME names another"
    )


def test_what_a_terminal_would_obey_is_quoted(tmp_path: Path) -> None:
    text = refusal(tmp_path / "clips.csv", "path,start,\x1b[2J\n\x1b[2J,\x1b[2Jx,\n")
    assert "\x1b" not in text
    assert "'\\x1b[2Jx': not a number" in text


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("clips.zip", "the source 'clips.zip' is compressed\n  try: unpack it, or pack it again as a plain .tar"),
        ("clips.tar.gz", "the source 'clips.tar.gz' is compressed\n  try: unpack it, or pack it again as a plain .tar"),
        ("CLIPS.TGZ", "the source 'CLIPS.TGZ' is compressed\n  try: unpack it, or pack it again as a plain .tar"),
        (
            "a.wav",
            "the source 'a.wav' is one audio file\n  try: name its folder, '.', or pipe its name into --files-from -",
        ),
        (
            "clips.xlsx",
            (
                "the source 'clips.xlsx' is of no kind that is read here\n"
                "  try: name a folder of audio, .csv, .tsv, .jsonl, .ndjson, .json (an object a line), .scp (Kaldi), "
                ".parquet or .tar"
            ),
        ),
    ],
)
def test_other_files_are_refused_with_what_is_accepted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, message: str
) -> None:
    monkeypatch.chdir(tmp_path)
    Path(name).touch()
    with pytest.raises(SourceError) as caught:
        list_source(name, manifest=Manifest(), keep_suffix=False)
    assert str(caught.value) == message


def test_a_missing_manifest_is_a_missing_source(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match=r"nowhere\.csv' does not exist"):
        list_source(str(tmp_path / "nowhere.csv"), manifest=Manifest(), keep_suffix=False)


def test_a_file_that_cannot_be_read_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(path: str, mode: str) -> None:
        raise PermissionError(13, "Permission denied", path)

    (tmp_path / "clips.csv").touch()
    monkeypatch.setattr("builtins.open", refuse)
    with pytest.raises(
        SourceError, match=r"clips\.csv cannot be read: Permission denied\n  try: check its permissions"
    ):
        list_source(str(tmp_path / "clips.csv"), manifest=Manifest(), keep_suffix=False)
