"""Templates: skeleton notebooks, and the new experiments that are filled copies of them.

A filled copy says in its title cell and in its metadata what is expected (the hypothesis), who answers
for it and since when; the parameters it was given are its new defaults. What people write is text: no
sign of it becomes Markdown, HTML or code. A file that exists is never written over.
"""

from __future__ import annotations

import ast
import difflib
import json
import os
import textwrap
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

from workbench.batch.folders import LONGEST, slug, write_whole
from workbench.batch.kinds import cut, plain, source
from workbench.batch.notebook import TAG, content_of, is_tagged
from workbench.batch.parameters import Parameters, declared
from workbench.errors import EngineError, Misuse

MOST = {"hypothesis": 1000, "owner": 100, "name": 200}  # characters
# "$" and "\\" are set apart, since MathJax looks for its signs in the page and not in the cell
ESCAPES = {"&": "&amp;", "<": "&lt;", ">": "&gt;", "@": "&#64;", "$": "<span>&#36;</span>", "\\": "<span>&#92;</span>"}
MARKDOWN = str.maketrans(ESCAPES | {sign: f"\\{sign}" for sign in "*_`[]|~"})


@dataclass(frozen=True)
class Template:
    """A skeleton notebook: one question, and what it takes."""

    path: Path
    question: str
    content: Mapping[str, Any]
    parameters: Parameters

    @property
    def name(self) -> str:
        """By which a command or a card names it."""
        return self.path.stem

    def as_json(self) -> dict[str, Any]:
        """Name, question and parameters as plain JSON."""
        taken = [
            {"name": p.name, "type": p.type_name, "default": plain(p.default), "help": p.help} for p in self.parameters
        ]
        return {"name": self.name, "question": self.question, "parameters": taken}


@dataclass(frozen=True)
class Intent:
    """What a new experiment is for."""

    hypothesis: str  # what is expected, on one line
    owner: str  # who answers for it
    created: date


def templates(folder: Path) -> list[Template]:
    """The templates in a folder, in the order of their names.

    Raises:
        Misuse: One of them is no notebook with a question and parameters.
    """
    return [_template(path) for path in sorted(folder.glob("*.ipynb"))]


def find_template(folder: Path, name: str) -> Template:
    """The template of a name.

    Raises:
        Misuse: There is none.
    """
    known = {template.name: template for template in templates(folder)}
    if name not in known:
        near = difflib.get_close_matches(name, known, n=1)
        hint = f"did you mean {near[0]}?" if near else f"one of {', '.join(known)}; see: workbench new --list"
        raise Misuse(f"there is no template {cut(name)!r}", hint=hint)
    return known[name]


def create(template: Template, intent: Intent, given: Mapping[str, Any], *, folder: Path, name: str = "") -> Path:
    """A new notebook: a filled copy of a template.

    Args:
        template: What it is made from.
        intent: What it is for.
        given: Parameters' values by name, of their types or as texts; they become its defaults.
        folder: Where it is to lie.
        name: Of its file; by default from the hypothesis.

    Returns:
        Where it lies.

    Raises:
        Misuse: A text is missing, too long or holds control characters, a parameter does not fit, the name has
            no letters or is taken.
        EngineError: The folder cannot be written.
    """
    content = filled(template, intent, given)
    path = folder / f"{_file_stem(name) if name.strip() else _stem_of(intent, template)}.ipynb"
    _place(json.dumps(content, indent=1, ensure_ascii=False) + "\n", path)
    return path


def filled(template: Template, intent: Intent, given: Mapping[str, Any]) -> dict[str, Any]:
    """A template's content with intent and parameters filled in.

    Raises:
        Misuse: A text is missing, too long or holds control characters, or a parameter does not fit.
    """
    hypothesis, owner = one_line("hypothesis", intent.hypothesis), one_line("owner", intent.owner)
    try:
        values = template.parameters.validate(given)
    except Misuse as error:
        raise Misuse(error.message, hint="workbench new --list shows what each template takes") from error
    stated = (
        f"**Hypothesis:** {as_markdown(hypothesis)}\n\n"
        f"**Owner:** {as_markdown(owner)} · **Created:** {intent.created} · **Template:** {as_markdown(template.name)}"
    )
    title, *cells = template.content["cells"]
    at = next(number for number, cell in enumerate(cells) if is_tagged(cell, TAG))
    new = {name: value for name, value in values.items() if name in given}
    cells[at] = _with_text(cells[at], with_defaults("".join(cells[at]["source"]), new))
    cells = [_with_text(title, f"{''.join(title['source']).rstrip()}\n\n{stated}"), *cells]
    about = {"template": template.name, "hypothesis": hypothesis, "owner": owner, "created": str(intent.created)}
    metadata = {**template.content.get("metadata", {}), "workbench": about}
    return {**template.content, "cells": cells, "metadata": metadata}


