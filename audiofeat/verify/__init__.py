"""Whether a store still is what was written: every byte, every clip's values, and what the files say of each other.

::

    store.json ─▶ manifest, quarantine ─▶ shards, some at a time ─▶ strays, links ─▶ source ─▶ sample ─▶ report
    (its own digest)   (digests, totals)   (digest, index, values)

Nothing is written and nothing is taken on trust: a shard is opened by HDF5 in this process only once its bytes are
known to be those that were written; otherwise a process of its own reads what can still be read of it.
"""

from __future__ import annotations

from audiofeat.verify.problems import Problem, VerifyReport
from audiofeat.verify.run import verify_store

__all__ = ["Problem", "VerifyReport", "verify_store"]
