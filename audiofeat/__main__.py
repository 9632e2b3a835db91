"""``python -m audiofeat``."""

from audiofeat.cli import main

main()
