"""Whoever can write every byte of a ledger is found out, and told in words what was done.

Each attack is what somebody with the file and a debugger does: the triggers put aside and put back after,
the hashes chained anew where that hides more. What only a witness can find is found by the witness.
"""

import base64
import json
import shutil
import sqlite3
import subprocess
import sys
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from workbench.bench.workspace import shipped
from workbench.errors import EngineError, Misuse
from workbench.ledger import Draft, Head, Ledger, SigningKey, to_sign
from workbench.ledger.checkpoints import signed
from workbench.ledger.copies import verify_file
from workbench.ledger.database import Kept
from workbench.ledger.entry import GENESIS, chained, content
from workbench.ledger.exporting import verify_export
from workbench.ledger.grounds import GRANTS
from workbench.ledger.heads import fold
from workbench.ledger.keys import created_body
from workbench.ledger.merkle import Range, leaf_hash
from workbench.ledger.rows import COLUMNS, as_row, from_row
from workbench.ledger.seals import seal
from workbench.ledger.tree import spelled_roots
from workbench.ledger.verification import Signs, verified
from workbench.ledger.witness import attest, read_witness

ROLLED_BACK = (
    "the ledger was rolled back: the witness saw {} entries, there are {}; it was cut, or an older copy was put back"
)
NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)
VERIFIER = shipped("templates") / "verify_ledger.py"
POLICY = "package promotion\ndefault allow := false\nallow if input.f1 >= 0.8"


def write(path, key_file, *, why="it is better", policy=POLICY):
    """A small ledger with a key, moves of three slots, a policy's text, two checkpoints."""
    with Ledger.open(f"sqlite:///{path}") as ledger:
        ledger.sign_with(key_file)
        ledger.checkpoint(actor="admin", now=NOON)
        ledger.append("note", subject="lending", actor="analyst", why="a look", body={"n": 1.5}, now=NOON, key="k")
        with ledger.transaction() as writer:
            for generation, (kind, slot, version, more) in enumerate(
                [("promotion.granted", "champion", 1, {}), ("rollback.granted", "champion", 2, {})], start=1
            ):
                body = {"slot": slot, "generation": generation, "decision": {"decision": "allow", "policy": policy}}
                entry = writer.append(
                    kind, subject=f"lending/{version}", actor="risk-officer", why=why, body=body | more, now=NOON
                )
                writer.move_head("lending", slot, version, expected_generation=generation - 1, entry=entry)
                payload = {"model": "lending", "alias": slot, "version": version, "generation": generation}
                writer.owe("mlflow-alias", payload, entry=entry)
        made = ledger.checkpoint(now=NOON)
        ledger.append("note", subject="lending", actor="analyst", why="after", body={}, now=NOON)
    return made


@pytest.fixture(scope="module")
def original(tmp_path_factory):
    """The ledger, its key, a witness that saw it twice, and an export."""
    folder = tmp_path_factory.mktemp("original")
    key = folder / "ledger.key"
    made = write(folder / "ledger.db", key)
    with Ledger.open(f"sqlite:///{folder / 'ledger.db'}") as ledger:
        for seen in ledger.checkpoints():
            attest(folder / "witness.txt", seen)
        (folder / "ledger.jsonl").write_text("".join(f"{line}\n" for line in ledger.export()), "utf-8")
        assert ledger.verify(witness=read_witness(folder / "witness.txt")).valid
    assert made.size == 4
    return folder


@pytest.fixture
def copy(original, tmp_path):
    shutil.copytree(original, tmp_path / "w")
    return tmp_path / "w"


