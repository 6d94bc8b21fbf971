"""A new experiment is a filled copy of a template: what people write stays text, and reads back as it was given."""

import ast
import json
import sys
from datetime import date
from html.parser import HTMLParser
from pathlib import Path

import mistune
import pytest
from hypothesis import given
from hypothesis import strategies as st

from workbench.batch import templates
from workbench.batch.kinds import plain
from workbench.batch.parameters import declared, read
from workbench.batch.templates import Intent, as_markdown, create, filled, find_template, with_defaults
from workbench.bench import shipped
from workbench.errors import EngineError, Misuse

FOLDER = shipped("templates") / "notebooks"
INTENT = Intent("Free shipping raises orders", "Ada L.", date(2026, 1, 31))
HOSTILE = [
    "<script>alert(1)</script>",
    "<img src=x onerror=alert(1)>",
    "&lt;b&gt; &amp; &#60;",
    "`x` ``y`` ```z```",
    "**bold** _it_ ~~gone~~",
    "[click](javascript:alert(1)) ![x](http://a.invalid/y.png)",
    "[ref]: http://a.invalid",
    "# not a title",
    "- not a list",
    "| a | b |",
    r"$\href{javascript:alert(1)}{x}$ and \(x\) and \begin{equation}x\end{equation}",
    "\\*escaped\\* <!-- comment -->",
    "实验 🧪 ﷽ naïve",
    "{{ jinja }} {% raw %} %(x)s",
]
CELL = """from datetime import date
from pathlib import Path

n: int = 3  # how many, at least 1
share: float = (
    0.5
)  # in (0, 1)
words: list[str] = [
    "ä",
    "b",
]  # some words
since: date = date(2026, 1, 1); path: Path = Path("x")  # two on a line: # 1
title = "a" "b"  # joined
limit: int | None = None  # rows"""


class Shown(HTMLParser):
    """The text of a page, and the tags that are not a plain paragraph's."""

    def __init__(self, html):
        super().__init__(convert_charrefs=True)
        self.text, self.tags = "", set()
        self.feed(html)
        self.close()

    def handle_starttag(self, tag, attributes):
        if tag not in {"p", "span"} or attributes:
            self.tags.add(tag)

    def handle_comment(self, data):
        self.tags.add("comment")

    def handle_data(self, data):
        self.text += data


def shown(markdown):
    return Shown(mistune.create_markdown(escape=False, plugins=["strikethrough", "table", "footnotes"])(markdown))


def cells_of(text):
    return [{"cell_type": "code", "metadata": {"tags": ["parameters"]}, "source": text}]


# what people write is text


@pytest.mark.parametrize("text", HOSTILE)
def test_what_looks_like_markup_is_shown_as_it_was_written(text):
    page = shown(f"Hypothesis: {as_markdown(text)}")
    assert page.text.strip() == f"Hypothesis: {text}"
    assert page.tags == set()


@given(
    st.text(st.characters(codec="utf-8", exclude_categories=["Cc", "Zl", "Zp", "Zs"]), min_size=1)
    .map(str.strip)
    .filter(bool)
)
def test_any_text_is_shown_as_it_was_written(text):
    page = shown(f"Hypothesis: {as_markdown(text)}")
    assert page.text.strip() == f"Hypothesis: {text}"
    assert page.tags == set()


def test_no_sign_of_mathematics_stands_in_a_text_of_its_own_beside_others():
    """MathJax pairs signs within one element's text; each stands alone in its own."""
    html = mistune.html(as_markdown(r"$a$ \(b\)"))
    assert "<span>$</span>a<span>$</span>" in html.replace("&#36;", "$")
    assert "\\(" not in html


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "is missing"),
        (" \n\t ", "is missing"),
        ("x" * 1001, "has 1001 characters"),
        ("a\0b", "control"),
        ("\ud800", "control"),
    ],
)
def test_a_hypothesis_that_cannot_be_kept_is_refused(text, said):
    with pytest.raises(Misuse, match=said):
        filled(find_template(FOLDER, "blank"), Intent(text, "Ada", date(2026, 1, 1)), {})


def test_line_ends_become_blanks_so_that_nothing_begins_a_line():
    content = filled(find_template(FOLDER, "blank"), Intent("one\n\n# two\r\n- three", "Ada", date(2026, 1, 1)), {})
    assert content["metadata"]["workbench"]["hypothesis"] == "one # two - three"
    assert "**Hypothesis:** one # two - three\n" in "".join(content["cells"][0]["source"])


# what is filled in


@pytest.mark.parametrize("name", [path.stem for path in sorted(FOLDER.glob("*.ipynb"))])
def test_title_and_metadata_say_hypothesis_owner_and_day(name, tmp_path):
    template = find_template(FOLDER, name)
    made = json.loads(create(template, INTENT, {}, folder=tmp_path).read_text("utf-8"))
    title = "".join(made["cells"][0]["source"])
    assert title.startswith(f"# {template.question}\n")
    assert "**Hypothesis:** Free shipping raises orders\n" in title
    assert f"**Owner:** Ada L. · **Created:** 2026-01-31 · **Template:** {as_markdown(name)}" in title
    assert made["metadata"]["workbench"] == {
        "template": name,
        "hypothesis": "Free shipping raises orders",
        "owner": "Ada L.",
        "created": "2026-01-31",
    }
    assert made["cells"][1:] == template.content["cells"][1:]


