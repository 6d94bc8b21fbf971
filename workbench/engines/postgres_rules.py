"""The ledger's tables and rules in PostgreSQL's words: twins of `workbench.ledger.schema`.

All lie in a schema of their own, `workbench_ledger`. The triggers hold for every client: entries are
neither updated, deleted nor truncated, each follows the one before it, and a head moves by one
generation, with a granted move.
"""

from __future__ import annotations

from dataclasses import dataclass

from workbench.ledger.entry import GENESIS
from workbench.ledger.grounds import GRANTS
from workbench.ledger.heads import CLEARED, PROMOTIONS, SLOT, STAGED
from workbench.ledger.keys import KEY_KINDS
from workbench.ledger.schema import SEALED, SEALING, UNSEALED, VERSION, spelled

SCHEMA = "workbench_ledger"

_TEXT = 'text COLLATE "C" NOT NULL'  # compared by its bytes, as the hashes are
TABLES = {
    "entries": f"seq bigint PRIMARY KEY, at {_TEXT}, kind {_TEXT}, subject {_TEXT}, actor {_TEXT}, why {_TEXT}, "
    f'body {_TEXT}, key text COLLATE "C" UNIQUE, prev {_TEXT}, hash {_TEXT} UNIQUE',
    "heads": f"model {_TEXT}, slot {_TEXT}, version bigint, generation bigint NOT NULL, seq bigint NOT NULL, "
    "weight double precision CHECK (weight > 0 AND weight <= 1), PRIMARY KEY (model, slot)",
    "outbox": "id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, "
    f"seq bigint NOT NULL REFERENCES {SCHEMA}.entries (seq), "
    f"target {_TEXT}, payload {_TEXT}, done integer NOT NULL DEFAULT 0",
    "tree": f"id integer PRIMARY KEY CHECK (id = 1), size bigint NOT NULL, roots {_TEXT}",
    "tiles": f"number bigint PRIMARY KEY, root {_TEXT}",
    "checkpoints": f"size bigint PRIMARY KEY, note {_TEXT}",
    "migrations": f"version integer PRIMARY KEY, at {_TEXT}, title {_TEXT}",
}
INDEXES = {
    "entries_by_subject_and_kind": "entries (subject, kind, seq)",
    "entries_by_kind": "entries (kind, seq)",
    "outbox_still_owed": "outbox (id) WHERE done = 0",
}

_PROMOTIONS, _GRANTS, _KEYS = (", ".join(f"'{kind}'" for kind in kinds) for kinds in (PROMOTIONS, GRANTS, KEY_KINDS))
_LAST = f"SELECT coalesce(max(seq), 0) FROM {SCHEMA}.entries"  # noqa: S608
_GRANTED = f"""EXISTS (SELECT 1 FROM {SCHEMA}.entries e WHERE e.seq = NEW.seq
    AND (NEW.version IS NULL AND NEW.generation > 1 AND e.kind = '{CLEARED}' OR NEW.version IS NOT NULL
      AND e.subject = NEW.model || '/' || NEW.version
      AND (NEW.slot = '{SLOT}' AND e.kind IN ({_PROMOTIONS}) OR NEW.slot <> '{SLOT}' AND e.kind = '{STAGED}')))"""  # noqa: S608

ROW, BEFORE, INSERT, DELETE, UPDATE, TRUNCATE = 1, 2, 4, 8, 16, 32  # bits of pg_trigger.tgtype
_WORDS = {INSERT: "INSERT", UPDATE: "UPDATE", DELETE: "DELETE"}


