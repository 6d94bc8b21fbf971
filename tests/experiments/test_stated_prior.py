"""What a typed prior is, "archive" included, and that an experiment is not judged by itself."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from workbench.data import digest_file
from workbench.errors import Misuse
from workbench.experiments import Archive
from workbench.experiments.learned import learn_prior, made_up, stated_prior


@pytest.fixture
def archive():
    from datetime import UTC, datetime

    return made_up(np.random.default_rng(1), now=datetime(2026, 1, 1, tzinfo=UTC))


def test_what_past_experiments_teach_is_one_word(archive):
    metric = next(iter(archive.metrics))
    found = stated_prior("archive", metric, lambda: archive, name="new idea")
    assert found.components == learn_prior(archive, metric).prior.components
    assert stated_prior("weak", metric, lambda: archive, name="new idea") is None
    with pytest.raises(Misuse, match="no prior"):
        stated_prior("archives", metric, lambda: archive, name="new idea")


def test_nothing_is_learned_from_the_experiment_itself_whatever_it_is_called(archive, tmp_path):
    path = tmp_path / "checkout.csv"
    pd.DataFrame({"x": [1]}).to_csv(path)
    metric = next(iter(archive.metrics))
    first, *rest = archive.pasts
    mine = replace(first, name="Checkout", data_digest=digest_file(path))
    known, others = Archive((mine, *rest)), Archive(tuple(rest))
    expected = learn_prior(others, metric).prior.components
    assert learn_prior(known, metric).prior.components != expected
    assert stated_prior("archive", metric, lambda: known, name="checkout").components == expected
    assert stated_prior("archive", metric, lambda: known, name="another", data=path).components == expected
