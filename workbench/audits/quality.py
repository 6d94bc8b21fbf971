"""The data-quality audit: a table against expectations, each with one of three verdicts.

Shares (missing values, values outside a range, unknown categories, repeated rows) are of a sample: a
rule is kept where the true share is within its limit with probability 0.95, broken where it is beyond
it with that probability, and between the two it is said how many more rows would tell. A limit of 0, a
column's type, a key, freshness and retention are facts about the rows at hand.

>>> import pandas as pd
>>> rules = Expectations.from_json('{"columns": {"age": {"low": 0, "high": 120}}}')
>>> audit = audit_quality(Profile.scan(pd.DataFrame({"age": [31, 40, 140] * 100})), rules)
>>> audit.verdict, audit.sentence
('fail', '1 of 3 checks failed: 33.3 % of age lie outside [0, 120].')
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime

import numpy as np

from workbench.audits.drift import same_kind
from workbench.audits.expectations import ColumnRule, Expectations
from workbench.audits.verdict import CERTAINTY, Verdict, verdict_of, worst
from workbench.data import Categories, ColumnProfile, Histogram, Profile
from workbench.data.counting import CODES, OTHER, bin_of, bin_values
from workbench.data.profile_columns import DIGITS
from workbench.data.repeats import Repeats
from workbench.errors import Misuse
from workbench.stats.groups import rate_interval
from workbench.stats.limits import cases_to_settle, chance_within

HOUR, DAY = 3600.0, 86_400.0  # seconds
GRAVITY: dict[Verdict, int] = {"fail": 0, "not enough evidence": 1, "pass": 2}


@dataclass(frozen=True)
class Check:
    """One rule and what became of it."""

    column: str  # "": the table
    name: str  # "type", "missing", "range", "categories", "unique", "finite", "duplicates", "fresh", "retention"
    verdict: Verdict
    sentence: str
    value: float | None = None  # share of rows that break it; of "fresh" and "retention", hours and days
    low: float | None = None  # 95 % interval of the share
    high: float | None = None
    limit: float | None = None  # the largest value allowed
    probability: float | None = None  # that the true share is within the limit
    n: int = 0  # rows looked at
    more_cases: int | None = 0  # rows that would tell; 0: none are missing; None: no number would


@dataclass(frozen=True)
class QualityAudit:
    """All checks, the gravest first."""

    checks: tuple[Check, ...]
    profile: Profile  # of the table that was looked at
    verdict: Verdict
    sentence: str
    data_digest: str

    @property
    def failed(self) -> tuple[Check, ...]:
        """The rules that are broken."""
        return tuple(check for check in self.checks if check.verdict == "fail")


def audit_quality(
    profile: Profile, rules: Expectations, *, repeats: Repeats | None = None, now: datetime | None = None
) -> QualityAudit:
    """Check a table against expectations.

    Args:
        profile: Of the table; where the rules were learned, scanned with
            `like=reference, strict=False, every=True`.
        rules: What it should be.
        repeats: Its repeated rows and keys; None leaves these checks out.
        now: When freshness and retention are judged, aware; needed where the rules name a column of moments.

    Raises:
        Misuse: The profile has no columns, the rules ask for a time without `now`, or for uniqueness
            that `repeats` does not know.
    """
    if not profile.columns:
        raise Misuse("the table has no columns", hint="give a table with a header and rows")
    checks = [
        *(check for name, column in profile.columns.items() for check in _column(name, column, profile, rules)),
        *(_missing(name) for name in rules.columns if name not in profile.columns),
        *_repeats(rules, repeats),
        *_times(profile, rules, now),
    ]
    checks.sort(key=lambda check: (GRAVITY[check.verdict], -(check.value or 0.0) if check.verdict == "fail" else 0.0))
    verdict = worst([check.verdict for check in checks])
    return QualityAudit(tuple(checks), profile, verdict, _sentence(checks, verdict, profile.rows), profile.data_digest)


def _column(name: str, column: ColumnProfile, profile: Profile, rules: Expectations) -> Iterator[Check]:
    rule, kind = rules.rule(name), profile.schema.get(name)
    if kind is None and profile.schema:
        yield _missing(name)
        return
    if rule.kind is not None and kind is not None:
        fits = same_kind(rule.kind, kind, column.nulls)
        told = f"{name} is of the kind {kind}" + ("" if fits else f"; {rule.kind} is expected")
        yield Check(name, "type", "pass" if fits else "fail", told, value=float(not fits), limit=0.0, n=profile.rows)
    yield _share(name, "missing", column.nulls, profile.rows, rule.missing, f"of {name} are missing")
    if not column.n:
        return
    if isinstance(column, Histogram):
        yield _share(name, "finite", column.infinite, column.n, 0.0, f"of {name} are infinite")
    if rule.low is not None or rule.high is not None:
        ends = f"[{_end(rule.low, '-∞')}, {_end(rule.high, '∞')}]"
        told = f"of {name} lie outside {ends}"
        if not isinstance(column, Histogram):
            yield _share(name, "range", column.n, column.n, rule.outside, told)
            return
        yield _range(name, column, kind, rule, told)
    if rule.categories is not None:
        yield _categories(name, column, rule, rule.categories)


def _range(name: str, column: Histogram, kind: str | None, rule: ColumnRule, told: str) -> Check:
    """The check of two ends: of the bins that they lie in, it is not known how many cases lie beyond."""
    least = column.outside(rule.low, rule.high)
    sides = [(rule.low, column.low is not None and rule.low is not None and column.low < rule.low)]
    sides += [(rule.high, column.high is not None and rule.high is not None and column.high > rule.high)]
    most = least + sum(_undecided(column, kind, end) for end, crossed in sides if end is not None and crossed)
    found, other = (_share(name, "range", n, column.n, rule.outside, told) for n in (least, min(most, column.n)))
    if found.verdict == other.verdict:
        return found
    return replace(
        found,
        verdict="not enough evidence",
        sentence=f"between {100 * least / column.n:.3g} and {100 * most / column.n:.3g} % {told}; the profile does "
        f"not tell values so near to an end apart; at most {100 * rule.outside:.3g} % are allowed",
        high=other.high,
        probability=None,
        more_cases=None,
    )


def _undecided(column: Histogram, kind: str | None, end: float) -> int:
    """Cases of the bin that an end lies in of which it is open on which side they are.

    None where the bin holds the end alone: its mean is the end, or no other whole number fits in.
    """
    place = bin_of(end, column.centre, column.scale)
    if place not in column.bins:
        return 0
    edges = bin_values([place, place], [0, CODES - 1], column.centre, column.scale)
    if kind in ("integer", "truth") and np.floor(edges[1]) <= np.ceil(edges[0]):
        return 0
    mean = float(column.values()[column.bins.index(place)])
    alone = abs(mean - end) <= column.scale * 10.0**-DIGITS
    return 0 if alone else int(column.counts_at([place])[0])


def _categories(name: str, column: ColumnProfile, rule: ColumnRule, expected: tuple[str, ...]) -> Check:
    if not isinstance(column, Categories):
        return Check(name, "categories", "fail", f"{name} holds numbers; categories are expected", 1.0, n=column.n)
    unknown = {each: count for each, count in column.counts.items() if each not in expected}
    named = sorted((each for each in unknown if each != OTHER), key=lambda each: -unknown[each])[:3]
    told = f"of {name} are unknown categories" + (f" ({', '.join(named)})" if named else "")
    return _share(name, "categories", sum(unknown.values()), column.n, rule.unknown, told)


def _missing(name: str) -> Check:
    return Check(name, "type", "fail", f"{name} is missing from the table", value=1.0, limit=0.0)


def _repeats(rules: Expectations, repeats: Repeats | None) -> Iterator[Check]:
    """The checks of keys and rows.

    Raises:
        Misuse: A key was not counted.
    """
    if repeats is None:
        if rules.keys:
            raise Misuse(
                f"{rules.keys[0]} should be unique, and no repeats were counted",
                hint="pass repeats=Repeats.scan(table)",
            )
        return
    for name in rules.keys:
        if name not in repeats.by_key:
            raise Misuse(f"the key {name!r} was not counted", hint="Repeats.scan(table, keys=rules.keys)")
        told = f"of rows have a {name} that is missing or was there before"
        yield _share(name, "unique", repeats.by_key[name], repeats.rows, 0.0, told)
    yield _share("", "duplicates", repeats.duplicates, repeats.rows, rules.duplicates, "of rows repeat an earlier one")


def _times(profile: Profile, rules: Expectations, now: datetime | None) -> Iterator[Check]:
    """The checks of age.

    Raises:
        Misuse: There is no clock, or no such column of moments.
    """
    if rules.time is None:
        if rules.fresh_hours is not None or rules.retention_days is not None:
            raise Misuse("freshness and retention need a column of moments", hint="name it: time")
        return
    column = profile.columns.get(rules.time)
    if now is None or column is None or profile.schema.get(rules.time) != "time" or not isinstance(column, Histogram):
        raise Misuse(
            f"{rules.time!r} is no column of moments, or no moment is given to judge it by",
            hint="name a column of dates or times, written as in 2026-01-31 or 2026-01-31 12:00:00",
        )
    at = now.astimezone(UTC).timestamp()
    if column.low is None or column.high is None:
        yield Check(rules.time, "fresh", "not enough evidence", f"{rules.time} has no moment", more_cases=1)
        return
    if rules.fresh_hours is not None:
        age = (at - column.high) / HOUR
        told = (
            f"the newest row is {age:,.1f} hours old"
            if age >= 0
            else f"the newest row is {-age:,.1f} hours in the future"
        )
        fresh: Verdict = "pass" if 0 <= age <= rules.fresh_hours else "fail"
        told += "" if fresh == "pass" else f"; at most {rules.fresh_hours:g} are allowed"
        yield Check(rules.time, "fresh", fresh, told, value=age, limit=rules.fresh_hours, n=column.n)
    if rules.retention_days is not None:
        age, late = (at - column.low) / DAY, column.outside(at - rules.retention_days * DAY, None)
        told = f"the oldest row is {age:,.1f} days old"
        told += f"; {late:,} rows are beyond the {rules.retention_days:g} days that rows may be kept" if late else ""
        kept: Verdict = "fail" if late else "pass"
        yield Check(rules.time, "retention", kept, told, value=age, limit=rules.retention_days, n=column.n)


def _share(column: str, name: str, broken: int, cases: int, limit: float, told: str) -> Check:
    """A rule that a share of cases may break."""
    if not cases:
        return Check(column, name, "not enough evidence", "the table has no rows", limit=limit, more_cases=1)
    share = broken / cases
    low, high = rate_interval(broken, cases)
    sentence = f"{100 * share:.3g} % {told}"
    more: int | None = 0
    if 0 < limit < 1:
        chance = chance_within(broken, cases, limit)
        more = cases_to_settle(broken, cases, limit, certainty=CERTAINTY)
    else:
        chance = float(share <= limit)
    verdict = verdict_of(chance)
    sentence += "" if verdict == "pass" else f"; at most {100 * limit:.3g} % are allowed" if limit else ""
    return Check(column, name, verdict, sentence, share, low, high, limit, chance, cases, more)


def _sentence(checks: list[Check], verdict: Verdict, rows: int) -> str:
    if verdict == "pass":
        return f"All {len(checks)} checks of {rows:,} rows passed."
    told = [check for check in checks if check.verdict == verdict]
    first = "; ".join(check.sentence for check in told[:3]) + ("; and more" if len(told) > 3 else "")
    if verdict == "fail":
        return f"{len(told)} of {len(checks)} checks failed: {first}."
    more = [check.more_cases for check in told]
    known = [each for each in more if each]
    enough = f" About {max(known):,} more rows would tell." if known and None not in more else ""
    return f"{len(told)} of {len(checks)} checks cannot be decided from {rows:,} rows: {first}.{enough}"


def _end(value: float | None, without: str) -> str:
    return without if value is None else f"{value:g}"
