"""Words for what the pages show: numbers, moments, names and verdicts as people read them.

Whatever comes from outside passes through `safe` before it stands in HTML: names, reasons and messages
are written by people and may hold anything.

>>> safe("<script>alert(1)</script>")
'&lt;script&gt;alert(1)&lt;/script&gt;'
>>> figure_name("disparate_impact.race*sex")
'Disparate impact by race and sex together'
>>> number(0.77312), number(1989), number(None)
('0.773', '1,989', 'undefined')
>>> counted(1, "version"), counted(3, "version")
('1 version', '3 versions')
"""

from __future__ import annotations

import html
import math
from datetime import UTC, datetime

from workbench.errors import WorkbenchError

NAMES = {
    "f1": "F1",
    "auc": "AUC",
    "roc_auc": "AUC",
    "accuracy": "Accuracy",
    "log_loss": "Log loss",
    "brier": "Brier score",
    "disparate_impact": "Disparate impact",
    "lattice_differences": "Differences over all crossings",
    "equalized_odds_difference": "Equalized-odds difference",
    "demographic_parity_difference": "Selection-rate difference",
    "selection_rate": "Selection rate",
    "fpr": "False positive rate",
    "fnr": "False negative rate",
    "psi": "Drift (PSI)",
}

GLOSSES = {
    "f1": "how well it finds the right yeses; 1 is perfect",
    "auc": "how well its scores rank; 1 is perfect, 0.5 is chance",
    "accuracy": "share of right answers",
    "disparate_impact": "lowest group’s rate of yes over the highest’s; 1 is equal",
    "equalized_odds_difference": "largest gap between groups in error rates; 0 is equal",
}

EXACT_FROM = 100  # numbers this large are shown without decimals


def safe(value: object) -> str:
    """Any value as text that HTML shows as it is, in elements and in attributes."""
    return html.escape(str(value), quote=True)


def number(value: float | None, places: int = 3) -> str:
    """A number with its digits grouped; `None` and NaN are undefined.

    >>> number(-0.0071), number(0.5, places=2), number(float("nan"))
    ('−0.007', '0.50', 'undefined')
    """
    if value is None or math.isnan(value):
        return "undefined"
    if math.isinf(value):
        return "∞" if value > 0 else "−∞"
    text = f"{value:,.0f}" if abs(value) >= EXACT_FROM else f"{value:.{places}f}"
    return text.replace("-", "−")


def difference(value: float) -> str:
    """A difference with its sign.

    >>> difference(0.0123), difference(-0.5), difference(0.0001)
    ('+0.012', '−0.500', '±0.000')
    """
    text = number(abs(value))
    if float(text.replace(",", "")) == 0:
        return f"±{text}"
    return f"{'+' if value > 0 else '−'}{text}"


def share(value: float | None) -> str:
    """A share as a percentage that never rounds to a certainty it is not.

    >>> share(0.184), share(0.9999), share(0.0003), share(0.0), share(0.0123)
    ('18 %', 'over 99.9 %', 'under 0.1 %', '0 %', '1.2 %')
    """
    if value is None or math.isnan(value):
        return "unknown"
    percent = 100 * value
    if percent in {0, 100}:
        return f"{percent:.0f} %"
    if percent < 0.1:
        return "under 0.1 %"
    if percent > 99.9:
        return "over 99.9 %"
    return f"{percent:.1f} %" if percent < 10 or percent > 99 else f"{percent:.0f} %"


def counted(count: int, noun: str, plural: str = "") -> str:
    """A count with its noun."""
    return f"{count:,} {noun if count == 1 else plural or noun + 's'}"


def listed(words: list[str]) -> str:
    """Words as a list in a sentence.

    >>> listed(["race"]), listed(["race", "sex", "age"])
    ('race', 'race, sex and age')
    """
    return " and ".join([", ".join(words[:-1]), words[-1]] if len(words) > 1 else words)


def moment(at: datetime | str) -> str:
    """A moment in UTC, as a person writes it; a text that is no moment is shown as it is.

    >>> moment("2026-11-23T20:14:09+00:00")
    '23 Nov 2026, 20:14 UTC'
    """
    if isinstance(at, str):
        try:
            read = datetime.fromisoformat(at)
        except ValueError:
            return at
    else:
        read = at
    universal = read.astimezone(UTC) if read.tzinfo else read
    return f"{universal.day} {universal:%b %Y, %H:%M} UTC"


def figure_name(name: str) -> str:
    """A figure's name in words; what stands after the point says whom it is about."""
    family, _, about = name.partition(".")
    words = NAMES.get(family, family.replace("_", " ").strip().capitalize())
    if not about:
        return words
    parts = [part.strip().replace("_", " ") for part in about.split("*")]
    return f"{words} by {listed(parts)}{' together' if len(parts) > 1 else ''}"


def sentence(text: str) -> str:
    """A text with a capital and a stop, as a sentence stands on a page.

    >>> sentence("it was slow")
    'It was slow.'
    """
    text = text.strip()
    if not text:
        return text
    return text[0].upper() + text[1:] + ("" if text[-1] in ".!?" else ".")


def told(error: WorkbenchError) -> str:
    """An error's first line, without the lines that a page shows in a better form."""
    return error.message.partition("\n")[0]
