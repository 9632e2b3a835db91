"""Where a Ray cluster is reached: an address is read, and looked at, before Ray is: it would try for ever."""

from __future__ import annotations

import socket
import time
from dataclasses import dataclass

from audiofeat.errors import ConfigError, MissingToolError

_REACH_SECONDS = 30.0
_PAUSE_SECONDS = 0.5
_THIS_MACHINE = {"localhost", "127.0.0.1", "::1"}


@dataclass(frozen=True, slots=True)
class Address:
    """Of a cluster's head."""

    host: str
    port: int

    def __str__(self) -> str:
        return f"{self.host}:{self.port}"

    @property
    def is_rewritten(self) -> bool:
        """Whether Ray takes another one in its place: this machine's on the network."""
        return self.host in _THIS_MACHINE


def parse_address(text: str) -> Address:
    """Read ``HOST:PORT``. Raises ConfigError."""
    if "://" in text:
        raise ConfigError(
            f"--address {text}: over a client's connection the run would be cut off from its tasks",
            hint="run audiofeat on a node of the cluster, with --address HOST:PORT as `ray start --head` printed it",
        )
    host, _, port = text.rpartition(":")
    if not host or not port.isdecimal() or not 0 < int(port) < 1 << 16:
        raise ConfigError(f"--address {text!r} is no HOST:PORT", hint="for example --address 10.0.0.5:6379")
    return Address(host, int(port))


def await_head(address: Address, *, outer_host: str | None = None, seconds: float = _REACH_SECONDS) -> None:
    """Wait until somebody listens at an address.

    Args:
        outer_host: what Ray takes in place of ``localhost``.
    Raises:
        MissingToolError: nobody does, or nobody where Ray will look.
    """
    problem = _knock(address.host, address.port, seconds)
    if problem:
        raise MissingToolError(
            f"no Ray cluster answers at {address} ({problem})",
            hint="`ray start --head` prints the address; is it up, and does a firewall let port and host through?",
        )
    if address.is_rewritten and outer_host is not None and _knock(outer_host, address.port, _PAUSE_SECONDS):
        raise MissingToolError(
            f"{address} answers, but Ray looks for it at {outer_host}:{address.port}, where nobody listens",
            hint="start the head with --node-ip-address 127.0.0.2, or an address of the network, and name that",
        )


def _knock(host: str, port: int, seconds: float) -> str:
    """Why nobody answers within a time; empty: somebody does."""
    deadline = time.monotonic() + seconds
    while True:
        left = deadline - time.monotonic()
        try:
            with socket.create_connection((host, port), timeout=max(_PAUSE_SECONDS, left)):
                return ""
        except OSError as error:
            if left <= _PAUSE_SECONDS or isinstance(error, socket.gaierror):
                return str(error.strerror or error)
        time.sleep(_PAUSE_SECONDS)
