"""A notebook's parameters are typed by their cell, and a wrong value is refused in words before anything starts."""

import json
import subprocess
import sys
from datetime import UTC, date, datetime
from pathlib import Path

import jsonschema
import pytest
from hypothesis import given
from hypothesis import strategies as st

from workbench.batch.kinds import Kind, plain, source
from workbench.batch.notebook import content_of, injected
from workbench.batch.parameters import declared, read
from workbench.errors import Misuse

CELL = """
from datetime import date
from pathlib import Path
from typing import Literal

"what is compared, and how surely"
seed: int = 7  # seed of the random numbers, at least 0
alpha: float = 0.05  # significance level, in (0, 1)
label: str = "a = b"  # title of the page
quick: bool = False  # fewer draws
since: date = date(2026, 1, 31)  # first day
source: Path = Path("data/visits.csv")  # where it lies
metric: Literal["visits", "spend"] = "visits"  # what is compared
arms: list[str] = ["free", "paid"]  # names of the arms
shares: list[float] = [0.5, 0.5]  # of each arm, in [0, 1]
limit: int | None = None  # rows to read, above 0
"""
DEFAULTS = {
    "seed": 7,
    "alpha": 0.05,
    "label": "a = b",
    "quick": False,
    "since": date(2026, 1, 31),
    "source": Path("data/visits.csv"),
    "metric": "visits",
    "arms": ["free", "paid"],
    "shares": [0.5, 0.5],
    "limit": None,
}


def of(text):
    """The parameters that one cell declares."""
    cell = {"cell_type": "code", "metadata": {"tags": ["parameters"]}, "source": text}
    return declared([cell], "trial.ipynb")


def one(line):
    return next(iter(of(line)))


def refusal(call, *arguments):
    with pytest.raises(Misuse) as caught:
        call(*arguments)
    assert caught.value.hint, "a refusal names the way out"
    return caught.value.message


# what a cell declares


def test_every_type_is_read_with_its_default_and_help():
    parameters = of(CELL)
    assert {p.name: p.default for p in parameters} == DEFAULTS
    assert len(parameters) == len(DEFAULTS)
    by_name = {p.name: p for p in parameters}
    assert by_name["alpha"].help == "significance level, in (0, 1)"
    assert by_name["alpha"].line == 8
    assert by_name["metric"].type_name == "Literal['visits', 'spend']"
    assert by_name["limit"].type_name == "int | None"


def test_values_left_out_take_their_defaults():
    assert of(CELL).validate({}) == DEFAULTS


@pytest.mark.parametrize(
    ("line", "text", "value"),
    [
        ("n: int = 1", "42", 42),
        ("n: int = 1", " -3 ", -3),
        ("n: int = 1", "1e6", 1_000_000),
        ("x: float = 1.0", "0.25", 0.25),
        ("x: float = 1.0", "1e-3", 0.001),
        ("x: float = 1", "3", 3.0),
        ("name: str = 'a'", "", ""),
        ("name: str = 'a'", "17", "17"),
        ("quick: bool = False", "true", True),
        ("quick: bool = True", "No", False),
        ("quick: bool = False", "1", True),
        ("since: date = date(2026, 1, 1)", "2026-02-28", date(2026, 2, 28)),
        ("where: Path = Path('a')", "b/c.csv", Path("b/c.csv")),
        ("metric: Literal['visits', 'spend'] = 'visits'", "spend", "spend"),
        ("folds: Literal[5, 10] = 5", "10", 10),
        ("arms: list[str] = ['a']", "a, b,c", ["a", "b", "c"]),
        ("arms: list[str] = ['a']", '["a, b", "c"]', ["a, b", "c"]),
        ("arms: list[str] = ['a']", "", []),
        ("shares: list[float] = [1.0]", "0.2,0.8", [0.2, 0.8]),
        ("days: list[date] = []", "2026-01-01", [date(2026, 1, 1)]),
        ("limit: int | None = 5", "none", None),
        ("limit: int | None = None", "5", 5),
        ("limit: None | int = None", "5", 5),
        ("limit: Optional[int] = None", "None", None),
        ("arms: list[str] | None = None", "a,b", ["a", "b"]),
        ("n = 3", "4", 4),
        ("arms = ['a']", "b,c", ["b", "c"]),
    ],
)
def test_a_text_becomes_a_value_of_the_declared_type(line, text, value):
    name = one(line).name
    found = of(line).validate({name: text})[name]
    assert found == value
    assert type(found) is type(value)


