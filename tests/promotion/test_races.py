"""Many who move one model at once: no move is lost, none rests on a champion that was gone."""

import importlib.util
import itertools
import subprocess
import sys
from pathlib import Path

import pytest

from workbench.engines.postgres import open_postgres

SCRIPT = Path(__file__).with_name("racing.py")
spec = importlib.util.spec_from_file_location("racing", SCRIPT)
racing = importlib.util.module_from_spec(spec)
spec.loader.exec_module(racing)

PROCESSES, ATTEMPTS = 8, 25  # the benchmark makes 10,000 attempts


@pytest.mark.slow
@pytest.mark.parametrize("database", ["sqlite", "postgres"], indirect=True)
def test_processes_that_promote_at_once_lose_no_move(tmp_path, database):
    (tmp_path / "promotion.rego").write_text("package promotion\n")
    url = [database] if database.startswith("postgresql") else []
    place = racing.crashing.Place(tmp_path, database=open_postgres(database, {}) if url else None)
    place.register(1, 2, 3)
    command = [sys.executable, str(SCRIPT), str(tmp_path)]
    running = [
        subprocess.Popen(
            [*command, str(seed), str(ATTEMPTS), *url],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        for seed in range(PROCESSES)
    ]
    for child in running:
        child.stdin.close()
        child.stdin = None
    told = [child.communicate() for child in running]
    assert [child.returncode for child in running] == [0] * PROCESSES, told

    granted = place.ledger.entries(kind="promotion.granted")
    assert len(granted) == sum(int(out) for out, _ in told)
    assert [entry.body["generation"] for entry in granted] == list(range(1, len(granted) + 1))
    for before, after in itertools.pairwise(granted):
        assert after.body["from"] == before.body["to"]
        assert after.body["input"]["champion"]["version"] == before.body["to"]
    head = place.ledger.head("lending")
    assert (head.version, head.seq) == (granted[-1].body["to"], granted[-1].seq)
    assert place.ledger.verify().problems == ()

    place.act("reconcile")
    assert place.registry.alias("lending", "champion") == (head.version, head.generation)
    assert place.ledger.owed() == []
    place.close()
