"""Whoever writes the database without the ledger's key moves no model unseen; whoever has it moves as ever."""

import hashlib
import json
from dataclasses import replace

import pytest

from workbench.errors import EngineError, Misuse
from workbench.ledger import Draft, SigningKey, digest, to_sign
from workbench.ledger.exporting import verify_export
from workbench.ledger.keys import CREATED, ROTATED
from workbench.ledger.schema import statement
from workbench.ledger.seals import unsealed_among
from workbench.ledger.writer import Writer

POLICY = "package promotion\nallow := true"
UNSEALED = "entry {} moves lending/{} without the seal of the ledger's key: it was not written by whoever has that key"


@pytest.fixture
def key_file(tmp_path):
    return tmp_path / "keys" / "ledger.key"


@pytest.fixture
def sealing(ledger, key_file):
    ledger.sign_with(key_file)
    return ledger


def older(ledger, key_file, story):
    """A ledger whose key was made before moves were sealed, with a move in it."""
    key_file.parent.mkdir()
    key = SigningKey.create(key_file)
    told = {"key_id": key.key_id, "public": key.public, "origin": f"workbench-ledger/{key.key_id}"}
    body = {**told, "signatures": {key.key_id: key.sign(to_sign(CREATED, told))}}
    story.note(subject=f"key/{key.key_id}", kind=CREATED, body=body)
    ledger.sign_with(key_file)
    story.move(1)
    return key


def forge(database, story, *, generation, version=9, kind="promotion.granted", key=None, **more):
    """Run, evidence and grant that agree with each other, head and effect, written by somebody with an SQL client.

    The one rule that a move without a seal breaks is put aside and back; all others hold, and the tree grows as it
    should.
    """
    finding = {"kind": "fairness", "verdict": "pass", "run_id": "r9"}
    document = {"model": "lending", "version": version, "evidence": {"fairness": {"digest": digest(finding)}}}
    decision = {"decision": "allow", "reasons": [], "policy": "promotion", "input_digest": digest(document),
                "policy_digest": hashlib.sha256(POLICY.encode()).hexdigest()}  # fmt: skip
    slot = "champion" if kind == "promotion.granted" else "canary"
    grant = {"slot": slot, "generation": generation, "decision": decision, "policy_source": POLICY,
             "evidence": [digest(finding)], "input": {**document, "slot": slot}}  # fmt: skip
    grant["decision"]["input_digest"] = digest(grant["input"])
    writer = Writer(database, lambda *_: key)
    database.begin(writing=True)
    aside(database, back=False)
    for name, subject, body in (
        ("run.finished", "run/r9", {"findings": [finding]}),
        ("evidence.recorded", f"lending/{version}", {**finding, "digest": digest(finding)}),
    ):
        writer.append(name, subject=subject, actor="analyst", why="w", body=body, now=story.now)
    entry = writer.append(
        kind, subject=f"lending/{version}", actor="risk-officer", why="w", body={**grant, **more}, now=story.now
    )
    if kind != "version.retired":
        writer.move_head("lending", slot, version, expected_generation=generation - 1, entry=entry)
        payload = {"model": "lending", "alias": slot, "version": version, "generation": generation}
        writer.owe("mlflow-alias", payload, entry=entry)
    writer.finish()
    aside(database, back=True)
    database.commit()
    return entry


def aside(database, *, back):
    """Put the rule aside that moves are sealed, or back, as the database's owner can."""
    if database.file is None:
        how = "ENABLE" if back else "DISABLE"
        database.execute(f"ALTER TABLE workbench_ledger.entries {how} TRIGGER moves_are_sealed")
    else:
        database.execute(statement("moves_are_sealed") if back else "DROP TRIGGER moves_are_sealed")


# what the ledger does


def test_a_head_is_doubted_that_its_entry_did_not_make_or_that_has_no_seal(sealing, story):
    story.move(1)
    story.move(2, expected=1)
    story.move(3, kind="stage.granted", slot="canary", weight=0.5)
    story.move(3, kind="stage.cleared", slot="canary", expected=1)
    heads = sealing.heads(cleared=True)
    assert len(heads) == 2
    assert [sealing.doubt(head) for head in heads] == ["", ""]
    champion = sealing.head("lending", "champion")
    last = len(sealing.entries())
    others = ({"version": 1}, {"generation": 3}, {"slot": "canary"}, {"model": "churn"}, {"weight": 0.5},
              {"seq": champion.seq - 1}, {"seq": last + 1}, {"seq": 1})  # fmt: skip
    for told in others:
        assert "did not make" in sealing.doubt(replace(champion, **told)), told
    forged = forge(sealing._database, story, generation=3)
    assert sealing.doubt(sealing.head("lending", "champion")) == UNSEALED.format(forged.seq, 9)


