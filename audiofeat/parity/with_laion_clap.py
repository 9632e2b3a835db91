"""laion_clap 1.1.7: what ``CLAP_Module(enable_fusion=False)`` does with a clip before its network.

``get_audio_embedding_from_data`` rounds, repeats and pads the samples with the functions called here; the extractors
are those of the audio tower that its default model, HTSAT-tiny, is built with. Importing the package fetches the
tokenizers of its text towers.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from functools import cache
from importlib.resources import files
from types import MappingProxyType
from typing import Any

import torch
from laion_clap.clap_module.htsat import create_htsat_model
from laion_clap.clap_module.model import CLAPAudioCfp
from laion_clap.training.data import float32_to_int16, get_audio_features, int16_to_float32

from audiofeat.dsp.framing import Samples
from audiofeat.dsp.row_blocks import Array
from audiofeat.parity.excerpts import RefusedError


def _clap(samples: Samples) -> Array:
    """(n,) -> (1001, 64) dB. Raises RefusedError for a clip that it would crop at random."""
    settings = _audio_settings()
    if len(samples) > settings["clip_samples"]:
        raise RefusedError("it takes a random part of a clip longer than 10 s")
    clip = get_audio_features(
        {},
        torch.from_numpy(int16_to_float32(float32_to_int16(samples))),
        settings["clip_samples"],
        data_truncating="rand_trunc",
        data_filling="repeatpad",
        audio_cfg=settings,
    )
    tower = _audio_tower()
    rows: Array = tower.logmel_extractor(tower.spectrogram_extractor(clip["waveform"][None]))[0, 0].numpy()
    return rows


def _audio_settings() -> dict[str, Any]:
    text = (files("laion_clap") / "clap_module" / "model_configs" / "HTSAT-tiny.json").read_text("utf-8")
    settings: dict[str, Any] = json.loads(text)["audio_cfg"]
    return settings


@cache
def _audio_tower() -> Any:
    return create_htsat_model(CLAPAudioCfp(**_audio_settings()), enable_fusion=False).eval()


REFERENCES: Mapping[str, Callable[[Samples], Array]] = MappingProxyType({"clap-laion": _clap})
