"""No page shows anything to whoever may not look; each app notebook is run as its kernel runs it."""

import ast
import json
from pathlib import Path

import pytest

from workbench.bench import create, open_bench
from workbench.bench.engines import Engines
from workbench.errors import Misuse
from workbench.ledger import ModelVersion
from workbench.promotion import Identity

APPS = sorted((Path(__file__).parents[2] / "notebooks" / "apps").glob("*.ipynb"))


@pytest.fixture(scope="module")
def workspace(tmp_path_factory):
    root = tmp_path_factory.mktemp("roles") / "w"
    create(root)
    with open_bench(root) as bench:
        known = ModelVersion(
            model="lending", version=1, run_id="r", source="s", model_digest="m", data_digest="d",
            feature_set="loan@1", notebook_digest="n", threshold=0.5, parameters={}, metrics={},
            registered_at=bench.now().isoformat(), registered_by="analyst",
        )  # fmt: skip
        told = {"actor": "analyst", "why": "trained", "now": bench.now()}
        bench.ledger.append("version.registered", subject=known.subject, body=known.as_body(), **told)
        for name, role in (("keeper", "admin"), ("visitor", "viewer"), ("analyst", "analyst")):
            bench.desk.change_roles(name, [role], by=Identity("keeper", "os"), why="as we are", now=bench.now())
    return root


@pytest.fixture
def page(workspace, monkeypatch):
    """All texts of a page as somebody sees it."""
    monkeypatch.setenv("WORKBENCH_WORKSPACE", str(workspace))

    def seen(path, identity):
        monkeypatch.setattr(Engines, "identity", property(identity))
        cells = [cell for cell in json.loads(path.read_text("utf-8"))["cells"] if cell["cell_type"] == "code"]
        *first, last = ["".join(cell["source"]) for cell in cells]
        known, tree = {}, ast.parse(last)
        exec("\n".join(first), known)
        try:
            exec(compile(ast.Module(tree.body[:-1], []), path.name, "exec"), known)
            widget = eval(compile(ast.Expression(tree.body[-1].value), path.name, "eval"), known)
            return " ".join(texts(widget)).casefold()
        except Misuse as error:  # the cell itself says no
            return error.message
        finally:
            known["bench"].close()

    return seen


def texts(widget):
    yield str(getattr(widget, "value", ""))
    yield str(getattr(widget, "options", ""))
    yield str(getattr(widget, "rows", ""))
    for child in getattr(widget, "children", ()):
        yield from texts(child)


@pytest.mark.parametrize("path", APPS, ids=lambda path: path.stem)
def test_a_stranger_sees_that_they_may_not_look_and_nothing_else(page, path):
    seen = page(path, lambda _: Identity("stranger", "os"))
    assert "stranger may not" in seen
    assert "lending" not in seen
    assert "fairness_audit" not in seen


@pytest.mark.parametrize("path", APPS, ids=lambda path: path.stem)
def test_whoever_nobody_vouches_for_sees_nothing_either(page, path):
    def nobody(_):
        raise Misuse("nobody vouches for you", hint="come by the proxy")

    assert "nobody vouches for you" in page(path, nobody)


@pytest.mark.parametrize("path", APPS, ids=lambda path: path.stem)
def test_a_viewer_may_look_at_every_page_but_that_on_which_notebooks_are_run(page, path):
    seen = page(path, lambda _: Identity("visitor", "os"))
    assert ("visitor may not run notebooks" in seen) == (path.stem == "run")
    assert path.stem == "run" or "may not look" not in seen
    assert "fairness_audit" in page(APPS[-1], lambda _: Identity("analyst", "os"))
