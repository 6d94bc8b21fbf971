"""Two columns that come together otherwise are told from a changed relation; nothing else is taken for it."""

import numpy as np
import pandas as pd
import pytest

from workbench.audits.cause import audit_cause
from workbench.audits.together import BANDS, _cut, _tested, changed_pair
from workbench.stats.domain import Column


def cases(n, tie, seed):
    """Two tied numbers; who has both above or both below nought is judged well."""
    rng = np.random.default_rng(seed)
    a, rest = rng.normal(size=(2, n))
    b = tie * a + (1 - tie**2) ** 0.5 * rest
    wrong = rng.random(n) < np.where(a * b > 0, 0.1, 0.5)
    answer = rng.integers(0, 2, n)
    label = np.where(wrong, 1 - answer, answer)
    return pd.DataFrame({"a": a, "b": b, "c": rng.normal(size=n), "label": label, "answer": answer})


def audited(before, now):
    return audit_cause(before, now, label="label", prediction="answer", rng=np.random.default_rng(0))


def test_two_columns_that_come_together_otherwise_are_the_cause_and_not_the_relation():
    audit = audited(cases(6000, 0.6, 0), cases(6000, -0.6, 1))
    first, *others = audit.causes
    assert (first.kind, first.column, first.shown) == ("inputs", "a with b", True)
    assert first.value == pytest.approx(audit.drop.value, abs=0.03)
    assert not any(cause.value > 0.03 for cause in others)
    assert sum(cause.value for cause in audit.causes) == pytest.approx(audit.drop.value, abs=1e-12)
    assert "A and b now come together otherwise" in audit.sentence


def test_where_no_two_columns_do_none_are_named():
    """At 1 %, in forty samples."""
    found = 0
    for seed in range(40):
        before, now = cases(1500, 0.4, 2 * seed), cases(1500, 0.4, 2 * seed + 1)
        columns = [Column(before[name].to_numpy(), now[name].to_numpy()) for name in "abc"]
        wrong = (before["label"] != before["answer"]).to_numpy(dtype=float)
        pair = changed_pair(columns, list("abc"), wrong, np.ones(1500), np.ones(1500))
        found += pair is not None and pair.shown
    assert found <= 2


def test_a_table_that_differs_in_its_sums_alone_has_not_changed():
    was = np.outer([0.2, 0.8], [0.5, 0.5])
    now = np.outer([0.6, 0.4], [0.3, 0.7])
    cost, _, p_value = _tested(was, now, np.array([[0.0, 1.0], [1.0, 0.0]]), [1000.0, 1000.0])
    assert cost == pytest.approx(0.0, abs=1e-12) and p_value == pytest.approx(1.0)
    tied = np.array([[0.4, 0.1], [0.1, 0.4]])
    cost, _, p_value = _tested(np.full((2, 2), 0.25), tied, np.array([[0.0, 1.0], [1.0, 0.0]]), [1000.0, 1000.0])
    assert cost == pytest.approx(-0.3) and p_value < 1e-6
    assert _tested(was, now, np.zeros((2, 2)), [10.0, 10.0]) is None


def test_what_is_not_known_is_in_no_band():
    first, second = _cut(Column(np.array([np.nan, 1.0, 2.0]), np.array([3.0, np.nan, 4.0])))
    assert (first[0], second[1]) == (BANDS, BANDS) and max(first[1], first[2], second[0], second[2]) < BANDS
    codes, _ = _cut(Column(np.array([-1.0, 0.0, 9.0, 9.0]), np.array([9.0, 0.0]), 10))
    assert codes.tolist() == [BANDS, 1, 0, 0]
