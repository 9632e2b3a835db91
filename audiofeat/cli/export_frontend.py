"""``audiofeat export-frontend``."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

import click

from audiofeat.cli.screen import show
from audiofeat.cli.signals import heeded_signals
from audiofeat.errors import Interrupted

if TYPE_CHECKING:
    from audiofeat.serving.arithmetic import Arithmetic


@click.command("export-frontend")
@click.argument("config_name", metavar="CONFIG")
@click.option("--to", type=click.Choice(["savedmodel", "tflite"]), required=True, help="The format.")
@click.option(
    "-o", "--output", "folder", type=click.Path(path_type=Path), required=True, metavar="DIR", help="Where to."
)
@click.option(
    "--set",
    "overrides",
    multiple=True,
    metavar="KEY=VALUE",
    help="Change one setting, such as mel.bands=40; may be given again (see `audiofeat knobs`).",
)
@click.option(
    "--arithmetic",
    type=click.Choice(["exact", "xla"]),
    help="Of a SavedModel: exact has the bits of extract in any process; xla is faster, and has them where XLA_FLAGS "
    "is what frontend.json says.  [default: exact]",
)
@click.option("-q", "--quiet", is_flag=True, help="No summary; errors only.")
def export_frontend(
    config_name: str, to: str, folder: Path, overrides: tuple[str, ...], arithmetic: Arithmetic | None, quiet: bool
) -> None:
    """Write the frontend of CONFIG, a YAML file or a preset, as a TensorFlow model: waveforms in, features out.

    DIR must not exist, or be empty; whatever goes wrong, nothing is left there.

    \b
    audiofeat export-frontend librosa-logmel --to savedmodel -o frontend
    audiofeat export-frontend job.yaml --to tflite -o frontend --set audio.dither=0
    """
    from audiofeat.config import load_config
    from audiofeat.serving.fit import check_fit

    config = load_config(config_name, overrides=overrides)
    check_fit(config)  # before TensorFlow, which takes seconds to import
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    from audiofeat.frontend.program import use_device

    use_device("cpu")
    from audiofeat.serving.export import DESCRIPTION
    from audiofeat.serving.export import export_frontend as write

    with heeded_signals() as asked:

        def heed() -> None:
            if asked:
                hint = "the same command again begins anew"
                raise Interrupted("stopped; nothing was written", signal_number=asked[0], hint=hint)

        frontend = write(config, folder, to=to, arithmetic=arithmetic, before_renaming=heed)
    if not quiet:
        features = ", ".join(f"{spec.name} ({spec.dims} columns)" for spec in frontend.features)
        show(f"{folder}: {features} of waveforms at {frontend.sample_rate_hz} Hz; {DESCRIPTION} says more")
