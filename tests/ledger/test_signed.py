"""The ledger signs for what it holds, and a proof needs nothing of it but the signature."""

import json
from datetime import timedelta

import pytest

from workbench.errors import EngineError, Misuse
from workbench.ledger import Draft, Entry, Inclusion, SigningKey
from workbench.ledger.checkpoints import read_note, verifier_key
from workbench.ledger.entry import content
from workbench.ledger.exporting import verify_export
from workbench.ledger.merkle import leaf_hash, tree_hash
from workbench.ledger.witness import attest, read_witness


@pytest.fixture
def key_file(tmp_path):
    return tmp_path / "keys" / "ledger.key"


@pytest.fixture
def signing(ledger, key_file):
    ledger.sign_with(key_file)
    return ledger


def notes(ledger, story, count):
    return ledger.append_all([Draft("note", "lending", "analyst", str(n), {"n": n}, story.now) for n in range(count)])


def test_the_first_checkpoint_makes_the_key_and_records_it(signing, story, key_file):
    made = signing.checkpoint(actor="admin", now=story.now)
    (entry,) = signing.entries()
    (key,) = signing.keys()
    assert (entry.kind, entry.actor, entry.subject) == ("key.created", "admin", f"key/{key.key_id}")
    assert (made.size, made.origin) == (1, f"workbench-ledger/{key.key_id}")
    assert made.root == tree_hash([leaf_hash(content(entry))])
    assert made.signed_by(key.public)
    assert SigningKey.load(key_file).public == key.public
    assert key_file.parent.stat().st_mode & 0o777 == 0o700
    assert signing.verify().signed == 1


def test_asking_again_makes_no_second_checkpoint_until_there_is_more(signing, story):
    first = signing.checkpoint(now=story.now)
    assert signing.checkpoint(now=story.now) == first
    story.note()
    second = signing.checkpoint(now=story.now)
    assert (first.size, second.size) == (1, 2)
    assert signing.checkpoints() == [first, second]
    assert signing.newest_checkpoint() == second
    assert signing.newest_checkpoint(1) == first


def test_a_checkpoint_is_made_in_the_commit_that_crosses_256_entries(signing, story):
    notes(signing, story, 255)
    assert signing.checkpoints() == []
    notes(signing, story, 1)
    (made,) = signing.checkpoints()
    assert made.size == 257  # with the entry that brings the key
    notes(signing, story, 600)
    assert [made.size for made in signing.checkpoints()] == [257, 857]
    found = signing.verify()
    assert (found.valid, found.signed) == (True, 857)


def test_a_ledger_without_a_key_goes_on_and_says_what_it_lacks(ledger, story):
    notes(ledger, story, 300)
    assert ledger.keys() == []
    with pytest.raises(Misuse, match="without a key"):
        ledger.checkpoint(now=story.now)
    with pytest.raises(Misuse, match="no checkpoint covers entry 3 yet"):
        ledger.prove(3)
    assert ledger.verify().signed == 0
    assert ledger.verify().valid


def test_a_missing_key_stops_signatures_and_not_the_ledger(signing, story, key_file):
    signing.checkpoint(now=story.now)
    kept = key_file.rename(key_file.with_name("elsewhere"))
    notes(signing, story, 300)
    assert len(signing.checkpoints()) == 1
    with pytest.raises(EngineError, match="cannot be read"):
        signing.checkpoint(now=story.now)
    assert not key_file.exists()
    SigningKey.create(key_file)
    with pytest.raises(EngineError, match="but the ledger is signed by"):
        signing.checkpoint(now=story.now)
    kept.replace(key_file)
    assert signing.checkpoint(now=story.now).size == 301


def test_a_checkpoint_is_the_text_that_other_tools_read(signing, story):
    text = signing.checkpoint(now=story.now).note
    origin, size, root, empty, line, end = text.split("\n")
    assert (size, empty, end) == ("1", "", "")
    assert len(root) == 44
    assert line.startswith(f"— {origin} ")
    assert read_note(text).note == text
    name, mark, _ = verifier_key(origin, signing.keys()[0].public).split("+", 2)
    assert (name, len(mark)) == (origin, 8)


