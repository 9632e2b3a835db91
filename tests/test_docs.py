"""The README names every command and every option that there is, and none that is not."""

from __future__ import annotations

import re

import click
import pytest
from conftest import PROJECT

from audiofeat.cli import cli
from audiofeat.config import preset_names

README = (PROJECT / "README.md").read_text()
UNIVERSAL = {"--help", "--version"}


def commands() -> list[tuple[str, click.Command]]:
    context = click.Context(cli)
    found = [(name, cli.get_command(context, name)) for name in cli.list_commands(context)]
    return [(name, command) for name, command in found if command is not None]


def long_options(command: click.Command) -> set[str]:
    options = (parameter for parameter in command.params if isinstance(parameter, click.Option))
    return {name for option in options for name in option.opts if name.startswith("--")}


@pytest.mark.parametrize(("name", "command"), commands(), ids=lambda value: value if isinstance(value, str) else "")
def test_the_readme_names_each_command_with_its_options(name: str, command: click.Command) -> None:
    assert f"audiofeat {name}" in README
    assert sorted(option for option in long_options(command) if option not in README) == []


def test_the_readme_names_no_option_that_is_not_there() -> None:
    lines = [line for line in README.splitlines() if "audiofeat " in line and "scripts/" not in line]
    named = {option for line in lines for option in re.findall(r"(?<![\w-])--[a-z][a-z-]+", line)}
    there = {option for _, command in commands() for option in long_options(command)} | UNIVERSAL
    assert named
    assert sorted(named - there) == []


def test_every_command_is_there() -> None:
    assert [name for name, _ in commands()] == cli.list_commands(click.Context(cli))


def test_the_readme_names_each_preset() -> None:
    assert [name for name in preset_names() if name not in README] == []


@pytest.mark.parametrize(("name", "command"), commands(), ids=lambda value: value if isinstance(value, str) else "")
def test_each_command_and_option_has_help(name: str, command: click.Command) -> None:
    assert command.help
    options = [parameter for parameter in command.params if isinstance(parameter, click.Option)]
    assert [option.name for option in options if not option.help] == []


def test_each_command_is_listed_with_the_line_that_its_own_help_begins_with() -> None:
    context = click.Context(cli)
    shown = cli.get_help(context)
    for name, _ in commands():
        assert re.search(rf"^  {name} +\S", shown, re.MULTILINE), name