class Hands:
    """Somebody who writes the file behind the ledger's back and leaves its rules as they were."""

    def __init__(self, folder):
        self.folder, self.path = folder, folder / "ledger.db"

    def __enter__(self):
        self.client = sqlite3.connect(self.path)
        self.rules = self.client.execute("SELECT name, sql FROM sqlite_master WHERE type = 'trigger'").fetchall()
        for name, _ in self.rules:
            self.client.execute(f"DROP TRIGGER {name}")
        return self

    def __exit__(self, *_):
        for _, sql in self.rules:
            self.client.execute(sql)
        self.client.commit()
        self.client.close()

    def run(self, sql, values=()):
        return self.client.execute(sql, values).fetchall()

    def entries(self):
        return [from_row(row) for row in self.run(f"SELECT {COLUMNS} FROM entries ORDER BY seq")]

    def anew(self, entries, key=None):
        """These entries chained anew with a tree of their own; checkpoints and moves signed by a key, given one."""
        tip, tree = "0" * 64, Range()
        self.run("DELETE FROM entries")
        self.run("DELETE FROM checkpoints WHERE ?", (key is not None,))
        for seq, entry in enumerate(entries, start=1):
            made = chained(seq=seq, at=entry.at, kind=entry.kind, subject=entry.subject, actor=entry.actor,
                           why=entry.why, body=entry.body, key=entry.key, prev=tip)  # fmt: skip
            if key is not None and made.kind in GRANTS:
                made = resealed(made, key)
            tip = made.hash
            tree.append(leaf_hash(content(made)))
            self.run(f"INSERT INTO entries ({COLUMNS}) VALUES (?,?,?,?,?,?,?,?,?,?)", as_row(made))
        self.run("UPDATE tree SET size = ?, roots = ?", (tree.size, spelled_roots(tree.roots)))
        self.run("UPDATE sqlite_sequence SET seq = ? WHERE name = 'entries'", (tree.size,))
        if key is not None:
            origin = f"workbench-ledger/{key.key_id}"
            note = signed(origin, tree.size, tree.root(), key).note
            self.run("INSERT INTO checkpoints VALUES (?, ?)", (tree.size, note))


def resealed(entry, key):
    """The entry with a seal by a key in the place of the one it has."""
    bare = {name: value for name, value in entry.body.items() if name != "seal"}
    body = {**bare, "seal": seal(content(replace(entry, body=bare)), key)}
    told = {name: getattr(entry, name) for name in ("seq", "at", "kind", "subject", "actor", "why", "key", "prev")}
    return chained(**told, body=body)


def judged(folder, *, witness=True):
    seen = read_witness(folder / "witness.txt") if witness else None
    return verify_file(folder / "ledger.db", witness=seen)


def test_what_nobody_touched_holds_in_every_form(original):
    assert judged(original).valid
    assert verify_file(original / "ledger.jsonl", witness=read_witness(original / "witness.txt")).valid


def test_the_evidence_is_only_read(copy):
    before = {file.name: file.read_bytes() for file in copy.iterdir()}
    judged(copy)
    assert {file.name: file.read_bytes() for file in copy.iterdir()} == before


def test_a_flipped_bit_of_any_stored_byte_is_found_and_named(original, tmp_path):
    """Every byte of every text of every entry, head, tree and checkpoint; a bit of each."""
    with sqlite3.connect(original / "ledger.db") as client:
        tables = {
            "entries": client.execute(f"SELECT {COLUMNS} FROM entries ORDER BY seq").fetchall(),
            "heads": client.execute("SELECT model, slot, version, generation, seq, weight FROM heads").fetchall(),
            "tree": client.execute("SELECT size, roots FROM tree").fetchall(),
            "checkpoints": client.execute("SELECT size, note FROM checkpoints ORDER BY size").fetchall(),
        }
    client.close()

    def judge(rows):
        signs = Signs(tree=rows["tree"][0], tiles=[], checkpoints=rows["checkpoints"],
                      heads=[Head(*row) for row in rows["heads"]])  # fmt: skip
        return verified(rows["entries"], signs, kept=Kept({}, {}, len(rows["entries"])))

    assert judge(tables).valid
    flipped = 0
    for table, rows in tables.items():
        for at, row in enumerate(rows):
            for column, value in enumerate(row):
                if not isinstance(value, str):
                    continue
                raw = value.encode()
                for place in range(len(raw)):
                    changed = bytearray(raw)
                    changed[place] ^= 1 << (place % 7)
                    spelled = bytes(changed).decode("utf-8", "surrogateescape")
                    new = (*row[:column], spelled, *row[column + 1 :])
                    found = judge({**tables, table: [*rows[:at], new, *rows[at + 1 :]]})
                    assert not found.valid, (table, row, column, place)
                    assert all(problem.strip() for problem in found.problems)
                    flipped += 1
    assert flipped > 2000


LETTER = "substr(note, -6, 1)"  # of a signature
ANOTHER = f"CASE {LETTER} WHEN 'A' THEN 'B' ELSE 'A' END"


