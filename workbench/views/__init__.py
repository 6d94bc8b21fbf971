"""The pages: widgets of plain objects and callbacks, for the Voila apps and for a cell in JupyterLab.

A view decides nothing and reads nothing: it is given candidates, entries and served models, and hands a
person's act to a callback. Whatever text it is given is shown as text, whatever it holds.
"""

from __future__ import annotations

from workbench.views.choosing import run_page
from workbench.views.experiments import experiment_board
from workbench.views.form import run_form
from workbench.views.held import review_page
from workbench.views.lineage import lineage_page
from workbench.views.pages import (
    approvals_page,
    drift_page,
    experiments_page,
    fairness_page,
    monitoring_page,
    promotions_page,
)
from workbench.views.promotions import promotion_board

__all__ = [
    "approvals_page",
    "drift_page",
    "experiment_board",
    "experiments_page",
    "fairness_page",
    "lineage_page",
    "monitoring_page",
    "promotion_board",
    "promotions_page",
    "review_page",
    "run_form",
    "run_page",
]
