"""The demo's story as plain objects, and a world that acts on it; no store, no policy.

The functions are plain, so that a notebook in the browser test can run this file and show the same story.
"""

from __future__ import annotations

import html
import math
import re
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from workbench.audits.drift import ColumnDrift, DriftAudit
from workbench.audits.verdict import Estimate
from workbench.errors import Denied, Misuse
from workbench.evidence import Figure, Finding
from workbench.ledger import GENESIS, Entry, ModelVersion
from workbench.monitoring.canaries.counting import Mark as Share
from workbench.monitoring.canary_status import CanaryStatus
from workbench.monitoring.causes import Part, Trouble
from workbench.monitoring.close import Close, DriftLine, GroupRates, Mark
from workbench.monitoring.declared import DeclaredKpi, Objectives
from workbench.monitoring.glance import Glance, Line
from workbench.monitoring.hour import Hour, Kpi, added
from workbench.monitoring.incidents import Incident
from workbench.monitoring.passes import Looked
from workbench.monitoring.signals import Signal
from workbench.monitoring.watching import Subject, Watched
from workbench.policy import Decision, Reason
from workbench.promotion import Answers, Approval, Candidate, Open, Question, Requirement, champions
from workbench.stats.canary_judge import Counts, Judge
from workbench.views import monitoring_page, promotion_board
from workbench.views.deciding import Acts, Reading, Waiting, Wish, You

NOW = datetime(2026, 3, 2, 9, 30, tzinfo=UTC)
YES = Decision("allow", (), "promotion", "5b2f" * 16, "1c9a" * 16)
NO = Decision(
    "deny",
    (
        Reason(
            "fairness",
            "disparate impact by race is 0.773 [0.712, 0.831]; that it is at least 0.80 has a probability of 0.18, "
            "the policy needs 0.95",
            metric="disparate_impact.race",
            got=0.18,
            limit=0.95,
            flip="at these group sizes, a disparate impact of 0.842 or more would do",
        ),
        Reason(
            "fairness",
            "disparate impact by race*sex is 0.702; a breach of 0.80 is shown (probability of meeting it 0.03)",
            metric="disparate_impact.race*sex",
            got=0.03,
            limit=0.05,
            flip="at these group sizes, a disparate impact of 0.871 or more would do",
        ),
    ),
    "promotion",
    "5b2f" * 16,
    "77e0" * 16,
)
NO_WAY_BACK = Decision(
    "deny",
    (Reason("no-reason", "the reason is too short to be understood later", flip="say in at least 10 characters"),),
    "rollback",
    "9d01" * 16,
    "3f3f" * 16,
)


def version(number: int, model: str = "lending", **given) -> ModelVersion:
    """A registered version."""
    kind = {1: "logistic regression", 2: "gradient boosting", 3: "gradient boosting, reweighted"}
    known = {
        "run_id": f"{number}f3c9a7e",
        "source": f"runs:/{number}/model",
        "model_digest": f"{number}a" * 32,
        "data_digest": "d4" * 32,
        "feature_set": "loan-credit@1",
        "notebook_digest": "e5" * 32,
        "threshold": 0.5 if number == 1 else 0.8,
        "parameters": {"kind": kind.get(number, "logistic regression"), "seed": 7},
        "metrics": {"f1": 0.93},
        "registered_at": (NOW + timedelta(minutes=10 * number)).isoformat(),
        "registered_by": "analyst",
    }
    return ModelVersion(model=model, version=number, **{**known, **given})


def findings(number: int, f1, race, sex, both, odds, *, model: str = "lending", verdict: str = "pass") -> dict:
    """Performance and fairness, each figure as (value, low, high) and, for fairness, the probability."""
    about = {"subject": f"{model}/{number}", "data_digest": "d4" * 32, "run_id": "r", "at": NOW.isoformat()}
    performance = Finding(
        kind="performance",
        verdict="pass",
        sentence=f"F1 is {f1[0]:.3f} on 1,989 applications, out of fold",
        figures={
            "f1": Figure(*f1, n=1989),
            "auc": Figure(f1[0] - 0.09, f1[1] - 0.1, f1[2] - 0.07, n=1989),
            "accuracy": Figure(f1[0] - 0.04, f1[1] - 0.04, f1[2] - 0.04, n=1989),
            "log_loss": Figure(0.31),
        },
        **about,
    )
    fairness = Finding(
        kind="fairness",
        verdict=verdict,
        sentence=f"applicants of colour are approved at {race[0]:.1%} of the rate of white applicants",
        figures={
            "disparate_impact.race": Figure(*race[:3], probability=race[3], target=0.8, needed=0.842, n=1989),
            "disparate_impact.sex": Figure(*sex[:3], probability=sex[3], target=0.8, needed=0.83, n=1974),
            "disparate_impact.race*sex": Figure(*both[:3], probability=both[3], target=0.8, needed=0.871, n=1974),
            "equalized_odds_difference.race": Figure(*odds, n=1989),
            "equalized_odds_difference.sex": Figure(0.03, 0.01, 0.07, n=1974),
            "selection_rate.white": Figure(race[0] / 0.9, n=1681),
        },
        **about,
    )
    return {"performance": performance, "fairness": fairness}


