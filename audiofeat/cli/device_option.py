"""The option ``--device``, of every command that computes features."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

import click

from audiofeat.device import parse_device

_Command = TypeVar("_Command", bound=Callable[..., Any])


def device_option(explained: str, *, show_default: bool = True) -> Callable[[_Command], _Command]:
    """Give a command the option; what is no device is refused before anything is done. Raises ConfigError."""
    return click.option(
        "--device",
        metavar="auto|cpu|gpu|gpu:N[,N...]",
        default="auto",
        show_default=show_default,
        callback=_checked,
        help=explained,
    )


def _checked(_context: click.Context, _option: click.Parameter, value: str) -> str:
    parse_device(value)
    return value
