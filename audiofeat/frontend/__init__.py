"""From a configuration to compiled programs: samples on a tape in, feature rows out.

``recipe``, ``chains`` and ``constants`` are plain Python and NumPy (what will be computed, in which shape and unit, by
which steps and numbers); ``program`` and ``arithmetic`` need TensorFlow, so only workers import them.
"""
