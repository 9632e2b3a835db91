"""The arguments and options that say what a job is: of every command that is given one."""

from __future__ import annotations

from collections.abc import Callable
from typing import IO, TYPE_CHECKING, Any, TypeVar

import click

from audiofeat.cli.device_option import device_option
from audiofeat.errors import ConfigError

if TYPE_CHECKING:
    from audiofeat.config import Config
    from audiofeat.run_options import RunOptions

_Command = TypeVar("_Command", bound=Callable[..., Any])

_OPTIONS = (
    click.argument("source", required=False, type=click.Path()),
    click.argument("store", required=False, type=click.Path()),
    click.option(
        "-c",
        "--config",
        "config_name",
        metavar="FILE_OR_PRESET",
        help="A YAML file, or a preset's name (see `audiofeat presets`).",
    ),
    click.option(
        "--set",
        "overrides",
        multiple=True,
        metavar="KEY=VALUE",
        help="Change one setting, such as mel.bands=40; may be given again (see `audiofeat knobs`).",
    ),
    click.option(
        "--files-from",
        type=click.File("rb"),
        metavar="FILE",
        help="Take the files named in FILE (- is standard input), one a line or NUL-separated. SOURCE is then the "
        "folder that their keys are relative to; with one argument that is STORE, and SOURCE the working directory.",
    ),
    click.option(
        "--format",
        "store_format",
        type=click.Choice(["hdf5", "npy"]),
        help="Kind of store.  [default: as configured, else hdf5]",
    ),
    device_option(
        "Where features are computed: gpu is all GPUs, gpu:1 or gpu:0,2 some of them; auto keeps an existing store's "
        "kind."
    ),
    click.option(
        "--fingerprint",
        type=click.Choice(["stat", "content"]),
        default="stat",
        show_default=True,
        help="How an unchanged file is known: by size, time of last change and inode, or by hashing each.",
    ),
    click.option("--no-follow", is_flag=True, help="Leave symbolic links out instead of following them."),
)


def job_options(command: _Command) -> _Command:
    """Give a command the arguments and options that :func:`job_of` takes."""
    for option in reversed(_OPTIONS):
        command = option(command)
    return command


def job_of(
    *,
    command: str,
    source: str | None,
    store: str | None,
    config_name: str | None,
    overrides: tuple[str, ...],
    files_from: IO[bytes] | None,
    store_format: str | None,
    device: str,
    fingerprint: str,
    no_follow: bool,
) -> tuple[Config, RunOptions]:
    """The configuration and the options of a run, from the command line. Raises ConfigError."""
    # Only here, so that a worker may be started before it.
    from audiofeat.config import load_config, preset_names

    if config_name is None:
        raise ConfigError(
            f"{command} needs --config: a YAML file or the name of a preset",
            hint=f"--config with one of {', '.join(preset_names())}",
        )
    if files_from is not None and store is None:
        source, store = None, source
    config = load_config(config_name, overrides=overrides, source=source, store_path=store, store_format=store_format)
    from audiofeat.run_options import RunOptions

    options = RunOptions(
        device=device,
        follow_links=not no_follow,
        files=files_from.read() if files_from is not None else None,
        fingerprint="content" if fingerprint == "content" else "stat",
    )
    return config, options