def test_many_heads_are_asked_about_at_once_and_a_seal_that_held_is_not_looked_at_again(sealing, story, monkeypatch):
    for number in range(1, 6):
        story.move(number, model=f"m{number}")
    assert sealing.doubts(sealing.heads()) == {}
    monkeypatch.setattr(type(sealing), "keys", lambda _: pytest.fail("the keys were read again"))
    assert sealing.doubts(sealing.heads()) == {}


def test_heads_set_back_to_a_move_that_was_sealed_are_doubted_and_others_are_not(sealing, story):
    """A canary that moved on does not speak against a champion, nor a model whose name begins alike."""
    first, _ = story.move(1)
    story.move(2, model="lending/eu")
    story.move(3, kind="stage.granted", slot="canary", weight=0.5)
    story.move(3, kind="stage.granted", slot="canary", weight=0.6, expected=1)
    head = sealing.head("lending")
    assert sealing.doubts(sealing.heads(cleared=True)) == {}
    last, _ = story.move(4, expected=1)
    database = sealing._database
    if database.file is None:
        database.execute("ALTER TABLE workbench_ledger.heads DISABLE TRIGGER heads_move_by_one")
    else:
        database.execute("DROP TRIGGER heads_move_by_one")
    database.execute("UPDATE heads SET version = 1, generation = 1, seq = ? WHERE model = 'lending' AND slot = ?",
                     (first.seq, "champion"))  # fmt: skip
    told = f"entry {last.seq} moved the champion of lending on, and the table of heads does not say so"
    assert sealing.doubts(sealing.heads(cleared=True)) == {head: told}


def test_a_forged_move_that_no_head_follows_speaks_against_no_head(sealing, story):
    story.move(1)
    database = sealing._database
    aside(database, back=False)
    writer = Writer(database, lambda *_: None)
    database.begin(writing=True)
    writer.append("promotion.granted", subject="lending/9", actor="x", why="w", now=story.now,
                  body={"slot": "champion", "generation": 2, "decision": {"decision": "allow"}})  # fmt: skip
    writer.finish()
    database.commit()
    assert sealing.doubts(sealing.heads()) == {}


def test_the_first_move_makes_the_key_and_every_move_is_sealed_by_it(sealing, story, key_file):
    story.move(1)
    story.move(2, expected=1, kind="rollback.granted")
    story.move(3, kind="stage.granted", slot="canary", weight=0.5)
    story.move(3, kind="stage.cleared", slot="canary", expected=1)
    story.note(subject="lending/3", kind="version.retired", body={"decision": {"decision": "allow"}})
    story.note()
    first, *moves, note = sealing.entries()
    key = SigningKey.load(key_file)
    assert (first.kind, first.body["seals_after"]) == (CREATED, "0" * 64)
    assert {move.body["seal"]["key"] for move in moves} == {key.key_id}
    assert len({move.body["seal"]["signature"] for move in moves}) == 5
    assert "seal" not in note.body
    assert sealing.verify().problems == ()
    assert unsealed_among(sealing.entries()) == {}


def test_a_first_move_that_was_killed_after_it_made_the_key_is_made_with_that_key(sealing, story, key_file):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Writer, "move_head", lambda *_, **__: (_ for _ in ()).throw(KeyboardInterrupt))
        with pytest.raises(KeyboardInterrupt):
            story.move(1)
    key = SigningKey.load(key_file)
    assert sealing.entries() == []
    story.move(1)
    (known,) = sealing.keys()
    assert known.key_id == key.key_id
    assert sealing.verify().valid


def test_a_seal_signs_every_field_the_number_and_what_it_follows(sealing, story, key_file):
    entry, _ = story.move(1)
    told = {name: value for name, value in entry.as_dict().items() if name != "hash"}
    told["body"] = {name: value for name, value in told["body"].items() if name != "seal"}
    again = SigningKey.load(key_file).sign(to_sign("grant", told))  # Ed25519 signs one message in one way
    assert entry.body["seal"]["signature"] == again


def test_a_body_taken_from_another_entry_gets_a_seal_of_its_own(sealing, story):
    first, _ = story.move(1)
    second, _ = story.move(2, expected=1, seal=first.body["seal"])
    assert second.body["seal"] != first.body["seal"]
    assert sealing.verify().valid


def test_a_ledger_without_a_key_seals_nothing_and_holds(ledger, story):
    entry, _ = story.move(1)
    assert "seal" not in entry.body
    assert ledger.verify().valid


