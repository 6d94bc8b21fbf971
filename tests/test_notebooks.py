"""Every notebook is a thin, typed, repeatable call into the package."""

import ast
import json
from pathlib import Path

import pytest

from workbench.batch import parameters

ROOT = Path(__file__).parents[1]
NOTEBOOKS = sorted((ROOT / "notebooks").glob("*.ipynb"))
TEMPLATES = sorted((ROOT / "templates" / "notebooks").glob("*.ipynb"))
APPS = sorted((ROOT / "notebooks" / "apps").glob("*.ipynb"))


def cells(path: Path, kind: str) -> list[dict]:
    return [c for c in json.loads(path.read_text("utf-8"))["cells"] if c["cell_type"] == kind]


@pytest.mark.parametrize("path", NOTEBOOKS + TEMPLATES + APPS, ids=lambda p: p.stem)
def test_is_kept_without_outputs(path):
    assert not any(c["outputs"] or c["execution_count"] for c in cells(path, "code"))


@pytest.mark.parametrize("path", NOTEBOOKS + TEMPLATES + APPS, ids=lambda p: p.stem)
def test_holds_no_logic_of_its_own(path):
    for cell in cells(path, "code"):
        tree = ast.parse("".join(cell["source"]))
        defined = [n for n in ast.walk(tree) if isinstance(n, ast.FunctionDef | ast.ClassDef | ast.AsyncFunctionDef)]
        assert not defined, f"{path.name} defines {defined[0].name}; it belongs in workbench/"


@pytest.mark.parametrize("path", NOTEBOOKS + TEMPLATES, ids=lambda p: p.stem)
def test_opens_with_its_question_and_its_parameters(path):
    notebook = json.loads(path.read_text("utf-8"))
    assert "".join(notebook["cells"][0]["source"]).startswith("# ")
    assert cells(path, "code")[0]["metadata"].get("tags") == ["parameters"]
    assert "record.close()" in "".join(cells(path, "code")[-1]["source"])
    assert len(notebook["cells"]) <= 30


@pytest.mark.parametrize("path", NOTEBOOKS + TEMPLATES, ids=lambda p: p.stem)
def test_says_what_each_parameter_means(path):
    for parameter in parameters.read(path):
        assert parameter.help, f"{parameter.name} has no comment"


@pytest.mark.parametrize("path", APPS, ids=lambda p: p.stem)
def test_an_app_is_two_or_three_cells(path):
    assert 1 <= len(cells(path, "code")) <= 3
