"""Serving: answers with the version in use, and keeps what was answered.

The ledger's head is the route. The gateway is one ASGI app; the prediction log has a row for every
answer, with the version and generation that gave it.
"""

from __future__ import annotations

from workbench.serving.gateway import Gateway, create_app
from workbench.serving.guard import guarded
from workbench.serving.meter import labels
from workbench.serving.prediction_log import Prediction, PredictionLog
from workbench.serving.predictor import Predictor
from workbench.serving.routes import Loader, Route, Routes

__all__ = [
    "Gateway",
    "Loader",
    "Prediction",
    "PredictionLog",
    "Predictor",
    "Route",
    "Routes",
    "create_app",
    "guarded",
    "labels",
]
