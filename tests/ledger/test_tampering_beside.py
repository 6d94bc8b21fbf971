"""What lies beside the entries cannot be tampered with unseen either: SQLite's log, backups, witnesses, grants."""

import hashlib
import json
import shutil
import sqlite3
import struct
from datetime import UTC, datetime

import pytest

from workbench.errors import Misuse
from workbench.ledger import Ledger, canonical, digest
from workbench.ledger.copies import verify_file
from workbench.ledger.witness import attest, read_witness

NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)
SAID = {"subject": "lending", "actor": "analyst", "body": {}, "now": NOON}


@pytest.fixture
def opened(tmp_path):
    """A ledger that is open, with a witness that saw its first three entries."""
    with Ledger.open(f"sqlite:///{tmp_path / 'ledger.db'}") as ledger:
        ledger.sign_with(tmp_path / "ledger.key")
        ledger.checkpoint(now=NOON)
        for why in ("first", "second"):
            ledger.append("note", why=why, **SAID)
        attest(tmp_path / "w.txt", ledger.checkpoint(now=NOON))
        yield ledger


def taken(folder, name="copy"):
    """A copy of the open ledger with its log, as a backup takes it."""
    (folder / name).mkdir()
    for file in ("ledger.db", "ledger.db-wal"):
        shutil.copy(folder / file, folder / name / file)
    return folder / name / "ledger.db"


def judged(path, witness):
    return verify_file(path, witness=read_witness(witness)).problems


# SQLite's log


def summed(data, order, one=0, two=0):
    """The checksum that SQLite's log has over some bytes.

    Source:
        https://www.sqlite.org/fileformat2.html#checksum_algorithm
    """
    words = struct.unpack(f"{order}{len(data) // 4}I", data)
    for first, second in zip(words[::2], words[1::2], strict=True):
        one = (one + first + two) & 0xFFFFFFFF
        two = (two + second + one) & 0xFFFFFFFF
    return one, two


def summed_anew(log):
    """The log with every checksum as it would be had SQLite written this."""
    log, page = bytearray(log), struct.unpack(">I", log[8:12])[0]
    order = ">" if log[3] & 1 else "<"
    sums = summed(log[:24], order)
    log[24:32] = struct.pack(">II", *sums)
    for at in range(32, len(log) - page - 23, 24 + page):
        sums = summed(log[at : at + 8], order, *sums)
        sums = summed(log[at + 24 : at + 24 + page], order, *sums)
        log[at + 16 : at + 24] = struct.pack(">II", *sums)
    return bytes(log)


def test_the_checksums_are_those_of_sqlite(opened, tmp_path):
    log = (tmp_path / "ledger.db-wal").read_bytes()
    assert summed_anew(log) == log


def test_a_log_that_is_untouched_holds(opened, tmp_path):
    assert judged(taken(tmp_path), tmp_path / "w.txt") == ()


def test_a_text_changed_in_the_log_with_its_checksums_made_anew_is_named(opened, tmp_path):
    path = taken(tmp_path)
    log = path.with_name("ledger.db-wal")
    log.write_bytes(summed_anew(log.read_bytes().replace(b"second", b"SECOND")))
    assert "entry 3 was changed: its content does not have its hash" in judged(path, tmp_path / "w.txt")


