"""The child process in which a policy is evaluated; imports nothing of ours.

Reads one JSON object from stdin (source, package, document), writes one to the descriptor that was
stdout (allow, deny, people, error). It runs with an empty environment, leaves no core file, and is the first to
go when the machine's memory runs short. A limit on memory would stop every policy, because the
interpreter reserves 256 GB of addresses at once; so a thread watches what is really used, and ends the
process in time. A policy that crashes, loops or eats memory takes nothing else with it.
"""

import contextlib
import json
import os
import re
import sys
import threading
import time
from pathlib import Path
from typing import Any

MEMORY = 1 << 30  # bytes the process may use
TOO_MUCH = 77  # exit code of a policy that needed more
GLANCE = 0.02  # seconds between two looks at the memory
ERROR = re.compile(r"\(errormsg \d+:(.*?)\)\s*\n", re.DOTALL)


def main() -> None:
    """Answer one question."""
    answer_to = os.dup(1)
    os.dup2(2, 1)  # the interpreter prints its parse errors; they must not mix with the answer
    with contextlib.suppress(OSError):
        Path("/proc/self/oom_score_adj").write_text("1000")
    with contextlib.suppress(ImportError):  # no such thing on Windows
        import resource

        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
        threading.Thread(target=watch, daemon=True).start()
    question = json.load(sys.stdin)
    with os.fdopen(answer_to, "w", encoding="utf-8") as answer:
        json.dump(evaluate(question["source"], question["package"], question["document"]), answer)


def watch() -> None:
    """End the process when it uses too much memory; where the system does not tell, it is not watched."""
    page = os.sysconf("SC_PAGE_SIZE")
    # not `ru_maxrss`: after a spawn that one begins with the parent's memory
    with contextlib.suppress(OSError), Path("/proc/self/statm").open("rb", buffering=0) as statm:
        while int(statm.read().split()[1]) * page < MEMORY:
            time.sleep(GLANCE)
            statm.seek(0)
        os._exit(TOO_MUCH)


def evaluate(source: str, package: str, document: Any) -> dict[str, Any]:
    """The values of `allow`, `deny` and `people`; an undefined one is left out."""
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
        for rule in ("allow", "deny", "people"):
            text = str(rego.query(f"value = data.{package}.{rule}"))
            if text != "undefined":
                answer[rule] = json.loads(text, object_pairs_hook=_once)["bindings"]["value"]
    except RegoError as error:
        return {"error": str(error)}
    except json.JSONDecodeError as error:
        return {"error": _complaint(error.doc)}
    except (KeyError, TypeError) as error:
        return {"error": f"the interpreter's answer cannot be read ({type(error).__name__})"}
    return answer


def _complaint(text: str) -> str:
    """What the interpreter says where its answer should be."""
    if text == "<error>":
        return "a rule has two values at once, or a built-in was given what it cannot take"
    told = [" ".join(message.split()) for message in ERROR.findall(text)]
    return "; ".join(told) or "the interpreter's answer cannot be read (it is no JSON)"


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
