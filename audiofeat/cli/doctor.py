"""``audiofeat doctor``."""

from __future__ import annotations

from pathlib import Path

import click

from audiofeat.errors import MissingToolError


@click.command()
@click.option(
    "--path",
    "folder",
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    default=Path(),
    help="A folder on the disk that stores will lie on.  [default: here]",
)
def doctor(folder: Path) -> None:
    """Check TensorFlow, GPU, decoders, formats, versions and disk. Exit code 13 if something needed is missing."""
    from audiofeat.doctor import examine

    problems = 0
    for finding in examine(folder.absolute()):
        problems += finding.is_problem
        click.echo(
            f"{'!!' if finding.is_problem else 'ok' if finding.is_fine else '--'}  {finding.subject:15} {finding.text}"
        )
    if problems:
        raise MissingToolError(f"{problems} problem{'s' if problems > 1 else ''}: the lines that begin with !!")
