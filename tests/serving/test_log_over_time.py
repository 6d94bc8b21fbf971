"""Old predictions move to Parquet and go by age, every reader sees both as one, and older files are migrated."""

import sqlite3
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from workbench.errors import Misuse
from workbench.serving import Label, LogPolicy, Prediction, PredictionLog, per_model
from workbench.serving.log_rows import rows_of
from workbench.serving.prediction import Block
from workbench.serving.typed import Reader

START = datetime(2026, 1, 1, 9, 0, tzinfo=UTC)
ONE = Prediction(
    id="p1", at=START, model="lending", version=1, generation=1, request="r1", input_digest="d",
    features={"income": 4.5}, score=0.9, answer=True, latency_us=700, status=200, variant="champion",
    propensity=1.0, client="a1",
)  # fmt: skip
VERSION_1 = """
    CREATE TABLE predictions (
        id TEXT PRIMARY KEY, at TEXT NOT NULL, model TEXT NOT NULL, version INTEGER, generation INTEGER,
        request TEXT NOT NULL, input_digest TEXT, features TEXT, score REAL, answer INTEGER,
        latency_us INTEGER NOT NULL, status INTEGER NOT NULL, error TEXT
    ) WITHOUT ROWID;
    CREATE INDEX predictions_by_time ON predictions (model, at);
    CREATE INDEX predictions_by_request ON predictions (request);
    INSERT INTO predictions VALUES ('p1', '2026-01-01T09:00:00.000000+00:00', 'lending', 1, 1, 'r1', 'd',
        '{"income":4.5}', 0.9, 1, 700, 200, NULL);
    PRAGMA user_version = 1;
"""


def many(count, *, each=1):
    return [
        replace(ONE, id=f"p{n:05}", request=f"r{n // each:05}", at=START + timedelta(minutes=n), score=n / 1000)
        for n in range(count)
    ]


def seen(log):
    return (
        log.rows("lending"), log.rows("lending", limit=7), log.counts("lending"), log.count("lending"),
        log.served_features("lending", limit=50).to_dict(), log.labelled("lending"), log.find("p00003"),
    )  # fmt: skip


@given(count=st.integers(1, 60), most=st.integers(2, 40), each=st.integers(1, 5))
@settings(max_examples=8, deadline=None)
def test_a_rotation_changes_nothing_that_a_reader_sees(tmp_path_factory, count, most, each):
    url = f"sqlite:///{tmp_path_factory.mktemp('log') / 'predictions.db'}"
    with PredictionLog.open(url) as log:
        log.write(many(count, each=each))
        log.label([Label("p00002", 1.0, START, "collections")])
        before = seen(log)
        done = log.rotate(now=START, most=most)
        assert seen(log) == before
        assert (done.moved > 0) == (count > most)
        assert done.rows <= max(most, each)


def test_what_is_past_its_time_goes_with_its_files_and_labels(log, tmp_path):
    log.write(many(40))
    log.label([Label("p00001", 1.0, START, "collections")])
    log.rotate(now=START, most=10)
    folder = tmp_path / "predictions.parts"
    (folder / "left-over.parquet").write_bytes(b"of a death")
    assert log.rotate(now=START + timedelta(days=90), dry_run=True, days=1).deleted == 1
    assert log.rotate(now=START + timedelta(days=90), days=1).deleted == 1
    assert (log.rows(), log.labelled("lending"), list(folder.iterdir())) == ([], [], [])


def test_a_window_that_closed_takes_a_models_rows_out_of_every_file_and_leaves_the_others(log, tmp_path):
    rows = [replace(row, model="pricing" if n % 4 == 0 else row.model) for n, row in enumerate(many(40))]
    log.write(rows)
    log.label([Label(row.id, 1.0, START, "collections") for row in rows[:12]])
    log.rotate(now=START, most=20)
    end = rows[30].at
    wanted = [row.id for row in rows if row.model != "lending" or row.at >= end]
    told = log.prune("lending", end, dry_run=True)
    assert (told, len(log.rows())) == (len(rows) - len(wanted), len(rows))
    assert log.prune("lending", end, dry_run=False) == told
    assert sorted(row.id for row in log.rows()) == sorted(wanted)
    assert log.answers("pricing", rows[0].version) == 10
    assert [row.id for row in log.labelled("pricing")] == [row.id for row in rows[:12] if row.model == "pricing"]
    assert len(list((tmp_path / "predictions.parts").iterdir())) == 1
    assert log.prune("lending", end, dry_run=False) == 0


def test_a_death_between_file_and_commit_leaves_every_row_once(log, tmp_path, monkeypatch):
    from workbench.serving import log_parts

    log.write(many(40))
    write = log_parts._write

    def dies(path, rows):
        write(path, rows)
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(log_parts, "_write", dies)
        with pytest.raises(KeyboardInterrupt):
            log.rotate(now=START, most=10)
    assert log.counts() == (40, 40, 0)
    log.rotate(now=START, most=10)
    assert log.counts() == (40, 40, 0)
    assert len(list((tmp_path / "predictions.parts").iterdir())) == 1


