"""The review page shows each held answer with its evidence and hands a person's decision on."""

from datetime import UTC, datetime, timedelta

import pytest

from workbench.errors import EngineError, Misuse
from workbench.promotion.questions import Requirement
from workbench.serving.held import Held
from workbench.serving.review import Waiting
from workbench.views import review_page
from workbench.views.held import evidence

NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)


def waiting(name="p1", *, may=("risk-officer",), **more):
    held = Held.sample(
        id=name,
        ends=NOON + timedelta(hours=24),
        features={"income": 4.2, "<b>purpose</b>": "<script>x</script>"},
        **more,
    )
    return Waiting(held, 1, (), may)


class Queue:
    """What waits, and what was decided."""

    def __init__(self, *rows):
        self.rows, self.decided, self.refuses = list(rows), [], None

    def read(self):
        if self.rows is None:
            raise EngineError("the store is away", hint="look at its disk")
        return list(self.rows)

    def decide(self, name, verdict, why, other):
        if self.refuses:
            raise Misuse(self.refuses)
        self.decided.append((name, verdict, why, other))
        self.rows = [row for row in self.rows if row.held.id != name]
        return f"{name} was decided. Ledger entry 9."


def page(queue, reader, actor="risk-officer"):
    return reader(review_page(queue.read, decide=queue.decide, actor=actor))


def test_an_answer_is_shown_with_its_evidence_and_nothing_of_it_runs(reader):
    shown = page(Queue(waiting()), reader)
    assert "1 answer waits for people" in shown.text
    assert "its score is 0.52, the threshold is 0.5" in shown.text
    assert "<script>" not in evidence(waiting(), "risk-officer")


@pytest.mark.parametrize(
    ("presses", "verdict", "other"),
    [
        (["Confirm: answer yes"], "confirm", None),
        (["Change: answer no", "Yes, answer no"], "change", False),
        (["Refuse", "Yes, give no answer"], "refuse", None),
    ],
)
def test_a_decision_is_handed_on_with_its_reason_and_leaves_the_queue(reader, presses, verdict, other):
    queue = Queue(waiting())
    shown = page(queue, reader)
    shown.write("the papers fit")
    for words in presses:
        shown.press(words)
    assert queue.decided == [("p1", verdict, "the papers fit", other)]
    assert "p1 was decided" in shown.text
    assert "No answer waits for people" in shown.text


def test_nothing_is_decided_without_a_reason(reader):
    queue = Queue(waiting())
    shown = page(queue, reader)
    shown.press("Confirm: answer yes")
    assert queue.decided == []
    assert "Say why" in shown.text


def test_who_may_not_decide_reads_who_may_and_has_nothing_to_press(reader):
    queue = Queue(waiting(answer=None, threshold=None))
    shown = page(queue, reader, actor="analyst")
    assert "Who may decide: risk-officer." in shown.text
    assert shown.text.startswith("1 answer waits for people, none of them for you; callers wait with them.")
    assert (shown.buttons, shown.fields()) == (["Refresh"], [])


def test_who_may_decide_no_longer_finds_the_form_gone_and_a_late_click_does_nothing(reader):
    queue = Queue(waiting())
    shown = page(queue, reader)
    shown.write("the papers fit")
    late = shown.button("Confirm: answer yes")
    queue.rows = [waiting(may=("auditor",))]
    shown.press("Refresh")
    late.click()
    assert queue.decided == []
    assert shown.buttons == ["Refresh"]


def test_after_a_decision_the_next_reason_has_the_focus_and_the_page_says_what_came_of_it(reader, monkeypatch):
    queue = Queue(waiting("p1"), waiting("p2"), waiting("p3"))
    shown = page(queue, reader)
    labels, focused = [one.description for one in shown.fields()], []
    assert labels == [f"Your reason about prediction p{n} (required)" for n in (1, 2, 3)]
    monkeypatch.setattr(type(shown.fields()[0]), "focus", lambda field: focused.append(field.description))
    shown.write("the papers fit", place=1)
    [one for one in shown.shown() if getattr(one, "description", "") == "Confirm: answer yes"][1].click()
    assert focused == [labels[2]]
    assert shown.text.startswith("2 answers wait for people, 2 of them for you; callers wait with them.")
    assert shown.html.count("p2 was decided. Ledger entry 9.") == 2, "above, and in view wherever the person is"


