"""Saves a fitted estimator as an MLflow model folder, in the skops format and with a signature."""

from __future__ import annotations

import importlib.metadata as metadata
import logging
import warnings
from pathlib import Path
from typing import Any

from workbench.errors import Misuse

PACKAGES = ("scikit-learn", "skops", "numpy", "pandas")  # what loading it takes
TRUSTED = (  # types beyond skops' own list that our loaders accept; data holders, no code
    "numpy.dtype",
    "sklearn._loss._loss.CyHalfBinomialLoss",
    "sklearn._loss.link.LogitLink",
    "sklearn._loss.link.Interval",
    "sklearn._loss.loss.HalfBinomialLoss",
)


def import_mlflow() -> Any:
    """MLflow without its telemetry and its remarks; the import takes two seconds."""
    import mlflow
    from mlflow.environment_variables import MLFLOW_DISABLE_TELEMETRY
    from mlflow.telemetry import set_telemetry_client

    MLFLOW_DISABLE_TELEMETRY.set(True)
    set_telemetry_client()  # looks at the switch again
    for name in ("mlflow", "alembic"):
        logging.getLogger(name).setLevel(logging.ERROR)
    return mlflow


def save_model(estimator: Any, folder: Path, example: Any) -> None:
    """Write an estimator to a folder that `mlflow.sklearn.load_model` and pyfunc can read.

    Args:
        estimator: Fitted; a classifier with `predict_proba`, or a regressor.
        folder: Must not exist.
        example: A few rows of input; whole numbers are taken as real ones, so that a missing value
            does not change the signature.

    Raises:
        Misuse: It holds types that cannot be stored safely.
    """
    mlflow = import_mlflow()
    import mlflow.sklearn
    from mlflow.models import infer_signature

    numbers = example.select_dtypes("integer").columns
    example = example.astype(dict.fromkeys(numbers, "float64"))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # MLflow's remarks on hints and versions
        signature = infer_signature(example, estimator.predict(example))
        try:
            mlflow.sklearn.save_model(
                estimator,
                str(folder),
                serialization_format="skops",
                skops_trusted_types=list(TRUSTED),
                signature=signature,
                pip_requirements=[f"{package}=={metadata.version(package)}" for package in PACKAGES],
            )
        except mlflow.exceptions.MlflowException as error:
            raise Misuse(
                f"the estimator {type(estimator).__name__} cannot be stored without a pickle: {error.message}",
                hint="use estimators of scikit-learn itself",
            ) from error
