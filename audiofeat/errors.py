"""Everything that can go wrong, as one tree; each leaf knows the exit code that scripts see.

AudioFeatError                               1   internal: a defect of audiofeat
├── ConfigError          (ValueError)        2   the YAML or the command line is wrong: stop before any work
├── SourceError          (ValueError)        2   the source cannot be listed, or two clips want one key
│   └── NothingMatchedError                  5   the source holds no audio
├── ClipError                                -   one clip cannot be done: it is quarantined, the run goes on
├── TooManyFailuresError                     4   --max-failures was exceeded
├── NoStoreError         (FileNotFoundError) 10  there is no finished store at that path
├── LockedError          (BlockingIOError)   11  another process writes this store
├── DamageError          (ValueError)        12  bytes are not those that were written, or not those expected
├── MissingToolError     (RuntimeError)      13  a decoder, TensorFlow, a GPU, memory or descriptors are missing
├── StorageError         (OSError)           14  the store cannot be written: disk full, read-only, I/O error
├── UnfinishedError                          20  a store cannot be published: some of its shards are not made yet
├── DifferentError                           21  two things that were compared are not the same
└── Interrupted                              129 / 130 / 143, by the signal

Every message says what was found, what was
wanted and what to do.
"""

from __future__ import annotations

from typing import ClassVar

REPAIR_HINT = "`audiofeat verify STORE` says what is damaged, `audiofeat repair STORE` makes it again"
"""For whoever meets damage in a store, wherever that is found."""


class AudioFeatError(Exception):
    """The base of every error that audiofeat raises on purpose.

    ``problem`` says what was found and what was wanted; ``hint`` says what to do about it.
    """

    exit_code: ClassVar[int] = 1

    def __init__(self, problem: str, *, hint: str = "") -> None:
        super().__init__(problem)
        self.problem, self.hint = problem, hint

    def __str__(self) -> str:
        return f"{self.problem}\n  try: {self.hint}" if self.hint else self.problem


class ConfigError(AudioFeatError, ValueError):
    """The configuration or a command-line value is wrong."""

    exit_code = 2


class SourceError(AudioFeatError, ValueError):
    """The source cannot be listed, or its clips do not have one key each."""

    exit_code = 2


class NothingMatchedError(SourceError):
    """The source holds no audio file."""

    exit_code = 5


class ClipError(AudioFeatError):
    """One clip cannot be done. ``reason`` is a stable code such as ``input.truncated``."""

    def __init__(self, reason: str, problem: str, *, hint: str = "") -> None:
        super().__init__(problem, hint=hint)
        self.reason = reason
        self.decoder: str | None = None
        """Name and version of the decoder that was at work, where one was."""

    @property
    def is_transient(self) -> bool:
        """Whether another attempt on the same bytes may end otherwise (the machine's fault, not the file's)."""
        return self.reason.startswith(("io.", "decoder.killed", "decoder.missing"))


class TooManyFailuresError(AudioFeatError):
    """More clips failed than ``--max-failures`` allows."""

    exit_code = 4


class NoStoreError(AudioFeatError, FileNotFoundError):
    """There is no finished feature store at the path."""

    exit_code = 10


class LockedError(AudioFeatError, BlockingIOError):
    """Another process writes this store."""

    exit_code = 11


class DamageError(AudioFeatError, ValueError):
    """Stored bytes are not those that were written, or not those that were expected."""

    exit_code = 12


class MissingToolError(AudioFeatError, RuntimeError):
    """The environment lacks something that the run needs."""

    exit_code = 13


class StorageError(AudioFeatError, OSError):
    """The store cannot be written."""

    exit_code = 14


class UnfinishedError(AudioFeatError):
    """Some shards of a store are not made yet; nothing was published."""

    exit_code = 20


class DifferentError(AudioFeatError):
    """Two things that were compared are not the same."""

    exit_code = 21


class Interrupted(AudioFeatError):
    """A signal ended the run; everything committed stays."""

    def __init__(
        self,
        problem: str,
        *,
        signal_number: int,
        hint: str = "the same command again goes on where this one stopped",
    ) -> None:
        super().__init__(problem, hint=hint)
        self.signal_number = signal_number