def test_a_refusal_is_shown_in_its_words(reader):
    queue = Queue(waiting())
    queue.refuses = "p1 was confirmed already"
    shown = page(queue, reader)
    shown.write("fits")
    shown.press("Confirm: answer yes")
    assert "was confirmed already" in shown.text


def test_where_two_are_needed_one_alone_changes_nothing(reader):
    two = Requirement(2, ("reviewer",), 24.0, "it is a large loan")
    shown = page(Queue(waiting(requirement=two)), reader)
    assert "One person alone cannot give another answer." in shown.text


def beat(shown):
    """What the browser does again and again while somebody looks."""
    [found] = [w for w in shown.shown() if type(w).__name__ == "Heartbeat"]
    found.beat += 1


def reasons(shown):
    """What is written about which answer, in the order on the screen."""
    return [(w.description.split()[4], w.value) for w in shown.shown() if type(w).__name__ == "Textarea"]


def test_the_page_reads_again_by_itself_and_moves_nothing_that_is_on_the_screen(reader):
    queue = Queue(waiting("p1"), waiting("p2"), waiting("p3"))
    shown = page(queue, reader)
    shown.write("the papers fit", 1)
    before = [w for w in shown.fields() if w.value]
    queue.rows = [waiting("p0"), *queue.rows[1:]]
    beat(shown)
    assert "3 answers wait for people" in shown.text
    assert reasons(shown) == [("p2", "the papers fit"), ("p3", ""), ("p0", "")], "p1 was decided; what is new is below"
    assert [w for w in shown.fields() if w.value] == before, "the very field that somebody writes in"
    shown.press("Refresh")
    assert reasons(shown) == [("p0", ""), ("p2", "the papers fit"), ("p3", "")]


def test_what_somebody_writes_about_an_answer_that_no_longer_waits_stays_to_be_read(reader):
    queue = Queue(waiting("p1"), waiting("p2"))
    shown = page(queue, reader)
    shown.write("the employer does not exist")
    queue.rows = queue.rows[1:]
    beat(shown)
    assert reasons(shown) == [("p1", "the employer does not exist"), ("p2", "")]
    assert "This no longer waits" in shown.text
    assert "1 answer waits for people" in shown.text
    shown.press("Refresh")
    assert reasons(shown) == [("p2", "")]


def test_who_presses_once_an_answer_no_longer_waits_is_told_so(reader):
    queue = Queue(waiting("p1"), waiting("p2"))
    shown = page(queue, reader)
    shown.write("the employer does not exist")
    queue.rows = queue.rows[1:]
    shown.press("Change: answer no")
    assert "This changed while you were deciding" in shown.text
    assert queue.decided == []


def test_as_many_are_shown_as_before_and_the_rest_is_counted(reader):
    queue = Queue(*(waiting(f"p{n}") for n in range(12)))
    shown = page(queue, reader)
    queue.rows = queue.rows[3:]
    beat(shown)
    assert [name for name, _ in reasons(shown)] == [f"p{n}" for n in range(3, 12)]
    queue.rows += [waiting(f"q{n}") for n in range(3)]
    beat(shown)
    assert [name for name, _ in reasons(shown)] == [f"p{n}" for n in range(3, 12)] + ["q0"]
    shown.press("Show 2 more of 2 answers")
    assert len(reasons(shown)) == 12


def test_a_reading_that_fails_is_told_until_one_succeeds(reader):
    queue = Queue(waiting("p1"))
    shown = page(queue, reader)
    rows, queue.rows = queue.rows, None
    beat(shown)
    assert "The store is away" in shown.text
    assert len(reasons(shown)) == 1
    queue.rows = rows
    beat(shown)
    assert "The store is away" not in shown.text
