"""Promotion: the gate through which models move, the people who decide, and the board that shows who waits.

Only this room says who is champion, canary or in shadow, and who may say yes. Its rules (where a version
may go, which rejection stands, which approval counts) are pure; the ledger, the policy's engine and the
registry are handed in.
"""

from __future__ import annotations

from workbench.promotion.approvals import Answers, Approval
from workbench.promotion.board import Candidate, Verdicts, board, by_stage, judged, open_questions
from workbench.promotion.declarations import Declaration, declaration
from workbench.promotion.desk import Desk
from workbench.promotion.gate import Gate
from workbench.promotion.history import DECIDED, champions, stage
from workbench.promotion.moves import Move
from workbench.promotion.people import Identity, Roster
from workbench.promotion.projection import Aliases
from workbench.promotion.questions import Question, Requirement
from workbench.promotion.queue import Open, queue
from workbench.promotion.stages import Stage
from workbench.promotion.trail import Row, Step, side_by_side, trail

__all__ = [
    "DECIDED",
    "Aliases",
    "Answers",
    "Approval",
    "Candidate",
    "Declaration",
    "Desk",
    "Gate",
    "Identity",
    "Move",
    "Open",
    "Question",
    "Requirement",
    "Roster",
    "Row",
    "Stage",
    "Step",
    "Verdicts",
    "board",
    "by_stage",
    "champions",
    "declaration",
    "judged",
    "open_questions",
    "queue",
    "side_by_side",
    "stage",
    "trail",
]