def test_an_older_ledger_begins_to_seal_with_the_next_rotation(ledger, story, key_file):
    older(ledger, key_file, story)
    story.move(2, expected=1)
    assert not ledger.keys()[-1].seals
    ledger.rotate_key(actor="admin", why="from now on moves are sealed", now=story.now)
    assert ledger.keys()[-1].seals
    sealed, _ = story.move(3, expected=2)
    moves = ledger.entries(kind="promotion.granted")
    assert ["seal" in move.body for move in moves] == [False, False, True]
    assert sealed.body["seal"]["key"] == ledger.keys()[-1].key_id
    assert ledger.verify().problems == ()


def test_a_rotated_key_seals_from_then_on_and_the_one_before_no_more(sealing, story, key_file, opening):
    one, _ = story.move(1)
    other = opening()
    other.sign_with(key_file)
    other.rotate_key(actor="admin", why="w", now=story.now)
    two, _ = story.move(2, expected=1)
    old, new = sealing.keys()
    assert (one.body["seal"]["key"], two.body["seal"]["key"]) == (old.key_id, new.key_id)
    assert sealing.verify().problems == ()


def without(key_file):
    key_file.unlink()


def another(key_file):
    key_file.unlink()
    SigningKey.create(key_file)


def open_to_others(key_file):
    key_file.chmod(0o644)


@pytest.mark.parametrize("hurt", [without, another, open_to_others])
@pytest.mark.parametrize("again", [False, True])
def test_without_its_key_a_move_is_refused_before_anything_is_written(sealing, story, key_file, opening, hurt, again):
    """Whether the key was read before in this process or not."""
    story.move(1)
    hurt(key_file)
    ledger = sealing if again else opening()
    ledger.sign_with(key_file)
    story.ledger, before = ledger, ledger.entries()
    with pytest.raises(EngineError, match="lending/2 was not moved: this ledger's moves are sealed by its key") as told:
        story.move(2, expected=1)
    assert "copy it from a machine that has it" in told.value.hint
    assert (ledger.entries(), ledger.head("lending").version) == (before, 1)
    story.note()  # all else goes on
    assert ledger.verify().valid


def test_a_ledger_opened_without_naming_a_key_moves_nothing_once_moves_are_sealed(sealing, story, opening):
    story.move(1)
    story.ledger = opening()
    with pytest.raises(EngineError, match="opened without a key"):
        story.move(2, expected=1)
    assert sealing.head("lending").version == 1


def test_a_rehearsed_move_is_sealed_and_leaves_neither_a_key_nor_an_entry(ledger, story, key_file, opening):
    ledger.rehearse()
    ledger.sign_with(key_file)
    for generation in range(2):
        entry, _ = story.move(generation + 1, expected=generation)
        assert "seal" in entry.body
    assert ledger.verify().problems == ()
    ledger.close()
    assert not key_file.exists()
    assert opening().entries() == []


def test_a_rehearsed_rotation_seals_what_is_rehearsed_after_it(sealing, story):
    story.move(1)
    sealing.rehearse()
    sealing.rotate_key(actor="admin", why="w", now=story.now)
    story.move(2, expected=1)
    assert sealing.verify().problems == ()


# what an older workbench does


@pytest.fixture
def of_old(opening, key_file):
    """A workbench that knows no seals and opened the ledger before it was carried over: it signs checkpoints."""

    def opened():
        ledger = opening()
        ledger.sign_with(key_file)
        ledger._sealing = lambda *_: None
        return ledger

    return opened


@pytest.mark.parametrize("kind", ["promotion.granted", "rollback.granted", "stage.granted", "version.retired"])
def test_an_older_workbench_that_still_has_the_ledger_open_writes_no_move_without_a_seal(sealing, story, of_old, kind):
    """It was started before the upgrade; the database itself tells it what to do."""
    story.move(1)
    story.ledger, before = of_old(), sealing.entries()
    with pytest.raises(EngineError, match="moves of this ledger are sealed by its key: upgrade or restart"):
        story.note(subject="lending/2", kind=kind, body={"generation": 2, "decision": {"decision": "allow"}})
    assert sealing.entries() == before
    story.note()  # all else goes on
    assert sealing.verify().problems == ()


def test_an_older_workbench_moves_on_where_moves_are_not_sealed_yet(ledger, key_file, story, of_old):
    """Until the next rotation, which hands every machine a file anyway."""
    older(ledger, key_file, story)
    story.ledger = of_old()
    story.move(2, expected=1)
    ledger.rotate_key(actor="admin", why="from now on moves are sealed", now=story.now)
    with pytest.raises(EngineError, match="upgrade or restart this workbench"):
        story.move(3, expected=2)
    assert ledger.head("lending").version == 2
    assert ledger.verify().problems == ()


# what a forger does


def test_a_run_its_evidence_and_a_grant_that_agree_are_named_for_want_of_a_seal(sealing, story, opening):
    story.move(1)
    forge(opening()._database, story, generation=2)
    assert sealing.head("lending").version == 9
    assert sealing.verify().problems == (UNSEALED.format(5, 9),)
    assert unsealed_among(sealing.entries()) == {5: (UNSEALED.format(5, 9),)}
    assert verify_export(sealing.export()).problems == (UNSEALED.format(5, 9),)


