"""One question that waits for people: what is asked, on what ground, who said yes, who is missing, and the answer.

Where the viewer may not answer, there is no form; the gate would refuse them too.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from workbench.promotion import Candidate, Question
from workbench.promotion.declaring import LOWER
from workbench.views.acting import Act, Form
from workbench.views.deciding import Acts, Waiting, You
from workbench.views.evidence import comparison, findings_told, folded, mark
from workbench.views.parts import Parts, place
from workbench.views.words import counted, listed, moment, safe, sentence


class Asked:
    """A question's card; `show` changes it in place and keeps what was typed.

    Args:
        parts: Makes the widgets.
        acts: What can be set in motion.
        look_again: Reads the world anew and shows it.
        done: Says a confirmation.
        closely: Whether the evidence stands open.
    """

    def __init__(
        self,
        parts: Parts,
        acts: Acts,
        *,
        look_again: Callable[[], None],
        done: Callable[[str], None],
        closely: bool,
    ) -> None:
        self._parts, self._acts, self._look_again, self._done, self._closely = parts, acts, look_again, done, closely
        self.told = parts.html()
        self.form: Form | None = None
        self._box = parts.column()
        self.widget = parts.column(self.told, self._box, look="wb-card")

    @property
    def offered(self) -> Form | None:
        """The form, where there is something to decide."""
        return self.form if self._box.children else None

    def show(self, waiting: Waiting, you: You, candidates: Sequence[Candidate]) -> None:
        """The question as it stands now."""
        self.told.value = _told(waiting, you, candidates, closely=self._closely)
        acts = self._answers(waiting, you, candidates)
        if self.form is not None:
            self.form.offer(acts)  # none, too: a click that comes late acts on nothing
        if not acts:
            place(self._box, [])
            return
        if self.form is None:
            label = f"Your reason to {waiting.open.in_words}, or not to (required)"
            self.form = Form(self._parts, label, look_again=self._look_again, done=self._done, count=3)
        self.form.offer(acts)
        place(self._box, [self.form.widget])

    def _answers(self, waiting: Waiting, you: You, candidates: Sequence[Candidate]) -> list[Act]:
        if "approve" not in you.may or waiting.open.state != "waiting":
            return []
        digest, words = waiting.open.digest, waiting.open.in_words
        given = []
        if waiting.yours:
            last = waiting.open.answers.missing == 1
            if last and "ask" in you.may and effect(waiting, candidates):
                given.append(
                    Act(
                        "Approve, and do it now",
                        lambda why: self._acts.approve(digest, why, True),
                        effect=f"Yours is the last approval missing. {effect(waiting, candidates)}",
                        sure=f"Yes, {words}",
                        look="wb-first",
                    )
                )
            after = " It is the last one missing; the move itself is asked for later." if last else ""
            given.append(
                Act(
                    "Approve only" if given else "Approve",
                    lambda why: self._acts.approve(digest, why, False),
                    effect=f"This signs your approval to {words}. Nothing moves by it yet.{after}",
                    sure=f"Yes, I approve to {words}",
                    look="" if given else "wb-first",
                )
            )
        if waiting.may_refuse:
            given.append(Act("Refuse", lambda why: self._acts.refuse(digest, why), look="wb-grave"))
        return given


def effect(waiting: Waiting, candidates: Sequence[Candidate]) -> str:
    """What the act does that a question is about; empty where the question is about no model."""
    question = waiting.open.answers.question
    if question.action == LOWER:
        return _lowered(question)
    candidate, champion = sides(waiting, candidates)
    if candidate is None:
        return ""
    model, number = candidate.version.model, candidate.version.version
    now = f"version {champion.version.version}" if champion else "no version"
    slot, weight = question.particulars.get("slot"), question.particulars.get("weight")
    if question.action in {"promote", "rollback"}:
        return f"Version {number} of {model} then answers every request; now {now} does."
    if question.action == "stage" and isinstance(weight, int | float):
        return f"Version {number} of {model} then answers {100 * weight:.4g} % of the requests, {now} the rest."
    if question.action == "stage":
        return f"Version {number} of {model} then answers beside {now}, in {slot}; nobody gets its answers."
    return f"{sentence(waiting.open.in_words)} {sentence(now)} goes on to answer."


def _lowered(question: Question) -> str:
    """All that is declared with it, since the yes is to all of it."""
    declared = question.particulars["declared"]
    told = [f"its owner is {declared['owner'] or 'nobody'}"]
    for name, words in (("kpis", "key figures"), ("objectives", "objectives")):
        kept = ", ".join(f"{one}: {value}" for one, value in declared[name].items())
        told.append(f"{words}: {kept or 'none'}")
    return f"The stakes of {question.subject} are then normal. Declared with it: {'; '.join(told)}."


def sides(waiting: Waiting, candidates: Sequence[Candidate]) -> tuple[Candidate | None, Candidate | None]:
    """The version that a question is about, and its model's champion."""
    subject = waiting.open.answers.question.subject
    candidate = next((c for c in candidates if c.version.subject == subject), None)
    if candidate is None:
        return None, None
    same = [c for c in candidates if c.version.model == candidate.version.model and c.stage == "champion"]
    return candidate, same[0] if same and same[0] is not candidate else None


