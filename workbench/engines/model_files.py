"""A version's files as a predictor: scikit-learn's from skops, other libraries' in their own plain formats.

No pickle is loaded, whoever says that it is safe, and no code that lies beside a model.
"""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from workbench.batch.models import MODEL, PROFILE, TRUSTED
from workbench.errors import EngineError, Misuse
from workbench.ledger import ModelVersion
from workbench.serving import Predictor

PLAIN = {  # formats of other libraries that hold no pickle, by MLflow's module that loads them
    "mlflow.catboost": (".cbm",),
    "mlflow.lightgbm": (".lgb", ".txt"),
    "mlflow.onnx": (".onnx",),
    "mlflow.xgboost": (".json", ".ubj", ".xgb"),
}


def load_predictor(version: ModelVersion, files: Path) -> Predictor:
    """A version ready to answer.

    Args:
        version: Which.
        files: Its folder; the digest was checked.

    Raises:
        EngineError: They are stored as a pickle, hold types we do not trust, or their library refuses them.
    """
    import skops.io
    from mlflow.models import Model
    from skops.io.exceptions import UntrustedTypesFoundException

    folder = files / MODEL
    described = Model.load(str(folder))
    flavor = described.flavors.get("sklearn", {})
    hint = "register it again through record.model"
    if not flavor and _without_pickle(described.flavors, folder):
        return _pyfunc(version, folder, described)
    if flavor.get("serialization_format") != "skops":
        stored = flavor.get("serialization_format", "another flavor")
        raise EngineError(
            f"{version.subject} is stored as {stored}; only skops is loaded, since a pickle can run anything",
            hint=hint,
        )
    try:
        estimator = skops.io.load(folder / flavor["pickled_model"], trusted=list(TRUSTED))
    except UntrustedTypesFoundException as error:
        raise EngineError(f"{version.subject} is not loaded: {error}", hint=hint) from error
    return _predictor(version, estimator, described, folder)


def _pyfunc(version: ModelVersion, folder: Path, described: Any) -> Predictor:
    """A model of another library, through MLflow's wrapper.

    Raises:
        EngineError: Its library is not installed, or refuses the file.
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # MLflow's remarks on its own types
            from mlflow import pyfunc

            wrapped = pyfunc.load_model(str(folder))
    except Exception as error:
        raise EngineError(f"{version.subject} does not load: {error}", hint="install its library") from error
    return replace(_predictor(version, wrapped, described, folder), lane="pyfunc", why="it is no model of scikit-learn")


def _without_pickle(flavors: Mapping[str, Any], folder: Path) -> bool:
    """Whether a model of another library is stored in that library's own format, without code of its own."""
    wrapper = flavors.get("python_function", {})
    data = folder / str(wrapper.get("data", ""))
    inside = data.is_file() and data.resolve().is_relative_to(folder.resolve())
    known = PLAIN.get(wrapper.get("loader_module", ""), ())
    return inside and data.suffix in known and "code" not in wrapper


def _predictor(version: ModelVersion, estimator: Any, described: Any, folder: Path) -> Predictor:
    inputs = described.signature.inputs.inputs
    return Predictor(
        version=version,
        estimator=estimator,
        columns={column.name: column.type.name for column in inputs},
        optional=frozenset(column.name for column in inputs if not column.required),
        ranges=_ranges(folder.parent / PROFILE),
    )


def _ranges(profile: Path) -> dict[str, tuple[float, float]]:
    """The ends of the numbers that a version was trained on, by column, where its profile tells them."""
    if not profile.is_file():
        return {}
    from workbench.data import Profile
    from workbench.data.profile_columns import Histogram

    try:
        columns = Profile.from_json(profile.read_text("utf-8")).columns
    except Misuse:  # of an older make
        return {}
    return {
        name: (column.low, column.high)
        for name, column in columns.items()
        if isinstance(column, Histogram) and column.low is not None and column.high is not None
    }
