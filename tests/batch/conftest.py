"""Notebooks written in a line, and a ledger of its own for each test."""

import json

import pytest

from workbench.ledger import Ledger

PARAMETERS = "#parameters\n"
MARKDOWN = "#markdown\n"


def cell(number, text):
    """A cell as the file has it; the first line says when it is the parameters cell, or no code."""
    if text.startswith(MARKDOWN):
        return {
            "cell_type": "markdown",
            "id": f"cell-{number}",
            "metadata": {},
            "source": text.removeprefix(MARKDOWN),
        }
    return {
        "cell_type": "code",
        "execution_count": None,
        "id": f"cell-{number}",
        "metadata": {"tags": ["parameters"]} if text.startswith(PARAMETERS) else {},
        "outputs": [],
        "source": text.removeprefix(PARAMETERS),
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


@pytest.fixture
def ledger(tmp_path):
    with Ledger.open(f"sqlite:///{tmp_path / 'ledger.db'}") as opened:
        yield opened
