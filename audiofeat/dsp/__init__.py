"""Signal processing as plain functions and constants: NumPy only, no files, no configuration, no clock.

Every constant is computed in float64 and cast once, where the program that uses it is built.
"""
