"""Readers of manifests: CSV, TSV, JSON Lines, Kaldi's wav.scp, and Parquet, which may hold the audio itself.

Each reader takes a file apart into raw rows and hands them to one :class:`~.clips.ClipBuilder`, which knows the rules.
"""
