"""The child process in which policies are evaluated; imports nothing of ours.

It answers one question after another: from stdin a line with a list of policies, each its text, its package and
the rules that are asked for, and a line with the input, both JSON; to the descriptor that was stdout a line with a
list, for each policy the values of its rules or its error. The input is read once for all of them. A policy is
compiled at its first question and kept, each on its own, because what an evaluation costs grows with all that is
compiled together; an empty line in the place of policies asks the last ones again. The process has an empty
environment, leaves no core file, writes no more than a little to disk, ends with its parent, and is the first to
go when the machine's memory runs short. A limit on memory would stop every policy, because the interpreter
reserves 256 GB of addresses at once; so a thread watches what is really used, and ends the process in time. A
policy that crashes, loops or eats memory takes nothing else with it.
"""

import contextlib
import json
import os
import re
import sys
import threading
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

MEMORY = 1 << 30  # bytes the process may use
TOO_MUCH = 77  # exit code of a policy that needed more
GLANCE = 0.02  # seconds between two looks at the memory
WRITES = 1 << 20  # bytes that may be written to a file
KEPT = 16  # compiled policies
SAME = b"\n"  # the policies of the question before
RULES = ("allow", "deny", "people")
ERROR = re.compile(r"\(errormsg \d+:(.*?)\)\s*\n", re.DOTALL)

Answer = dict[str, Any]


def main() -> None:
    """Answer questions until there are no more."""
    answer_to = os.dup(1)
    os.dup2(2, 1)  # the interpreter prints its parse errors; they must not mix with the answer
    with contextlib.suppress(OSError):
        Path("/proc/self/oom_score_adj").write_text("1000")
    with contextlib.suppress(ImportError):  # no such thing on Windows
        import resource

        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
        resource.setrlimit(resource.RLIMIT_FSIZE, (WRITES, WRITES))
        threading.Thread(target=watch, daemon=True).start()
    questions, rules, asked = sys.stdin.buffer, Rules(), b""
    with os.fdopen(answer_to, "wb") as answers:
        while line := questions.readline():
            asked = asked if line == SAME else line
            document = questions.readline().decode()
            answers.write(json.dumps(rules.ask(asked, document)).encode() + b"\n")
            answers.flush()


def watch() -> None:
    """End the process when it uses too much memory; where the system does not tell, it is not watched."""
    page = os.sysconf("SC_PAGE_SIZE")
    # not `ru_maxrss`: after a spawn that one begins with the parent's memory
    with contextlib.suppress(OSError), Path("/proc/self/statm").open("rb", buffering=0) as statm:
        while int(statm.read().split()[1]) * page < MEMORY:
            time.sleep(GLANCE)
            statm.seek(0)
        os._exit(TOO_MUCH)


class Rules:
    """The policies that were asked, ready to be asked again."""

    def __init__(self) -> None:
        from regopy import Interpreter

        self._asker = Interpreter()  # reads the input, and runs what others compiled
        self._asker.strict_built_in_errors = True
        self._known: dict[bytes, list[Compiled]] = {}

    def ask(self, policies: bytes, document: str) -> list[Answer]:
        """What each of some policies says to one input; those that were asked before are not compiled again."""
        from regopy.rego_shared import RegoError

        compiled = self._known.pop(policies, None) or [Compiled(*policy) for policy in json.loads(policies)]
        self._known[policies] = compiled  # the last asked stands last
        if len(self._known) > KEPT:
            del self._known[next(iter(self._known))]
        try:
            # as a term: `set_input` rounds numbers to six decimals, wraps integers at 64 bits, and leaves
            # the quotes of a text unescaped in the answer
            self._asker.set_input_term(document)
        except RegoError as error:
            return [one.error or {"error": str(error)} for one in compiled]
        return [one.answer(self._asker) for one in compiled]


class Compiled:
    """A policy ready to be run."""

    def __init__(self, source: str, package: str, rules: Sequence[str]) -> None:
        from regopy import Interpreter
        from regopy.rego_shared import RegoError

        self.error: Answer | None = None
        self._rules = set(rules)
        rego = Interpreter()
        rego.strict_built_in_errors = True
        query = "; ".join(  # a comprehension is empty where the rule is undefined
            f"{rule} = [value | value = data.{package}.{rule}]" for rule in rules
        )
        try:
            rego.add_module("policy", source)
            self._bundle = rego.build(query)
            if not self._bundle.ok():  # built again, as a query it says why
                self.error = {"error": _complaint(str(rego.query(query)))}
        except RegoError as error:
            self.error = {"error": str(error)}

    def answer(self, asker: Any) -> Answer:
        """The values of the rules, by an interpreter that has read the input; an undefined one is left out."""
        from regopy.rego_shared import RegoError

        if self.error is not None:
            return self.error
        try:
            text = str(asker.query_bundle(self._bundle))
            if text == "undefined":
                return {}
            found = json.loads(text, object_pairs_hook=_once)["bindings"]
            if set(found) != self._rules or any(len(values) > 1 for values in found.values()):
                return {"error": "the interpreter's answer cannot be read (it has more than was asked)"}
            return {rule: values[0] for rule, values in found.items() if values}
        except RegoError as error:
            return {"error": str(error)}
        except json.JSONDecodeError as error:
            return {"error": _complaint(error.doc)}
        except (KeyError, TypeError, RecursionError) as error:
            return {"error": f"the interpreter's answer cannot be read ({type(error).__name__})"}


def evaluate(source: str, package: str, document: Any, rules: Sequence[str] = RULES) -> Answer:
    """The answer to one question, in this process."""
    question = json.dumps([[source, package, rules]]).encode()
    (answer,) = Rules().ask(question, json.dumps(document, ensure_ascii=False, allow_nan=False))
    return answer


def _complaint(text: str) -> str:
    """What the interpreter says where its answer should be."""
    if text == "<error>":
        return "a rule has two values at once, or a built-in was given what it cannot take"
    told = [" ".join(message.split()) for message in ERROR.findall(text)]
    return "; ".join(told) or (
        "the interpreter's answer cannot be read (it is no JSON); where sprintf is given a text that concat made, "
        "or a default text of object.get, join them by concat or name a default rule"
    )


def _once(pairs: list[tuple[str, Any]]) -> Answer:
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