@pytest.mark.parametrize(
    ("line", "value"),
    [
        ("n: int = 1", "4.5"),
        ("n: int = 1", "many"),
        ("n: int = 1", True),
        ("n: int = 1", None),
        ("n: int = 1", "9" * 5000),
        ("n: int = 1", 2**63),
        ("n: int = 1", "inf"),
        ("x: float = 1.0", "nan"),
        ("x: float = 1.0", "-inf"),
        ("x: float = 1.0", 10**400),
        ("x: float = 1.0", False),
        ("x: float = 1.0", ""),
        ("x: float = 1.0", []),
        ("name: str = 'a'", 5),
        ("name: str = 'a'", b"bytes"),
        ("name: str = 'a'", "\ud800"),
        ("quick: bool = False", "perhaps"),
        ("quick: bool = False", 2),
        ("since: date = date(2026, 1, 1)", "5"),
        ("since: date = date(2026, 1, 1)", "2026-02-30"),
        ("since: date = date(2026, 1, 1)", datetime(2026, 1, 1, tzinfo=UTC)),
        ("where: Path = Path('a')", ""),
        ("where: Path = Path('a')", "a\0b"),
        ("metric: Literal['visits', 'spend'] = 'visits'", "Visits"),
        ("folds: Literal[5, 10] = 5", "7"),
        ("folds: Literal[0, 1] = 0", True),
        ("arms: list[str] = ['a']", {"a": 1}),
        ("arms: list[str] = ['a']", '["a", 1]'),
        ("arms: list[str] = ['a']", '["a"'),
        ("shares: list[float] = [1.0]", "0.2,,0.8"),
        ("shares: list[float] = [1.0]", "[" * 100_000),
        ("limit: int | None = None", "five"),
    ],
)
def test_what_does_not_fit_is_refused(line, value):
    name = one(line).name
    message = refusal(of(line).validate, {name: value})
    assert message.startswith(f"{name} is ")
    assert "it must be" in message
    assert len(message) < 300


# ranges


@pytest.mark.parametrize(
    ("comment", "inside", "outside"),
    [
        ("in (0, 1)", [0.001, 0.999], [0, 1, -0.1]),
        ("in [0, 1]", [0, 1], [-0.001, 1.001]),
        ("in (0, 1]", [1], [0]),
        ("at least 0.5 or so", [0.5, 9], [0.4]),
        ("above 0", [1e-9], [0]),
        ("at most 3, in dollars", [3, -1e9], [3.1]),
        ("below 3", [2.9], [3]),
        ("above -1 and at most 1", [-0.9, 1], [-1, 1.1]),
        ("0 to 100, a percentage", [0, 100], [-1, 101]),
        ("in (0, 1e-3)", [0.0005], [0.002]),
        ("in (0,1]", [0.5, 1], [0, 1.1]),
        ("in [1,000, 5,000]", [1000, 5000], [999, 5001]),
        ("1,000 to 5,000", [1000, 5000], [5, 5001]),
        ("at least 1,000", [1000], [999]),
        ("at most 1_000_000.5", [1_000_000.5], [1_000_001]),
        ("at least .5", [0.5], [0.4]),
        ("at most 1e+2", [100], [101]),
        ("between 0 and 1", [0, 1], [-0.1, 1.1]),
        ("between -1,000 and .5", [-1000, 0.5], [-1001, 0.6]),
        ("> 0 and < 1", [0.5], [0, 1]),
        (">= 0, <=1", [0, 1], [-0.1, 1.1]),
        ("≥0 and ≤ 1,000", [0, 1000], [-0.1, 1001]),
        ("0 < x <= 1", [0.1, 1], [0, 1.1]),
        ("at most 100%", [100], [101]),
        ("at most 3.", [3], [4]),
    ],
)
def test_a_range_in_the_comment_is_checked(comment, inside, outside):
    parameters = of(f"x: float | None = None  # how much, {comment}")
    for value in inside:
        assert parameters.validate({"x": value}) == {"x": value}
    for value in outside:
        assert "it must be a number" in refusal(parameters.validate, {"x": value})