@pytest.mark.parametrize(
    ("sql", "told"),
    [
        ("UPDATE entries SET why = 'nothing' WHERE seq = 3", "entry 3 was changed"),
        ("UPDATE entries SET seq = 99 WHERE seq = 3", "entry 3 is missing"),
        ("DELETE FROM entries WHERE seq = 2", "entry 2 is missing"),
        ("DELETE FROM entries WHERE seq > 2", "the tail was cut"),
        ("DELETE FROM entries WHERE seq > 2", "a checkpoint covers 4 entries, there are 2"),
        ("INSERT INTO entries SELECT 6, at, kind, subject, actor, why, body, NULL, hash, 'h' FROM entries LIMIT 1",
         "entry 6 was changed"),
        ("UPDATE heads SET version = 1", "the champion of lending is version 1"),
        ("UPDATE tree SET roots = '00' || substr(roots, 3)", "the tree was changed"),
        ("UPDATE tree SET size = 4", "the tree covers 4 entries, but there are 5"),
        ("UPDATE tree SET roots = 'x'", "the tree was changed"),
        ("DELETE FROM tree", "the tree covers 0 entries"),
        ("INSERT INTO tiles VALUES (0, '00')", "a tile of the tree was changed"),
        (f"UPDATE checkpoints SET note = replace(note, {LETTER}, {ANOTHER}) WHERE size = 4", "of 4 entries"),
        ("UPDATE checkpoints SET note = 'x' WHERE size = 4", "the checkpoint of 4 entries cannot be read"),
        ("UPDATE checkpoints SET size = 3 WHERE size = 4", "the checkpoint of 3 entries cannot be read"),
        ("UPDATE checkpoints SET note = (SELECT note FROM checkpoints WHERE size = 1) WHERE size = 4",
         "the checkpoint of 4 entries cannot be read"),
        ("UPDATE checkpoints SET note = (SELECT note FROM checkpoints c WHERE c.size = 5 - checkpoints.size)",
         "the checkpoint of 1 entries cannot be read"),
        ("UPDATE outbox SET payload = replace(payload, '\"version\":1', '\"version\":2') WHERE id = 1",
         "effect 1 was changed: its version is 2, entry 3 says 1"),
        ("UPDATE outbox SET payload = replace(payload, 'champion', 'canary') WHERE id = 2",
         "effect 2 was changed: its alias is 'canary', entry 4 says 'champion'"),
        ("UPDATE outbox SET payload = replace(payload, '\"generation\":2', '\"generation\":9') WHERE id = 2",
         "effect 2 was changed: its generation is 9"),
        ("UPDATE outbox SET seq = 4 WHERE id = 1", "effect 1 was changed: its generation is 1, entry 4 says 2"),
        ("UPDATE outbox SET payload = '[]' WHERE id = 1", "effect 1 of entry 3 cannot be read"),
        ("UPDATE outbox SET payload = '{}' WHERE id = 1", "effect 1 was changed: its alias is None, entry 3 says"),
        ("UPDATE outbox SET payload = replace(payload, ',\"version\":1', '') WHERE id = 1",
         "effect 1 was changed: its version is None, entry 3 says 1"),
        ("INSERT INTO outbox (seq, target, payload) VALUES (2, 'mlflow-alias', '{\"version\":9}')",
         "effect 3 is owed for entry 2, a note, which owes none"),
        ("UPDATE outbox SET target = 'mlflow-guard' WHERE id = 1",
         "effect 1 was changed: it is owed to 'mlflow-guard', entry 3 owes it to 'mlflow-alias'"),
        ("INSERT INTO outbox (seq, target, payload) VALUES (2, 'mlflow-alias', '{}')",
         "effect 3 is owed for entry 2, a note, which owes none"),
        ("UPDATE outbox SET seq = 99 WHERE id = 1", "an effect is owed for entry 99, which is not there"),
        ("DELETE FROM outbox WHERE id = 1", "effects were removed or added: 2 were owed, 1 are there"),
        ("INSERT INTO outbox VALUES (1000, 2, 'mlflow-alias', '{}', 0)", "effects were removed or added: 1000"),
    ],
)  # fmt: skip
def test_what_was_done_with_sql_is_named(copy, sql, told):
    with Hands(copy) as hands:
        hands.run(sql)
    found = judged(copy, witness=False)
    assert any(told in problem for problem in found.problems), found.problems


