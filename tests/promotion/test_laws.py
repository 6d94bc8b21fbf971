"""Whatever is asked of the gate, in whatever order and however judged: the ledger holds, and heads are granted."""

import contextlib
import tempfile
from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st

from workbench.errors import Denied, Misuse
from workbench.ledger import Ledger
from workbench.policy import Ruling

RULINGS = [Ruling(True), Ruling(True), Ruling(True), Ruling(False), Ruling(None), Ruling(True, error="broken")]

acts = st.lists(
    st.tuples(
        st.sampled_from(["promote", "promote", "promote", "rollback", "rollback", "reject", "audit", "reconcile"]),
        st.integers(1, 4),
        st.sampled_from(RULINGS),
        st.sampled_from([None, None, None, "a", "b"]),  # key
        st.booleans(),  # whether the registry is within reach
    ),
    max_size=14,
)


class Model:
    """What should be true, told in the plainest way: a line of champions, and who was turned down."""

    def __init__(self):
        self.line, self.rejected, self.moves = [], set(), 0

    def promote(self, version, allowed):
        if version == 4 or (self.line and self.line[-1] == version):
            return Misuse
        if not allowed or version in self.rejected:
            return Denied
        self.line.append(version)
        self.moves += 1
        return None

    def rollback(self, allowed):
        if len(self.line) < 2:
            return Misuse
        if not allowed or self.line[-2] in self.rejected:
            return Denied
        self.line.pop()
        self.moves += 1
        return None

    def reject(self, version):
        if version == 4 or (self.line and self.line[-1] == version) or version in self.rejected:
            return Misuse
        self.rejected.add(version)
        return None


def done(house, act, version, key):
    """Do an act; the error it ended with, or None."""
    try:
        if act == "promote":
            house.promote(version, key=key)
        elif act == "rollback":
            house.rollback(key=key)
        elif act == "reject":
            house.reject(version)
        elif act == "audit" and version != 4:
            house.audit(version)
        elif act == "reconcile":
            house.reconcile()
    except (Misuse, Denied) as error:
        return type(error)
    return None


@contextlib.contextmanager
def built(make_house):
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for policy in ("promotion", "rollback"):
            (folder / f"{policy}.rego").write_text(f"package {policy}\n")
        with Ledger.open(f"sqlite:///{folder / 'ledger.db'}") as ledger:
            yield make_house(ledger, folder)


def check(house):
    verified = house.ledger.verify()
    assert verified.valid, verified.problems
    granted = house.ledger.entries(kind=("promotion.granted", "rollback.granted"))
    head = house.ledger.head("lending")
    if head is None:
        assert granted == []
        return
    assert (head.seq, f"lending/{head.version}") == (granted[-1].seq, granted[-1].subject)
    assert head.generation == len(granted)
    assert all(entry.body["decision"]["decision"] == "allow" for entry in granted)
    assert all(entry.why and entry.actor for entry in granted)


@settings(max_examples=30, deadline=None)
@given(acts=acts)
def test_no_order_of_acts_leads_to_a_head_that_was_not_granted(make_house, acts):
    with built(make_house) as house:
        for act, version, ruling, key, reachable in acts:
            house.judge.ruling = ruling
            house.registry.reachable = reachable or act == "reconcile"
            done(house, act, version, key)
            check(house)
        house.registry.reachable = True
        house.reconcile()
        house.champion()
        assert house.ledger.owed() == []
        assert house.reconcile() == []


@settings(max_examples=30, deadline=None)
@given(acts=acts)
def test_the_gate_does_what_a_line_of_champions_tells(make_house, acts):
    model = Model()
    with built(make_house) as house:
        for act, version, ruling, _, _ in acts:
            house.judge.ruling = ruling
            allowed = ruling == Ruling(True)
            expected = None
            if act == "promote":
                expected = model.promote(version, allowed)
            elif act == "rollback":
                expected = model.rollback(allowed)
            elif act == "reject":
                expected = model.reject(version)
            elif act == "audit":
                model.rejected.discard(version)
            assert done(house, act, version, None) is expected
            assert house.champion() == ((model.line[-1], model.moves) if model.line else None)


@settings(max_examples=30, deadline=None)
@given(acts=acts)
def test_every_act_leaves_one_entry_or_an_error_of_the_caller(make_house, acts):
    with built(make_house) as house:
        for act, version, ruling, _, _ in acts:
            house.judge.ruling = ruling
            before = len(house.ledger.entries())
            ended = done(house, act, version, None)
            left = len(house.ledger.entries()) - before
            nothing = ended is Misuse or act == "reconcile" or (act == "audit" and version == 4)
            assert left == (0 if nothing else 1)


def test_the_model_itself_knows_the_plain_story():
    model = Model()
    assert [model.promote(1, True), model.promote(2, True), model.rollback(True)] == [None, None, None]
    assert (model.line, model.moves) == ([1], 3)
    assert model.rollback(True) is Misuse