def line(waiting: Waiting) -> str:
    """The question in one line, for those who wait with it."""
    return f"<li><b>{safe(sentence(waiting.open.in_words).rstrip('.'))}</b> · {safe(state(waiting))}</li>"


def state(waiting: Waiting) -> str:
    """Who is missing, in words."""
    one = waiting.open
    if one.state == "stale":
        return "something changed since it was asked: ask for it again"
    if one.state == "enough":
        return "all approvals are there: ask for it again"
    who = f"who may: {listed(list(one.may))}" if one.may else "nobody may yet: an admin gives the role"
    return f"{counted(one.answers.missing, 'approval')} missing, {who}"


def approvals(waiting: Waiting) -> str:
    """Who asked, who said yes, whose yes does not count, who is missing."""
    known = waiting.open.answers
    asked = f"{known.asked_by}, {moment(known.requested.at)}: “{known.requested.why}”"
    given = "".join(
        f"<li>{mark('pass')} <b>{safe(a.by)}</b>"
        + (f" for {safe(a.stands_for)}" if a.stands_for else "")
        + f', {safe(a.role)} <span class="wb-quiet">{safe(moment(a.at))}'
        + (f", holds until {safe(moment(a.expires))}" if a.expires else "")
        + "</span></li>"
        for a in known.approvals
    )
    void = "".join(f"<li>{mark('fail')} {safe(a.by)}: does not count, {safe(why)}</li>" for a, why in known.void)
    missing = f"<li>{mark('people')} {safe(sentence(state(waiting)))}</li>"
    needed = known.question.requirement
    whose = "The policy, when it was asked" if known.question.policy else "Why people are asked"
    return (
        f'<p class="wb-quiet">Asked by {safe(asked)}</p>'
        f'<ul class="wb-approvals" aria-label="Approvals">{given}{void}{missing}</ul>'
        + (f'<p class="wb-quiet">{whose}: “{safe(needed.why)}”</p>' if needed.why else "")
    )


def _told(waiting: Waiting, you: You, candidates: Sequence[Candidate], *, closely: bool) -> str:
    candidate, champion = sides(waiting, candidates)
    evidence = ""
    if candidate is not None:
        beside = comparison(
            candidate.findings,
            champion.findings if champion else {},
            champion=champion.version.version if champion else None,
        ) + findings_told(candidate.findings)
        told = "The evidence, beside the champion’s" if champion else "The evidence"
        evidence = beside if closely else folded(told, beside)
    done = effect(waiting, candidates)
    why = waiting.why_not if waiting.why_not and "approve" in you.may else ""
    return (
        f'<div class="wb-title"><h3>{safe(sentence(waiting.open.in_words).rstrip("."))}?</h3>'
        f'<span class="wb-quiet">question {safe(waiting.open.digest[:12])}</span></div>'
        + (f"<p>{safe(done)}</p>" if done else "")
        + approvals(waiting)
        + evidence
        + (f'<p class="wb-quiet">Your yes would not count: {safe(why)}.</p>' if why else "")
    )
