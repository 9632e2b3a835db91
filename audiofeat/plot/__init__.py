"""Clips beside each other as a picture: waveform, spectrum, spectrogram and features.

``run`` goes from names to a file. ``of_file`` and ``of_store`` give what is ``shown`` of a clip, ``scales`` what its
frames and columns stand for; ``spectra`` and ``shades`` are the numbers that are drawn. ``figure`` draws them, with
``lines``, ``images`` and ``axes``, in the colours and sizes of ``look``; ``picture`` makes them a file. Only what draws
needs matplotlib, and imports it when it is called.
"""
