"""The form in which a person decides: a reason, the acts that are open, and a second click where it counts.

A form knows no model and no policy. It is given acts, says what an act would do and what the policy says to it
before it is done, looks again at the world before it acts, and shows a refusal in words where the person is looking.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

from workbench.errors import Denied, WorkbenchError
from workbench.policy import Decision
from workbench.views.evidence import mark, reasons, verdict
from workbench.views.parts import Parts, show
from workbench.views.words import safe, sentence, told

NEEDS_A_REASON = "Say why in a sentence first. The ledger keeps it under your name."
WORKING = '<div class="wb-told wb-work" role="status">Working …</div>'
MOVED = "This changed while you were deciding. Read it again, then decide."


@dataclass(frozen=True)
class Act:
    """One thing that a person may do."""

    words: str  # on its button: "Approve version 3"
    do: Callable[[str], str]  # takes the reason, gives back the sentence that confirms it
    effect: str = ""  # what it would do, shown before the second click; empty: one click is enough
    sure: str = ""  # on the second button: "Yes, make version 3 champion"
    judge: Callable[[str], Decision] | None = None  # what the policy says to it now, given the reason
    closed: str = ""  # why it cannot be done now; empty: it can
    look: str = ""  # how its button looks


class Form:
    """A reason and up to a few acts; `offer` changes them in place."""

    def __init__(
        self,
        parts: Parts,
        label: str,
        *,
        look_again: Callable[[], None],
        done: Callable[[str], None],
        count: int,
        above: Sequence[Any] = (),
    ) -> None:
        self._look_again = look_again
        self._done = done
        self._acts: Sequence[Act] = ()
        self._asked: Act | None = None
        self.reason = parts.reason(label, "What speaks for it, or against it? The ledger keeps this under your name.")
        self.buttons = [parts.button("", click=partial(self._pressed, place)) for place in range(count)]
        self.closed = parts.html()
        self.said = parts.html()
        self.effect = parts.html()
        self.sure = parts.button("", look="wb-first", click=self._confirmed)
        self.cancel = parts.button("Cancel", click=self._cancelled)
        self._row = parts.row(*self.buttons, self.closed, look="wb-acts")
        self._second = parts.column(self.effect, parts.row(self.sure, self.cancel, look="wb-acts"), look="wb-sure")
        self.widget = parts.column(self.reason, *above, self._row, self._second, self.said, look="wb-form")
        self._ask(None)

    def offer(self, acts: Sequence[Act]) -> None:
        """What can be done now; one act a button, in their order."""
        self._acts = acts
        for button, act in zip(self.buttons, acts, strict=False):
            button.description, button.tooltip = act.words, act.closed or act.words
            button.disabled = bool(act.closed)
            looks = (act.look,) if act.look else ()
            if tuple(button._dom_classes) != looks:
                button._dom_classes = looks
        for place, button in enumerate(self.buttons):
            show(button, shown=place < len(acts))
        closed = " ".join(dict.fromkeys(act.closed for act in acts if act.closed))
        self.closed.value = f'<span class="wb-quiet">{safe(closed)}</span>' if closed else ""
        show(self.closed, shown=bool(closed))

    def say(self, words: str) -> None:
        """Show a piece of HTML below the buttons."""
        self.said.value = words
        show(self.said, shown=bool(words))

    def _pressed(self, place: int) -> None:
        if place >= len(self._acts) or self._acts[place].closed:
            return
        if not self.reason.value.strip():
            self.say(refused(NEEDS_A_REASON))
            self.reason.focus()
            return
        if not self._acts[place].effect:
            self._perform(self._acts[place])
            return
        if not self._looked_again():
            return
        act = self._acts[place] if place < len(self._acts) else None
        if act is None or act.closed:
            self.say(refused(act.closed if act else MOVED))
            return
        self._ask_first(act)

    def _ask_first(self, act: Act) -> None:
        """Show what it would do and what the policy says; a no ends here, before anything is asked for."""
        if act.judge is None:
            self._ask(act)
            self.sure.focus()
            return
        self._work()
        try:
            decision = act.judge(self.reason.value.strip())
        except WorkbenchError as error:
            self.say(failed(error))
            return
        finally:
            self.offer(self._acts)
        self.say("")
        if decision.decision == "deny":
            self.say(
                refused(
                    "The policy says no to this now. Nothing was asked for, and nothing moved.",
                    reasons(decision.reasons),
                )
            )
            return
        self._ask(act, decision)
        self.sure.focus()

    def _confirmed(self) -> None:
        act = self._asked
        if act is None:  # the second of two quick clicks
            return
        self._ask(None)
        if not self._looked_again():
            return
        if not any(now.effect == act.effect and not now.closed for now in self._acts):
            self.say(refused(MOVED))
            return
        self._perform(act)

    def _cancelled(self) -> None:
        self._ask(None)
        self.reason.focus()

    def _ask(self, act: Act | None, decision: Decision | None = None) -> None:
        self._asked = act
        if act is not None:
            people = decision is not None and not decision.allowed
            sure = "Yes, ask people" if people else act.sure
            effect = f"{act.effect} That waits for people: nothing moves yet." if people else act.effect
            self.effect.value = (verdict(decision, "This") if decision else "") + f"<p>{safe(effect)}</p>"
            self.sure.description = self.sure.tooltip = sure
        show(self._second, shown=act is not None)
        show(self._row, shown=act is None)
        self.reason.disabled = act is not None

    def _looked_again(self) -> bool:
        self._work()
        try:
            self._look_again()
        except WorkbenchError as error:
            self.say(failed(error))
            return False
        else:
            self.say("")
            return True
        finally:
            self.offer(self._acts)

    def _perform(self, act: Act) -> None:
        self._work()
        try:
            confirmation = act.do(self.reason.value.strip())
        except WorkbenchError as error:
            self._looked_again()  # a refusal is an entry too
            self.say(failed(error))
        except Exception:
            self.say(refused("It broke off unexpectedly. Refresh to see whether anything changed."))
            raise
        else:
            self.reason.value = ""
            self.say("")
            self._done(confirmation)
        finally:
            self.offer(self._acts)

    def _work(self) -> None:
        """Say at once that the click was heard; an act takes a moment."""
        for button in self.buttons:
            button.disabled = True
        self.say(WORKING)


def focus_next(forms: Sequence[Form | None], after: int) -> None:
    """Put the keyboard where the next decision is made.

    Args:
        forms: The forms on the page as it is now, in their order; None where nothing can be decided.
        after: The place at which the last decision was made; where it is empty now, the next one stands there.
    """
    for form in (*forms[after:], *forms[:after]):
        if form is not None:
            form.reason.focus()
            return


def toast(words: str) -> str:
    """What was done, in view wherever on the page that was; read aloud elsewhere."""
    return f'<div class="wb-toast" aria-hidden="true">{safe(words)}</div>'


def confirmed(words: str) -> str:
    """A box that says what was done."""
    return f'<div class="wb-told wb-yes" role="status">{mark("pass")}<div>{safe(words)}</div></div>'


def refused(words: str, rest: str = "") -> str:
    """A box that says what was not done, and why; `rest` is HTML."""
    return f'<div class="wb-told wb-no" role="alert">{mark("fail")}<div>{safe(words)}{rest}</div></div>'


def failed(error: WorkbenchError) -> str:
    """A box for an error of ours: a denial with its reasons, anything else with its way out."""
    decision: Any = getattr(error, "decision", None)
    if isinstance(error, Denied) and isinstance(decision, Decision) and decision.reasons:
        return refused("The policy refused it; nothing moved. The ledger keeps the refusal.", reasons(decision.reasons))
    if isinstance(error, Denied):
        return refused(error.message)
    hint = f'<div class="wb-hint">What helps: <code>{safe(error.hint)}</code></div>' if error.hint else ""
    return refused(sentence(told(error)), hint)
