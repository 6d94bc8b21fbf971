r"""What of a policy's text has to be understood to tell which rules of two policies differ, and what reads them.

Read are the names that each statement holds, with the key that follows: `limits.age_days` reads that key and no
other. A text is plain where every rule begins a line and has one head, and where nothing in it uses `with`, `else`,
`data`, an import of data or input, or a rule's own metadata; of any other nothing is claimed.

>>> was, will = (Rules(Policy.parse("p", f"package p\nlimits := {{\"a\": {a}, \"b\": 2}}\n")) for a in (1, 3))
>>> was.plain, differing(was, will)
(True, {'limits': frozenset({'a'})})
"""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from functools import cached_property
from typing import Any, NamedTuple

from workbench.policy.source import Policy, without_comments
from workbench.policy.statements import HEAD, NO_RULE, TEXT, Statement, pieces, without_texts

INNERMOST = re.compile(r"[\[({][^\[\](){}]*[\])}]")
SAID = r"(?:(?!\b(?:if|contains|else|default)\b|:=|;|(?<![=!<>])=(?!=))[^\n])+"
PLAIN = re.compile(
    rf"(?:default[ \t]+)?[A-Za-z_]\w*@?(?:[ \t]*:={SAID}|[ \t]+contains\b{SAID})?(?:[ \t]*\bif\b{SAID})?"
)
HEADER = re.compile(r"package[ \t]+(?!data\b)[\w.]+|import[ \t]+(?:rego\.v1|future\.keywords[\w.]*)")
UNCLEAR = re.compile(r"(?<![\w.])(?:with|else|data|rego)(?!\w)|\$|\s\.|\.\s")
WORD = re.compile(r"(?<![\w.])([A-Za-z_]\w*)(?:\.([A-Za-z_]\w*))?")
VALUES = {"true", "false", "null"}
CONSTANT = re.compile(r"[A-Za-z_]\w*\s*:=(.*)", re.DOTALL)
LAST_COMMA = re.compile(rf"({TEXT.pattern})|,(?=\s*[\]}}])")
BLANKS = re.compile(rf"({TEXT.pattern})|[ \t\r]*\n\s*|[ \t\r]+")

NONE = object()  # where a rule is no constant
Keys = frozenset[str] | None  # of a rule's value; None: all of it


class Rule(NamedTuple):
    """A statement of a policy, and what it reads."""

    said: Statement
    alike: str  # its text, the same for texts that differ in blanks and comments only
    words: frozenset[tuple[str, str]]  # each name it holds with the key that follows, "" where none does

    @property
    def in_a_set(self) -> bool:
        """Whether it gives elements to a set."""
        return re.match(rf"{self.said.name}[ \t]+contains\b", self.said.text) is not None

    def reads(self, differing: Mapping[str, Keys]) -> bool:
        """Whether it reads what differs."""
        return any(
            name in differing and ((keys := differing[name]) is None or not key or key in keys)
            for name, key in self.words
        )


