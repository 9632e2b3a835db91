"""What lies beside the shards: NPY's arrays by their keys, for scripts, and files that nobody has named."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from audiofeat.records import ClipRow, FeatureSpec
from audiofeat.store.layout import StorePaths
from audiofeat.store.npy import npy_path
from audiofeat.verify.clips import ClipRecord, read_here
from audiofeat.verify.problems import Problem
from audiofeat.verify.shards import ShardRecord
