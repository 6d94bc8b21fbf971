r"""What in a policy's text would let a model pass that nobody looked at.

A policy fails open where a missing input makes a rule undefined instead of a denial. These signs are
read from the text; they are advice to the writer, not a proof.

>>> rules = "allow if count(deny) == 0\ndeny contains 1 if input.f1 < 0.8"
>>> print("\n".join(lint(Policy.parse("p", f"package p\n{rules}"))))
allow has no default: write "default allow := false"
no rule asks for evidence that is missing: where input.f1 is not there, its rule is silent and allow holds
"""

from __future__ import annotations

import re

from workbench.policy.source import Policy, without_comments

ALLOWS = re.compile(r"^[ \t]*allow\b", re.MULTILINE)
DEFAULT = re.compile(r"^[ \t]*default[ \t]+allow[ \t]*(?::=|=)[ \t]*(\w+)", re.MULTILINE)
PLAIN = re.compile(
    r"^[ \t]*allow[ \t]*(?::=|=)", re.MULTILINE
)  # no default beside it: Rego takes two values for an error
DENIES = re.compile(r"^[ \t]*deny\b", re.MULTILINE)
ASKS = re.compile(r"\bnot[ \t]+(?:input\b|\w+\(|some\b|is_\w+\()")
FIELD = r"input(?:[.\[][\w.\[\]\"]*)+"
NEGATED = re.compile(  # not f(input.x), not input.x > 1, not input.x in {…}
    rf"\bnot[ \t]+(?:(?!object\.get\b)[\w.]+\([ \t]*({FIELD})|({FIELD})[ \t]*(?:<|>|in\b))"
)
COMPARED = re.compile(r"\b(input(?:\.\w+)+)\s*(?:<=|<|>=|>)")


def lint(policy: Policy) -> tuple[str, ...]:
    """Sentences about where a policy may fail open; none where no sign of it was found."""
    code = without_comments(policy.source)
    advice = []
    default = DEFAULT.search(code)
    if not ALLOWS.search(code) and default is None:
        advice.append("there is no rule allow: everything is denied, whatever deny says")
    elif default is not None and default.group(1) != "false":
        advice.append(f'allow is {default.group(1)} by default: write "default allow := false"')
    elif default is None and not PLAIN.search(code):
        advice.append('allow has no default: write "default allow := false"')
    if DENIES.search(code) and not ASKS.search(code):
        compared = COMPARED.search(code)
        field = compared.group(1) if compared else "what they test"
        advice.append(
            f"no rule asks for evidence that is missing: where {field} is not there, its rule is silent and allow holds"
        )
    for negated in NEGATED.finditer(code):
        field, line = negated[1] or negated[2], code.count("\n", 0, negated.start()) + 1
        advice.append(
            f"line {line}: to OPA, this negation is silent where {field} is not there: "
            f"take it by object.get(input, …, null), or ask in a rule of its own"
        )
    return tuple(advice)