FIRST = (
    (0.938, 0.930, 0.946),
    (0.900, 0.858, 0.933, 0.9999),
    (0.99, 0.96, 1.0, 1.0),
    (0.87, 0.80, 0.93, 0.97),
    (0.09, 0.04, 0.15),
)
UNFAIR = (
    (0.905, 0.894, 0.915),
    (0.773, 0.712, 0.831, 0.18),
    (0.95, 0.90, 0.99, 1.0),
    (0.702, 0.61, 0.79, 0.03),
    (0.21, 0.14, 0.28),
)
FAIRER = (
    (0.921, 0.911, 0.930),
    (0.928, 0.874, 0.975, 0.9998),
    (0.97, 0.93, 1.0, 1.0),
    (0.90, 0.82, 0.96, 0.985),
    (0.06, 0.02, 0.12),
)


def entry(seq: int, kind: str, subject: str, why: str, *, actor="analyst", decision=None, before=None, generation=None):
    """One entry of the trail."""
    body = {"from": before, "to": int(subject.rpartition("/")[2] or 0), "generation": generation}
    if decision is not None:
        body["decision"] = decision.as_body()
    at = NOW + timedelta(minutes=7 * seq)
    return Entry(seq, at, kind, subject, actor, why, body, None, GENESIS, f"{seq:064x}")


def question(
    number: int = 2,
    *,
    action="promote",
    given=(),
    state="waiting",
    may=("risk-officer", "auditor"),
    model="lending",
    why="fairer, and hardly less accurate",
    **more,
):
    """A question about a version as it waits for two approvals."""
    slot = {"slot": "champion", "weight": None, "stakes": "high", **more}
    needed = Requirement(2, ("approver",), 72, "it decides about people")
    asked = Question(action, f"{model}/{number}", slot, "5b2f" * 16, (), needed)
    requested = entry(12, "approval.requested", asked.subject, why)
    approvals = tuple(
        Approval(asked.digest, name, None, "approver", "os", NOW.isoformat(), "2026-03-05T09:30:00+00:00", 13)
        for name in given
    )
    return Open(Answers(asked, requested, "analyst", "analyst", approvals, (), None), state, may)


