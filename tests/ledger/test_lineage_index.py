"""The index of lineage answers as all entries do, whatever befalls its file, and reads what a question touches."""

import multiprocessing
import os
import shutil
import sqlite3
import tempfile
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from workbench.ledger import Draft, Ledger
from workbench.ledger.lineage import lineage
from workbench.ledger.lineage_index import FILE, LineageIndex

MEMORY = "/dev/shm" if Path("/dev/shm").is_dir() else None  # many ledgers, none of which has to last
NOW = datetime(2026, 1, 1, tzinfo=UTC)
few = st.sampled_from
short = few(["a", "b", "abcdef1", "abcdef2", "abcdefg", "'; --", "a:b", "\U0010ffff", "\u00e9"])
data = st.lists(
    st.fixed_dictionaries({"digest": short, "name": short}, optional={"rows": st.integers(0, 9)}), max_size=2
)
view = st.fixed_dictionaries({"project": few("pq"), "view": few("vw"), "digest": few("xy")})
source = st.fixed_dictionaries(
    {"digest": short, "path": short}, optional={"dvc": st.just({"md5": "a" * 32}), "feast": st.lists(view, max_size=2)}
)
run = st.tuples(
    st.just("run.finished"), short.map("run/{}".format),
    st.fixed_dictionaries({}, optional={
        "name": short, "notebook_digest": short, "environment": few("e"), "data": data, "parameters": st.just({"s": 1}),
        "sources": st.lists(source, max_size=2)}),
)  # fmt: skip
subject = st.tuples(few(["m", "m/x", "n"]), st.integers(1, 3)).map(lambda pair: f"{pair[0]}/{pair[1]}")
version = st.tuples(
    st.just("version.registered"), subject,
    st.fixed_dictionaries({"run_id": short}, optional={
        "data_digest": short, "feature_set": few("fg"), "feature_set_digest": few("xy"), "threshold": st.just(0.5)}),
)  # fmt: skip
evidence = st.tuples(
    st.just("evidence.recorded"), subject,
    st.fixed_dictionaries({"kind": few("kl")}, optional={"digest": short, "run_id": short, "data_digest": short}),
)  # fmt: skip
held = few(["prediction/p", "prediction/q"])
approval = st.tuples(
    few(["approval.requested", "approval.given"]), subject | held,
    st.fixed_dictionaries({}, optional={"question": st.just({"particulars": {"model": "m", "version": 1}})}),
)  # fmt: skip
seqs = st.lists(st.integers(1, 12) | st.builds(lambda n: {"seq": n}, st.integers(1, 12)), max_size=3)
decision = st.tuples(
    few(["promotion.granted", "stage.denied", "rollback.granted"]), subject,
    st.fixed_dictionaries({"decision": st.just({"decision": "allow"})}, optional={
        "evidence": st.lists(short, max_size=2), "approvals": seqs, "generation": st.integers(1, 2)}),
)  # fmt: skip
answered = st.tuples(
    st.just("answer.decided"), held,
    st.fixed_dictionaries({"told": st.just("given"), "by": few("xy"), "score": st.just(0.5), "answer": st.booleans(),
                           "approvals": st.lists(st.integers(1, 12), max_size=2)}),
)  # fmt: skip
odd = st.tuples(
    few(["run.finished", "version.registered", "answer.decided", "approval.given", "promotion.granted", "note"]),
    subject,
    few([{}, {"data": "text"}, {"data": [{"name": "x"}]}, {"run_id": ["l"]}, {"decision": {}, "evidence": 7},
         {"question": "?"}]),
)  # fmt: skip
stories = st.lists(st.one_of(run, version, evidence, approval, decision, answered, odd), max_size=14)
KINDS = ("data", "feature set", "notebook", "environment", "run", "version", "evidence", "decision", "prediction")
NAMES = ["a", "b", "abcdef", "abcdef1", "m/1", "p", "", "'; --", "f", "p.v"]


def drafts(story):
    return [Draft(kind, subject, "analyst", "because", body, NOW) for kind, subject, body in story]


def opened(folder):
    return Ledger.open(f"sqlite:///{folder}/ledger.db")