def test_a_log_of_the_first_version_is_migrated_with_all_that_it_holds(tmp_path):
    old = sqlite3.connect(tmp_path / "old.db")
    old.executescript(VERSION_1)
    old.close()
    with PredictionLog.open(f"sqlite:///{tmp_path / 'old.db'}") as log:
        assert log.rows() == [replace(ONE, variant=None, propensity=None, client=None)]
        log.write([replace(ONE, id="p2")])
    with PredictionLog.open(f"sqlite:///{tmp_path / 'old.db'}") as log:
        assert [row.id for row in log.rows()] == ["p1", "p2"]


def test_a_log_and_files_from_before_units_are_read_beside_newer_ones(tmp_path):
    import pyarrow.parquet

    url = f"sqlite:///{tmp_path / 'predictions.db'}"
    with PredictionLog.open(url) as log:
        log.write(many(40))
        log.rotate(now=START, most=10, days=90)
    for path in (tmp_path / "predictions.parts").iterdir():
        whole = pyarrow.parquet.read_table(path)
        pyarrow.parquet.write_table(whole.drop_columns(["unit"]), path)
    old = sqlite3.connect(tmp_path / "predictions.db")
    old.executescript("ALTER TABLE predictions DROP COLUMN unit; PRAGMA user_version = 2;")
    old.close()
    with PredictionLog.open(url) as log:
        assert log.rows() == many(40), "files alone that lack a column are read too"
        newer = [replace(row, id=f"n{row.id}", unit="customer-7", at=row.at + timedelta(days=1)) for row in many(40)]
        log.write(newer)
        log.rotate(now=START, most=10, days=90)
        assert log.rows() == [*many(40), *newer]


def test_a_unit_is_kept_where_features_are_and_else_known_again_by_its_hash_alone():
    rows = [
        rows_of(block(unit="customer-7"), LogPolicy({"": way}, key=key))[0][-1]
        for way, key in (("kept", b""), ("hashed", b"k"), ("dropped", b"k"), ("dropped", b"other"))
    ]
    assert rows[0] == "customer-7"
    assert rows[1] == rows[2] == LogPolicy({"": "hashed"}, key=b"k").unit("lending", "customer-7")
    assert rows[3] not in rows[:3]
    assert "customer" not in "".join(rows[1:])


def test_of_two_labels_the_later_stands_and_labels_without_prediction_are_not_joined(log):
    log.write([ONE])
    log.label([Label("p1", 1.0, START + timedelta(days=2), "court"), Label("p9", 1.0, START, "x")])
    log.label([Label("p1", 0.0, START + timedelta(days=1), "collections")])
    (joined,) = log.labelled("lending")
    assert (joined.label, joined.score, joined.version) == (1.0, 0.9, 1)
    assert log.known(["p1", "p9"], "lending") == {"p1"}
    assert log.known(["p1"], "churn") == set()


def block(**more):
    records = Reader({"income": (float, False), "purpose": (str, False)}).read(
        b'{"rows": [{"income": 4.5, "purpose": "house"}]}'
    )
    return Block(
        ids=["p1"], at=START, model="lending", version=1, generation=1, request="r1", records=records,
        scores=[0.9], threshold=0.5, latency_us=7, **more,
    )  # fmt: skip


def test_features_are_kept_hashed_or_dropped_as_the_policy_says():
    def told(way):
        (row,) = rows_of(block(), LogPolicy(per_model(f"kept, lending={way}"), key=b"secret"))
        return row[6], row[7]

    kept, hashed, dropped = map(told, ("kept", "hashed", "dropped"))
    assert kept[1] == '{"income":4.5,"purpose":"house"}'
    assert "house" not in hashed[1] and '"purpose":"' in hashed[1]
    assert dropped[1] is None
    assert hashed[0] == dropped[0] != kept[0]
    other = rows_of(block(), LogPolicy(per_model("hashed"), key=b"another"))[0]
    assert other[7] != hashed[1]


def test_a_sample_takes_its_share_and_a_request_always_or_never():
    policy = LogPolicy(share=per_model("1, lending=0.1"))
    taken = [policy.takes("lending", f"r{n}") for n in range(5000)]
    assert 400 < sum(taken) < 600
    assert taken == [policy.takes("lending", f"r{n}") for n in range(5000)]
    assert all(policy.takes("churn", f"r{n}") for n in range(100))


@pytest.mark.parametrize("setting", [{"features": {"": "burnt"}}, {"share": {"": "2"}}, {"share": {"": "much"}}])
def test_a_policy_that_means_nothing_is_refused(setting):
    with pytest.raises(Misuse):
        LogPolicy(**setting)


def test_an_error_with_half_a_character_is_still_logged(log):
    log.append([block(errors=["\ud800 is strange"], status=200)])
    assert log.rows()[0].error == "? is strange"


def test_ids_are_found_wherever_they_lie_in_one_look(tmp_path):
    with PredictionLog.open(f"sqlite:///{tmp_path / 'predictions.db'}") as log:
        log.write(many(40))
        log.rotate(now=START + timedelta(days=1), most=20)
        ids = [f"p{number:05}" for number in range(45)]
        assert log.models_of(ids) == {row.id: row.model for row in log.rows() if row.score is not None}
