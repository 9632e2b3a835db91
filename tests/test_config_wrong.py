"""Wrong configurations and their messages, whole, in ``wrong_configs.txt``: to be read by whoever changes one."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest
from npz import save_arrays

from audiofeat.config import load_config
from audiofeat.errors import ConfigError

CASES = {
    title: (config, message.rstrip("\n"))
    for title, config, message in re.findall(
        r"^=== (.+)\n((?:.*\n)*?)>>>\n((?:.*\n)+?)(?=\n|\Z)",
        (Path(__file__).parent / "wrong_configs.txt").read_text("utf-8"),
        re.MULTILINE,
    )
}


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The working directory, with what the cases name."""
    save_arrays(tmp_path / "means.npz", {"log_mel.mean": np.zeros(80)})
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_there_are_many_different_ones() -> None:
    assert len(CASES) >= 40
    assert len({config for config, _ in CASES.values()}) == len(CASES)


@pytest.mark.parametrize("title", CASES)
def test_a_wrong_config_gets_its_message(title: str, folder: Path) -> None:
    config, message = CASES[title]
    (folder / "job.yaml").write_text(config, encoding="utf-8")
    with pytest.raises(ConfigError) as caught:
        load_config("job.yaml")
    assert str(caught.value) == message


@pytest.mark.parametrize("title", CASES)
def test_a_message_names_the_file_the_key_and_what_is_there(title: str) -> None:
    heading, *lines = CASES[title][1].splitlines()
    assert re.fullmatch(r"job\.yaml: (1 problem|\d+ problems)", heading)
    assert len(lines) == int(heading.split()[1])
    for line in lines:
        assert re.fullmatch(r"  (line \d+|-)   +[a-z0-9_.]+   +\S.*", line)