@pytest.mark.parametrize("kind", ["stage.granted", "version.retired"])
def test_no_kind_of_move_is_believed_without_a_seal(sealing, story, opening, kind):
    story.move(1)
    forge(opening()._database, story, generation=1, kind=kind)
    assert UNSEALED.format(5, 9) in sealing.verify().problems


def test_a_checkpoint_signed_over_a_forged_grant_does_not_make_it_good(sealing, story, opening):
    story.move(1)
    forge(opening()._database, story, generation=2)
    sealing.checkpoint(now=story.now)
    assert sealing.verify().problems == (UNSEALED.format(5, 9),)


def test_the_seal_of_a_key_of_the_forgers_own_is_named(sealing, story, opening):
    story.move(1)
    forged = SigningKey.fleeting()
    forge(opening()._database, story, generation=2, key=forged)
    (told,) = sealing.verify().problems
    assert told.startswith(f"entry 5 moves lending/9 under a seal by the key '{forged.key_id}', which does not seal")


@pytest.mark.parametrize("claimed", [False, True])
def test_a_seal_that_says_another_key_than_it_is_by_is_named(sealing, story, opening, claimed):
    story.move(1)
    forged = SigningKey.fleeting()
    ours = sealing.keys()[0].key_id
    mixed = type("Mixed", (), {"key_id": ours if claimed else forged.key_id, "sign": forged.sign})
    forge(opening()._database, story, generation=2, key=mixed)
    (told,) = sealing.verify().problems
    assert told.startswith("entry 5 moves lending/9 under a seal")


@pytest.mark.parametrize("seal", [{}, [], 7, "x", {"key": 3}, {"signature": "AAAA"}, {"key": None, "signature": None}])
def test_a_seal_that_is_none_is_named(sealing, story, opening, seal):
    """What stands there is what the forger likes; it is compared, never believed."""
    story.move(1)
    spoil = type("Nothing", (), {"key_id": "x", "sign": lambda *_: "x"})
    database = opening()._database
    plain = Draft("promotion.granted", "lending/9", "a", "w",
                  {"slot": "champion", "generation": 2, "decision": {"decision": "allow"}}, story.now)  # fmt: skip
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("workbench.ledger.writer.seal", lambda *_: seal)
        writer = Writer(database, lambda *_: spoil)
        database.begin(writing=True)
        entry = writer.add(plain)
        writer.move_head("lending", "champion", 9, expected_generation=1, entry=entry)
        writer.finish()
        database.commit()
    (told,) = sealing.verify().problems
    assert told.startswith("entry 3 moves lending/9 under a seal")


def test_a_key_entry_that_takes_the_declaration_back_is_named_and_moves_nothing(sealing, story, key_file, opening):
    """Even whoever has the key cannot go back to moves without a seal; an older workbench would rotate so."""
    story.move(1)
    old, new, before = SigningKey.load(key_file), SigningKey.fleeting(), sealing.keys()[-1]
    told = {"key_id": new.key_id, "public": new.public, "origin": before.origin, "follows": before.key_id}
    message = to_sign(ROTATED, told)
    body = {**told, "signatures": {old.key_id: old.sign(message), new.key_id: new.sign(message)}}
    story.note(subject=f"key/{new.key_id}", kind=ROTATED, body=body)
    back = "entry 3 brings a key that takes back that moves are sealed"
    assert sealing.verify().problems == (back,)
    forge(opening()._database, story, generation=2)
    assert sealing.verify().problems == (back, UNSEALED.format(6, 9))
    with pytest.raises(EngineError, match="takes back"):
        sealing.keys()


def test_an_export_with_seals_is_read_back_as_it_is(sealing, story):
    story.move(1)
    sealing.rotate_key(actor="admin", why="w", now=story.now)
    story.move(2, expected=1)
    lines = list(sealing.export())
    assert verify_export(lines).as_dict() == sealing.verify().as_dict()
    spoiled = [json.loads(line) for line in lines]
    del spoiled[1]["body"]["seal"]
    assert not verify_export([json.dumps(line) for line in spoiled]).valid


def test_an_export_from_before_moves_were_sealed_holds(ledger, story, key_file):
    older(ledger, key_file, story)
    assert verify_export(ledger.export()).problems == ()


def test_a_version_that_is_moved_by_an_unsigned_ledger_is_no_business_of_seals(ledger, story):
    story.move(1)
    with pytest.raises(Misuse, match="without a key"):
        ledger.signing_key(now=story.now)
    assert unsealed_among(ledger.entries()) == {}