@pytest.mark.parametrize("order", [(1, 2, 4, 3, 5), (2, 1, 3, 4, 5), (1, 2, 3, 3, 4, 5), (1, 2, 4, 5), (1, 2, 3, 5, 4)])
def test_entries_put_in_another_order_doubled_or_dropped_and_chained_anew_betray_the_signature(copy, order):
    """The chain holds again, the heads are mended; the signed root is not that of these entries."""
    with Hands(copy) as hands:
        entries = hands.entries()
        hands.run("DELETE FROM heads")
        hands.run("DELETE FROM outbox")
        hands.anew([entries[at - 1] for at in order if at < 6] if len(set(order)) == len(order) else
                   [entries[0], entries[1], *[replace(entries[2], key=None)] * 2, *entries[3:]])  # fmt: skip
    found = judged(copy, witness=False)
    assert any("not those that the checkpoint was signed over" in p or "is of workbench" in p or "cut" in p
               for p in found.problems), found.problems  # fmt: skip


def test_a_replaced_policy_text_in_a_decision_is_found(copy):
    with Hands(copy) as hands:
        hands.run("UPDATE entries SET body = replace(body, '0.8', '0.1') WHERE seq = 3")
    assert any(problem.startswith("entry 3 was changed") for problem in judged(copy).problems)
    with Hands(copy) as hands:
        entries = hands.entries()
        hands.anew(entries)
    found = judged(copy, witness=False)
    assert found.problems == (
        "entry 3 moves lending/1 under a seal that is not of this entry: it was changed, or its seal is another's",
        "entry 4 moves lending/2 under a seal that is not of this entry: it was changed, or its seal is another's",
        "the first 4 entries are not those that the checkpoint was signed over",
    )


def test_a_signature_by_another_key_is_found(copy, tmp_path):
    """The root is right, the name is right; whoever signed it is not whom the ledger names."""
    other = SigningKey.create(tmp_path / "other.key")
    with Ledger.open(f"sqlite:///{copy / 'ledger.db'}") as ledger:
        seen = ledger.newest_checkpoint()
    with Hands(copy) as hands:
        hands.run("UPDATE checkpoints SET note = ? WHERE size = 4",
                  (signed(seen.origin, seen.size, seen.root, other).note,))  # fmt: skip
    (problem,) = judged(copy, witness=False).problems
    assert problem.startswith("the signature of the checkpoint of 4 entries is not by the key ")


def test_a_replaced_key_is_found(copy, tmp_path):
    """In the entry alone it breaks the chain; with the chain made anew, the checkpoints are another ledger's."""
    other = SigningKey.create(tmp_path / "other.key")
    with Hands(copy) as hands:
        first, *rest = hands.entries()
        fake = chained(seq=1, at=first.at, kind=first.kind, subject=first.subject, actor=first.actor, why=first.why,
                       body=created_body(other, first.prev), key=None, prev=first.prev)  # fmt: skip
        hands.anew([fake, *rest])
    found = judged(copy, witness=False)
    assert any("which is not this ledger" in problem for problem in found.problems), found.problems


def test_a_key_without_its_own_signature_or_that_of_the_one_before_is_found(copy, tmp_path):
    other = SigningKey.create(tmp_path / "other.key")
    with Hands(copy) as hands:
        entries = hands.entries()
        body = {
            **created_body(other, entries[-1].hash),
            "follows": entries[0].body["key_id"],
            "origin": entries[0].body["origin"],
        }
        stolen = chained(seq=6, at=NOON, kind="key.rotated", subject=f"key/{other.key_id}", actor="x", why="",
                         body=body, key=None, prev="")  # fmt: skip
        hands.anew([*entries, stolen])
    assert any("brings a key that" in problem and "did not sign" in problem for problem in judged(copy).problems)


def test_a_ledger_made_anew_with_a_key_of_its_own_is_found_by_the_witness_alone(copy, tmp_path):
    """Nothing in the file itself is wrong: this is what checkpoints kept elsewhere are for."""
    (copy / "ledger.db").unlink()
    write(copy / "ledger.db", tmp_path / "new.key", why="nothing to see")
    assert judged(copy, witness=False).valid
    found = judged(copy)
    assert all(problem.startswith("the ledger was made anew: the witness saw") for problem in found.problems)
    assert len(found.problems) == 2


