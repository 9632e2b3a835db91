"""What a picture shows of one clip, wherever that came from."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from audiofeat.dsp.framing import Samples
from audiofeat.dsp.row_blocks import Array
from audiofeat.plot.scales import ColumnScale, FrameTimes


@dataclass(frozen=True, slots=True, eq=False)
class Sound:
    """The samples of a clip, (n,) float32, as its features are made of them."""

    samples: Samples
    sample_rate_hz: int

    @property
    def seconds(self) -> float:
        return len(self.samples) / self.sample_rate_hz


@dataclass(frozen=True, slots=True, eq=False)
class ShownFeature:
    """A feature of a clip, and what its frames and columns stand for."""

    values: Array
    """(frames, dims), as ``extract`` writes them."""
    unit: str
    times: FrameTimes
    columns: ColumnScale


@dataclass(frozen=True, slots=True, eq=False)
class ShownClip:
    """One column of the picture."""

    title: str
    seconds: float
    sound: Sound | None
    features: Mapping[str, ShownFeature]
    no_sound: str = ""
    """Why there is no sound, where there is none."""
