"""Two stores beside each other: which clips, shapes and values differ, and what of their making may be the reason.

``stores`` compares; ``manifests`` walks both manifests in step and finds the clips whose digests differ; ``values``
takes those clips apart; ``making`` compares settings, versions and quarantines; ``difference`` is what was found.
"""

from audiofeat.compare.difference import Difference
from audiofeat.compare.stores import compare_stores

__all__ = ["Difference", "compare_stores"]
