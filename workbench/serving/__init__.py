"""Serving: answers with the version in use, and keeps what was answered.

The ledger's heads are the routes. The gateway is one ASGI app; the prediction log has a row for every
answer, with the version and the generation that gave it.
"""

from __future__ import annotations

from workbench.serving.answering import Limits
from workbench.serving.client import Request, ask_in_process
from workbench.serving.gateway import create_app
from workbench.serving.guard import guard, only_hosts
from workbench.serving.keys import Key, Keys
from workbench.serving.log_rows import LogPolicy, per_model
from workbench.serving.prediction import Counts, Label, Labelled, Prediction
from workbench.serving.prediction_log import PredictionLog
from workbench.serving.predictor import Predictor
from workbench.serving.routes import Loader

__all__ = [
    "Counts",
    "Key",
    "Keys",
    "Label",
    "Labelled",
    "Limits",
    "Loader",
    "LogPolicy",
    "Prediction",
    "PredictionLog",
    "Predictor",
    "Request",
    "ask_in_process",
    "create_app",
    "guard",
    "only_hosts",
    "per_model",
]
