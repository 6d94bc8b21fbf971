"""Policy: rules that turn evidence into a decision with reasons; Rego in, decision out.

The rules are files, the engine that evaluates them is handed in, and nothing here reads a clock, a
network or an environment: what a policy may know is in its input.
"""

from __future__ import annotations

from workbench.policy.deciding import RULES, Engine, Ruling, decide
from workbench.policy.decision import Decision, Outcome, People, Reason
from workbench.policy.lint import lint
from workbench.policy.many import decide_many
from workbench.policy.redeciding import Redecided, redecide
from workbench.policy.source import Policy

__all__ = [
    "RULES",
    "Decision",
    "Engine",
    "Outcome",
    "People",
    "Policy",
    "Reason",
    "Redecided",
    "Ruling",
    "decide",
    "decide_many",
    "lint",
    "redecide",
]
