"""A store in the formats of other programs.

``run`` opens the store, checks the target and lets it appear whole or not at all; ``content`` is what of the store is
written, each clip checked against its digest; ``formats`` is the table of the formats, each of which is one file.
Nothing here needs TensorFlow, not even TFRecord files.
"""

from audiofeat.export.formats import EXPORTS, SHARDED
from audiofeat.export.run import ExportReport, export_store

__all__ = ["EXPORTS", "SHARDED", "ExportReport", "export_store"]