def test_a_ledger_forked_by_whoever_has_the_key_is_found_by_the_witness_alone(copy):
    with Hands(copy) as hands:
        entries = hands.entries()
        forged = [*entries[:3], replace(entries[3], why="because"), *entries[4:]]
        hands.anew(forged, SigningKey.load(copy / "ledger.key"))
    assert judged(copy, witness=False).valid
    found = judged(copy)
    assert found.problems == (
        "the ledger was forked: its first 4 entries are not those that the witness saw",
        "the checkpoint of 1 entries, which the witness saw, was removed",
    )
    assert found.witnessed == 1


def test_a_ledger_cut_by_whoever_has_the_key_is_found_by_the_witness_alone(copy):
    with Hands(copy) as hands:
        entries = hands.entries()
        hands.run("DELETE FROM heads")
        hands.run("DELETE FROM outbox")
        hands.run("DELETE FROM sqlite_sequence WHERE name = 'outbox'")
        hands.anew(entries[:2], SigningKey.load(copy / "ledger.key"))
    assert judged(copy, witness=False).valid
    assert judged(copy).problems == (
        ROLLED_BACK.format(4, 2),
        "the checkpoint of 1 entries, which the witness saw, was removed",
    )


def test_the_witness_itself_cannot_be_forged_without_the_key(copy, tmp_path):
    other = SigningKey.create(tmp_path / "other.key")
    seen = read_witness(copy / "witness.txt")[-1]
    (copy / "witness.txt").write_text(signed(seen.origin, seen.size, b"\1" * 32, other).note, "utf-8")
    assert judged(copy).problems == ("the witness's checkpoint of 4 entries is not signed by this ledger's key",)


# moves that the ledger's key did not seal


FALSE_SEAL = (
    "entry {} moves lending/{} under a seal that is not of this entry: it was changed, or its seal is another's"
)


def in_the_place_of(hands, entries, key=None):
    """These entries instead, chained anew, without checkpoints that would tell, and with heads that agree."""
    hands.run("DELETE FROM checkpoints")
    hands.anew(entries, key)
    hands.run("DELETE FROM heads")
    hands.run("DELETE FROM outbox")
    hands.run("DELETE FROM sqlite_sequence WHERE name = 'outbox'")
    for head in fold(hands.entries()).values():
        hands.run("INSERT INTO heads (model, slot, version, generation, seq) VALUES (?, ?, ?, ?, ?)",
                  (head.model, head.slot, head.version, head.generation, head.seq))  # fmt: skip


def grant(entry, version, generation, **more):
    """Another grant in the words of one that was decided."""
    body = {**entry.body, "generation": generation, **more}
    return replace(entry, subject=f"lending/{version}", body=body, key=None)


def test_a_forged_grant_with_hashes_tree_heads_and_checkpoints_made_anew_lacks_the_seal(copy):
    with Hands(copy) as hands:
        entries = hands.entries()
        body = {name: value for name, value in entries[2].body.items() if name != "seal"} | {"generation": 3}
        in_the_place_of(hands, [*entries, replace(entries[2], subject="lending/9", body=body)])
    assert judged(copy, witness=False).problems == (
        "entry 6 moves lending/9 without the seal of the ledger's key: it was not written by whoever has that key",
    )


@pytest.mark.parametrize("taken", [2, 3])
def test_a_seal_taken_from_another_grant_is_named(copy, taken):
    with Hands(copy) as hands:
        entries = hands.entries()
        in_the_place_of(hands, [*entries, grant(entries[taken], 9, 3)])
    assert judged(copy, witness=False).problems == (FALSE_SEAL.format(6, 9),)


def test_what_was_written_before_a_sealed_move_cannot_be_changed_after_it(copy):
    """The seal signs the hash of the entry before, and so all that was before: evidence, approvals, declarations."""
    with Hands(copy) as hands:
        entries = hands.entries()
        in_the_place_of(hands, [entries[0], replace(entries[1], body={"n": 9.5}), *entries[2:]])
    assert judged(copy, witness=False).problems == (FALSE_SEAL.format(3, 1), FALSE_SEAL.format(4, 2))


