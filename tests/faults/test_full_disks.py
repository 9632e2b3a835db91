"""A disk that is really full, where one may be mounted: one error with path and sizes, and the next run goes on."""

from __future__ import annotations

from pathlib import Path

import pytest
from faults.full_disks import CONFIG, fill_up, may_mount
from running import audiofeat, write_clips


@pytest.mark.skipif(not may_mount(), reason="mounting a small file system takes root")
def test_fault_10_11_12_a_full_disk_ends_with_14_and_the_next_run_goes_on(tmp_path: Path) -> None:
    source = write_clips(tmp_path / "clips", count=20)
    assert audiofeat("extract", source, tmp_path / "expected", *CONFIG).code == 0
    found = fill_up(
        tmp_path, source, tmp_path / "expected", size_bytes=250 * 1024, store_format="hdf5", small_temporary=True
    )
    assert list(found) == []
