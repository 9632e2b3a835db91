"""Where clips come from: scan a folder, give every file one key."""

from __future__ import annotations

from audiofeat.source.keys import check_unique, key_of, source_text
from audiofeat.source.scan import AUDIO_SUFFIXES, Listing, scan_folder

__all__ = ["AUDIO_SUFFIXES", "Listing", "check_unique", "key_of", "scan_folder", "source_text"]