class World:
    """The story after `workbench demo`: 1 is champion, 2 was refused, 3 was champion for a while."""

    def __init__(self) -> None:
        self.champion: int | None = 1
        self.versions = {
            1: (version(1), findings(1, *FIRST)),
            2: (version(2), findings(2, *UNFAIR, verdict="fail")),
            3: (version(3), findings(3, *FAIRER)),
        }
        self.stages = {1: "champion", 2: "candidate", 3: "former champion"}
        self.trail = [
            entry(5, "promotion.granted", "lending/1", "the incumbent, audited", decision=YES, generation=1),
            entry(9, "promotion.denied", "lending/2", "it ranks better and lends less", decision=NO, before=1),
            entry(14, "promotion.granted", "lending/3", "fairer, and hardly less accurate", decision=YES, before=1,
                  generation=2),
            entry(16, "rollback.granted", "lending/1", "complaints at the branch; look again before it returns",
                  actor="risk-officer", decision=YES, before=3, generation=3),
        ]  # fmt: skip
        self.asked: list[tuple] = []
        self.you = {"name": "risk-officer", "roles": ("approver",)}
        self.waiting: list[Waiting] = []
        self.wrong: list[Trouble] = []
        self.steps: list = []
        self.judged = YES
        self.about: list[list[tuple[str, int]]] = []  # what the policy was asked about, each time
        self.looked: list[list[str]] = []  # the questions that were looked at, each time

    @property
    def acts(self):
        def no(*_):
            raise Misuse("there is none")

        return Acts(self.judge, self.do, self.approve, self.refuse, no, no, lambda *_: self.steps, no, self.verdicts,
                    self.look)  # fmt: skip

    def read(self):
        return Reading(You(**self.you), *self.board(), self.waiting, self.wrong, self.ways_back())

    def ways_back(self):
        line = champions("lending", self.trail)
        return {"lending": line[-2]} if len(line) > 1 else {}

    def board(self):
        decisions = {1: None, 2: NO, 3: YES}
        order = ["champion", "canary", "shadow", "candidate", "former champion", "rejected", "retired"]
        shares = {"canary": 0.05}
        board = [
            Candidate(
                *self.versions[n][:1],
                stage,
                self.versions[n][1],
                None if stage in {"champion", "retired"} else decisions.get(n, YES),
                shares.get(stage),
            )
            for n, stage in self.stages.items()
        ]
        return sorted(board, key=lambda c: (order.index(c.stage), -c.version.version)), list(reversed(self.trail))

    def judge(self, wish, why):
        if wish.action == "rollback" and len(why) < 10:
            return NO_WAY_BACK
        return self.judged

    def verdicts(self, versions):
        self.about.append(list(versions))
        return [self.judged for _ in versions]

    def look(self, waiting):
        self.looked.append([one.open.in_words for one in waiting])
        return list(waiting)

    def do(self, wish, why):
        more = () if wish.action in {"promote", "reject", "retire"} else (wish.slot, wish.weight)
        self.asked.append((wish.action, wish.model, wish.version, *more, why))
        number = wish.version
        if wish.action == "promote" and number == 2:
            self._note("promotion.denied", number, why, NO)
            raise Denied("lending 2 was not moved", decision=NO)
        if wish.action == "promote":
            said = "lending {} is champion, generation {}. Ledger entry {}."
            return self._move("promotion.granted", number, why, said)
        if wish.action == "rollback":
            said = "lending is back on version {}, generation {}. Ledger entry {}."
            return self._move("rollback.granted", number, why, said)
        if wish.action == "reject":
            self._note("candidate.rejected", number, why, None)
            self.stages[number] = "rejected"
            return f"lending {number} was turned down. Ledger entry {self.trail[-1].seq}."
        self.stages[number] = {"clear": "candidate", "retire": "retired"}.get(wish.action, wish.slot)
        return f"lending {number} was moved."

    def approve(self, question, why, then):
        self.asked.append(("approve", question, why, then))
        self.waiting = [one for one in self.waiting if one.open.digest != question]
        return "You approved."

    def promote(self, number, why):
        return self.do(Wish("promote", "lending", number), why)

    def refuse(self, question, why):
        self.asked.append(("refuse", question, why))
        self.waiting = [one for one in self.waiting if one.open.digest != question]
        return "You refused."

    def _note(self, kind, number, why, decision, **more):
        self.trail.append(
            entry(
                self.trail[-1].seq + 1, kind, f"lending/{number}", why, actor="risk-officer", decision=decision, **more
            )
        )

    def _move(self, kind, number, why, sentence):
        before, self.champion = self.champion, number
        generation = 1 + sum(e.kind.endswith("granted") for e in self.trail)
        self._note(kind, number, why, YES, before=before, generation=generation)
        self.stages[before], self.stages[number] = "former champion", "champion"
        return sentence.format(number, generation, self.trail[-1].seq)


def column(name: str, psi: float, **given) -> ColumnDrift:
    """One column's change, none unless it is given."""
    known = {
        "low": max(0.0, psi - 0.08),
        "high": psi + 0.08,
        "noise": 0.05,
        "p": 0.7,
        "distances": {"jensen_shannon": 0.1},
        "nulls_before": 0.0,
        "nulls_now": 0.0,
        "new_categories": (),
        "more_cases": 0,
        "verdict": "pass",
    }
    return ColumnDrift(column=name, psi=psi, **{**known, **given})


