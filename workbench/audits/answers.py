"""Labels and answers as an audit reads them: none missing, one spelling for one label, both in the same terms.

>>> named(np.array([True, False])).tolist() == named(np.array([1.0, 0.0])).tolist() == ["1", "0"]
True
>>> refuse_other_terms(np.array(["yes", "no"]), np.array([1, 0]), "prediction")
Traceback (most recent call last):
    ...
workbench.errors.Misuse: no prediction is any of the labels; labels: no, yes; predictions: 0, 1
hint: give the predictions in the label's terms
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from workbench.errors import Misuse

SHOWN = 5  # labels that an error names


def present(given: npt.ArrayLike, name: str) -> np.ndarray:
    """The values, one a case.

    Raises:
        Misuse: One is missing, or they are no list of single values.
    """
    import pandas as pd

    values = np.asarray(given)
    if values.ndim != 1 or pd.isna(values).any():
        hint = "whose label has not arrived yet" if name == "label" else "without one"
        raise Misuse(f"a {name} is missing", hint=f"leave out the cases {hint}")
    return values


def named(values: np.ndarray) -> np.ndarray:
    """Labels as texts; 1, 1.0 and true are one label."""
    if values.dtype == bool:
        values = values.astype(int)
    if values.dtype.kind == "f" and (values == np.floor(values)).all():
        values = values.astype(np.int64)
    return values.astype(str)


def numeric(given: npt.ArrayLike, name: str) -> npt.NDArray[np.float64]:
    """The values as numbers.

    Raises:
        Misuse: One is none.
    """
    try:
        return np.asarray(given).astype(float)
    except (ValueError, TypeError) as error:
        raise Misuse(f"a {name} is no number: {error}", hint="give numbers only") from error


def refuse_other_terms(label: np.ndarray, answer: np.ndarray, name: str) -> None:
    """Refuse answers none of which could ever be right, since they are spelled otherwise than the labels.

    A single label that is never answered is no such thing, unless one is a number and the other a text.

    Raises:
        Misuse: No answer is any of the labels.
    """
    labels, answers = (np.unique(named(values)).tolist() for values in (label, answer))
    if set(labels) & set(answers):
        return
    if min(len(labels), len(answers)) > 1 or _are_numbers(labels) != _are_numbers(answers):
        told = [", ".join(texts[:SHOWN]) + ", …" * (len(texts) > SHOWN) for texts in (labels, answers)]
        raise Misuse(
            f"no {name} is any of the labels; labels: {told[0]}; {name}s: {told[1]}",
            hint=f"give the {name}s in the label's terms",
        )


def _are_numbers(texts: list[str]) -> bool:
    try:
        return bool(np.isfinite(np.array(texts, dtype=float)).all())
    except ValueError:
        return False
