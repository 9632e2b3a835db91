"""The features of a configuration inside a TensorFlow graph: a batch of waveforms in, the rows of ``extract`` out.

``fit`` says what of a configuration cannot go in, ``batches`` what callers may hand in; ``counts``, ``signals``,
``laying`` and ``tails`` are the host's part of the work (lengths, signal steps, edges, what looks along time) as
TensorFlow's operations; in their middle run the programs of :mod:`audiofeat.frontend.traced`, the very functions that a
worker compiles, in one of three ways of ``arithmetic``. ``export`` writes it all as a SavedModel or for TFLite;
``keras_layer`` puts it in front of a model.
"""