def agree(ledger, index):
    """The index answers as all entries do: every node, both ways and each, and every name."""
    whole = lineage(ledger.entries())
    for node in [*whole.nodes, "run:nowhere"]:
        for ways in ({"up": [node]}, {"down": [node]}, {"up": [node], "down": [node]}):
            assert index.around(**ways).as_json() == whole.around(**ways).as_json()
    two = [*whole.nodes][::3]
    assert index.around(up=two, down=two[:1]).as_json() == whole.around(up=two, down=two[:1]).as_json()
    assert index.nodes([*whole.nodes]) == [*whole.nodes.values()]
    for words in [*NAMES, "bc", "BCDEF", "abc", "'; --", "\u00c9", "\U0010ffff", "oan", "1"]:
        for kinds in (KINDS, ["data", "run"]):
            for most in (1, 99):
                found = whole.suggested(words, kinds, most)
                assert index.suggested(words, kinds, most) == [node.id for node in found]
    for kind in KINDS:
        for name in NAMES:
            assert index.named(kind, name) == [node.id for node in whole.named(kind, name)]
        assert index.some(kind, 2) == [node.id for node in whole.nodes.values() if node.kind == kind][:2]


@settings(deadline=None, max_examples=25)
@given(stories, stories)
def test_the_index_answers_as_all_entries_do_also_after_more_of_them(first, then):
    with tempfile.TemporaryDirectory(dir=MEMORY) as folder, opened(folder) as ledger:
        index = LineageIndex(Path(folder) / FILE, ledger)
        ledger.append_all(drafts(first))
        agree(ledger, index)
        ledger.append_all(drafts(then))
        agree(ledger, LineageIndex(Path(folder) / FILE, ledger))


# whatever befalls the file


STORY = [
    ("version.registered", "m/1", {"run_id": "r1", "data_digest": "d1", "feature_set": "f"}),
    ("run.finished", "run/r1", {"name": "train", "data": [{"digest": "d1", "name": "loans"}], "environment": "e"}),
    ("evidence.recorded", "m/1", {"kind": "fairness", "digest": "a", "run_id": "r2", "data_digest": "d1"}),
    ("promotion.granted", "m/1", {"decision": {"decision": "allow"}, "evidence": ["a"], "generation": 1}),
    ("version.registered", "m/2", {"run_id": "r3", "data_digest": "d2", "feature_set": "f"}),
]


@pytest.fixture
def told(tmp_path):
    """A ledger with its index, up to date."""
    with opened(tmp_path) as ledger:
        ledger.append_all(drafts(STORY))
        index = LineageIndex(tmp_path / FILE, ledger)
        index.some("run", 1)
        yield ledger, index


def sql(text):
    def do(path):
        with sqlite3.connect(path) as database:
            database.executescript(text)
        database.close()

    return do


DAMAGE = {
    "gone": lambda path: path.unlink(),
    "empty": lambda path: path.write_bytes(b""),
    "garbage": lambda path: path.write_bytes(b"no database" * 1000),
    "random bytes": lambda path: path.write_bytes(bytes(range(256)) * 64),
    "cut": lambda path: path.write_bytes(path.read_bytes()[:5000]),
    "cut at a page": lambda path: path.write_bytes(path.read_bytes()[:8192]),
    "no folder of ours": lambda path: (path.unlink(), path.mkdir()),
    "another schema": sql("PRAGMA user_version = 99"),
    "a table is missing": sql("DROP TABLE edges"),
    "no place": sql("DELETE FROM place"),
    "ahead of the ledger": sql("UPDATE place SET seq = 999; DELETE FROM edges"),
    "of another ledger": sql("UPDATE place SET hash = 'other'; DELETE FROM marks"),
    "it names what is not there": sql("INSERT INTO marks SELECT number, 4711 FROM nodes"),
    "traits that are no JSON": sql("UPDATE nodes SET traits = '{'"),
}


@pytest.mark.parametrize("damage", DAMAGE.values(), ids=DAMAGE)
def test_a_damaged_index_is_made_anew_and_answers_as_before(told, damage):
    ledger, index = told
    damage(index.projection.path)
    agree(ledger, index)