@dataclass(frozen=True)
class Rule:
    """A trigger with its function, which has its name."""

    name: str
    table: str
    event: int  # INSERT, UPDATE or DELETE
    broken: str  # when it refuses, an SQL condition
    told: str  # what it says then

    @property
    def body(self) -> str:
        """The function's text."""
        return (
            f" BEGIN IF {spelled(self.broken)} THEN RAISE EXCEPTION '{self.told}' "
            "USING ERRCODE = 'integrity_constraint_violation'; END IF; RETURN NEW; END "
        )

    @property
    def statements(self) -> tuple[str, ...]:
        """The statements that make it."""
        each = f"FOR EACH ROW EXECUTE FUNCTION {SCHEMA}.{self.name}()"
        return (
            f"CREATE FUNCTION {SCHEMA}.{self.name}() RETURNS trigger LANGUAGE plpgsql AS $rule${self.body}$rule$",
            f"CREATE TRIGGER {self.name} BEFORE {_WORDS[self.event]} ON {SCHEMA}.{self.table} {each}",
        )

    @property
    def told_kept(self) -> str:
        """What `found` tells of it where it stands as it was made."""
        return f"CREATE TRIGGER {self.name} ON {self.table} {ROW | BEFORE | self.event} O{self.body}"


def _never(table: str, event: int, done: str, told: str) -> Rule:
    return Rule(f"{table}_are_not_{done}" if table != "tree" else f"tree_is_not_{done}", table, event, "true", told)


RULES = (
    _never("entries", UPDATE, "updated", "entries of the ledger are never updated"),
    _never("entries", DELETE, "deleted", "entries of the ledger are never deleted"),
    Rule(
        "entries_follow_one_another",
        "entries",
        INSERT,
        f"""NEW.seq IS DISTINCT FROM ({_LAST}) + 1 OR NEW.prev IS DISTINCT FROM
        coalesce((SELECT hash FROM {SCHEMA}.entries ORDER BY seq DESC LIMIT 1), '{GENESIS}')""",  # noqa: S608
        "an entry of the ledger follows the one before it",
    ),
    Rule(
        "moves_are_sealed",
        "entries",
        INSERT,
        f"""NEW.kind IN ({_GRANTS}) AND strpos(NEW.body, '{SEALED}') = 0
        AND EXISTS (SELECT 1 FROM {SCHEMA}.entries WHERE kind IN ({_KEYS}) AND strpos(body, '{SEALING}') > 0)""",  # noqa: S608
        UNSEALED,
    ),
    Rule(
        "heads_begin_once",
        "heads",
        INSERT,
        f"NEW.generation IS DISTINCT FROM 1 OR NOT {_GRANTED}",
        "a head begins once, with a granted move",
    ),
    Rule(
        "heads_move_by_one",
        "heads",
        UPDATE,
        f"""NEW.generation IS DISTINCT FROM OLD.generation + 1 OR NEW.model IS DISTINCT FROM OLD.model
        OR NEW.slot IS DISTINCT FROM OLD.slot OR NEW.seq <= OLD.seq OR NOT {_GRANTED}""",
        "a head moves by one generation, with a granted move",
    ),
    _never("heads", DELETE, "deleted", "heads of the ledger are never deleted"),
    Rule(
        "tree_begins_once",
        "tree",
        INSERT,
        f"EXISTS (SELECT 1 FROM {SCHEMA}.tree)",  # noqa: S608
        "the tree of the ledger begins once",
    ),
    Rule(
        "tree_covers_the_entries",
        "tree",
        UPDATE,
        f"NEW.id IS DISTINCT FROM OLD.id OR NEW.size <= OLD.size OR NEW.size IS DISTINCT FROM ({_LAST})",
        "the tree of the ledger covers its entries",
    ),
    _never("tree", DELETE, "deleted", "the tree of the ledger is never deleted"),
    Rule(
        "tiles_follow_one_another",
        "tiles",
        INSERT,
        f"NEW.number IS DISTINCT FROM (SELECT coalesce(max(number) + 1, 0) FROM {SCHEMA}.tiles)",  # noqa: S608
        "a tile of the ledger follows the one before it",
    ),
    _never("tiles", UPDATE, "updated", "tiles of the ledger are never updated"),
    _never("tiles", DELETE, "deleted", "tiles of the ledger are never deleted"),
    Rule(
        "checkpoints_cover_the_entries",
        "checkpoints",
        INSERT,
        f"NEW.size IS DISTINCT FROM ({_LAST})",
        "a checkpoint of the ledger covers its entries",
    ),
    _never("checkpoints", UPDATE, "updated", "checkpoints of the ledger are never updated"),
    _never("checkpoints", DELETE, "deleted", "checkpoints of the ledger are never deleted"),
)

