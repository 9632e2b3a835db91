"""Decoding and nothing else: what is left of audiofeat's speed and processor time is what the rest costs.

    python scripts/bench_decode.py FOLDER WORKERS       prints one JSON line

soundfile reads each file; what libsndfile cannot read, one ffmpeg process a file does. WORKERS processes share the
files, so that no two of them wait for one interpreter.
"""

from __future__ import annotations

import json
import math
import subprocess
import sys
import time
from multiprocessing import get_context
from pathlib import Path

import soundfile
from bench_corpus import BY_FFMPEG, RATE_HZ

from audiofeat.decode import find_ffmpeg

_FFMPEG = find_ffmpeg() or "ffmpeg"
_FILES_AT_A_TIME = 8


def decoded_seconds(file: str) -> float:
    """Read a file; how long its audio is."""
    if file.endswith(BY_FFMPEG):
        told = [_FFMPEG, "-nostdin", "-v", "error", "-threads", "1", "-i", f"file:{file}"]
        asked = ["-map", "0:a:0", "-ar", str(RATE_HZ), "-ac", "1", "-f", "f32le", "pipe:1"]
        done = subprocess.run([*told, *asked], stdout=subprocess.PIPE, check=True)
        return len(done.stdout) / (4 * RATE_HZ)
    samples, rate_hz = soundfile.read(file, dtype="float32")
    return len(samples) / float(rate_hz)


def main() -> None:
    if len(sys.argv) != 3:
        raise SystemExit(__doc__)
    files = sorted(str(path) for path in Path(sys.argv[1]).rglob("*") if path.is_file())
    with get_context("fork").Pool(int(sys.argv[2])) as pool:
        begun = time.perf_counter()
        audio_seconds = math.fsum(pool.imap_unordered(decoded_seconds, files, chunksize=_FILES_AT_A_TIME))
        seconds = time.perf_counter() - begun
        pool.close()
        pool.join()  # else nobody hears what processor time they took
    print(json.dumps({"clips": len(files), "audio_seconds": audio_seconds, "seconds": seconds}))


if __name__ == "__main__":
    main()