def test_a_ledger_that_was_put_back_from_a_copy_takes_the_index_with_it(told, tmp_path):
    """Also where it has gone another way since, and is longer than the one that the index knew."""
    ledger, index = told
    copy = tmp_path / "copy"
    copy.mkdir()
    ledger.append("note", subject="m", actor="analyst", why="", body={}, now=NOW)
    sqlite3.connect(copy / "ledger.db").close()
    with sqlite3.connect(tmp_path / "ledger.db") as there, sqlite3.connect(copy / "ledger.db") as here:
        there.backup(here)
    there.close(), here.close()
    ledger.append_all(drafts([("run.finished", "run/r9", {"name": "lost"})]))
    agree(ledger, index)
    assert index.named("run", "r9")
    shutil.copy(index.projection.path, copy / FILE)
    with opened(copy) as older:
        again = LineageIndex(copy / FILE, older)
        assert not again.named("run", "r9")
        agree(older, again)
        shutil.copy(index.projection.path, copy / FILE)
        older.append_all(drafts([("run.finished", f"run/s{n}", {"name": "other"}) for n in range(3)]))
        assert not again.named("run", "r9")
        agree(older, again)


def test_an_index_that_cannot_be_made_costs_time_and_no_answer(told, tmp_path):
    ledger, _ = told
    (tmp_path / "file").write_text("in the way")
    agree(ledger, LineageIndex(tmp_path / "file" / FILE, ledger))


def test_the_index_reads_only_the_entries_that_a_question_touches(told):
    ledger, index = told
    ledger.append_all(
        drafts([("run.finished", f"run/x{n}", {"name": "train", "notebook_digest": "n"}) for n in range(99)])
    )
    index.some("run", 1)
    read = []

    def numbered(seqs):
        read.extend(seqs)
        return Ledger.numbered(ledger, seqs)

    ledger.numbered = numbered
    index.around(up=["version:m/1"])
    assert sorted(read) == [1, 2]
    read.clear()
    index.around(up=["run:x7"])  # the notebook of all the others is upstream, and none of them is read
    assert len(read) <= 2


@pytest.mark.parametrize(
    "line", ["CREATE TABLE", "INSERT OR IGNORE INTO marks", "INSERT OR IGNORE INTO edges", "UPDATE place", "COMMIT"]
)
def test_killed_between_the_commit_of_the_ledger_and_that_of_the_index_nothing_is_wrong(tmp_path, line, killed_at):
    with opened(tmp_path) as ledger:
        ledger.append_all(drafts(STORY))

    def asked():
        with opened(tmp_path) as ledger:
            LineageIndex(tmp_path / FILE, ledger).some("run", 1)

    killed_at(FILE, line, asked)
    with opened(tmp_path) as ledger:
        agree(ledger, LineageIndex(tmp_path / FILE, ledger))


def asks(folder, go, answers):
    with opened(folder) as ledger:
        index = LineageIndex(Path(folder) / FILE, ledger)
        go.wait()
        for n in range(6):
            subject = f"run/{os.getpid()}-{n}"
            ledger.append("run.finished", subject=subject, actor="a", why="", body={"name": "both"}, now=NOW)
            if n == 3:
                index.projection.rebuild()
            found = index.around(up=["version:m/1"]).as_json(), index.named("run", subject.removeprefix("run/"))
            answers.put((found[0], len(found[1])))


@pytest.mark.slow
def test_processes_that_bring_it_up_to_date_at_once_get_the_same_answer(tmp_path):
    with opened(tmp_path) as ledger:
        ledger.append_all(drafts(STORY))
        context = multiprocessing.get_context("spawn")
        go, answers = context.Event(), context.Queue()
        racers = [context.Process(target=asks, args=(tmp_path, go, answers)) for _ in range(3)]
        for racer in racers:
            racer.start()
        go.set()
        got = [answers.get(timeout=120) for _ in range(18)]
        for racer in racers:
            racer.join(120)
            assert racer.exitcode == 0
        wanted = lineage(ledger.entries()).around(up=["version:m/1"]).as_json()
        assert got == [(wanted, 1)] * 18
        agree(ledger, LineageIndex(tmp_path / FILE, ledger))