def drift(*, moved: bool) -> DriftAudit:
    """Seven columns, the first of which moved or not."""
    change = {"p": 0.0001, "nulls_now": 0.04, "verdict": "fail", "more_cases": None}
    first = column("loan to income", 0.61, **change) if moved else column("loan to income", 0.04)
    unsure = {"new_categories": ("houseboat",), "verdict": "not enough evidence", "more_cases": 1200}
    columns = (first, column("property", 0.12, **unsure), *(column(f"feature {n}", 0.05 / n) for n in range(1, 6)))
    said = "1 of 7 columns drifted, loan to income most, in 1,989 rows served." if moved else "No column drifted."
    return DriftAudit(columns, 1989, 1989, "fail" if moved else "pass", said, "d4" * 32)


def line(model: str = "lending", **given) -> Line:
    """A served model that is well, but for what is given."""
    known = {
        "version": 1,
        "state": "healthy",
        "sentence": "All that is watched is in order.",
        "since": None,
        "requests": 412,
        "failed": 0,
        "traffic": tuple(round(41 + 40 * math.sin(n / 7.6) + n % 5) for n in range(24)),
        "looked_at": NOW,
    }
    return Line(model=model, **{**known, **given})


def incident(id_: str = "3f2a", model: str = "lending", **given) -> Incident:
    """An open incident with two causes."""
    known = {
        "version": 2,
        "state": "open",
        "gravity": "act",
        "sentence": "The feed of incomes changed. Accuracy was 84% and is 79%.",
        "since": NOW - timedelta(hours=5),
        "opened_at": NOW - timedelta(hours=4),
        "symptoms": ("inputs:income", "performance"),
        "causes": (Part("source", "the source incomes had other content", seq=12), Part("input", "income moved", 0.7)),
        "seqs": (14,),
    }
    return Incident(id=id_, model=model, **{**known, **given})


def hours(count: int = 49) -> tuple:
    """Hours that end now."""
    one = Hour(requests={200: 19, 500: 1}, latency={80: 18, 100: 1}, rows=19, yes=11, decided=19,
               kpis={"order value": Kpi(19, 84.0, 10.0)})  # fmt: skip
    return tuple((NOW - timedelta(hours=count - 1 - n), one) for n in range(count))


def close(model: str = "lending", **given) -> Close:
    """A model closely, with all that can be said of one, but for what is given."""
    words = given.pop("words", "income")
    series = hours()
    kept = Objectives(groups=("sex",), kpis=(DeclaredKpi(words, "column", "amount", "up", "EUR", 0.1),))
    subject = Subject(model, 2, NOW - timedelta(days=3), 0.5, None, kept)
    moved = Signal("inputs", words, 0.6, 0.5, 0.7, None, "fail", f"{words} moved.", NOW - timedelta(hours=5))
    unfair = Signal("fairness", "sex", 0.5, 0.4, 0.6, 0.8, "fail", f"{words} gets a yes 0.50 times as often as m.")
    watched = Watched(subject, NOW, timedelta(hours=24), added(hour for _, hour in series[-24:]), series,
                      (moved, unfair), drift(moved=True), "")  # fmt: skip
    trouble = Trouble((moved,), (), NOW - timedelta(hours=5), "act", f"{words} moved.")
    known = {
        "looked": Looked(watched, (trouble,), ()),
        "generation": 3,
        "hours": series,
        "marks": (Mark(NOW - timedelta(hours=9), "champion", f"v2 champion {words}"),),
        "drift": (DriftLine(words, tuple(n / 50 for n in range(49)), "fail"),),
        "groups": (
            GroupRates("sex", words, 120, 0.25, Estimate(0.7, 0.6, 0.8), 0),
            GroupRates("sex", "m", 130, 0.5, Estimate(0.8, 0.7, 0.9), 60),
        ),
        "assumption": "An estimate without labels.",
        "incidents": (),
        "canary": None,
        "audit": findings(1, *FIRST, model=model)["fairness"],
        "way_back": 1,
    }
    return Close(**{**known, **given})


def tried_canary(bad: int = 3, **given) -> CanaryStatus:
    """A canary of which so many of 200 requests failed."""
    judge = Judge.begun().add({"errors": Counts(200, bad, 1800, 18), "slow": Counts(190, 2, 1780, 18)})
    steps = (Share(NOW - timedelta(hours=5), 1, 0.05), Share(NOW - timedelta(hours=2), 2, 0.1))
    return CanaryStatus("lending", 3, 2, 2, 0.1, steps, judge, NOW, **given)


