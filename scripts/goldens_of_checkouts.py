"""The systems that are no package: source files whose own functions are called where they lie, and HTK's program.

Nothing of them is copied. A file counts as that of a commit when it has that commit's Git blob, so that an export
without ``.git`` does as well as a clone, and another version is refused.
"""

from __future__ import annotations

import hashlib
import importlib
import json
import re
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any

import numpy as np

from audiofeat.dsp.framing import Samples
from audiofeat.dsp.row_blocks import Array
from audiofeat.parity.excerpts import RefusedError
from audiofeat.parity.libraries import Reference


@dataclass(frozen=True, slots=True)
class Checkout:
    """A system that lies on this machine."""

    system: str
    """Its name and version."""
    references: Mapping[str, Reference]
    """Its calls by preset."""
    computes_with: tuple[str, ...] = ()
    """Packages whose versions have a hand in its numbers."""


def checkouts(places: Iterable[str]) -> dict[str, Checkout]:
    """The systems by name.

    Args:
        places: ``NAME=PATH`` each: the folder of a system's files; of ``HCopy`` the program.
    Raises:
        SystemExit: a name is unknown, or what lies there is not the version that the presets name.
    """
    found = {}
    for place in places:
        name, _, path = place.partition("=")
        if name not in _SYSTEMS or not path:
            raise SystemExit(f"{place}: write NAME=PATH, NAME of {', '.join(NAMES)}, and PATH where it lies")
        if not Path(path).exists():
            raise SystemExit(f"{place}: nothing lies at {path}")
        found[name] = _SYSTEMS[name](Path(path).resolve())
    return found


# Vocoders


_VOCODERS_COMPUTE_WITH = ("torch", "librosa")


def _tacotron2(folder: Path) -> Checkout:
    """Its class has the values of its hparams as defaults; those need TensorFlow 1."""
    blobs = {"layers.py": "615a64a4394c", "stft.py": "edfc44ae8bde", "audio_processing.py": "b5af7f723eb8"}
    _check(folder, blobs, commit="185cd24")
    with _old_librosa():
        (layers,) = _import_from(folder, "layers")
        stft = layers.TacotronSTFT()
    return Checkout("NVIDIA/tacotron2 185cd24", {"tacotron2": _of_wave(stft.mel_spectrogram)}, _VOCODERS_COMPUTE_WITH)


def _hifi_gan(folder: Path) -> Checkout:
    _check(folder, {"meldataset.py": "4502924513ce", "config_v1.json": "ce97366f7dee"}, commit="4769534")
    (meldataset,) = _import_from(folder, "meldataset")
    config = json.loads((folder / "config_v1.json").read_text(encoding="utf-8"))
    sizes = ("n_fft", "num_mels", "sampling_rate", "hop_size", "win_size", "fmin", "fmax")
    meldataset.librosa_mel_fn = _with_positions(meldataset.librosa_mel_fn, "sr", "n_fft", "n_mels", "fmin", "fmax")

    def mel_spectrogram(wave: Any) -> Any:
        with _old_torch():
            return meldataset.mel_spectrogram(wave, *(config[key] for key in sizes))

    return Checkout("jik876/hifi-gan 4769534", {"hifigan": _of_wave(mel_spectrogram)}, _VOCODERS_COMPUTE_WITH)


def _bigvgan(folder: Path) -> Checkout:
    configs = {
        "bigvgan-24khz-100band": "configs/bigvgan_v2_24khz_100band_256x.json",
        "bigvgan-44khz-128band": "configs/bigvgan_v2_44khz_128band_512x.json",
    }
    blobs = dict(zip(configs.values(), ("8057ee267c8e", "2d7176c910ae"), strict=True))
    _check(folder, {"meldataset.py": "bfbd4b66445f", "env.py": "cf8ac6cea644", **blobs}, commit="7d2b454")
    meldataset, env = _import_from(folder, "meldataset", "env")

    def reference(config: str) -> Reference:
        sizes = env.AttrDict(json.loads((folder / config).read_text(encoding="utf-8")))
        return _of_wave(lambda wave: meldataset.get_mel_spectrogram(wave, sizes))

    references = {preset: reference(config) for preset, config in configs.items()}
    return Checkout("NVIDIA/BigVGAN 7d2b454", references, _VOCODERS_COMPUTE_WITH)


def _of_wave(mel_spectrogram: Callable[[Any], Any]) -> Reference:
    """Call a function of (1, n) tensors that gives (1, bands, frames)."""
    import torch

    def reference(samples: Samples) -> Array:
        rows: Array = mel_spectrogram(torch.from_numpy(samples)[None])[0].numpy().T
        return rows

    return reference


@contextmanager
def _old_librosa() -> Iterator[None]:
    """Before 0.10, librosa took by position what it now takes by keyword only."""
    filters: Any = importlib.import_module("librosa.filters")
    util: Any = importlib.import_module("librosa.util")
    mel, pad_center = filters.mel, util.pad_center
    filters.mel = _with_positions(mel, "sr", "n_fft", "n_mels", "fmin", "fmax")
    util.pad_center = _with_positions(pad_center, "data", "size")
    try:
        yield
    finally:
        filters.mel, util.pad_center = mel, pad_center


def _with_positions(function: Callable[..., Any], *names: str) -> Callable[..., Any]:
    return lambda *values: function(**dict(zip(names, values, strict=True)))


@contextmanager
def _old_torch() -> Iterator[None]:
    """Before 2.0, ``torch.stft`` gave real and imaginary parts side by side unless it was told otherwise."""
    import torch

    stft = torch.stft
    torch.stft = lambda *args, **options: torch.view_as_real(stft(*args, **options, return_complex=True))
    try:
        yield
    finally:
        torch.stft = stft


