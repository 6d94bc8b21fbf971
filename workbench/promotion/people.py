"""Who may do what: people with their roles, read from the ledger's entries; pure, no IO.

An entry `people.changed` gives one person their roles anew, and the ledger is the only list of people.
A workspace in which nobody was ever named belongs to whoever uses it: they may do everything, but not
approve under high stakes what they made or asked for themselves (see `approvals`).

>>> roster = Roster({"risk-officer": frozenset({"approver"})})
>>> roster.may("Risk-Officer ", "approve"), roster.may("analyst", "approve")
(True, False)
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Literal

from workbench.errors import Misuse
from workbench.ledger import Entry

Right = Literal["look", "ask", "approve", "administer"]
Source = Literal["os", "jupyterhub", "proxy"]

CHANGED = "people.changed"
MACHINE = "workbench"  # what acts by itself: it may ask for moves, which a policy judges; no person has the name
RIGHTS: Mapping[str, frozenset[Right]] = {
    "viewer": frozenset({"look"}),
    "analyst": frozenset({"look", "ask"}),
    "approver": frozenset({"look", "ask", "approve"}),
    "admin": frozenset({"look", "ask", "administer"}),
}
ROLE = re.compile(r"[a-z][a-z0-9-]{0,39}")
OTHER: frozenset[Right] = frozenset({"look", "approve"})  # of a role of a workspace's own, e.g. "risk-officer"
TOLD: Mapping[Right, str] = {
    "look": "look",
    "ask": "move a model",
    "approve": "decide on what waits for people",
    "administer": "change people, the guard, keys or windows of retention",
}
LOOK_ALIKE = {"LATIN", "GREEK", "CYRILLIC", "ARMENIAN", "CHEROKEE", "COPTIC", "LISU"}
MOST_NAME = 120  # characters
APOSTROPHES = "\N{LEFT SINGLE QUOTATION MARK}\N{RIGHT SINGLE QUOTATION MARK}\N{MODIFIER LETTER APOSTROPHE}\N{PRIME}"


@dataclass(frozen=True)
class Identity:
    """A person as something trusted told of them, never as they said themselves."""

    name: str
    source: Source  # who vouches: the machine's user, the JupyterHub, a proxy before us


@dataclass(frozen=True)
class Roster:
    """The people with their roles, by normalised name; empty: nobody was ever named."""

    people: Mapping[str, frozenset[str]] = field(default_factory=dict)
    named: bool = True  # somebody was named once, even if everybody has left since

    @classmethod
    def of(cls, entries: Iterable[Entry]) -> Roster:
        """The people that the entries `people.changed` lead to; the newest of a person counts."""
        people: dict[str, frozenset[str]] = {}
        named = False
        for entry in entries:
            if entry.kind == CHANGED:
                people[normal(str(entry.body["person"]))] = frozenset(entry.body["roles"])
                named = True
        return cls({name: roles for name, roles in people.items() if roles}, named)

    def roles(self, name: str) -> frozenset[str]:
        """The roles of a person; all four where nobody was ever named."""
        return self.people.get(normal(name), frozenset()) if self.named else frozenset(RIGHTS)

    def holds(self, name: str, role: str) -> bool:
        """Whether a person has a role; where nobody was ever named, everybody has every role."""
        return not self.named or role in self.roles(name)

    def may(self, name: str, right: Right) -> bool:
        """Whether a person may do something; the machine itself may ask for moves."""
        if normal(name) == MACHINE:
            return right in {"look", "ask"}
        return any(right in RIGHTS.get(role, OTHER) for role in self.roles(name))

    def check(self, name: str, right: Right) -> None:
        """Refuse what a person may not do.

        Raises:
            Misuse: They may not; the message says who may.
        """
        if self.may(name, right):
            return
        roles = sorted(self.roles(name))
        may = sorted(person for person in self.people if self.may(person, right))
        raise Misuse(
            f"{name} may not {TOLD[right]}: {_has(roles)}",
            hint=f"who may: {', '.join(may)}" if may else "an admin gives roles: workbench people add NAME --role …",
        )


@lru_cache(maxsize=4096)
def normal(name: str) -> str:
    r"""A name in the one spelling in which two names are the same person.

    >>> normal("  Analyst\u00a0One ") == normal("analyst one")
    True
    >>> normal("First\u2010Officer") == normal("first-officer")  # two hyphens that look alike
    True
    """
    folded = unicodedata.normalize("NFKC", unicodedata.normalize("NFKD", name).casefold())
    folded = unicodedata.normalize("NFKC", folded.casefold())  # what was taken apart may fold once more
    return " ".join("".join(map(_plain, folded)).split())


def _plain(character: str) -> str:
    """The hyphen and the apostrophe of a keyboard, for those that look like them."""
    if unicodedata.category(character) == "Pd" or character == "\N{MINUS SIGN}":
        return "-"
    return "'" if character in APOSTROPHES else character


def person_named(name: str) -> str:
    """A name that can be a person's, as it was given but for the blanks around it.

    Letters of two alphabets in one name, and characters that leave no ink, make two persons look like one.

    Raises:
        Misuse: It is empty, too long, not printable, of two alphabets, or the machine's own.
    """
    kept = name.strip()
    if not kept or len(kept) > MOST_NAME or not kept.isprintable():
        raise Misuse(f"{name[:MOST_NAME]!r} is no name; it needs 1 to {MOST_NAME} printable characters")
    if unseen := sorted({character for character in kept if _leaves_no_ink(character)}):
        raise Misuse(f"{kept!a} is no name: nobody sees {', '.join(map(ascii, unseen))} in it")
    if len(mixed := _alphabets(kept)) > 1:
        raise Misuse(
            f"{kept!a} is no name: it mixes letters that look alike, {' and '.join(mixed)}",
            hint="write it in one alphabet",
        )
    if normal(kept) == MACHINE:
        raise Misuse(f"{kept!r} is what the machine calls itself", hint="act as a person: another user name")
    return kept


def _leaves_no_ink(character: str) -> bool:
    name = unicodedata.name(character, "")
    return any(word in name for word in ("VARIATION SELECTOR", "FILLER", "GRAPHEME JOINER", "BLANK", "INVISIBLE"))


def _alphabets(name: str) -> list[str]:
    """The alphabets, of those whose letters look alike, in which a name is written."""
    words = {unicodedata.name(letter, "").partition(" ")[0] for letter in unicodedata.normalize("NFKC", name)}
    return sorted(words & LOOK_ALIKE)


def roles_named(roles: Iterable[str]) -> list[str]:
    """Roles that can be given, sorted; the four, or one of a workspace's own that a policy asks for.

    Raises:
        Misuse: One is no role.
    """
    for role in roles:
        if not ROLE.fullmatch(role):
            raise Misuse(
                f"{role!r} is no role; it needs lower-case letters, digits and hyphens",
                hint=f"one of {', '.join(RIGHTS)}, or one that a policy names, e.g. risk-officer",
            )
    return sorted(set(roles))


def _has(roles: list[str]) -> str:
    return f"the roles are {', '.join(roles)}" if roles else "no role was given"
