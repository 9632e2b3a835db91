"""The state machine of :mod:`faults.machine`, for a few seconds; ``scripts/torture`` plays it for longer."""

from __future__ import annotations

from faults.machine import StoreMachine
from hypothesis import HealthCheck, Phase, settings

TestFault9And41Store = StoreMachine.TestCase
TestFault9And41Store.settings = settings(
    max_examples=12,
    stateful_step_count=15,
    deadline=None,
    database=None,
    derandomize=True,
    suppress_health_check=list(HealthCheck),
    phases=(Phase.generate,),
)
