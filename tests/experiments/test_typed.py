"""Names with marks in them can be typed too."""

import pytest

from workbench.errors import Misuse
from workbench.experiments.design import parse_metric, parse_metrics, parse_numbers, parse_pairs, parse_shares
from workbench.experiments.typed import bare, cut, listed


def test_arms_with_commas_are_given_shares():
    assert parse_shares('"x, y"=1, b=1') == {"x, y": 1.0, "b": 1.0}
    assert parse_numbers('"a=b, c"=2.5') == {"a=b, c": 2.5}
    assert parse_pairs('spend="dollars, a year"') == {"spend": "dollars, a year"}


def test_columns_with_slashes_and_commas_make_a_ratio():
    found = parse_metric('r = ratio:"y val"/"a/b"')
    assert (found.name, found.column, found.denominator) == ("r", "y val", "a/b")
    first, second = parse_metrics(
        '"a, b"=mean:"x, y", slow = quantile:"s@1"@0.9', lower='"a, b"', guardrails="slow=0.1"
    )
    assert (first.name, first.column, first.better) == ("a, b", "x, y", "lower")
    assert (second.column, second.quantile, second.margin) == ("s@1", 0.9, 0.1)


def test_a_ratio_whose_only_slash_is_quoted_is_none():
    with pytest.raises(Misuse, match="is no ratio"):
        parse_metric('r=ratio:"a/b"')


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ('a, 5" screen, b', ["a", '5" screen', "b"]),  # a quote within a name is one of its letters
        ('"a, b', ['"a', "b"]),  # one that is never closed too
        ('"say ""no, no""", b', ['say "no, no"', "b"]),
        ('x"a,b"y', ['x"a', 'b"y']),
        ("", []),
    ],
)
def test_quotes_count_only_where_they_enclose_a_piece(text, parts):
    assert list(listed(text)) == parts


def test_a_mark_that_is_not_there_leaves_the_text():
    assert cut('"a=b"', "=") == ("a=b", None) and bare('"') == '"'
