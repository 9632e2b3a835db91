"""How many clips may fail before a run is stopped: ``--max-failures 20`` or ``--max-failures 5%``."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from audiofeat.errors import ConfigError, TooManyFailuresError

_CLIPS_BEFORE_A_SHARE_COUNTS = 50


@dataclass(frozen=True, slots=True)
class MaxFailures:
    """A number of clips, or a share of those seen, which counts from the fiftieth clip on."""

    count: int | None = None
    share: float | None = None

    @classmethod
    def parse(cls, text: str) -> MaxFailures:
        """Read ``20`` or ``5%``. Raises ConfigError."""
        number = text.strip().removesuffix("%").strip()
        try:
            if text.strip().endswith("%"):
                if 0 <= float(number) <= 100:
                    return cls(share=float(number) / 100)
            elif number.isascii() and number.isdigit():
                return cls(count=int(number))
        except ValueError:
            pass  # said below, with what would be right
        raise ConfigError(
            f"--max-failures {text!r} is neither a number of clips nor a share of them", hint="for example 20 or 5%"
        )

    def check(self, *, failed: int, seen: int, examples: Sequence[str] = (), is_over: bool = False) -> None:
        """Raise TooManyFailuresError where ``failed`` of ``seen`` are too many; ``is_over``: no more will come."""
        too_many = self.count is not None and failed > self.count
        if self.share is not None and (is_over or seen >= _CLIPS_BEFORE_A_SHARE_COUNTS):
            too_many = too_many or failed > self.share * seen
        if too_many:
            limit = f"{self.count}" if self.count is not None else f"{100 * (self.share or 0):g}%"
            raise TooManyFailuresError(
                f"{failed:,} of {seen:,} clips failed, more than --max-failures {limit} allows; finished shards stay"
                + "".join(f"\n  {example}" for example in examples),
                hint="mend the files, or the same command with a higher --max-failures: it goes on from here",
            )


NO_LIMIT = MaxFailures()
