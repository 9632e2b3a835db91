"""What users would pick instead: 80-band log-mel of 16 kHz mono audio to HDF5, by librosa, lhotse or DALI.

    python bench_peers.py {librosa,lhotse,dali} FOLDER OUT WORKERS        prints one JSON line

Run in an environment that has the peer (see bench_environments); this file imports nothing of audiofeat. Windows of
400 samples, a hop of 160, FFTs of 512, 80 bands, as the others have them. Each peer is used as its own documentation
does, with its own way into HDF5 where it has one. None of them checks headers or digests, keeps records, or syncs what
it wrote to the disk; audiofeat does all of that. Imports, and the start of worker processes, are in
``start_up_seconds`` and not in ``seconds``, as audiofeat's are.
"""

from __future__ import annotations

import json
import os
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

RATE_HZ, WINDOW, HOP, N_FFT, BANDS = 16_000, 400, 160, 512, 80
_DALI_BATCH = 32


class Librosa:
    """joblib's processes, each clip by itself; what they return is written here."""

    def __init__(self, files: Sequence[str], *, workers: int) -> None:
        import joblib

        self._pool = joblib.Parallel(n_jobs=workers)
        self._call = joblib.delayed(log_mel_by_librosa)
        self._files = files
        self._pool.__enter__()
        self._pool(self._call(file) for file in files[: 4 * workers])  # starts the processes; each imports librosa

    def extract(self, out: Path) -> None:
        import h5py

        matrices = self._pool(self._call(file) for file in self._files)
        with h5py.File(out / "librosa.h5", "w") as store:
            for file, matrix in zip(self._files, matrices, strict=True):
                store[_key(file)] = matrix

    def close(self) -> None:
        from joblib.externals.loky import get_reusable_executor

        self._pool.__exit__(None, None, None)
        get_reusable_executor().shutdown(wait=True)


def log_mel_by_librosa(file: str) -> Any:
    import librosa

    samples, rate_hz = librosa.load(file, sr=RATE_HZ)
    mel = librosa.feature.melspectrogram(
        y=samples, sr=rate_hz, n_fft=N_FFT, win_length=WINDOW, hop_length=HOP, n_mels=BANDS
    )
    return librosa.power_to_db(mel).T.astype("float32")


class Lhotse:
    """Its Fbank over a set of cuts, in forked processes that write an HDF5 file each."""

    def __init__(self, files: Sequence[str], *, workers: int) -> None:
        import torch
        from lhotse import Fbank, FbankConfig

        torch.set_num_threads(1)
        self._files, self._workers = files, workers
        self._fbank = Fbank(FbankConfig(sampling_rate=RATE_HZ, num_mel_bins=BANDS))

    def extract(self, out: Path) -> None:
        from concurrent.futures import ProcessPoolExecutor
        from multiprocessing import get_context

        from lhotse import CutSet, NumpyHdf5Writer, Recording, RecordingSet

        recordings = RecordingSet.from_recordings(map(Recording.from_file, self._files))
        with ProcessPoolExecutor(self._workers, mp_context=get_context("fork")) as processes:
            CutSet.from_manifests(recordings=recordings).compute_and_store_features(
                extractor=self._fbank,
                storage_path=str(out / "lhotse"),
                storage_type=NumpyHdf5Writer,
                num_jobs=self._workers,
                executor=processes,
                progress_bar=False,
            )

    def close(self) -> None:
        pass


class Dali:
    """One pipeline on the CPU, a thread for each worker; its batches are written here."""

    def __init__(self, files: Sequence[str], *, workers: int) -> None:
        from nvidia.dali import fn, pipeline_def, types

        @pipeline_def(batch_size=_DALI_BATCH, num_threads=workers, device_id=None)
        def log_mel() -> Any:
            content, _ = fn.readers.file(files=list(files))
            samples, _ = fn.decoders.audio(content, dtype=types.FLOAT, downmix=True)
            power = fn.spectrogram(samples, nfft=N_FFT, window_length=WINDOW, window_step=HOP)
            mel = fn.mel_filter_bank(power, nfilter=BANDS, sample_rate=RATE_HZ)
            return fn.transpose(fn.to_decibels(mel, cutoff_db=-80.0), perm=[1, 0])

        self._files = files
        self._define = log_mel

    def extract(self, out: Path) -> None:
        import h5py
        import numpy as np

        pipeline = self._define()
        pipeline.build()
        with h5py.File(out / "dali.h5", "w") as store:
            for first in range(0, len(self._files), _DALI_BATCH):
                (batch,) = pipeline.run()
                # The last batch is filled up with files from the beginning.
                for position, file in enumerate(self._files[first : first + _DALI_BATCH]):
                    store[_key(file)] = np.asarray(batch.at(position))

    def close(self) -> None:
        pass


PEERS: dict[str, Callable[..., Librosa | Lhotse | Dali]] = {"librosa": Librosa, "lhotse": Lhotse, "dali": Dali}


def _key(file: str) -> str:
    return os.path.basename(file)


def main() -> None:
    if len(sys.argv) != 5 or sys.argv[1] not in PEERS:
        raise SystemExit(__doc__)
    name, folder, out, workers = sys.argv[1:]
    # Libraries print what they like; only the answer may go down the pipe.
    answer = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    files = sorted(str(path) for path in Path(folder).rglob("*") if path.is_file())
    started = time.perf_counter()
    peer = PEERS[name](files, workers=int(workers))
    with tempfile.TemporaryDirectory(dir=out) as scratch:
        begun = time.perf_counter()
        peer.extract(Path(scratch))
        ended = time.perf_counter()
    peer.close()
    figures = {"clips": len(files), "seconds": ended - begun, "start_up_seconds": begun - started}
    print(json.dumps(figures), file=answer, flush=True)


if __name__ == "__main__":
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    main()
