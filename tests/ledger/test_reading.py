"""Entries are found by all that is asked for, and by nothing that only looks like it."""

import json

import pytest

from workbench.errors import Misuse
from workbench.ledger import ModelVersion, Wanted, digest


@pytest.fixture
def told(story):
    """Six entries; subjects with the signs that LIKE and GLOB would take for wildcards."""
    for subject, kind in [
        ("lending/1", "version.seen"),
        ("lending/2", "note"),
        ("lend_ng/1", "note"),
        ("lend%/1", "note"),
        ("Lending/1", "note"),
        ("lend*/1", "other"),
    ]:
        story.note(subject, kind=kind)
    return story


def seqs(entries):
    return [entry.seq for entry in entries]


def test_all_entries_come_in_their_order(told, ledger):
    assert seqs(ledger.entries()) == [1, 2, 3, 4, 5, 6]
    assert seqs(ledger.entries(newest_first=True)) == [6, 5, 4, 3, 2, 1]


@pytest.mark.parametrize(
    ("prefix", "expected"),
    [
        ("lending/", [1, 2]),
        ("lend_ng/", [3]),
        ("lend%", [4]),
        ("%", []),
        ("_", []),
        ("lend*", [6]),
        ("Lending/", [5]),
        ("lend[i]ng", []),
        ("", [1, 2, 3, 4, 5, 6]),
        ("'", []),
        ("lending/1 and more", []),
    ],
)
def test_a_prefix_is_taken_letter_by_letter(told, ledger, prefix, expected):
    assert seqs(ledger.entries(prefix=prefix)) == expected


def test_a_prefix_counts_letters_and_not_bytes(story, ledger):
    story.note("müßig/1")
    story.note("🦉/1")
    assert seqs(ledger.entries(prefix="müßig/")) == [1]
    assert seqs(ledger.entries(prefix="🦉/")) == [2]


def test_a_subject_is_taken_whole(told, ledger):
    assert seqs(ledger.entries(subject="lending/1")) == [1]
    assert seqs(ledger.entries(subject="lending/")) == []
    assert seqs(ledger.entries(subject="lend%/1")) == [4]


def test_kinds_are_one_or_one_of_several_or_none(told, ledger):
    assert seqs(ledger.entries(kind="note")) == [2, 3, 4, 5]
    assert seqs(ledger.entries(kind=("version.seen", "other"))) == [1, 6]
    assert seqs(ledger.entries(kind=())) == []


def test_all_that_is_asked_holds_together(told, ledger):
    assert seqs(ledger.entries(kind="note", prefix="lend", since=2, newest_first=True, limit=1)) == [4]
    assert seqs(ledger.entries(kind="note", subject="lending/1")) == []


def test_several_lists_are_read_at_once_each_in_its_order(told, ledger):
    """As `entries` reads each of them alone."""
    notes, last, both, none, about = ledger.gather(
        Wanted(("note",)),
        Wanted(("note",), newest=True),
        Wanted(("other", "version.seen")),
        Wanted(("note",), "lending/1"),
        Wanted(("version.seen", "other"), "lending/1", newest=True),
    )
    assert [seqs(found) for found in (notes, last, both, none, about)] == [[2, 3, 4, 5], [5], [1, 6], [], [1]]
    assert notes == ledger.entries(kind="note")
    assert ledger.gather() == []


def test_the_last_number_is_that_of_the_newest_entry(told, ledger):
    assert ledger.last == ledger.entries(newest_first=True, limit=1)[0].seq == 6


def test_how_a_model_stands_is_read_with_the_last_number(story, ledger):
    assert ledger.standing("lending") == (0, [])
    story.note()
    assert ledger.standing("lending") == (1, [])
    story.move(3)
    story.move(4, slot="canary", kind="stage.granted")
    story.move(4, slot="canary", kind="stage.cleared", expected=1)
    story.move(1, model="churn")
    assert ledger.standing("lending") == (ledger.last, ledger.heads(model="lending", cleared=True))
    assert [(head.slot, head.version) for head in ledger.standing("lending")[1]] == [("canary", None), ("champion", 3)]


@pytest.mark.parametrize(("since", "limit", "expected"), [(0, 2, [1, 2]), (4, None, [5, 6]), (6, 9, []), (0, 0, [])])
def test_since_is_exclusive_and_a_limit_is_kept(told, ledger, since, limit, expected):
    assert seqs(ledger.entries(since=since, limit=limit)) == expected


# versions


def version(model, number, **changed):
    said = {
        "model": model,
        "version": number,
        "run_id": "r",
        "source": "runs:/r/model",
        "model_digest": "m",
        "data_digest": "d",
        "feature_set": "loan-credit@1",
        "notebook_digest": "n",
        "threshold": 0.5,
        "parameters": {},
        "metrics": {"f1": 0.9},
        "registered_at": "2026-01-01T00:00:00+00:00",
        "registered_by": "analyst",
    }
    return ModelVersion(**{**said, **changed})


@pytest.fixture
def registered(story):
    for model, number in [("lending", 10), ("lending", 2), ("lending2", 1), ("churn", 1)]:
        found = version(model, number)
        story.note(found.subject, kind="version.registered", body=found.as_body())
    story.note("lending/2", body={"no": "version"})
    return story


def test_versions_are_sorted_by_model_and_number(registered, ledger):
    assert [v.subject for v in ledger.versions()] == ["churn/1", "lending/2", "lending/10", "lending2/1"]
    assert [v.subject for v in ledger.versions("lending")] == ["lending/2", "lending/10"]
    assert ledger.versions("lend") == []


def test_a_version_is_read_back_whole(registered, ledger):
    assert ledger.version("lending", 10) == version("lending", 10)


def test_fields_of_a_later_workbench_are_left_out():
    assert ModelVersion.from_body({**version("lending", 1).as_body(), "colour": "red"}) == version("lending", 1)


def test_an_unknown_version_is_answered_with_the_known_ones(registered, ledger):
    with pytest.raises(Misuse, match="lending has no version 3") as caught:
        ledger.version("lending", 3)
    assert caught.value.hint == "lending has the versions 2, 10"


def test_an_unknown_model_is_answered_with_the_known_ones(registered, ledger):
    with pytest.raises(Misuse, match="loans has no version 1") as caught:
        ledger.version("loans", 1)
    assert caught.value.hint == "registered models: churn, lending, lending2"


def test_an_empty_ledger_tells_how_a_first_version_comes(ledger):
    with pytest.raises(Misuse) as caught:
        ledger.version("lending", 1)
    assert "workbench run train" in caught.value.hint


# export


def test_exported_lines_rehash_to_what_they_say(story, ledger):
    story.note(body={"ü": [1.5, None, "\u2028"]}, key="k", why="zwei\nZeilen")
    story.move(1)
    lines = [line for line in ledger.export() if '"seq"' in line and not line.startswith('{"effect"')]
    prev = "0" * 64
    for line, entry in zip(lines, ledger.entries(), strict=True):
        told = json.loads(line)
        said = told.pop("hash")
        assert told["prev"] == prev
        assert digest(told) == said == entry.hash
        assert len(line.split("\n")) == 1
        prev = said


def test_an_empty_ledger_exports_nothing(ledger):
    assert list(ledger.export()) == []
    assert ledger.verify().valid
    assert ledger.verify().tip == "0" * 64
