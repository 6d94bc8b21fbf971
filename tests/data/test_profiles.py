"""A profile adds exactly, loses little, gives single values back, and is not moved by one outlier."""

import json
from collections import Counter

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from workbench.data import Profile, counting
from workbench.data.packing import packed
from workbench.errors import Misuse
from workbench.stats.drift import kolmogorov_smirnov, wasserstein

NUMBERS = st.lists(st.one_of(st.none(), st.floats(-1e6, 1e6)), min_size=1, max_size=30)
TEXTS = st.lists(st.one_of(st.none(), st.sampled_from("abc")), min_size=1, max_size=30)
WIDE = {
    "normal": lambda rng, n: rng.normal(100, 15, n),
    "lognormal": lambda rng, n: rng.lognormal(0, 2, n),
    "counts": lambda rng, n: rng.poisson(3, n).astype(float),
    "times": lambda rng, n: 1.7e9 + rng.uniform(0, 86_400, n),
    "one outlier": lambda rng, n: np.append(rng.normal(0, 1, n - 1), 1e12),
}


def numbers(values):
    return pd.DataFrame({"x": pd.Series(values, dtype="float64")})


@given(NUMBERS, NUMBERS)
def test_the_profile_of_all_is_the_sum_of_the_profiles_of_parts(one, other):
    reference = Profile.scan(numbers([0.0, 1.0, 5.0]))
    parts = [Profile.scan(numbers(values), like=reference) for values in (one, other)]
    assert parts[0] + parts[1] == Profile.scan(numbers(one + other), like=reference)


@given(st.lists(st.one_of(st.just(np.nan), st.floats(allow_nan=False)), max_size=30))
def test_few_numbers_are_counted_as_many_are(values):
    """Those that are sorted and those that are put into all bins: infinities, nulls and both ends alike."""
    x = np.array(values, dtype=float)
    few = counting.counted_numbers(x, 1.5, 2.0)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(counting, "FEW", 0)
        many = counting.counted_numbers(x, 1.5, 2.0)
    assert all(np.array_equal(a, b) for a, b in zip(few.arrays, many.arrays, strict=True))
    assert (few.nulls, few.low, few.high) == (many.nulls, many.low, many.high)


def test_rows_beyond_what_one_double_holds_are_counted_as_sorting_does():
    """Large in the lower bits, so that sums of rests come near to what is exact."""
    rows = counting.TOGETHER + counting.BLOCK + 7
    x = np.nextafter(np.float32(-2.0), np.float32(0.0), dtype=np.float32) * np.ones(rows)
    x[::3], x[::1000], x[-1] = np.random.default_rng(0).normal(0, 1, len(x[::3])), np.nan, -np.inf
    many = counting.counted_numbers(x, 0.0, 1.0)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(counting, "FEW", rows + 1)
        sorted_ = counting.counted_numbers(x, 0.0, 1.0)
    assert all(np.array_equal(a, b) for a, b in zip(many.arrays, sorted_.arrays, strict=True))
    assert (many.nulls, many.low, many.high) == (sorted_.nulls, sorted_.low, sorted_.high)


@given(TEXTS, TEXTS)
def test_texts_in_a_dictionary_are_counted_as_texts(one, other):
    plain = [pa.array(each, pa.string()) for each in (one, other)]
    assert counting.counted_texts(each.dictionary_encode()[1:] for each in plain) == counting.counted_texts(
        each[1:] for each in plain
    )


@given(NUMBERS, NUMBERS)
def test_two_histograms_side_by_side_are_their_sum_and_each_by_itself(one, other):
    reference = Profile.scan(numbers([0.0, 1.0, 5.0]))
    a, b = (Profile.scan(numbers(values), like=reference).columns["x"] for values in (one, other))
    counts, values = a.beside(b)
    both = a + b
    assert np.array_equal(counts, [a.counts_at(both.bins), b.counts_at(both.bins)])
    assert np.array_equal(values, both.values())


@given(TEXTS, TEXTS, TEXTS)
def test_addition_does_not_care_for_order(a, b, c):
    reference = Profile.scan(pd.DataFrame({"x": ["a", "b", "c"]}))
    a, b, c = (
        Profile.scan(pd.DataFrame({"x": pd.Series(v, dtype="object")}), like=reference, source=s)
        for v, s in ((a, "a"), (b, "b"), (c, "c"))
    )
    assert (a + b) + c == a + (b + c) == c + b + a


@given(NUMBERS, TEXTS)
def test_it_comes_back_from_json_with_its_digest(some, others):
    rows = min(len(some), len(others))
    frame = pd.DataFrame({"n": pd.Series(some[:rows], dtype="float64"), "t": pd.Series(others[:rows], dtype="object")})
    profile = Profile.scan(frame, source="d")
    assert Profile.from_json(profile.as_json()) == profile
    assert Profile.from_json(profile.as_json()).digest == profile.digest


