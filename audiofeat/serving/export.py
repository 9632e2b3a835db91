"""A frontend as files: a SavedModel, or a model for TFLite, each with a description beside it."""

from __future__ import annotations

import json
import os
import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import tensorflow as tf

from audiofeat.config import Config, stored_config
from audiofeat.errors import ConfigError, StorageError
from audiofeat.frontend.xla_flags import xla_flags
from audiofeat.serving.arithmetic import Arithmetic
from audiofeat.serving.fit import check_fit_for_tflite
from audiofeat.serving.frontend import FRAMES, Frontend

SAVED_MODEL = "savedmodel"
TFLITE = "tflite"
KINDS = (SAVED_MODEL, TFLITE)
TFLITE_FILE = "frontend.tflite"
DESCRIPTION = "frontend.json"


def export_frontend(
    config: Config,
    folder: Path,
    *,
    to: str,
    sample_rate_hz: int | None = None,
    arithmetic: Arithmetic | None = None,
    before_renaming: Callable[[], None] = lambda: None,
) -> Frontend:
    """Write the frontend of a configuration into a folder, which must not exist or be empty.

    It appears whole or not at all.

    Args:
        to: one of ``KINDS``.
        sample_rate_hz: of the waveforms, where ``audio.sample_rate`` is ``native``.
        arithmetic: of a SavedModel, ``exact`` if not given; see :mod:`audiofeat.serving.arithmetic`. For TFLite it is
            ``plain``.
        before_renaming: called when all is written; what it raises leaves nothing behind.
    Raises:
        ConfigError: the folder holds something; or the configuration cannot be put into a graph.
        StorageError: it cannot be written.
    """
    folder = _free(folder)
    way = arithmetic or ("plain" if to == TFLITE else "exact")
    if to == TFLITE:
        check_fit_for_tflite(config)
        if way != "plain":
            raise ConfigError(f"arithmetic is {way}, and TFLite has only its own", hint="leave --arithmetic out")
    frontend = Frontend(config, sample_rate_hz=sample_rate_hz, arithmetic=way)
    write = _write_saved_model if to == SAVED_MODEL else _write_tflite

    def fill(place: Path) -> None:
        _write(write, frontend, config, place)
        before_renaming()

    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        _published(folder, fill)
    except (OSError, tf.errors.OpError) as error:
        found = error.message if isinstance(error, tf.errors.OpError) else error.strerror or error
        raise StorageError(f"cannot write {folder}: {found}", hint="another place, or make room") from error
    return frontend


def _free(folder: Path) -> Path:
    """Where a folder lies that may be made or replaced; links are followed."""
    folder = folder.resolve()
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise ConfigError(f"{folder} exists and is not an empty folder", hint="another folder for -o")
    if folder == Path.cwd():
        raise ConfigError(f"{folder} is where you stand, and is to be replaced", hint="a new folder in it for -o")
    return folder


def _write(write: Callable[[Frontend, Path], None], frontend: Frontend, config: Config, folder: Path) -> None:
    write(frontend, folder)
    text = json.dumps(_description(frontend, config), indent=2, sort_keys=True)
    (folder / DESCRIPTION).write_text(text + "\n", encoding="utf-8")


def _published(folder: Path, write: Callable[[Path], None]) -> None:
    """Let a folder be written beside its name, and rename it."""
    place = Path(tempfile.mkdtemp(prefix=f".{folder.name}-", dir=folder.parent))
    try:
        write(place)
        place.chmod(0o777 & ~_umask())
        place.replace(folder)
    except BaseException:
        shutil.rmtree(place, ignore_errors=True)
        raise


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask


def _write_saved_model(frontend: Frontend, folder: Path) -> None:
    """With a signature for ragged batches, which serving takes, and one for clips of one length."""
    waveform = tf.TensorSpec([None, None], tf.float32, name="waveform")
    lengths = tf.TensorSpec([None], tf.int32, name="lengths")

    def ragged(waveform: tf.Tensor, lengths: tf.Tensor) -> dict[str, tf.Tensor]:
        return frontend(waveform, lengths)

    def whole(waveform: tf.Tensor) -> dict[str, tf.Tensor]:
        return frontend(waveform)

    signatures = {
        "serving_default": tf.function(ragged, input_signature=[waveform, lengths], autograph=False),
        "whole": tf.function(whole, input_signature=[waveform], autograph=False),
    }
    tf.saved_model.save(frontend, str(folder), signatures=signatures)


def _write_tflite(frontend: Frontend, folder: Path) -> None:
    waveform = tf.TensorSpec([1, None], tf.float32, name="waveform")
    whole = tf.function(frontend, input_signature=[waveform], autograph=False)
    converter = tf.lite.TFLiteConverter.from_concrete_functions([whole.get_concrete_function()], frontend)
    (folder / TFLITE_FILE).write_bytes(converter.convert())


def _description(frontend: Frontend, config: Config) -> dict[str, Any]:
    """What whoever calls the model wants to know."""
    return {
        "config": stored_config(config),
        "features": {
            spec.name: {"dims": spec.dims, "dtype": spec.dtype, "unit": spec.unit} for spec in frontend.features
        },
        "frames": FRAMES,
        "sample_rate_hz": frontend.sample_rate_hz,
        "tensorflow": tf.__version__,
        "xla_flags": xla_flags("cpu"),
    }
