"""Input is checked field by field before a model sees it, and a refusal names the row, the field and the way out."""

import json

import numpy as np
import pytest

from workbench.errors import EngineError
from workbench.serving.inputs import decoded
from workbench.serving.schema import Refused, Schema

COLUMNS = {
    "income": "double", "rate": "float", "loans": "long", "year": "integer",
    "cosigner": "boolean", "purpose": "string", "at": "datetime",
}  # fmt: skip
ROW = {
    "income": 4.5, "rate": 0.5, "loans": 2, "year": 1990,
    "cosigner": True, "purpose": "house", "at": "2026-01-01T10:00:00+01:00",
}  # fmt: skip
SCHEMA = Schema.of("lending 1", COLUMNS)


def frame(rows, schema=SCHEMA):
    return schema.frame([tuple(row.values()) for row in schema.checked(rows)])


def refusal(body, *, schema=SCHEMA, most=100):
    with pytest.raises(Refused) as caught:
        schema.checked(decoded(body if isinstance(body, bytes) else json.dumps(body).encode(), most=most))
    return caught.value


def test_a_good_row_becomes_a_frame_of_the_signatures_types():
    made = frame([ROW, ROW])
    assert [str(kind) for kind in made.dtypes[:5]] == ["float64", "float32", "int64", "int32", "bool"]
    assert made["at"].iloc[0].isoformat() == "2026-01-01T09:00:00"
    assert len(made) == 2


def test_fields_come_in_the_signatures_order_whatever_the_clients_is():
    (row,) = SCHEMA.checked([dict(reversed(ROW.items()))])
    assert list(row) == list(COLUMNS)


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("income", "4.5"), ("income", None), ("income", True), ("income", [4.5]), ("income", 10**400),
        ("rate", 1e39), ("loans", 2.5), ("loans", True), ("loans", 2**63), ("year", 2**31), ("year", "1990"),
        ("cosigner", 1), ("cosigner", "yes"), ("purpose", 1), ("purpose", None), ("at", "yesterday"), ("at", 5),
    ],
)  # fmt: skip
def test_a_value_of_a_wrong_kind_is_refused_by_name(field, value):
    refused = refusal([ROW, {**ROW, field: value}])
    assert refused.status == 422
    assert [(problem.row, problem.field) for problem in refused.problems] == [(1, field)]


@pytest.mark.parametrize("text", ["NaN", "Infinity", "-Infinity", "1e999", "-1e999"])
def test_numbers_that_are_none_are_refused_by_name(text):
    body = json.dumps({"rows": [ROW]}).replace("4.5", text).encode()
    (problem,) = refusal(body).problems
    assert (problem.row, problem.field, problem.needs) == (0, "income", "it must be a finite number within ±3.4e38")


@pytest.mark.parametrize("value", ["1e39", "-3.5e38", "1" + "0" * 40])
def test_a_number_that_no_compiled_form_can_take_is_the_clients_error_and_no_versions(value):
    body = json.dumps({"rows": [ROW]}).replace("4.5", value).encode()
    (problem,) = refusal(body).problems
    assert (problem.field, problem.needs) == ("income", "it must be a finite number within ±3.4e38")


def test_a_whole_number_may_be_written_with_a_point():
    assert SCHEMA.checked([{**ROW, "loans": 2.0}])[0]["loans"] == 2


def test_a_missing_field_is_named():
    refused = refusal({name: value for name, value in ROW.items() if name != "income"})
    assert str(refused) == "row 0: 'income' is missing; it must be a finite number within ±3.4e38"
    assert "lending 1 takes income, rate: a finite number within ±3.4e38; " in refused.hint


def test_an_extra_field_is_named_with_its_nearest():
    (problem,) = refusal({**ROW, "incom": 1}).problems
    assert (problem.field, problem.needs) == ("incom", "did you mean 'income'?")


def test_all_problems_are_told_at_once_up_to_a_bound():
    refused = refusal([{**ROW, "income": None}] * 50)
    assert "and 49 more" in str(refused)
    assert len(refused.problems) == 20


def test_half_of_a_surrogate_pair_is_no_text():
    assert refusal(b'{"rows": [' + json.dumps({**ROW, "purpose": "\ud800"}).encode() + b"]}").problems


@pytest.mark.parametrize(
    "body",
    [
        [], {"rows": []}, 5, "row", None, [5], {"rows": {"a": 1}}, {"rows": [ROW], "params": {}},
        {"dataframe_split": {"columns": ["a"]}}, {"dataframe_split": {"columns": ["a"], "data": [[1, 2]]}},
        {"dataframe_split": {"columns": ["a", "a"], "data": [[1, 2]]}}, {"dataframe_split": []},
        {"dataframe_split": {"columns": [["a"]], "data": [[1]]}}, {"inputs": {"a": [1], "b": [1, 2]}},
        {"inputs": {"a": 1}}, {"inputs": [[1, 2]]}, {"dataframe_records": [[1]]}, {"inputs": {}},
    ],
    ids=str,
)  # fmt: skip
def test_a_body_in_no_known_form_is_refused_with_the_form_it_should_have(body):
    refused = refusal(body)
    assert refused.status == 422
    assert refused.hint


@pytest.mark.parametrize("body", [b"", b"\xff\xfe", b"{", b"rows=1", b'{"a": ' + b"9" * 10_000 + b"}", b"[" * 10_000])
def test_what_is_no_json_is_a_400(body):
    assert refusal(body).status in {400, 422}


def test_a_field_named_like_a_form_is_still_a_field():
    schema = Schema.of("shop 1", {"rows": "long"})
    assert schema.checked(decoded(b'{"rows": 3}', most=5)) == [{"rows": 3}]


def test_a_type_that_does_not_travel_in_json_is_the_versions_fault():
    with pytest.raises(EngineError, match="picture"):
        Schema.of("lending 1", {"picture": "binary"})


def test_scores_of_a_checked_row_do_not_depend_on_its_neighbours():
    rows = [{**ROW, "income": float(n)} for n in range(50)]
    together = frame(rows)["income"].to_numpy()
    alone = [frame([row])["income"].iloc[0] for row in rows]
    np.testing.assert_array_equal(together, alone)


def test_a_time_that_nanoseconds_do_not_hold_is_refused_and_never_becomes_another():
    for at in ("9999-12-31T00:00:00", "1500-01-01", "0001-01-01T00:00:00+23:59"):
        refused = refusal({**ROW, "at": at})
        assert [problem.field for problem in refused.problems] == ["at"]


def test_a_body_of_a_hundred_thousand_wrong_names_is_refused_without_looking_for_near_ones():
    names = {f"incom{number}": 1 for number in range(100_000)}
    refused = refusal({**ROW, **names})
    assert str(refused).endswith("(and 99999 more)")
    assert [problem.needs for problem in refused.problems][:2] == ["did you mean 'income'?"] * 2


def test_a_value_that_is_nested_to_any_depth_is_refused_in_words():
    for depth in range(950, 1000):
        body = b'{"rows": [{"income": ' + b"[" * depth + b"]" * depth + b"}]}"
        assert refusal(body).status in {400, 422}
