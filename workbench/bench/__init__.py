"""The bench: a workspace with its engines opened; decides nothing.

Everything is opened when it is first used, so that a command that reads the ledger does not wait for
MLflow. This room alone reads the process's environment and the clock.
"""

from __future__ import annotations

from workbench.bench.composition import Bench
from workbench.bench.opening import bench_if_any, open_bench, usual_zygote
from workbench.bench.settings import Settings
from workbench.bench.workspace import create, find, shipped

__all__ = ["Bench", "Settings", "bench_if_any", "create", "find", "open_bench", "shipped", "usual_zygote"]