def test_given_parameters_are_the_defaults_that_are_read_back(tmp_path):
    given_ = {"data": 'data/o\'neill "x".csv', "segments": "a,b", "certainty": "0.9", "within": "mean"}
    template = find_template(FOLDER, "experiment")
    path = create(template, INTENT, given_, folder=tmp_path)
    back = {parameter.name: parameter for parameter in read(path)}
    assert {name: back[name].default for name in given_} == {
        "data": Path('data/o\'neill "x".csv'),
        "segments": ["a", "b"],
        "certainty": 0.9,
        "within": "mean",
    }
    for before in template.parameters:
        after = back[before.name]
        assert (after.type_name, after.help) == (before.type_name, before.help)
        assert before.name in given_ or after.default == before.default


def test_a_parameter_that_does_not_fit_is_refused_and_nothing_is_written(tmp_path):
    with pytest.raises(Misuse, match=r"did you mean data.*certainty is '3'"):
        create(find_template(FOLDER, "blank"), INTENT, {"certainty": "3", "dta": "x"}, folder=tmp_path / "n")
    assert not (tmp_path / "n").exists()


def test_other_defaults_leave_the_cell_as_it_was():
    new = {
        "n": 7,
        "share": 0.25,
        "words": ["c'\n"],
        "since": date(2027, 2, 3),
        "path": Path('"'),
        "title": "é",
        "limit": 4,
    }
    text = with_defaults(CELL, new)
    assert {p.name: p.default for p in declared(cells_of(text), "x")} == new
    assert [p.help for p in declared(cells_of(text), "x")] == [p.help for p in declared(cells_of(CELL), "x")]
    assert with_defaults(CELL, {}) == CELL


@given(
    n=st.integers(1, 2**62),
    words=st.lists(st.text(st.characters(codec="utf-8"))),
    title=st.text(st.characters(codec="utf-8")),
)
def test_any_value_is_read_back_as_it_was_given(n, words, title):
    text = with_defaults(CELL, {"n": n, "words": words, "title": title})
    back = {p.name: plain(p.default) for p in declared(cells_of(text), "x")}
    assert (back["n"], back["words"], back["title"]) == (n, words, title)
    ast.parse(text)


# the file


@pytest.mark.parametrize(
    ("name", "stem"), [("", "free-shipping-raises-orders"), ("Q1 orders.ipynb", "Q1-orders"), ("  naïve ", "naive")]
)
def test_the_name_is_in_letters_that_no_file_system_minds(name, stem, tmp_path):
    assert create(find_template(FOLDER, "blank"), INTENT, {}, folder=tmp_path, name=name) == tmp_path / f"{stem}.ipynb"


def test_a_long_hypothesis_gives_whole_words_and_one_without_letters_the_templates_name(tmp_path):
    template = find_template(FOLDER, "blank")
    long = Intent("Customers who were shown the new page buy more often than others", "Ada", date(2026, 1, 1))
    assert create(template, long, {}, folder=tmp_path).stem == "customers-who-were-shown-the-new-page"
    assert create(template, Intent("送料無料", "Ada", date(2026, 1, 1)), {}, folder=tmp_path).stem == "blank"


@pytest.mark.parametrize("name", ["../x", "/etc/x", "a\\b", "..", "実験", "x" * 201, "a\0b"])
def test_a_name_that_is_more_or_less_than_a_name_is_refused(name, tmp_path):
    with pytest.raises(Misuse):
        create(find_template(FOLDER, "blank"), INTENT, {}, folder=tmp_path / "n", name=name)
    assert list(tmp_path.iterdir()) == []


def test_a_file_that_exists_is_never_written_over(tmp_path):
    (tmp_path / "kept.ipynb").write_text("mine")
    with pytest.raises(Misuse, match=r"kept\.ipynb exists already"):
        create(find_template(FOLDER, "blank"), INTENT, {}, folder=tmp_path, name="kept")
    assert [(path.name, path.read_text()) for path in tmp_path.iterdir()] == [("kept.ipynb", "mine")]


def test_what_dies_before_the_end_leaves_no_notebook(tmp_path, monkeypatch):
    monkeypatch.setattr(templates.os, "link", lambda *_: sys.exit())
    with pytest.raises(SystemExit):
        create(find_template(FOLDER, "blank"), INTENT, {}, folder=tmp_path, name="x")
    assert [path.name for path in tmp_path.iterdir() if not path.name.startswith(".")] == []


def test_a_folder_that_cannot_be_written_is_told_in_words(tmp_path):
    (tmp_path / "n").write_text("a file where the folder should be")
    with pytest.raises(EngineError, match="cannot be written"):
        create(find_template(FOLDER, "blank"), INTENT, {}, folder=tmp_path / "n")


def test_an_unknown_template_is_answered_with_the_nearest():
    with pytest.raises(Misuse, match="no template 'experimnt'") as refused:
        find_template(FOLDER, "experimnt")
    assert refused.value.hint == "did you mean experiment?"
    with pytest.raises(Misuse, match=r"\.\./blank"):
        find_template(FOLDER, "../blank")


def test_a_skeleton_without_a_question_is_no_template(tmp_path):
    content = json.loads((FOLDER / "blank.ipynb").read_text("utf-8"))
    (tmp_path / "x.ipynb").write_text(json.dumps({**content, "cells": content["cells"][1:]}))
    with pytest.raises(Misuse, match="has no question"):
        find_template(tmp_path, "x")
