"""Where clips come from: folders, manifests, containers and lists of files; each clip gets one key."""

from __future__ import annotations

from audiofeat.source.audio_names import AUDIO_SUFFIXES
from audiofeat.source.files_from import list_files
from audiofeat.source.keys import key_of, source_name, source_text
from audiofeat.source.list_source import list_source
from audiofeat.source.listing import Listing
from audiofeat.source.scan import scan_folder
from audiofeat.source.unique import Cuts, check_unique

__all__ = [
    "AUDIO_SUFFIXES",
    "Cuts",
    "Listing",
    "check_unique",
    "key_of",
    "list_files",
    "list_source",
    "scan_folder",
    "source_name",
    "source_text",
]
