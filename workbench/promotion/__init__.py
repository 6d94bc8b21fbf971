"""Promotion: the gate through which models move, and the board that shows who waits before it.

Only this room says who is champion. Its rules (who may be gone back to, which rejection stands, what an
entry tells) are pure; the ledger, the policy's engine and the registry are handed in.
"""

from __future__ import annotations

from workbench.promotion.board import Candidate, board
from workbench.promotion.gate import Gate
from workbench.promotion.history import DECIDED, Stage, champions, stage
from workbench.promotion.moves import Move
from workbench.promotion.projection import Aliases

__all__ = ["DECIDED", "Aliases", "Candidate", "Gate", "Move", "Stage", "board", "champions", "stage"]
