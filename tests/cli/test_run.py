"""`workbench run` and `workbench params`: checked before anything starts, told in words, with honest exit codes."""

import json
from pathlib import Path

import pytest
from click.testing import CliRunner

from workbench.bench import create
from workbench.bench.workspace import notebook_named
from workbench.cli import main
from workbench.cli.options import pairs

READS = """#p
from datetime import date
n: int = 3  # how many, at least 1
quick: bool = False  # fewer draws
since: date = date(2026, 1, 31)  # first day
arms: list[str] = ["free", "paid"]  # names of the arms
limit: int | None = None  # rows"""
HANDS_OVER = """import workbench
record = workbench.open_bench().record()
record.metric("double", 2 * n)
record.sentence(f"Twice {n} is {2 * n}.")
record.close()"""


def ask(*command, **more):
    return CliRunner().invoke(main, [str(word) for word in command], **more)


def write_notebook(path, *cells):
    code = [
        {
            "cell_type": "code",
            "execution_count": None,
            "id": f"c{number}",
            "metadata": {"tags": ["parameters"]} if text.startswith("#p\n") else {},
            "outputs": [],
            "source": text.removeprefix("#p\n"),
        }
        for number, text in enumerate(cells)
    ]
    path.write_text(json.dumps({"cells": code, "metadata": {}, "nbformat": 4, "nbformat_minor": 5}), "utf-8")
    return path


@pytest.fixture
def notebook(tmp_path):
    return write_notebook(tmp_path / "twice.ipynb", READS)


@pytest.fixture(scope="module")
def workspace(tmp_path_factory):
    root = tmp_path_factory.mktemp("bench") / "w"
    create(root)
    return root


# params


