"""Policies changed a little, in the ways in which people change them and in some in which nobody would."""

import re

from workbench.policy import Policy
from workbench.policy.statements import statements

OPERATORS = {"<": "<=", "<=": "<", ">": ">=", ">=": "<", "==": "!=", "!=": "==", "not ": "", "some ": "some "}


def changed(source, rng):
    """A policy's text with one of its statements gone, doubled, moved or said a little otherwise."""
    known = statements(source)
    literal = [each for each in known if ":= {" in each.text and not each.is_function]
    one = rng.choice(literal if literal and rng.random() < 0.3 else known)
    code = "\n".join([f"package {Policy.parse('p', source).package}", *(each.text for each in known)])
    way = rng.choice(("gone", "number", "number", "operator", "word", "line", "doubled", "renamed", "name", "blank"))
    text = one.text
    if way == "gone":
        text = ""
    elif way == "number":
        at = list(re.finditer(r"(?<![\w.%])\d+(?:\.\d+)?\b|\b(?:true|false)\b", text))
        if at:
            found = rng.choice(at)
            told = {"true": "false", "false": "true"}.get(found[0])
            told = told or str(round(float(found[0]) * rng.choice((0.1, 0.5, 1.04, 1.1, 20)), 4))
            text = text[: found.start()] + told + text[found.end() :]
    elif way == "operator":
        at = list(re.finditer(r"<=|>=|==|!=|<|>|not ", text))
        if at:
            found = rng.choice(at)
            text = text[: found.start()] + OPERATORS[found[0]] + text[found.end() :]
    elif way == "word":
        words = re.findall(r'"[\w ]+"', text)
        text = text.replace(rng.choice(words), '"changed"') if words else text
    elif way == "line":
        rows = text.split("\n")
        if len(rows) > 3:
            del rows[rng.randrange(1, len(rows) - 1)]
        text = "\n".join(rows)
    elif way == "doubled":
        text = f"{text}\n{text.replace('input.', 'input.evidence.', 1)}"
    elif way == "renamed":
        return re.sub(rf"(?<![\w.\"]){one.name}(?![\w\"])", f"{one.name}_too", code)
    elif way == "name":
        text = re.sub(rf"(?<![\w.\"]){rng.choice(known).name}(?![\w\"])", rng.choice(known).name, text)
    else:
        text = text.replace(" ", "  ") + " # said again"
    return code.replace(one.text, text, 1)


def shaken(document, rng):
    """The document with some of its values lost, replaced or taken from elsewhere in it."""
    odd = [None, True, "", "x", -1, 0, 1e9, [], {}, [{"by": "x"}], {"low": 1}, 0.5]

    def shake(value):
        roll = rng.random()
        if roll < 0.03:
            return rng.choice(odd)
        if isinstance(value, dict):
            return {name: shake(below) for name, below in value.items() if rng.random() > 0.03}
        return [shake(one) for one in value] if isinstance(value, list) else value

    return {name: shake(below) for name, below in document.items() if rng.random() > 0.03}
