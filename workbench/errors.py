"""What can go wrong, and whose fault it is.

    WorkbenchError            message, and a hint that names the way out
    ├── Misuse (ValueError)   the caller's: a wrong name, value, file or order
    ├── Denied                nobody's: the gate refused; carries the decision
    ├── NeedsPeople           nobody's: the gate waits until people have approved; carries the question
    └── EngineError           the outside world's: a store, a kernel, a server

Every message says what was got and what is needed; the hint is a command or an edit that helps.

>>> error = Misuse("alpha is 2.0; it must lie in (0, 1)", hint="workbench params ab_test.ipynb")
>>> print(error.told())
alpha is 2.0; it must lie in (0, 1)
hint: workbench params ab_test.ipynb
"""

from __future__ import annotations

from typing import Any

HINT = "hint: "  # before the way out, wherever an error is told


class WorkbenchError(Exception):
    """Anything the workbench says no to; `hint` is the way out, in one line."""

    def __init__(self, message: str, *, hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint
        if hint:
            self.add_note(f"{HINT}{hint}")  # so that a notebook's traceback ends with the way out

    def told(self) -> str:
        """The message with its hint on a line of its own, as a person should read it."""
        return f"{self.message}\n{HINT}{self.hint}" if self.hint else self.message


class Misuse(WorkbenchError, ValueError):
    """The caller gave something that cannot be used."""


class Denied(WorkbenchError):
    """The gate refused; `decision` (a `workbench.policy.Decision`) holds each reason as data."""

    def __init__(self, message: str, *, decision: Any = None, hint: str = "") -> None:
        super().__init__(message, hint=hint)
        self.decision = decision


class NeedsPeople(WorkbenchError):
    """Nothing moved yet: people have to approve first; the question is asked and waits for them."""

    def __init__(
        self, message: str, *, decision: Any = None, question: str = "", missing: int = 0, hint: str = ""
    ) -> None:
        super().__init__(message, hint=hint)
        self.decision = decision  # a `workbench.policy.Decision` with what it asks of people
        self.question = question  # the question's digest, by which it is answered
        self.missing = missing  # how many approvals are still needed


class EngineError(WorkbenchError):
    """Something outside failed: a database, a kernel, a server, a file system."""
