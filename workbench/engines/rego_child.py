"""The child process in which a policy is evaluated; imports nothing of ours.

Reads one JSON object from stdin (source, package, document), writes one to the descriptor that was
stdout (allow, deny, error). It runs with an empty environment and marks itself as the first to go
when memory runs short (the interpreter reserves its address space at once, so that a limit on memory
would stop every policy), so that one that crashes, loops or eats memory takes nothing else with it.
"""

import contextlib
import json
import os
import sys
from pathlib import Path
from typing import Any


def main() -> None:
    """Answer one question."""
    answer_to = os.dup(1)
    os.dup2(2, 1)  # the interpreter prints its parse errors; they must not mix with the answer
    with contextlib.suppress(OSError):
        Path("/proc/self/oom_score_adj").write_text("1000")
    question = json.load(sys.stdin)
    with os.fdopen(answer_to, "w", encoding="utf-8") as answer:
        json.dump(evaluate(question["source"], question["package"], question["document"]), answer)


def evaluate(source: str, package: str, document: Any) -> dict[str, Any]:
    """The values of `allow` and `deny`; an undefined one is left out."""
    from regopy import Interpreter
    from regopy.rego_shared import RegoError

    try:
        rego = Interpreter()
        rego.strict_built_in_errors = True
        rego.add_module("policy", source)
        # as a term: `set_input` rounds numbers to six decimals, wraps integers at 64 bits, and leaves
        # the quotes of a text unescaped in the answer
        rego.set_input_term(json.dumps(document, ensure_ascii=False, allow_nan=False))
        answer: dict[str, Any] = {}
        for rule in ("allow", "deny"):
            text = str(rego.query(f"value = data.{package}.{rule}"))
            if text != "undefined":
                answer[rule] = json.loads(text, object_pairs_hook=_once)["bindings"]["value"]
    except RegoError as error:
        return {"error": str(error)}
    except (json.JSONDecodeError, KeyError, TypeError) as error:
        return {"error": f"the interpreter's answer cannot be read ({type(error).__name__})"}
    return answer


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """An object of the answer.

    Raises:
        KeyError: A key comes twice; it was put there by a text that broke out of its quotes.
    """
    found = dict(pairs)
    if len(found) != len(pairs):
        raise KeyError("a key comes twice")
    return found


if __name__ == "__main__":
    main()
