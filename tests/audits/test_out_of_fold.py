"""Out of fold, nobody is scored by a model that has seen them."""

import numpy as np
import pandas as pd
import pytest
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import StratifiedKFold, cross_val_predict
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from workbench.audits import fitted, out_of_fold, reweighing
from workbench.errors import Misuse

RNG = np.random.default_rng(0)
X = pd.DataFrame(RNG.normal(size=(120, 2)), columns=["a", "b"])
Y = (X["a"] + RNG.normal(size=120) > 0).astype(int)
GROUP = np.where(RNG.random(120) < 0.3, "m", "n")
PIPELINE = make_pipeline(StandardScaler(), LogisticRegression())


def test_scores_are_those_of_scikit_learns_cross_validation():
    folds = StratifiedKFold(4, shuffle=True, random_state=7)
    expected = cross_val_predict(PIPELINE, X, Y, cv=folds, method="predict_proba")[:, 1]
    assert out_of_fold(PIPELINE, X, Y, folds=4, seed=7) == pytest.approx(expected, abs=1e-12)


def test_a_model_that_remembers_its_neighbours_does_not_know_the_case_itself():
    noise = RNG.integers(0, 2, 120)
    scores = out_of_fold(KNeighborsClassifier(1), X, noise, folds=5, seed=0)
    assert ((scores > 0.5) == noise).mean() < 0.7


def test_fitting_with_weights_is_fitting_with_the_weights_of_reweighing():
    by_hand = make_pipeline(StandardScaler(), LogisticRegression())
    by_hand.fit(X, Y, logisticregression__sample_weight=reweighing(GROUP, Y))
    ours = fitted(PIPELINE, X, Y, reweigh_by=GROUP)
    assert ours[-1].coef_ == pytest.approx(by_hand[-1].coef_)
    assert fitted(LogisticRegression(), X, Y, reweigh_by=GROUP).coef_ is not None


def test_the_estimator_given_is_left_as_it_is():
    fitted(PIPELINE, X, Y)
    assert not hasattr(PIPELINE[-1], "coef_")


@pytest.mark.parametrize("folds", [1, 500])
def test_folds_that_cannot_be_are_refused(folds):
    with pytest.raises(Misuse, match="folds is"):
        out_of_fold(PIPELINE, X, Y, folds=folds, seed=0)
