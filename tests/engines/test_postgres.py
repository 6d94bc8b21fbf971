"""The ledger on PostgreSQL keeps its rules against any client, survives a lost server, and shows no password."""

import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime

import pytest

from workbench.engines.postgres import PostgresDatabase, open_postgres, place_of
from workbench.errors import EngineError, Misuse
from workbench.ledger import Ledger
from workbench.ledger.schema import VERSION

NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)
SAID = {"subject": "lending", "actor": "analyst", "why": "w", "body": {}, "now": NOON}


# where it lies: no server needed


def test_a_url_names_user_host_and_database():
    place = place_of("postgresql://risk%40bank:p%3Aw@db.example:6000/models?sslmode=verify-full", {})
    assert (place.user, place.password, place.host, place.port) == ("risk@bank", "p:w", "db.example", 6000)
    assert (place.database, place.sslmode) == ("models", "verify-full")
    assert place_of("postgresql://u@h/d", {}).port == 5432


def test_no_password_is_printed():
    place = place_of("postgresql://u:secret@h/d", {})
    assert "secret" not in place.name + repr(place) + str(place)


@pytest.mark.parametrize(
    "url",
    [
        "postgresql://u:secret@h",
        "postgresql://u:secret@/d",
        "postgresql://:secret@h/d",
        "postgresql://u:secret@h:port/d",
        "postgresql://u:secret@h/d?sslmode=maybe",
        "postgresql://u:secret@h/d?options=-c",
        "postgresql://u:secret@h/d?sslmode=verify-full&sslrootcert=/nowhere.pem",
        "postgresql://u:secret@[h/d",
    ],
)
def test_a_url_that_is_not_whole_is_refused_without_its_password(url):
    with pytest.raises(Misuse) as refused:
        place_of(url, {})
    assert "secret" not in refused.value.told()


def test_the_password_comes_from_the_url_the_environment_or_the_file_in_that_order(tmp_path):
    file = tmp_path / "pgpass"
    file.write_text("# mine\nother:*:*:*:no\nh:5432:d:u\\:x:with\\:colon\\\\\n*:*:d:u:filed\n")
    file.chmod(0o600)
    environ = {"PGPASSFILE": str(file)}
    assert place_of("postgresql://u:given@h/d", {**environ, "PGPASSWORD": "env"}).password == "given"
    assert place_of("postgresql://u@h/d", {**environ, "PGPASSWORD": "env"}).password == "env"
    assert place_of("postgresql://u@h/d", environ).password == "filed"
    assert place_of("postgresql://u%3Ax@h/d", environ).password == "with:colon\\"
    assert place_of("postgresql://u@h/elsewhere", environ).password is None
    assert place_of("postgresql://h/d", {"PGUSER": "someone"}).user == "someone"


def test_a_password_file_that_others_can_read_is_refused(tmp_path):
    file = tmp_path / ".pgpass"
    file.write_text("*:*:*:*:secret\n")
    file.chmod(0o644)
    with pytest.raises(EngineError, match="others can read") as refused:
        place_of("postgresql://u@h/d", {"HOME": str(tmp_path)})
    assert refused.value.hint == f"chmod 600 {file}"


def test_a_server_that_is_not_there_is_an_error_in_words():
    with pytest.raises(EngineError, match=r"postgresql://u@127.0.0.1:1/d cannot be opened") as refused:
        open_postgres("postgresql://u:secret@127.0.0.1:1/d", {})
    assert "is the server running" in refused.value.hint
    assert "secret" not in refused.value.told()


# on a real server


@pytest.fixture
def url(postgres):
    import pg8000.native

    with pg8000.native.Connection(**postgres) as client:
        client.run("SET client_min_messages = warning")
        client.run("DROP SCHEMA IF EXISTS workbench_ledger CASCADE")
    return "postgresql://{user}@{host}:{port}/{database}".format(**postgres)


@pytest.fixture
def ledger(url):
    with Ledger.open(url, {"postgresql": lambda url: open_postgres(url, {})}) as opened:
        yield opened


@pytest.fixture
def client(postgres):
    import pg8000.native

    with pg8000.native.Connection(**postgres) as opened:
        yield opened


def move(ledger, version, expected=0, slot="champion", kind="promotion.granted"):
    with ledger.transaction() as writer:
        body = {"slot": slot, "generation": expected + 1, "decision": {"decision": "allow"}}
        entry = writer.append(kind, **{**SAID, "subject": f"lending/{version}", "body": body})
        return writer.move_head("lending", slot, version, expected_generation=expected, entry=entry)


