"""Whether a source surely holds a clip, told at once where that is easy: for what may begin while it is scanned."""

from __future__ import annotations

import os

from audiofeat.source.audio_names import is_audio, is_hidden

_MOST_FOLDERS = 16


def holds_audio(source: str) -> bool:
    """Whether an audio file lies in a folder or in the first few below it; False also where that is not known."""
    pending = [source]
    for _ in range(_MOST_FOLDERS):
        if not pending:
            break
        try:
            with os.scandir(pending.pop()) as entries:
                for entry in entries:
                    if is_hidden(entry.name) or entry.is_symlink():
                        continue
                    if entry.is_dir():
                        pending.append(entry.path)
                    elif is_audio(entry.name):
                        return True
        except OSError:  # a file, or what the scan will complain of
            continue
    return False
