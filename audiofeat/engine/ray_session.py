"""A connection to a Ray cluster, or a cluster of our own on this machine, of which nothing is left afterwards."""

from __future__ import annotations

import os
import re
import secrets
import shutil
import signal
import tempfile
import threading
from collections.abc import Iterator, MutableMapping
from concurrent.futures import Executor, ThreadPoolExecutor, wait
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from audiofeat.engine.ray_address import await_head, parse_address
from audiofeat.errors import MissingToolError

_OBJECT_STORE_BYTES = 80 << 20
"""Nothing large goes through it; by default it would take a share of the machine's memory."""
_LONGEST_FOLDER = 40
"""Of Ray's files: the sockets in it have names of 60 characters, and of 107 at most."""
_HANDLER_SECONDS = 0.05
_OURS = re.compile(r"audiofeat-ray-(\d+)-\w+")


@contextmanager
def ray_session(address: str | None, *, cores: int) -> Iterator[Any]:
    """Ray, connected to the cluster at ``address``, or with one of its own on this machine, of so many ``cores``.

    A cluster that was there before stays.

    Raises:
        MissingToolError: Ray is not installed, or there is no such cluster, or it does not let us in.
        ConfigError: ``address`` is none.
    """
    place = parse_address(address) if address is not None else None
    _make_environment(os.environ, is_own=place is None)
    ray = _imported()
    if place is not None:
        outer_host = ray.util.get_node_ip_address() if place.is_rewritten else None
        await_head(place, outer_host=outer_host)
        with _connected(ray, address=str(place)):
            yield ray
        return
    with (
        _own_folder() as folder,
        _connected(
            ray,
            address="local",
            num_cpus=cores,
            include_dashboard=False,
            object_store_memory=_OBJECT_STORE_BYTES,
            _temp_dir=str(folder),
        ),
    ):
        yield ray


def _imported() -> Any:
    try:
        import ray
    except ImportError as error:
        raise MissingToolError("--engine ray needs Ray", hint="pip install 'audiofeat[ray]'") from error
    return ray


@contextmanager
def _connected(ray: Any, **arguments: Any) -> Iterator[None]:
    # The thread must last as long as the cluster: the system ends what it has started when it ends.
    with ThreadPoolExecutor(1) as thread:
        try:
            _init(ray, thread, log_to_driver=False, logging_level="error", **arguments)
            yield
        finally:
            ray.shutdown()


def _init(ray: Any, thread: Executor, **arguments: Any) -> None:
    """Connect. Ray puts handlers of its own in place for SIGTERM, but how a run ends is the run's to say.

    One is Python's, which it leaves alone in a thread; the other is not, and is replaced as soon as it is there.

    Raises:
        MissingToolError: there is no such cluster, or it does not let us in.
    """
    before = signal.getsignal(signal.SIGTERM)
    is_main = threading.current_thread() is threading.main_thread()
    connected = thread.submit(ray.init, **arguments)
    is_over = False
    try:
        while not is_over:
            is_over = not wait([connected], timeout=_HANDLER_SECONDS).not_done
            if is_main:
                signal.signal(signal.SIGTERM, before)
        connected.result()
    except (RuntimeError, OSError, ValueError, TimeoutError, ray.exceptions.RayError) as error:
        raise MissingToolError(
            f"the Ray cluster ({arguments['address']}) does not let this run in: {str(error).strip()}",
            hint="it wants the very versions of Ray and Python that it has, a node of it on this machine, and its "
            "token, in RAY_AUTH_TOKEN or ~/.ray/auth_token",
        ) from error
    finally:
        wait([connected])  # what is half begun cannot be ended


def _make_environment(environment: MutableMapping[str, str], *, is_own: bool) -> None:
    """What must be set before Ray is imported."""
    environment.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    # Else `uv run audiofeat` would copy the working folder to each node, and change into the copy.
    environment.setdefault("RAY_ENABLE_UV_RUN_RUNTIME_ENV", "0")
    environment.setdefault("RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO", "0")
    if is_own:
        # Else workers would give way to whatever else runs, as those of a local run do not.
        environment.setdefault("RAY_worker_niceness", "0")
        # Most of its ports listen on all of the machine's addresses. Where Ray has no token, it leaves one in a file.
        if environment.setdefault("RAY_AUTH_MODE", "token") == "token":
            environment.setdefault("RAY_AUTH_TOKEN", secrets.token_hex(32))
    elif _has_token(environment):
        environment.setdefault("RAY_AUTH_MODE", "token")  # without it, Ray would not send the token that it has


def _has_token(environment: MutableMapping[str, str]) -> bool:
    if "RAY_AUTH_TOKEN" in environment or "RAY_AUTH_TOKEN_PATH" in environment:
        return True
    return (Path.home() / ".ray/auth_token").exists()


@contextmanager
def _own_folder() -> Iterator[Path]:
    """A short name on a local disk; those of runs that were killed go too."""
    place = Path(tempfile.gettempdir())
    if len(str(place)) > _LONGEST_FOLDER:
        place = Path("/tmp")
    for folder in place.glob("audiofeat-ray-*"):
        found = _OURS.fullmatch(folder.name)
        if found is not None and not _is_alive(int(found[1])):
            shutil.rmtree(folder, ignore_errors=True)
    folder = Path(tempfile.mkdtemp(prefix=f"audiofeat-ray-{os.getpid()}-", dir=place))
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _is_alive(pid: int) -> bool:
    with suppress(ProcessLookupError):
        with suppress(PermissionError):
            os.kill(pid, 0)
        return True
    return False