@pytest.mark.slow
def test_the_database_itself_refuses_what_breaks_the_rules(ledger, client):
    """From any client, whatever its search path."""
    import pg8000.exceptions

    ledger.append("note", key="k", **SAID)
    move(ledger, 1)
    w = "workbench_ledger"
    for statement in [
        f"UPDATE {w}.entries SET why = 'x'",
        f"DELETE FROM {w}.entries",
        f"TRUNCATE {w}.entries CASCADE",
        f"TRUNCATE {w}.heads",
        f"INSERT INTO {w}.entries SELECT 9, at, kind, subject, actor, why, body, NULL, hash, 'h' FROM {w}.entries",
        f"INSERT INTO {w}.entries SELECT 3, at, kind, subject, actor, why, body, NULL, 'n', 'h' FROM {w}.entries",
        f"INSERT INTO {w}.heads VALUES ('pricing', 'champion', 9, 1, 2)",
        f"INSERT INTO {w}.heads VALUES ('lending', 'canary', 1, 1, 2)",
        f"UPDATE {w}.heads SET version = 9",
        f"UPDATE {w}.heads SET version = 9, generation = generation + 1",
        f"UPDATE {w}.heads SET version = NULL, generation = generation + 1, seq = seq + 1",
        f"DELETE FROM {w}.heads",
        f"UPDATE {w}.tree SET size = 1",
        f"DELETE FROM {w}.tree",
        f"INSERT INTO {w}.tree VALUES (1, 2, '')",
        f"INSERT INTO {w}.tiles VALUES (3, '')",
        f"INSERT INTO {w}.checkpoints VALUES (7, '')",
    ]:
        with pytest.raises(pg8000.exceptions.DatabaseError):
            client.run(statement)
    assert ledger.verify().problems == ()


@pytest.mark.slow
def test_what_an_owner_does_with_the_rules_put_aside_is_named(ledger, client):
    for n in range(3):
        ledger.append("note", **{**SAID, "body": {"n": n}})
    move(ledger, 1)
    w = "workbench_ledger"
    client.run(f"ALTER TABLE {w}.entries DISABLE TRIGGER entries_are_not_updated")
    client.run(f"UPDATE {w}.entries SET why = 'x' WHERE seq = 2")
    client.run(f"DROP TRIGGER heads_are_not_deleted ON {w}.heads")
    client.run(f"CREATE OR REPLACE FUNCTION {w}.heads_move_by_one() RETURNS trigger LANGUAGE plpgsql AS "
               "'BEGIN RETURN NEW; END'")  # fmt: skip
    client.run(f"UPDATE {w}.heads SET version = 7, generation = 2")
    client.run(f"DROP INDEX {w}.entries_by_kind")
    lead = "the champion of lending is version 7 (generation 2, entry 4), but the entries lead to version 1"
    assert set(ledger.verify().problems) == {
        "the index entries_by_kind is missing",
        "the trigger entries_are_not_updated was changed",
        "the trigger heads_are_not_deleted is missing",
        "the trigger heads_move_by_one was changed",
        "entry 2 was changed: its content does not have its hash",
        f"{lead} (generation 1, entry 4)",
    }


@pytest.mark.slow
def test_a_cut_tail_is_named(ledger, client):
    for _ in range(3):
        ledger.append("note", **SAID)
    client.run("ALTER TABLE workbench_ledger.entries DISABLE TRIGGER entries_are_not_deleted")
    client.run("DELETE FROM workbench_ledger.entries WHERE seq = 3")
    client.run("ALTER TABLE workbench_ledger.entries ENABLE TRIGGER entries_are_not_deleted")
    assert ledger.verify().problems[0].startswith("the tail was cut: entry 2 is the last, but number 3")
    with pytest.raises(EngineError, match="somebody wrote behind its back"):
        ledger.append("note", **SAID)


def end_connection(client):
    """What a restart of the server, or an administrator, does to a connection."""
    client.run("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'workbench ledger'")


@pytest.mark.slow
def test_a_connection_that_was_lost_between_transactions_is_made_anew(ledger, client):
    ledger.append("note", **SAID)
    end_connection(client)
    with pytest.raises(EngineError, match="cannot be"):
        ledger.append("note", **SAID)
    assert ledger.append("note", **SAID).seq == 2
    assert ledger.verify().valid


@pytest.mark.slow
def test_a_connection_that_is_lost_within_a_transaction_leaves_nothing_of_it(ledger, client):
    """Nothing goes on half written on a new connection, even where the writer swallows the error."""

    def lose():
        with ledger.transaction() as writer:
            writer.append("note", **SAID)
            end_connection(client)
            for _ in range(2):
                with pytest.raises(Exception, match=r"."):
                    writer.append("note", **SAID)

    with pytest.raises(EngineError, match="cannot be written"):
        lose()
    assert ledger.entries() == []
    assert ledger.append("note", **SAID).seq == 1
    assert ledger.verify().valid