def test_a_limit_is_told_whole():
    message = refusal(of("n: int = 1  # rows to read, at most 1,234,567").validate, {"n": 2_000_000})
    assert message == "n is 2000000; it must be a whole number at most 1234567"


def test_a_range_holds_for_each_item_of_a_list():
    message = refusal(of("x: list[float] = [0.1]  # levels, in (0, 1)").validate, {"x": "0.1, 2"})
    assert message == "x is '0.1, 2'; it must be a list, each a number in (0, 1)"


@pytest.mark.parametrize(
    "comment",
    [
        "weight of the first arm, see section 2 to begin",
        *("above 1/3", "above 1 / n", "in (1/3, 1)", "at least 10k", "below 10^6", "at most 2 ** 3"),
        *("above 2026-01-01", "2026-01 to 2026-03", "at least 1,5", "at most 1,0000", "at least 1.2.3"),
        *("in (1,000)", "1/2 to 3", "maps 1 -> 2", "a => 3", "x >> 2", "at least one"),
    ],
)
def test_a_comment_whose_numbers_are_no_whole_range_sets_none(comment):
    assert not one(f"x: float = 1.0  # {comment}").kind.bounds


def test_the_comment_of_a_text_sets_no_range():
    assert of("x: str = 'a'  # one word, at least 3 letters").validate({"x": "b"}) == {"x": "b"}


@given(st.floats(allow_nan=False))
def test_a_number_is_taken_exactly_when_it_lies_in_the_range(value):
    kind = Kind("float", bounds={"gt": 0, "le": 1})
    if 0 < value <= 1:
        assert kind.read(str(value)) == value
    else:
        with pytest.raises(ValueError, match="a number in"):
            kind.read(value)


# names


def test_an_unknown_name_is_answered_with_the_nearest():
    assert refusal(of(CELL).validate, {"aplha": "0.1"}).endswith("did you mean alpha?")


def test_a_name_like_none_is_answered_with_all_there_are():
    assert refusal(of("seed: int = 1\nalpha: float = 0.1").validate, {"q": "1"}).endswith("it takes seed, alpha")


def test_all_problems_are_told_at_once():
    message = refusal(of(CELL).validate, {"alpha": "2", "sed": 1, "metric": "age", "since": "soon"})
    assert message.split("; ") == [
        "'sed' is no parameter of trial.ipynb",
        "did you mean seed?",
        "alpha is '2'",
        "it must be a number in (0, 1)",
        "metric is 'age'",
        "it must be one of visits, spend",
        "since is 'soon'",
        "it must be a date like 2026-01-31",
    ]


def test_the_hint_names_the_command_that_lists_the_parameters():
    with pytest.raises(Misuse) as caught:
        of(CELL).validate({"alpha": 2})
    assert caught.value.hint == "workbench params trial.ipynb"


# cells that are refused


