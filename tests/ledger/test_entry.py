"""How JSON is spelled: one text for each value, whichever way it is found."""

import collections
import decimal
import enum
import json
import math

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from workbench.ledger import canonical
from workbench.ledger.entry import read_back

LEAVES = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text()
VALUES = st.recursive(
    LEAVES | st.floats(1e-7, 1e-3) | st.floats(1e14, 1e18),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner) | st.tuples(inner),
)


class Colour(enum.StrEnum):
    RED = "red"


def plainly(value):
    """The spelling as Python's own encoder finds it."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False).encode()


@given(value=VALUES)
@example(value={"a": 1e-05, "b": 1e16, "c": -0.0, "d": 5e-324, "e": 2**70, "f": "\x00\x1f\x7f\u2028"})
def test_a_value_has_one_spelling_whichever_way_it_is_found(value):
    spelled, told = plainly(value), read_back(value)
    assert canonical(value) == spelled
    assert told is None or (told[0], repr(told[1])) == (spelled, repr(json.loads(spelled)))


@pytest.mark.parametrize("value", [{1: "a"}, (1, (2,)), {None: 1}, {True: 1}, [Colour.RED], [True, 1]])
def test_what_is_read_otherwise_than_it_was_given_is_spelled_as_ever(value):
    assert canonical(value) == plainly(value)


@pytest.mark.parametrize("value", [math.nan, math.inf, [-math.inf], {"a": {"b": math.nan}}])
def test_what_is_no_number_is_refused(value):
    with pytest.raises(ValueError, match="not JSON compliant"):
        canonical(value)


@pytest.mark.parametrize("value", [b"ab", {1, 2}, decimal.Decimal("0.5"), collections.UserDict(a=1), object()])
def test_what_is_no_plain_json_is_refused(value):
    with pytest.raises(TypeError, match="not JSON serializable"):
        canonical({"a": value})


def test_a_text_that_is_no_unicode_is_refused():
    with pytest.raises(UnicodeEncodeError, match="surrogates not allowed"):
        canonical({"a": "\ud800"})


def test_a_value_that_holds_itself_is_refused():
    value = {"n": 1}
    value["again"] = value
    with pytest.raises(ValueError, match="Circular reference"):
        canonical(value)
