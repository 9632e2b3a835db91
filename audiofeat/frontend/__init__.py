"""From a configuration to compiled programs: samples on a tape in, feature rows out.

``recipe`` is plain Python (what will be computed, in which shape and unit); ``program`` needs TensorFlow, so only
workers import it.
"""
