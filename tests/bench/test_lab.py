"""What the launcher of a JupyterLab offers and begins, without a JupyterLab."""

import json

import pytest

from workbench.bench import create
from workbench.bench.lab import LINKS, Desk
from workbench.errors import Misuse

ASKED = {"template": "blank", "hypothesis": "It holds", "owner": "Ada", "date": "2026-01-31", "name": "mine"}


@pytest.fixture
def workspace(tmp_path, monkeypatch):
    monkeypatch.delenv("WORKBENCH_WORKSPACE", raising=False)
    root = tmp_path / "all" / "w"
    create(root)
    return root.resolve()


def test_it_offers_templates_notebooks_and_what_a_new_one_has_by_default(workspace):
    offered = Desk(workspace).offer()
    names = ["audit", "blank", "experiment", "model", "quarter_review"]
    assert [template["name"] for template in offered["templates"]] == names
    assert "ab_test" in offered["notebooks"]
    assert offered["owner"]
    assert offered["links"] == []
    assert json.loads(json.dumps(offered)) == offered


def test_it_offers_the_pages_that_are_served(workspace):
    (workspace / ".run").mkdir()
    links = [{"name": "Promotions", "url": "http://127.0.0.1:1/x?token=t"}]
    (workspace / ".run" / LINKS).write_text(json.dumps(links))
    assert Desk(workspace).offer()["links"] == links
    (workspace / ".run" / LINKS).write_text("half a fi")
    assert Desk(workspace).offer()["links"] == []


def test_it_begins_a_notebook_and_says_where_as_jupyterlab_knows_it(workspace):
    assert Desk(workspace).begin(**ASKED) == {"path": "notebooks/mine.ipynb"}
    about = json.loads((workspace / "notebooks" / "mine.ipynb").read_text("utf-8"))["metadata"]["workbench"]
    assert (about["owner"], about["created"]) == ("Ada", "2026-01-31")


def test_the_workspace_may_lie_below_the_folder_that_jupyterlab_shows(workspace, monkeypatch):
    monkeypatch.setenv("WORKBENCH_WORKSPACE", str(workspace))
    assert Desk(workspace.parent).begin(**ASKED) == {"path": "w/notebooks/mine.ipynb"}


def test_what_could_not_be_opened_there_is_not_begun(workspace, monkeypatch):
    monkeypatch.setenv("WORKBENCH_WORKSPACE", str(workspace))
    with pytest.raises(Misuse, match="lies outside of"):
        Desk(workspace / "notebooks").begin(**ASKED)
    assert not (workspace / "notebooks" / "mine.ipynb").exists()


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"hypothesis": ""}, "hypothesis is missing"),
        ({"date": "yesterday"}, "date is 'yesterday'"),
        ({"template": "../blank"}, "no template"),
        ({"name": "../x"}, "more than a name"),
        ({"owner": "x" * 101}, "owner has 101 characters"),
    ],
)
def test_what_cannot_be_begun_is_refused_in_words(workspace, wrong, said):
    with pytest.raises(Misuse, match=said):
        Desk(workspace).begin(**{**ASKED, **wrong})


def test_outside_of_a_workspace_it_says_how_to_make_one(tmp_path, monkeypatch):
    monkeypatch.delenv("WORKBENCH_WORKSPACE", raising=False)
    with pytest.raises(Misuse, match="no workspace") as refused:
        Desk(tmp_path).begin(**ASKED)
    assert "workbench init" in refused.value.hint
