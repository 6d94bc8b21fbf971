"""Rego by a real Open Policy Agent: a server that somebody runs, or a program on this machine.

A policy is pushed under a name derived from the digest of its text, in a package of its own, so that no two
workspaces mix, and it is asked there. It sees its own package and no other data; it may use all of OPA's
built-ins but those that reach outside. A server that is down, late, redirects or answers something else is
a ruling with an error, which is a denial. Every answer names the policy that gave it and the version of OPA, so
that a policy which somebody put in the place of ours is found out, and so is another version where one is asked
for. (Whoever may write to a server can make it say anything; nobody else should be able to.)

    OpaEngine.at("opa+http://localhost:8181?version=1.22.3", seconds=5)
    OpaEngine.at("opa")  # the program on the PATH
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import threading
from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import lru_cache, partial
from pathlib import Path
from typing import Any, NamedTuple, Self

from workbench.engines.opa_server import PrivateServer, find_program
from workbench.engines.opa_wire import Answer, Unreached, Wire, parsed
from workbench.engines.rego import refused
from workbench.engines.rego_builtins import own_package
from workbench.errors import Misuse
from workbench.policy import RULES, Ruling

AT_ONCE = 4  # questions of many that are put at the same time
JSON, TEXT = "application/json", "text/plain"
NAMED = "named_by_workbench"  # the rule by which a policy names itself
VERSION = re.compile(r"\d+(?:\.\d+){1,3}(?:[-+][A-Za-z0-9.-]+)?")


class Asked(NamedTuple):
    """What is pushed for a question: modules by their names, under a name of their own."""

    name: str
    modules: tuple[tuple[str, str], ...]
    names: tuple[str, ...]  # of the policies, as each must name itself


class OpaEngine:
    """Evaluates policies by Open Policy Agent; safe to share between threads."""

    def __init__(self, wire: Wire | Path, *, seconds: float = 5.0, version: str | None = None) -> None:
        self._program = wire if isinstance(wire, Path) else None
        self._wire = None if isinstance(wire, Path) else wire
        self._seconds = seconds
        self._version = version  # of OPA, where only one will do
        self._server: PrivateServer | None = None
        self._pushed: set[str] = set()
        self._owner = os.getpid()
        self._lock = threading.RLock()

    @classmethod
    def at(cls, place: str, *, token: str | None = None, seconds: float = 5.0) -> Self:
        """The engine that a setting names.

        Args:
            place: "opa+http://host:port", "opa+https://host:port", "opa+exec:///path/opa", or "opa"; with
                "?version=1.22.3" behind it, answers of another version of OPA are none.
            token: Bearer token that a server asks for.
            seconds: Wall time one evaluation may take.

        Raises:
            Misuse: It names none.
        """
        place, asks, version = place.partition("?version=")
        if asks and not VERSION.fullmatch(version):
            raise Misuse(f"{version!r} is no version of OPA", hint="write it as `opa version` does: ?version=1.22.3")
        if place == "opa" or place.startswith("opa+exec://"):
            return cls(find_program(place), seconds=seconds, version=version or None)
        parsed(place)
        return cls(Wire(place, token=token, seconds=seconds), seconds=seconds, version=version or None)

    @property
    def told(self) -> str:
        """What it is, in words."""
        return f"OPA ({self._program or (self._wire and self._wire.address)})"

    def evaluate(self, source: str, package: str, document: Mapping[str, Any]) -> Ruling:
        """The values of `allow`, `deny` and `people` in a package, for one input."""
        return self._ruled(source, package, RULES, document)

    def evaluate_many(self, source: str, package: str, documents: Iterable[Mapping[str, Any]]) -> Iterator[Ruling]:
        """The rulings for many inputs, in their order; several at a time."""
        for (ruling,) in self.side_by_side([(source, package)], documents):
            yield ruling

    def side_by_side(
        self,
        policies: Sequence[tuple[str, str]],
        documents: Iterable[Mapping[str, Any]],
        rules: tuple[str, ...] = RULES,
    ) -> Iterator[tuple[Ruling, ...]]:
        """What each of some policies, told by text and package, says of many inputs by some rules, in their order.

        An input is sent once for all of them; where that gives an error, each is asked alone.
        """
        with ThreadPoolExecutor(AT_ONCE) as pool:
            yield from pool.map(partial(self._together, tuple(policies), rules), documents)

    def _together(
        self, policies: tuple[tuple[str, str], ...], rules: tuple[str, ...], document: Mapping[str, Any]
    ) -> tuple[Ruling, ...]:
        if len(policies) > 1 and not any(refused(*policy, embedded=False) for policy in policies):
            answers = self._put(_several(policies, rules), document)
            if not isinstance(answers, Ruling):
                return tuple(_ruling(answer, rules) for answer in answers)
        return tuple(self._ruled(source, package, rules, document) for source, package in policies)

    def _ruled(self, source: str, package: str, rules: tuple[str, ...], document: Mapping[str, Any]) -> Ruling:
        ruling = refused(source, package, embedded=False)
        if ruling is not None:
            return ruling
        answer = self._asked(source, package, rules, document)
        return answer if isinstance(answer, Ruling) else _ruling(answer[0], rules)

    def values(self, source: str, package: str, rules: Sequence[str], document: Mapping[str, Any]) -> dict[str, Any]:
        """The values of some rules, for one input; undefined ones are left out, and "error" says why there are none."""
        ruling = refused(source, package, embedded=False)
        answer = ruling or self._asked(source, package, rules, document)
        if isinstance(answer, Ruling):
            return {"error": answer.error}
        found = _values(answer[0], rules)
        return {"error": "its answer cannot be read"} if found is None else found

    def close(self) -> None:
        """Close the connections; end the program where it is our own."""
        with self._lock:
            if self._wire is not None:
                self._wire.close()
            if self._server is not None:
                self._server.close()
                self._server, self._wire, self._pushed = None, None, set()

    def _asked(self, source: str, package: str, rules: Sequence[str], document: Any) -> list[Any] | Ruling:
        """What the rules of a policy hold, or the ruling where that is not known."""
        return self._put(_one(source, package, tuple(rules)), document)

    def _put(self, asked: Asked, document: Any) -> list[Any] | Ruling:
        """What the rules of each policy hold."""
        question = json.dumps({"input": document}, ensure_ascii=False, allow_nan=False).encode()
        try:
            for _ in range(2):
                wire = self._pushing(asked)
                if isinstance(wire, Ruling):
                    return wire
                path = f"/v1/data/workbench/{asked.name}/asked/them?strict-builtin-errors=true"
                found = _read(wire.send("POST", path, question, JSON))
                if isinstance(found, Ruling):
                    return found
                if "result" in found:
                    return self._checked(asked, found["result"])
                self._pushed.discard(asked.name)  # a server that was started anew knows nothing
        except Unreached as error:
            self._restart()
            return Ruling(None, error=f"{self.told}: {error}", code=error.code)
        return Ruling(None, error=f"{self.told}: it does not know the policy that it was given", code="policy-crash")

    def _checked(self, asked: Asked, result: Any) -> list[Any] | Ruling:
        """What the rules of each policy hold, if those are the policies that were pushed, and OPA is as asked for."""
        told = result if isinstance(result, Mapping) and set(result) == {"opa", "named", "values"} else None
        if told is None or not isinstance(told["values"], list) or len(told["values"]) != len(asked.names):
            return Ruling(None, error="its answer cannot be read", code="policy-crash")
        if told["named"] != [[name] for name in asked.names]:
            self._pushed.discard(asked.name)
            why = "another policy stands where ours was put; the next question puts ours there again"
            return Ruling(None, error=f"{self.told}: {why}", code="policy-skew")
        if self._version is not None and told["opa"] != self._version:
            why = f"it is version {str(told['opa'])[:40]}; policy_engine asks for {self._version}"
            return Ruling(None, error=f"{self.told}: {why}", code="policy-skew")
        return list(told["values"])

    def _pushing(self, asked: Asked) -> Wire | Ruling:
        with self._lock:
            wire = self._reached()
            if asked.name in self._pushed:
                return wire
            for part, text in asked.modules:
                answer = wire.send("PUT", f"/v1/policies/workbench/{asked.name}/{part}", text.encode(), TEXT)
                found = _read(answer)
                if isinstance(found, Ruling):
                    return found
            self._pushed.add(asked.name)
            return wire

    def _reached(self) -> Wire:
        if self._owner != os.getpid():  # forked: what is there belongs to the parent
            self._owner, self._server, self._pushed = os.getpid(), None, set()
            self._wire = None if self._program else self._wire
        if self._wire is not None:
            return self._wire
        if self._program is None:
            raise Unreached("it has no address")
        self._server = PrivateServer(self._program)
        self._server.wait()
        self._wire, self._pushed = Wire(self._server.socket, seconds=self._seconds), set()
        return self._wire

    def _restart(self) -> None:
        # a program of our own that died or hangs is replaced before the next question
        if self._program is not None:
            self.close()


@lru_cache(maxsize=64)
def _one(source: str, package: str, rules: tuple[str, ...]) -> Asked:
    name = _name([package, source, rules])
    return _asking(name, ((name, source, package),), rules)


@lru_cache(maxsize=8)
def _several(policies: tuple[tuple[str, str], ...], rules: tuple[str, ...]) -> Asked:
    name = _name(["together", policies, rules])
    own = tuple((f"{name}.of{number}", source, package) for number, (source, package) in enumerate(policies))
    return _asking(name, own, rules)


def _asking(name: str, policies: tuple[tuple[str, str, str], ...], rules: Sequence[str]) -> Asked:
    """The policies, each in a package of its own and naming itself, and the module by which they are asked.

    A policy is put as it is before it is put with its name, so that what OPA says of its text is about that alone.
    """
    modules = [
        (f"rules{number}", own_package(source, package, own) + told)
        for number, (own, source, package) in enumerate(policies)
        for told in ("", f'\n{NAMED} := "{own}"\n')
    ]
    named = ", ".join(f"[name | name := data.workbench.{own}.rules.{package}.{NAMED}]" for own, _, package in policies)
    values = ", ".join(_values_of(own, package, rules) for own, _, package in policies)
    them = f'{{"opa": opa.runtime().version, "named": [{named}], "values": [{values}]}}'
    asking = ("asked", f"package workbench.{name}.asked\nthem := {them}\n")
    return Asked(name, (*modules, asking), tuple(own for own, _, _ in policies))


def _name(told: list[Any]) -> str:
    return "p" + hashlib.sha256(json.dumps(told).encode()).hexdigest()


def _values_of(name: str, package: str, rules: Sequence[str]) -> str:
    """The object by which a policy is asked; a comprehension is empty where its rule is undefined."""
    of = f"data.workbench.{name}.rules.{package}"
    return "{" + ", ".join(f'"{rule}": [value | value := {of}.{rule}]' for rule in rules) + "}"


def _read(answer: Answer) -> dict[str, Any] | Ruling:
    try:
        found = json.loads(answer.body or b"{}")
    except (ValueError, RecursionError):
        found = None
    if not isinstance(found, dict):
        return Ruling(None, error=f"its answer cannot be read (status {answer.status})", code="policy-crash")
    if answer.status == 200:
        return found
    if answer.status in {401, 403}:
        return Ruling(None, error="it refuses us; does it need another token?", code="policy-unreachable")
    errors = found.get("errors")
    told = [_told(error) for error in errors] if isinstance(errors, list) else []
    return Ruling(None, error="; ".join(dict.fromkeys(told[:3])) or f"it answers with the status {answer.status}")


def _told(error: Any) -> str:
    if not isinstance(error, Mapping):
        return str(error)[:300]
    place = error.get("location")
    row = place.get("row") if isinstance(place, Mapping) else None
    return (f"line {row}: " if row else "") + str(error.get("message", "an error without a word"))[:300]


def _values(answer: Any, rules: Sequence[str]) -> dict[str, Any] | None:
    """The values by rule, undefined ones left out; None where the answer is none of ours."""
    if not isinstance(answer, Mapping) or set(answer) != set(rules):
        return None
    if any(not isinstance(values, list) or len(values) > 1 for values in answer.values()):
        return None
    return {rule: answer[rule][0] for rule in rules if answer[rule]}


def _ruling(answer: Any, rules: Sequence[str]) -> Ruling:
    found = _values(answer, rules)
    if found is None:
        return Ruling(None, error="its answer cannot be read", code="policy-crash")
    deny = found.get("deny", [])
    if not isinstance(deny, list):
        return Ruling(None, error=f"deny must be a set of reasons; it is a {type(deny).__name__}")
    return Ruling(found.get("allow"), tuple(deny), people=found.get("people"))
