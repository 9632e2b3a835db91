"""Lines of the package taken out, to see whether the sweeps notice."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any

from faults.disk import Call

Mutation = Callable[[Call, Callable[[], Any]], Any]


def unchanged(call: Call, make: Callable[[], Any]) -> Any:
    """The call as the package makes it."""
    return make()


def without_fsync_at(site: str) -> Mutation:
    """One fsync left out: that of the functions that :attr:`Call.site` names."""

    def mutation(call: Call, make: Callable[[], Any]) -> Any:
        return None if call.name == "fsync" and call.site == site else make()

    return mutation


def copying_for_renaming(call: Call, make: Callable[[], Any]) -> Any:
    """A new name by a copy into the place, as a program without renames would do it."""
    if call.name != "rename" or os.path.isdir(call.path):
        return make()
    with open(call.path, "rb") as file:
        content = file.read()
    with open(call.target, "wb") as file:
        file.write(content)
    os.unlink(call.path)
    return None
