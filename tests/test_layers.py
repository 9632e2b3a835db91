"""Imports run one way, and the command line starts without the heavy libraries."""

from __future__ import annotations

import ast
import importlib.util
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

# A part may import parts of lower rank only; the files of one part may import each other.
RANKS = {
    "errors": 0,
    "records": 0,
    "signs": 0,
    "tasks": 1,
    "borders": 1,
    "config": 1,
    "garbage": 1,
    "memory": 1,
    "peak_memory": 1,
    "stopwatch": 1,
    "source": 2,
    "decode": 2,
    "dsp": 2,
    "store": 2,
    "tape": 2,
    "device": 2,
    "bottleneck": 2,
    "selection": 2,
    "identity": 3,
    "settings": 3,
    "reading": 3,
    "frontend": 3,
    "shard": 3,
    "known": 4,
    "compare": 5,
    "manifest": 4,
    "export": 5,
    "stats": 4,
    "ahead": 4,
    "pieces": 4,
    "plan": 6,
    "unlisted": 5,
    "choice": 5,
    "deck": 5,
    "outcome": 5,
    "results": 3,
    "reuse": 5,
    "unfit": 5,
    "lane": 6,
    "contents": 7,
    "finish": 8,
    "one_clip": 6,
    "engine": 7,
    "report": 7,
    "run_options": 6,
    "part": 1,
    "part_notes": 9,
    "commit_parts": 10,
    "max_failures": 5,
    "expected_digest": 7,
    "serving": 4,
    "job": 7,
    "remembered": 8,
    "preview": 9,
    "plot": 9,
    "page": 10,
    "pipeline": 10,
    "doctor": 8,
    "parity": 8,
    "verify": 11,
    "api": 11,
    "cli": 13,
    "__init__": 12,
    "__main__": 14,
}
HEAVY = {"h5py", "jinja2", "librosa", "matplotlib", "numpy", "pyarrow", "soundfile", "soxr", "tensorflow"}


def package_folder() -> Path:
    spec = importlib.util.find_spec("audiofeat")
    assert spec is not None
    assert spec.submodule_search_locations
    return Path(next(iter(spec.submodule_search_locations)))


def package_files() -> list[Path]:
    return sorted(path.relative_to(package_folder()) for path in package_folder().rglob("*.py"))


def part_of(file: Path) -> str:
    return file.parts[0].removesuffix(".py")


def imported_parts(source: str) -> Iterator[tuple[int, str]]:
    """The parts of audiofeat that ``source`` imports anywhere, each with its line; '__init__' is the package itself."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.module == "audiofeat":
            names = [f"audiofeat.{alias.name}" if alias.name in RANKS else "audiofeat" for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.module:
            names = [node.module]
        else:
            continue
        for name in names:
            package, *rest = name.split(".")
            if package == "audiofeat":
                yield node.lineno, rest[0] if rest else "__init__"


def offences(file: Path, source: str) -> list[str]:
    own = part_of(file)
    return [
        f"{file}:{line}: {own} (rank {rank_of(own)}) imports {part} (rank {rank_of(part)})"
        for line, part in imported_parts(source)
        if part != own and rank_of(part) >= rank_of(own)
    ]


def rank_of(part: str) -> int:
    return RANKS.get(part, 0)  # test_every_part_has_a_rank reports one without


def test_every_part_has_a_rank() -> None:
    files = package_files()
    assert files
    assert sorted({part_of(file) for file in files} - RANKS.keys()) == [], (
        "add them to RANKS, as low as their imports allow"
    )


def test_imports_run_one_way() -> None:
    found = [offence for file in package_files() for offence in offences(file, (package_folder() / file).read_text())]
    assert found == []


@pytest.mark.parametrize(
    ("file", "source", "refused"),
    [
        ("errors.py", "from audiofeat.records import Clip", True),
        ("decode/clip.py", "import audiofeat.store.layout", True),
        ("decode/clip.py", "def late():\n    from audiofeat.cli import main", True),
        ("plan.py", "from audiofeat import pipeline", True),
        ("plan.py", "import audiofeat", True),
        ("decode/clip.py", "from audiofeat.decode.sniff import sniff", False),
        ("cli/__init__.py", "from audiofeat import errors", False),
        ("decode/clip.py", "import os, audiofeat_extra", False),
    ],
)
def test_the_rule_tells_up_from_down(file: str, source: str, refused: bool) -> None:
    assert bool(offences(Path(file), source)) is refused


def test_the_command_line_starts_without_the_heavy_libraries() -> None:
    listing = "import sys, audiofeat.cli; print(*{name.partition('.')[0] for name in sys.modules})"
    done = subprocess.run([sys.executable, "-c", listing], capture_output=True, text=True, check=True)
    loaded = set(done.stdout.split())
    assert "audiofeat" in loaded
    assert sorted(loaded & HEAVY) == []


def test_matplotlib_is_imported_by_what_draws_and_only_when_it_is_called() -> None:
    for file in package_files():
        for node in ast.parse((package_folder() / file).read_text()).body:
            names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            names += [node.module or ""] if isinstance(node, ast.ImportFrom) else []
            assert not any(name.partition(".")[0] == "matplotlib" for name in names), file
