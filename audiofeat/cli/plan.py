"""``audiofeat plan``."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import click

from audiofeat.cli.job_options import job_of, job_options
from audiofeat.cli.screen import show
from audiofeat.config.wording import counted

if TYPE_CHECKING:
    from audiofeat.preview import Line, Preview


@click.command()
@job_options
@click.option("--each", is_flag=True, help="Only list the clips that would be decoded: kind, key, reason; with tabs.")
@click.option("--json", "as_json", is_flag=True, help="Print the same as JSON.")
def plan(each: bool, as_json: bool, **job: Any) -> None:
    """Say what `audiofeat extract` would do with the same arguments, and why; nothing is written.

    Exit code 0: nothing to do; 20: something is.

    \b
    audiofeat plan recordings features --config librosa-logmel
    audiofeat plan --config job.yaml --json
    """
    config, options = job_of(command="plan", **job)
    from audiofeat.preview import preview

    found = preview(config, options)
    if as_json:
        click.echo(json.dumps(found.to_json(each=each), indent=2))
    elif each:
        for key, reason in found.decoded:
            show(f"{reason.kind}\t{key}\t{reason.words}")
    else:
        show("\n".join(_shown(found)))
    sys.exit(found.exit_code)


def _shown(found: Preview) -> Iterator[str]:
    what = "nothing to do"
    if found.clips_to_decode:
        what = f"{found.clips_to_decode:,} of {found.clips:,} clips to decode"
    elif found.shards_to_write:
        what = "nothing to decode, rows to copy"
    elif found.has_work:
        what = "nothing to decode; the manifest changes"
    shards = f", {counted(found.shards_to_write, 'shard')} to write"
    yield f"{found.store}: {what}{shards if found.shards_to_write else ''}"
    yield f"  {'':14}{'clips':>10}  {'length':>11}  {'features':>12}"
    for line in found.lines:
        yield _row(line)
    if any(line.is_estimate for line in found.lines):
        yield "  ~ estimated: from some of the files, or their headers do not tell"
    for warning in found.warnings:
        yield f"  warning   {warning}"


def _row(line: Line) -> str:
    from audiofeat.report import duration_text, size_text

    about = "~" if line.is_estimate else ""
    length = "?" if line.seconds is None else f"{about}{duration_text(line.seconds)}"
    size = "" if line.size_bytes is None else f"{about}{size_text(line.size_bytes)}"
    if line.kind in ("in quarantine", "left out"):
        length = ""
    reason = "" if line.reason == line.kind else line.reason
    return f"  {line.kind:14}{line.clips:>10,}  {length:>11}  {size:>12}  {reason}".rstrip()
