"""The ledger's speed: durable appends, the whole verified, one entry proved; beside pymerkle and a plain loop.

pymerkle (RFC 6962, with its SQLite store) is installed into an environment of its own for this run; where it
cannot be, it is left out. The plain loop verifies as one would write it first: each row read into an entry,
its fields spelled as JSON, hashed. Rates are by the clock, since several processes verify and appends wait for
the disk; of proofs by the processor's time.
"""

import json
import statistics
import subprocess
import sys
import time
from datetime import UTC, datetime

import pytest

from workbench.ledger import GENESIS, Draft, Ledger
from workbench.ledger.beside import entries
from workbench.ledger.chain import Chain
from workbench.ledger.entry import chained, content
from workbench.ledger.merkle import leaf_hash, tree_hash
from workbench.ledger.rows import COLUMNS, from_row

pytestmark = [pytest.mark.benchmark, pytest.mark.slow]

NOW = datetime(2026, 1, 1, tzinfo=UTC)
ENTRIES, ROUNDS = 100_000, 5
PEER = """
import json, sys, time, statistics
from pymerkle import SqliteTree, verify_inclusion
folder, count = sys.argv[1], int(sys.argv[2])
tree, rates = SqliteTree(f"{folder}/peer.db", algorithm="sha256"), []
for begin in range(0, count, count // 5):
    start = time.perf_counter()
    for n in range(begin, begin + count // 5):
        tree.append_entry(b"x" * 330 + str(n).encode())
    rates.append(count / 5 / (time.perf_counter() - start))
start = time.process_time()
for n in range(1, 201):
    proof = tree.prove_inclusion(n, count)
    verify_inclusion(tree.get_leaf(n), tree.get_state(count), proof)
print(json.dumps({"append": statistics.median(rates), "prove": 200 / (time.process_time() - start)}))
"""


def draft(n):
    body = {"digest": f"{n:064x}", "n": n, "share": 0.25}
    return Draft("evidence.recorded", f"lending/{n % 50}", "analyst", "a first look", body, NOW)


def rate(count, run, clock=time.process_time, rounds=ROUNDS):
    rates = []
    for _ in range(rounds):
        start = clock()
        run()
        rates.append(count / (clock() - start))
    return statistics.median(rates)


@pytest.fixture(scope="module")
def peer(tmp_path_factory):
    """What pymerkle measures of itself, or None."""
    folder = tmp_path_factory.mktemp("peer")
    made = subprocess.run([sys.executable, "-m", "venv", folder / "venv"], capture_output=True)
    python = folder / "venv" / "bin" / "python"
    command = [python, "-m", "pip", "install", "-q", "--disable-pip-version-check", "pymerkle==7.0.0"]
    if made.returncode or subprocess.run(command, capture_output=True, timeout=300).returncode:
        return None
    done = subprocess.run([python, "-c", PEER, folder, "1000"], capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def plainly(ledger):
    """The verification as one would write it first."""
    tip, leaves = GENESIS, []
    for row in ledger._rows(f"SELECT {COLUMNS} FROM entries ORDER BY seq"):
        entry = from_row(row)
        again = chained(seq=entry.seq, at=entry.at, kind=entry.kind, subject=entry.subject, actor=entry.actor,
                        why=entry.why, body=entry.body, key=entry.key, prev=tip)  # fmt: skip
        assert again.hash == entry.hash
        leaves.append(leaf_hash(content(again)))
        tip = entry.hash
    return tree_hash(leaves)


def test_the_ledger_is_verified_written_and_proved_fast(tmp_path, peer, capsys):
    with Ledger.open(f"sqlite:///{tmp_path / 'ledger.db'}") as ledger:
        ledger.sign_with(tmp_path / "ledger.key")
        wall = time.perf_counter
        numbers = iter(range(10**9))
        one = rate(200, lambda: [ledger.append_all([draft(next(numbers))]) for _ in range(200)], wall)
        groups = rate(6400, lambda: [ledger.append_all(draft(next(numbers)) for _ in range(64)) for _ in range(100)],
                      wall)  # fmt: skip
        while next(numbers) < ENTRIES:
            ledger.append_all(draft(next(numbers)) for _ in range(999))
        ledger.checkpoint(now=NOW)
        count = ledger.newest_checkpoint().size

        def follow(others=None):
            chain = Chain()
            chain.others = others
            with ledger._moment():
                chain.run(entries(ledger._database))
            assert chain.root() == ledger.newest_checkpoint().root

        chain = rate(count, follow, wall)
        alone = rate(count, lambda: follow(others=0), wall, rounds=3)
        plain = rate(count, lambda: plainly(ledger), wall, rounds=2)
        whole = rate(count, lambda: ledger.verify(), wall, rounds=3)
        assert ledger.verify().valid
        proofs = rate(20, lambda: [ledger.prove(n * 97 + 1).holds() for n in range(20)])
    lines = [
        ("durable appends, one a commit", one, peer and peer["append"]),
        ("durable appends, 64 a commit", groups, peer and peer["append"]),
        ("chain, tree and body of each entry", chain, plain),
        ("the same by one process", alone, plain),
        ("verify: that, and SQLite's own check of every page and index", whole, plain),
        (f"an entry proved and checked among {count}", proofs, None),
    ]
    with capsys.disabled():
        print(f"\n{count} entries of about 330 bytes; by the clock, proofs by processor time")
        for name, ours, theirs in lines:
            beside = f"{theirs:>10,.0f}/s  {ours / theirs:6.1f} x" if theirs else ""
            print(f"  {name:<62}{ours:>10,.0f}/s {beside}")
    assert chain > 2.5 * plain
    assert groups > one
    if peer:
        assert groups > 3 * peer["append"]
