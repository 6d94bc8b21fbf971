"""A run's key changes with everything its outcome depends on, and with nothing else; a miss is explained."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from workbench.batch.content import MOST, Content, differences, in_words

NAMES = st.text("abcdefg_", min_size=1, max_size=6)
DIGESTS = st.text("0123456789abcdef", min_size=4, max_size=4)
VALUES = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text()
CONTENTS = st.builds(
    Content,
    notebook=NAMES,
    cells=st.lists(st.tuples(NAMES, DIGESTS), max_size=5, unique_by=lambda cell: cell[0]).map(tuple),
    parameters=st.dictionaries(NAMES, VALUES | st.lists(VALUES, max_size=3), max_size=4),
    inputs=st.dictionaries(NAMES, DIGESTS, max_size=3),
    modules=st.dictionaries(NAMES, DIGESTS, max_size=3),
    workbench=DIGESTS,
    environment=st.dictionaries(NAMES, DIGESTS, max_size=4),
)
BASE = Content(
    notebook="weekly",
    cells=(("a", "1"), ("b", "2"), ("c", "3")),
    parameters={"seed": 7, "arms": ["x", "y"]},
    inputs={"data.csv": "d"},
    modules={"features": "f"},
    workbench="w",
    environment={"python": "3.11.7", "pandas": "3.0.5"},
)


@given(CONTENTS, CONTENTS)
def test_the_key_is_the_same_exactly_where_nothing_differs(one, other):
    same = all(
        [
            one.notebook == other.notebook,
            [cell for _, cell in one.cells] == [cell for _, cell in other.cells],
            # 1, 1.0 and True are equal to Python, not to a notebook
            repr(sorted(one.parameters.items())) == repr(sorted(other.parameters.items())),
            (one.inputs, one.modules, one.workbench) == (other.inputs, other.modules, other.workbench),
            one.environment == other.environment,
        ]
    )
    assert (one.key == other.key) is same


@given(CONTENTS, st.randoms())
def test_neither_the_order_of_names_nor_the_ids_of_cells_count(content, random):
    def shuffled(mapping):
        items = list(mapping.items())
        random.shuffle(items)
        return dict(items)

    other = replace(
        content,
        cells=tuple((f"other-{number}", cell) for number, (_, cell) in enumerate(content.cells)),
        parameters=shuffled(content.parameters),
        inputs=shuffled(content.inputs),
        environment=shuffled(content.environment),
    )
    assert other.key == content.key


@given(CONTENTS, NAMES, DIGESTS, st.sampled_from(["parameters", "inputs", "modules", "environment"]))
def test_one_more_or_another_detail_gives_another_key_and_is_told(content, name, value, part):
    now = {**getattr(content, part), name: f"{value}!"}
    other = replace(content, **{part: now})
    assert other.key != content.key
    assert any(name in words for words in differences(content, other))


@given(CONTENTS, DIGESTS)
def test_a_changed_cell_gives_another_key_and_is_told(content, value):
    for place, (name, _) in enumerate(content.cells):
        cells = (*content.cells[:place], (name, f"{value}!"), *content.cells[place + 1 :])
        other = replace(content, cells=cells)
        assert other.key != content.key
        assert differences(content, other) == [f"cell {place + 1} changed"]


@given(CONTENTS, CONTENTS)
def test_whoever_has_another_key_is_told_why(one, other):
    same_name = replace(other, notebook=one.notebook)
    assert bool(differences(one, same_name)) or one.key == same_name.key


@given(CONTENTS)
def test_a_content_is_read_as_it_was_written(content):
    assert Content.from_json(content.as_json()) == content
    assert Content.from_json(content.as_json()).key == content.key


@pytest.mark.parametrize("text", ["", "[]", "{}", "null", '{"cells": 3}', '{"cells": [], "doubts": [], "more": 1}'])
def test_what_is_no_content_is_refused(text):
    with pytest.raises(ValueError, match=r"\S"):
        Content.from_json(text)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"parameters": {"seed": 8, "arms": ["x", "y"]}}, ["parameter seed was 7, is 8"]),
        ({"parameters": {"seed": 7.0, "arms": ["x", "y"]}}, ["parameter seed was 7, is 7.0"]),
        ({"parameters": {"seed": 7, "arms": ["x"]}}, ['parameter arms was ["x", "y"], is ["x"]']),
        ({"parameters": {"seed": 7}}, ["parameter arms is gone"]),
        ({"cells": (("a", "1"), ("b", "9"), ("c", "3"))}, ["cell 2 changed"]),
        ({"cells": (("a", "1"), ("b", "2"), ("d", "4"), ("c", "3"))}, ["cell 3 is new"]),
        ({"cells": (("a", "1"),)}, ["2 cells were removed"]),
        ({"cells": (("b", "2"), ("a", "1"), ("c", "3"))}, ["the cells are in another order"]),
        ({"inputs": {"data.csv": "e"}}, ["data.csv changed"]),
        ({"inputs": {}}, ["data.csv is read no more"]),
        ({"modules": {"features": "g"}}, ["module features changed"]),
        ({"workbench": "v"}, ["workbench itself changed"]),
        ({"environment": {"python": "3.11.7", "pandas": "3.0.6"}}, ["pandas 3.0.5 → 3.0.6"]),
        ({"environment": {"python": "3.11.7"}}, ["pandas 3.0.5 → none"]),
    ],
)
def test_a_difference_is_told_in_words(change, said):
    assert differences(BASE, replace(BASE, **change)) == said


def test_many_differences_are_cut_to_a_few():
    told = in_words([f"p{number} 1 → 2" for number in range(MOST + 3)])
    assert told.endswith("; and 3 more")
    assert told.count(";") == MOST


def test_a_doubt_is_no_part_of_the_key():
    assert replace(BASE, doubts=("cell 3 calls the shell or a magic",)).key == BASE.key
