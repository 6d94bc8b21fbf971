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
from functools import lru_cache
from typing import Any

from workbench.engines.rego_builtins import refusal
from workbench.engines.rego_child import RULES
from workbench.engines.rego_children import Children, NoAnswer
from workbench.policy import Ruling

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
        from concurrent.futures import ThreadPoolExecutor

        ruling, policy = refused(source, package), _policy(source, package)
        if ruling is not None:
            yield from (ruling for _ in documents)
            return
        with ThreadPoolExecutor(os.cpu_count() or 1) as pool:
            yield from pool.map(lambda document: self._asked(policy, source, document), documents)

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
        deny = answer.get("deny", [])
    except (ValueError, AttributeError, RecursionError):
        return Ruling(None, error="its answer cannot be read", code="policy-crash")
    if "error" in answer:
        return Ruling(None, error=_parse_error(str(answer["error"]), source))
    if not isinstance(deny, list):
        return Ruling(None, error=f"deny must be a set of reasons; it is a {type(deny).__name__}")
    return Ruling(answer.get("allow"), tuple(deny), people=answer.get("people"))


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