def test_nothing_is_put_before_the_key_from_which_on_moves_are_sealed(tmp_path):
    """An older ledger, upgraded by a rotation: what came before it is signed with it."""
    key_file = tmp_path / "ledger.key"
    key = SigningKey.create(key_file)
    told = {"key_id": key.key_id, "public": key.public, "origin": f"workbench-ledger/{key.key_id}"}
    body = {**told, "signatures": {key.key_id: key.sign(to_sign("key.created", told))}}
    with Ledger.open(f"sqlite:///{tmp_path / 'ledger.db'}") as ledger:
        ledger.append("key.created", subject=f"key/{key.key_id}", actor="admin", why="", body=body, now=NOON)
        ledger.sign_with(key_file)
        ledger.rotate_key(actor="admin", why="from now on moves are sealed", now=NOON)
    move = {"slot": "champion", "generation": 1, "decision": {"decision": "allow"}}
    forged = chained(seq=2, at=NOON, kind="promotion.granted", subject="lending/9", actor="x", why="w", body=move,
                     key=None, prev="")  # fmt: skip
    with Hands(tmp_path) as hands:
        first, rotation = hands.entries()
        in_the_place_of(hands, [first, forged, rotation])
    assert judged(tmp_path, witness=False).problems == (
        "entry 3 brings a key behind another entry than it was signed for",
    )
    with Hands(tmp_path) as hands:  # and behind the rotation it lacks the seal
        in_the_place_of(hands, [first, rotation, forged])
    assert len(judged(tmp_path, witness=False).problems) == 1


# the export, by our own reader and by the auditor's file, which knows nothing of ours


def auditor(folder, *options):
    command = [sys.executable, "-I", str(VERIFIER), "ledger.jsonl", *options]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=60)


def test_the_auditors_file_holds_without_the_workbench(copy):
    source = Path(VERIFIER).read_text("utf-8")
    assert "workbench import" not in source and "import workbench" not in source
    with Ledger.open(f"sqlite:///{copy / 'ledger.db'}") as ledger:
        (copy / "proof.json").write_text(json.dumps(ledger.prove(3).as_dict()), "utf-8")
        key = ledger.keys()[0].key_id
    done = auditor(copy, "--witness", "witness.txt", "--proof", "proof.json", "--key", key)
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("5 entries hold, the first 4 are signed; root ")


def change(lines, name):
    """One attack on an export, by name."""
    entries = [json.loads(line) for line in lines]
    last = max(number for number, line in enumerate(entries) if "checkpoint" in line)
    effects = [line["effect"] for line in entries if "effect" in line]
    if name == "a changed reason":
        entries[2]["why"] = "nothing"
    elif name == "a replaced policy":
        entries[2]["body"]["decision"]["policy"] = "package promotion\nallow := true"
    elif name == "a dropped entry":
        del entries[1]
    elif name == "two swapped":
        entries[1], entries[2] = entries[2], entries[1]
    elif name == "a doubled entry":
        entries.insert(2, entries[2])
    elif name == "a cut tail":
        del entries[2:5]
    elif name == "a replaced signature":
        note = entries[last]["checkpoint"]
        start = note.rindex(" ") + 1
        raw = bytearray(base64.b64decode(note[start:]))
        raw[20] ^= 1
        entries[last]["checkpoint"] = note[:start] + base64.b64encode(raw).decode() + "\n"
    elif name == "a replaced root":
        parts = entries[last]["checkpoint"].split("\n")
        entries[last]["checkpoint"] = "\n".join([*parts[:2], base64.b64encode(b"\1" * 32).decode(), *parts[3:]])
    elif name == "a replaced key":
        entries[0]["body"]["public"] = base64.b64encode(b"\1" * 32).decode()
    elif name == "a changed effect":
        effects[1]["payload"]["version"] = 9
    elif name == "an effect for another":
        effects[0]["target"] = "mlflow-guard"
    elif name == "an effect for nothing":
        effects[1]["seq"] = 1
    elif name == "an effect of no entry":
        effects[1]["seq"] = 99
    elif name in ("a move without its seal", "the seal of another move"):
        move = entries[3]["body"]
        move["seal"] = entries[2]["body"]["seal"]
        if name == "a move without its seal":
            del move["seal"]
        tip = entries[2]["hash"]
        for entry in entries[3:5]:
            told = {**entry, "at": datetime.fromisoformat(entry["at"]), "prev": tip}
            made = chained(**{field: value for field, value in told.items() if field != "hash"})
            entry.update(made.as_dict())
            tip = made.hash
        entries = [line for line in entries if "checkpoint" not in line]
    return [json.dumps(entry, ensure_ascii=False) for entry in entries]


