"""The run page: a notebook is chosen, its form is filled in, and what an address asks for is not trusted."""

import pytest

from workbench.batch.parameters import declared
from workbench.errors import EngineError, Misuse
from workbench.views import run_page
from workbench.views.choosing import CHOOSE
from workbench.views.form import Doing, Filling
from workbench.views.outcome import Place


def filling(name, asked):
    tagged = {"cell_type": "code", "metadata": {"tags": ["parameters"]}, "source": "seed: int = 7  # 0 to 100"}
    doing = Doing(
        run=lambda values, on_cell, stop, afresh: None,
        keep=lambda values: None,
        exists=lambda path: False,
        last=lambda: None,
        compare=lambda before, after: [],
        place=lambda outcome: Place(""),
        read_report=lambda outcome: "",
        read_comparison=lambda before, after: "",
    )
    return Filling(name, declared([tagged], f"{name}.ipynb"), "analyst", doing, asked=asked)


@pytest.fixture
def opened(reader):
    """Opens the page with what an address asks for."""

    def made(asked=(), notebooks=lambda: ["ab_test", "train"], fill=filling):
        return reader(run_page(notebooks, fill, asked=dict(asked), begin=lambda work: work()))

    return made


def choose(page, name):
    next(w for w in page.shown() if type(w).__name__ == "Dropdown").value = name


def seed(page):
    return next(w.value for w in page.shown() if type(w).__name__ == "Text")


def test_nothing_is_opened_until_one_is_chosen(opened):
    page = opened()
    assert "2 notebooks can be run." in page.text
    assert page.buttons == []
    assert next(w.label for w in page.shown() if type(w).__name__ == "Dropdown") == CHOOSE
    choose(page, "train")
    assert "Run train" in page.text
    assert "It runs as analyst" in page.text


def test_an_address_chooses_and_fills_in(opened):
    page = opened({"notebook": "ab_test", "seed": "8"})
    assert "Run ab_test" in page.text
    assert seed(page) == "8"


def test_a_value_in_an_address_is_checked(opened):
    page = opened({"notebook": "ab_test", "seed": "800"})
    assert seed(page) == "7"
    assert "seed was left out: it must be a whole number in [0, 100]" in page.text


def test_values_of_an_address_are_for_the_first_notebook_alone(opened):
    page = opened({"notebook": "ab_test", "seed": "8"})
    choose(page, "train")
    assert seed(page) == "7"


@pytest.mark.parametrize("asked", ["nosuch", "../../etc/passwd", "/etc/passwd", "<b>", ""])
def test_an_address_opens_only_what_is_in_the_list(opened, asked):
    page = opened({"notebook": asked})
    assert "there is none of that name" in page.text
    assert page.buttons == []


def test_what_was_typed_stays_while_another_is_looked_at(opened):
    page = opened()
    choose(page, "ab_test")
    page.write("9")
    choose(page, "train")
    choose(page, "ab_test")
    assert seed(page) == "9"


def test_a_notebook_that_cannot_be_read_is_told(opened):
    def broken(name, asked):
        raise Misuse("train.ipynb has no parameters cell", hint="tag one")

    page = opened(fill=broken)
    choose(page, "train")
    assert "Train.ipynb has no parameters cell. What helps: tag one" in page.text


def test_the_page_opens_even_where_nothing_can_be_listed(opened):
    def broken():
        raise EngineError("the folder cannot be read", hint="workbench doctor")

    assert "The folder cannot be read. What helps: workbench doctor" in opened(notebooks=broken).text