@pytest.mark.parametrize(
    ("cell", "said"),
    [
        ("a: int = 1\nprint(a)", "line 2, holds more than an assignment"),
        ("a: int = 1\n\nb: int = int('2')", "line 3: int('2') is no plain value"),
        ("a: str = __import__('os').getcwd()", "line 1: __import__('os').getcwd() is no plain value"),
        ("a: int = 1\nimport os", "line 2, imports more than a parameter needs: import os"),
        ("from os import environ", "line 1, imports more"),
        ("from .x import y", "line 1, imports more"),
        ("a: int", "line 1, holds more than an assignment"),
        ("a = b = 1", "line 1, holds more"),
        ("a, b = 1, 2", "line 1, holds more"),
        ("a.b: int = 1", "line 1, holds more"),
        ("for a in [1]: pass", "line 1, holds more"),
        ("a: int = 1\na: int = 2", "declares a twice"),
        ("a: int = 'x'", "line 1: the default of a is 'x'; it must be a whole number"),
        ("alpha: float = 2.0  # in (0, 1)", "the default of alpha is 2.0; it must be a number in (0, 1)"),
        ("a: Literal['x', 'y'] = 'z'", "it must be one of x, y"),
        ("a: date = date(2026, 2, 30)", "line 1: date(2026, 2, 30) is no plain value"),
        ("a: date = date('x')", "is no plain value"),
        ("a: dict[str, int] = {}", "dict[str, int] is no type that a parameter may have"),
        ("a: int | str = 1", "int | str is no type"),
        ("a: list[list[int]] = []", "is no type"),
        ("a: Literal[['x']] = 'x'", "is no type"),
        ("a: 'int' = 1", "is no type"),
        ("a = None", "the type cannot be told from None"),
        ("a = {1: 2}", "the type cannot be told from {1: 2}"),
        ("a = b'x'", "the type cannot be told"),
        ("a: int = ", "line 1, does not parse"),
        ("a: str = 'x\0'", "does not parse"),
        ("a: float = " + "-" * 50_000 + "1", "trial.ipynb"),
        ("%matplotlib inline", "does not parse"),
    ],
)
def test_a_cell_that_holds_more_than_typed_values_is_refused_with_its_line(cell, said):
    assert said in refusal(of, cell)


def test_nothing_in_the_cell_is_run(tmp_path):
    refusal(of, f"a: str = open({str(tmp_path / 'made')!r}, 'w').name")
    assert not list(tmp_path.iterdir())


# files that are refused


def test_a_notebook_without_a_parameters_cell_is_shown_what_one_looks_like(tmp_path, write_notebook):
    path = write_notebook(tmp_path / "bare.ipynb", "1 + 1")
    with pytest.raises(Misuse, match=r"bare\.ipynb has no parameters cell") as caught:
        read(path)
    assert "alpha: float = 0.05" in caught.value.hint


def test_a_tagged_cell_of_words_is_no_parameters_cell(tmp_path):
    path = tmp_path / "words.ipynb"
    words = {"cell_type": "markdown", "metadata": {"tags": ["parameters"]}, "source": "a: int = 1"}
    path.write_text(json.dumps({"cells": [words], "metadata": {}, "nbformat": 4, "nbformat_minor": 5}))
    assert "has no parameters cell" in refusal(read, path)


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"not json",
        b"\xff\xfe",
        b"[]",
        b'"text"',
        b"{}",
        b'{"cells": 1}',
        b'{"cells": [], "metadata": [], "nbformat": 4, "nbformat_minor": 5}',
        b'{"cells": [1], "nbformat": 4, "nbformat_minor": 5}',
        b'{"cells": [{"cell_type": "code"}], "nbformat": 4, "nbformat_minor": 5}',
        b'{"cells": [{"cell_type": "code", "source": [1]}], "nbformat": 4, "nbformat_minor": 5}',
        b'{"cells": [{"cell_type": "code", "source": "", "metadata": {"tags": 1}}], "nbformat": 4, "nbformat_minor": 5}',  # noqa: E501
        b'{"cells": [], "nbformat": 3, "nbformat_minor": 0}',
        b'{"cells": [], "nbformat": 4, "nbformat_minor": "5"}',
        b"[" * 100_000,
    ],
)
def test_what_is_no_notebook_is_refused(tmp_path, content):
    path = tmp_path / "x.ipynb"
    path.write_bytes(content)
    message = refusal(read, path)
    assert "x.ipynb" in message
    assert len(message) < 400


