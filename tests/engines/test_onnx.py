"""A compiled form is used only with a proof, and every model without one stays what it is."""

import numpy as np
import pandas as pd
import pytest

from workbench.data import Profile
from workbench.engines.onnx import Certificate, available, convert, prove, session
from workbench.errors import EngineError
from workbench.ledger import ModelVersion
from workbench.serving import Predictor

pytestmark = [pytest.mark.slow, pytest.mark.skipif(bool(available()), reason=available() or "never")]

NUMBERS = {"income": "double", "debt ratio": "double", "age": "double"}
MIXED = {**NUMBERS, "purpose": "string"}
VERSION = ModelVersion(
    model="lending", version=1, run_id="r", source="s", model_digest="m", data_digest="d", feature_set="f@1",
    notebook_digest="n", threshold=0.5, parameters={}, metrics={}, registered_at="", registered_by="analyst",
)  # fmt: skip


@pytest.fixture(scope="module")
def frame():
    rng = np.random.default_rng(1)
    made = pd.DataFrame({name: rng.normal(3, 2, 400) for name in NUMBERS})
    made["purpose"] = rng.choice(["house", "car"], 400)
    return made


def predictor(frame, last, *, columns=NUMBERS, optional=(), scaled=True):
    from sklearn.compose import make_column_transformer
    from sklearn.impute import SimpleImputer
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import OneHotEncoder, StandardScaler

    steps = [SimpleImputer()] if optional else []
    if columns is MIXED:
        encoder = OneHotEncoder(handle_unknown="ignore", sparse_output=False)
        steps = [make_column_transformer((encoder, ["purpose"]), (StandardScaler(), list(NUMBERS)))]
    elif scaled:
        steps.append(StandardScaler())
    label = frame["income"] + frame["age"] > frame["debt ratio"] * 2
    wanted = frame["income"] * 3e4 if not hasattr(last, "classes_") and last.__class__.__name__ == "Ridge" else label
    estimator = make_pipeline(*steps, last).fit(frame[list(columns)], wanted)
    return Predictor(VERSION, estimator, columns, optional=frozenset(optional))


def proved(made, frame, *, single=False):
    form = session(convert(made, single=single), made.columns)
    rows = list(frame[list(made.columns)].itertuples(index=False, name=None))
    return prove(made, form, replayed=rows, profile=Profile.scan(frame), rng=np.random.default_rng(1)), form


def models():
    from sklearn.ensemble import GradientBoostingClassifier, RandomForestClassifier
    from sklearn.linear_model import LogisticRegression, Ridge
    from sklearn.tree import DecisionTreeClassifier

    return {
        "logistic": LogisticRegression(), "ridge": Ridge(), "tree": DecisionTreeClassifier(max_depth=4),
        "boosted": GradientBoostingClassifier(n_estimators=20), "forest": RandomForestClassifier(8, max_depth=5),
    }  # fmt: skip


@pytest.mark.parametrize("name", ["logistic", "ridge", "tree", "boosted", "forest"])
def test_no_label_differs_on_served_rows_drawn_rows_and_thresholds(frame, name):
    (certificate, failing), form = proved(predictor(frame, models()[name]), frame)
    assert failing == ""
    assert certificate.flips == 0
    assert certificate.replayed == 400
    assert certificate.edges > (50 if name in {"tree", "boosted", "forest"} else 10)
    assert len(form([(1.0, 2.0, 3.0)])) == 1


def test_texts_and_missing_numbers_are_compiled_too(frame):
    from sklearn.linear_model import LogisticRegression

    mixed = predictor(frame, LogisticRegression(), columns=MIXED)
    assert proved(mixed, frame, single=True)[0][1] == ""
    missing = predictor(frame, LogisticRegression(), optional=NUMBERS)
    (_, failing), form = proved(missing, frame, single=True)
    assert failing == ""
    assert form([(None, 2.0, 3.0)]) == pytest.approx(missing.scores([(None, 2.0, 3.0)]), abs=1e-6)


def test_what_has_no_form_says_why(frame):
    from sklearn.ensemble import HistGradientBoostingClassifier

    with pytest.raises(EngineError, match="while converting"):
        convert(predictor(frame, HistGradientBoostingClassifier(max_iter=3)))


def test_a_form_that_is_not_the_model_is_caught(frame):
    from sklearn.linear_model import LogisticRegression

    made = predictor(frame, LogisticRegression())
    form = session(convert(made), NUMBERS)
    shifted = prove(
        made, lambda rows: [s + 0.01 for s in form(rows)], replayed=[], profile=None, rng=np.random.default_rng(1)
    )
    assert "differ" in shifted[1]
    short = prove(made, lambda rows: form(rows)[1:], replayed=[], profile=None, rng=np.random.default_rng(1))
    assert short[1] == "its shape differs"
    assert Certificate(9, 0, 0, float("nan"), 0).failing(1.0), "nothing is proved by what is no number"


def test_a_model_without_a_finite_score_is_proved_equal_to_nothing(frame):
    from sklearn.linear_model import LogisticRegression

    made = predictor(frame, LogisticRegression())
    made.estimator[-1].coef_[:] = np.nan
    (_, failing), _ = proved(made, frame)
    assert failing == "the model itself gives no row a finite score"
