"""audiofeat: folders of audio to feature stores.

::

    import audiofeat

    audiofeat.extract("recordings", "features", "librosa-logmel")
    store = audiofeat.open_store("features")
    store["speaker1/utterance7"]["log_mel"]  # (frames, dims) float32
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from audiofeat.api import extract, open_store

if TYPE_CHECKING:
    from audiofeat.serving.frontend import Frontend
    from audiofeat.serving.keras_layer import FrontendLayer

__all__ = ["Frontend", "FrontendLayer", "__version__", "extract", "open_store"]

__version__ = "0.1.0"


def __getattr__(name: str) -> Any:
    # Both need TensorFlow, which takes seconds to import.
    if name == "Frontend":
        from audiofeat.serving.frontend import Frontend

        return Frontend
    if name == "FrontendLayer":
        from audiofeat.serving.keras_layer import FrontendLayer

        return FrontendLayer
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
