"""Do the presets give the numbers of the libraries they name? Measured, not claimed.

``signals`` makes clips, ``libraries`` names who else computes a preset's feature (one file ``with_*.py`` each),
``goldens`` holds what those libraries gave where they are not installed, ``yardstick`` says what a difference is worth,
and ``check`` puts them beside audiofeat's own numbers.
"""