def test_a_log_that_was_cut_or_flipped_is_a_rollback_that_the_witness_names(opened, tmp_path):
    """SQLite passes over a log from the first frame whose checksum is wrong: what was written last is gone."""
    whole = (tmp_path / "ledger.db-wal").read_bytes()
    flipped = bytearray(whole)
    flipped[whole.rindex(b"second")] ^= 1
    for number, log in enumerate([whole[: 32 + (len(whole) - 32) // 4120 // 2 * 4120], bytes(flipped)]):
        path = taken(tmp_path, f"copy{number}")
        path.with_name("ledger.db-wal").write_bytes(log)
        told = judged(path, tmp_path / "w.txt")
        assert told[0].startswith("the ledger was rolled back: the witness saw 3 entries"), told


# backups and witnesses


def test_an_older_copy_that_was_put_back_holds_by_itself_and_is_named_by_the_witness(opened, tmp_path):
    older = taken(tmp_path)
    opened.append("note", why="third", **SAID)
    seen = opened.checkpoint(now=NOON).size
    attest(tmp_path / "w.txt", opened.newest_checkpoint())
    assert verify_file(older).valid
    (told,) = judged(older, tmp_path / "w.txt")
    assert told == (
        f"the ledger was rolled back: the witness saw {seen} entries, there are {seen - 1}; "
        "it was cut, or an older copy was put back"
    )


def test_a_checkpoint_that_was_removed_is_named_by_the_witness(opened, tmp_path):
    path = taken(tmp_path)
    client = sqlite3.connect(path)
    (rule,) = client.execute("SELECT sql FROM sqlite_master WHERE name = 'checkpoints_are_not_deleted'").fetchone()
    client.execute("DROP TRIGGER checkpoints_are_not_deleted")
    client.execute("DELETE FROM checkpoints")
    client.execute(rule)
    client.commit()
    client.close()
    assert verify_file(path).signed == 0
    assert judged(path, tmp_path / "w.txt") == ("the checkpoint of 3 entries, which the witness saw, was removed",)


@pytest.mark.parametrize("text", ["", "\n\n", "hello\n", "a\nb\nc\nd\n", "workbench-ledger/x\n3\n"])
def test_a_witness_that_is_empty_or_garbage_is_none(opened, tmp_path, text):
    (tmp_path / "w.txt").write_text(text, "utf-8")
    for act in (
        lambda: read_witness(tmp_path / "w.txt"),
        lambda: attest(tmp_path / "w.txt", opened.checkpoint(now=NOON)),
    ):
        with pytest.raises(Misuse, match="witness"):
            act()
    assert (tmp_path / "w.txt").read_text("utf-8") == text


def test_garbage_behind_sound_checkpoints_is_not_passed_over(opened, tmp_path):
    with (tmp_path / "w.txt").open("a") as file:
        file.write("hello\n")
    with pytest.raises(Misuse, match="is no witness"):
        read_witness(tmp_path / "w.txt")


def test_the_witness_of_another_ledger_is_named(opened, tmp_path):
    with Ledger.open(f"sqlite:///{tmp_path / 'other.db'}") as other:
        other.sign_with(tmp_path / "other.key")
        attest(tmp_path / "other.txt", other.checkpoint(now=NOON))
    (told,) = judged(taken(tmp_path), tmp_path / "other.txt")
    assert told.startswith("the ledger was made anew: the witness saw workbench-ledger/")


# grants that nobody decided


POLICY = "package promotion\nallow := input.metrics.fairness >= 0.85"


def grant(**changed):
    """The body of a promotion as the gate writes it."""
    document = {"action": "promote", "model": "lending", "version": 1, "slot": "champion", "weight": None,
                "metrics": {"fairness": 0.9}, "evidence": {"fairness": {"digest": "d1"}}}  # fmt: skip
    decision = {"decision": "allow", "reasons": [], "policy": "promotion", "policy_digest": digest_of(POLICY),
                "input_digest": digest(document), "evidence": ["d1"]}  # fmt: skip
    body = {"action": "promote", "slot": "champion", "weight": None, "decision": decision, "policy_source": POLICY,
            "input": document, "from": None, "to": 1, "generation": 1, "evidence": ["d1"]}  # fmt: skip
    return {**body, **{name: change(body[name]) for name, change in changed.items()}}


def digest_of(text):
    return hashlib.sha256(text.encode()).hexdigest()


def given(ledger, body, subject="lending/1"):
    """Appended by somebody with the ledger's own library, past the gate."""
    with ledger.transaction() as writer:
        entry = writer.append("promotion.granted", **{**SAID, "subject": subject, "why": "trust me", "body": body})
        writer.move_head("lending", "champion", int(subject[-1]), expected_generation=0, entry=entry)
    return ledger.verify().problems


def test_a_grant_as_the_gate_writes_it_holds(opened):
    assert given(opened, json.loads(canonical(grant()))) == ()


def test_a_grant_from_before_there_were_slots_holds(opened):
    """Its input named no slot and no weight, and its body no action and no weight."""
    known = {name: value for name, value in grant()["input"].items() if name not in {"slot", "weight"}}
    body = {name: value for name, value in grant().items() if name not in {"action", "weight"}}
    decision = {**body["decision"], "input_digest": digest(known)}
    assert given(opened, {**body, "input": known, "decision": decision}) == ()


def test_a_grant_that_names_a_cause_is_not_believed_for_it(opened):
    """Only a slot that is left on the way rests on another entry's decision."""
    (told, _) = given(opened, {**grant(), "cause": 1}, subject="lending/2")
    assert told == "entry 4 grants lending/2, but its decision was about lending/1"


@pytest.mark.parametrize("body", [{}, {"decision": None}, {"decision": {"decision": "deny"}}])
def test_a_version_that_is_retired_without_a_yes_is_named(opened, body):
    opened.append("version.retired", **{**SAID, "subject": "lending/1", "why": "old", "body": body})
    assert opened.verify().problems == ("entry 4 retires lending/1 without a decision that allows it",)


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"input": lambda known: {**known, "metrics": {"fairness": 0.99}}}, "on an input that is not the one it keeps"),
        ({"input": lambda known: None}, "on an input that it does not keep"),
        ({"policy_source": lambda known: "package x"}, "on a policy that is not the one it keeps"),
        ({"policy_source": lambda known: None}, "on a policy that it does not keep"),
        ({"to": lambda known: 7}, "its decision was about version 7"),
        ({"weight": lambda known: 0.5}, "its decision was about the weight None, not 0.5"),
        ({"action": lambda known: "rollback"}, "its decision was about the action 'promote', not 'rollback'"),
        ({"evidence": lambda known: ["d2"]}, "its decision was about other evidence"),
    ],
)  # fmt: skip
def test_a_grant_that_contradicts_itself_is_named(opened, change, told):
    assert any(told in problem for problem in given(opened, grant(**change)))


def test_a_grant_with_the_decision_of_another_version_is_named(opened):
    (told, other) = given(opened, grant(), subject="lending/2")
    assert told == "entry 4 grants lending/2, but its decision was about lending/1"
    assert other.endswith("its decision was about version 1")
