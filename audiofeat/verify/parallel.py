"""Work on many things, some at a time, with the results in the order of the things."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Executor, Future
from typing import TypeVar

T = TypeVar("T")
R = TypeVar("R")


def mapped(executor: Executor, function: Callable[[T], R], things: Iterable[T], *, ahead: int) -> Iterator[tuple[T, R]]:
    """Each thing with what the function makes of it; no more than ``ahead`` are begun or wait at a time."""
    begun: deque[tuple[T, Future[R]]] = deque()
    try:
        for thing in things:
            begun.append((thing, executor.submit(function, thing)))
            if len(begun) == ahead:
                first, result = begun.popleft()
                yield first, result.result()
        while begun:
            first, result = begun.popleft()
            yield first, result.result()
    finally:
        for _, result in begun:
            result.cancel()