# a row trigger does not see TRUNCATE
_NO_TRUNCATE = " BEGIN RAISE EXCEPTION 'the ledger is never truncated'; END "
_KEPT_WHOLE = ("entries", "heads", "tree", "tiles", "checkpoints")

STATEMENTS = (
    f"CREATE SCHEMA {SCHEMA}",
    *(f"CREATE TABLE {SCHEMA}.{name} ({columns})" for name, columns in TABLES.items()),
    *(f"CREATE INDEX {name} ON {SCHEMA}.{where}" for name, where in INDEXES.items()),
    f"INSERT INTO {SCHEMA}.tree VALUES (1, 0, '')",  # noqa: S608
    *(statement for rule in RULES for statement in rule.statements),
    f"CREATE FUNCTION {SCHEMA}.never_truncated() RETURNS trigger LANGUAGE plpgsql AS $rule${_NO_TRUNCATE}$rule$",
    *(
        f"CREATE TRIGGER {table}_are_not_truncated BEFORE TRUNCATE ON {SCHEMA}.{table} "
        f"EXECUTE FUNCTION {SCHEMA}.never_truncated()"
        for table in _KEPT_WHOLE
    ),
    f"INSERT INTO {SCHEMA}.migrations VALUES ({VERSION}, CURRENT_TIMESTAMP::text, 'the ledger was made')",  # noqa: S608
)

# from the schema of this number to the next; the first that PostgreSQL ever had is 2
CARRY_OVER = {
    2: (
        f"DROP INDEX IF EXISTS {SCHEMA}.entries_by_subject",
        f"CREATE INDEX entries_by_subject_and_kind ON {SCHEMA}.entries (subject, kind, seq)",
    ),
    3: next(rule.statements for rule in RULES if rule.name == "moves_are_sealed"),
}

FOUND = f"""
    SELECT c.relname::text, CASE c.relkind WHEN 'r' THEN 'CREATE TABLE ' ELSE 'CREATE INDEX ' END || c.relname
    FROM pg_class c WHERE c.relnamespace = '{SCHEMA}'::regnamespace AND (c.relkind = 'r' OR c.relkind = 'i'
      AND NOT EXISTS (SELECT 1 FROM pg_constraint k WHERE k.conindid = c.oid))
    UNION ALL
    SELECT t.tgname::text,
      'CREATE TRIGGER ' || t.tgname || ' ON ' || c.relname || ' ' || t.tgtype::text || ' ' || t.tgenabled::text
        || p.prosrc
    FROM pg_trigger t JOIN pg_class c ON c.oid = t.tgrelid JOIN pg_proc p ON p.oid = t.tgfoid
    WHERE c.relnamespace = '{SCHEMA}'::regnamespace AND NOT t.tgisinternal
"""  # noqa: S608


def wanted() -> dict[str, str]:
    """What `FOUND` finds where nobody touched the rules."""
    truncating = {
        f"{table}_are_not_truncated": f"CREATE TRIGGER {table}_are_not_truncated ON {table} "
        f"{BEFORE | TRUNCATE} O{_NO_TRUNCATE}"
        for table in _KEPT_WHOLE
    }
    return {
        **{name: f"CREATE TABLE {name}" for name in TABLES},
        **{name: f"CREATE INDEX {name}" for name in INDEXES},
        **{rule.name: rule.told_kept for rule in RULES},
        **truncating,
    }
