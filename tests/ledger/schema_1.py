"""A ledger's file of schema 1, made by the statements of its day."""

STATEMENTS = (
    """
    CREATE TABLE entries (
        seq INTEGER PRIMARY KEY AUTOINCREMENT,
        at TEXT NOT NULL, kind TEXT NOT NULL, subject TEXT NOT NULL, actor TEXT NOT NULL, why TEXT NOT NULL,
        body TEXT NOT NULL, key TEXT UNIQUE, prev TEXT NOT NULL, hash TEXT NOT NULL UNIQUE
    )
    """,
    """CREATE INDEX entries_by_subject ON entries (subject, seq)
    """,
    """CREATE INDEX entries_by_kind ON entries (kind, seq)
    """,
    """
    CREATE TABLE heads (
        model TEXT NOT NULL, slot TEXT NOT NULL, version INTEGER NOT NULL,
        generation INTEGER NOT NULL, seq INTEGER NOT NULL, PRIMARY KEY (model, slot)
    )
    """,
    """
    CREATE TABLE outbox (
        id INTEGER PRIMARY KEY AUTOINCREMENT, seq INTEGER NOT NULL REFERENCES entries (seq),
        target TEXT NOT NULL, payload TEXT NOT NULL, done INTEGER NOT NULL DEFAULT 0
    )
    """,
    """CREATE INDEX outbox_still_owed ON outbox (id) WHERE NOT done
    """,
    """
    CREATE TRIGGER entries_are_not_updated BEFORE UPDATE ON entries
    BEGIN SELECT RAISE(ABORT, 'entries of the ledger are never updated'); END
    """,
    """
    CREATE TRIGGER entries_are_not_deleted BEFORE DELETE ON entries
    BEGIN SELECT RAISE(ABORT, 'entries of the ledger are never deleted'); END
    """,
    f"""
    CREATE TRIGGER entries_follow_one_another BEFORE INSERT ON entries
    WHEN NEW.seq IS NOT (SELECT coalesce(max(seq), 0) + 1 FROM entries)
      OR NEW.prev IS NOT coalesce((SELECT hash FROM entries ORDER BY seq DESC LIMIT 1), '{"0" * 64}')
      OR EXISTS (SELECT 1 FROM entries WHERE key = NEW.key OR hash = NEW.hash)
    BEGIN SELECT RAISE(ABORT, 'an entry of the ledger follows the one before it'); END
    """,
    """
    CREATE TRIGGER heads_begin_once BEFORE INSERT ON heads
    WHEN NEW.generation IS NOT 1
      OR EXISTS (SELECT 1 FROM heads WHERE model = NEW.model AND slot = NEW.slot)
      OR NOT EXISTS (SELECT 1 FROM entries WHERE seq = NEW.seq AND kind IN ('promotion.granted', 'rollback.granted'))
    BEGIN SELECT RAISE(ABORT, 'a head begins once, with a granted move'); END
    """,
    """
    CREATE TRIGGER heads_move_by_one BEFORE UPDATE ON heads
    WHEN NEW.generation IS NOT OLD.generation + 1
      OR NEW.model IS NOT OLD.model OR NEW.slot IS NOT OLD.slot OR NEW.seq <= OLD.seq
      OR NOT EXISTS (SELECT 1 FROM entries WHERE seq = NEW.seq AND kind IN ('promotion.granted', 'rollback.granted'))
    BEGIN SELECT RAISE(ABORT, 'a head moves by one generation, with a granted move'); END
    """,
    """
    CREATE TRIGGER heads_are_not_deleted BEFORE DELETE ON heads
    BEGIN SELECT RAISE(ABORT, 'heads of the ledger are never deleted'); END
    """,
)
