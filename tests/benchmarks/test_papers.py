"""What the signature costs at load, and what a certificate, its check and a lineage cost, side by side."""

import runpy
import statistics
import time
from pathlib import Path
from types import SimpleNamespace

import pytest

from workbench.batch.model_signatures import check_model, sign_model, signature_of
from workbench.bench import open_bench
from workbench.data.digests import digest_folder
from workbench.evidence.checking import check
from workbench.ledger import ModelVersion
from workbench.ledger.entry import GENESIS, chained
from workbench.ledger.lineage import lineage

pytestmark = [pytest.mark.slow, pytest.mark.benchmark]
TOLD = SimpleNamespace(**runpy.run_path(str(Path(__file__).parents[1] / "evidence" / "told.py")))


def median(call, times=21):
    """Milliseconds, the median of some calls."""
    taken = []
    for _ in range(times):
        begun = time.perf_counter()
        call()
        taken.append(time.perf_counter() - begun)
    return 1000 * statistics.median(taken)


def test_the_signature_costs_a_small_part_of_the_digest_that_is_taken_anyway(tmp_path):
    root = TOLD.tell(tmp_path / "w")
    with open_bench(root) as bench:
        folder = TOLD.folder_of(root)
        (folder / "model" / "model.skops").write_bytes(b"w" * 3_000_000)  # as large as the demo's boosting
        known = ModelVersion(**{**bench.version("lending", 1).__dict__, "model_digest": digest_folder(folder)})
        sign_model(folder, "lending", known.run_id, known.model_digest, bench.signing_key)
        keys = bench.keys_for(known)
        digest, signature = (
            median(lambda: digest_folder(folder)),
            median(lambda: check_model(signature_of(folder), known, keys)),
        )
    print(f"\ndigest of 3 MB {digest:.2f} ms; signature over it {signature:.2f} ms; {signature / digest:.1%} more")
    assert signature < digest / 3


def test_a_certificate_is_made_and_checked_at_once(tmp_path):
    with open_bench(TOLD.tell(tmp_path / "w")) as bench:
        made = bench.papers.certificate("lending", 1)
        making, checking = median(lambda: bench.papers.certificate("lending", 1)), median(lambda: check(made))
        card = median(lambda: bench.papers.card("lending", 1).as_html())
    print(f"\ncertificate {making:.1f} ms, its check {checking:.1f} ms, a card {card:.1f} ms")
    assert checking < making


def test_lineage_of_a_twenty_thousand_entries():
    def entry(number):
        run = {"name": "train", "notebook_digest": "n", "data": [{"name": "d", "digest": f"d{number % 99}", "rows": 1}]}
        version = {"run_id": f"r{number - 1}", "data_digest": f"d{number % 99}", "feature_set": "f@1"}
        kind, subject, body = (
            ("run.finished", f"run/r{number}", run) if number % 2 else ("version.registered", f"m/{number}", version)
        )
        return chained(
            seq=number, at=TIME, kind=kind, subject=subject, actor="a", why="", body=body, key=None, prev=GENESIS
        )

    from datetime import UTC, datetime

    TIME = datetime(2026, 1, 1, tzinfo=UTC)
    entries = [entry(number) for number in range(1, 20_001)]
    folding = median(lambda: lineage(entries), times=3)
    found = lineage(entries)
    part = median(lambda: found.part("version:m/10000"), times=21)
    print(f"\n20,000 entries folded in {folding:,.0f} ms; one version's part of it in {part:.2f} ms")
    assert part < folding / 10
