"""audiofeat: folders of audio to feature stores.

::

    import audiofeat

    audiofeat.extract("recordings", "features", "librosa-logmel")
    store = audiofeat.open_store("features")
    store["speaker1/utterance7"]["log_mel"]  # (frames, dims) float32
"""

from audiofeat.api import extract, open_store

__all__ = ["__version__", "extract", "open_store"]

__version__ = "0.1.0"
