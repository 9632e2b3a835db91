"""The command line with the engine of ``small_run``, for scripts that call it often: no TensorFlow, no worker."""

from __future__ import annotations

from unittest.mock import patch

from faults.small_run import small_engine

from audiofeat.cli import main
from audiofeat.engine.standby import Standby

if __name__ == "__main__":
    with small_engine(), patch.object(Standby, "start", lambda *_, **__: None):
        main()
