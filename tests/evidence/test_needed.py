"""A paper made of the entries that it needs is the very paper that the whole ledger gives."""

import pytest

from workbench.bench import open_bench
from workbench.data.retention import Window
from workbench.evidence.certificate import grounds
from workbench.evidence.known import gather
from workbench.evidence.needed import for_card, for_certificate


@pytest.fixture(scope="module")
def crowded(told, tale, tmp_path_factory):
    """The story among the entries of others: another version of the model, a model named like it, windows, holds."""
    with open_bench(tale.copied(told, tmp_path_factory.mktemp("crowded") / "w")) as bench:
        tale.register(bench, number=2, run_id="c3" * 16)
        tale.audit(bench, 2, run_id="c4" * 16)
        for subject in ("lending", "lending/extra", "lending/extra/1", "lendings/1", "run/elsewhere"):
            tale.append(bench, "note", subject, "w", {})
        tale.append(bench, "evidence.recorded", "other/1", "w", {"kind": "fairness", "digest": "0" * 64, "run_id": "r"})
        bench.retention.declare(Window("predictions/*", 90.0), "notice")
        bench.retention.hold("model/lending", "a claim")
        question = tale.append(bench, "approval.given", "lending/2", "good", {"digest": "9" * 64})
        tale.promote(bench, 2)
        before = bench.ledger.entries(kind="promotion.granted")[-1].body
        body = {**before, "generation": 3, "approvals": [question.seq], "evidence": [*before["evidence"], "0" * 64]}
        tale.append(bench, "promotion.granted", "lending/2", "with approval", body)
        yield bench


@pytest.mark.parametrize("version", [1, 2])
def test_a_certificate_rests_on_the_same_entries(crowded, version):
    some, everything = for_certificate(crowded.ledger, "lending", version), crowded.ledger.entries()
    assert grounds(some, "lending", version) == grounds(everything, "lending", version)
    assert len(some) < len(everything)


@pytest.mark.parametrize("version", [1, 2])
def test_a_card_tells_the_same(crowded, version):
    now = crowded.now()
    some, everything = for_card(crowded.ledger, "lending", version), crowded.ledger.entries()
    whole = [entry for entry in everything if not (entry.kind == "promotion.granted" and entry.body["generation"] == 3)]
    part = [entry for entry in some if entry in whole]
    assert gather(part, "lending", version, now=now) == gather(whole, "lending", version, now=now)
    assert len(some) < len(everything)
