"""The page of an audit stands alone, is small, and shows whatever a name holds as text."""

import re

import numpy as np
import pandas as pd

from workbench.audits import Expectations, audit_drift, audit_quality
from workbench.data import Profile
from workbench.views.audit_report import audit_report

HOSTILE = '<script>alert("x")</script>'


def page(columns=30, rows=3000):
    made = []
    for seed in (0, 1):
        rng = np.random.default_rng(seed)
        frame = pd.DataFrame({f"x{i}": rng.lognormal(0.3 * seed, 1, rows) for i in range(columns - 4)})
        frame[HOSTILE] = rng.normal(0, 1, rows)
        frame["plan"] = rng.choice(["a", HOSTILE] if seed else ["a", "b"], rows)
        frame["one"], frame["none"] = 1.0, np.nan
        made.append(frame)
    reference = Profile.scan(made[0])
    current = Profile.scan(made[1], like=reference)
    drift = audit_drift(reference, current)
    quality = audit_quality(current, Expectations.learned(reference))
    return audit_report(f"Audit of {HOSTILE}", drift=drift, quality=quality, reference=reference, current=current)


def test_thirty_columns_stay_under_300_kilobytes_and_load_nothing():
    html = page()
    assert len(html.encode()) < 300_000
    assert not re.search(r"(src|href)=|url\(|@import|https?:", html)
    assert "default-src 'none'" in html


def test_a_hostile_name_is_shown_as_text():
    html = page(columns=5)
    assert "<script" not in html
    assert "&lt;script&gt;" in html


def test_each_column_is_drawn_on_one_axis_with_its_noise_and_the_limit():
    html = page(columns=6)
    assert html.count('class="before"') == html.count('class="now"') == 5  # the empty column has no shape
    assert html.count('class="noise"') == html.count('class="limit"') == 6


def test_quality_alone_has_no_drift():
    reference = Profile.scan(pd.DataFrame({"x": [1, 2, 3]}))
    html = audit_report("t", quality=audit_quality(reference, Expectations()))
    assert "<h2>Drift</h2>" not in html
    assert "<h2>Data quality</h2>" in html
