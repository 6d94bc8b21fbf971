"""The model folder: a fitted estimator in the skops format with a signature, and what belongs to it.

    models/lending/model/        the MLflow model: MLmodel, model.skops, requirements.txt, …
    models/lending/profile.json  the training data's profile
    models/lending/…             further files

A version's digest covers the whole folder. Nothing in it is a pickle, and nothing is inferred by a
subprocess: the requirements are those of the environment that trained it.
"""

from __future__ import annotations

import importlib.metadata as metadata
import warnings
from pathlib import Path
from typing import Any

from workbench.errors import Misuse

MODEL = "model"  # the MLflow model within a model's folder
PROFILE = "profile.json"
PACKAGES = ("scikit-learn", "skops", "numpy", "pandas")  # what loading it takes
TRUSTED = (  # types beyond skops' own list that are loaded: arrays of numbers, no code
    "numpy.dtype",
    "sklearn.ensemble._hist_gradient_boosting.predictor.TreePredictor",
    "sklearn.tree._tree.Tree",
)


def save_model(estimator: Any, folder: Path, example: Any) -> None:
    """Write an estimator to a folder that `mlflow.sklearn.load_model` and pyfunc can read.

    Args:
        estimator: Fitted: of scikit-learn, or a pipeline of its parts.
        folder: Must not exist.
        example: A few rows of input; whole numbers become real ones in the signature, so that a missing
            value later is no other type.

    Raises:
        Misuse: It holds types that cannot be stored safely.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # MLflow's remarks on hints and versions
        import mlflow.sklearn
        from mlflow.exceptions import MlflowException
        from mlflow.models import infer_signature

        rows = example.astype(dict.fromkeys(example.select_dtypes("integer").columns, "float64"))
        try:
            mlflow.sklearn.save_model(
                estimator,
                str(folder),
                serialization_format="skops",
                skops_trusted_types=list(TRUSTED),
                signature=infer_signature(rows, estimator.predict(rows)),
                pip_requirements=[f"{package}=={metadata.version(package)}" for package in PACKAGES],
            )
        except MlflowException as error:
            raise Misuse(
                f"{type(estimator).__name__} cannot be stored without a pickle: {error.message.splitlines()[0]}",
                hint="use estimators of scikit-learn itself, such as HistGradientBoostingClassifier",
            ) from error