class Estate:
    """Served models, worst first, and a world that acts on them."""

    def __init__(self) -> None:
        self.lines = [
            line(version=2, state="act", sentence="income moved. Accuracy fell.", since=NOW - timedelta(hours=5),
                 failed=3, incidents=("3f2a",)),
            line("churn", state="watch", sentence="Nobody asked version 1 in this window.", requests=0,
                 traffic=(0,) * 24),
            line("pricing", version=12, requests=18_204, canary=13, weight=0.05),
        ]  # fmt: skip
        self.incidents = [incident()]
        self.problems: tuple[str, ...] = ()
        self.given: dict = {}
        self.decision = Decision("allow", (), "rollback", "5b2f" * 16, "1c9a" * 16)
        self.asked: list[tuple] = []

    def read(self) -> Glance:
        return Glance(NOW, timedelta(hours=24), tuple(self.lines), tuple(self.incidents), self.problems)

    def close(self, model: str) -> Close:
        return close(model, **self.given)

    def acknowledge(self, id_: str, why: str) -> Incident:
        return self._moved("acknowledged", id_, why)

    def resolve(self, id_: str, why: str) -> Incident:
        return self._moved("resolved", id_, why)

    def judge(self, wish, why: str) -> Decision:
        self.asked.append(("judge", wish.in_words, why))
        return self.decision

    def do(self, wish, why: str) -> str:
        self.asked.append(("do", wish.in_words, why))
        return f"{wish.model} is back on version {wish.version}, generation 4. Ledger entry 20."

    def page(self, **given):
        no = lambda *_: None  # noqa: E731
        acts = Acts(given.pop("judge", self.judge), self.do, no, no, no, no, no, no, no, no)
        doing = {name: getattr(self, name) for name in ("close", "acknowledge", "resolve")}
        read = given.pop("read", self.read)
        return monitoring_page(read, **{**doing, "acts": acts, "actor": "risk-officer", **given})

    def _moved(self, state, id_, why):
        self.asked.append((state, id_, why))
        (one,) = [each for each in self.incidents if each.id == id_]
        told = replace(one, state=state, by="risk-officer", why=why, seqs=(*one.seqs, 21))
        self.incidents = [told if each.id == id_ else each for each in self.incidents if state != "resolved"]
        return told


@pytest.fixture
def world():
    """The story, and a world that acts on it."""
    return World()


class Reader:
    """Looks at a page as a person does: what is shown, and what can be pressed."""

    def __init__(self, page) -> None:
        self.page = page

    def shown(self, widget=None):
        """Every widget that is not hidden, in reading order."""
        widget = widget or self.page
        if "wb-hidden" in widget._dom_classes:
            return
        yield widget
        for child in getattr(widget, "children", ()):
            yield from self.shown(child)

    @property
    def html(self) -> str:
        return "\n".join(w.value for w in self.shown() if type(w).__name__ == "HTML")

    @property
    def text(self) -> str:
        return " ".join(html.unescape(re.sub(r"<[^>]+>", " ", self.html)).split())

    @property
    def buttons(self) -> list[str]:
        return [w.description for w in self.shown() if type(w).__name__ == "Button"]

    def button(self, words: str):
        found = [w for w in self.shown() if type(w).__name__ == "Button" and w.description.startswith(words)]
        assert found, f"no button {words!r} among {self.buttons}"
        return found[0]

    def press(self, words: str) -> None:
        self.button(words).click()

    def fields(self) -> list:
        """What a person may write in, but for the share of a canary."""
        found = [w for w in self.shown() if type(w).__name__ in {"Text", "Textarea"}]
        return [w for w in found if "wb-share" not in w._dom_classes]

    @property
    def share(self):
        return next(w for w in self.shown() if "wb-share" in w._dom_classes)

    def write(self, words: str, place: int = 0) -> None:
        self.fields()[place].value = words


@pytest.fixture
def reader():
    """Reads a page."""
    return Reader


@pytest.fixture
def board(world):
    """The promotions page over the story's world, as a reader sees it."""
    return Reader(promotion_board(world.read(), world.acts, world.read))


@pytest.fixture
def estate():
    """Three served models, and a world that acts on them."""
    return Estate()


@pytest.fixture(name="question")
def question_fixture():
    """Makes a question that waits."""
    return question


@pytest.fixture
def canary():
    """Makes a canary in progress."""
    return tried_canary


@pytest.fixture(name="line")
def line_fixture():
    """Makes a line of a served model."""
    return line


@pytest.fixture
def columns():
    """Makes a drift audit."""
    return drift
