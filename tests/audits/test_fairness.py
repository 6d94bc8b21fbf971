"""The fairness audit: three honest verdicts from counts, on hand-made groups and on the loan applications."""

import numpy as np
import pytest

from workbench.audits import audit_fairness
from workbench.audits.fairness import _may_fail
from workbench.audits.tables import distances_table, rates_table
from workbench.data import CountCube
from workbench.data.coding import UNKNOWN
from workbench.errors import Misuse


def cube(**groups):
    """Counts by one attribute from (selected, refused); a fifth of either has the other label."""
    cells = {}
    for name, (selected, refused) in groups.items():
        tp, tn = selected - selected // 5, refused - refused // 5
        cells[(name.replace("_", " "),)] = (tn, selected // 5, refused // 5, tp)
    return CountCube(("race",), dict(sorted(cells.items())), ("d",))


def audited(counts, **options):
    return audit_fairness(counts, rng=np.random.default_rng(0), **options)


def test_equal_treatment_of_many_passes():
    audit = audited(cube(a=(900, 100), b=(450, 50)))
    assert audit.verdict == "pass"
    assert audit.by[0].disparate_impact.value == pytest.approx(1.0)
    assert audit.by[0].more_cases == 0
    assert audit.sentence.startswith("Shown to be fair by race")


def test_a_clear_breach_fails_and_names_the_groups():
    audit = audited(cube(white=(900, 100), of_colour=(300, 200)))
    assert audit.verdict == "fail"
    assert (audit.by[0].lowest, audit.by[0].highest) == ("of colour", "white")
    assert "of colour 60.0\u00a0% selected, white 90.0\u00a0%" in audit.sentence


def test_too_few_cases_are_not_enough_evidence_and_it_is_said_how_many_are_missing():
    audit = audited(cube(a=(22, 3), b=(20, 5)))
    assert audit.verdict == "not enough evidence"
    assert audit.by[0].more_cases > 0
    assert f"About {audit.by[0].more_cases:,} more cases" in audit.sentence


def test_a_group_without_cases_of_a_label_leaves_its_rates_undefined():
    counts = CountCube(("g",), {("a",): (10, 5, 5, 30), ("b",): (10, 5, 0, 0)})
    audit = audited(counts)
    rates = audit.by[0].groups[1].rates
    assert rates["tpr"].value is None
    assert audit.by[0].aggregates["equalized_odds_difference"].value is None
    assert audit.by[0].disparate_impact.value is not None
    assert (rates_table(audit).loc[("g", "b")] == "undefined").sum() == 1


def test_nobody_selected_or_nobody_to_compare_is_never_a_pass():
    for counts in (cube(a=(0, 50), b=(0, 50)), cube(a=(50, 50))):
        audit = audited(counts)
        assert audit.verdict == "not enough evidence"
        assert audit.by[0].disparate_impact.value is None
        assert "nobody was selected" in audit.sentence
        distances_table(audit)


def test_unknown_and_tiny_groups_are_shown_and_named_but_not_compared():
    audit = audited(cube(a=(900, 100), b=(450, 50), c=(0, 9), **{UNKNOWN: (0, 60)}))
    compared = {group.name: group.compared for group in audit.by[0].groups}
    assert compared == {"a": True, "b": True, "c": False, UNKNOWN: False}
    assert audit.verdict == "pass"
    assert audit.sentence.endswith("Shown but not compared: 60 of race (unknown), 9 of race c.")
    assert audited(cube(a=(900, 100), b=(450, 50), c=(0, 40))).by[0].groups[2].compared is True


def test_a_breach_at_an_intersection_fails_although_each_attribute_is_fair():
    fair, breach = (20, 10, 20, 450), (100, 10, 100, 190)
    cells = {("a", "f"): breach, ("a", "m"): fair, ("b", "f"): fair, ("b", "m"): breach}
    audit = audited(CountCube(("race", "sex"), cells))
    assert [each.verdict for each in audit.by] == ["pass", "pass", "fail"]
    assert audit.by[2].name == "race*sex"
    assert audit.verdict == "fail"
    assert "Not fair by race and sex" in audit.sentence


def test_an_intersection_without_a_shown_breach_does_not_stop_a_pass():
    cells = {("a", "f"): (4, 2, 4, 40), ("a", "m"): (20, 10, 20, 450), ("b", "f"): (20, 10, 20, 450)}
    cells[("b", "m")] = (20, 10, 20, 450)
    audit = audited(CountCube(("race", "sex"), cells))
    assert audit.by[2].verdict == "not enough evidence"
    assert audit.verdict == "pass"


def test_the_same_seed_gives_the_same_audit():
    counts = cube(a=(300, 100), b=(150, 80), c=(70, 30))
    assert audited(counts) == audited(counts)


def test_a_stricter_target_turns_the_verdict():
    counts = cube(a=(900, 100), b=(400, 100))
    assert audited(counts).verdict == "pass"
    assert audited(counts, target=0.95).verdict == "fail"


def test_it_carries_the_digest_of_the_data():
    assert audited(cube(a=(9, 1), b=(5, 5))).data_digest == "d"


def test_a_quick_audit_has_the_same_values_and_verdicts_and_asks_for_no_more_cases():
    counts = cube(a=(300, 100), b=(150, 80), c=(70, 30))
    slow, quick = audited(counts), audited(counts, quick=True)
    assert quick.verdict == slow.verdict == "not enough evidence"
    assert (slow.by[0].more_cases or 0) > 0
    assert quick.by[0].more_cases is None
    for name, found in quick.by[0].aggregates.items():
        full = slow.by[0].aggregates[name]
        assert found.value == full.value
        assert found.probability == pytest.approx(full.probability, abs=0.04)
        assert found.needed is None


def test_three_attributes_are_crossed_in_every_way_and_six_or_thousands_of_groups_are_refused():
    cells = {(race, sex, age): (40, 10, 10, 60) for race in "ab" for sex in "fm" for age in "xy"}
    names = [each.name for each in audited(CountCube(("race", "sex", "age"), cells), quick=True).by]
    assert names == ["race", "sex", "age", "race*sex", "race*age", "sex*age", "race*sex*age"]
    with pytest.raises(Misuse, match="6,000 groups"):
        audited(CountCube(("g",), {(str(number),): (1, 1, 1, 1) for number in range(6000)}))
    with pytest.raises(Misuse, match="up to 5 are crossed"):
        audited(CountCube(tuple("abcdef"), {tuple("abcdef"): (1, 1, 1, 1)}))


def test_it_does_not_pass_where_those_of_unknown_group_could_make_it_fail():
    audit = audited(cube(a=(90, 10), b=(90, 10), **{UNKNOWN: (900, 900)}))
    assert audit.verdict == "not enough evidence"
    audit = audited(cube(a=(900, 100), b=(900, 100), **{UNKNOWN: (9000, 9000)}))
    assert audit.by[0].disparate_impact.probability > 0.95
    assert audit.verdict == "not enough evidence" and audit.by[0].more_cases is None
    assert "could overturn it" in audit.sentence
    assert audited(cube(a=(9000, 1000), b=(9000, 1000), **{UNKNOWN: (90, 90)})).verdict == "pass"


def test_it_does_not_pass_where_the_small_groups_together_are_shown_to_fare_worse():
    small = {f"s{place}": (3, 17) for place in range(10)}
    audit = audited(cube(a=(900, 100), b=(900, 100), **small))
    assert audit.verdict == "not enough evidence" and "could overturn it" in audit.sentence
    alike = {f"s{place}": (18, 2) for place in range(10)}
    assert audited(cube(a=(900, 100), b=(900, 100), **alike)).verdict == "pass"


def test_the_worst_case_is_that_of_every_way_to_divide_the_unknown():
    kept, unknown = np.array([[[30, 60], [0, 0]], [[20, 50], [0, 0]]]), np.array([[6, 5], [0, 0]])
    worst = 1.0
    for refused in range(7):
        for chosen in range(6):
            first = (60 + chosen) / (90 + chosen + refused)
            second = (50 + 5 - chosen) / (70 + 11 - chosen - refused)
            worst = min(worst, first / second, second / first)
    assert _may_fail(kept, unknown, worst + 1e-9) and not _may_fail(kept, unknown, worst - 1e-9)


def test_the_sentence_stays_short_where_a_column_numbers_the_cases():
    cells = {(str(i),): (0, 0, 0, 1 + (i == 700)) for i in range(1000)}
    audit = audited(CountCube(("case",), cells))
    assert audit.verdict == "not enough evidence"
    assert "Shown but not compared: 2 of case 700, 1 of case 0," in audit.sentence
    assert audit.sentence.endswith("990 more groups.") and len(audit.sentence) < 400