@pytest.mark.parametrize("draw", WIDE.values(), ids=WIDE)
def test_distances_from_profiles_are_those_of_the_samples(draw):
    rng = np.random.default_rng(0)
    before, now = draw(rng, 20_000), draw(rng, 20_000) * 1.02
    reference = Profile.scan(numbers(before))
    current = Profile.scan(numbers(now), like=reference)
    both = (reference + current).columns["x"]
    bins = list(both.bins)
    a, b = (profile.columns["x"].counts_at(bins) for profile in (reference, current))
    distance = kolmogorov_smirnov(a, b)[0]
    assert distance == pytest.approx(stats.ks_2samp(before, now).statistic, abs=0.01)
    exact = stats.wasserstein_distance(before, now)
    assert wasserstein(a, b, both.values()) == pytest.approx(exact, rel=0.01)


@pytest.mark.parametrize("values", [[0, 1, 1, 0, 1], [7.0] * 4, [-3, 0, 12, 250], [0.1, 0.2, 0.25], [True, False]])
def test_values_that_stand_alone_in_their_bin_are_given_back(values):
    column = Profile.scan(pd.DataFrame({"x": values})).columns["x"]
    assert column.values().tolist() == pytest.approx(sorted({float(v) for v in values}), rel=1e-6)
    assert column.n == len(values)


def test_a_bin_knows_the_mean_of_its_values():
    rng = np.random.default_rng(1)
    values = rng.normal(50, 10, 200_000)
    column = Profile.scan(numbers(values)).columns["x"]
    mean = (column.values() * column.counts).sum() / column.n
    assert mean == pytest.approx(values.mean(), rel=1e-6)


def test_an_outlier_does_not_blur_the_rest():
    rng = np.random.default_rng(2)
    values = rng.normal(0, 1, 5000)
    plain = Profile.scan(numbers(values)).columns["x"]
    hurt = Profile.scan(numbers(np.append(values, 1e9))).columns["x"]
    assert len(hurt.bins) > 0.9 * len(plain.bins)


def test_infinity_and_emptiness_have_their_place():
    column = Profile.scan(numbers([1.0, np.inf, -np.inf, np.nan])).columns["x"]
    assert (column.n, column.nulls) == (3, 1)
    assert Profile.scan(numbers([np.nan, np.nan])).columns["x"].nulls == 2


def test_expanded_it_has_the_rows_that_were_scanned():
    frame = pd.DataFrame({"n": [3.0, 1.0, 1.0, np.nan], "t": ["b", "a", None, "b"]})
    expanded = Profile.scan(frame).expanded()
    assert expanded["n"].tolist()[:3] == [1.0, 1.0, 3.0]
    assert expanded["n"].isna().sum() == expanded["t"].isna().sum() == 1
    assert sorted(expanded["t"].dropna()) == ["a", "b", "b"]


def test_expanded_to_fewer_rows_it_keeps_the_quantiles():
    values = np.random.default_rng(3).lognormal(0, 1, 50_000)
    expanded = Profile.scan(numbers(values)).expanded(2000)["x"]
    for q in (0.05, 0.5, 0.95):
        assert expanded.quantile(q) == pytest.approx(np.quantile(values, q), rel=0.02)


def test_a_compared_column_keeps_the_references_kind():
    reference = Profile.scan(pd.DataFrame({"n": [1.0, 2.0], "t": ["a", "b"]}))
    now = Profile.scan(pd.DataFrame({"t": [1, "a"], "n": ["1", None]}), like=reference)
    assert now.columns["t"].counts == {"1": 1, "a": 1}
    assert now.columns["n"].values().tolist() == [1.0]


def test_a_thousand_categories_are_kept_by_name_the_references_own_first():
    reference = Profile.scan(pd.DataFrame({"t": ["rare"]}))
    many = pd.DataFrame({"t": [f"c{i}" for i in range(1500)] * 2 + ["rare"]})
    counts = Profile.scan(many, like=reference).columns["t"].counts
    assert counts["rare"] == 1
    assert counts["(other)"] == 2 * 501
    assert sum(counts.values()) == 3001


@given(st.lists(st.integers(0, 3000), max_size=60), st.lists(st.integers(0, 3000), max_size=60), st.integers(0, 40))
def test_bounded_categories_of_parts_add_up_to_those_of_the_whole(one, other, names):
    known = tuple(f"c{i}" for i in range(names))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(counting, "MOST_CATEGORIES", 50)
        parts = [counting.bounded(Counter(f"c{i}" for i in numbers), known) for numbers in (one, other)]
        whole = counting.bounded(Counter(f"c{i}" for i in one + other), known)
        assert counting.bounded(Counter(parts[0]) + Counter(parts[1]), known) == whole


def test_a_reference_of_many_categories_keeps_the_most_frequent():
    texts = [f"c{i}" for i in range(1500)] + [f"c{i}" for i in range(500, 1500)]
    column = Profile.scan(pd.DataFrame({"t": texts})).columns["t"]
    assert {f"c{i}" for i in range(500, 1500)} == set(column.counts) - {"(other)"}
    assert column.counts["(other)"] == 500


