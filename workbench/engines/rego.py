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

from workbench.engines.rego_builtins import own_package, refusal
from workbench.engines.rego_child import RULES
from workbench.engines.rego_children import Children, NoAnswer
from workbench.policy import Ruling

AT_A_TIME = 50  # inputs of many that are put to a child in one go
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
        return refused(source, package) or self._asked(_policy(source, package), source, document)

    def evaluate_many(self, source: str, package: str, documents: Iterable[Mapping[str, Any]]) -> Iterator[Ruling]:
        """The rulings for many inputs, in their order; as many at a time as there are processors."""
        for (ruling,) in self.side_by_side([(source, package)], documents):
            yield ruling

    def side_by_side(
        self, policies: Sequence[tuple[str, str]], documents: Iterable[Mapping[str, Any]]
    ) -> Iterator[tuple[Ruling, ...]]:
        """What each of some policies, told by text and package, rules of many inputs, in their order.

        An input is read once for all of them; where that gives an error, each is asked alone, as ever.
        """
        from concurrent.futures import ThreadPoolExecutor

        no = [refused(*policy) for policy in policies]
        asked = [policy for policy, ruling in zip(policies, no, strict=True) if ruling is None]
        with ThreadPoolExecutor(os.cpu_count() or 1) as pool:
            for part in pool.map(partial(self._together, asked), _parts(documents)):
                for found in part:
                    rulings = iter(found)
                    yield tuple(ruling or next(rulings) for ruling in no)

    def _together(
        self, policies: Sequence[tuple[str, str]], documents: Sequence[Mapping[str, Any]]
    ) -> list[list[Ruling]]:
        if not policies:
            return [[] for _ in documents]
        questions = [json.dumps(one, ensure_ascii=False, allow_nan=False).encode() for one in documents]
        try:
            answers = [
                read_answers(line, len(policies))
                for line in self._children.ask_all(_together_asked(tuple(policies)), questions)
            ]
        except NoAnswer:
            answers = [None] * len(documents)
        return [
            answer or [self._asked(_policy(*policy), policy[0], document) for policy in policies]
            for answer, document in zip(answers, documents, strict=True)
        ]

    def values(self, source: str, package: str, rules: Sequence[str], document: Mapping[str, Any]) -> dict[str, Any]:
        """The values of some rules, for one input; undefined ones are left out, and "error" says why there are none."""
        ruling = refused(source, package)
        if ruling is not None:
            return {"error": ruling.error}
        question = json.dumps(document, ensure_ascii=False, allow_nan=False).encode()
        try:
            found = json.loads(self._children.ask(_policy(source, package, tuple(rules)) + question + b"\n"))
        except (NoAnswer, ValueError) as error:
            return {"error": str(error)}
        return {"error": _parse_error(str(found["error"]), source)} if "error" in found else dict(found)

    def close(self) -> None:
        """End the children that wait."""
        self._children.close()

    def _asked(self, policy: bytes, source: str, document: Mapping[str, Any]) -> Ruling:
        question = json.dumps(document, ensure_ascii=False, allow_nan=False).encode()
        try:
            answer = self._children.ask(policy + question + b"\n")
        except NoAnswer as error:
            return Ruling(None, error=str(error), code=error.code)
        return read_answer(answer, source)


def refused(source: str, package: str, *, embedded: bool = True) -> Ruling | None:
    """A ruling that names the built-in which a policy may not use; None where it uses none."""
    found = refusal(source, package, embedded=embedded)
    if found is None:
        return None
    return Ruling(None, error=f"line {found.line}: it uses {found.name}: {found.why}", code="policy-refused")


def read_answer(text: str | bytes, source: str) -> Ruling:
    """The ruling that an answer tells of, whatever it is."""
    try:
        answer = json.loads(text)
    except (ValueError, RecursionError):
        answer = None
    if not isinstance(answer, dict):
        return Ruling(None, error="its answer cannot be read", code="policy-crash")
    if "error" in answer:
        return Ruling(None, error=_parse_error(str(answer["error"]), source))
    return ruling_of(answer)


def ruling_of(answer: Mapping[str, Any]) -> Ruling:
    """The ruling that the values of the rules come to."""
    deny = answer.get("deny", [])
    if not isinstance(deny, list):
        return Ruling(None, error=f"deny must be a set of reasons; it is a {type(deny).__name__}")
    return Ruling(answer.get("allow"), tuple(deny), people=answer.get("people"))


def read_answers(text: bytes, many: int) -> list[Ruling] | None:
    """The rulings of policies that were asked together; None where one of them has an error."""
    try:
        answers = json.loads(text)
    except (ValueError, RecursionError):
        return None
    well = isinstance(answers, list) and len(answers) == many and all(isinstance(one, dict) for one in answers)
    return [ruling_of(one) for one in answers] if well else None


def _parts(documents: Iterable[Mapping[str, Any]]) -> Iterator[list[Mapping[str, Any]]]:
    left = iter(documents)
    while part := list(islice(left, AT_A_TIME)):
        yield part


@lru_cache(maxsize=64)
def _together_asked(policies: tuple[tuple[str, str], ...]) -> bytes:
    moved = [
        (own_package(source, package, f"p{number}"), f"workbench.p{number}.rules.{package}", RULES)
        for number, (source, package) in enumerate(policies)
    ]
    return json.dumps(moved).encode() + b"\n"


@lru_cache(maxsize=64)
def _policy(source: str, package: str, rules: tuple[str, ...] = RULES) -> bytes:
    return json.dumps([source, package, rules]).encode() + b"\n"


def _parse_error(text: str, source: str) -> str:
    """The interpreter's errors as "line 3: this is unclosed", each once."""
    told: list[str] = []
    for message, offset in PARSE_ERROR.findall(text):
        line = source.encode()[: int(offset)].count(b"\n") + 1
        sentence = f"line {line}: {' '.join(message.split())}"
        if sentence not in told:
            told.append(sentence)
    return "; ".join(told[:3]) or " ".join(text.split())[:300]
