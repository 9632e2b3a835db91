"""Which channels of a file become the clip's: their mean, one of them, or each.

The mix is the plain mean of the channels in float32, added in channel order: the bits of ``librosa.to_mono`` and of
``numpy.mean`` over the rows of (channels, n).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal, TypeAlias

import numpy as np

from audiofeat.decode.samples import Samples
from audiofeat.errors import ClipError

Channels: TypeAlias = int | Literal["mix", "first", "each"]
"""A channel is counted from 0."""


def wanted_channel(channels: Channels, *, file_channels: int) -> int | None:
    """The one channel that is taken of a file's ``file_channels``; None where it is more than one.

    Raises:
        ClipError: ``input.no-such-channel``.
    """
    if channels in ("mix", "each"):
        return None
    number = 0 if channels == "first" else int(channels)
    if not 0 <= number < file_channels:
        raise ClipError(
            "input.no-such-channel",
            f"channel {number} was asked for; the file has {file_channels}, counted from 0",
            hint="correct the channel, or leave the file out",
        )
    return number


def channel_picker(channels: Channels, *, file_channels: int) -> Callable[[Samples], Samples]:
    """What makes (n, channels wanted) of (n, file_channels). Raises ClipError as ``wanted_channel`` does."""
    number = wanted_channel(channels, file_channels=file_channels)
    if number is not None:
        return lambda block: block[:, number : number + 1]
    if channels == "each":
        return lambda block: block
    return lambda block: to_mono(block)[:, np.newaxis]


def to_mono(block: Samples) -> Samples:
    """The mean over the channels.

    Shape:
        block (n, channels) -> (n,)
    """
    channels = block.shape[1]
    if channels == 1:
        return block.reshape(-1)
    total = block[:, 0] + block[:, 1]
    for channel in range(2, channels):
        total += block[:, channel]
    total /= np.float32(channels)
    return total
