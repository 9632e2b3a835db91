"""Reading HDF5 shards: rows of contiguous datasets straight from the file, all others through HDF5.

HDF5 takes tens of microseconds to read forty rows, under one lock for the whole process; the system takes two. A
contiguous dataset is nothing but its rows, one after another from ``get_offset`` on, so once the file's structure is
known the rows are read with ``preadv``: it has no position that threads, or processes after a fork, would share.

A file that leads elsewhere (soft and external links, virtual datasets, external storage) is refused: audiofeat
writes no such shards, and they would show a reader other files of its machine.
"""

from __future__ import annotations

import errno
import math
import os
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import h5py
import numpy as np

from audiofeat.store.moments import Moments, from_array
from audiofeat.store.rows import bytes_of
from audiofeat.store.shard_format import Array, Location, index_differences

_BLOSC2 = 32_026
_FILTERS = {h5py.h5z.FILTER_DEFLATE, h5py.h5z.FILTER_SHUFFLE, h5py.h5z.FILTER_FLETCHER32, _BLOSC2}


class Hdf5Reader:
    """An open HDF5 shard. Rows may be read from any thread, and after a fork."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._hdf5 = _Hdf5(path)
        self._is_closed = False
        self._rows: _RowsFile | None = self._look_for_rows()
        self._resting: tuple[tuple[int, ...], dict[str, _Packed]] | None = None
        """What file it was before it was let go of, and where its rows lie."""

    def read(self, feature: str, location: Location, start: int, stop: int) -> Array:
        first, last = location.row_offset + start, location.row_offset + stop
        # Held here: letting go of it meanwhile does not free its number.
        file = self._rows or self._open_rows_again()
        packed = file.packed.get(feature)
        if packed is None:
            return self._read_through_hdf5(feature, first, last)
        if not 0 <= first <= last <= packed.n_rows:
            raise ValueError(f"rows {first} to {last} of {feature}, which has {packed.n_rows}")
        rows = np.empty((last - first, packed.dims), packed.dtype)
        file.read_into(rows, packed.offset_bytes + first * packed.row_bytes)
        return rows

    def index(self) -> list[Location]:
        with self._through_hdf5() as shard:
            keys = [key.decode() for key in shard.dataset("index/key")[:].tolist()]
            offsets, frames = (shard.dataset(f"index/{name}")[:].tolist() for name in ("row", "frames"))
        return [Location(*clip) for clip in zip(keys, offsets, frames, strict=True)]

    def differences(self, locations: Sequence[Location], features: Sequence[str]) -> Iterator[tuple[str, str]]:
        yield from index_differences(self.index(), locations)
        n_rows = sum(location.n_frames for location in locations)
        for feature in features:
            with self._through_hdf5() as shard:
                found = shard.dataset(feature).shape[0]
            if found != n_rows:
                yield "", f"{feature} has {found} rows where the clips have {n_rows}"

    def moments(self, feature: str, *, n_rows: int) -> Moments | None:
        with self._through_hdf5() as shard:
            if "moments" not in shard.file:
                return None
            return from_array(shard.dataset(f"moments/{feature}")[:], n_rows=n_rows)

    def rest(self) -> None:
        file = self._rows
        if file is not None:
            self._resting = file.identity, file.packed
            self._rows = None
        with self._hdf5.of_this_process() as hdf5:
            hdf5.close()

    def close(self) -> None:
        self._is_closed = True
        self.rest()

    def _look_for_rows(self) -> _RowsFile:
        with _errors(self._path), _open(self._path) as file:
            # The very file that HDF5 has opened, whatever the path leads to by now.
            found = _RowsFile(os.dup(file.id.get_vfd_handle()))
            found.packed = dict(_packed_datasets(file, size_bytes=os.fstat(found.number).st_size))
            return found

    def _open_rows_again(self) -> _RowsFile:
        if self._is_closed or self._resting is None:
            raise ValueError("the shard is closed")
        file = _RowsFile(os.open(self._path, os.O_RDONLY | os.O_CLOEXEC))
        identity, file.packed = self._resting
        if file.identity != identity:
            file = self._look_for_rows()
        self._rows = file
        return file

    def _read_through_hdf5(self, feature: str, first: int, last: int) -> Array:
        with self._through_hdf5() as shard:
            dataset = shard.dataset(feature)
            if not 0 <= first <= last <= dataset.shape[0]:
                raise ValueError(f"rows {first} to {last} of {feature}, which has {dataset.shape[0]}")
            rows: Array = dataset[first:last]
            return rows

    @contextmanager
    def _through_hdf5(self) -> Iterator[_Hdf5]:
        with _errors(self._path), self._hdf5.of_this_process() as hdf5:
            if self._is_closed:
                raise ValueError("the shard is closed")
            yield hdf5


class _Hdf5:
    """The file as HDF5 has it open: from the first time that something has to be read through HDF5."""

    _file: h5py.File | None
    _datasets: dict[str, h5py.Dataset]

    def __init__(self, path: Path) -> None:
        self._path = path
        self._begin()

    @contextmanager
    def of_this_process(self) -> Iterator[_Hdf5]:
        """For one thread at a time. What came through a fork is the parent's: the file, and a lock that may be held."""
        if self._process != os.getpid():
            self._begin()
        with self._lock:
            yield self

    @property
    def file(self) -> h5py.File:
        if self._file is None:
            self._file = _open(self._path)
        return self._file

    def dataset(self, name: str) -> h5py.Dataset:
        """Raises as :func:`_dataset_id`."""
        if name not in self._datasets:
            self._datasets[name] = h5py.Dataset(_dataset_id(self.file, name))
        return self._datasets[name]

    def close(self) -> None:
        self._datasets.clear()
        if self._file is not None:
            self._file.close()
            self._file = None

    def _begin(self) -> None:
        self._lock = threading.Lock()
        self._file = None
        self._datasets = {}
        self._process = os.getpid()


