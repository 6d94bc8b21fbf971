"""Promotion: the gate through which models move, and the board that shows who waits before it.

Only this room says who is champion.
"""

from __future__ import annotations

from workbench.promotion.board import Candidate, board
from workbench.promotion.gate import Aliases, Gate, Move
from workbench.promotion.history import DECIDED, champions, stage

__all__ = ["DECIDED", "Aliases", "Candidate", "Gate", "Move", "board", "champions", "stage"]
