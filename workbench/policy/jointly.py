r"""Two policies in one: what both say to an input, with the rules that they share evaluated once.

The text of the one stands as it is; of the other stand beside it, under names of their own, only the rules that
differ and those that read them, whatever is between. Denials that both state are one set that either adds its own to.
Where a text is not plain (`rules`), or nothing much is shared, and where the two in one give an error, each is asked
on its own, so that an error of one is never taken for one of the other.

>>> names = ("f1", "run", "author", "actor", "why", "data_digest", "notebook", "purpose", "kind")
>>> old = Policy.parse("p", "package p\nlow := 0.8\nallow if deny == set()\n"
... "deny contains \"its F1 is too low\" if input.f1 < low\n"
... + "".join(f"deny contains \"its {name} is not known\" if not input.{name}\n" for name in names))
>>> both = joined(old, Policy.parse("p", old.source.replace("0.8", "0.9")))
>>> print("\n".join(line for line in both.split("\n") if line.startswith(("low_too", "allow_too"))))
low_too := 0.9
allow_too if deny_too == set()
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from workbench.ledger import digest
from workbench.policy.deciding import RULES, Engine, Ruling, decided
from workbench.policy.decision import Decision
from workbench.policy.many import answered, rulings_each
from workbench.policy.rules import Keys, Rules, differing
from workbench.policy.source import Policy
from workbench.policy.statements import TEXT, renamed

WORTH = 0.95  # of the statements of both: two in one that come to more save nothing
STEP = 1000  # inputs after which those that gave an error together are asked alone
NAME_OR_TEXT = re.compile(rf"{TEXT.pattern}|(?<![\w.])[A-Za-z_]\w*")
WHOLE = ("people",)  # the rule by which two policies in one tell all that they say


def decide_both(
    engine: Engine,
    old: Policy,
    new: Policy,
    documents: Sequence[Mapping[str, Any]],
    known: Sequence[tuple[Ruling | None, Ruling | None]] = (),
) -> Iterator[tuple[Decision, Decision]]:
    """What two policies say to each of many inputs.

    Args:
        engine: What evaluates Rego.
        old: A policy.
        new: Another one.
        documents: The inputs, plain JSON.
        known: Rulings that need not be asked for, by input; None where one has to be.

    Raises:
        ValueError: One is no JSON.
    """
    known = known or [(None, None)] * len(documents)
    of_old = [document for document, (before, after) in zip(documents, known, strict=True) if not before and after]
    of_new = [document for document, (before, after) in zip(documents, known, strict=True) if before and not after]
    of_both = [document for document, said in zip(documents, known, strict=True) if said == (None, None)]
    asked_old, asked_new = (
        rulings_each(engine, [(policy.source, policy.package)], some) for policy, some in ((old, of_old), (new, of_new))
    )
    asked_both = rulings_of_both(engine, old, new, of_both)
    for document, (before, after) in zip(documents, known, strict=True):
        one, other = (before, after) if before or after else next(asked_both)
        (one,) = (one,) if one else next(asked_old)
        (other,) = (other,) if other else next(asked_new)
        its = digest(document)
        yield decided(one, old, document, its), decided(other, new, document, its)


def joined(old: Policy, new: Policy) -> str | None:
    """One policy by whose answer both can be told; None where each has to be asked on its own."""
    was, will = Rules(old), Rules(new)
    denials = [rule for rules in (was, will) for rule in rules.of.get("deny", ())]
    if not (was.plain and will.plain) or was.head != will.head or not all(rule.in_a_set for rule in denials):
        return None
    unlike, ending = _unlike(was, will), _free(was, will)
    before = {"people": f"people{ending}_before"}  # by `WHOLE` all is told
    after = before | {name: f"{name}{ending}" for name in unlike}
    shared, one = f"deny{ending}_shared", f"one{ending}"
    both = {
        rule.alike
        for rule in was.of.get("deny", ())
        if "deny" in unlike and not rule.reads(unlike) and will.texts("deny")[rule.alike]
    }
    text = list(was.head)
    for rule in (rule for rules in was.of.values() for rule in rules):
        is_shared = rule.said.name == "deny" and rule.alike in both
        text.append(_named(renamed(rule.said, shared) if is_shared else rule.said.text, before))
    own = [rule for name in unlike for rule in will.of.get(name, ()) if name != "deny" or rule.alike not in both]
    text += [_named(rule.said.text, after) for rule in own]
    if both:
        text += [f"{name} contains {one} if some {one} in {shared}" for name in ("deny", after["deny"])]
    sides = ((was, before), (will, after))
    told = [_value(names.get(name, name), name in side.of) for side, names in sides for name in RULES]
    text.append(f"people := [{', '.join(told)}]")
    many = sum(len(rules) for side in (was, will) for rules in side.of.values())
    return "\n".join(text) if len(text) <= WORTH * many else None


def _unlike(was: Rules, will: Rules) -> dict[str, Keys]:
    """The rules that differ, and those that read them, whatever is between."""
    unlike = differing(was, will)
    known = [(name, rule) for side in (was, will) for name, rules in side.of.items() for rule in rules]
    while reading := {name for name, rule in known if rule.reads(unlike)} - {n for n in unlike if unlike[n] is None}:
        unlike.update(dict.fromkeys(reading))
    return unlike


def _free(was: Rules, will: Rules) -> str:
    """An ending that no name of either has."""
    rules = [rule for side in (was, will) for some in side.of.values() for rule in some]
    names = {word for rule in rules for word, _ in rule.words} | was.of.keys() | will.of.keys()
    ending = "_too"
    while any(ending in name for name in names):
        ending += "o"
    return ending


def _named(text: str, names: Mapping[str, str]) -> str:
    """A statement in which some rules have other names."""
    return NAME_OR_TEXT.sub(lambda found: names.get(found[0], found[0]), text)


def _value(name: str, there: bool) -> str:
    return f"[value | value := {name}]" if there else "[]"


def rulings_of_both(
    engine: Engine, old: Policy, new: Policy, documents: Sequence[Mapping[str, Any]]
) -> Iterator[tuple[Ruling, ...]]:
    """What an engine makes of many inputs by each of two policies, unjudged.

    Args:
        engine: What evaluates Rego.
        old: A policy.
        new: Another one, of the same package.
        documents: The inputs, plain JSON.

    Raises:
        ValueError: One is no JSON.
    """
    alone = [(policy.source, policy.package) for policy in (old, new)]
    together = joined(old, new) if answered(engine, (old, new), documents) else None
    for start in range(0, len(documents), STEP):
        some = documents[start : start + STEP]
        found = list[tuple[Ruling, Ruling] | None]([None] * len(some))
        if together is not None:
            found = [_both(ruling) for (ruling,) in rulings_each(engine, [(together, old.package)], some, WHOLE)]
        again = rulings_each(engine, alone, [one for one, said in zip(some, found, strict=True) if said is None])
        yield from (said or next(again) for said in found)
        if not any(found):
            together = None


def _both(ruling: Ruling) -> tuple[Ruling, Ruling] | None:
    """What each of two policies in one says; None where that is not known."""
    told = ruling.people
    if ruling.error is not None or not isinstance(told, list) or len(told) != 2 * len(RULES):
        return None
    values = [found[0] if found else None for found in told]
    before, after = (
        Ruling(allow, tuple(deny or ()), people=people) for allow, deny, people in (values[:3], values[3:])
    )
    return before, after
