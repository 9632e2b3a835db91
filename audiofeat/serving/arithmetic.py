"""Three ways to run the programs inside a larger graph.

``exact``: operation by operation, in the order that a worker adds up in, so with the bits of ``extract`` in any
process. ``xla``: one XLA computation of one fixed shape, which the graph calls for block after block, several times
faster; the bits are those of ``extract`` where XLA was told what a worker's is (:mod:`audiofeat.frontend.xla_flags`),
else some last ones differ. ``plain``: what the simplest runtimes have, TFLite's among them, and the only one that
gradients pass; last bits differ.
"""

from __future__ import annotations

from typing import Literal, TypeAlias, get_args

from audiofeat.errors import ConfigError

Arithmetic: TypeAlias = Literal["exact", "xla", "plain"]


def check_arithmetic(arithmetic: str) -> None:
    """Raises ConfigError where there is no such way to compute."""
    ways = get_args(Arithmetic)
    if arithmetic not in ways:
        raise ConfigError(f"there is no arithmetic {arithmetic!r}", hint=f"one of {', '.join(ways)}")