def test_params_lists_names_types_defaults_and_meanings_without_a_workspace(notebook, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    result = ask("params", notebook)
    assert result.exit_code == 0
    rows = [line.split() for line in result.stdout.splitlines() if line.strip()]
    assert rows[0] == ["parameter", "type", "default", "allowed", "unit", "meaning"]
    assert ["n", "int", "3", "at", "least", "1", "how", "many,", "at", "least", "1"] in rows
    assert ["quick", "bool", "false", "fewer", "draws"] in rows
    assert ["since", "date", "2026-01-31", "first", "day"] in rows
    assert ["arms", "list[str]", "free,paid", "names", "of", "the", "arms"] in rows
    assert any(row[:1] == ["limit"] and "none" in row for row in rows)


def test_params_as_json(notebook):
    told = json.loads(ask("params", notebook, "--json").stdout)
    assert told[0] == {
        "name": "n",
        "type": "int",
        "default": 3,
        "allowed": "at least 1",
        "unit": "",
        "help": "how many, at least 1",
    }
    assert told[3]["default"] == ["free", "paid"]
    assert told[2]["default"] == "2026-01-31"


def test_params_as_schema(notebook):
    schema = json.loads(ask("params", notebook, "--schema").stdout)
    assert schema["title"] == "twice"
    assert schema["properties"]["n"]["minimum"] == 1
    assert schema["additionalProperties"] is False


def test_params_shows_what_is_allowed_in_which_unit_and_of_a_secret_its_reference(tmp_path):
    path = write_notebook(
        tmp_path / "more.ipynb",
        """#p
from typing import Literal
from workbench import Secret
budget: float = 10.0  # most that is spent, in USD
metric: Literal["visits", "spend"] = "visits"  # what is compared
token: Secret = Secret("env:WAREHOUSE_TOKEN")  # how it is reached""",
    )
    rows = [line.split() for line in ask("params", path).stdout.splitlines() if line.strip()]
    assert ["budget", "float", "10.0", "USD", "most", "that", "is", "spent,", "in", "USD"] in rows
    assert any(row[0] == "metric" and row[-5:] == ["visits,", "spend", "what", "is", "compared"] for row in rows)
    assert ["token", "Secret", "env:WAREHOUSE_TOKEN", "how", "it", "is", "reached"] in rows
    told = json.loads(ask("params", path, "--json").stdout)
    assert [(p["default"], p["unit"]) for p in told] == [(10.0, "USD"), ("visits", ""), ("env:WAREHOUSE_TOKEN", "")]


def test_params_of_a_notebook_that_takes_none(tmp_path):
    result = ask("params", write_notebook(tmp_path / "none.ipynb", "#p\n"))
    assert result.exit_code == 0
    assert result.stdout == ""
    assert "takes no parameters" in result.stderr


def test_a_notebook_that_is_not_there_is_answered_with_those_that_are():
    result = ask("params", "ab_tset")
    assert result.exit_code == 2
    assert "there is no notebook 'ab_tset'" in result.stderr
    assert "hint: give a path, or one of:" in result.stderr
    assert "did you mean ab_test?" in result.stderr


def test_a_shipped_notebook_is_found_by_its_bare_name(tmp_path, monkeypatch):
    (tmp_path / "notebooks").mkdir()
    shipped = write_notebook(tmp_path / "notebooks" / "ab_test.ipynb", READS)
    monkeypatch.setattr("workbench.bench.workspace.shipped", lambda name: tmp_path / name)
    assert notebook_named(None, "ab_test") == notebook_named(None, "ab_test.ipynb") == shipped


# parameters


def test_a_value_may_hold_further_equal_signs():
    assert pairs(["label=a=b", "empty=", " n =1"]) == {"label": "a=b", "empty": "", "n": "1"}


@pytest.mark.parametrize(
    ("given", "said"), [(["n"], "gives no value"), (["=1"], "no value"), (["n=1", "n=2"], "twice")]
)
def test_a_parameter_without_name_or_value_or_given_twice_is_refused(notebook, given, said):
    result = ask("run", notebook, *(word for text in given for word in ("-p", text)))
    assert result.exit_code == 2
    assert said in result.stderr
    assert "hint:" in result.stderr


def test_all_wrong_parameters_are_told_at_once(notebook, workspace):
    before = list((workspace / "reports" / "runs").iterdir())
    result = ask("run", notebook, "-p", "n=0", "-p", "sinec=2026-01-01", "--workspace", workspace)
    assert result.exit_code == 2
    assert "n is '0'; it must be a whole number at least 1" in result.stderr
    assert "did you mean since?" in result.stderr
    assert list((workspace / "reports" / "runs").iterdir()) == before


# run


@pytest.fixture(scope="module")
def twice(tmp_path_factory):
    return write_notebook(tmp_path_factory.mktemp("notebooks") / "twice.ipynb", READS, HANDS_OVER)


@pytest.fixture(scope="module")
def finished(twice, workspace):
    return ask("run", twice, "-p", "n=21", "--key", "twice/21", "--workspace", workspace)


@pytest.mark.slow
def test_a_run_tells_its_sentence_its_numbers_and_where_the_report_is(finished, workspace):
    assert finished.exit_code == 0, finished.output
    lines = finished.stdout.splitlines()
    assert lines[0] == "Twice 21 is 42."
    assert any(line.split() == ["double", "42"] for line in lines)
    assert lines[-1].startswith(f"report: {workspace}")
    assert lines[-1].endswith("report.html")


@pytest.mark.slow
def test_the_same_key_tells_the_same_again_and_runs_nothing(finished, twice, workspace):
    assert finished.exit_code == 0, finished.output
    before = sorted((workspace / "reports" / "runs").glob("2*"))
    result = ask("run", twice, "-p", "n=21", "--key", "twice/21", "--json", "--workspace", workspace)
    assert result.exit_code == 0
    told = json.loads(result.stdout)
    assert (told["status"], told["metrics"], told["reused"]) == ("finished", {"double": 42.0}, True)
    assert sorted((workspace / "reports" / "runs").glob("2*")) == before


@pytest.mark.slow
@pytest.mark.parametrize("flags", [(), ("--json",)], ids=["words", "json"])
def test_a_run_that_fails_says_why_and_how_far_it_came(tmp_path, workspace, flags):
    path = write_notebook(tmp_path / "broken.ipynb", "#p\nn: int = 3", "n + 1", "raise ValueError('too few people')")
    result = ask("run", path, "--workspace", workspace, *flags)
    assert result.exit_code == 1
    assert "ValueError: too few people" in result.stderr
    partial = result.stderr.splitlines()[-1].removeprefix("as far as it came: ")
    cells = json.loads(Path(partial).read_text("utf-8"))["cells"]
    shown = [output["data"] for cell in cells for output in cell.get("outputs", []) if "execute_result" in str(output)]
    assert shown == [{"text/plain": ["4"]}]
    if flags:
        assert json.loads(result.stdout)["status"] == "failed"
    else:
        assert result.stdout == ""


@pytest.mark.slow
def test_an_error_of_ours_in_a_cell_is_told_with_its_hint(workspace, tmp_path):
    raises = "from workbench.errors import Misuse\nraise Misuse(f'n is {n}; at least 5 are needed', hint='-p n=5')"
    path = write_notebook(tmp_path / "few.ipynb", READS, raises)
    result = ask("run", path, "--workspace", workspace)
    assert result.exit_code == 1
    assert "few failed: cell 3 failed: n is 3; at least 5 are needed\nhint: -p n=5\n" in result.stderr