def test_a_notebook_that_is_not_there_or_a_folder_is_refused(tmp_path):
    assert "cannot be read: No such file" in refusal(read, tmp_path / "none.ipynb")
    assert "cannot be read" in refusal(read, tmp_path)


# what is made of them


def test_the_schema_takes_the_defaults_and_refuses_what_validation_refuses():
    parameters = of(CELL)
    schema = parameters.schema()
    jsonschema.Draft202012Validator.check_schema(schema)
    check = jsonschema.Draft202012Validator(schema)
    defaults = json.loads(json.dumps({name: plain(value) for name, value in DEFAULTS.items()}))
    assert check.is_valid(defaults)
    assert {name: p["default"] for name, p in schema["properties"].items()} == defaults
    for wrong in [
        {"alpha": 1},
        {"alpha": "0.1"},
        {"seed": -1},
        {"metric": "age"},
        {"limit": 0},
        {"shares": [2]},
        {"q": 1},
    ]:
        assert not check.is_valid(wrong), wrong
        refusal(parameters.validate, {name: value for name, value in wrong.items() if value != "0.1"} or {"q": 1})
    assert schema["title"] == "trial"
    assert schema["properties"]["since"]["format"] == "date"


def test_injected_values_are_python_of_their_own_types(tmp_path, write_notebook):
    content = content_of(write_notebook(tmp_path / "n.ipynb", f"#parameters\n{CELL}", "seed"))
    values = of(CELL).validate({"since": "2026-12-24", "arms": ["it's", 'a "b"\n\\'], "limit": "3"})
    made = injected(content, values)
    found = {}
    exec(made["cells"][1]["source"], found)
    assert {name: found[name] for name in values} == values
    assert made["cells"][1]["metadata"]["tags"] == ["injected-parameters"]
    assert len(content["cells"]) == 2, "the notebook that was read is left alone"


def test_values_injected_by_an_earlier_run_are_replaced(tmp_path, write_notebook):
    content = content_of(write_notebook(tmp_path / "n.ipynb", "#parameters\na: int = 1", "a"))
    twice = injected(injected(content, {"a": 2}), {"a": 3})
    assert [cell["source"].splitlines()[-1] for cell in twice["cells"]] == ["a: int = 1", "a = 3", "a"]


def test_cells_of_an_older_format_are_given_no_id(tmp_path, write_notebook):
    content = content_of(write_notebook(tmp_path / "n.ipynb", "#parameters\na: int = 1"))
    assert "id" not in injected({**content, "nbformat_minor": 4}, {"a": 2})["cells"][1]


@given(st.recursive(st.none() | st.text() | st.dates() | st.integers() | st.floats(allow_nan=False), st.lists))
def test_a_value_written_as_python_is_read_back_as_itself(value):
    names = {"date": date, "inf": float("inf")}
    assert eval(source(value), names) == value


def test_a_bad_value_is_refused_without_a_heavy_import(tmp_path, write_notebook):
    path = write_notebook(tmp_path / "n.ipynb", "#parameters\nalpha: float = 0.05  # in (0, 1)")
    code = (
        "import sys, pathlib\n"
        "from workbench.batch import run\n"
        "try:\n"
        "    run(pathlib.Path(sys.argv[1]), {'alpha': '2'}, workspace_root=pathlib.Path(), tracking=None,\n"
        "        ledger=None, actor='', now=None, environ={})\n"
        "except ValueError as error:\n"
        "    print(error.message)\n"
        "heavy = ['nbformat', 'papermill', 'mlflow', 'pandas', 'jupyter_client', 'sklearn']\n"
        "print([name for name in heavy if name in sys.modules])\n"
    )
    done = subprocess.run([sys.executable, "-c", code, str(path)], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines() == ["alpha is '2'; it must be a number in (0, 1)", "[]"]


def test_a_list_that_is_handed_out_is_the_callers_own():
    first = of(CELL).validate({})
    first["arms"].append("other")
    assert of(CELL).validate({})["arms"] == ["free", "paid"]
