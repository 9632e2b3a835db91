"""From a configuration to compiled programs: samples on a tape in, feature rows out.

``recipe``, ``chains`` and ``constants`` are plain Python and NumPy (what will be computed, in which shape and unit, by
which steps and numbers); the files of the programs (``program``, ``traced``, ``arithmetic``, ``products``, ``kernels``)
need TensorFlow, so only workers and what is served import them.
"""