@pytest.mark.slow
def test_a_statement_that_failed_cannot_be_followed_by_a_commit(ledger):
    """PostgreSQL answers COMMIT of a failed transaction with a quiet rollback."""
    database = ledger._database

    def fail():
        with ledger.transaction() as writer:
            writer.append("note", **SAID)
            with pytest.raises(Exception, match="does not exist"):
                database.execute("SELECT nothing FROM nowhere")

    with pytest.raises(EngineError, match="an earlier statement"):
        fail()
    assert ledger.entries() == []


@pytest.mark.slow
def test_a_writer_waits_for_the_one_before_it_and_a_reader_does_not(ledger, url):
    other = Ledger(PostgresDatabase(place_of(url, {})))
    done = threading.Event()

    def write():
        other.append("note", **SAID)
        done.set()

    thread = threading.Thread(target=write)
    with other:
        with ledger.transaction() as writer:
            writer.append("note", **SAID)
            thread.start()
            with Ledger(PostgresDatabase(place_of(url, {}))) as reader:
                assert reader.entries() == []
                assert reader.verify().valid
            assert not done.wait(0.2)
            writer.append("note", **SAID)
        thread.join()
    assert [entry.seq for entry in ledger.entries()] == [1, 2, 3]


@pytest.mark.slow
def test_many_who_open_a_new_ledger_at_once_make_one(url):
    opened, errors = [], []

    def open_it():
        try:
            opened.append(Ledger(PostgresDatabase(place_of(url, {}))))
        except EngineError as error:
            errors.append(error)

    threads = [threading.Thread(target=open_it) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not errors
    for ledger in opened:
        ledger.append("note", **SAID)
        assert ledger.verify().valid
        ledger.close()


@pytest.mark.slow
def test_a_ledger_of_a_newer_workbench_is_refused(ledger, client, url):
    client.run("INSERT INTO workbench_ledger.migrations VALUES (99, 'now', 'later')")
    with pytest.raises(EngineError, match=f"has schema 99; this workbench knows up to {VERSION}"):
        open_postgres(url, {})


def back_to(schema):
    """The statements that make a ledger of today one of an older schema."""
    w = "workbench_ledger"
    yield f"DROP TRIGGER moves_are_sealed ON {w}.entries"
    yield f"DROP FUNCTION {w}.moves_are_sealed"
    if schema == 2:
        yield f"DROP INDEX {w}.entries_by_subject_and_kind"
        yield f"CREATE INDEX entries_by_subject ON {w}.entries (subject, seq)"
    yield f"UPDATE {w}.migrations SET version = {schema}"


@pytest.mark.slow
@pytest.mark.parametrize("schema", [2, 3])
def test_a_ledger_of_an_older_schema_is_carried_over(ledger, client, url, schema):
    """Its entries stay as they were; many who open it at once carry it over once."""
    move(ledger, 1)
    before = ledger.entries()
    ledger.close()
    for statement in back_to(schema):
        client.run(statement)
    with ThreadPoolExecutor(4) as pool:
        databases = list(pool.map(lambda _: open_postgres(url, {}), range(4)))
    with Ledger(databases[0]) as opened:
        assert opened.verify().problems == ()
        assert opened.entries() == before
        assert [row[0] for row in databases[0].execute("SELECT version FROM migrations ORDER BY version")] == [
            *range(schema, VERSION + 1)
        ]
        move(opened, 2, expected=1)
        assert opened.verify().valid
    for database in databases[1:]:
        database.close()


@pytest.mark.slow
def test_who_does_not_own_an_older_ledger_is_told_who_has_to_open_it(ledger, client, url):
    """The workbench connects as a user that may read and write, and cannot put the rules aside."""
    ledger.close()
    w = "workbench_ledger"
    for statement in (
        *back_to(2),
        "DROP ROLE IF EXISTS workbench",
        "CREATE ROLE workbench LOGIN",
        f"GRANT USAGE ON SCHEMA {w} TO workbench",
        f"GRANT SELECT, INSERT, UPDATE ON ALL TABLES IN SCHEMA {w} TO workbench",
    ):
        client.run(statement)
    place = url.rpartition("@")[2]
    with pytest.raises(EngineError, match=f"has schema 2 and has to become {VERSION}: must be owner") as refused:
        open_postgres(f"postgresql://workbench@{place}", {})
    assert refused.value.hint.startswith(f"open it once as the owner of the schema {w}")
    open_postgres(url, {}).close()
    with Ledger(open_postgres(f"postgresql://workbench@{place}", {})) as opened:
        assert opened.append("note", **SAID).seq == 1
        assert opened.verify().problems == ()


@pytest.mark.slow
def test_a_database_that_is_not_there_says_how_to_make_it(postgres):
    with pytest.raises(EngineError, match="does not exist") as refused:
        open_postgres("postgresql://{user}@{host}:{port}/nowhere".format(**postgres), {})
    assert refused.value.hint == "make the database: createdb nowhere"
