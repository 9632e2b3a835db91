"""The command line: each command parses, calls one function and prints; the work is done elsewhere.

A command's module is imported when the command is called, so that ``--help`` stays quick.
"""

from __future__ import annotations

import errno
import os
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import import_module
from typing import Any

import click

from audiofeat import __version__
from audiofeat.cli.output import drop_output
from audiofeat.cli.screen import show
from audiofeat.errors import AudioFeatError, Interrupted, StorageError

_COMMANDS = {
    "extract": "Turn a folder of audio, or a manifest, into a feature store.",
    "commit": "Publish what the parts of a run have made (extract --part).",
    "plan": "Say what extract would do, and why, without doing it.",
    "init": "Print a commented configuration to start from.",
    "presets": "List the presets, or print one in full.",
    "parity": "Compare presets with the libraries that they name.",
    "knobs": "Explain every setting of a configuration.",
    "info": "Say what is in a store.",
    "manifest": "Print a store's clips as CSV, JSON lines or scp.",
    "stats": "Mean and variance of a store's features, for normalisation.",
    "verify": "Check every byte of a store against its digests.",
    "diff": "Compare two stores.",
    "plot": "Draw clips beside each other: waveform, spectrum, features.",
    "report": "Write a page about a store: distributions, pictures, failures.",
    "export": "Write a store in the format of another program.",
    "export-frontend": "Write a configuration as a TensorFlow model that takes waveforms.",
    "retry": "Try once more what is in a store's quarantine.",
    "repair": "Compute again what of a store is damaged.",
    "doctor": "Check what this machine has and lacks.",
}
_CANNOT_WRITE = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO)


class _Commands(click.Group):
    """The commands by name; their help lines are at hand without importing them."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(_COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in _COMMANDS:
            return None
        name = cmd_name.replace("-", "_")
        command = getattr(import_module(f"audiofeat.cli.{name}"), name)
        if not isinstance(command, click.Command):
            raise TypeError(f"audiofeat.cli.{cmd_name} has no command of its name")
        return command

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        if args and args[0] not in _COMMANDS and not args[0].startswith("-"):
            from audiofeat.config import did_you_mean

            raise click.UsageError(f"there is no command {args[0]!r}{did_you_mean(args[0], _COMMANDS)}", ctx)
        return super().resolve_command(ctx, args)

    def invoke(self, ctx: click.Context) -> Any:
        # Whoever read our output has left, as `head` does; what was asked for is done. click itself would end with 1.
        try:
            return super().invoke(ctx)
        except BrokenPipeError:
            drop_output()
            raise click.exceptions.Exit(0) from None
        except KeyboardInterrupt:  # in commands that have nothing to finish; click itself would print an empty line
            raise _stopped() from None

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl(list(_COMMANDS.items()))


@click.group(cls=_Commands, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110})
@click.version_option(__version__, prog_name="audiofeat")
def cli() -> None:
    """Turn folders, manifests and containers of audio into feature stores: waveform, STFT, mel, log-mel, MFCC.

    \b
    audiofeat extract recordings features --config librosa-logmel
    audiofeat info features

    Exit codes: 0 done, 1 internal error, 2 usage or configuration, 3 finished with some clips in quarantine,
    4 stopped by --max-failures, 5 no audio found, 10 no store, 11 store locked, 12 damage, or a digest that is not
    the expected one, 13 something needed is missing, 14 storage error, 20 something to do (plan) or not made yet
    (commit), 21 different (diff, parity), 129, 130 and 143 ended by a signal.
    """


def main() -> None:
    """Run the command line; foreseen errors are told in a few lines, without a traceback."""
    _open_closed_streams()
    try:
        with _output_errors():
            cli(standalone_mode=False)
    except click.exceptions.Exit as leave:
        code = leave.exit_code
    except click.ClickException as error:
        error.show()
        code = error.exit_code
    except (click.Abort, KeyboardInterrupt):
        code = _die(_stopped())
    except Interrupted as error:
        code = _die(error)
    except AudioFeatError as error:
        show(f"audiofeat: {error}", err=True)
        code = error.exit_code
    except Exception as error:
        if os.environ.get("AUDIOFEAT_DEBUG"):
            raise
        show(
            f"audiofeat: internal error, a defect of audiofeat: {type(error).__name__}: {error}\n"
            "  try: AUDIOFEAT_DEBUG=1 shows where it happened; please report it",
            err=True,
        )
        code = 1
    else:
        code = 0
    sys.exit(code)


def _stopped() -> Interrupted:
    return Interrupted("stopped", signal_number=signal.SIGINT, hint="")


def _die(error: Interrupted) -> int:
    """Say it, and die of the signal itself, so that a shell's loop around this command ends too."""
    signal.signal(error.signal_number, signal.SIG_DFL)
    show(f"audiofeat: {error}", err=True)
    os.kill(os.getpid(), error.signal_number)
    return 128 + error.signal_number


def _open_closed_streams() -> None:
    """Point standard streams that are closed (``2>&-``) to /dev/null: else the next file opened gets their number."""
    for fd, name, mode in ((0, "stdin", "r"), (1, "stdout", "w"), (2, "stderr", "w")):
        try:
            os.fstat(fd)
        except OSError:
            # The lowest number that is free is this one. Processes that are started later want it too.
            os.set_inheritable(os.open(os.devnull, os.O_RDWR), True)
            setattr(sys, name, os.fdopen(fd, mode, encoding="utf-8", errors="replace", closefd=False))


@contextmanager
def _output_errors() -> Iterator[None]:
    """Turn what a full disk or a lost terminal does to standard output into a StorageError.

    It is known by having no file's name; audiofeat's own files have their StorageError already.
    """
    try:
        yield
    except OSError as error:
        if error.filename is not None or error.errno not in _CANNOT_WRITE:
            raise
        drop_output()
        hint = "make room, or send the output elsewhere"
        raise StorageError(f"cannot write standard output: {error.strerror}", hint=hint) from error