@dataclass(frozen=True, slots=True)
class _Packed:
    """A dataset that is nothing but its rows, in the machine's own byte order."""

    offset_bytes: int
    n_rows: int
    dims: int
    dtype: np.dtype[np.generic]
    row_bytes: int


class _RowsFile:
    """An open file, closed when nobody holds it any more: no thread ever reads from a number that was given anew."""

    __slots__ = ("identity", "number", "packed")

    def __init__(self, number: int) -> None:
        self.number = number
        self.packed: dict[str, _Packed] = {}
        status = os.fstat(number)
        self.identity = (status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns)

    def read_into(self, rows: Array, offset_bytes: int) -> None:
        """Fill ``rows``. Raises OSError where the file ends before."""
        count = os.preadv(self.number, [rows.data], offset_bytes) if rows.size else 0
        while count < rows.nbytes:  # the system reads 2 GiB at a time at most
            more = os.preadv(self.number, [bytes_of(rows)[count:]], offset_bytes + count)
            if more == 0:
                raise OSError("the file has become shorter")
            count += more

    def __del__(self) -> None:
        os.close(self.number)


def _open(path: Path) -> h5py.File:
    # Shards never change once named, so no lock is needed; on some network disks locks do not exist.
    try:
        return h5py.File(path, "r", locking=False)
    except FileNotFoundError as error:  # HDF5 tells it in three lines
        raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT)) from error


@contextmanager
def _errors(path: Path) -> Iterator[None]:
    """What h5py says of damage, it says in any words: the reader's own are OSError, ValueError and KeyError."""
    try:
        yield
    except (RuntimeError, TypeError, AttributeError, OverflowError, MemoryError) as error:
        raise ValueError(f"{path.name} is not a shard that can be read: {error}") from error


def _packed_datasets(file: h5py.File, *, size_bytes: int) -> Iterator[tuple[str, _Packed]]:
    """The features whose rows can be read without HDF5. What is not sound is left out: reading it says why."""
    for name in file.id:  # h5py's low-level interface throughout: opening a shard takes a fifth of the time
        try:
            packed = _packed(file, name.decode())
        except (OSError, ValueError, KeyError, RuntimeError, TypeError):
            continue
        if packed is not None and packed.offset_bytes + packed.n_rows * packed.row_bytes <= size_bytes:
            yield name.decode(), packed


def _packed(file: h5py.File, name: str) -> _Packed | None:
    if h5py.h5o.get_info(file.id, name.encode()).type != h5py.h5o.TYPE_DATASET:
        return None
    dataset = _dataset_id(file, name)
    dtype, shape, offset_bytes = dataset.dtype, dataset.shape, dataset.get_offset()
    is_contiguous = dataset.get_create_plist().get_layout() == h5py.h5d.CONTIGUOUS and offset_bytes is not None
    is_plain = dtype.isnative and dtype.kind in "fc" and dataset.get_type() == h5py.h5t.py_create(dtype)
    if not is_contiguous or not is_plain or len(shape) != 2:
        return None
    n_rows, dims = shape
    return _Packed(offset_bytes, n_rows, dims, dtype, row_bytes=dims * dtype.itemsize)


def _dataset_id(file: h5py.File, name: str) -> h5py.h5d.DatasetID:
    """A dataset that lies in this file and is stored as audiofeat stores them.

    Raises:
        KeyError: there is none of that name.
        ValueError: it leads elsewhere, or needs filters that audiofeat does not use.
    """
    path = name.encode()
    for end in (*(place for place, byte in enumerate(path) if byte == ord("/")), len(path)):
        if not file.id.links.exists(path[:end]):
            raise KeyError(f"there is no dataset {name!r}")
        if file.id.links.get_info(path[:end]).type != h5py.h5l.TYPE_HARD:
            raise ValueError(f"{name} is a link to somewhere else")
    if h5py.h5o.get_info(file.id, path).type != h5py.h5o.TYPE_DATASET:
        raise ValueError(f"{name} is no dataset")
    dataset = h5py.h5d.open(file.id, path)
    layout = dataset.get_create_plist()
    if layout.get_layout() == h5py.h5d.VIRTUAL or layout.get_external_count():
        raise ValueError(f"the values of {name} lie in another file")
    filters = {layout.get_filter(number)[0] for number in range(layout.get_nfilters())}
    if not filters <= _FILTERS:
        raise ValueError(f"{name} needs the HDF5 filters {sorted(filters - _FILTERS)}, which no shard has")
    if _BLOSC2 in filters:
        import hdf5plugin  # noqa: F401  # importing it is what makes the filter known to HDF5
    if not _is_all_there(dataset, layout):
        raise ValueError(f"{name} claims the shape {dataset.shape}, and not all of its values were ever written")
    return dataset


def _is_all_there(dataset: h5py.h5d.DatasetID, layout: h5py.h5p.PropDCID) -> bool:
    """Whether something is stored for every value: a shape of any size may be claimed in a few bytes."""
    if 0 in dataset.shape:
        return True
    if layout.get_layout() != h5py.h5d.CHUNKED:
        return bool(dataset.get_storage_size() >= math.prod(dataset.shape) * dataset.dtype.itemsize)
    n_chunks = math.prod(-(-size // step) for size, step in zip(dataset.shape, layout.get_chunk(), strict=True))
    return bool(dataset.get_num_chunks() == n_chunks)