class Rules:
    """A policy's statements by the names of their rules."""

    def __init__(self, policy: Policy) -> None:
        self.of = dict[str, list[Rule]]()
        self.head = list[str]()  # its package and its imports
        self.plain = True  # whether all of the text is understood as far as it has to be
        known = pieces(policy.source)
        for one in known:
            code = without_texts(one.text)
            if one.name in NO_RULE:
                self.head.append(_alike(one.text))
                self.plain &= HEADER.fullmatch(one.text) is not None
                continue
            self.plain &= PLAIN.fullmatch(_collapsed(code)) is not None and not UNCLEAR.search(code)
            body = code[HEAD.match(code).end() :]  # type: ignore[union-attr]
            words = frozenset((name, key) for name, key in WORD.findall(body) if name not in VALUES)
            self.of.setdefault(one.name, []).append(Rule(one, _alike(one.text), words))
        whole = "".join(without_comments(policy.source).split())
        self.plain &= whole == "".join("".join(one.text.split()) for one in known)

    @cached_property
    def functions(self) -> frozenset[str]:
        """The names that take arguments."""
        return frozenset(name for name, rules in self.of.items() if any(rule.said.is_function for rule in rules))

    def is_literal(self, name: str) -> bool:
        """Whether a rule is one value that is written out."""
        (one, *more) = self.of[name]
        return not more and not one.words and not one.said.default

    def text(self, name: str, readers: Iterable[Rule] = ()) -> str:
        """The text of a rule; of one that is a constant object only the keys that its readers name, where all do."""
        keys = {key for reader in readers for read, key in reader.words if read == name}
        told = _constant(self.of[name][0]) if len(self.of[name]) == 1 and "" not in keys else None
        if not keys or not isinstance(told, dict):
            return "\n".join(rule.said.text for rule in self.of[name])
        return f"{name} := {_written({key: value for key, value in told.items() if key in keys})}"

    def texts(self, name: str) -> Counter[str]:
        """The texts of a rule's statements."""
        return Counter(rule.alike for rule in self.of.get(name, ()))

    def needed(self, rules: Sequence[Rule]) -> set[str]:
        """The names of the rules that some statements build on, whatever is between."""
        found, left = set[str](), list(rules)
        while left:
            new = {name for name, _ in left.pop().words if name in self.of} - found
            found |= new
            left += [rule for name in new for rule in self.of[name]]
        return found


def differing(was: Rules, will: Rules) -> dict[str, Keys]:
    """The rules whose text differs between two policies, with the keys in which constant objects do."""
    found = dict[str, Keys]()
    for name in was.of.keys() | will.of.keys():
        if was.texts(name) != will.texts(name):
            constants = _constants(was.of.get(name, ()), will.of.get(name, ()))
            found[name] = None if constants is None else _changed(*constants)
    return found


def _constants(was: Sequence[Rule], will: Sequence[Rule]) -> tuple[Any, Any] | None:
    """The values of a rule that is plain JSON in both policies, numbers as they are written."""
    if len(was) != 1 or len(will) != 1:
        return None
    before, after = _constant(was[0]), _constant(will[0])
    return None if before is NONE or after is NONE else (before, after)


def _constant(rule: Rule) -> Any:
    """The value of a rule that is plain JSON, numbers as they are written; `NONE` where it is not."""
    is_ = CONSTANT.fullmatch(rule.said.text)
    try:
        told = LAST_COMMA.sub(lambda found: found[1] or "", is_[1]) if is_ else ""
        return json.loads(told, object_pairs_hook=_once, parse_float=_is, parse_int=_is, parse_constant=_no_json)
    except ValueError:
        return NONE


def _written(constant: Any) -> str:
    """A constant as Rego."""
    if isinstance(constant, tuple):
        return str(constant[0])
    if isinstance(constant, list):
        return f"[{', '.join(map(_written, constant))}]"
    if isinstance(constant, dict):
        return f"{{{', '.join(f'{_written(key)}: {_written(value)}' for key, value in constant.items())}}}"
    return json.dumps(constant, ensure_ascii=False)


def _changed(before: Any, after: Any) -> Keys:
    """The keys in which two constants differ; None where they are no objects."""
    if not isinstance(before, dict) or not isinstance(after, dict):
        return None
    missing = object()
    return frozenset(key for key in before.keys() | after.keys() if before.get(key, missing) != after.get(key, missing))


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    if len(dict(pairs)) != len(pairs):
        raise ValueError("a key comes twice")
    return dict(pairs)


def _is(number: str) -> tuple[str]:
    return (number,)


def _no_json(name: str) -> Any:
    raise ValueError(f"{name} is the name of a rule")


def _alike(text: str) -> str:
    """A text in which blanks are of one form."""
    return BLANKS.sub(lambda found: found[1] or ("\n" if "\n" in found[0] else " "), text)


def _collapsed(code: str) -> str:
    """Code with one sign in the place of each pair of brackets and what it holds."""
    while (shorter := INNERMOST.sub(lambda found: "@" if found[0][0] == "(" else "~", code)) != code:
        code = shorter
    return code