def with_defaults(text: str, values: Mapping[str, Any]) -> str:
    """A parameters cell with other defaults; names, types and comments stay as they are.

    >>> with_defaults("n: int = 3  # how many, at least 1", {"n": 5})
    'n: int = 5  # how many, at least 1'
    """
    lines = text.encode().splitlines(keepends=True)  # the tree counts in bytes
    for node in reversed(ast.parse(text).body):
        if not isinstance(node, ast.Assign | ast.AnnAssign) or node.value is None:
            continue
        target, old = node.target if isinstance(node, ast.AnnAssign) else node.targets[0], node.value
        if isinstance(target, ast.Name) and target.id in values:
            first, last = old.lineno - 1, (old.end_lineno or old.lineno) - 1
            before, after = lines[first][: old.col_offset], lines[last][old.end_col_offset :]
            lines[first : last + 1] = [before + source(values[target.id]).encode() + after]
    return b"".join(lines).decode()


def as_markdown(text: str) -> str:
    """Markdown that shows a line of text as it is, within a paragraph.

    >>> as_markdown("<b>up</b>")
    '&lt;b&gt;up&lt;/b&gt;'
    """
    return text.translate(MARKDOWN)


def one_line(what: str, text: str) -> str:
    """A text that a person gave, on one line.

    Args:
        what: Which one: a name in `MOST`.
        text: As it was given; any run of blanks and line ends becomes one blank.

    Raises:
        Misuse: Nothing is left of it, it is too long, or it holds control characters.
    """
    line = " ".join(text.split())
    if not line:
        raise Misuse(f"the {what} is missing", hint="say it in a sentence")
    if len(line) > MOST[what]:
        raise Misuse(f"the {what} has {len(line)} characters; it may have {MOST[what]}", hint="write more in a cell")
    if any(unicodedata.category(sign) in {"Cc", "Cs"} for sign in line):
        raise Misuse(f"the {what} holds control characters: {cut(line)!r}", hint="leave them out")
    return line


def _template(path: Path) -> Template:
    """The template in a file.

    Raises:
        Misuse: It is no notebook with a question and parameters.
    """
    content = content_of(path)
    title: dict[str, Any] = next(iter(content["cells"]), {})
    question = "".join(title.get("source", "")).partition("\n")[0]
    if title.get("cell_type") != "markdown" or not question.startswith("# "):
        raise Misuse(f"the template {path} has no question", hint="let its first cell be Markdown: # The question?")
    return Template(path, question.removeprefix("# ").strip(), content, declared(content["cells"], path.name))


def _with_text(cell: Mapping[str, Any], text: str) -> dict[str, Any]:
    return {**cell, "source": text.splitlines(keepends=True)}


def _file_stem(name: str) -> str:
    """The file's name that a person's name for it stands for.

    Raises:
        Misuse: It stands for none.
    """
    stem = one_line("name", name).removesuffix(".ipynb")
    if "/" in stem or "\\" in stem:
        raise Misuse(f"{cut(name)!r} is more than a name", hint="it goes to the workspace's notebooks; move it later")
    found = slug(stem, otherwise="")
    if not found:
        raise Misuse(f"{cut(name)!r} cannot name a file", hint='use letters a to z, digits, "-" and "_"')
    return found


def _stem_of(intent: Intent, template: Template) -> str:
    words = textwrap.shorten(intent.hypothesis, LONGEST, placeholder="") or intent.hypothesis
    return slug(words, otherwise=template.name).lower()


def _place(text: str, path: Path) -> None:
    """Write a new file, whole or not at all.

    Raises:
        Misuse: There is one of this name.
        EngineError: It cannot be written.
    """
    beside = path.with_name(f".{path.name}.{os.getpid()}.new")
    try:
        path.parent.mkdir(exist_ok=True)
        write_whole(beside, text)
        try:
            new = _link(beside, path)
        finally:
            beside.unlink()
    except OSError as error:
        raise EngineError(f"{path} cannot be written: {error.strerror}", hint="look at its permissions") from error
    if not new:
        raise Misuse(f"{path} exists already", hint="give the new notebook another name")


def _link(here: Path, there: Path) -> bool:
    """Whether a file could be given a second name, which nothing had."""
    try:
        os.link(here, there)  # refuses where a rename would replace
    except FileExistsError:
        return False
    return True
