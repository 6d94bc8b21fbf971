"""Serving: answers with the version in use, and keeps what was answered."""

from __future__ import annotations

from workbench.serving.predictor import Predictor

__all__ = ["Predictor"]
