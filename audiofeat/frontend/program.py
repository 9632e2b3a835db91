"""The two compiled programs: a tape of samples to rows, and rows to rows once a clip's statistics are known.

Each is one XLA computation of one fixed shape, compiled once. Every row is computed alone, by the same
instructions wherever it lies on the tape; so the bits of a clip do not depend on its neighbours, on the tape's
length or on the number of workers.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager, nullcontext
from typing import Any

import numpy as np
import numpy.typing as npt
import tensorflow as tf

from audiofeat.errors import MissingToolError
from audiofeat.frontend.gpu_memory import gpu_memory_errors
from audiofeat.frontend.products import on_gpu
from audiofeat.frontend.programs import ClipRows, FrameRows
from audiofeat.frontend.recipe import BLOCK_SLOTS, Recipe
from audiofeat.frontend.traced import Traced
from audiofeat.frontend.xla_flags import xla_flags
from audiofeat.tape import ALIGNMENT_BYTES

Array = npt.NDArray[Any]


def use_device(device: str, *, threads: int = 1) -> None:
    """Set TensorFlow up for this process: before anything else is computed in it.

    XLA's flags are set here for all who compile programs, whatever they inherited.
    ``threads`` is the number of lanes: the FFT runs on TensorFlow's threads, and with fewer of them one lane waits for
    another's. TF32 off, since it costs three decimal digits; of a GPU's memory no more than is needed.

    Raises:
        MissingToolError: there is no GPU, and it is to be one.
    """
    os.environ["XLA_FLAGS"] = xla_flags(device)
    tf.config.threading.set_intra_op_parallelism_threads(threads)
    tf.config.threading.set_inter_op_parallelism_threads(1)
    tf.config.experimental.enable_tensor_float_32_execution(enabled=False)
    if device == "cpu":
        tf.config.set_visible_devices([], "GPU")
    gpus = tf.config.get_visible_devices("GPU")
    if device == "gpu" and not gpus:  # it would compute on the CPU, and nobody would know
        raise MissingToolError("TensorFlow sees no GPU", hint="--device cpu, or `audiofeat doctor`")
    for gpu in gpus:
        tf.config.experimental.set_memory_growth(gpu, enable=True)


class Frontend:
    """The compiled programs of a recipe.

    ``frame_program(tape)``: (length,) -> features that are finished, by name, each (slots, dims); and the
    columns that wait for their clip's end, (slots, pending.width), or None.

    ``clip_program(rows, statistics)``: (slots, pending.width) and (slots, len(pending.maxima)), the maxima of each
    row's clip -> the other features by name, each (slots, dims).

    All is of the recipe's precision, float32 or float64, complex for the feature ``stft``.
    """

    def __init__(self, recipe: Recipe) -> None:
        self.recipe = recipe
        self.slots = recipe.tape_slots
        self._is_on_gpu = on_gpu()
        self.pending = recipe.pending
        traced = Traced(recipe, slots=self.slots, block_slots=self.slots if self._is_on_gpu else BLOCK_SLOTS)
        self.length = traced.length
        self._frame_program = concrete(traced.frames, traced.frame_signature)
        self._clip_program = concrete(traced.rows, traced.clip_signature) if traced.has_clip_program else None

    @property
    def row_dtype(self) -> npt.DTypeLike:
        """The type of the tape, of pending rows and of statistics."""
        return np.dtype(self.recipe.precision)

    @property
    def has_clip_program(self) -> bool:
        return self._clip_program is not None

    @property
    def tapes_ahead(self) -> int:
        """A GPU computes by itself: while one tape's rows are fetched, it has the next one."""
        return 1 if self._is_on_gpu else 0

    def frame_program(self, tape: Array) -> FrameRows:
        return self.start_frame_program(tape)()

    def clip_program(self, rows: Array, statistics: Array) -> ClipRows:
        return self.start_clip_program(rows, statistics)()

    def start_frame_program(self, tape: Array) -> Callable[[], FrameRows]:
        with self._memory_errors():
            finished, pending = self._frame_program(_tensor(tape))

        def rows() -> FrameRows:
            with self._memory_errors():
                return _arrays(finished), np.asarray(pending) if self.has_clip_program else None

        return rows

    def start_clip_program(self, rows: Array, statistics: Array) -> Callable[[], ClipRows]:
        if self._clip_program is None:
            raise ValueError("this recipe has no step that needs the whole clip")
        with self._memory_errors():
            finished = self._clip_program(_tensor(rows), _tensor(statistics))

        def out() -> ClipRows:
            with self._memory_errors():
                return _arrays(finished)

        return out

    def _memory_errors(self) -> AbstractContextManager[None]:
        return gpu_memory_errors(slots=self.slots) if self._is_on_gpu else nullcontext()

    def warm_up(self) -> None:
        """Compile now, so that no clip's time is charged with it."""
        self.frame_program(np.zeros(self.length, self.row_dtype))
        if self.has_clip_program:
            rows = np.zeros((self.slots, self.pending.width), self.row_dtype)
            self.clip_program(rows, np.zeros((self.slots, len(self.pending.maxima)), self.row_dtype))


def concrete(function: Callable[..., Any], signature: list[tf.TensorSpec], *, use_xla: bool = True) -> Any:
    """The function for one fixed shape, and as one XLA computation unless that is not wanted."""
    return tf.function(
        function, input_signature=signature, jit_compile=use_xla, autograph=False
    ).get_concrete_function()


def _tensor(array: Array) -> tf.Tensor:
    """The array as a tensor; on the CPU, where a program has done with it when its call returns, one that shares it.

    For a GPU it is copied: the call only starts the program, and the array may change before that has read it.
    """
    is_shared = not on_gpu() and array.flags.c_contiguous and array.ctypes.data % ALIGNMENT_BYTES == 0
    return tf.experimental.dlpack.from_dlpack(array.__dlpack__()) if is_shared else tf.constant(array)


def _arrays(tensors: Mapping[str, tf.Tensor]) -> dict[str, Array]:
    """The tensors as read-only arrays that share their memory; ``numpy()`` would copy it."""
    return {name: np.asarray(tensor) for name, tensor in tensors.items()}