ATTACKS = ["a changed reason", "a replaced policy", "a dropped entry", "two swapped", "a doubled entry", "a cut tail",
           "a replaced signature", "a replaced root", "a replaced key", "a changed effect", "an effect for nothing",
           "an effect for another",
           "an effect of no entry", "a move without its seal", "the seal of another move"]  # fmt: skip


@pytest.mark.parametrize("name", ATTACKS)
def test_a_tampered_export_is_found_by_both_readers(copy, name):
    lines = change((copy / "ledger.jsonl").read_text("utf-8").splitlines(), name)
    (copy / "ledger.jsonl").write_text("".join(f"{line}\n" for line in lines), "utf-8")
    assert not verify_export(lines).valid
    done = auditor(copy)
    assert done.returncode == 1
    assert "Traceback" not in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1, done.stderr


def read_by_both(folder, lines):
    """Whether an export is refused by both readers; what the auditor's says."""
    (folder / "ledger.jsonl").write_text("".join(f"{line}\n" for line in lines), "utf-8")
    try:
        ours = verify_export(lines).valid
    except Misuse:
        ours = False
    done = auditor(folder)
    assert "Traceback" not in done.stderr
    assert (done.returncode == 0) == ours
    return done.stderr.strip()


@pytest.mark.parametrize("kept", range(12))
def test_an_export_that_was_cut_before_its_checkpoints_is_found_by_both_readers(copy, kept):
    """Also where what is left is entries alone, each as it was; but for effects, which may be told or not."""
    lines = (copy / "ledger.jsonl").read_text("utf-8").splitlines()
    last = next(number for number, line in enumerate(lines) if line.startswith('{"checkpoint"'))
    told = read_by_both(copy, lines[: min(kept, last - 1)])
    assert told in {"there is no entry in it",
                    "the keys of the export are not those that its entries bring: it was cut, or changed"}  # fmt: skip


def test_an_export_in_which_a_name_stands_twice_is_found_by_both_readers(copy):
    """A reader that takes the first shows another reason than one that takes the last, whose hash holds."""
    lines = (copy / "ledger.jsonl").read_text("utf-8").splitlines()
    lines[2] = lines[2].replace('"why":', '"why": "the committee said so", "why":', 1)
    assert json.loads(lines[2])["why"] == "it is better"
    assert "a name stands twice" in read_by_both(copy, lines)


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"decision": {"decision": "deny"}}, "without a decision that allows it"),
        ({"generation": 3}, "to generation 3; it had to be 2"),
        ({"decision": {"decision": "allow", "input_digest": "0" * 64}, "input": {}}, "on an input that is not"),
        ({"decision": {"decision": "allow", "policy_digest": "0" * 64}, "policy_source": ""}, "on a policy that is"),
    ],
)
def test_a_move_without_grounds_is_found_by_both_readers(tmp_path, changed, said):
    """Written by somebody into a ledger that has no key yet, hashes and all."""
    tip, lines = GENESIS, []
    for seq, more in enumerate(({}, changed), start=1):
        body = {"generation": seq, "decision": {"decision": "allow"}, **more}
        made = chained(seq=seq, at=NOON, kind="promotion.granted", subject=f"lending/{seq}", actor="x", why="x",
                       body=body, key=None, prev=tip)  # fmt: skip
        tip = made.hash
        lines.append(json.dumps(made.as_dict()))
    assert read_by_both(tmp_path, lines[:1]) == ""
    told = read_by_both(tmp_path, lines)
    assert told.startswith("entry 2 moves lending/2 ")
    assert said in told


def test_the_auditors_file_says_nothing_that_a_terminal_obeys_and_names_a_file_that_is_not_there(copy):
    lines = (copy / "ledger.jsonl").read_text("utf-8").splitlines()
    at = next(number for number, line in enumerate(lines) if line.startswith('{"checkpoint"'))
    note = json.loads(lines[at])["checkpoint"]
    lines[at] = json.dumps({"checkpoint": note.replace("workbench-ledger/", "\x1b[2Jworkbench-ledger/")})
    assert "\x1b" not in read_by_both(copy, lines)
    (copy / "ledger.jsonl").unlink()
    done = auditor(copy)
    assert (done.returncode, done.stderr) == (1, "ledger.jsonl cannot be read: No such file or directory\n")


