"""What the signature costs at load, and what a certificate, its check and a lineage cost, side by side."""

import runpy
import statistics
import time
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace

import pytest

from workbench.batch.model_signatures import check_model, sign_model, signature_of
from workbench.bench import open_bench
from workbench.data.digests import digest_folder
from workbench.evidence.checking import check
from workbench.ledger import Draft, Ledger, ModelVersion
from workbench.ledger.lineage import lineage
from workbench.ledger.lineage_index import FILE, LineageIndex

pytestmark = [pytest.mark.slow, pytest.mark.benchmark]
TOLD = SimpleNamespace(**runpy.run_path(str(Path(__file__).parents[1] / "evidence" / "told.py")))


def cpu(call, times=9):
    """Milliseconds of CPU, the median of some calls: others may use the machine."""
    taken = []
    for _ in range(times):
        begun = time.process_time()
        call()
        taken.append(time.process_time() - begun)
    return 1000 * statistics.median(taken)


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


def test_a_certificate_from_a_long_ledger_reads_what_it_rests_on_and_not_the_ledger(tmp_path):
    """By CPU: the certificate of one version among 100,000 entries of others, and what its signature alone takes."""
    at = datetime(2026, 1, 1, tzinfo=UTC)
    with open_bench(TOLD.tell(tmp_path / "w")) as bench:
        short = cpu(lambda: bench.papers.certificate("lending", 1))
        for start in range(0, 100_000, 10_000):
            bench.ledger.append_all(Draft("note", f"m/{start + n}", "analyst", "", {}, at) for n in range(10_000))
        long, card = cpu(lambda: bench.papers.certificate("lending", 1)), cpu(lambda: bench.papers.card("lending", 1))
    print(f"\ncertificate {short:.1f} ms from 7 entries, {long:.1f} ms from 100,007; a card {card:.1f} ms")
    assert long < short + 300


def test_a_question_of_lineage_reads_what_it_touches_and_not_the_ledger(tmp_path):
    """By CPU: all 20,000 entries folded, the index made, and then three questions asked of it."""
    at = datetime(2026, 1, 1, tzinfo=UTC)

    def drafts(n):
        data = [{"name": f"loans {n % 99}", "digest": f"d{n % 99}", "rows": 1}]
        run = {"name": "train", "notebook_digest": "n", "data": data}
        version = {"run_id": f"r{n}", "data_digest": f"d{n % 99}", "feature_set": "f@1"}
        yield Draft("version.registered", f"m/{n}", "analyst", "", version, at)
        yield Draft("run.finished", f"run/r{n}", "analyst", "", run, at)

    with Ledger.open(f"sqlite:///{tmp_path}/ledger.db") as ledger:
        ledger.append_all(draft for n in range(10_000) for draft in drafts(n))
        index = LineageIndex(tmp_path / FILE, ledger)
        whole = cpu(lambda: lineage(ledger.entries()), times=1)
        making = cpu(index.projection.rebuild, times=1)
        asked = {
            "a version": cpu(lambda: index.around(up=["version:m/5000"], down=["version:m/5000"])),
            "data, down": cpu(lambda: index.around(down=["data:d7"])),
            "a name": cpu(lambda: index.named("data", "loans 7")),
        }
        size = index.projection.path.stat().st_size / (tmp_path / "ledger.db").stat().st_size
    told = "; ".join(f"{name} {taken:.1f} ms" for name, taken in asked.items())
    print(
        f"\n20,000 entries: all folded {whole:,.0f} ms; index made {making:,.0f} ms, {size:.0%} of the ledger; {told}"
    )
    assert max(asked.values()) < whole / 10
