"""Whoever has the ledger's database and not its key: what they write moves nothing outside, and is not gone back to."""

import sqlite3

import pytest

from workbench.errors import Misuse
from workbench.ledger.writer import Writer
from workbench.promotion import board, guarding
from workbench.promotion.board import doubted


@pytest.fixture
def sealed(house, tmp_path):
    """Version 1 was champion, version 2 is; moves are sealed."""
    house.ledger.sign_with(tmp_path / "ledger.key")
    house.promote(1)
    house.promote(2)
    return house


def forge(house, version, *, slot="champion", generation, kind="promotion.granted", **more):
    """A move as somebody writes it who has an SQL client, with its head and what is owed for it."""
    database = house.ledger._database
    database.execute("DROP TRIGGER IF EXISTS moves_are_sealed")
    writer = Writer(database, lambda *_: None)
    database.begin(writing=True)
    body = {"slot": slot, "generation": generation, "decision": {"decision": "allow"}, **more}
    entry = writer.append(kind, subject=f"lending/{version}", actor="x", why="x", body=body, now=house.later())
    writer.move_head("lending", slot, version, expected_generation=generation - 1, entry=entry)
    payload = {"model": "lending", "alias": slot, "version": version, "generation": generation}
    writer.owe("mlflow-alias", payload, entry=entry)
    writer.finish()
    database.commit()
    return entry


def set_back(house, tmp_path):
    """The table of heads as it was before the last promotion; its rules put aside."""
    with sqlite3.connect(tmp_path / "ledger.db") as client:
        client.execute("DROP TRIGGER heads_move_by_one")
        client.execute("UPDATE heads SET version = 1, generation = 1, seq = (SELECT min(seq) FROM entries "
                       "WHERE kind = 'promotion.granted') WHERE slot = 'champion'")  # fmt: skip
    client.close()


def test_a_rollback_passes_over_a_champion_that_was_forged(sealed):
    """Version 3 never was a champion, whatever an entry says; the real gate must not bring it back under its seal."""
    forge(sealed, 3, generation=3)
    sealed.register(4)
    sealed.promote(4)
    assert sealed.gate.before("lending") == 2
    assert sealed.rollback().version == 2
    with pytest.raises(Misuse, match="first champion"):
        [sealed.rollback() for _ in range(3)]
    assert {entry.subject for entry in sealed.ledger.entries(kind="rollback.granted")} == {"lending/2", "lending/1"}


def test_a_forged_champion_is_left_for_the_one_before_it(sealed):
    forge(sealed, 3, generation=3)
    assert sealed.rollback().version == 2
    assert sealed.ledger.doubts(sealed.ledger.heads(cleared=True)) == {}
    assert sealed.champion() == (2, 4)


def test_no_alias_follows_a_forged_head_when_another_slot_moves(sealed):
    right = sealed.registry.alias("lending", "champion")
    forged = forge(sealed, 3, generation=3)
    sealed.register(4)
    move = sealed.gate.stage("lending", 4, "shadow", actor="risk-officer", why="w", now=sealed.later())
    assert sealed.registry.alias("lending", "champion") == right
    assert sealed.registry.alias("lending", "shadow") == (4, 1)
    (told,) = move.pending
    assert told.startswith(f"nothing follows the champion of lending: entry {forged.seq} moves lending/3 without")


def test_heads_that_were_set_back_to_an_earlier_champion_are_doubted(sealed, tmp_path):
    """Every entry and seal is sound, and the gateway would serve what was replaced."""
    set_back(sealed, tmp_path)
    head = sealed.ledger.head("lending")
    moved_on = sealed.ledger.entries(kind="promotion.granted")[-1].seq
    told = f"entry {moved_on} moved the champion of lending on, and the table of heads does not say so"
    assert (head.version, sealed.ledger.doubt(head)) == (1, told)
    (seen,) = sealed.gate.inspect(now=sealed.later())
    assert (seen.kind, seen.sentence) == ("forged", f"nothing follows the champion of lending: {told}")
    assert sealed.registry.alias("lending", "champion") == (2, 2)


