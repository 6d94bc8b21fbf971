"""Rego by regopy (rego-cpp), in child processes that are kept for the next question.

The children have an empty environment, a time limit and a limit on memory; a crash, a time-out or an answer
that cannot be read come back as a ruling with an error, which is a denial. A built-in that was not proven
equal to OPA's, or that reaches outside, is refused by name before anything runs. What regopy also gets
wrong, and `decide` and the shipped policies guard against: to it, null, true, lists and objects are
greater than every number, and a text is smaller (OPA orders null < booleans < numbers < texts).
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import lru_cache, partial
from itertools import islice
from typing import Any

from workbench.engines.rego_builtins import refusal
from workbench.engines.rego_children import Children, NoAnswer
from workbench.policy import RULES, Ruling

AT_A_TIME = 20  # inputs of many that are put to a child in one go
PARSE_ERROR = re.compile(r"\(errormsg \d+:(.*?)\)\s*\n?\s*\(errorast \|?(\d+)", re.DOTALL)


class RegoEngine:
    """Evaluates policies by regopy; safe to share between threads."""

    def __init__(self, *, seconds: float = 5.0) -> None:
        self._children = Children(seconds)  # seconds: wall time one evaluation may take

    @property
    def told(self) -> str:
        """What it is, in words."""
        return "embedded (regopy)"

    def evaluate(self, source: str, package: str, document: Mapping[str, Any]) -> Ruling:
        """The values of `allow`, `deny` and `people` in a package, for one input."""
        return refused(source, package) or self._asked(source, package, document)

    def evaluate_many(self, source: str, package: str, documents: Iterable[Mapping[str, Any]]) -> Iterator[Ruling]:
        """The rulings for many inputs, in their order; as many at a time as there are processors."""
        for (ruling,) in self.side_by_side([(source, package)], documents):
            yield ruling

    def side_by_side(
        self,
        policies: Sequence[tuple[str, str]],
        documents: Iterable[Mapping[str, Any]],
        rules: tuple[str, ...] = RULES,
    ) -> Iterator[tuple[Ruling, ...]]:
        """What each of some policies, told by text and package, says of many inputs by some rules, in their order.

        An input is read once for all of them; where a child gives up, each question is put alone, as ever.
        """
        from concurrent.futures import ThreadPoolExecutor

        no = [refused(*policy) for policy in policies]
        asked = [policy for policy, ruling in zip(policies, no, strict=True) if ruling is None]
        with ThreadPoolExecutor(os.cpu_count() or 1) as pool:
            for part in pool.map(partial(self._together, asked, rules), _parts(documents)):
                for found in part:
                    rulings = iter(found)
                    yield tuple(ruling or next(rulings) for ruling in no)

    def _together(
        self, policies: Sequence[tuple[str, str]], rules: tuple[str, ...], documents: Sequence[Mapping[str, Any]]
    ) -> list[list[Ruling]]:
        if not policies:
            return [[] for _ in documents]
        questions = [_written(one) for one in documents]
        try:
            lines = self._children.ask_all(_asked_of(tuple((*policy, rules) for policy in policies)), questions)
        except NoAnswer:
            return [[self._asked(*policy, document) for policy in policies] for document in documents]
        sources = [source for source, _ in policies]
        return [read_answers(line, sources) for line in lines]

    def values(self, source: str, package: str, rules: Sequence[str], document: Mapping[str, Any]) -> dict[str, Any]:
        """The values of some rules, for one input; undefined ones are left out, and "error" says why there are none."""
        ruling = refused(source, package)
        if ruling is not None:
            return {"error": ruling.error}
        try:
            asked = _asked_of(((source, package, tuple(rules)),))
            (found,) = json.loads(self._children.ask(asked + _written(document) + b"\n"))
        except (NoAnswer, ValueError) as error:
            return {"error": str(error)}
        return {"error": _parse_error(str(found["error"]), source)} if "error" in found else dict(found)

    def close(self) -> None:
        """End the children that wait."""
        self._children.close()

    def _asked(self, source: str, package: str, document: Mapping[str, Any]) -> Ruling:
        try:
            answer = self._children.ask(_asked_of(((source, package, RULES),)) + _written(document) + b"\n")
        except NoAnswer as error:
            return Ruling(None, error=str(error), code=error.code)
        return read_answers(answer, [source])[0]


def refused(source: str, package: str, *, embedded: bool = True) -> Ruling | None:
    """A ruling that names the built-in which a policy may not use; None where it uses none."""
    found = refusal(source, package, embedded=embedded)
    if found is None:
        return None
    return Ruling(None, error=f"line {found.line}: it uses {found.name}: {found.why}", code="policy-refused")


def read_answers(text: str | bytes, sources: Sequence[str]) -> list[Ruling]:
    """The rulings that an answer tells of, one for each text of a policy, whatever it is."""
    try:
        answers = json.loads(text)
    except (ValueError, RecursionError):
        answers = None
    if not isinstance(answers, list) or len(answers) != len(sources):
        answers = [None] * len(sources)
    return [_ruling(answer, source) for answer, source in zip(answers, sources, strict=True)]


def _ruling(answer: Any, source: str) -> Ruling:
    if not isinstance(answer, dict):
        return Ruling(None, error="its answer cannot be read", code="policy-crash")
    if "error" in answer:
        return Ruling(None, error=_parse_error(str(answer["error"]), source))
    deny = answer.get("deny", [])
    if not isinstance(deny, list):
        return Ruling(None, error=f"deny must be a set of reasons; it is a {type(deny).__name__}")
    return Ruling(answer.get("allow"), tuple(deny), people=answer.get("people"))


def _parts(documents: Iterable[Mapping[str, Any]]) -> Iterator[list[Mapping[str, Any]]]:
    left = iter(documents)
    while part := list(islice(left, AT_A_TIME)):
        yield part


@lru_cache(maxsize=64)
def _asked_of(policies: tuple[tuple[str, str, tuple[str, ...]], ...]) -> bytes:
    return json.dumps(policies).encode() + b"\n"


def _written(document: Mapping[str, Any]) -> bytes:
    return json.dumps(document, ensure_ascii=False, allow_nan=False).encode()


def _parse_error(text: str, source: str) -> str:
    """The interpreter's errors as "line 3: this is unclosed", each once."""
    told: list[str] = []
    for message, offset in PARSE_ERROR.findall(text):
        line = source.encode()[: int(offset)].count(b"\n") + 1
        sentence = f"line {line}: {' '.join(message.split())}"
        if sentence not in told:
            told.append(sentence)
    return "; ".join(told[:3]) or " ".join(text.split())[:300]
