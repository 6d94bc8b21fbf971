r"""Which inputs two policies can judge differently, found by asking only the rules whose text differs.

Two policies mostly share nearly all of their rules. Where every rule that differs comes to the same value on an
input, so does every rule that builds on it, and both policies judge that input alike, whatever the shared rules say
to it. So each policy is cut down to the rules that differ and what those read, and only the inputs on which the two
parts do not say the same are judged further: where one part denies, so does its policy, and the other alone is asked;
else both are. A constant object counts key by key: a changed `limits.measures` is a
change of the rules that read it, and of no others. A function that differs is one of the rules that call it.

Nothing is claimed where a text is not plain (`rules`) or makes objects whose keys are no texts, or where what differs
is `allow` or `people`, or reads them or `deny`: then every input is judged in full, and so is one on which a part
gives an error.

>>> old = Policy.parse("p", "package p\nlimits := {\"f1\": 0.8, \"age\": 3}\n"
... "default allow := false\nallow if deny == set()\n"
... "deny contains \"old\" if input.age > limits.age\ndeny contains \"low\" if input.f1 < limits.f1\n"
... "deny contains \"nothing is known of its age\" if not input.age\n"
... "deny contains \"nothing is known of its F1\" if not input.f1\n")
>>> before, after = parts(old, Policy.parse("p", old.source.replace("0.8", "0.9")))
>>> print(after.source.partition("allow :=")[0])
package p
limits := {"f1": 0.9}
deny contains "low" if input.f1 < limits.f1
<BLANKLINE>
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from workbench.policy.deciding import RULES, Engine, Ruling
from workbench.policy.jointly import rulings_of_both
from workbench.policy.many import answered
from workbench.policy.rules import Keys, Rules, differing
from workbench.policy.source import Policy
from workbench.policy.statements import TEXT

WORTH = 0.6  # a part of more than this share of its policy's text saves nothing
TRIED = 100  # inputs after which the parts are not asked on if they told all of them apart
KEY_NO_TEXT = re.compile(r'[^\s"][ \t\r\n]*:(?!=)')


def apart(
    engine: Engine, old: Policy, new: Policy, documents: Sequence[Mapping[str, Any]]
) -> Iterator[tuple[Ruling | None, Ruling | None] | None]:
    """What is known of two policies' rulings on each input before either is asked in full.

    None: they come to the same outcome. Else what each comes to, as far as it is known: a denial where its part
    denies and that of the other does not. Its reasons are all that there are, unless the other policy denies, too.

    Args:
        engine: What evaluates Rego.
        old: A policy.
        new: Another one.
        documents: The inputs, plain JSON.
    """
    both = parts(old, new)
    if both is None or not answered(engine, (old, new), documents):
        yield from ((None, None) for _ in documents)
        return
    tried = [_known(*said) for said in rulings_of_both(engine, *both, documents[:TRIED])]
    yield from tried
    if all(known is not None for known in tried):  # so it will be with the others, and asking them costs time
        yield from ((None, None) for _ in documents[TRIED:])
        return
    yield from (_known(*said) for said in rulings_of_both(engine, *both, documents[TRIED:]))


def parts(old: Policy, new: Policy) -> tuple[Policy, Policy] | None:
    """What tells two policies apart, each asked as a policy is; None where only the whole ones do."""
    was, will = Rules(old), Rules(new)
    if not (was.plain and will.plain) or was.head != will.head or old.comparisons() != new.comparisons():
        return None
    unlike, asked = _unlike(was, will)
    if not unlike.keys().isdisjoint(RULES) or {"allow", "people"} & asked:
        return None
    texts = [_part(rules, other, unlike, asked) for rules, other in ((was, will), (will, was))]
    worth = all(len(text or "") <= WORTH * len(policy.source) for text, policy in zip(texts, (old, new), strict=True))
    if not texts[0] or not texts[1] or not worth:
        return None
    return Policy.parse(old.name, texts[0]), Policy.parse(new.name, texts[1])


def _unlike(was: Rules, will: Rules) -> tuple[dict[str, Keys], set[str]]:
    """The names that make each statement that reads them one that differs, and the rules whose values must be asked."""
    found, functions = differing(was, will), was.functions | will.functions
    both = {name for name, keys in found.items() if keys is None and name in was.of and name in will.of} - functions
    asked = {name for name in both if not (was.is_literal(name) and will.is_literal(name))}
    unlike = {name: keys for name, keys in found.items() if name not in asked}
    while True:
        reading = {
            rule.said.name for side in (was, will) for rules in side.of.values() for rule in rules if rule.reads(unlike)
        }
        called = (reading & functions) - set(unlike)
        asked |= reading - functions - set(unlike)
        if not called:
            return unlike, asked
        unlike.update(dict.fromkeys(called))


def _part(own: Rules, other: Rules, unlike: Mapping[str, Keys], asked: set[str]) -> str | None:
    """A policy cut down to what differs and what that reads; None where that takes in what a policy is asked for."""
    denials = [rule for rule in own.of.get("deny", ()) if rule.reads(unlike) or not other.texts("deny")[rule.alike]]
    values = sorted(asked - {"deny"})
    needed = own.needed([*denials, *(rule for name in values for rule in own.of[name])]) | set(values)
    if not needed.isdisjoint(RULES) or not all(rule.in_a_set for rule in denials):
        return None
    readers = [*denials, *(rule for name in needed for rule in own.of[name])]
    kept = [own.text(name, () if name in values else readers) for name in own.of if name in needed]
    kept += [rule.said.text for rule in denials]
    if any(KEY_NO_TEXT.search(TEXT.sub('""', text)) for text in kept):
        return None
    told = ", ".join(f'"{name}": [value | value := {name}]' for name in values)
    # as text, in which 1, 1.0 and true are three, and sets are no lists
    return "\n".join([*own.head, *kept, f'allow := sprintf("%v", [{{{told}}}])'])


def _known(before: Ruling, after: Ruling) -> tuple[Ruling | None, Ruling | None] | None:
    """What follows from what two parts say."""
    if before.error is not None or after.error is not None:
        return None, None
    if before.deny and after.deny:
        return None
    if before.deny or after.deny:
        return (Ruling(None, before.deny), None) if before.deny else (None, Ruling(None, after.deny))
    return None if isinstance(before.allow, str) and before.allow == after.allow else (None, None)