def test_a_head_that_was_read_before_it_moved_is_not_doubted(sealed):
    """Somebody moved it meanwhile, by the gate; nothing is wrong."""
    before = sealed.ledger.head("lending")
    sealed.promote(3)
    assert sealed.ledger.doubt(before) == ""
    database = sealed.ledger._database
    database.execute("DROP TRIGGER heads_move_by_one")
    database.execute(
        "UPDATE heads SET version = ?, generation = ?, seq = ?", (before.version, before.generation, before.seq)
    )
    assert "moved the champion of lending on" in sealed.ledger.doubt(before), "though no entry came since"


def test_the_board_says_which_head_is_doubted_and_why(sealed):
    assert [c.doubt for c in board(sealed.ledger)] == ["", "", ""]
    forged = forge(sealed, 3, slot="canary", kind="stage.granted", generation=1, weight=0.5)
    told = f"entry {forged.seq} moves lending/3 without the seal of the ledger's key"
    doubts = {(c.version.version, c.stage): c.doubt for c in board(sealed.ledger)}
    assert doubts.pop((3, "canary")).startswith(told)
    assert set(doubts.values()) == {""}


def test_where_nobody_can_tell_the_keys_every_head_is_doubted_and_the_board_is_shown(sealed):
    sealed.ledger.append("key.rotated", subject="key/x", actor="x", why="x", body={}, now=sealed.later())
    heads = sealed.ledger.heads()
    sealed.ledger._sound.clear()
    assert "the ledger's keys cannot be told" in doubted(sealed.ledger, heads)[heads[0]]
    assert len(board(sealed.ledger)) == 3


class Rules:
    """The guard's table in memory."""

    digest = "d"

    def __init__(self):
        self.grants, self.stands = {}, False

    def status(self):
        return self.stands, [] if self.stands else ["alias_set"]

    def install(self, granted):
        self.stands = True
        for model, slot, version, generation in granted:
            if self.grants.get((model, slot), (0, 0))[1] < generation:
                self.grants[model, slot] = (version, generation)

    def noted(self):
        return [(*place, *grant) for place, grant in self.grants.items()]

    def forget(self, model, alias, generation):
        self.grants = {at: one for at, one in self.grants.items() if (*at, one[1]) != (model, alias, generation)}

    def marks(self):
        return guarding.Marks({}, {})

    def remove(self):
        self.stands = False
        return True


def test_the_guard_allows_nothing_by_a_forged_head(sealed):
    """Otherwise the next opening of MLflow would tell its triggers to let the alias go there."""
    guard = Rules()
    guarding.install(sealed.ledger, guard, actor="admin", why="w", now=sealed.later())
    forge(sealed, 3, generation=3)
    assert guarding.look_after(sealed.ledger, guard, now=sealed.later()) is None
    assert guard.grants == {("lending", "champion"): (2, 2)}
    guard.grants["lending", "champion"] = (3, 3)  # written by hand
    assert "granted what the ledger never did (lending 3 as champion)" in guarding.look_after(
        sealed.ledger, guard, now=sealed.later()
    )
    assert guard.grants == {}


def test_a_guard_that_is_marked_as_made_and_never_was_is_made_all_the_same(sealed, monkeypatch):
    """What of an effect is done stands in no entry; so what is there is looked at, not what was noted."""
    guard = Rules()
    with monkeypatch.context() as patch:
        patch.setattr(Rules, "install", lambda *_: (_ for _ in ()).throw(KeyboardInterrupt))
        with pytest.raises(KeyboardInterrupt):
            guarding.install(sealed.ledger, guard, actor="admin", why="w", now=sealed.later())
    for effect in sealed.ledger.owed():
        sealed.ledger.settle(effect.id)
    assert "had lost all of it; it is whole again" in guarding.look_after(sealed.ledger, guard, now=sealed.later())
    assert guard.stands
