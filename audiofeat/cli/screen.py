"""What commands say to people. JSON and tables for programs go out as they are, JSON with escapes of its own."""

from __future__ import annotations

import click

from audiofeat.signs import printable


def show(text: str, *, err: bool = False) -> None:
    """Print text for people, line ends and tabs as they are."""
    click.echo(printable(text), err=err)
