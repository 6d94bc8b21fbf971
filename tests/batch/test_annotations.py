"""A line's comment may name a unit, and its annotation may set limits in pydantic's words; nothing of it is run."""

import jsonschema
import pytest

from workbench.batch.annotations import UNITS, unit_of
from workbench.batch.parameters import declared
from workbench.errors import Misuse


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


# units


@pytest.mark.parametrize(
    ("comment", "unit"),
    [
        ("most that is spent, in USD, at least 0", "USD"),
        ("seconds to wait, 1 to 60", "seconds"),
        ("share that is kept, in %, 0 to 100", "%"),
        ("in (0, 1)", ""),
        ("in years", "years"),
        ("time in ms", "ms"),
        ("rows to read, above 0", "rows"),
        ("how many rows", ""),
        ("in dollarsign", ""),
        ("daysight", ""),
        ("in the USD zone", ""),
        ("", ""),
    ],
)
def test_a_unit_is_told_after_in_or_by_the_first_word(comment, unit):
    assert one(f"x: float = 1.0  # {comment}".replace("in (0, 1)", "in (0, 2)")).unit == unit


def test_every_unit_of_the_vocabulary_is_understood_whole():
    assert [unit_of(f"how much, in {unit}, at least 0") for unit in UNITS] == list(UNITS)


def test_only_a_number_has_a_unit():
    assert one("x: str = 'a'  # name, in USD").unit == ""
    assert one("x: list[int] | None = None  # limits, in GB").unit == "GB"


def test_the_schema_and_the_description_have_the_unit():
    parameters = of("budget: float = 10.0  # most that is spent, in USD, at least 0\nseed: int = 1  # seed")
    properties = parameters.schema()["properties"]
    assert properties["budget"] == {
        "type": "number",
        "minimum": 0,
        "default": 10.0,
        "description": "most that is spent, in USD, at least 0",
        "x-unit": "USD",
    }
    assert "x-unit" not in properties["seed"]
    assert next(iter(parameters)).described["allowed"] == "at least 0"


# Annotated


@pytest.mark.parametrize(
    ("line", "inside", "outside", "needed"),
    [
        ("Annotated[float, Field(gt=0, lt=1)] = 0.5", [0.1], [0, 1], "a number in (0, 1)"),
        ("Annotated[int | None, Field(ge=1)] = None", [1, None], [0], "a whole number at least 1, or none"),
        ("Annotated[int, Field(ge=1)] | None = None", [1, None], [0], "a whole number at least 1, or none"),
        ("Annotated[list[float], Field(le=3)] = [1]", [[3], []], [[1, 4]], "a list, each a number at most 3"),
        ("list[Annotated[int, Field(lt=3)]] = [1]", [[2]], [[3]], "a list, each a whole number below 3"),
        ("Annotated[str, Field(min_length=1)] = 'a'", ["b"], [""], "a text of at least 1 character"),
        ("Annotated[str, Field(max_length=3)] = 'a'", ["abc"], ["abcd"], "a text of at most 3 characters"),
        (
            "Annotated[list[str], Field(min_length=1), Field(max_length=2)] = ['a']",
            ["a", "a,b"],
            ["", "a,b,c"],
            "a list of 1 to 2 items, each a text",
        ),
        ("Annotated[int, Field(gt=-5)] = 1  # at least 3", [-4], [-5], "a whole number above -5"),
    ],
)
def test_a_field_sets_limits(line, inside, outside, needed):
    parameters = of(f"x: {line}")
    check = jsonschema.Draft202012Validator(parameters.schema())
    for value in inside:
        read = parameters.validate({"x": value})["x"]
        assert check.is_valid({"x": read})
    for value in outside:
        assert refusal(parameters.validate, {"x": value}).endswith(f"it must be {needed}")
        assert isinstance(value, str) or not check.is_valid({"x": value})


def test_whole_numbers_keep_to_limits_between_them():
    parameters = of("n: int = 1  # how many, above 0.5 and below 2.5")
    assert [parameters.validate({"n": n})["n"] for n in (1, 2)] == [1, 2]
    for n in (0, 3):
        assert "it must be a whole number in (0.5, 2.5)" in refusal(parameters.validate, {"n": n})


def test_a_field_may_describe_and_a_comment_goes_before_it():
    field = 'Field(description="most that is spent, in EUR, at least 0")'
    described = one(f"x: Annotated[float, {field}] = 1.0")
    assert (described.help, described.unit) == ("most that is spent, in EUR, at least 0", "EUR")
    assert described.kind.bounds == {"ge": 0}
    assert described.type_name == "float"
    assert one("x: list[Annotated[int, Field(gt=0)]] | None = None").type_name == "list[int] | None"
    assert one(f"x: Annotated[float, {field}] = 1.0  # a budget").help == "a budget"


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("x: Annotated[float, Field(gt=open('made', 'w'))] = 1.0", "is no plain value"),
        ("x: Annotated[float, print('a')] = 1.0", "print('a') is no Field(…)"),
        ("x: Annotated[float, 'm'] = 1.0", "'m' is no Field(…)"),
        ("x: Annotated[float, Field(0)] = 1.0", "says more than is understood"),
        ("x: Annotated[float, Field(**{'gt': 0})] = 1.0", "says more than is understood"),
        ("x: Annotated[float, Field(gt='0')] = 1.0", "says more than is understood"),
        ("x: Annotated[float, Field(gt=True)] = 1.0", "says more than is understood"),
        ("x: Annotated[float, Field(gt=1e999)] = 1.0", "says more than is understood"),
        (f"x: Annotated[float, Field(lt=1{'0' * 400})] = 1.0", "says more than is understood"),
        ("x: Annotated[str, Field(min_length=-1)] = 'a'", "says more than is understood"),
        ("x: Annotated[str, Field(pattern='a')] = 'a'", "says more than is understood"),
        ("x: Annotated[str, Field(gt=0)] = 'a'", "gt is for numbers only"),
        ("x: Annotated[int, Field(min_length=1)] = 1", "min_length is for lists and texts only"),
        ("x: Annotated[float, Field(gt=2)] = 1.0", "the default of x is 1.0; it must be a number above 2"),
        ("x: Annotated[float] = 1.0", "is no type"),
        ("x: list[Annotated[str, Field(min_length=1)]] = []", "is no type"),
    ],
)
def test_a_field_that_says_more_is_refused_and_not_run(line, said, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert said in refusal(of, line)
    assert not list(tmp_path.iterdir())
