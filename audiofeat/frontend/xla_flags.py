"""What XLA is told when it compiles, so that the programs give the same bits on every x86-64 processor with AVX.

* No more than AVX: with one target for all processors the compiled code is the same everywhere, and without fused
  multiply-add, whose use depends on what else a program computes, a feature has the same bits alone and beside others.
* Products are emitted by XLA and not left to Eigen and oneDNN, which pick their kernels by processor and by the size
  of its caches.

Sources: xla/debug_options_flags.cc, xla/backends/cpu/codegen/cpu_features.cc, xla/service/cpu/dot_op_emitter.cc.
"""

from __future__ import annotations

import platform
from importlib import metadata

_OWN_PRODUCTS = (
    "--xla_cpu_multi_thread_eigen=false",
    # Rows, columns and vectors at a time: no value, but 0.3 s less to compile, and 5 to 10 % faster than by default.
    "--xla_backend_extra_options=xla_force_enable_experimental_llvm_ir_gemm,xla_llvm_ir_gemm_tile_size=8:2:1*vectwidth",
)
_SAME_BITS_ON_A_GPU = (
    "--xla_gpu_autotune_level=0",  # else kernels are picked by their speed on the day
    "--xla_gpu_deterministic_ops=true",  # no sums by atomic additions, in the order in which threads come along
)
_ONE_TARGET = "--xla_cpu_max_isa=AVX"
_KNOWS_ONE_TARGET = (2, 19)
"""The version of TensorFlow that has this flag; an older one ends the process when it sees it."""


def xla_flags(device: str) -> str:
    """The environment variable XLA_FLAGS, which XLA reads when it first compiles, for ``cpu`` or ``gpu``."""
    if device == "gpu":
        return " ".join(_SAME_BITS_ON_A_GPU)
    return " ".join((_ONE_TARGET, *_OWN_PRODUCTS) if _has_one_target() else _OWN_PRODUCTS)


def _has_one_target() -> bool:
    if platform.machine() not in ("x86_64", "AMD64"):
        return False
    try:
        major, minor = metadata.version("tensorflow").split(".")[:2]
    except metadata.PackageNotFoundError:
        return False
    return (int(major), int(minor)) >= _KNOWS_ONE_TARGET
