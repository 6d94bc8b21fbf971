"""The notebook that learns a prior runs on a workspace's archive, on a table, and on nothing at all."""

import numpy as np
import pandas as pd
import pytest

from workbench import open_bench
from workbench.bench import create

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def bench(tmp_path_factory):
    root = tmp_path_factory.mktemp("prior") / "w"
    create(root)
    with open_bench(root) as opened:
        yield opened


def test_without_an_archive_it_shows_the_cautious_prior_and_a_made_up_example(bench):
    outcome = bench.run("prior_from_archive")
    assert outcome.status == "finished", outcome.sentence
    assert outcome.sentence.startswith("None of the 10 past tests that learning needs; instead: a cautious prior")
    assert outcome.sentence.endswith("Raw +6.1\u00a0%, under a cautious prior +5.5\u00a0%.")
    assert [(f["kind"], f["verdict"]) for f in outcome.findings] == [("prior", "not enough evidence")]
    assert "made-up archive" in outcome.report.read_text("utf-8")


def test_from_a_table_it_says_what_is_left_of_an_estimate(bench, tmp_path):
    rng = np.random.default_rng(2)
    rows = {"experiment": [f"e{n}" for n in range(43)], "metric": "sales", "error": 0.01}
    pd.DataFrame(rows | {"effect": rng.normal(0, 0.02, 43)}).to_parquet(tmp_path / "past.parquet")
    outcome = bench.run("prior_from_archive", {"data": tmp_path / "past.parquet", "metric": "sales"})
    assert outcome.status == "finished", outcome.sentence
    assert "Learned from 43 past tests of sales (43 effects)" in outcome.sentence
    assert "Raw +6.1\u00a0%, after 43 past tests +" in outcome.sentence
    assert (outcome.report.parent / "files" / "prior.png").exists()