def test_a_window_is_a_sum_of_windows():
    """The last four Mondays, or a canary's replicas: no row of them is needed."""
    reference = Profile.scan(numbers([0.0, 1.0, 5.0]))
    mondays = [Profile.scan(numbers([i, 2.0 * i]), like=reference) for i in range(4)]
    total = mondays[0] + mondays[1] + mondays[2] + mondays[3]
    column = total.columns["x"]
    assert (total.rows, column.n, column.low, column.high) == (8, 8, 0.0, 6.0)


def test_what_lies_beyond_two_ends_is_counted_to_the_bin_and_one_beyond_is_never_missed():
    values = np.random.default_rng(0).normal(50, 10, 20_000)
    column = Profile.scan(numbers(values)).columns["x"]
    outside = int(((values < 30) | (values > 70)).sum())
    assert column.outside(30.0, 70.0) == pytest.approx(outside, rel=0.05)
    assert column.outside(None, values.max()) == 0
    assert column.outside(None, np.nextafter(values.max(), 0)) == 1


def test_a_profile_that_was_stored_without_ends_and_kinds_is_still_read():
    column = '{"centre":0.0,"scale":1.0,"nulls":0,"steps":[32768],"counts":[2],"rests":[0]}'
    old = Profile.from_json(f'{{"columns":[["x",{column}]],"rows":2,"sources":[]}}')
    assert old.columns["x"].values().tolist() == [0.0]
    assert (old.columns["x"].low, dict(old.schema)) == (None, {})


@pytest.mark.parametrize(
    "change",
    [
        {"steps": [70_000]},
        {"steps": [-5]},
        {"counts": [1, 2]},
        {"counts": [-1]},
        {"counts": ["many"]},
        {"scale": 0.0},
        {"centre": None},
        {"nulls": 0.5},
        {"steps": ["a"]},
    ],
)
def test_a_profile_that_no_scan_could_have_made_is_refused(change):
    column = {"centre": 0.0, "scale": 1.0, "nulls": 0, "steps": [32768], "counts": [2], "rests": [0]} | change
    with pytest.raises(Misuse, match="no profile"):
        Profile.from_json(json.dumps({"columns": [["x", column]], "rows": 2, "sources": []}))


def test_a_normal_column_of_many_rows_takes_a_few_kilobytes():
    values = np.random.default_rng(0).normal(0, 1, 100_000)
    assert len(Profile.scan(numbers(values)).as_json()) < 50_000


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda r: Profile.scan(pd.DataFrame({"y": [1]}), like=r), "'x' is missing"),
        (lambda r: Profile.scan(pd.DataFrame({"x": ["tall"]}), like=r), "holds texts"),
        (lambda r: r + Profile.scan(numbers([7.0, 8.0])), "different scales"),
        (lambda r: r + Profile.scan(pd.DataFrame({"x": ["a"]})), "numbers in one profile"),
        (lambda r: r + Profile.scan(pd.DataFrame({"y": [1.0]})), "different columns"),
        (lambda r: Profile.from_json("[]"), "no profile"),
    ],
)
def test_what_does_not_fit_is_refused(call, message):
    with pytest.raises(Misuse, match=message):
        call(Profile.scan(numbers([0.0, 1.0])))


def test_a_profile_is_stored_packed_and_as_it_was_stored_before_is_read_too():
    frame = pd.DataFrame({"x": np.random.default_rng(0).normal(size=5000), "c": ["a", "b"] * 2500})
    profile = Profile.scan(frame)
    plainly = json.dumps(profile._content())
    assert Profile.from_json(plainly) == Profile.from_json(profile.as_json()) == profile
    assert len(profile.as_json()) < len(plainly) / 2


@pytest.mark.parametrize(
    "text", ["", "nonsense", packed([1, 2]), packed([-1, 1, 0]), packed([1, 1, -1 << 62]), 5, None]
)
def test_a_packed_histogram_that_no_scan_could_have_made_is_refused(text):
    column = {"centre": 0.0, "scale": 1.0, "nulls": 0, "packed": text}
    with pytest.raises(Misuse, match="no profile"):
        Profile.from_json(json.dumps({"columns": [["x", column]], "rows": 2, "sources": []}))


@pytest.mark.parametrize("values", [[1e308, -1e308, 1.0], [1e-310, 2e-310, 3e-310], [5e-324, 0.0, 1e308]])
def test_the_largest_and_the_least_numbers_are_counted(values):
    column = Profile.scan(pd.DataFrame({"x": values * 20})).columns["x"]
    assert (column.n, column.nulls, column.infinite) == (60, 0, 0)
    assert (column.low, column.high) == (min(values), max(values))
    assert np.isfinite(column.values()).all()


def test_two_columns_of_one_name_are_refused():
    with pytest.raises(Misuse, match="2 columns 'a'"):
        Profile.scan(pd.DataFrame([[1, 2]], columns=["a", "a"]))
