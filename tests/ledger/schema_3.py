"""A ledger's file of schema 3, made by the statements of its day."""

STATEMENTS = (
    """
    CREATE TABLE entries (
        seq INTEGER PRIMARY KEY AUTOINCREMENT,
        at TEXT NOT NULL, kind TEXT NOT NULL, subject TEXT NOT NULL, actor TEXT NOT NULL, why TEXT NOT NULL,
        body TEXT NOT NULL, key TEXT UNIQUE, prev TEXT NOT NULL, hash TEXT NOT NULL UNIQUE
    )
    """,
    "CREATE INDEX entries_by_subject_and_kind ON entries (subject, kind, seq)",
    "CREATE INDEX entries_by_kind ON entries (kind, seq)",
    """
    CREATE TABLE heads (
        model TEXT NOT NULL, slot TEXT NOT NULL, version INTEGER,
        generation INTEGER NOT NULL, seq INTEGER NOT NULL,
        weight REAL CHECK (weight > 0 AND weight <= 1), PRIMARY KEY (model, slot)
    )
    """,
    """
    CREATE TABLE outbox (
        id INTEGER PRIMARY KEY AUTOINCREMENT, seq INTEGER NOT NULL REFERENCES entries (seq),
        target TEXT NOT NULL, payload TEXT NOT NULL, done INTEGER NOT NULL DEFAULT 0
    )
    """,
    "CREATE INDEX outbox_still_owed ON outbox (id) WHERE done = 0",
    "CREATE TABLE tree (id INTEGER PRIMARY KEY CHECK (id = 1), size INTEGER NOT NULL, roots TEXT NOT NULL)",
    "CREATE TABLE tiles (number INTEGER PRIMARY KEY, root TEXT NOT NULL)",
    "CREATE TABLE checkpoints (size INTEGER PRIMARY KEY, note TEXT NOT NULL)",
    "CREATE TABLE migrations (version INTEGER PRIMARY KEY, at TEXT NOT NULL, title TEXT NOT NULL)",
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
      OR NOT EXISTS (SELECT 1 FROM entries WHERE seq = NEW.seq AND
      (NEW.version IS NULL AND NEW.generation > 1 AND kind = 'stage.cleared' OR NEW.version IS NOT NULL
      AND subject = NEW.model || '/' || NEW.version
      AND (NEW.slot = 'champion' AND kind IN ('promotion.granted', 'rollback.granted')
      OR NEW.slot <> 'champion' AND kind = 'stage.granted'))
    )
    BEGIN SELECT RAISE(ABORT, 'a head begins once, with a granted move'); END
    """,
    """
    CREATE TRIGGER heads_move_by_one BEFORE UPDATE ON heads
    WHEN NEW.generation IS NOT OLD.generation + 1
      OR NEW.model IS NOT OLD.model OR NEW.slot IS NOT OLD.slot OR NEW.seq <= OLD.seq
      OR NOT EXISTS (SELECT 1 FROM entries WHERE seq = NEW.seq AND
      (NEW.version IS NULL AND NEW.generation > 1 AND kind = 'stage.cleared' OR NEW.version IS NOT NULL
      AND subject = NEW.model || '/' || NEW.version
      AND (NEW.slot = 'champion' AND kind IN ('promotion.granted', 'rollback.granted')
      OR NEW.slot <> 'champion' AND kind = 'stage.granted'))
    )
    BEGIN SELECT RAISE(ABORT, 'a head moves by one generation, with a granted move'); END
    """,
    """
    CREATE TRIGGER heads_are_not_deleted BEFORE DELETE ON heads
    BEGIN SELECT RAISE(ABORT, 'heads of the ledger are never deleted'); END
    """,
    """
    CREATE TRIGGER tree_begins_once BEFORE INSERT ON tree WHEN EXISTS (SELECT 1 FROM tree)
    BEGIN SELECT RAISE(ABORT, 'the tree of the ledger begins once'); END
    """,
    """
    CREATE TRIGGER tree_covers_the_entries BEFORE UPDATE ON tree
    WHEN NEW.id IS NOT OLD.id OR NEW.size <= OLD.size
      OR NEW.size IS NOT (SELECT coalesce(max(seq), 0) FROM entries)
    BEGIN SELECT RAISE(ABORT, 'the tree of the ledger covers its entries'); END
    """,
    """
    CREATE TRIGGER tree_is_not_deleted BEFORE DELETE ON tree
    BEGIN SELECT RAISE(ABORT, 'the tree of the ledger is never deleted'); END
    """,
    """
    CREATE TRIGGER tiles_follow_one_another BEFORE INSERT ON tiles
    WHEN NEW.number IS NOT (SELECT coalesce(max(number) + 1, 0) FROM tiles)
    BEGIN SELECT RAISE(ABORT, 'a tile of the ledger follows the one before it'); END
    """,
    """
    CREATE TRIGGER tiles_are_not_updated BEFORE UPDATE ON tiles
    BEGIN SELECT RAISE(ABORT, 'tiles of the ledger are never updated'); END
    """,
    """
    CREATE TRIGGER tiles_are_not_deleted BEFORE DELETE ON tiles
    BEGIN SELECT RAISE(ABORT, 'tiles of the ledger are never deleted'); END
    """,
    """
    CREATE TRIGGER checkpoints_cover_the_entries BEFORE INSERT ON checkpoints
    WHEN NEW.size IS NOT (SELECT coalesce(max(seq), 0) FROM entries)
      OR EXISTS (SELECT 1 FROM checkpoints WHERE size = NEW.size)
    BEGIN SELECT RAISE(ABORT, 'a checkpoint of the ledger covers its entries'); END
    """,
    """
    CREATE TRIGGER checkpoints_are_not_updated BEFORE UPDATE ON checkpoints
    BEGIN SELECT RAISE(ABORT, 'checkpoints of the ledger are never updated'); END
    """,
    """
    CREATE TRIGGER checkpoints_are_not_deleted BEFORE DELETE ON checkpoints
    BEGIN SELECT RAISE(ABORT, 'checkpoints of the ledger are never deleted'); END
    """,
)