# research/audioset of tensorflow/models


def _vggish(folder: Path) -> Checkout:
    _check(folder, {"mel_features.py": "ac58fb5427f7", "vggish_params.py": "a38ce26c9d6a"}, commit="c0bd27b")
    mel_features, params = _import_from(folder, "mel_features", "vggish_params")

    def logmel(samples: Samples) -> Array:
        """The call of ``vggish_input.waveform_to_examples``, which then cuts the rows into patches."""
        rows: Array = mel_features.log_mel_spectrogram(
            samples,
            audio_sample_rate=params.SAMPLE_RATE,
            log_offset=params.LOG_OFFSET,
            window_length_secs=params.STFT_WINDOW_LENGTH_SECONDS,
            hop_length_secs=params.STFT_HOP_LENGTH_SECONDS,
            num_mel_bins=params.NUM_MEL_BINS,
            lower_edge_hertz=params.MEL_MIN_HZ,
            upper_edge_hertz=params.MEL_MAX_HZ,
        )
        return rows

    return Checkout("tensorflow/models c0bd27b", {"vggish": logmel}, ("numpy",))


def _yamnet(folder: Path) -> Checkout:
    _check(folder, {"features.py": "6121dd4ba4ce", "params.py": "306c94218d94"}, commit="33630ec")
    features, params = _import_from(folder, "features", "params")

    def logmel(samples: Samples) -> Array:
        of = params.Params()
        rows, _patches = features.waveform_to_log_mel_spectrogram_patches(features.pad_waveform(samples, of), of)
        found: Array = rows.numpy()
        return found

    return Checkout("tensorflow/models 33630ec", {"yamnet": logmel}, ("tensorflow",))


# HTK


_HTK_RATE_HZ = 16_000
_INT16_FULL_SCALE = 32_768.0
_HTK_CONFIG = """
SOURCEFORMAT = WAV
TARGETKIND = MFCC_0_D_A
TARGETRATE = 100000.0
WINDOWSIZE = 250000.0
SAVECOMPRESSED = F
SAVEWITHCRC = F
USEHAMMING = T
PREEMCOEF = 0.97
NUMCHANS = 26
NUMCEPS = 12
CEPLIFTER = 22
"""
_HTK_HEADER = np.dtype([("rows", ">i4"), ("rate_100_ns", ">i4"), ("row_bytes", ">i2"), ("kind", ">i2")])


def _hcopy(program: Path) -> Checkout:
    import soundfile

    def mfcc(samples: Samples) -> Array:
        steps = samples * _INT16_FULL_SCALE
        if not np.array_equal(steps, np.clip(np.round(steps), -_INT16_FULL_SCALE, _INT16_FULL_SCALE - 1)):
            raise RefusedError("HTK reads 16-bit samples, and not all of these are whole steps within their range")
        with tempfile.TemporaryDirectory() as folder:
            Path(folder, "config").write_text(_HTK_CONFIG, encoding="ascii")
            soundfile.write(Path(folder, "clip.wav"), steps.astype(np.int16), _HTK_RATE_HZ)
            # Names without the folder: they come again in messages, which golden files keep.
            command = [str(program), "-C", "config", "clip.wav", "clip.mfc"]
            done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
            if done.returncode:
                raise ValueError((done.stdout + done.stderr).strip())
            content = Path(folder, "clip.mfc").read_bytes()
        header = np.frombuffer(content, _HTK_HEADER, count=1)[0]
        rows = np.frombuffer(content, ">f4", offset=_HTK_HEADER.itemsize).astype(np.float32)
        return rows.reshape(header["rows"], header["row_bytes"] // 4)

    return Checkout(f"HTK {_htk_version(program)}", {"htk-mfcc-0-d-a": mfcc})


def _htk_version(hcopy: Path) -> str:
    try:
        done = subprocess.run([hcopy, "-V"], stdin=subprocess.DEVNULL, capture_output=True, check=False)
    except OSError as error:
        raise SystemExit(f"{hcopy}: no HCopy: {error.strerror}") from error
    told = re.search(r"^HCopy +(\S+)", done.stdout.decode(errors="replace"), re.MULTILINE)
    if told is None:
        raise SystemExit(f"{hcopy}: no HCopy: asked with -V, it does not tell HTK's version")
    return told[1]


_SYSTEMS: Mapping[str, Callable[[Path], Checkout]] = MappingProxyType(
    {
        "HCopy": _hcopy,
        "bigvgan": _bigvgan,
        "hifi-gan": _hifi_gan,
        "tacotron2": _tacotron2,
        "vggish": _vggish,
        "yamnet": _yamnet,
    }
)
NAMES = tuple(_SYSTEMS)


def _check(folder: Path, blobs: Mapping[str, str], *, commit: str) -> None:
    """Refuse files that are not those of the commit."""
    for name, wanted in blobs.items():
        file = folder / name
        content = file.read_bytes() if file.is_file() else b""
        if not hashlib.sha1(b"blob %d\0%b" % (len(content), content)).hexdigest().startswith(wanted):
            raise SystemExit(f"{file}: not the file of commit {commit}, whose Git blob is {wanted}")


def _import_from(folder: Path, *names: str) -> list[Any]:
    """Import modules of a folder, and forget them again: other folders have modules of the same names."""
    before = set(sys.modules)
    sys.path.insert(0, str(folder))
    try:
        return [importlib.import_module(name) for name in names]
    finally:
        sys.path.remove(str(folder))
        for name in sys.modules.keys() - before:
            if Path(getattr(sys.modules[name], "__file__", None) or "").parent == folder:
                del sys.modules[name]
