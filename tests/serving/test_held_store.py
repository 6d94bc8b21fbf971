"""Held answers are kept until they were decided and their time is over, for this user alone."""

import stat
from datetime import timedelta

import pytest

from workbench.errors import EngineError, Misuse
from workbench.serving.held import Decided, Held
from workbench.serving.held_store import HeldStore

DONE = Decided("confirmed", True, 0.52, True, "people", 9)


@pytest.fixture
def store(tmp_path):
    with HeldStore.open(f"sqlite:///{tmp_path / 'held.db'}") as opened:
        yield opened


def test_what_was_kept_is_found_and_kept_once(store):
    store.add([Held.sample(), Held.sample(id="p2", model="churn")])
    store.add([Held.sample(score=0.9)])
    assert store.find("p1").held == Held.sample()
    assert [held.id for held in store.waiting("churn")] == ["p2"]


def test_only_what_is_decided_is_forgotten_and_a_dry_run_only_counts(store):
    store.add([Held.sample(), Held.sample(id="p2"), Held.sample(id="p3", model="churn")])
    for name in ("p1", "p3"):
        store.decide(name, DONE)
    later = Held.sample().at + timedelta(days=1)
    assert store.forget(later, model="lending", dry_run=True) == 1
    assert store.forget(later, model="lending") == 1
    assert (store.find("p1"), store.find("p2").decided, store.find("p3").decided) == (None, None, DONE)


def test_the_webhook_is_not_tried_for_ever(store):
    store.add([Held.sample()])
    store.decide("p1", DONE)
    for _ in range(20):
        assert store.untold()
        store.told("p1", good=False)
    assert store.untold() == []


def test_nobody_else_reads_the_file(store, tmp_path):
    assert stat.S_IMODE((tmp_path / "held.db").stat().st_mode) == 0o600


def test_a_file_that_is_no_store_and_a_url_of_another_kind_are_refused(tmp_path):
    (tmp_path / "x.db").write_bytes(b"nothing of the kind" * 100)
    with pytest.raises(EngineError):
        HeldStore.open(f"sqlite:///{tmp_path / 'x.db'}")
    with pytest.raises(Misuse, match="sqlite"):
        HeldStore.open("postgresql://host/db")
