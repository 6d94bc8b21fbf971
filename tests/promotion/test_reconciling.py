"""What was changed behind the ledger's back is found, mended where it can be, and said once where it cannot."""

import pytest

from workbench.ledger.writer import Writer
from workbench.promotion.projection import MovedElsewhereError


@pytest.fixture
def served(house):
    """Version 2 is champion, version 3 the canary."""
    house.promote(1)
    house.promote(2)
    house.gate.stage("lending", 3, "canary", weight=0.1, actor="risk-officer", why="careful", now=house.later())
    return house


def found(house, **more):
    return house.gate.inspect(now=house.later(), **more)


def test_all_is_well_after_a_move(served):
    assert found(served) == []
    assert found(served, dry_run=True) == []


@pytest.mark.parametrize("slot", ["champion", "canary"])
@pytest.mark.parametrize("moved", [(1, 0), (1, 9), None, "generation"])
def test_an_alias_or_its_generation_moved_by_hand_is_mended(served, slot, moved):
    right = served.registry.alias("lending", slot)
    served.registry.aliases["lending", slot] = (right[0], 0) if moved == "generation" else moved
    if moved is None:
        del served.registry.aliases["lending", slot]
    (seen,) = found(served, dry_run=True)
    assert (seen.kind, seen.slot) == ("ahead" if moved == (1, 9) else "moved", slot)
    assert served.kinds()[-1] != "projection.repaired"
    (mended,) = found(served)
    if moved == (1, 9):
        assert mended == seen
        assert "remove the registry's mark of a generation that never was" in mended.sentence
        assert served.kinds()[-1] != "projection.repaired"
        return
    assert (mended.kind, mended.slot, served.registry.alias("lending", slot)) == ("moved", slot, right)
    assert served.kinds()[-1] == "projection.repaired"
    assert found(served) == []


def test_an_older_copy_of_the_ledger_is_told_by_a_registry_that_is_ahead(served, tmp_path):
    """Nothing is changed, here or there, and the next promotion says so too."""
    served.registry.aliases["lending", "champion"] = (1, 7)  # what the lost entries had led to
    entries = served.ledger.last
    (seen,) = found(served)
    assert seen.kind == "ahead"
    assert "the ledger has only come to generation 2: an older copy of the ledger was put back" in seen.sentence
    assert (served.ledger.last, served.registry.aliases["lending", "champion"]) == (entries, (1, 7))
    move = served.promote(1)
    assert "the ledger has only come to generation 3" in move.pending[0]
    assert served.registry.aliases["lending", "champion"] == (1, 7)


def test_a_model_that_follows_another_ledger_is_told_as_that_and_nothing_is_written(served, monkeypatch):
    """Its generations are the other ledger's: it is not ahead of ours, nor moved by hand, nor are its files ours."""

    def refuse(model, slot):
        raise MovedElsewhereError("it is another workspace's", hint="share the ledger")

    served.registry.damaged["lending", 2] = "they are another's"
    monkeypatch.setattr(served.registry, "alias", refuse)
    entries = served.ledger.last
    for dry_run in (True, False):
        assert {(one.kind, one.sentence) for one in found(served, dry_run=dry_run)} == {
            ("elsewhere", "it is another workspace's: share the ledger")
        }
    assert served.ledger.last == entries
    assert "it is another workspace's" in served.promote(1).pending[0]


def test_an_effect_that_was_settled_by_hand_is_done_all_the_same(served):
    served.registry.reachable = False
    served.promote(1)
    served.registry.reachable = True
    for effect in served.ledger.owed():
        served.ledger.settle(effect.id)
    assert [one.kind for one in found(served)] == ["moved"]
    assert served.champion() == (1, 3)


def test_a_repair_that_another_process_ended_meanwhile_is_noted_once(served, monkeypatch):
    """It looked at the alias, was stopped, and went on when the other had noted, mended and settled."""
    wrong = served.registry.aliases["lending", "champion"] = (1, 0)

    def seen(model, alias):
        monkeypatch.undo()
        found(served)
        return wrong

    monkeypatch.setattr(served.registry, "alias", seen)
    found(served)
    assert served.kinds().count("projection.repaired") == 1


def test_what_is_owed_is_told_and_paid(served):
    served.registry.reachable = False
    move = served.promote(1)
    assert "still owed" in move.pending[0]
    served.registry.reachable = True
    assert [one.kind for one in found(served, dry_run=True)] == ["owed"]
    assert [one.kind for one in found(served)] == ["owed"]
    assert served.champion() == (1, 3)


def test_of_one_slot_the_newest_alias_alone_is_owed(served):
    served.registry.reachable = False
    for version in (1, 2, 1, 2):
        served.promote(version)
    assert [effect.payload["generation"] for effect in served.ledger.owed()] == [6]


@pytest.mark.parametrize("version", [2, 3])
def test_a_version_in_use_that_was_deleted_is_said_once_and_its_return_too(served, version):
    served.registry.deleted.add(("lending", version))
    for _ in range(2):
        (lost,) = found(served)
        assert (lost.kind, lost.version) == ("deleted", version)
    assert served.kinds().count("projection.broken") == 1
    served.registry.deleted.clear()
    assert [one.kind for one in found(served)] == ["whole"]
    assert found(served) == []
    assert served.kinds()[-2:] == ["projection.broken", "projection.repaired"]


def test_changed_model_files_are_said_once(served):
    served.registry.damaged["lending", 2] = "the files of lending/2 are not those that were registered"
    for _ in range(2):
        (broken,) = found(served)
        assert broken.kind == "changed"
        assert broken.sentence.startswith("lending 2 is champion, but the files of lending/2 are not those")
    assert served.kinds().count("projection.broken") == 1
    served.registry.deleted.add(("lending", 2))
    assert [one.kind for one in found(served)] == ["deleted"]
    assert served.kinds().count("projection.broken") == 2


def test_looking_writes_nothing(served):
    served.registry.damaged["lending", 2] = "changed"
    served.registry.deleted.add(("lending", 3))
    before = len(served.ledger.entries())
    assert [one.kind for one in found(served, dry_run=True)] == ["deleted", "changed"]
    assert len(served.ledger.entries()) == before


def test_a_head_without_the_ledgers_seal_is_said_once_and_no_alias_follows_it(house, tmp_path):
    house.ledger.sign_with(tmp_path / "ledger.key")
    house.promote(1)
    house.promote(2)
    right = house.registry.alias("lending", "champion")
    database = house.ledger._database
    database.execute("DROP TRIGGER moves_are_sealed")
    writer = Writer(database, lambda *_: None)  # as whoever has an SQL client writes, and not the key
    database.begin(writing=True)
    body = {"slot": "champion", "generation": 3, "decision": {"decision": "allow"}}
    entry = writer.append(
        "promotion.granted", subject="lending/3", actor="x", why="x", body=body, now=house.later()
    )  # fmt: skip
    writer.move_head("lending", "champion", 3, expected_generation=2, entry=entry)
    writer.finish()
    database.commit()
    (dry,) = found(house, dry_run=True)
    assert house.kinds()[-1] == "promotion.granted"
    (seen,) = found(house)
    assert seen == dry
    assert (seen.kind, seen.slot) == ("forged", "champion")
    assert "nothing follows the champion of lending: entry" in seen.sentence
    assert "without the seal of the ledger's key" in seen.sentence
    assert found(house) == [seen]
    assert house.kinds().count("projection.broken") == 1
    assert house.registry.alias("lending", "champion") == right