@pytest.mark.parametrize("count", [1, 2, 255, 256, 257, 700])
def test_every_kind_of_entry_is_proved_within_tiles_and_across_them(signing, story, count):
    written = notes(signing, story, count)
    made = signing.checkpoint(now=story.now)
    entries = signing.entries()
    for seq in {1, count // 2 or 1, count, made.size}:
        proof = signing.prove(seq)
        assert proof.holds(entries[seq - 1], public=signing.keys()[-1].public)
        assert proof.checkpoint == made.note
        assert Inclusion.read(json.loads(json.dumps(proof.as_dict()))) == proof
        other = entries[seq % made.size]
        assert other.seq == seq or not proof.holds(other)
    assert written[0].seq == 1
    leaves = [leaf_hash(content(entry)) for entry in entries]
    assert made.root == tree_hash(leaves)
    for size in {1, count, made.size}:
        assert signing.prove(1, size).root == tree_hash(leaves[:size]).hex()
        assert signing.prove_consistency(size, made.size).holds()


def test_a_proof_with_anything_changed_does_not_hold(signing, story):
    notes(signing, story, 5)
    signing.checkpoint(now=story.now)
    told = signing.prove(2).as_dict()
    public = signing.keys()[0].public
    assert Inclusion.read(told).holds(public=public)
    for name, value in {
        "seq": 3, "index": 2, "size": 5, "leaf": "00" * 32, "root": "00" * 32, "path": told["path"][1:],
        "checkpoint": None,
    }.items():  # fmt: skip
        assert not Inclusion.read({**told, name: value}).holds(public=public), name
    for name, value in {"seq": "2", "path": 3, "checkpoint": 4, "leaf": None}.items():
        with pytest.raises(ValueError, match="no proof"):
            Inclusion.read({**told, name: value})
    with pytest.raises(ValueError, match="no proof"):
        Inclusion.read({})


def test_a_proof_of_what_is_not_there_is_refused(signing, story):
    notes(signing, story, 3)
    signing.checkpoint(now=story.now)
    for seq in (0, -1, 9):
        with pytest.raises(Misuse, match="no entry"):
            signing.prove(seq)
    later = story.note()
    with pytest.raises(Misuse, match=f"no checkpoint covers entry {later.seq} yet"):
        signing.prove(later.seq)
    with pytest.raises(Misuse, match="has 5 entries, not 9"):
        signing.prove(1, 9)
    with pytest.raises(Misuse, match="the sizes are 0 and 3"):
        signing.prove_consistency(0, 3)


def test_a_rotated_key_signs_from_then_on_and_the_old_one_no_more(signing, story, key_file):
    first = signing.checkpoint(now=story.now)
    story.note()
    rotated = signing.rotate_key(actor="admin", why="a year has passed", now=story.now + timedelta(days=1))
    old, new = signing.keys()
    assert new == rotated
    assert SigningKey.load(key_file).key_id == new.key_id != old.key_id
    assert new.origin == old.origin == first.origin
    second = signing.newest_checkpoint()
    assert second.size == 3
    assert second.signed_by(new.public) and not second.signed_by(old.public)
    assert [file.name for file in key_file.parent.glob("ledger.key*")] == ["ledger.key"]
    assert signing.verify().valid


def test_a_rotation_that_was_killed_after_its_commit_is_ended_by_the_next_look(signing, story, key_file, monkeypatch):
    signing.checkpoint(now=story.now)
    with monkeypatch.context() as patch:
        patch.setattr(type(key_file), "replace", lambda *_: (_ for _ in ()).throw(KeyboardInterrupt))
        with pytest.raises(KeyboardInterrupt):
            signing.rotate_key(actor="admin", why="w", now=story.now)
    assert len(list(key_file.parent.glob("ledger.key*"))) == 2
    story.note()
    assert signing.checkpoint(now=story.now).signed_by(signing.keys()[-1].public)
    assert len(list(key_file.parent.glob("ledger.key*"))) == 1


def test_a_rotation_that_was_killed_before_its_commit_changes_nothing(signing, story, key_file):
    signing.checkpoint(now=story.now)
    SigningKey.create(key_file.with_name("ledger.key.next"))
    story.note()
    assert signing.checkpoint(now=story.now).signed_by(signing.keys()[0].public)
    signing.rotate_key(actor="admin", why="w", now=story.now)
    assert len(signing.keys()) == 2
    assert signing.verify().valid


def test_two_who_sign_for_the_first_time_make_one_key(opening, story, key_file):
    one, other = opening(), opening()
    for ledger in (one, other):
        ledger.sign_with(key_file)
    assert one.signing_key(now=story.now).public == other.signing_key(now=story.now).public
    assert len(one.entries(kind="key.created")) == 1


# witness and export


def test_a_witness_is_told_of_each_state_once(signing, story, tmp_path):
    file = tmp_path / "witness.txt"
    for _ in range(3):
        story.note()
        made = signing.checkpoint(now=story.now)
        assert attest(file, made)
        assert not attest(file, made)
    assert [seen.size for seen in read_witness(file)] == [2, 3, 4]
    found = signing.verify(witness=read_witness(file))
    assert (found.valid, found.witnessed) == (True, 4)


def test_a_file_that_is_no_witness_is_refused_and_left_as_it_is(signing, story, tmp_path):
    made = signing.checkpoint(now=story.now)
    for text in ("# notes\n", "a\n1\nAAAA\n\n— a AAAA\n", made.note[:-60]):
        (tmp_path / "w").write_text(text, "utf-8")
        with pytest.raises(Misuse, match="is no witness"):
            attest(tmp_path / "w", made)
        assert (tmp_path / "w").read_text("utf-8") == text


def test_an_export_is_judged_as_the_ledger_is(signing, story):
    notes(signing, story, 300)
    signing.checkpoint(now=story.now)
    signing.rotate_key(actor="admin", why="w", now=story.now)
    story.move(1)
    lines = list(signing.export())
    found, there = verify_export(lines), signing.verify()
    assert found.as_dict() == there.as_dict()
    assert found.valid


def test_an_entry_in_a_file_of_others_is_read_back_or_refused(story):
    entry = story.note(key="k", body={"n": 1.5, "list": [None, "ü"]})
    told = json.loads(json.dumps(entry.as_dict()))
    assert Entry.from_dict(told) == entry
    for name, value in {
        "why": "x",
        "seq": 2,
        "key": None,
        "body": {},
        "hash": "0" * 64,
        "at": "2026-01-01T00:00:00+00:00",
    }.items():
        with pytest.raises(ValueError, match="was changed"):
            Entry.from_dict({**told, name: value})
    for name, value in {"why": None, "seq": "1", "body": [], "key": 3, "at": "2026-01-01", "hash": None}.items():
        with pytest.raises(ValueError, match="no entry"):
            Entry.from_dict({**told, name: value})
    with pytest.raises(ValueError, match="no entry"):
        Entry.from_dict({})
