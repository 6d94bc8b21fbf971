"""Slices against a plain count of every one, under the null, and where a bad one was planted."""

from itertools import combinations, product

import numpy as np
import pytest

from workbench.stats import slices
from workbench.stats.slices import search

SIZES = [3, 4, 2, 5, 3]


def drawn(seed, n=2000, sizes=SIZES):
    rng = np.random.default_rng(seed)
    return [rng.integers(0, size, n) for size in sizes], rng


@pytest.mark.parametrize("ways", [1, 2, 3])
@pytest.mark.parametrize("cells", [16, 1 << 14])
def test_every_slice_is_counted_as_by_hand(monkeypatch, ways, cells):
    """Whatever block of columns a count comes from."""
    monkeypatch.setattr(slices, "CELLS", cells)
    columns, rng = drawn(0)
    wrong = rng.random(2000) < 0.2
    found = search(columns, SIZES, wrong, ways=ways, least=1, top=10_000, alpha=1.0)
    told = {
        (c, v): (int(n), int(e))
        for c, v, n, e in zip(found.columns, found.values, found.seen, found.errors, strict=True)
    }
    worse, searched = {}, 0
    for k in range(1, ways + 1):
        for names in combinations(range(5), k):
            for values in product(*(range(SIZES[c]) for c in names)):
                rows = np.all([columns[c] == v for c, v in zip(names, values, strict=True)], axis=0)
                searched += rows.any()
                if rows.any() and wrong[rows].mean() > wrong.mean():
                    worse[names, values] = (int(rows.sum()), int(wrong[rows].sum()))
    assert told == worse
    assert found.searched == searched


def test_a_planted_slice_is_first_and_found():
    columns, rng = drawn(1, 20_000)
    bad = (columns[1] == 2) & (columns[3] == 4)
    wrong = rng.random(20_000) < np.where(bad, 0.4, 0.1)
    found = search(columns, SIZES, wrong)
    assert (found.columns[0], found.values[0]) == ((1, 3), (2, 4))
    assert found.adjusted[0] < 1e-6
    bad &= columns[0] == 1
    found = search(columns, SIZES, rng.random(20_000) < np.where(bad, 0.7, 0.1), ways=3)
    assert (found.columns[0], found.values[0]) == ((0, 1, 3), (1, 2, 4))


def test_where_there_is_none_one_is_found_no_oftener_than_said():
    found = 0
    for seed in range(200):
        columns, rng = drawn(seed, 1000)
        found += bool((search(columns, SIZES, rng.random(1000) < 0.15, top=1000).adjusted <= 0.05).any())
    assert found <= 20  # 10 are expected at most


def test_without_an_error_there_is_no_slice():
    columns, _ = drawn(0)
    assert search(columns, SIZES, np.zeros(2000)).columns == []


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"ways": 4}, "may name 4 columns"),
        ({"sizes": [3, 4, 2, 5, 2]}, "outside 0 to 1"),
        ({"sizes": SIZES[:4]}, "needs a size"),
        ({"error": np.zeros(3)}, "one code a case"),
        ({"sizes": [3000] * 5}, "slices; up to"),
    ],
)
def test_what_cannot_be_searched_is_refused(change, said):
    columns, _ = drawn(0)
    given = {"columns": columns, "sizes": SIZES, "error": np.ones(2000)} | change
    with pytest.raises(ValueError, match=said):
        search(**given)
