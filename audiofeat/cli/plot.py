"""``audiofeat plot``."""

from __future__ import annotations

from pathlib import Path

import click

from audiofeat.cli.screen import show


@click.command()
@click.argument("names", nargs=-1, required=True, metavar="FILE|STORE:KEY...")
@click.option(
    "-o",
    "--out",
    type=click.Path(path_type=Path),
    default=Path("plot.png"),
    show_default=True,
    metavar="FILE",
    help="The picture; its suffix is .png, .svg or .pdf. A file of that name is replaced.",
)
@click.option(
    "--feature",
    "features",
    multiple=True,
    metavar="NAME",
    help="Draw this feature; may be given again.  [default: all of the store, or of the configuration]",
)
@click.option(
    "-c",
    "--config",
    "config_name",
    metavar="FILE_OR_PRESET",
    help="What the features of a FILE are computed with. Those of a store are as they are.  [default: librosa-logmel]",
)
@click.option(
    "--set",
    "overrides",
    multiple=True,
    metavar="KEY=VALUE",
    help="Change one setting of it, such as mel.bands=40; may be given again.",
)
@click.option("--dark", is_flag=True, help="Light on dark.")
def plot(
    names: tuple[str, ...],
    out: Path,
    features: tuple[str, ...],
    config_name: str | None,
    overrides: tuple[str, ...],
    dark: bool,
) -> None:
    """Draw clips beside each other: waveform, spectrum, spectrogram and features, on shared axes.

    Clips are audio files, or the clips of stores by their keys. What a store's clip was made of is drawn too, where
    the source is still there. Clips are held in memory whole.

    \b
    audiofeat plot yes_loud.wav yes_quiet.wav no_loud.wav no_quiet.wav
    audiofeat plot features:anna/monday features:ben/friday --feature log_mel -o two.svg
    """
    from audiofeat.config.wording import counted
    from audiofeat.plot.run import plot as draw
    from audiofeat.report import size_text

    n_clips = draw(names, out, config=config_name, overrides=overrides, features=list(features) or None, is_dark=dark)
    show(f"{out}: {counted(n_clips, 'clip')}, {size_text(out.stat().st_size)}")
