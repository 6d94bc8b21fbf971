"""Notebooks written in a line, the simulators, and a ledger of its own for each test."""

import importlib.util
import json
import os
import sys
from pathlib import Path

import pytest

from workbench.batch.warm import Zygote
from workbench.batch.warm.identity import PRELOAD, identify
from workbench.ledger import Ledger

HERE = Path(__file__).parent
PARAMETERS = "#parameters\n"
RAISES = "#raises\n"
TAGS = {PARAMETERS: "parameters", RAISES: "raises-exception"}
MARKDOWN = "#markdown\n"


@pytest.fixture(scope="session")
def simulated():
    """The module of simulators beside this file."""
    if "simulated" not in sys.modules:
        spec = importlib.util.spec_from_file_location("simulated", HERE / "simulated.py")
        sys.modules["simulated"] = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(sys.modules["simulated"])
    return sys.modules["simulated"]


def cell(number, text):
    """A cell as the file has it; the first line says when it is the parameters cell, or no code."""
    if text.startswith(MARKDOWN):
        source = text.removeprefix(MARKDOWN)
        return {"cell_type": "markdown", "id": f"cell-{number}", "metadata": {}, "source": source}
    tags = [tag for first, tag in TAGS.items() if text.startswith(first)]
    return {
        "cell_type": "code",
        "execution_count": None,
        "id": f"cell-{number}",
        "metadata": {"tags": tags} if tags else {},
        "outputs": [],
        "source": text.removeprefix(PARAMETERS).removeprefix(RAISES),
    }


@pytest.fixture(scope="session")
def write_notebook():
    """Writes a notebook of cells given as texts."""

    def write(path, *texts):
        cells = [cell(number, text) for number, text in enumerate(texts)]
        content = {"cells": cells, "metadata": {}, "nbformat": 4, "nbformat_minor": 5}
        path.write_text(json.dumps(content), "utf-8")
        return path

    return write


@pytest.fixture(scope="session")
def zygote():
    """The zygote of this environment; ended where it did not run before."""
    found = Zygote(identify(PRELOAD, os.environ))
    ran = found.status() is not None
    found.start()
    yield found
    if not ran:
        found.stop()


@pytest.fixture
def ledger(tmp_path):
    """An empty ledger."""
    with Ledger.open(f"sqlite:///{tmp_path / 'ledger.db'}") as opened:
        yield opened
