"""An analysis as tables for people: rounded in words, nothing recomputed."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from workbench.experiments import words
from workbench.experiments.results import Analysis, ArmResult
from workbench.stats.ratio import Fieller

if TYPE_CHECKING:
    import pandas as pd

    from workbench.experiments.second_engine.certificate import Certificate
    from workbench.experiments.segments.strata import Within


def filling(analysis: Analysis) -> pd.DataFrame:
    """Units, and what they were drawn in, by arm."""
    import pandas as pd

    columns = {f"units ({analysis.unit})": dict(analysis.counts)}
    if analysis.cluster is not None:
        columns[f"drawn together ({analysis.cluster})"] = dict(analysis.clusters)
    return pd.DataFrame(columns).rename_axis("arm")


def balance(analysis: Analysis) -> pd.DataFrame:
    """What was known before, and whether the arms agree on it."""
    import pandas as pd

    rows = {
        b.covariate: {"largest gap (sd)": f"{b.gap:.3f}", "p": f"{b.p:.3f}", "agrees": "yes" if b.passed else "no"}
        for b in analysis.balance
    }
    return pd.DataFrame.from_dict(rows, orient="index").rename_axis("known before")


def results(analysis: Analysis) -> pd.DataFrame:
    """One row a metric and arm: mean, difference from the control, chances, loss, verdict."""
    return _frame(rows(analysis))


def rows(analysis: Analysis) -> list[dict[str, str]]:
    """The rows of `results`, without a frame; a difference that was adjusted says so, since means are as observed.

    So does one that was not beside others that were; and a ratio whose denominator may be zero shows
    Fieller's interval.
    """
    some = any(result.adjustment is not None for result in analysis.metrics.values())
    found = []
    for name, result in analysis.metrics.items():
        told = " adjusted" if result.adjustment is not None else " not adjusted" if some else ""
        for arm, r in result.arms.items():
            row = _row(name, r, told, trusted=analysis.trusted)
            if arm in result.fieller and result.fieller[arm].near_zero:
                row["mean"] += f" (Fieller: {_interval(result.fieller[arm])})"
            found.append(row)
    return found


def twin(analysis: Analysis) -> list[dict[str, str]]:
    """The frequentist tests, one row a metric and arm."""
    return [
        {
            "metric": name,
            "arm": arm,
            "test": found.test.method,
            "difference": words.number(found.test.effect),
            "interval": f"{words.number(found.test.low)} to {words.number(found.test.high)}",
            "p": f"{found.test.p:.3g}",
            "p (Holm)": f"{found.holm:.3g}",
            "p (Benjamini-Hochberg)": f"{found.false_discovery:.3g}",
        }
        for name, arms in analysis.twin.items()
        for arm, found in arms.items()
    ]


def tests(analysis: Analysis) -> pd.DataFrame:
    """The frequentist tests as a frame."""
    return _frame(twin(analysis))


def plain_results(analysis: Analysis) -> pd.DataFrame:
    """The same from plain means, for the metrics that have another model."""
    metrics = analysis.metrics.items()
    return _frame(
        [_row(name, r, trusted=analysis.trusted) for name, result in metrics for r in (result.plain or {}).values()]
    )


def segments(within: Mapping[str, Sequence[Within]]) -> pd.DataFrame:
    """Differences within segments beside the plain ones."""
    import pandas as pd

    rows = [
        {
            "metric": name,
            "arm": w.arm,
            "plain difference": words.number(w.plain),
            "within segments": words.number(w.effect),
            "interval": f"{words.number(w.low)} to {words.number(w.high)}",
            "segments without this arm": ", ".join(w.left_out) or "none",
        }
        for name, found in within.items()
        for w in found
    ]
    return pd.DataFrame(rows).set_index(["metric", "arm"]) if rows else pd.DataFrame()


def engines(agreements: Sequence[Certificate]) -> pd.DataFrame:
    """Both engines' posterior means, arm by arm."""
    import pandas as pd

    rows = [
        {"metric": a.metric, "arm": arm, "exact": words.number(exact), "PyMC": words.number(sampled)}
        for a in agreements
        for arm, (exact, sampled) in a.means.items()
    ]
    return pd.DataFrame(rows, columns=["metric", "arm", "exact", "PyMC"]).set_index(["metric", "arm"])


def _frame(rows: Sequence[Mapping[str, str]]) -> pd.DataFrame:
    import pandas as pd

    return pd.DataFrame(rows).set_index(["metric", "arm"]) if rows else pd.DataFrame()


def _interval(found: Fieller) -> str:
    return "anything" if math.isinf(found.low) else f"{words.number(found.low)} to {words.number(found.high)}"


def _row(metric: str, r: ArmResult, told: str = "", *, trusted: bool = True) -> dict[str, str]:
    control = r.verdict == "control"
    return {
        "metric": metric,
        "arm": r.arm,
        "mean": words.number(r.mean),
        "difference": "" if control else words.number(r.effect) + told,
        "interval": "" if control else f"{words.number(r.low)} to {words.number(r.high)}",
        "relative": "" if control or r.relative is None else words.signed_share(r.relative),
        "chance to be better": "" if control else words.chance(r.chance_to_win),
        "chance to be best": words.chance(r.chance_best),
        "expected loss": "without end" if r.expected_loss is None else words.number(r.expected_loss),
        "verdict": r.verdict if trusted or control else "not to be trusted",
    }