def test_an_export_from_before_it_was_told_to_whom_effects_are_owed_holds_for_both_readers(copy):
    lines = [json.loads(line) for line in (copy / "ledger.jsonl").read_text("utf-8").splitlines()]
    for line in lines:
        line.get("effect", {}).pop("target", None)
    text = [json.dumps(line, ensure_ascii=False) for line in lines]
    (copy / "ledger.jsonl").write_text("".join(f"{line}\n" for line in text), "utf-8")
    assert verify_export(text).valid
    assert auditor(copy).returncode == 0


def test_an_export_from_before_effects_were_told_holds_for_both_readers(copy):
    lines = (copy / "ledger.jsonl").read_text("utf-8").splitlines()
    kept = [line for line in lines if not line.startswith('{"effect"')]
    assert len(kept) == len(lines) - 2
    (copy / "ledger.jsonl").write_text("".join(f"{line}\n" for line in kept), "utf-8")
    assert verify_export(kept).valid
    assert auditor(copy).returncode == 0


def test_an_export_of_another_ledger_is_found_by_the_auditors_witness_and_key(copy, tmp_path):
    (copy / "ledger.db").unlink()
    write(copy / "ledger.db", tmp_path / "new.key")
    with Ledger.open(f"sqlite:///{copy / 'ledger.db'}") as ledger:
        (copy / "ledger.jsonl").write_text("".join(f"{line}\n" for line in ledger.export()), "utf-8")
    assert auditor(copy).returncode == 0
    done = auditor(copy, "--witness", "witness.txt")
    assert done.returncode == 1 and "another ledger or one made anew" in done.stderr
    done = auditor(copy, "--key", "0" * 32)
    assert done.returncode == 1 and "first key of this ledger is not" in done.stderr


@pytest.mark.parametrize("changed", [{"leaf": "00" * 32}, {"seq": 2}, {"index": 1}, {"size": 5}, {"root": "00" * 32},
                                     {"path": []}, {"checkpoint": None}])  # fmt: skip
def test_a_forged_proof_is_refused_by_the_auditors_file(copy, changed):
    with Ledger.open(f"sqlite:///{copy / 'ledger.db'}") as ledger:
        (copy / "proof.json").write_text(json.dumps({**ledger.prove(3).as_dict(), **changed}), "utf-8")
    done = auditor(copy, "--proof", "proof.json")
    assert done.returncode == 1 and "Traceback" not in done.stderr, done.stderr


def test_a_file_that_is_no_ledger_is_refused_in_words(tmp_path):
    (tmp_path / "x").write_text("hello\n")
    with pytest.raises(Misuse, match="line 1 is none of an export"):
        verify_file(tmp_path / "x")
    with pytest.raises(EngineError, match="cannot be read"):
        verify_file(tmp_path / "none")
    (tmp_path / "b").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(EngineError, match="cannot be read"):
        verify_file(tmp_path / "b")


def test_a_group_that_spans_tiles_is_followed_to_every_checkpoint(tmp_path):
    with Ledger.open(f"sqlite:///{tmp_path / 'l.db'}") as ledger:
        ledger.sign_with(tmp_path / "k")
        for size in (100, 300, 512, 700):
            ledger.append_all([Draft("note", "x", "a", "w", {}, NOON) for _ in range(size // 2)])
            ledger.checkpoint(now=NOON)
        found = ledger.verify(witness=ledger.checkpoints())
    assert (found.valid, found.signed, found.witnessed) == (True, found.entries, found.entries)


def test_a_database_that_is_no_ledger_is_named_as_it_was_given(tmp_path):
    with sqlite3.connect(tmp_path / "other.db") as client:
        client.execute("CREATE TABLE t (a)")
    client.close()
    with pytest.raises(EngineError, match="a database, but no ledger") as refused:
        verify_file(tmp_path / "other.db")
    assert refused.value.message.startswith(str(tmp_path / "other.db"))
    assert refused.value.hint.startswith("give a copy of ledger.db")
