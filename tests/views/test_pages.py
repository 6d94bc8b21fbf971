"""The pages open whatever the first reading brings."""

import ast
import importlib
from dataclasses import replace
from pathlib import Path

import pytest

from workbench.errors import EngineError, Misuse
from workbench.views import promotions_page


class Flaky:
    """Fails the first time it is read."""

    def __init__(self, result) -> None:
        self.result = result
        self.times = 0

    def __call__(self):
        self.times += 1
        if self.times == 1:
            raise EngineError("the ledger is no database", hint="workbench doctor")
        return self.result


def test_the_promotions_page_is_the_board_over_a_reading(world, reader):
    page = reader(promotions_page(world.read, world.acts))
    page.write("it lends too unevenly")
    page.press("Reject version 2")
    assert "lending 2 was turned down" in page.text


def test_a_first_reading_that_fails_says_what_helps_and_can_be_tried_again(world, reader):
    page = reader(promotions_page(Flaky(world.read()), world.acts))
    assert "Nothing can be shown yet." in page.text
    assert "The ledger is no database. What helps: workbench doctor" in page.text
    page.press("Refresh")
    assert page.text.startswith("1 version waits for a decision.")
    assert "no database" not in page.text


def test_the_monitoring_page_opens_too(estate, reader):
    page = reader(estate.page(read=Flaky(estate.read())))
    assert "What helps: workbench doctor" in page.text
    page.press("Refresh")
    assert page.text.startswith("lending: Income moved.")


def test_a_misuse_is_told_with_its_way_out(world, reader):
    def do(wish, why):
        raise Misuse("lending keeps being moved by others", hint="workbench ledger show lending")

    page = reader(promotions_page(world.read, replace(world.acts, do=do)))
    page.write("because")
    page.press("Reject version 2")
    assert "Lending keeps being moved by others. What helps: workbench ledger show lending" in page.text


@pytest.mark.parametrize("name", ["promotions", "approvals", "deciding", "monitoring"])
def test_the_views_import_no_engine(name):
    """They may be imported where MLflow is not."""
    module = importlib.import_module(f"workbench.views.{name}")
    tree = ast.parse(Path(module.__file__).read_text("utf-8"))
    names = {n.module or "" for n in ast.walk(tree) if isinstance(n, ast.ImportFrom)}
    assert not [n for n in names if n.startswith(("workbench.engines", "workbench.bench", "mlflow"))]
