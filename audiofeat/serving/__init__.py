"""The features of a configuration inside a TensorFlow graph: a batch of waveforms in, the rows of ``extract`` out.

``fit`` says what of a configuration cannot go in; ``counts``, ``signals``, ``laying`` and ``tails`` are the host's part
of the work (lengths, signal steps, edges, what looks along time) as TensorFlow's operations; in their middle run the
programs of :mod:`audiofeat.frontend.traced`, the very functions that a worker compiles. ``export`` writes it all as a
SavedModel or for TFLite.
"""
